//! What a commit changes of a container's configuration: a configuration of the request's own, then Dockerfile lines.

use std::collections::{BTreeMap, BTreeSet};

use sprat_image::dockerfile::apply_changes;
use sprat_image::{Healthcheck, ImageConfig};

use crate::record::Settled;
use crate::{ContainerSpec, EngineError};

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

/// Applies the lines that `commit --change` takes.
///
/// # Errors
/// A line is not understood.
pub(crate) fn apply(config: &mut ImageConfig, lines: &[String]) -> Result<(), EngineError> {
    apply_changes(config, lines).map_err(|error| EngineError::Invalid(error.to_string()))?;
    config.stop_signal.iter().try_for_each(|signal| crate::signal::Signal::parse(signal).map(drop))
}

/// Puts what was asked for over a container's configuration, as docker merges them: lists of names grow, the rest is replaced
/// where it is not empty, and an entry point drops the command.
pub(crate) fn overlay(config: &mut ImageConfig, asked: &ImageConfig) {
    let name = |line: &str| line.split_once('=').map_or(line, |(name, _)| name).to_owned();
    let named: BTreeSet<String> = asked.env.iter().map(|line| name(line)).collect();
    let kept = config.env.drain(..).filter(|line| !named.contains(&name(line)));
    config.env = asked.env.iter().cloned().chain(kept.collect::<Vec<_>>()).collect();
    config.labels.extend(asked.labels.clone());
    config.exposed_ports.extend(asked.exposed_ports.iter().cloned());
    config.volumes.extend(asked.volumes.iter().cloned());
    let full = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
    if let Some(entrypoint) = full(&asked.entrypoint) {
        config.entrypoint = Some(entrypoint);
        config.cmd = None;
    }
    config.cmd = full(&asked.cmd).or(config.cmd.take());
    for (own, asked) in [(&mut config.user, &asked.user), (&mut config.working_dir, &asked.working_dir)] {
        if !asked.is_empty() {
            own.clone_from(asked);
        }
    }
    config.stop_signal = asked.stop_signal.clone().or(config.stop_signal.take());
    config.healthcheck = either_check(asked.healthcheck.clone(), config.healthcheck.take());
    config.shell = asked.shell.clone().or(config.shell.take());
    config.on_build.extend(asked.on_build.iter().cloned());
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

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn changes_apply_and_unknown_ones_are_refused() {
        let mut config = ImageConfig { env: list(&["A=1"]), working_dir: "/srv".to_owned(), ..ImageConfig::default() };
        let lines = ["ENV A=2", "cmd [\"x\", \"y\"]", "EXPOSE 80 53/udp", "LABEL a=\"b c\"", "WORKDIR data", "USER 5"];
        apply(&mut config, &list(&lines)).unwrap();
        assert_eq!(config.env, ["A=2"]);
        assert_eq!(config.cmd, Some(list(&["x", "y"])));
        assert!(config.exposed_ports.contains("80/tcp") && config.exposed_ports.contains("53/udp"));
        assert_eq!((config.labels["a"].as_str(), config.working_dir.as_str()), ("b c", "/srv/data"));
        for line in ["RUN x", "ENV", "STOPSIGNAL nope", "FROM x"] {
            assert!(apply(&mut config.clone(), &list(&[line])).is_err(), "{line}");
        }
    }

    #[test]
    fn a_configuration_goes_over_the_containers() {
        let mut config = ImageConfig {
            env: list(&["A=1", "B=2"]),
            entrypoint: Some(list(&["/old"])),
            cmd: Some(list(&["old"])),
            user: "5".to_owned(),
            ..ImageConfig::default()
        };
        overlay(&mut config, &ImageConfig::default());
        assert_eq!((config.cmd.clone(), config.user.as_str()), (Some(list(&["old"])), "5"));
        let asked = ImageConfig {
            env: list(&["B=3", "C=4"]),
            entrypoint: Some(list(&["/new"])),
            exposed_ports: ["1/tcp".to_owned()].into(),
            ..ImageConfig::default()
        };
        overlay(&mut config, &asked);
        assert_eq!(config.env, ["B=3", "C=4", "A=1"]);
        assert_eq!((config.entrypoint, config.cmd), (Some(list(&["/new"])), None));
        assert!(config.exposed_ports.contains("1/tcp") && config.user == "5");
    }
}
