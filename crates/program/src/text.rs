//! The WebAssembly text format, turned into binaries.

use crate::ProgramError;
use crate::foreign::WASM_MAGIC;

/// Bytes of text that are accepted. Text is written by people; binaries have their own limit.
pub const MAX_TEXT: u64 = 32 << 20;

/// Whether these bytes look like the text format: UTF-8 whose first token opens a list or a comment.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    !bytes.starts_with(WASM_MAGIC)
        && std::str::from_utf8(bytes).is_ok_and(|text| {
            let text = text.trim_start();
            text.starts_with('(') || text.starts_with(";;")
        })
}

/// Turns the text format into a binary.
///
/// # Errors
/// It is too large, no UTF-8, or malformed; the error names line and column, and shows the line.
pub fn to_binary(text: &[u8]) -> Result<Vec<u8>, ProgramError> {
    let size = text.len() as u64;
    if size > MAX_TEXT {
        return Err(ProgramError::TooLarge { size, limit: MAX_TEXT });
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        ProgramError::InvalidText(format!("it is not UTF-8 (byte {} and after)", error.valid_up_to()))
    })?;
    wat::parse_str(text).map_err(|error| ProgramError::InvalidText(located(&error.to_string())))
}

/// `unknown func --> <anon>:2:9 …` as `line 2, column 9: unknown func …`.
fn located(message: &str) -> String {
    let Some((what, rest)) = message.split_once("--> <anon>:") else { return message.to_owned() };
    let (position, shown) = rest.split_once('\n').unwrap_or((rest, ""));
    let Some((line, column)) = position.trim().split_once(':') else { return message.to_owned() };
    format!("line {line}, column {column}: {}\n{shown}", what.trim())
}
