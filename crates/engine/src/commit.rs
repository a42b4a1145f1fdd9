//! The configuration of an image that is made of a container: what the container runs with, over it what the client sends,
//! and over that its Dockerfile lines.

use std::collections::BTreeMap;

use sprat_image::dockerfile::apply_changes;
use sprat_image::{Healthcheck, ImageConfig};

use crate::record::Settled;
use crate::{CommitRequest, ContainerSpec, EngineError};

/// The configuration that a commit asks for.
///
/// # Errors
/// A Dockerfile line is not understood.
pub(crate) fn config(container: ImageConfig, request: &CommitRequest) -> Result<ImageConfig, EngineError> {
    let mut config = match &request.config {
        Some(asked) => over(asked.clone(), container),
        None => container,
    };
    apply_changes(&mut config, &request.changes).map_err(|error| EngineError::Invalid(error.to_string()))?;
    Ok(config)
}

/// What a container of `image` runs with, as an image's configuration.
pub(crate) fn of_container(
    image: &ImageConfig,
    spec: &ContainerSpec,
    settled: &Settled,
    labels: BTreeMap<String, String>,
) -> ImageConfig {
    let mut config = image.clone();
    config.env.clone_from(&settled.env);
    config.working_dir.clone_from(&settled.working_dir);
    config.user.clone_from(&settled.user);
    config.labels = labels;
    config.exposed_ports.extend(spec.exposed_ports.iter().cloned());
    if let Some(entrypoint) = &spec.entrypoint {
        config.entrypoint = Some(entrypoint.clone());
        // An entry point of the container's own drops the image's command.
        config.cmd = None;
    }
    if let Some(cmd) = &spec.cmd {
        config.cmd = Some(cmd.clone());
    }
    if let Some(signal) = spec.stop_signal.as_ref().filter(|signal| !signal.is_empty()) {
        config.stop_signal = Some(signal.clone());
    }
    config.healthcheck = either_check(spec.healthcheck.clone(), image.healthcheck.clone());
    config
}

/// A configuration over another, as docker merges them: what is left out is the other's.
fn over(asked: ImageConfig, below: ImageConfig) -> ImageConfig {
    let or = |own: String, theirs| if own.is_empty() { theirs } else { own };
    let mut env = asked.env;
    let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    let known: Vec<_> = env.iter().map(|entry| name(entry)).collect();
    env.extend(below.env.into_iter().filter(|entry| !known.contains(&name(entry))));
    let cmd = match (&asked.entrypoint, asked.cmd) {
        // With an entry point of its own, another's command means nothing.
        (Some(words), None) if !words.is_empty() => None,
        (_, own) => own.or(below.cmd),
    };
    ImageConfig {
        user: or(asked.user, below.user),
        env,
        entrypoint: asked.entrypoint.or(below.entrypoint),
        cmd,
        working_dir: or(asked.working_dir, below.working_dir),
        labels: below.labels.into_iter().chain(asked.labels).collect(),
        exposed_ports: below.exposed_ports.into_iter().chain(asked.exposed_ports).collect(),
        volumes: below.volumes.into_iter().chain(asked.volumes).collect(),
        stop_signal: asked.stop_signal.or(below.stop_signal),
        healthcheck: either_check(asked.healthcheck, below.healthcheck),
        on_build: if asked.on_build.is_empty() { below.on_build } else { asked.on_build },
        shell: asked.shell.or(below.shell),
    }
}

/// A check over another, field by field.
fn either_check(own: Option<Healthcheck>, theirs: Option<Healthcheck>) -> Option<Healthcheck> {
    let (own, theirs) = match (own, theirs) {
        (Some(own), Some(theirs)) => (own, theirs),
        (own, theirs) => return own.or(theirs),
    };
    let or = |own: i64, theirs: i64| if own == 0 { theirs } else { own };
    Some(Healthcheck {
        test: if own.test.is_empty() { theirs.test } else { own.test },
        interval: or(own.interval, theirs.interval),
        timeout: or(own.timeout, theirs.timeout),
        start_period: or(own.start_period, theirs.start_period),
        start_interval: or(own.start_interval, theirs.start_interval),
        retries: or(own.retries, theirs.retries),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn request(config: Option<ImageConfig>, changes: &[&str]) -> CommitRequest {
        CommitRequest { config, changes: changes.iter().map(|&line| line.to_owned()).collect(), ..Default::default() }
    }

    #[test]
    fn what_is_sent_goes_over_the_containers_and_lines_over_both() {
        let container = ImageConfig {
            user: "5".to_owned(),
            env: words("PATH=/bin A=1"),
            entrypoint: Some(words("/app")),
            cmd: Some(words("serve")),
            labels: [("a".to_owned(), "1".to_owned())].into(),
            healthcheck: Some(Healthcheck { test: words("CMD /probe"), retries: 2, ..Healthcheck::default() }),
            ..ImageConfig::default()
        };
        assert_eq!(config(container.clone(), &request(Some(ImageConfig::default()), &[])).unwrap(), container);
        let asked = ImageConfig {
            env: words("A=2 B=3"),
            cmd: Some(words("stop")),
            labels: [("b".to_owned(), "2".to_owned())].into(),
            healthcheck: Some(Healthcheck { retries: 9, ..Healthcheck::default() }),
            ..ImageConfig::default()
        };
        let made = config(container.clone(), &request(Some(asked), &["ENV C=4 D=5", "USER 7"])).unwrap();
        assert_eq!(made.env, words("A=2 B=3 PATH=/bin C=4 D=5"));
        assert_eq!((made.entrypoint, made.cmd), (Some(words("/app")), Some(words("stop"))));
        assert_eq!((made.user.as_str(), made.labels.len()), ("7", 2));
        let check = made.healthcheck.unwrap();
        assert_eq!((check.test, check.retries), (words("CMD /probe"), 9));
        let asked = ImageConfig { entrypoint: Some(words("/other")), ..ImageConfig::default() };
        assert_eq!(config(container.clone(), &request(Some(asked), &[])).unwrap().cmd, None);
    }

    #[test]
    fn lines_are_those_of_a_dockerfile() {
        let lines = ["CMD [\"cat\", \"/note\"]", "EXPOSE 80 53/udp", "HEALTHCHECK --retries=4 CMD [\"/probe\"]"];
        let made = config(ImageConfig::default(), &request(None, &lines)).unwrap();
        assert_eq!(made.cmd, Some(words("cat /note")));
        assert_eq!((made.exposed_ports.len(), made.healthcheck.unwrap().retries), (2, 4));
        for line in ["RUN x", "ENV", "STOPSIGNAL nope"] {
            assert!(config(ImageConfig::default(), &request(None, &[line])).is_err(), "{line}");
        }
    }
}
