//! Signals by name or number, and what they mean to a guest: WASI has none, so most mean nothing.

use sprat_sandbox::Stop;

use crate::EngineError;

/// Linux's signals by number, from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];
/// The lowest real-time signal that programs may use.
const FIRST_REAL_TIME: u32 = 34;
/// The highest real-time signal.
const LAST: u32 = 64;

/// A signal that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal(u32);

impl Signal {
    pub(crate) const KILL: Self = Self(9);

    /// Parses `KILL`, `SIGKILL`, `kill` or `9`.
    pub(crate) fn parse(text: &str) -> Result<Self, EngineError> {
        let unknown = || EngineError::Invalid(format!("invalid signal: {text}"));
        if let Ok(number) = text.parse::<u32>() {
            return if (1..=LAST).contains(&number) { Ok(Self(number)) } else { Err(unknown()) };
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let offset = |text: &str| text.parse::<u32>().ok().filter(|offset| *offset <= 30);
        let real_time = match name.split_at_checked(5) {
            Some(("RTMIN", "")) => Some(FIRST_REAL_TIME),
            Some(("RTMAX", "")) => Some(LAST),
            Some(("RTMIN", rest)) => rest.strip_prefix('+').and_then(offset).map(|offset| FIRST_REAL_TIME + offset),
            Some(("RTMAX", rest)) => rest.strip_prefix('-').and_then(offset).map(|offset| LAST - offset),
            _ => None,
        };
        if let Some(number) = real_time {
            return Ok(Self(number));
        }
        let name = match name {
            "IOT" => "ABRT",
            "CLD" => "CHLD",
            "POLL" => "IO",
            other => other,
        };
        let index = NAMES.iter().position(|known| *known == name).ok_or_else(unknown)?;
        Ok(Self(u32::try_from(index).map_err(|_| unknown())? + 1))
    }

    /// Its number.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// What it does to a guest at once, if anything.
    pub(crate) const fn effect(self) -> Option<Stop> {
        match self.0 {
            9 => Some(Stop::Kill),
            15 => Some(Stop::Terminate),
            2 => Some(Stop::Interrupt),
            _ => None,
        }
    }

    /// What it does as a container's stop signal: a guest can't handle any, so each ends it.
    pub(crate) const fn as_stop(self) -> Stop {
        match self.effect() {
            Some(stop) => stop,
            None => Stop::Terminate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_mean_the_same() {
        for text in ["KILL", "SIGKILL", "sigkill", "9"] {
            assert_eq!(Signal::parse(text).unwrap(), Signal::KILL, "{text}");
        }
        assert_eq!(Signal::parse("TERM").unwrap(), Signal(15));
        assert_eq!(Signal::parse("HUP").unwrap().effect(), None);
        for (text, number) in [("SIGRTMIN+3", 37), ("RTMIN", 34), ("SIGRTMAX", 64), ("RTMAX-1", 63), ("IOT", 6)] {
            assert_eq!(Signal::parse(text).unwrap().number(), number, "{text}");
        }
        for text in ["", "0", "65", "SIG", "NOPE", "-9"] {
            assert!(Signal::parse(text).is_err(), "{text}");
        }
    }
}
