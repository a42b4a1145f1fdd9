//! `sprat compose`: Compose projects without Docker's tool. What a project means is worked out in the `compose` room; here it is
//! done, through the daemon. One file a verb.

mod build;
mod config;
mod containers;
mod converge;
mod disk;
mod down;
mod events;
mod exec;
mod files;
mod foreground;
mod hooks;
mod images;
mod life;
mod list;
mod logs;
mod ls;
mod output;
mod place;
mod ready;
mod resources;
mod run;
mod transfer;
mod up;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::place::Place;
use crate::error::{CliError, Outcome};
use crate::settings::Settings;

/// `sprat compose`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat compose up -d                 create and start what ./compose.yaml says
  sprat compose ps
  sprat compose logs -f web
  sprat compose -f a.yaml -f b.yaml config
  sprat compose down -v

docker compose with DOCKER_HOST set to this daemon sees the same projects.")]
pub(crate) struct ComposeArgs {
    /// Compose file; several are merged in their order; - is standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Name of the project
    #[arg(short, long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Enable a profile; * enables all
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// File of variables, instead of .env
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Folder that paths are relative to (default: that of the first Compose file)
    #[arg(long, value_name = "DIR")]
    pub project_directory: Option<PathBuf>,
    /// Docker's flags for how progress looks, which is plain here
    #[arg(long, hide = true)]
    pub progress: Option<String>,
    /// The same
    #[arg(long, hide = true)]
    pub ansi: Option<String>,
    /// The same
    #[arg(long, hide = true)]
    pub parallel: Option<i32>,
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Create and start containers
    Up(Box<up::UpArgs>),
    /// Stop and remove containers and networks
    Down(down::DownArgs),
    /// List containers
    Ps(list::PsArgs),
    /// Show what containers wrote
    Logs(logs::LogsArgs),
    /// Create containers without starting them
    Create(up::CreateArgs),
    /// Start containers that are there
    #[command(after_help = "Example: sprat compose start web")]
    Start(life::Names),
    /// Stop containers
    #[command(after_help = "Example: sprat compose stop -t 3 web")]
    Stop(life::Timed),
    /// Restart containers
    #[command(after_help = "Example: sprat compose restart web")]
    Restart(life::Timed),
    /// Kill containers
    Kill(life::KillArgs),
    /// Remove stopped containers
    Rm(life::RmArgs),
    /// Hold containers
    #[command(after_help = "Example: sprat compose pause web")]
    Pause(life::Names),
    /// Let held containers go on
    #[command(after_help = "Example: sprat compose unpause web")]
    Unpause(life::Names),
    /// Build the images of services
    Build(build::BuildArgs),
    /// Pull the images of services
    Pull(transfer::PullArgs),
    /// Push the images of services
    Push(transfer::PushArgs),
    /// Check the project's files and show what they come to
    #[command(visible_alias = "convert")]
    Config(config::ConfigArgs),
    /// Run a program in a running container
    Exec(exec::ExecArgs),
    /// Run a command of its own in a new container of a service
    Run(Box<run::RunArgs>),
    /// Show the published address of a port
    Port(list::PortArgs),
    /// List the images of containers
    Images(list::ImagesArgs),
    /// List projects
    Ls(ls::LsArgs),
    /// Show the programs that run in containers
    #[command(after_help = "Example: sprat compose top web")]
    Top(life::Names),
    /// Show what happens to containers, as it happens
    Events(events::EventsArgs),
    /// Show the version
    Version(config::VersionArgs),
}

/// `sprat compose …`
pub(crate) async fn run(settings: &Settings, args: ComposeArgs) -> Outcome {
    let ComposeArgs { file, project_name, profile, env_file, project_directory, command, .. } = args;
    let choice = sprat_compose::Choice {
        files: file,
        env_files: env_file,
        folder: project_directory,
        name: project_name,
        profiles: profile,
        services: Vec::new(),
    };
    let place = match command {
        Command::Config(args) => return config::run(choice, &args),
        Command::Version(args) => return Ok(config::version(&args)),
        command => (command, Place { client: settings.client().await?, choice }),
    };
    dispatch(place.0, place.1).await
}

async fn dispatch(command: Command, place: Place) -> Outcome {
    match command {
        Command::Up(args) => up::run(place, *args).await,
        Command::Create(args) => up::create(place, args).await,
        Command::Down(args) => down::run(&place, args).await,
        Command::Ps(args) => list::ps(&place, &args).await,
        Command::Logs(args) => logs::run(&place, args).await,
        Command::Start(args) => life::start(place, args).await,
        Command::Stop(args) => life::stop(&place, args).await,
        Command::Restart(args) => life::restart(&place, args).await,
        Command::Kill(args) => life::kill(&place, args).await,
        Command::Rm(args) => life::rm(&place, args).await,
        Command::Pause(args) => life::each(&place, &args, "pause", "Paused").await,
        Command::Unpause(args) => life::each(&place, &args, "unpause", "Unpaused").await,
        Command::Top(args) => life::top(&place, &args).await,
        Command::Build(args) => build::run(place, args).await,
        Command::Pull(args) => transfer::pull(place, args).await,
        Command::Push(args) => transfer::push(place, args).await,
        Command::Exec(args) => exec::run(&place, args).await,
        Command::Run(args) => run::run(place, *args).await,
        Command::Port(args) => list::port(&place, &args).await,
        Command::Images(args) => list::images(&place, &args).await,
        Command::Ls(args) => ls::run(&place, &args).await,
        Command::Events(args) => events::run(&place, &args).await,
        Command::Config(_) | Command::Version(_) => Ok(0),
    }
}

impl From<sprat_compose::ComposeError> for CliError {
    fn from(error: sprat_compose::ComposeError) -> Self {
        Self::new(error.to_string()).fix(error.fix)
    }
}
