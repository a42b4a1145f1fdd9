//! The course of a build: stages in order, their steps, then the image.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::context::Context;
use super::error::{BuildError, StepError};
use super::plan::{Base, Origin, Plan, origin};
use super::scope::{Arguments, SOURCE_DATE_EPOCH};
use super::select::Files;
use super::stage::{Session, Stage};
use super::{BuildEvent, BuildOptions, BuildSink, Builder, base, cache::Cache, run};
use crate::dockerfile::{self, Copy, Instruction, Pair, Problem, Step, parse_trigger};
use crate::{Digest, ProgressSink, Store, StoreError};

pub(super) async fn build(
    builder: &Builder,
    context: PathBuf,
    options: BuildOptions,
    events: BuildSink,
    progress: ProgressSink,
) -> Result<Digest, BuildError> {
    let store = Arc::clone(&builder.store);
    let asked = options.clone();
    let session = blocking(move || open(&store, &context, &asked, events)).await??;
    let driver = Driver { builder, session: Arc::new(session), options: &options, progress, done: 0.into() };
    let stage = driver.stages().await?;
    let session = Arc::clone(&driver.session);
    let tags = options.tags.clone();
    let create = move || session.store.create(&stage.config, &stage.layers, &stage.history, &tags);
    let image = blocking(create).await??;
    (driver.session.events)(BuildEvent::Image(image.id.clone()));
    driver.session.say(format!("Successfully built {}\n", image.id.short()));
    for tag in &options.tags {
        driver.session.say(format!("Successfully tagged {}\n", tag.clone().or_latest().familiar()));
    }
    Ok(image.id.clone())
}

/// Runs what blocks on the file system off the async threads.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, BuildError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => {
            let source = std::io::ErrorKind::Interrupted.into();
            BuildError::Store(StoreError::Io { action: "finish the build: it was cancelled".to_owned(), source })
        }
    })
}

/// Reads context and Dockerfile, and plans.
fn open(
    store: &Arc<Store>,
    context: &std::path::Path,
    options: &BuildOptions,
    events: BuildSink,
) -> Result<Session, BuildError> {
    let hold = store.hold_new_layers();
    let mut context = Context::open(store, context, &options.dockerfile)?;
    let arguments = Arguments::new(&context.dockerfile, &options.build_args)
        .map_err(|(line, error)| BuildError::from(Problem::Expand(error).at(line)))?;
    let epoch = epoch(&arguments)?;
    let target = options.target.as_deref();
    let mut plan = Plan::new(&context.dockerfile, target, &arguments)?;
    if let Some(step) = label_step(&options.labels) {
        plan.steps += 1;
        context.dockerfile.stages.get_mut(plan.target).into_iter().for_each(|stage| stage.steps.push(step.clone()));
    }
    plan.steps += context.dockerfile.args.len();
    let cache = Cache::open(store, !options.no_cache)?;
    Ok(Session { store: Arc::clone(store), context, cache, arguments, plan, epoch, events, _hold: hold })
}

fn epoch(arguments: &Arguments) -> Result<Option<Timestamp>, BuildError> {
    let Some(text) = arguments.given(SOURCE_DATE_EPOCH).filter(|text| !text.is_empty()) else { return Ok(None) };
    let time = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(Some).ok_or_else(|| BuildError::Step {
        line: 1,
        message: format!("invalid {SOURCE_DATE_EPOCH} {text:?}: give seconds since 1970"),
    })
}

/// `--label` as one more step, as docker does it. Its values have no variables.
fn label_step(labels: &BTreeMap<String, String>) -> Option<Step> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\"'\"'"));
    let pairs: Vec<Pair> =
        labels.iter().map(|(name, value)| Pair { name: quoted(name), value: quoted(value) }).collect();
    let plain = labels.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
    (!pairs.is_empty()).then(|| Step { line: 0, text: format!("LABEL{plain}"), instruction: Instruction::Label(pairs) })
}

struct Driver<'a> {
    builder: &'a Builder,
    session: Arc<Session>,
    options: &'a BuildOptions,
    progress: ProgressSink,
    /// Steps announced so far.
    done: std::sync::atomic::AtomicUsize,
}

impl Driver<'_> {
    async fn stages(&self) -> Result<Stage, BuildError> {
        let session = &self.session;
        for step in &session.context.dockerfile.args {
            self.announce(&step.text);
        }
        let mut built: BTreeMap<usize, Stage> = BTreeMap::new();
        for index in session.plan.needed.iter().copied() {
            let Some(source) = session.context.dockerfile.stages.get(index) else { continue };
            let stage = self.stage(index, source, &mut built).await?;
            built.insert(index, stage);
        }
        let unused = session.arguments.unused(&session.context.dockerfile);
        if !unused.is_empty() {
            session.say(format!("[Warning] One or more build-args [{}] were not consumed\n", unused.join(" ")));
        }
        built
            .remove(&session.plan.target)
            .ok_or_else(|| BuildError::Dockerfile { line: 1, message: "no stage was built".to_owned() })
    }

    fn announce(&self, text: &str) {
        let number = self.done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        self.session.say(format!("Step {number}/{} : {text}\n", self.session.plan.steps));
    }

    async fn stage(
        &self,
        index: usize,
        source: &dockerfile::Stage,
        built: &mut BTreeMap<usize, Stage>,
    ) -> Result<Stage, BuildError> {
        self.announce(&source.text);
        let mut stage = match self.session.plan.bases.get(index) {
            Some(Base::Image { name, platform }) => {
                let found =
                    base::image(self.builder, name, platform.as_deref(), self.options.pull, &self.progress).await;
                let (image, lease) = found.map_err(|error| error.at(source.line))?;
                self.session.say(format!(" ---> {}\n", image.id.short()));
                Stage::of_image(&image, lease)
            }
            Some(Base::Stage(base)) => {
                let stage = built.get(base).map_or_else(Stage::scratch, Stage::on);
                self.session.say(format!(" ---> {}\n", stage.state.short()));
                stage
            }
            Some(Base::Scratch) | None => {
                self.session.say(" ---> \n".to_owned());
                Stage::scratch()
            }
        };
        self.triggers(index, source.line, &mut stage, built).await?;
        for step in &source.steps {
            self.announce(&step.text);
            self.step(index, step.line, &step.instruction, &mut stage, built).await?;
        }
        Ok(stage)
    }

    /// ONBUILD of the base runs before all other steps, and is not passed on.
    async fn triggers(
        &self,
        index: usize,
        line: usize,
        stage: &mut Stage,
        built: &mut BTreeMap<usize, Stage>,
    ) -> Result<(), BuildError> {
        let triggers = std::mem::take(&mut stage.config.on_build);
        if triggers.is_empty() {
            return Ok(());
        }
        let plural = if triggers.len() == 1 { "" } else { "s" };
        self.session.say(format!("# Executing {} build trigger{plural}\n", triggers.len()));
        for trigger in triggers {
            let escape = self.session.context.dockerfile.escape;
            let instruction = parse_trigger(&trigger, escape, stage.config.shell.is_some()).map_err(|problem| {
                BuildError::Step { line, message: format!("ONBUILD {trigger} of the base image: {problem}") }
            })?;
            self.step(index, line, &instruction, stage, built).await?;
        }
        Ok(())
    }

    async fn step(
        &self,
        index: usize,
        line: usize,
        instruction: &Instruction,
        stage: &mut Stage,
        built: &mut BTreeMap<usize, Stage>,
    ) -> Result<(), BuildError> {
        if let Instruction::Run(command) = instruction {
            return run::step(self.builder, &self.session, stage, command, line).await;
        }
        let from = match instruction {
            Instruction::Copy(copy) => self.files(index, copy, built).await.map_err(|error| error.at(line))?,
            _ => None,
        };
        let session = Arc::clone(&self.session);
        let instruction = instruction.clone();
        let mut next = stage.clone();
        let work = move || next.step(&session, &instruction, from).map(|()| next);
        *stage = blocking(work).await?.map_err(|error| error.at(line))?;
        Ok(())
    }

    /// The files that `--from` names.
    async fn files(
        &self,
        index: usize,
        copy: &Copy,
        built: &mut BTreeMap<usize, Stage>,
    ) -> Result<Option<Files>, StepError> {
        let name = copy.from.clone().unwrap_or_default();
        let origin = origin(&self.session.context.dockerfile, copy, index);
        let (tree, working_dir) = match origin.map_err(|reason| StepError::From { name: name.clone(), reason })? {
            Origin::Context => return Ok(None),
            Origin::Stage(index) => match built.get_mut(&index) {
                Some(stage) => (stage.tree(&self.session.store)?, stage.config.working_dir.clone()),
                // Only a trigger can name a stage that the plan has not seen.
                None => return Err(StepError::From { name, reason: "this stage was not built".to_owned() }),
            },
            Origin::Image(name) => {
                let (image, lease) = base::files(self.builder, &name, self.options.pull, &self.progress).await?;
                let tree = self.session.store.tree(&image)?;
                // Open files stay readable, whatever is collected.
                drop(lease);
                (Arc::new(tree), image.config.working_dir.clone())
            }
        };
        Ok(Some(Files { tree, ignore: None, working_dir }))
    }
}
