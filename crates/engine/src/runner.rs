//! Runs the RUN steps of builds: each as a transient guest in a worker of its own, which can write the step's folder alone.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sprat_image::Tree;
use sprat_image::build::{RunStep, Runner};
use sprat_program::Artifact;
use sprat_sandbox::{FilesSpec, ProgramSpec, Spec};
use sprat_worker::StartRequest;

use crate::core::{Core, blocking};
use crate::facts::{ImageData, ImageFacts};
use crate::gate::{self, Candidate};
use crate::locate::{self, Wanted, clean};
use crate::placement::WorkerKind;
use crate::steps::StepPlace;
use crate::user::Accounts;
use crate::within::Looked;
use crate::{ContainerSpec, EngineError, settle};

/// What runs RUN in shell form.
const SHELLS: [&str; 2] = ["/bin/sh", "sh"];

/// Runs RUN steps.
#[derive(Debug)]
pub(crate) struct WorkerRunner {
    core: Arc<Core>,
}

impl WorkerRunner {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    async fn step(&self, step: RunStep, output: &(dyn Fn(&[u8]) + Send + Sync)) -> Result<i32, EngineError> {
        let (id, request, facts) = self.request(&step).await?;
        let place = self.core.workers.place(&WorkerKind::Step { upper: step.upper.clone() }).await?;
        let client = place.worker().client.clone();
        let failed = |error: sprat_worker::ClientError| EngineError::Worker(error.to_string());
        let mut attachment = client.attach(&id, false).await.map_err(failed)?;
        let files = request.spec.files.clone();
        let exit = self.core.steps.expect(&place.worker().name, &id, Arc::new(StepPlace { files, facts }));
        client.start(&request, Vec::new()).await.map_err(failed)?;
        // Ends with the guest. If the build is given up this future is dropped, and with its place the worker ends.
        while let Some((_, bytes)) = attachment.output.recv().await {
            output(&bytes);
        }
        let exit = exit.get().await.ok_or_else(|| {
            let name = &place.worker().name;
            EngineError::Worker(format!("worker {name} that ran this step is gone; build again"))
        })?;
        Ok(i32::from(exit.status()))
    }

    async fn request(&self, step: &RunStep) -> Result<(String, StartRequest, Arc<ImageFacts>), EngineError> {
        let facts = Arc::new(ImageFacts::new(ImageData::of_step(step), None));
        let wanted = Wanted {
            name: step.argv.first().cloned().unwrap_or_default(),
            path: settle::path(&step.config.env).to_owned(),
            cwd: clean(&step.config.working_dir),
            mounts: Vec::new(),
            shared: true,
        };
        let (path, artifact) = match locate::prepare(&facts, &self.core.cache, &wanted).await {
            Ok((program, artifact)) => (program.path, artifact),
            Err(EngineError::ProgramNotFound(name)) => (name.clone(), self.lent(name, &wanted).await?),
            Err(error) => return Err(error),
        };
        locate::check_kind(&path, &artifact)?;
        let description = &artifact.description;
        // The permit is the leave to start what follows.
        let _permit = gate::check(&Candidate { program: &description.sha256, image: &facts.data.id })?;
        let user = step.config.user.clone();
        let layers = step.layers.clone();
        let account = blocking(move || {
            let tree = Tree::open(&layers).map_err(|error| EngineError::Worker(error.to_string()))?;
            Accounts::read(&tree).resolve(&user, &[])
        })
        .await?;
        let env = settle::env(&ContainerSpec::default(), &step.config);
        let id = format!("step-{:016x}", rand::random::<u64>());
        tracing::debug!(id, program = path, "running a build step");
        let spec = Spec {
            program: ProgramSpec {
                code: artifact.path.clone(),
                variant: artifact.variant,
                encoding: description.encoding,
                kind: description.kind,
                wasi: description.wasi,
            },
            args: step.argv.clone(),
            env: env.iter().filter_map(|e| e.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            cwd: wanted.cwd,
            files: FilesSpec { layers: step.layers.clone(), upper: step.upper.clone(), ..FilesSpec::default() },
            user: account.ids,
            limits: settle::limits(&ContainerSpec::default(), self.core.config.default_memory),
            tty: false,
            network: <_>::default(),
            service: <_>::default(),
        };
        let request =
            StartRequest { id: id.clone(), spec, log: None, open_stdin: false, stdin_once: false, size: None };
        Ok((id, request, facts))
    }
}

impl WorkerRunner {
    /// A program that the stage does not have, lent by the image `toolbox`.
    async fn lent(&self, name: String, wanted: &Wanted) -> Result<Artifact, EngineError> {
        let looked = Looked { name: name.clone(), path: wanted.path.clone(), cwd: wanted.cwd.clone() };
        self.core.lent(looked).await.map_err(|error| match error {
            EngineError::ProgramNotFound(_) if SHELLS.contains(&name.as_str()) => EngineError::NotACommand(format!(
                "exec: {name:?}: RUN in shell form needs a shell, and this stage has none: build FROM an image that has one, \
                 make the image toolbox (`sprat build -t toolbox images/toolbox`), or write RUN [\"program.wasm\", \"arg\"]"
            )),
            other => other,
        })
    }
}

impl Runner for WorkerRunner {
    fn run<'a>(
        &'a self,
        step: RunStep,
        output: &'a (dyn Fn(&[u8]) + Send + Sync),
    ) -> BoxFuture<'a, Result<i32, String>> {
        Box::pin(async move { self.step(step, output).await.map_err(|error| error.to_string()) })
    }
}
