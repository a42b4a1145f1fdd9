//! Labels by which Compose knows what is a project's. They are Docker Compose 2's, so that both tools see the same projects.

/// The project.
pub const PROJECT: &str = "com.docker.compose.project";
/// The service.
pub const SERVICE: &str = "com.docker.compose.service";
/// The container's number within its service.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// `True` for a container of `run`.
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
/// A name of its own for a container of `run`.
pub const SLUG: &str = "com.docker.compose.slug";
/// The hash of what it was made from.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// The project's files.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// The project's folder.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Files of variables named by flag.
pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
/// What it depends on.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// The id of its image.
pub const IMAGE: &str = "com.docker.compose.image";
/// The version of Compose.
pub const VERSION: &str = "com.docker.compose.version";
/// The network's name in the project.
pub const NETWORK: &str = "com.docker.compose.network";
/// The volume's name in the project.
pub const VOLUME: &str = "com.docker.compose.volume";
/// The container that this one took the place of.
pub const REPLACE: &str = "com.docker.compose.replace";

/// The version of Docker Compose whose behaviour this follows.
pub const COMPOSE_VERSION: &str = "2.40.3";
