//! `sprat compose config` and `version`: what needs no daemon.

use clap::Args;
use serde_json::{Value, json};
use sprat_compose::{Choice, Project, escaped, hash, labels, to_yaml};

use super::disk;
use crate::error::{CliError, Outcome};

/// `sprat compose config`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose config
  sprat compose config --services
  sprat compose -f a.yaml -f b.yaml config --format json")]
pub(crate) struct ConfigArgs {
    /// yaml or json
    #[arg(long, default_value = "yaml", value_parser = ["yaml", "json"])]
    pub format: String,
    /// Only the names of services
    #[arg(long)]
    pub services: bool,
    /// Only the names of volumes
    #[arg(long)]
    pub volumes: bool,
    /// Only the names of networks
    #[arg(long)]
    pub networks: bool,
    /// Only the names of profiles
    #[arg(long)]
    pub profiles: bool,
    /// Only the names of images
    #[arg(long)]
    pub images: bool,
    /// Only the variables that are known
    #[arg(long)]
    pub environment: bool,
    /// Only the hash of a service, or of all: *
    #[arg(long, value_name = "SERVICE")]
    pub hash: Option<String>,
    /// Only check
    #[arg(short, long)]
    pub quiet: bool,
    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<std::path::PathBuf>,
    /// Don't escape dollar signs
    #[arg(long)]
    pub no_interpolate: bool,
    /// Services, with what they depend on; all if none is named
    #[arg(value_name = "SERVICE")]
    pub names: Vec<String>,
}

/// `sprat compose version`
#[derive(Debug, Args)]
#[command(after_help = "Example: sprat compose version --short")]
pub(crate) struct VersionArgs {
    /// Only the number
    #[arg(long)]
    pub short: bool,
    /// pretty or json
    #[arg(short, long, default_value = "pretty", value_parser = ["pretty", "json"])]
    pub format: String,
}

/// `sprat compose config`
pub(super) fn run(mut choice: Choice, args: &ConfigArgs) -> Outcome {
    if args.no_interpolate {
        return Err(CliError::new("--no-interpolate is not available").fix("read the files themselves"));
    }
    choice.services.clone_from(&args.names);
    if args.profiles {
        choice.profiles = vec!["*".into()];
    }
    let project = disk::load(&choice)?;
    let wanted = project.with_dependencies(&args.names)?;
    if args.quiet {
        return Ok(0);
    }
    let Some(text) = names(&project, args)? else {
        let mut model = escaped(&project.model);
        if let Some(Value::Object(services)) = model.get_mut("services") {
            services.retain(|name, _| wanted.contains(name));
        }
        let text = if args.format == "json" { serde_json::to_string_pretty(&model)? + "\n" } else { to_yaml(&model) };
        match &args.output {
            Some(file) => std::fs::write(file, text)?,
            None => out!("{text}"),
        }
        return Ok(0);
    };
    out!("{text}");
    Ok(0)
}

/// Lines of names, if only some are asked for.
fn names(project: &Project, args: &ConfigArgs) -> Result<Option<String>, CliError> {
    let lines: Vec<String> = if args.services {
        sprat_compose::sorted(&project.services)?
    } else if args.volumes {
        project.volumes.keys().cloned().collect()
    } else if args.networks {
        project.networks.keys().cloned().collect()
    } else if args.images {
        project.services.values().map(|service| service.image_name(&project.name)).collect()
    } else if args.environment {
        project.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
    } else if args.profiles {
        let of = |service: &sprat_compose::Service| service.config.get("profiles").cloned().unwrap_or_default();
        let all = project.services.values().flat_map(|s| of(s).as_array().cloned().unwrap_or_default());
        let all: std::collections::BTreeSet<_> = all.filter_map(|p| p.as_str().map(str::to_owned)).collect();
        all.into_iter().collect()
    } else if let Some(service) = &args.hash {
        let named = if service == "*" { Vec::new() } else { service.split(',').map(str::to_owned).collect() };
        project.named(&named)?.into_iter().map(|s| format!("{} {}", s.name, hash::service(s))).collect()
    } else {
        return Ok(None);
    };
    Ok(Some(lines.into_iter().map(|line| line + "\n").collect()))
}

/// `sprat compose version`
pub(super) fn version(args: &VersionArgs) -> u8 {
    let (own, followed) = (env!("CARGO_PKG_VERSION"), labels::COMPOSE_VERSION);
    if args.short {
        outln!("{followed}");
    } else if args.format == "json" {
        outln!("{}", json!({ "version": followed, "sprat": own }));
    } else {
        outln!("Sprat {own}, following Docker Compose version {followed}");
    }
    0
}
