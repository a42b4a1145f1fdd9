//! Standard output and standard error. A reader that goes away (`sprat images | head -1`) ends the program, silently;
//! one of standard error changes nothing.

use std::fmt::Arguments;
use std::io::Write as _;

/// Prints to standard output.
macro_rules! out {
    ($($text:tt)*) => { crate::output::write(format_args!($($text)*)) };
}

/// Prints a line to standard output.
macro_rules! outln {
    ($($text:tt)*) => { crate::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints to standard error.
macro_rules! err {
    ($($text:tt)*) => { crate::output::note(format_args!($($text)*)) };
}

/// Prints a line to standard error.
macro_rules! errln {
    ($($text:tt)*) => { crate::output::note(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes, and ends the program if nobody can read any more.
pub(crate) fn write(text: Arguments<'_>) {
    ended(std::io::stdout().lock().write_fmt(text));
}

/// The same for bytes.
pub(crate) fn write_bytes(bytes: &[u8]) {
    ended(std::io::stdout().lock().write_all(bytes));
}

/// Writes to standard error. What can't be written there can be told nowhere.
pub(crate) fn note(text: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}

fn ended(written: std::io::Result<()>) {
    match written.and_then(|()| std::io::stdout().lock().flush()) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => {
            errln!("error: cannot write to standard output: {e}");
            std::process::exit(1)
        }
    }
}
