//! The wasm front door: any bytes are described or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = sprat_program::describe(bytes);
    let _ = sprat_program::to_binary(bytes);
});
