//! Users and groups by name or number, as the stage's own `/etc/passwd` and `/etc/group` have them.

use super::error::StepError;
use crate::Tree;
use crate::layer::Owner;

/// Largest `/etc/passwd` or `/etc/group` that is read, in bytes.
const MAX_ACCOUNTS_BYTES: u64 = 1 << 20;

/// Reads `user`, `user:group` with names or numbers. Empty is root. Without a group, a name has the group that
/// `/etc/passwd` gives, and a number the same number.
pub(super) fn resolve(tree: &Tree, text: &str) -> Result<Owner, StepError> {
    if text.is_empty() {
        return Ok(Owner::default());
    }
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let (uid, own_group) = match user.parse() {
        Ok(number) => (number, number),
        Err(_) => account(tree, "/etc/passwd", user)
            .and_then(|fields| {
                let mut numbers = fields.iter().skip(2).map(|field| field.parse().ok());
                Some((numbers.next()??, numbers.next()??))
            })
            .ok_or_else(|| missing("user", user, "/etc/passwd"))?,
    };
    let gid = match group.filter(|group| !group.is_empty()) {
        None => own_group,
        Some(group) => match group.parse() {
            Ok(number) => number,
            Err(_) => account(tree, "/etc/group", group)
                .and_then(|fields| fields.get(2)?.parse().ok())
                .ok_or_else(|| missing("group", group, "/etc/group"))?,
        },
    };
    Ok(Owner { uid, gid })
}

fn missing(kind: &'static str, name: &str, file: &str) -> StepError {
    let hint = format!("the stage's {file} does not have it; write a number, or COPY such a file first");
    StepError::Owner { kind, name: name.to_owned(), hint }
}

/// The fields of the line that starts with `name`.
fn account(tree: &Tree, file: &str, name: &str) -> Option<Vec<String>> {
    let bytes = tree.read(tree.lookup(file)?, MAX_ACCOUNTS_BYTES).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let fields = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    fields.into_iter().find(|fields| fields.first().is_some_and(|first| first == name))
}
