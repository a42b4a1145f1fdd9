//! The list of images, and giving them names.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use sprat_docker_api::{ApiVersion, Filters, ImageSummary, parse_time};
use sprat_engine::{Image, Reference};

use crate::docker::build::reference;
use crate::docker::disk_usage::Layers;
use crate::docker::params::{Params, Version};
use crate::docker::{ApiError, Door};

const FILTERS: [&str; 8] = ["dangling", "label", "label!", "before", "since", "reference", "until", "containers"];

pub(super) async fn list(
    State(door): State<Arc<Door>>,
    Version(version): Version,
    params: Params,
) -> Result<Json<Vec<ImageSummary>>, ApiError> {
    let filters = params.filters()?.only(&FILTERS)?;
    let bounds = Bounds::read(&door, &filters)?;
    let mut patterns = filters.get("reference").to_vec();
    // Before 1.25 a name was given in `filter`.
    patterns.extend(params.text("filter").map(str::to_owned));
    let named = |image: &Image| image.tags.iter().chain(&image.repo_digests).any(|name| is_named(name, &patterns));
    let wanted = |image: &Image| {
        bounds.allow(image) && filters.matches_labels(&image.config.labels) && (patterns.is_empty() || named(image))
    };
    let images = door.engine.images()?;
    // Docker Engine API 1.42.
    let layers = params.flag("shared-size").then(|| Layers::of(images.iter().map(|(image, _)| &**image)));
    let render = |(image, _): &(Arc<Image>, usize)| {
        let mut summary = summary(image, None, version);
        if !patterns.is_empty() {
            // Other names of the image were not asked for.
            let asked = |names: &[Reference]| {
                names.iter().filter(|name| is_named(name, &patterns)).map(Reference::familiar).collect()
            };
            (summary.repo_tags, summary.repo_digests) = (asked(&image.tags), asked(&image.repo_digests));
        }
        if let Some(layers) = &layers {
            summary.shared_size = i64::try_from(layers.shared(image)).unwrap_or(i64::MAX);
        }
        summary
    };
    Ok(Json(images.iter().filter(|(image, _)| wanted(image)).map(render).collect()))
}

/// Limits on time and on having a name.
struct Bounds {
    dangling: Option<bool>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Bounds {
    fn read(door: &Door, filters: &Filters) -> Result<Self, ApiError> {
        let created = |key| -> Result<Option<Timestamp>, ApiError> {
            let Some(name) = filters.get(key).first() else { return Ok(None) };
            Ok(Some(door.engine.image(name)?.created.unwrap_or(Timestamp::UNIX_EPOCH)))
        };
        let until = match filters.get("until").first() {
            Some(text) => parse_time(text, Timestamp::now())?,
            None => None,
        };
        let before = created("before")?;
        let before = before.into_iter().chain(until).min();
        Ok(Self { dangling: filters.get_bool("dangling")?, after: created("since")?, before })
    }

    fn allow(&self, image: &Image) -> bool {
        let created = image.created.unwrap_or(Timestamp::UNIX_EPOCH);
        self.dangling.is_none_or(|dangling| dangling == image.tags.is_empty())
            && self.after.is_none_or(|after| created > after)
            && self.before.is_none_or(|before| created < before)
    }
}

/// Docker's patterns: `*` and `?` within a path segment, matched against the familiar name with and without its tag.
fn is_named(name: &Reference, patterns: &[String]) -> bool {
    let forms = [name.familiar(), name.familiar_name(), name.to_string()];
    patterns.iter().any(|pattern| forms.iter().any(|form| glob(pattern.as_bytes(), form.as_bytes())))
}

/// `*` and `?` match all but a slash. Linear in the product of the lengths at worst.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut rest_pattern, mut rest_text) = (pattern, text);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest_pattern.split_first(), rest_text.split_first()) {
            (None, None) => return true,
            (Some((b'*', after)), _) => {
                star = Some((after, rest_text));
                rest_pattern = after;
                continue;
            }
            (Some((want, after)), Some((have, left))) if want == have || (*want == b'?' && *have != b'/') => {
                (rest_pattern, rest_text) = (after, left);
                continue;
            }
            _ => {}
        }
        // Let the last star take one more byte.
        match star.and_then(|(after, from)| from.split_first().map(|(byte, left)| (after, *byte, left))) {
            Some((after, byte, left)) if byte != b'/' => {
                star = Some((after, left));
                (rest_pattern, rest_text) = (after, left);
            }
            _ => return false,
        }
    }
}

/// One image as the list shows it; `users` are the containers of it, which only `system df` counts.
pub(in crate::docker) fn summary(image: &Image, users: Option<usize>, version: ApiVersion) -> ImageSummary {
    let mut repo_tags = familiar(&image.tags);
    let mut repo_digests = familiar(&image.repo_digests);
    // Older clients leave an image without names out if it has not this one.
    if !version.at_least(43) && repo_tags.is_empty() && repo_digests.is_empty() {
        repo_tags.push("<none>:<none>".to_owned());
        repo_digests.push("<none>@<none>".to_owned());
    }
    ImageSummary {
        id: image.id.to_string(),
        parent_id: String::new(),
        repo_tags,
        repo_digests,
        created: image.created.map_or(0, Timestamp::as_second),
        size: image.size,
        virtual_size: (!version.at_least(44)).then_some(image.size),
        shared_size: -1,
        labels: image.config.labels.clone(),
        containers: users.map_or(-1, |users| i64::try_from(users).unwrap_or(i64::MAX)),
    }
}

/// Names as users write them.
pub(super) fn familiar(names: &[Reference]) -> Vec<String> {
    names.iter().map(Reference::familiar).collect()
}

/// `POST /images/NAME/tag?repo=&tag=`.
pub(super) fn tag(door: &Door, name: &str, params: &Params) -> Result<StatusCode, ApiError> {
    let target = named(params.text("repo").unwrap_or_default(), params.text("tag"))?;
    door.engine.tag(name, &target.or_latest())?;
    Ok(StatusCode::CREATED)
}

/// A name given as repository and tag (or digest).
pub(super) fn named(repository: &str, tag: Option<&str>) -> Result<Reference, ApiError> {
    match tag {
        Some(digest) if digest.contains(':') => reference(&format!("{repository}@{digest}")),
        Some(tag) => reference(&format!("{repository}:{tag}")),
        None => reference(repository),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_within_segments() {
        for (pattern, name, matches) in [
            ("hello", "hello", true),
            ("hel*", "hello:latest", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("*:1?", "x:12", true),
            ("h*o", "hellox", false),
            ("", "x", false),
            ("a*b*c", "aXbYbZc", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), name.as_bytes()), matches, "{pattern} {name}");
        }
        assert!(!glob(&b"*a".repeat(30), &[b'a'; 29]));
    }
}
