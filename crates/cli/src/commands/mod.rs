//! One file a verb, or a family of small ones.

mod attach;
mod build;
mod container;
mod daemon;
mod events;
mod image;
mod inspect;
mod list;
mod login;
mod logs;
pub(crate) mod program;
mod prune;
mod run;
mod system;
mod transfer;
mod volume;

use crate::args::{Command, ContainerCommand, ImageCommand, ProgramCommand, SystemCommand, VolumeCommand};
use crate::error::Outcome;
use crate::settings::Settings;

/// Runs a verb.
pub(crate) async fn dispatch(settings: &Settings, command: Command) -> Outcome {
    match command {
        Command::Daemon(args) => return daemon::run(settings, args).await,
        Command::Completion { shell } => return Ok(crate::man::completion(shell)),
        Command::Man => return crate::man::page(),
        Command::Logout { server } => return login::logout(server),
        _ => {}
    }
    let client = &settings.client().await?;
    match command {
        Command::Run(args) => run::run(client, args).await,
        Command::Create(args) => run::create(client, args).await,
        Command::Start(args) => container::start(client, args).await,
        Command::Stop(args) => container::stop(client, args).await,
        Command::Restart(args) => container::restart(client, args).await,
        Command::Kill(args) => container::kill(client, args).await,
        Command::Wait(args) => container::wait(client, args).await,
        Command::Rm(args) | Command::Container(ContainerCommand::Rm(args)) => container::remove(client, args).await,
        Command::Rename { container, name } => container::rename(client, &container, &name).await,
        Command::Pause(args) => container::pause(client, args).await,
        Command::Unpause(args) => container::unpause(client, args).await,
        Command::Attach(args) => attach::run(client, args).await,
        Command::Logs(args) => logs::run(client, args).await,
        Command::Ps(args) | Command::Container(ContainerCommand::Ls(args)) => list::containers(client, args).await,
        Command::Inspect(args) => inspect::any(client, args).await,
        Command::Container(ContainerCommand::Inspect(args)) => inspect::kind(client, args, "container").await,
        Command::Image(ImageCommand::Inspect(args)) => inspect::kind(client, args, "image").await,
        Command::Volume(VolumeCommand::Inspect(args)) => inspect::kind(client, args, "volume").await,
        Command::Events(args) | Command::System(SystemCommand::Events(args)) => events::run(client, args).await,
        Command::Build(args) => build::run(client, args).await,
        Command::Images(args) | Command::Image(ImageCommand::Ls(args)) => list::images(client, args).await,
        Command::Tag { source, target } => image::tag(client, &source, &target).await,
        Command::Rmi(args) | Command::Image(ImageCommand::Rm(args)) => image::remove(client, args).await,
        Command::Save(args) => transfer::save(client, args).await,
        Command::Load(args) => transfer::load(client, args).await,
        Command::Import(args) => transfer::import(client, args).await,
        Command::Commit(args) => image::commit(client, args).await,
        Command::Pull(args) => transfer::pull(client, args).await,
        Command::Push(args) => transfer::push(client, args).await,
        Command::Login(args) => login::login(client, args).await,
        Command::History(args) | Command::Image(ImageCommand::History(args)) => image::history(client, args).await,
        Command::Version(args) => system::version(client, args).await,
        Command::Info(args) | Command::System(SystemCommand::Info(args)) => system::info(client, args).await,
        Command::Container(ContainerCommand::Prune(args)) => prune::containers(client, args).await,
        Command::Image(ImageCommand::Prune(args)) => prune::images(client, args).await,
        Command::Volume(VolumeCommand::Prune(args)) => prune::volumes(client, args).await,
        Command::System(SystemCommand::Prune(args)) => prune::system(client, args).await,
        Command::Volume(VolumeCommand::Create { label, name }) => volume::create(client, name, &label).await,
        Command::Volume(VolumeCommand::Ls { quiet, format }) => volume::list(client, quiet, format).await,
        Command::Volume(VolumeCommand::Rm { force, volumes }) => volume::remove(client, force, &volumes).await,
        Command::Program(ProgramCommand::Inspect { format, program }) => {
            program::inspect(client, format, &program).await
        }
        Command::Daemon(_) | Command::Completion { .. } | Command::Man | Command::Logout { .. } => Ok(0),
    }
}
