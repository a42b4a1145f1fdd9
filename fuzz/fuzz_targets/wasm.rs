//! The wasm front door: binaries and text.

#![cfg_attr(fuzzing, no_main)]

sprat_fuzz::target!(sprat_fuzz::wasm::check);
