//! [`Mode`]: what `--chmod` asks for, as `chmod` understands it: octal, or symbolic (POSIX `chmod`, "symbolic_mode").

use super::error::StepError;

/// The bits of each class: set-user-id or set-group-id or sticky, then read, write and execute.
const EVERYBODY: u32 = 0o777;

/// What `--chmod` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// These bits.
    Is(u32),
    /// Changes, one after the other.
    Changes(Vec<Change>),
}

/// One change of a symbolic mode, such as the `g-w` of `u+x,g-w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// The classes meant, as their bits.
    who: u32,
    operator: char,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// `bits` as if for everybody; `search`: execute if it is a folder or anybody may execute it.
    Bits { bits: u32, search: bool },
    /// What a class has, as its distance from the lowest bits.
    CopyOf(u32),
}

impl Mode {
    /// Reads `755`, `u+x`, `a=rX,u+w` and the like.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn parse(text: &str) -> Result<Self, StepError> {
        octal(text).map(Self::Is).or_else(|| symbolic(text).map(Self::Changes)).ok_or_else(|| {
            let octal = if text.contains(|c: char| c.is_ascii_digit()) { "755" } else { "755 for u=rwx,go=rx" };
            StepError::Mode { text: text.to_owned(), octal }
        })
    }

    /// The mode of something that had `mode` before.
    pub(super) fn of(&self, mode: u32, folder: bool) -> u32 {
        match self {
            Self::Is(mode) => *mode,
            Self::Changes(changes) => changes.iter().fold(mode, |mode, change| change.of(mode, folder)),
        }
    }
}

impl Change {
    fn of(self, mode: u32, folder: bool) -> u32 {
        let bits = match self.what {
            What::CopyOf(shift) => ((mode >> shift) & 0o7) * 0o111,
            What::Bits { bits, search } if search && (folder || mode & 0o111 != 0) => bits | 0o111,
            What::Bits { bits, .. } => bits,
        };
        let bits = bits & self.who;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !self.who | bits,
        }
    }
}

fn octal(text: &str) -> Option<u32> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u32::from_str_radix(text, 8).ok().filter(|_| digits)
}

fn symbolic(text: &str) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    for clause in text.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let (classes, mut actions) = clause.split_at_checked(at)?;
        let who = who(classes)?;
        while let Some(operator) = actions.chars().next() {
            let rest = actions.get(1..)?;
            let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
            let (what, behind) = rest.split_at_checked(end)?;
            changes.push(Change { who, operator, what: self::what(what)? });
            actions = behind;
        }
    }
    Some(changes)
}

/// The bits that belong to the classes; nobody named is everybody.
fn who(classes: &str) -> Option<u32> {
    if classes.is_empty() {
        return Some(0o1000 | 0o6000 | EVERYBODY);
    }
    classes.chars().try_fold(0, |who, class| {
        Some(
            who | match class {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => 0o7777,
                _ => return None,
            },
        )
    })
}

fn what(text: &str) -> Option<What> {
    match text {
        "u" => return Some(What::CopyOf(6)),
        "g" => return Some(What::CopyOf(3)),
        "o" => return Some(What::CopyOf(0)),
        _ => {}
    }
    let (mut bits, mut search) = (0, false);
    for letter in text.chars() {
        match letter {
            'r' => bits |= 0o444,
            'w' => bits |= 0o222,
            'x' => bits |= 0o111,
            's' => bits |= 0o6000,
            't' => bits |= 0o1000,
            'X' => search = true,
            _ => return None,
        }
    }
    Some(What::Bits { bits, search })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_change_what_chmod_would_change() {
        for (text, before, file, folder) in [
            ("755", 0o600, 0o755, 0o755),
            ("4755", 0o600, 0o4755, 0o4755),
            ("u+x", 0o644, 0o744, 0o744),
            ("+x", 0o644, 0o755, 0o755),
            ("a=r,u+w", 0o777, 0o644, 0o644),
            ("go-rwx", 0o775, 0o700, 0o700),
            ("u=rwX,go=rX", 0o600, 0o644, 0o755),
            ("a+X", 0o700, 0o711, 0o711),
            ("g=u,o=", 0o750, 0o770, 0o770),
            ("u+s,g+s", 0o755, 0o6755, 0o6755),
            ("u=rw+x-w", 0o000, 0o500, 0o500),
        ] {
            let mode = Mode::parse(text).unwrap();
            assert_eq!((mode.of(before, false), mode.of(before, true)), (file, folder), "{text}");
        }
    }

    #[test]
    fn what_chmod_does_not_know_is_refused() {
        for text in ["", "7", "75", "79999", "888", "x", "u", "u+q", "z+x", "u+x,", ",u+x", "u+ug", "0x1ff", "u+ü"] {
            assert!(Mode::parse(text).is_err(), "{text:?}");
        }
    }
}
