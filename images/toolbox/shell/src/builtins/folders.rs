//! The working folder and the mask.

use std::path::{Component, Path, PathBuf};

use crate::shell::{Run, Shell};
use crate::text;

pub(super) fn cd(shell: &mut Shell, args: &[String]) -> Run {
    let mut rest = args.get(1..).unwrap_or_default();
    let mut physical = false;
    while let Some((first, others)) =
        rest.split_first().filter(|(first, _)| matches!(first.as_str(), "-L" | "-P" | "--"))
    {
        physical = first == "-P";
        rest = others;
        if first == "--" {
            break;
        }
    }
    let mut announce = false;
    let target = match rest.first().map(String::as_str) {
        Some("-") => {
            announce = true;
            match shell.state.get("OLDPWD") {
                Some(old) => old.to_owned(),
                None => text::decode(shell.state.folder.as_os_str().as_encoded_bytes()),
            }
        }
        Some(target) => target.to_owned(),
        None => match shell.state.get("HOME") {
            Some(home) => home.to_owned(),
            None => return Ok(0),
        },
    };
    let relative = !target.starts_with('/') && !target.starts_with("./") && !target.starts_with("..") && target != ".";
    let bases = shell.state.get("CDPATH").filter(|_| relative).unwrap_or_default().to_owned();
    let mut folder = None;
    for base in bases.split(':').filter(|base| !base.is_empty()) {
        let candidate = normal(&shell.path(base).join(crate::pattern::native(&target)));
        if candidate.is_dir() {
            announce = true;
            folder = Some(candidate);
            break;
        }
    }
    let mut folder = folder.unwrap_or_else(|| normal(&shell.path(&target)));
    if physical && let Ok(real) = folder.canonicalize() {
        folder = real;
    }
    if !folder.is_dir() {
        shell.complain(&format!("cd: can't cd to {target}"));
        return Ok(2);
    }
    let old = text::decode(shell.state.folder.as_os_str().as_encoded_bytes());
    let new = text::decode(folder.as_os_str().as_encoded_bytes());
    shell.state.folder = folder;
    shell.assign("OLDPWD", &old)?;
    shell.assign("PWD", &new)?;
    Ok(if announce { shell.print(&format!("{new}\n")) } else { 0 })
}

/// A path without `.`, and with `..` taken as written: back to where one came from.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}

pub(super) fn pwd(shell: &mut Shell, args: &[String]) -> Run {
    let mut folder = shell.state.folder.clone();
    if args.get(1).is_some_and(|arg| arg == "-P") {
        folder = folder.canonicalize().unwrap_or(folder);
    }
    let folder = text::decode(folder.as_os_str().as_encoded_bytes());
    Ok(shell.print(&format!("{folder}\n")))
}

/// `umask`. It is kept and shown; WASI has no modes to apply it to.
pub(super) fn umask(shell: &mut Shell, args: &[String]) -> Run {
    match args.get(1).map(String::as_str) {
        None => {
            let mask = shell.state.mask;
            Ok(shell.print(&format!("{mask:04o}\n")))
        }
        Some("-S") => {
            let mode = !shell.state.mask & 0o777;
            let part = |shift: u32| {
                let bits = mode >> shift;
                [(4, 'r'), (2, 'w'), (1, 'x')]
                    .iter()
                    .filter(|(bit, _)| bits & bit != 0)
                    .map(|(_, c)| *c)
                    .collect::<String>()
            };
            let shown = format!("u={},g={},o={}\n", part(6), part(3), part(0));
            Ok(shell.print(&shown))
        }
        Some(text) => match u32::from_str_radix(text, 8) {
            Ok(mask) if mask <= 0o777 => {
                shell.state.mask = mask;
                Ok(0)
            }
            _ => {
                shell.complain(&format!("umask: Illegal mode: {text}"));
                Ok(2)
            }
        },
    }
}
