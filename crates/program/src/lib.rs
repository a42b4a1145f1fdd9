//! Programs: wasm bytes → what they are, and their compiled code in a sealed cache.
//!
//! The only room that loads machine code, so the only one with `unsafe` for it. It never runs a guest and knows no
//! WASI host.

mod cache;
mod compile;
mod compiler;
mod describe;
mod engine;
mod entries;
mod error;
mod features;
mod foreign;
mod interfaces;
mod jobs;
mod key;
mod load;
mod prune;
mod seal;
mod settings;
mod store;
mod text;
mod walk;
mod wire;

pub use cache::{Artifact, Cache, CompileProgress};
pub use compile::compile_child;
pub use compiler::CompilerCommand;
pub use describe::{Description, Encoding, Import, Kind, MAX_SIZE, Producer, Wasi, describe, survey};
pub use engine::{EngineOptions, Variant, engine};
pub use error::ProgramError;
pub use interfaces::{PREVIEW1, PREVIEW1_FUNCTIONS, PROCESS, PROCESS_FUNCTIONS, offers_function, offers_interface};
pub use key::Key;
pub use load::{Code, load};
pub use text::{MAX_TEXT, is_text, to_binary};
