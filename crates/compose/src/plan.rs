//! What is to be done so that a service's containers are as the project says. Decided here, done by the caller.

use std::collections::BTreeMap;

use crate::error::{Code, ComposeError};
use crate::project::{Project, Service};
use crate::request::Surroundings;

/// A container that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its number within its service.
    pub number: u32,
    /// It runs, also if it is paused.
    pub running: bool,
    /// The hash of what it was made from.
    pub hash: String,
    /// The id of its image.
    pub image: String,
}

/// When a container is made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When what it was made from has changed.
    #[default]
    Changed,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Remove it: there are too many.
    Remove(Existing),
    /// Make it anew.
    Recreate(Existing),
    /// Make one more, of this number.
    Create(u32),
    /// It stays; it may have to be started.
    Keep(Existing),
}

/// The steps for one service. `image` is the id of the image that it should have, if that is known.
#[must_use]
pub fn converge(
    mut existing: Vec<Existing>,
    wanted: u32,
    hash: &str,
    image: &str,
    recreate: Recreate,
    shared_changed: bool,
) -> Vec<Step> {
    let changed = |c: &Existing| match recreate {
        Recreate::Always => true,
        Recreate::Never => false,
        Recreate::Changed => {
            c.hash != hash || (!image.is_empty() && !c.image.is_empty() && c.image != image) || shared_changed
        }
    };
    // Those that are out of date go first, then those with the highest numbers.
    existing.sort_by_key(|c| (changed(c), c.number));
    let mut next = existing.iter().map(|c| c.number).max().unwrap_or_default();
    let kept = existing.len().min(wanted as usize);
    let surplus = existing.split_off(kept);
    let mut steps: Vec<_> = surplus.into_iter().map(Step::Remove).collect();
    existing.sort_by_key(|c| c.number);
    let missing = (wanted as usize).saturating_sub(existing.len());
    steps.extend(existing.into_iter().map(|c| if changed(&c) { Step::Recreate(c) } else { Step::Keep(c) }));
    for _ in 0..missing {
        next += 1;
        steps.push(Step::Create(next));
    }
    steps
}

/// Contents of the configs and secrets of a project that are no files of the user's, by `configs/NAME` and `secrets/NAME`.
/// The caller writes them to files that only the user can read, and mounts those.
///
/// # Errors
/// If a variable is not set, or a source would be the daemon's.
pub fn written_files(project: &Project) -> Result<BTreeMap<String, String>, ComposeError> {
    let mut files = BTreeMap::new();
    for (kind, sources) in [("configs", &project.configs), ("secrets", &project.secrets)] {
        for (name, source) in sources.iter().filter(|(_, source)| source.file.is_none()) {
            let path = format!("{kind}.{name}");
            let text = match (&source.content, &source.environment) {
                (Some(content), _) => content.clone(),
                (None, Some(variable)) => project.environment.get(variable).cloned().ok_or_else(|| {
                    let what = format!("environment variable {variable:?} is required and not set");
                    ComposeError::new(Code::Value, what).at(&path).fix(format!("set {variable}"))
                })?,
                (None, None) => {
                    return Err(ComposeError::new(Code::Value, "the daemon keeps no configs and secrets of its own")
                        .at(path)
                        .fix("give it a file, a variable, or its content"));
                }
            };
            files.insert(format!("{kind}/{name}"), text);
        }
    }
    Ok(files)
}

/// What a container's body needs, for a new one.
#[must_use]
pub fn surroundings(project: &Project, service: &Service, number: u32, image_id: &str) -> Surroundings {
    Surroundings {
        number,
        name: service.container_name(&project.name, number),
        image: service.image_name(&project.name),
        image_id: image_id.to_owned(),
        ..Surroundings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(number: u32, hash: &str) -> Existing {
        Existing { id: number.to_string(), number, hash: hash.into(), image: "i".into(), ..Existing::default() }
    }

    fn shown(steps: &[Step]) -> Vec<String> {
        let one = |step: &Step| match step {
            Step::Remove(c) => format!("remove {}", c.number),
            Step::Recreate(c) => format!("recreate {}", c.number),
            Step::Create(n) => format!("create {n}"),
            Step::Keep(c) => format!("keep {}", c.number),
        };
        steps.iter().map(one).collect()
    }

    #[test]
    fn only_what_changed_is_made_anew() {
        let plan = |wanted, recreate| {
            shown(&converge(vec![there(1, "old"), there(2, "h"), there(3, "h")], wanted, "h", "i", recreate, false))
        };
        assert_eq!(plan(3, Recreate::Changed), ["recreate 1", "keep 2", "keep 3"]);
        assert_eq!(plan(2, Recreate::Changed), ["remove 1", "keep 2", "keep 3"]);
        assert_eq!(plan(1, Recreate::Changed), ["remove 3", "remove 1", "keep 2"]);
        assert_eq!(plan(4, Recreate::Never), ["keep 1", "keep 2", "keep 3", "create 4"]);
        assert_eq!(plan(0, Recreate::Changed).len(), 3);
        assert_eq!(plan(2, Recreate::Always), ["remove 3", "recreate 1", "recreate 2"]);
    }

    #[test]
    fn another_image_and_a_new_shared_namespace_count_as_changes() {
        let one = || vec![there(1, "h")];
        assert_eq!(shown(&converge(one(), 1, "h", "j", Recreate::Changed, false)), ["recreate 1"]);
        assert_eq!(shown(&converge(one(), 1, "h", "", Recreate::Changed, false)), ["keep 1"]);
        assert_eq!(shown(&converge(one(), 1, "h", "i", Recreate::Changed, true)), ["recreate 1"]);
        assert_eq!(shown(&converge(Vec::new(), 2, "h", "i", Recreate::Changed, false)), ["create 1", "create 2"]);
    }
}
