//! The command line: docker's verbs and flags.

use clap::{Args, Parser, Subcommand};

/// Build, ship and run WebAssembly as Docker does containers.
#[derive(Debug, Parser)]
#[command(name = "sprat", version, about, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  sprat run examples/hello             build a source folder and run it
  sprat run --rm -v $PWD:/data app     run an image with a folder of yours
  sprat build -t app:1 .               build an image
  sprat ps -a                          list containers
  DOCKER_HOST=unix:///run/sprat.sock docker ps   use docker's own tools")]
pub(crate) struct Cli {
    /// Daemon to talk to: unix:///path or tcp://127.0.0.1:port
    #[arg(short = 'H', long, env = "SPRAT_HOST", global = true, value_name = "HOST", hide_env_values = true)]
    pub host: Option<String>,
    /// State folder of the daemon
    #[arg(long, env = "SPRAT_ROOT", global = true, value_name = "DIR", hide_env_values = true)]
    pub root: Option<std::path::PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create and run a container from an image, a .wasm or .wat file, or a source folder
    Run(RunArgs),
    /// Create a container without starting it
    Create(CreateArgs),
    /// Start stopped containers
    Start(StartArgs),
    /// Stop running containers
    Stop(StopArgs),
    /// Restart containers
    Restart(StopArgs),
    /// Kill running containers
    Kill(KillArgs),
    /// Wait until containers stop, then print their exit status
    Wait(NamesArgs),
    /// Remove containers
    Rm(RmArgs),
    /// Rename a container
    Rename {
        /// Its name or id
        container: String,
        /// The new name
        name: String,
    },
    /// Hold containers
    Pause(NamesArgs),
    /// Let held containers go on
    Unpause(NamesArgs),
    /// Attach to a running container
    Attach(AttachArgs),
    /// Fetch the logs of a container
    Logs(LogsArgs),
    /// List containers
    #[command(visible_alias = "list")]
    Ps(PsArgs),
    /// Show details of containers, images or volumes
    Inspect(InspectArgs),
    /// Show what happens, as it happens
    Events(EventsArgs),
    /// Build an image from a folder, a .wasm or a .wat file
    Build(BuildArgs),
    /// List images
    Images(ImagesArgs),
    /// Give an image another name
    Tag {
        /// Name or id
        source: String,
        /// The new name
        target: String,
    },
    /// Remove images
    Rmi(RmiArgs),
    /// Write images to a tar archive
    Save(SaveArgs),
    /// Read images from a tar archive
    Load(LoadArgs),
    /// Make an image from a tar of its files
    Import(ImportArgs),
    /// Make an image of a container
    Commit(CommitArgs),
    /// Pull an image from a registry
    Pull(PullArgs),
    /// Push an image to a registry
    Push(PushArgs),
    /// Log in to a registry
    Login(LoginArgs),
    /// Log out from a registry
    Logout {
        /// The registry's host; docker.io if none
        server: Option<String>,
    },
    /// Show how an image came to be
    History(HistoryArgs),
    /// Show the versions of client and daemon
    Version(FormatArgs),
    /// Show facts about the installation
    Info(FormatArgs),
    /// Manage containers
    #[command(subcommand)]
    Container(ContainerCommand),
    /// Manage images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Manage volumes
    #[command(subcommand)]
    Volume(VolumeCommand),
    /// Look into wasm programs
    #[command(subcommand)]
    Program(ProgramCommand),
    /// Facts, events and clean-up
    #[command(subcommand)]
    System(SystemCommand),
    /// Run the daemon, or stop it
    Daemon(DaemonArgs),
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

/// Options that `run` and `create` share.
#[derive(Debug, Args)]
pub(crate) struct ContainerArgs {
    /// Name of the container
    #[arg(long)]
    pub name: Option<String>,
    /// Keep standard input open
    #[arg(short, long)]
    pub interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// Set an environment variable: NAME=value, or NAME to pass yours on
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<std::path::PathBuf>,
    /// Bind a folder or volume: SOURCE:TARGET[:ro]
    #[arg(short, long, value_name = "SOURCE:TARGET[:ro]")]
    pub volume: Vec<String>,
    /// Mount: type=bind|volume|tmpfs,source=…,target=…[,readonly]
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub mount: Vec<String>,
    /// Mount memory: TARGET[:size=BYTES]
    #[arg(long, value_name = "TARGET[:OPTIONS]")]
    pub tmpfs: Vec<String>,
    /// The root file system can't be written
    #[arg(long)]
    pub read_only: bool,
    /// Working folder
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// User: name or uid[:group or gid]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Further groups
    #[arg(long, value_name = "GROUP")]
    pub group_add: Vec<String>,
    /// Host name
    #[arg(short = 'h', long)]
    pub hostname: Option<String>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Set an annotation
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
    /// Replace the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// Memory limit: bytes, or with k, m, g (default 256m)
    #[arg(short, long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// CPU limit in CPUs: 0.5, 2
    #[arg(long, value_name = "NUMBER")]
    pub cpus: Option<f64>,
    /// Wall-clock limit: 500ms, 30s, 5m; the container ends with 124 then
    #[arg(long, value_name = "TIME")]
    pub wall_clock: Option<String>,
    /// Limit: nofile=SOFT[:HARD]
    #[arg(long, value_name = "TYPE=SOFT[:HARD]")]
    pub ulimit: Vec<String>,
    /// Isolation class: default (shares a worker process) or process (has its own; near-native speed)
    #[arg(long, value_name = "CLASS", value_parser = ["default", "process"])]
    pub isolation: Option<String>,
    /// Restart policy: no, always, unless-stopped, on-failure[:MAX]
    #[arg(long, value_name = "POLICY")]
    pub restart: Option<String>,
    /// Remove the container after its end
    #[arg(long)]
    pub rm: bool,
    /// Signal that stops it
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Seconds between that signal and KILL
    #[arg(long, value_name = "SECONDS")]
    pub stop_timeout: Option<i64>,
    /// Log driver: json-file, local, none
    #[arg(long, value_name = "DRIVER")]
    pub log_driver: Option<String>,
    /// Log option: max-size=10m, max-file=3
    #[arg(long, value_name = "KEY=VALUE")]
    pub log_opt: Vec<String>,
    /// Publish a port: [ADDRESS:]HOST:CONTAINER[/tcp|udp]
    #[arg(short, long, value_name = "PORTS")]
    pub publish: Vec<String>,
    /// Network
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Write the container's id to a file
    #[arg(long, value_name = "FILE")]
    pub cidfile: Option<std::path::PathBuf>,
    /// When to pull the image: always, missing, never
    #[arg(long, default_value = "missing", value_parser = ["always", "missing", "never"])]
    pub pull: String,
    /// Less output
    #[arg(short, long)]
    pub quiet: bool,
    /// Image, .wasm or .wat file, or source folder
    pub image: String,
    /// The program's arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<String>,
}

/// `sprat run`
#[derive(Debug, Args)]
#[command(args_override_self = true, disable_help_flag = true)]
#[command(after_help = "\
Examples:
  sprat run examples/hello
  sprat run --rm -it -v notes:/notes editor /notes/today.txt
  sprat run -d --restart on-failure:3 --memory 64m worker
  sprat run --isolation process ./kernel.wasm")]
pub(crate) struct RunArgs {
    /// Run in the background and print the id
    #[arg(short, long)]
    pub detach: bool,
    #[command(flatten)]
    pub container: ContainerArgs,
}

/// `sprat create`
#[derive(Debug, Args)]
#[command(args_override_self = true, disable_help_flag = true)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub container: ContainerArgs,
}

/// Names only.
#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat start`
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Attach to its output and give its exit status
    #[arg(short, long)]
    pub attach: bool,
    /// Attach standard input too
    #[arg(short, long)]
    pub interactive: bool,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat stop`, `sprat restart`
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Seconds to wait before KILL
    #[arg(short, long, visible_alias = "timeout", value_name = "SECONDS")]
    pub time: Option<i64>,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat kill`
#[derive(Debug, Args)]
pub(crate) struct KillArgs {
    /// The signal
    #[arg(short, long, default_value = "KILL")]
    pub signal: String,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat rm`
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Kill running ones
    #[arg(short, long)]
    pub force: bool,
    /// Remove their anonymous volumes too
    #[arg(short, long)]
    pub volumes: bool,
    /// Names or ids
    #[arg(required = true)]
    pub containers: Vec<String>,
}

/// `sprat attach`
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Don't attach standard input
    #[arg(long)]
    pub no_stdin: bool,
    /// Name or id
    pub container: String,
}

/// `sprat logs`
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Go on with new lines
    #[arg(short, long)]
    pub follow: bool,
    /// Show the time of each line
    #[arg(short, long)]
    pub timestamps: bool,
    /// Lines from this time on: 2026-11-22T10:00:00Z, or 10m for the last ten minutes
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Lines up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only the last so many lines
    #[arg(short = 'n', long, default_value = "all", value_name = "NUMBER")]
    pub tail: String,
    /// Name or id
    pub container: String,
}

/// `sprat ps`
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Those that don't run too
    #[arg(short, long)]
    pub all: bool,
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Full ids and commands
    #[arg(long)]
    pub no_trunc: bool,
    /// Only the newest so many
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub last: Option<usize>,
    /// Only the newest
    #[arg(short, long)]
    pub latest: bool,
    /// Filter: status=running, name=…, label=…, ancestor=…
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// json or a Go template
    #[arg(short, long)]
    pub format: Option<String>,
    /// container, image or volume
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// Names or ids
    #[arg(required = true)]
    pub names: Vec<String>,
}

/// `sprat events`
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// From this time on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Filter: type=container, event=die, …
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json or a Go template
    #[arg(long)]
    pub format: Option<String>,
}

/// `sprat build`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat build -t app .                 compile the folder's program and build its image
  sprat build -t app:1 --build-arg MODE=fast .
  sprat build -t tool tool.wasm        an image of one program")]
pub(crate) struct BuildArgs {
    /// Name of the image
    #[arg(short, long, value_name = "NAME[:TAG]")]
    pub tag: Vec<String>,
    /// Path of the Dockerfile (default PATH/Dockerfile)
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<std::path::PathBuf>,
    /// Set a build argument
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,
    /// Set a label
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Stage to end with
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Don't use the layer cache
    #[arg(long)]
    pub no_cache: bool,
    /// Always ask the registry for base images
    #[arg(long)]
    pub pull: bool,
    /// Only print the image's id
    #[arg(short, long)]
    pub quiet: bool,
    /// Folder, .wasm or .wat file
    pub path: std::path::PathBuf,
}

/// `sprat images`
#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Full ids
    #[arg(long)]
    pub no_trunc: bool,
    /// Show digests
    #[arg(long)]
    pub digests: bool,
    /// All images
    #[arg(short, long)]
    pub all: bool,
    /// Filter: dangling=true, label=…, reference=…
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
    /// Only this repository
    pub repository: Option<String>,
}

/// `sprat rmi`
#[derive(Debug, Args)]
pub(crate) struct RmiArgs {
    /// Even if a stopped container uses it
    #[arg(short, long)]
    pub force: bool,
    /// Names or ids
    #[arg(required = true)]
    pub images: Vec<String>,
}

/// `sprat save`
#[derive(Debug, Args)]
pub(crate) struct SaveArgs {
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<std::path::PathBuf>,
    /// Names or ids
    #[arg(required = true)]
    pub images: Vec<String>,
}

/// `sprat load`
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// File to read instead of standard input
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<std::path::PathBuf>,
    /// Only errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// `sprat import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Dockerfile instruction to apply
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Message
    #[arg(short, long)]
    pub message: Option<String>,
    /// Tar file, or - for standard input
    pub file: std::path::PathBuf,
    /// Name of the image
    pub name: Option<String>,
}

/// `sprat commit`
#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    /// Dockerfile instruction to apply
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub change: Vec<String>,
    /// Message
    #[arg(short, long)]
    pub message: Option<String>,
    /// Author
    #[arg(short, long)]
    pub author: Option<String>,
    /// Name or id
    pub container: String,
    /// Name of the image
    pub name: Option<String>,
}

/// `sprat pull`
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Only the name at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Platform of an index: wasi/wasm
    #[arg(long)]
    pub platform: Option<String>,
    /// Name
    pub image: String,
}

/// `sprat push`
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Only the name at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Name
    pub image: String,
}

/// `sprat login`
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// User
    #[arg(short, long)]
    pub username: Option<String>,
    /// Password (others can see it in the process list: better --password-stdin)
    #[arg(short, long)]
    pub password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// The registry's host; docker.io if none
    pub server: Option<String>,
}

/// `sprat history`
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Full text
    #[arg(long)]
    pub no_trunc: bool,
    /// json, table, or a Go template
    #[arg(long)]
    pub format: Option<String>,
    /// Name or id
    pub image: String,
}

/// A format only.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// json or a Go template
    #[arg(short, long)]
    pub format: Option<String>,
}

/// `sprat container …`
#[derive(Debug, Subcommand)]
pub(crate) enum ContainerCommand {
    /// List containers
    #[command(visible_alias = "list", alias = "ps")]
    Ls(PsArgs),
    /// Show details
    Inspect(InspectArgs),
    /// Remove containers
    Rm(RmArgs),
    /// Remove all containers that don't run
    Prune(PruneArgs),
}

/// `sprat image …`
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// List images
    #[command(visible_alias = "list")]
    Ls(ImagesArgs),
    /// Show details
    Inspect(InspectArgs),
    /// Show how an image came to be
    History(HistoryArgs),
    /// Remove images
    Rm(RmiArgs),
    /// Remove unused images
    Prune(ImagePruneArgs),
}

/// `sprat volume …`
#[derive(Debug, Subcommand)]
pub(crate) enum VolumeCommand {
    /// Make a volume
    Create {
        /// Set a label
        #[arg(long, value_name = "KEY=VALUE")]
        label: Vec<String>,
        /// Its name; made up if none
        name: Option<String>,
    },
    /// List volumes
    #[command(visible_alias = "list")]
    Ls {
        /// Only names
        #[arg(short, long)]
        quiet: bool,
        /// json, table, or a Go template
        #[arg(long)]
        format: Option<String>,
    },
    /// Show details
    Inspect(InspectArgs),
    /// Remove volumes
    Rm {
        /// A missing one is no error
        #[arg(short, long)]
        force: bool,
        /// Names
        #[arg(required = true)]
        volumes: Vec<String>,
    },
    /// Remove unused volumes
    Prune(ImagePruneArgs),
}

/// Options of `prune`.
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Don't ask
    #[arg(short, long)]
    pub force: bool,
    /// Filter: until=24h, label=…
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
}

/// Options of `image prune` and `volume prune`.
#[derive(Debug, Args)]
pub(crate) struct ImagePruneArgs {
    /// All unused ones, not only dangling (anonymous) ones
    #[arg(short, long)]
    pub all: bool,
    /// Don't ask
    #[arg(short, long)]
    pub force: bool,
}

/// `sprat program …`
#[derive(Debug, Subcommand)]
pub(crate) enum ProgramCommand {
    /// Show kind, WASI version, imports, exports, tools and sizes of a program
    Inspect {
        /// json or a Go template
        #[arg(short, long)]
        format: Option<String>,
        /// Image, .wasm or .wat file
        program: String,
    },
}

/// `sprat system …`
#[derive(Debug, Subcommand)]
pub(crate) enum SystemCommand {
    /// Show facts about the installation
    Info(FormatArgs),
    /// Show what happens, as it happens
    Events(EventsArgs),
    /// Remove stopped containers, dangling images and unused anonymous volumes
    Prune(ImagePruneArgs),
}

/// `sprat daemon`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sprat daemon                         serve in the foreground
  sprat daemon stop                    stop all containers and the daemon
  sprat -H unix:///tmp/s.sock --root /tmp/s daemon   a second installation")]
pub(crate) struct DaemonArgs {
    /// HTTP address for metrics and functions; empty for none
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDRESS")]
    pub listen: String,
    /// Registry reached over plain HTTP (loopback ones always may be)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub insecure_registry: Vec<String>,
    /// PEM file with further root certificates for registries
    #[arg(long, value_name = "FILE")]
    pub registry_certificate: Vec<std::path::PathBuf>,
    /// Memory limit of containers that name none
    #[arg(long, default_value = "256m", value_name = "SIZE")]
    pub default_memory: String,
    /// Containers of one shared worker process
    #[arg(long, default_value_t = 2048, value_name = "NUMBER")]
    pub worker_slots: u32,
    /// Most shared worker processes
    #[arg(long, default_value_t = 64, value_name = "NUMBER")]
    pub max_workers: u32,
    /// Log level: error, warn, info, debug, trace
    #[arg(long, default_value = "info", env = "SPRAT_LOG", value_name = "LEVEL")]
    pub log_level: String,
    #[command(subcommand)]
    pub command: Option<DaemonCommand>,
}

/// `sprat daemon …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Stop all containers and the daemon
    Stop {
        /// Let containers go on; a new daemon finds them
        #[arg(long)]
        keep_containers: bool,
    },
}
