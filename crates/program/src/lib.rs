//! Programs: wasm bytes → what they are, and their compiled code in a sealed cache.
//!
//! The only room that loads machine code, so the only one with `unsafe` for it. It never runs a guest and knows no
//! WASI host.

mod cache;
mod compile;
mod describe;
mod engine;
mod error;
mod load;

pub use cache::{Artifact, Cache, CompileProgress};
pub use compile::{CompilerCommand, compile_child};
pub use describe::{Description, Encoding, Import, Kind, Producer, Wasi, describe};
pub use engine::{EngineOptions, Variant, engine};
pub use error::ProgramError;
pub use load::{Code, load};
