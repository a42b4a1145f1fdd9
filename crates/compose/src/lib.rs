//! Compose: files and variables → a [`Project`] (plain data) → the order of things and the bodies of Docker's requests.
//!
//! It follows the Compose Specification and, where that is silent, Docker Compose 2. It reads only through [`Files`], sends
//! nothing and prints nothing; whoever uses it does. Files are hostile input: nothing in them makes it panic, and what they
//! unfold to is limited ([`MAX_FILE`], [`MAX_VALUES`], [`MAX_DEPTH`], [`MAX_TEXT`], [`MAX_NESTING`], [`MAX_CHAIN`],
//! [`MAX_INCLUDES`]).

mod canonical;
mod cast;
mod check;
mod emit;
mod env_file;
mod error;
mod extends;
mod files;
mod finish;
pub mod hash;
mod include;
pub mod labels;
mod load;
mod locate;
mod merge;
mod one_off;
mod order;
mod path;
mod paths;
pub mod plan;
mod project;
mod quantity;
pub mod request;
mod schema;
mod tree;
mod variables;
mod words;
mod yaml;

pub use emit::{escaped, to_yaml};
pub use error::{Code, ComposeError};
pub use extends::MAX_CHAIN;
pub use files::{Files, clean};
pub use include::MAX_INCLUDES;
pub use load::load;
pub use locate::{Choice, Request, locate, variables};
pub use one_off::Changes;
pub use order::sorted;
pub use project::{Build, Condition, Dependency, Grant, Hook, Network, Project, Service, Source, Volume};
pub use variables::{MAX_NESTING, MAX_TEXT};
pub use yaml::{MAX_DEPTH, MAX_FILE, MAX_VALUES};
