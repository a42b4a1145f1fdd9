//! Landlock: the files that the process may reach, and no TCP unless its guests may.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::Confinement;

/// The newest version of landlock whose rights are known here.
const KNOWN: ABI = ABI::V6;

/// What every worker needs: terminals, nowhere, and what it knows of itself (page maps).
const TERMINALS: [&str; 3] = ["/dev/ptmx", "/dev/pts", "/dev/null"];
const SELF: &str = "/proc/self";

/// Restricts the process to `confinement` and its key.
pub(super) fn apply(confinement: &Confinement, key: &Path, warnings: &mut Vec<String>) {
    match restrict(confinement, key, warnings) {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => {}
            RulesetStatus::PartiallyEnforced => {
                warnings
                    .push("landlock: this kernel has only a part of it; files are confined as far as it goes".into());
            }
            RulesetStatus::NotEnforced => {
                warnings.push("landlock: this kernel has none; workers may open any file of their user".into());
            }
        },
        Err(error) => warnings.push(format!("landlock: {error}; workers may open any file of their user")),
    }
}

/// Restricts the process to writing to one file.
pub(super) fn write_only(file: &Path, warnings: &mut Vec<String>) {
    let restricted = PathFd::new(file).map_err(|error| error.to_string()).and_then(|fd| {
        enforce([(fd, AccessFs::WriteFile | AccessFs::Truncate)], false).map_err(|error| error.to_string())
    });
    if let Err(error) = restricted {
        warnings.push(format!("landlock: {error}"));
    }
}

fn restrict(
    confinement: &Confinement,
    key: &Path,
    warnings: &mut Vec<String>,
) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    // No devices, sockets or pipes can be made, no program run.
    let write = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let mut rules = Vec::new();
    let mut add = |paths: &[PathBuf], access: BitFlags<AccessFs>| {
        for path in paths {
            match PathFd::new(path) {
                Ok(fd) => rules.push((fd, if path.is_dir() { access } else { access & file_rights() })),
                Err(_) if path.starts_with("/dev") => {}
                Err(error) => warnings.push(format!("landlock: {error}; it stays out of reach")),
            }
        }
    };
    add(&confinement.read, read);
    add(&confinement.write, write);
    add(&[key.to_owned(), SELF.into()], read);
    add(&TERMINALS.map(PathBuf::from), device);
    enforce(rules, confinement.network)
}

/// Allows these accesses and no other; `network`: those to the network are not looked at.
fn enforce(
    rules: impl IntoIterator<Item = (PathFd, BitFlags<AccessFs>)>,
    network: bool,
) -> Result<RestrictionStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?;
    let ruleset = if network { ruleset } else { ruleset.handle_access(AccessNet::from_all(KNOWN))? };
    let mut ruleset = ruleset.create()?;
    for (fd, access) in rules {
        ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
    }
    ruleset.restrict_self()
}

/// The rights that a file can have.
fn file_rights() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev
}
