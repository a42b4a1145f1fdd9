//! The shell as a program of this machine, for its own tests.

#[cfg(unix)]
fn main() {
    use std::os::unix::ffi::OsStringExt;
    let args: Vec<Vec<u8>> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let folder = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let system = std::rc::Rc::new(toolbox_shell::native::Native::default());
    std::process::exit(toolbox_shell::main(system, &args, folder));
}

#[cfg(not(unix))]
fn main() {}
