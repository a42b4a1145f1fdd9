//! Docker's Engine API as data: versions, requests, answers, stream framing. Depends on no other room.
//!
//! Types of `bollard-stubs` are re-exported as [`models`] where they fit; where they fall short (fields that clients read
//! but the crate drops, requests that must survive `null`s) the types here are the project's own. Nothing here does I/O.

pub use bollard_stubs::models;

mod auth;
mod container;
mod create;
mod detach;
mod error;
mod event;
mod exec;
mod files;
mod filters;
mod framing;
mod host_config;
mod image;
mod json_message;
mod lenient;
mod mount;
mod network;
mod port;
mod quantity;
mod query;
mod stats;
mod system;
mod time;
mod version;
mod volume;

pub use auth::{AuthError, RegistryAuth};
pub use container::{
    ContainerInspect, ContainerState, ContainerSummary, CreateResponse, EndpointSettings, Health, HealthResult,
    ListedPort, MountPoint, NetworkSettings, PortBinding, SummaryHostConfig, SummaryNetworks, WaitError, WaitResponse,
};
pub use create::{CreateRequest, HealthcheckRequest, NetworkingRequest, Words};
pub use detach::{DetachError, DetachKeys, Detached};
pub use error::ErrorBody;
pub use event::{Actor, EventMessage};
pub use exec::{ExecCreateRequest, ExecInspect, ExecStartRequest, ProcessConfig, TopResponse, UpdateResponse};
pub use files::{ContainerPathStat, FileChange, go_mode, go_permissions};
pub use filters::{FilterError, Filters};
pub use framing::{Frame, FrameDecoder, FrameError, HEADER_LEN, MAX_FRAME_BYTES, StdStream, encode, header};
pub use host_config::{HostConfig, LogConfig, RestartPolicyRequest, Ulimit};
pub use image::{HistoryItem, ImageDelete, ImageInspect, ImagePrune, ImageSummary, RootFs};
pub use json_message::{ErrorDetail, JsonMessage, ProgressDetail};
pub use mount::{Bind, BindSource, MountError, MountRequest, Tmpfs, TmpfsOptions, VolumeOptions, parse_tmpfs};
pub use network::{
    EndpointConfig, EndpointIpam, IpamConfig, NetworkConnect, NetworkContainer, NetworkCreate, NetworkCreated,
    NetworkIpam, NetworkSummary,
};
pub use port::{Port, PortError, Protocol};
pub use quantity::{QuantityError, parse_duration, parse_size};
pub use query::parse_bool;
pub use stats::{CpuStats, CpuUsage, InterfaceStats, MemoryStats, PidsStats, Stats, ThrottlingData};
pub use system::{Component, Platform, Version};
pub use time::{TimeError, ZERO_TIME, format_time, parse_time};
pub use version::{ApiVersion, VersionError};
pub use volume::{Volume, VolumeCreate, VolumeList, VolumePrune, VolumeUsage};
