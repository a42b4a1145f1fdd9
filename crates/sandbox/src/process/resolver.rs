//! [`Resolver`]: who knows the compiled program behind a path of a container.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::{ProgramSpec, Stop, User};

/// A program that a guest wants to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Absolute path in the container. Where the guest found a file it has no links, and could be read when it was looked at;
    /// where it found none the resolver may know a program to lend.
    pub path: String,
    /// Whom the program will run as.
    pub user: User,
}

/// Why there is no program for a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Unresolved {
    /// No such file (the guest gets `ENOENT`).
    #[error("there is no such file")]
    NotFound,
    /// It must not be run (`EACCES`).
    #[error("{0}")]
    Denied(String),
    /// It is no wasm program, or one that can't be run (`ENOEXEC`).
    #[error("{0}")]
    NotAProgram(String),
    /// Nobody can say now (`EAGAIN`).
    #[error("{0}")]
    Unavailable(String),
}

/// What a resolver answers with, later.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<ProgramSpec, Unresolved>> + Send + 'a>>;

/// Who knows the compiled program behind a path of one container. Also told what the sandbox can't do itself.
pub trait Resolver: Debug + Send + Sync + 'static {
    /// The program at a path, compiled to be interruptible.
    fn resolve(&self, wanted: Wanted) -> Resolving<'_>;

    /// A process asked that the first one of its container end. The sandbox does what it can; a first program without
    /// interruption points ends only with its worker.
    fn stop_first(&self, why: Stop) {
        let _ = why;
    }
}
