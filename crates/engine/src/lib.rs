//! The engine: containers, volumes, restarts, events; one state machine; the state store.
//!
//! It drives workers and owns everything durable about containers. It never prints, never reads the environment, serves
//! no HTTP and knows no JSON of Docker's: doors translate.

mod bus;
mod commit;
mod config;
mod container;
mod containers;
mod control;
mod copy_up;
mod core;
mod create;
mod engine;
mod error;
mod event;
mod exec;
mod exec_run;
mod execs;
mod exits;
mod facts;
mod files;
mod filter;
mod gate;
mod health;
mod id;
mod image;
mod images;
mod inherit;
mod launch;
mod locate;
mod log_notes;
mod logs;
mod name;
mod network;
mod networks;
mod options;
mod overrides;
mod placement;
mod ports;
mod query;
mod record;
mod recovery;
mod remove;
mod restart;
mod runner;
mod settle;
mod shutdown;
mod signal;
mod spec;
mod state;
mod steps;
mod store;
mod update;
mod user;
mod volume;
mod volumes;
mod within;

pub use config::EngineConfig;
pub use container::{Container, ContainerState, ExitInfo, MountPoint, Status};
pub use engine::Engine;
pub use error::{EngineError, ErrorKind};
pub use event::{Event, EventFilter, EventKind};
pub use exec::{Exec, ExecSpec, Process};
pub use files::{Change, ChangeKind, CopyIn, PathKind, PathStat};
pub use health::{Health, HealthResult, HealthStatus};
pub use id::ContainerId;
pub use image::{BuildRequest, CommitRequest};
pub use logs::{LogEntry, LogQuery};
pub use network::{
    Endpoint, EndpointRequest, EndpointView, Network, NetworkDriver, NetworkMember, NetworkPool, NetworkRequest,
    PoolRequest,
};
pub use networks::NetworkError;
pub use options::{AttachOptions, Created, Info, ListFilter, RemoveOptions, StopOptions, WaitCondition};
pub use spec::{
    ContainerSpec, Isolation, LogDriver, LogSpec, MountKind, MountSpec, PortSpec, RestartPolicy, TmpfsOwner,
};
pub use sprat_image::build::{BuildError, BuildEvent, BuildOptions, BuildSink};
pub use sprat_image::registry::{Credentials, Remote};
pub use sprat_image::{
    Digest, Healthcheck, HistoryEntry, Image, ImageConfig, Layer, Progress, ProgressSink, PruneReport, Reference,
    RemoveReport, StoreError,
};
pub use sprat_program::{CompileProgress, CompilerCommand, Description, ProgramError};
pub use sprat_sandbox::{Stream, Usage};
pub use sprat_worker::Attachment;
pub use update::Update;
pub use volume::{Volume, VolumeSpec};
pub use volumes::tree_size;
