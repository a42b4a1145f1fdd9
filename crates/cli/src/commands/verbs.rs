//! The verbs that docker has twice: alone, and below `container` or `image`.

use clap::Subcommand;

use super::archive::{self, ImportArgs, LoadArgs, SaveArgs};
use super::attach::{self, AttachArgs};
use super::build::{self, BuildArgs};
use super::container::{self, KillArgs, NamesArgs, RenameArgs, RmArgs, StartArgs, StopArgs};
use super::cp::{self, CpArgs};
use super::diff::{self, DiffArgs};
use super::exec::{self, ExecArgs};
use super::export::{self, ExportArgs};
use super::image::{self, CommitArgs, HistoryArgs, RmiArgs, TagArgs};
use super::images::{self, ImagesArgs};
use super::inspect::{self, InspectArgs};
use super::logs::{self, LogsArgs};
use super::port::{self, PortArgs};
use super::prune::{self, ImagePruneArgs, PruneArgs};
use super::ps::{self, PsArgs};
use super::registry::{self, PullArgs, PushArgs};
use super::run::{self, CreateArgs, RunArgs};
use super::stats::{self, StatsArgs};
use super::top::{self, TopArgs};
use super::update::{self, UpdateArgs};
use crate::client::Client;
use crate::error::Outcome;

/// Verbs on containers.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ContainerVerb {
    /// Create and run a container from an image, a .wasm or .wat file, or a source folder
    Run(Box<RunArgs>),
    /// Create a container without starting it
    #[command(after_help = "Example: sprat create --name web -v pages:/pages server")]
    Create(Box<CreateArgs>),
    /// Start stopped containers
    #[command(after_help = "\
Examples:
  sprat start web
  sprat start -ai editor        with our standard input and output")]
    Start(StartArgs),
    /// Stop running containers
    #[command(after_help = "\
Examples:
  sprat stop web
  sprat stop -t 0 web worker    at once")]
    Stop(StopArgs),
    /// Restart containers
    #[command(after_help = "Example: sprat restart web")]
    Restart(StopArgs),
    /// Kill running containers
    #[command(after_help = "\
Examples:
  sprat kill web
  sprat kill -s INT web")]
    Kill(KillArgs),
    /// Wait until containers stop, then print their exit status
    #[command(after_help = "Example: sprat wait job")]
    Wait(NamesArgs),
    /// Remove containers
    #[command(alias = "remove")]
    #[command(after_help = "\
Examples:
  sprat rm job
  sprat rm -fv $(sprat ps -aq)   all of them, with their anonymous volumes")]
    Rm(RmArgs),
    /// Rename a container
    #[command(after_help = "Example: sprat rename web old-web")]
    Rename(RenameArgs),
    /// Hold containers
    #[command(after_help = "Example: sprat pause web")]
    Pause(NamesArgs),
    /// Let held containers go on
    #[command(after_help = "Example: sprat unpause web")]
    Unpause(NamesArgs),
    /// Attach to a running container
    #[command(after_help = "\
Examples:
  sprat attach editor
  sprat attach --no-stdin web")]
    Attach(AttachArgs),
    /// Fetch the logs of a container
    #[command(after_help = "\
Examples:
  sprat logs -f web
  sprat logs -n 20 -t --since 10m web")]
    Logs(LogsArgs),
    /// Make an image of a container
    #[command(after_help = "Example: sprat commit -c 'ENV MODE=fast' web web:fast")]
    Commit(CommitArgs),
    /// Run another program in a running container
    #[command(after_help = "\
Examples:
  sprat exec web /bin/check --deep
  sprat exec -it web sh             a shell, of the image `toolbox` if the container has none
  sprat exec -e MODE=fast -w /data web tidy")]
    Exec(Box<ExecArgs>),
    /// Copy files between a container and here
    #[command(after_help = "\
Examples:
  sprat cp web:/etc/app.conf .
  sprat cp pages/. web:/pages       what is in the folder, not the folder
  sprat cp web:/data - | tar t")]
    Cp(CpArgs),
    /// Show what a container changed of its image's files: A added, C changed, D removed
    #[command(after_help = "Example: sprat diff web")]
    Diff(DiffArgs),
    /// Write a container's files to a tar archive
    #[command(after_help = "\
Examples:
  sprat export -o web.tar web
  sprat export web | sprat import - web:files")]
    Export(ExportArgs),
    /// Change the limits or the restart policy of containers
    #[command(after_help = "\
Examples:
  sprat update --restart unless-stopped web
  sprat update -m 128m --cpus 0.5 job       while it does not run")]
    Update(UpdateArgs),
    /// Show the processes of a container
    #[command(after_help = "\
Examples:
  sprat top web
  sprat top web -o pid,time,args")]
    Top(TopArgs),
    /// Show what containers use
    #[command(after_help = "\
Examples:
  sprat stats
  sprat stats --no-stream --format '{{.Name}} {{.MemUsage}}' web")]
    Stats(StatsArgs),
}

impl ContainerVerb {
    /// Does it.
    pub(crate) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Run(args) => run::run(client, *args).await,
            Self::Create(args) => run::create(client, *args).await,
            Self::Start(args) => container::start(client, args).await,
            Self::Stop(args) => container::stop(client, args).await,
            Self::Restart(args) => container::restart(client, args).await,
            Self::Kill(args) => container::kill(client, args).await,
            Self::Wait(args) => container::wait(client, args).await,
            Self::Rm(args) => container::remove(client, args).await,
            Self::Rename(args) => container::rename(client, args).await,
            Self::Pause(args) => container::pause(client, args).await,
            Self::Unpause(args) => container::unpause(client, args).await,
            Self::Attach(args) => attach::run(client, args).await,
            Self::Logs(args) => logs::run(client, args).await,
            Self::Commit(args) => image::commit(client, args).await,
            Self::Exec(args) => exec::run(client, *args).await,
            Self::Cp(args) => cp::run(client, args).await,
            Self::Diff(args) => diff::run(client, args).await,
            Self::Export(args) => export::run(client, args).await,
            Self::Update(args) => update::run(client, args).await,
            Self::Top(args) => top::run(client, args).await,
            Self::Stats(args) => stats::run(client, args).await,
        }
    }
}

/// `sprat container …`
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ContainerCommand {
    #[command(flatten)]
    Verb(ContainerVerb),
    /// List containers
    #[command(visible_alias = "list", alias = "ps")]
    #[command(after_help = "Example: sprat container ls -a")]
    Ls(PsArgs),
    /// List the ports that a container publishes
    #[command(after_help = "Example: sprat container port web 80")]
    Port(PortArgs),
    /// Show details
    #[command(after_help = "Example: sprat container inspect -s web")]
    Inspect(InspectArgs),
    /// Remove all containers that don't run
    #[command(after_help = "Example: sprat container prune --filter until=24h")]
    Prune(PruneArgs),
}

impl ContainerCommand {
    /// Does it.
    pub(crate) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Verb(verb) => verb.run(client).await,
            Self::Ls(args) => ps::run(client, args).await,
            Self::Port(args) => port::run(client, args).await,
            Self::Inspect(args) => inspect::kind(client, args, "container").await,
            Self::Prune(args) => prune::containers(client, args).await,
        }
    }
}

/// Verbs on images.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ImageVerb {
    /// Build an image from a folder, a .wasm or a .wat file, or standard input
    Build(Box<BuildArgs>),
    /// Give an image another name
    #[command(after_help = "Example: sprat tag app registry.example.com/team/app:1")]
    Tag(TagArgs),
    /// Write images to a tar archive
    #[command(after_help = "\
Examples:
  sprat save -o app.tar app:1
  sprat save app:1 | zstd > app.tar.zst")]
    Save(SaveArgs),
    /// Read images from a tar archive
    #[command(after_help = "\
Examples:
  sprat load -i app.tar
  sprat load < app.tar")]
    Load(LoadArgs),
    /// Make an image from a tar of its files
    #[command(after_help = "Example: sprat import -c 'ENTRYPOINT [\"/app.wasm\"]' files.tar app:1")]
    Import(ImportArgs),
    /// Pull an image from a registry
    Pull(PullArgs),
    /// Push an image to a registry
    #[command(after_help = "Example: sprat push registry.example.com/team/app:1")]
    Push(PushArgs),
    /// Show how an image came to be
    #[command(after_help = "Example: sprat history --no-trunc app")]
    History(HistoryArgs),
}

impl ImageVerb {
    /// Does it.
    pub(crate) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Build(args) => build::run(client, *args).await,
            Self::Tag(args) => image::tag(client, args).await,
            Self::Save(args) => archive::save(client, args).await,
            Self::Load(args) => archive::load(client, args).await,
            Self::Import(args) => archive::import(client, args).await,
            Self::Pull(args) => registry::pull(client, args).await,
            Self::Push(args) => registry::push(client, args).await,
            Self::History(args) => image::history(client, args).await,
        }
    }
}

/// `sprat image …`
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum ImageCommand {
    #[command(flatten)]
    Verb(ImageVerb),
    /// List images
    #[command(visible_alias = "list")]
    #[command(after_help = "Example: sprat image ls --filter dangling=true")]
    Ls(ImagesArgs),
    /// Show details
    #[command(after_help = "Example: sprat image inspect app:1")]
    Inspect(InspectArgs),
    /// Remove images
    #[command(alias = "remove")]
    #[command(after_help = "Example: sprat image rm app:1")]
    Rm(RmiArgs),
    /// Remove unused images
    #[command(after_help = "Example: sprat image prune -a")]
    Prune(ImagePruneArgs),
}

impl ImageCommand {
    /// Does it.
    pub(crate) async fn run(self, client: &Client) -> Outcome {
        match self {
            Self::Verb(verb) => verb.run(client).await,
            Self::Ls(args) => images::run(client, args).await,
            Self::Inspect(args) => inspect::kind(client, args, "image").await,
            Self::Rm(args) => image::remove(client, args).await,
            Self::Prune(args) => prune::images(client, args).await,
        }
    }
}
