//! Standard output. A reader that goes away (`sprat images | head -1`) ends the program, silently.

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

/// Writes, and ends the program if nobody can read any more.
pub(crate) fn write(text: Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => {
            eprintln!("error: cannot write to standard output: {e}");
            std::process::exit(1)
        }
    }
}
