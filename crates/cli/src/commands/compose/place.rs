//! [`Place`]: the daemon, and which project is meant.

use sprat_compose::{Choice, Project};

use super::containers::{self, Container};
use super::disk;
use crate::client::Client;
use crate::error::CliError;

/// The daemon, and which project is meant.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub client: Client,
    pub choice: Choice,
}

/// A project, as far as it is needed by what is done with containers that are there already.
#[derive(Debug)]
pub(super) struct Known {
    pub name: String,
    /// What its files say; nothing if it was named and there are none.
    pub project: Option<Project>,
}

impl Place {
    /// Reads the project; services that are named count whatever their profiles.
    pub(super) fn load(&self, services: &[String]) -> Result<Project, CliError> {
        let choice = Choice { services: services.to_vec(), ..self.choice.clone() };
        disk::load(&choice)
    }

    /// The project by its files, or by name alone where there are none.
    pub(super) fn known(&self) -> Result<Known, CliError> {
        let request = disk::request(&self.choice)?;
        if request.files.is_empty()
            && let Some(name) = request.name
        {
            return Ok(Known { name, project: None });
        }
        // Whatever has a profile may be there as well.
        let mut choice = self.choice.clone();
        if choice.profiles.is_empty() {
            choice.profiles.push("*".into());
        }
        let project = disk::load(&choice)?;
        Ok(Known { name: project.name.clone(), project: Some(project) })
    }

    /// The containers of these services, or of all; without those of `run` unless they are asked for.
    pub(super) async fn containers(
        &self,
        known: &Known,
        services: &[String],
        one_off: bool,
    ) -> Result<Vec<Container>, CliError> {
        if let Some(project) = &known.project {
            for name in services {
                project.service(name)?;
            }
        }
        let mut all = containers::of_project(&self.client, &known.name).await?;
        all.retain(|c| (one_off || !c.one_off) && (services.is_empty() || services.contains(&c.service)));
        Ok(all)
    }
}
