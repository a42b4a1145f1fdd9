//! One file a verb, or a family of small ones: its arguments, and what it does.

mod archive;
mod attach;
mod build;
mod compose;
mod container;
mod context;
mod cp;
pub(crate) mod daemon;
mod df;
mod diff;
mod events;
mod exec;
mod export;
mod image;
mod images;
mod inspect;
mod login;
mod logs;
mod network;
mod port;
pub(crate) mod program;
mod prune;
mod ps;
mod registry;
mod run;
mod stats;
mod system;
mod top;
mod update;
mod verbs;
mod volume;

use clap::Subcommand;

use crate::error::Outcome;
use crate::settings::Settings;

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    #[command(flatten)]
    ContainerVerb(verbs::ContainerVerb),
    /// List containers
    #[command(visible_alias = "list")]
    #[command(after_help = "\
Examples:
  sprat ps -a
  sprat ps -f status=exited --format \"table {{.Names}}\\t{{.Status}}\"")]
    Ps(ps::PsArgs),
    /// Show details of containers, images, networks or volumes
    #[command(after_help = "\
Examples:
  sprat inspect web
  sprat inspect -f '{{.State.ExitCode}}' job")]
    Inspect(inspect::InspectArgs),
    /// Show what happens, as it happens
    #[command(after_help = "Example: sprat events --since 10m --filter event=die")]
    Events(events::EventsArgs),
    #[command(flatten)]
    ImageVerb(verbs::ImageVerb),
    /// List images
    #[command(after_help = "\
Examples:
  sprat images
  sprat images --format \"{{.Repository}}:{{.Tag}} {{.Size}}\"")]
    Images(images::ImagesArgs),
    /// Remove images
    #[command(after_help = "Example: sprat rmi app:1")]
    Rmi(image::RmiArgs),
    /// Log in to a registry
    #[command(after_help = "\
Examples:
  sprat login registry.example.com
  sprat login -u ann --password-stdin registry.example.com < password")]
    Login(login::LoginArgs),
    /// Log out from a registry
    #[command(after_help = "Example: sprat logout registry.example.com")]
    Logout(login::LogoutArgs),
    /// Show the versions of client and daemon
    #[command(after_help = "Example: sprat version -f '{{.Server.Version}}'")]
    Version(system::FormatArgs),
    /// Show facts about the installation
    #[command(after_help = "Example: sprat info -f json")]
    Info(system::FormatArgs),
    /// Manage containers
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  sprat container ls -a
  sprat container prune")]
    Container(verbs::ContainerCommand),
    /// Manage images
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  sprat image ls
  sprat image prune -a")]
    Image(verbs::ImageCommand),
    /// Manage volumes
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  sprat volume create notes
  sprat run -v notes:/notes editor")]
    Volume(volume::VolumeCommand),
    /// Manage networks
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  sprat network create front
  sprat run -d --network front --name web server")]
    Network(network::NetworkCommand),
    /// List the ports that a container publishes
    #[command(after_help = "\
Examples:
  sprat port web
  sprat port web 80")]
    Port(port::PortArgs),
    /// Write a context of docker's, so that `docker context use sprat` leads here
    #[command(after_help = "\
Examples:
  sprat context && docker context use sprat
  sprat context --use")]
    Context(context::ContextArgs),
    /// Run Compose projects
    Compose(Box<compose::ComposeArgs>),
    /// Look into wasm programs
    #[command(subcommand)]
    #[command(after_help = "Example: sprat program inspect tool.wasm")]
    Program(program::ProgramCommand),
    /// Facts, disk use, events and clean-up
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  sprat system df -v
  sprat system prune")]
    System(system::SystemCommand),
    /// Run the daemon, or stop it
    Daemon(daemon::DaemonArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example: sprat completion bash > /etc/bash_completion.d/sprat")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    #[command(after_help = "Example: sprat man > /usr/local/share/man/man1/sprat.1")]
    Man,
}

/// Runs a verb.
pub(crate) async fn dispatch(settings: &Settings, command: Command) -> Outcome {
    match command {
        Command::Daemon(args) => daemon::run(settings, args).await,
        Command::Completion { shell } => Ok(crate::man::completion(shell)),
        Command::Man => crate::man::page(),
        Command::Logout(args) => login::logout(args),
        Command::Context(args) => context::run(settings, args),
        Command::Compose(args) => compose::run(settings, *args).await,
        command => ask_daemon(&settings.client().await?, command).await,
    }
}

/// The verbs that need a daemon.
async fn ask_daemon(client: &crate::client::Client, command: Command) -> Outcome {
    match command {
        Command::ContainerVerb(verb) => verb.run(client).await,
        Command::Ps(args) => ps::run(client, args).await,
        Command::Inspect(args) => inspect::any(client, args).await,
        Command::Events(args) => events::run(client, args).await,
        Command::ImageVerb(verb) => verb.run(client).await,
        Command::Images(args) => images::run(client, args).await,
        Command::Rmi(args) => image::remove(client, args).await,
        Command::Login(args) => login::login(client, args).await,
        Command::Version(args) => system::version(client, args).await,
        Command::Info(args) => system::info(client, args).await,
        Command::Container(command) => command.run(client).await,
        Command::Image(command) => command.run(client).await,
        Command::Volume(command) => volume::run(client, command).await,
        Command::Network(command) => network::run(client, command).await,
        Command::Port(args) => port::run(client, args).await,
        Command::Program(command) => program::run(client, command).await,
        Command::System(command) => system::run(client, command).await,
        Command::Daemon(_)
        | Command::Completion { .. }
        | Command::Context(_)
        | Command::Man
        | Command::Logout(_)
        | Command::Compose(_) => Ok(0),
    }
}
