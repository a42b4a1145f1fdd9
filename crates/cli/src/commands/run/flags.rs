//! The flags that `run` and `create` share.

use clap::Args;

use super::foreign::Foreign;
use super::health::HealthArgs;
use super::network::NetworkArgs;
use super::service::ServiceArgs;

/// Options that `run` and `create` share.
#[derive(Debug, Args)]
pub(crate) struct ContainerArgs {
    /// Name of the container
    #[arg(long)]
    pub name: Option<String>,
    /// Attach only these streams: stdin, stdout, stderr
    #[arg(short, long, value_name = "STREAM", value_parser = ["stdin", "stdout", "stderr"], ignore_case = true)]
    pub attach: Vec<String>,
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
    /// Mount what another container has mounted: CONTAINER[:ro]
    #[arg(long, value_name = "CONTAINER[:ro]")]
    pub volumes_from: Vec<String>,
    /// Mount: type=bind|volume|tmpfs,source=…,target=…[,readonly]
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub mount: Vec<String>,
    /// Mount memory: TARGET[:size=BYTES,mode=700]
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
    #[command(flatten)]
    pub health: HealthArgs,
    /// Domain name
    #[arg(long, value_name = "NAME")]
    pub domainname: Option<String>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    pub label_file: Vec<std::path::PathBuf>,
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
    /// Limit of what the container may write: size=BYTES, or with k, m, g
    #[arg(long, value_name = "KEY=VALUE")]
    pub storage_opt: Vec<String>,
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
    /// Log option: max-size=10m, max-file=3, labels=…, env=…, tag=…
    #[arg(long, value_name = "KEY=VALUE")]
    pub log_opt: Vec<String>,
    /// Publish a port or a range of ports: [ADDRESS:]HOST:CONTAINER[/tcp|udp]
    #[arg(short, long, value_name = "PORTS")]
    pub publish: Vec<String>,
    /// Publish all ports that the image exposes, at ports of the system's choice
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// Expose a port or a range of ports: PORT[-PORT][/tcp|udp]
    #[arg(long, value_name = "PORT")]
    pub expose: Vec<String>,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Write the container's id to a file
    #[arg(long, value_name = "FILE")]
    pub cidfile: Option<std::path::PathBuf>,
    /// When to pull the image: always, missing, never
    #[arg(long, default_value = "missing", value_parser = ["always", "missing", "never"])]
    pub pull: String,
    /// Platform of an index: wasi/wasm
    #[arg(long)]
    pub platform: Option<String>,
    /// Less output
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    pub foreign: Foreign,
    /// Image, .wasm or .wat file, or source folder
    pub image: String,
    /// The program's arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<String>,
}
