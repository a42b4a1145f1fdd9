//! How a call's result becomes an [`Exit`], and the text of a trap.

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::Exit;
use crate::control::Control;
use crate::p1::ProcExit;

/// Bytes of a trap's text; symbol names come from the guest.
const MAX_TEXT: usize = 16 << 10;

/// How a guest whose call gave `error` ended.
pub(crate) fn of_error(error: &wasmtime::Error, control: &Control) -> Exit {
    if let Some(ProcExit(status)) = error.downcast_ref() {
        return Exit::Code(low_byte(*status));
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return Exit::Code(low_byte(status.cast_unsigned()));
    }
    let text = text(error);
    if control.memory_denied() { Exit::OutOfMemory(text) } else { Exit::Trap(text) }
}

/// How a guest that could not be instantiated ended.
pub(crate) fn of_instantiation(error: &wasmtime::Error, control: &Control) -> Exit {
    let ran = error.is::<Trap>() || error.is::<ProcExit>() || error.is::<I32Exit>() || control.memory_denied();
    if ran { of_error(error, control) } else { Exit::Failed(format!("the program cannot be instantiated: {error:#}")) }
}

/// The status that the guest's parent sees, as POSIX has it.
fn low_byte(status: u32) -> u8 {
    let [low, ..] = status.to_le_bytes();
    low
}

/// Cause and wasm backtrace.
pub(crate) fn text(error: &wasmtime::Error) -> String {
    let mut text = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("error: {}", error.root_cause()),
    };
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        text.push_str("\nwasm backtrace:");
        let frames = backtrace.to_string();
        // The first line is a heading, notes speak of variables that mean nothing here.
        for line in frames.lines().skip(1).filter(|line| !line.starts_with("note:")) {
            text.push('\n');
            text.push_str(line);
        }
    }
    if text.len() > MAX_TEXT {
        let end = text.floor_char_boundary(MAX_TEXT);
        text.truncate(end);
        text.push('…');
    }
    text
}
