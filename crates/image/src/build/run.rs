//! RUN: a program of the stage runs, and what it wrote becomes a layer.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::driver::blocking;
use super::error::{BuildError, StepError};
use super::output::Output;
use super::stage::{Session, Stage};
use super::{Builder, RunStep, owner};
use crate::dockerfile::{Command, Instruction, argv};
use crate::layer::from_upper;
use crate::{Digest, ImageConfig, Store, StoreError, Tree};

/// Runs `command`, unless the cache knows what it gives.
pub(super) async fn step(
    builder: &Builder,
    session: &Arc<Session>,
    stage: &mut Stage,
    command: &Command,
    line: usize,
) -> Result<(), BuildError> {
    let text = Instruction::Run(command.clone()).to_string();
    let arguments = stage.build_arguments();
    let content: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
    let key = stage.key(&text, &content);
    let record = match stage.cached(session, &key) {
        Some(record) => record,
        None => {
            session.say(format!(" ---> Running in {}\n", key.short()));
            let layer = run(builder, session, stage, command, arguments, line).await?;
            stage.made(session, &key, layer).map_err(|error| error.at(line))?
        }
    };
    stage.finish(session, &key, &text, record);
    Ok(())
}

async fn run(
    builder: &Builder,
    session: &Arc<Session>,
    stage: &mut Stage,
    command: &Command,
    arguments: Vec<String>,
    line: usize,
) -> Result<Option<Digest>, BuildError> {
    let store = Arc::clone(&session.store);
    let tree = stage.tree(&store).map_err(|error| error.at(line))?;
    let aside = store.paths.aside.clone();
    let upper =
        tempfile::tempdir_in(&aside).map_err(|error| StoreError::io("make room for a step in", &aside, error))?;
    let layers: Result<Vec<_>, _> = stage.layers.iter().map(|layer| store.layer_path(layer)).collect();
    let argv = argv(&stage.config, command);
    let shown = argv.join(" ");
    let config = ImageConfig { env: environment(session, stage, arguments), ..stage.config.clone() };
    let step = RunStep { layers: layers?, config, argv, upper: upper.path().to_owned() };
    let output = Output::new(Arc::clone(&session.events));
    let result = builder.runner.run(step, &|bytes| output.write(bytes)).await;
    output.finish();
    match result {
        Ok(0) => {}
        Ok(code) => return Err(StepError::Exit { command: shown, code }.at(line)),
        Err(reason) => return Err(StepError::Start { command: shown, reason }.at(line)),
    }
    let user = stage.config.user.clone();
    blocking(move || keep(&store, &tree, upper.path(), &user)).await?.map_err(|error| error.at(line))
}

fn environment(session: &Session, stage: &Stage, arguments: Vec<String>) -> Vec<String> {
    let set = |name: &str| crate::dockerfile::environment_value(&stage.config.env, name).is_some();
    let proxies = session.arguments.predefined().filter(|(name, _)| !set(name));
    let proxies = proxies.map(|(name, value)| format!("{name}={value}"));
    stage.config.env.iter().cloned().chain(arguments).chain(proxies).collect()
}

/// Makes a layer of what a step wrote, if it wrote anything.
fn keep(store: &Store, tree: &Tree, upper: &Path, user: &str) -> Result<Option<Digest>, StepError> {
    let aside = &store.paths.aside;
    let failed = |error| StoreError::io("keep the files of a step in", aside, error);
    if std::fs::read_dir(upper).map_err(failed)?.next().is_none() {
        return Ok(None);
    }
    let owner = owner::resolve(tree, user)?;
    let mut file = tempfile::tempfile_in(aside).map_err(failed)?;
    let mut buffered = std::io::BufWriter::new(&mut file);
    from_upper(upper, tree, owner, &mut buffered).map_err(|error| StoreError::layer("layer", aside, error))?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    file.rewind().map_err(failed)?;
    Ok(Some(store.add_layer(&mut file)?))
}
