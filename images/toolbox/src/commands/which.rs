//! `which`: where programs are, by PATH.

use std::ffi::OsString;

use toolbox_shell::Shell;

pub(super) fn run(shell: &Shell, args: &[OsString]) -> i32 {
    let names = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let all = args.iter().skip(1).any(|arg| arg == "-a");
    let path = std::env::var("PATH").unwrap_or_else(|_| toolbox_shell::DEFAULT_PATH.to_owned());
    let mut status = 0;
    for name in names.filter(|name| *name != "-a") {
        let mut found: Vec<_> = match name.contains('/') {
            true => Vec::from([std::path::PathBuf::from(name)]),
            false => path.split(':').map(|folder| std::path::Path::new(folder).join(name)).collect(),
        };
        found.retain(|path| path.is_file());
        if !all {
            found.truncate(1);
        }
        if found.is_empty() && shell.find_program(name).is_none_or(|path| !path.is_file()) {
            status = 1;
        }
        found.iter().for_each(|path| println!("{}", path.display()));
    }
    status
}
