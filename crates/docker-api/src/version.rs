//! [`ApiVersion`]: the version a client speaks, taken from the request's path.

use std::fmt;
use std::str::FromStr;

/// A version of Docker's API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

/// Why a version is refused, in docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It is no version.
    #[error("invalid API version {0:?}: expected two numbers such as 1.41")]
    Malformed(String),
    /// The client is newer than the daemon.
    #[error("client version {0} is too new. Maximum supported API version is {max}", max = ApiVersion::MAX)]
    TooNew(ApiVersion),
    /// The client is older than what is still served.
    #[error(
        "client version {0} is too old. Minimum supported API version is {min}, please upgrade your client to a newer version",
        min = ApiVersion::MIN
    )]
    TooOld(ApiVersion),
}

impl ApiVersion {
    /// The oldest version served.
    pub const MIN: Self = Self::new(1, 24);
    /// The newest version served, and the one of requests that name none.
    pub const MAX: Self = Self::new(1, 51);

    /// A version by its numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// True for 1.`minor` and later.
    #[must_use]
    pub fn at_least(self, minor: u16) -> bool {
        self >= Self::new(1, minor)
    }

    /// Splits `/v1.41/containers/json` into the version and `/containers/json`. A path without a version is of
    /// [`ApiVersion::MAX`].
    ///
    /// # Errors
    /// The version is malformed or not served.
    pub fn split(path: &str) -> Result<(Self, &str), VersionError> {
        let Some((text, rest)) = prefix(path) else { return Ok((Self::MAX, path)) };
        let version: Self = text.parse()?;
        if version > Self::MAX {
            return Err(VersionError::TooNew(version));
        }
        if version < Self::MIN {
            return Err(VersionError::TooOld(version));
        }
        Ok((version, rest))
    }
}

/// The digits and dots behind `/v`, and what follows them; `None` if the path does not begin so.
fn prefix(path: &str) -> Option<(&str, &str)> {
    let text = path.strip_prefix("/v")?;
    let end = text.find('/')?;
    let (version, rest) = text.split_at(end);
    let digits = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.then_some((version, rest))
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || VersionError::Malformed(text.chars().take(32).collect());
        let (major, minor) = text.split_once('.').ok_or_else(malformed)?;
        let number = |part: &str| part.parse().map_err(|_| malformed());
        Ok(Self::new(number(major)?, number(minor)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_taken_off_the_path() {
        assert_eq!(ApiVersion::split("/v1.41/containers/json"), Ok((ApiVersion::new(1, 41), "/containers/json")));
        assert_eq!(ApiVersion::split("/_ping"), Ok((ApiVersion::MAX, "/_ping")));
        assert_eq!(ApiVersion::split("/volumes/v1.41/x"), Ok((ApiVersion::MAX, "/volumes/v1.41/x")));
        assert_eq!(ApiVersion::split("/version"), Ok((ApiVersion::MAX, "/version")));
        assert_eq!(ApiVersion::split("/v1.24/x"), Ok((ApiVersion::MIN, "/x")));
    }

    #[test]
    fn versions_compare_by_number_not_by_text() {
        assert!(ApiVersion::new(1, 9) < ApiVersion::new(1, 24));
        assert!(ApiVersion::new(1, 44).at_least(42));
        assert!(!ApiVersion::new(1, 41).at_least(42));
    }

    #[test]
    fn a_newer_or_older_client_is_told_so_in_dockers_words() {
        let text = |path| ApiVersion::split(path).unwrap_err().to_string();
        assert_eq!(text("/v1.99/info"), "client version 1.99 is too new. Maximum supported API version is 1.51");
        assert!(
            text("/v1.12/info").starts_with("client version 1.12 is too old. Minimum supported API version is 1.24")
        );
    }

    #[test]
    fn malformed_versions_are_refused() {
        for path in ["/v1/x", "/v1./x", "/v1..41/x", "/v1.41.2/x", "/v99999.1/x", "/v1.99999999999/x"] {
            assert!(matches!(ApiVersion::split(path), Err(VersionError::Malformed(_))), "{path}");
        }
    }
}
