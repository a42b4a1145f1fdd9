//! Users and groups: names to numbers, by the image's `/etc/passwd` and `/etc/group`.

use sprat_image::Tree;
use sprat_sandbox::User;

use crate::EngineError;

/// Largest `/etc/passwd` or `/etc/group` read, in bytes.
pub(crate) const FILE_LIMIT: u64 = 1 << 20;

/// Whom a container runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) ids: User,
    pub(crate) home: String,
}

/// The two files of an image.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    /// Reads them; a missing, overlong or unreadable file is an empty one.
    pub(crate) fn read(tree: &Tree) -> Self {
        let file = |path: &str| {
            let bytes = tree.lookup(path).and_then(|node| tree.read(node, FILE_LIMIT).ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Self { passwd: file("/etc/passwd"), group: file("/etc/group") }
    }

    /// Of the texts of the two files.
    pub(crate) const fn of(passwd: String, group: String) -> Self {
        Self { passwd, group }
    }

    /// Resolves `user[:group]` (names or numbers; empty is root) and further groups.
    ///
    /// # Errors
    /// A name is unknown.
    pub(crate) fn resolve(&self, user: &str, groups: &[String]) -> Result<Resolved, EngineError> {
        let (name, group) = match user.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (user, None),
        };
        let name = if name.is_empty() { "0" } else { name };
        let number = name.parse::<u32>().ok();
        let line = rows(&self.passwd).find(|row| {
            row.first() == Some(&name) || (number.is_some() && row.get(2).and_then(|id| id.parse().ok()) == number)
        });
        let field = |index: usize| line.as_ref().and_then(|row| row.get(index).copied());
        let uid = number.or_else(|| field(2).and_then(|id| id.parse().ok())).ok_or_else(|| {
            EngineError::Invalid(format!("unable to find user {name}: no matching entries in passwd file"))
        })?;
        let gid = match group {
            Some(group) if !group.is_empty() => self.group(group)?,
            _ => field(3).and_then(|id| id.parse().ok()).unwrap_or(0),
        };
        let mut further = Vec::new();
        // Memberships count only when the group was not named, as docker has it.
        if let (Some(account), None) = (field(0), group) {
            further.extend(self.memberships(account).filter(|id| *id != gid));
        }
        for group in groups {
            further.push(self.group(group)?);
        }
        further.sort_unstable();
        further.dedup();
        let home = field(5).filter(|home| home.starts_with('/')).unwrap_or("/").to_owned();
        Ok(Resolved { ids: User { uid, gid, groups: further }, home })
    }

    fn group(&self, name: &str) -> Result<u32, EngineError> {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        rows(&self.group).find(|row| row.first() == Some(&name)).and_then(|row| row.get(2)?.parse().ok()).ok_or_else(
            || EngineError::Invalid(format!("unable to find group {name}: no matching entries in group file")),
        )
    }

    fn memberships<'a>(&'a self, account: &'a str) -> impl Iterator<Item = u32> + 'a {
        rows(&self.group)
            .filter(move |row| row.get(3).is_some_and(|members| members.split(',').any(|member| member == account)))
            .filter_map(|row| row.get(2)?.parse().ok())
    }
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split(':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\nodd:x:not:a:number\n"
                .to_owned(),
            group: "root:x:0:\nstaff:x:50:app,root\nlogs:x:60:\n# comment\nbroken\n".to_owned(),
        }
    }

    #[test]
    fn names_numbers_and_both_resolve_as_docker_has_them() {
        let resolve = |user: &str| accounts().resolve(user, &[]).unwrap();
        let user = |uid, gid, groups: &[u32]| User { uid, gid, groups: groups.to_vec() };
        assert_eq!(resolve("").ids, user(0, 0, &[50]));
        assert_eq!(resolve("").home, "/root");
        assert_eq!(resolve("app"), Resolved { ids: user(1000, 1001, &[50]), home: "/home/app".to_owned() });
        assert_eq!(resolve("1000").home, "/home/app");
        assert_eq!(resolve("app:logs").ids, user(1000, 60, &[]));
        assert_eq!(resolve("5:7"), Resolved { ids: user(5, 7, &[]), home: "/".to_owned() });
        assert_eq!(accounts().resolve("app", &["logs".to_owned(), "9".to_owned()]).unwrap().ids.groups, [9, 50, 60]);
    }

    #[test]
    fn unknown_names_are_refused() {
        for user in ["nobody", "odd", "app:nogroup", "-1"] {
            assert!(accounts().resolve(user, &[]).is_err(), "{user}");
        }
        let error = accounts().resolve("nobody", &[]).unwrap_err().to_string();
        assert_eq!(error, "unable to find user nobody: no matching entries in passwd file");
    }
}
