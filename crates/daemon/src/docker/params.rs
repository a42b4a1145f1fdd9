//! [`Params`]: a request's query, and [`Version`]: its API version, as extractors.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use sprat_docker_api::{ApiVersion, Filters, parse_bool, parse_time};

use super::ApiError;

/// The query's parameters in their order; keys may repeat.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Parses a query.
    pub(super) fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value of a key, if it is not empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// All values of a key that are not empty.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A boolean as docker reads it.
    pub(super) fn flag(&self, key: &str) -> bool {
        parse_bool(self.get(key))
    }

    /// A number.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, ApiError> {
        let parse = |text: &str| {
            text.parse().map_err(|_| ApiError::invalid(format!("invalid value {text:?} for {key}: expected a number")))
        };
        self.text(key).map(parse).transpose()
    }

    /// A stop timeout in seconds; -1 (docker's "no limit") is the longest one.
    pub(super) fn timeout(&self, key: &str) -> Result<Option<Duration>, ApiError> {
        let seconds: Option<i64> = self.number(key)?;
        Ok(seconds.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(u32::MAX.into()))))
    }

    /// A time.
    pub(super) fn time(&self, key: &str) -> Result<Option<Timestamp>, ApiError> {
        Ok(parse_time(self.get(key).unwrap_or_default(), Timestamp::now())?)
    }

    /// The `filters` parameter.
    pub(super) fn filters(&self) -> Result<Filters, ApiError> {
        Ok(Filters::parse(self.get("filters").unwrap_or_default())?)
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// The API version of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(pub(super) ApiVersion);

impl<S: Sync> FromRequestParts<S> for Version {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<ApiVersion>().copied().unwrap_or(ApiVersion::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_and_escapes_are_read() {
        let params = Params::parse("t=a%3A1&t=b&x=1&empty=&filters=%7B%22label%22%3A%5B%22a%22%5D%7D");
        assert_eq!(params.all("t").collect::<Vec<_>>(), ["a:1", "b"]);
        assert!(params.flag("x"));
        assert_eq!(params.text("empty"), None);
        assert_eq!(params.filters().unwrap().get("label"), ["a"]);
    }

    #[test]
    fn a_number_that_is_none_is_an_error() {
        assert_eq!(Params::parse("t=x").number::<u16>("t").unwrap_err().status, 400);
        assert_eq!(Params::parse("t=99999").number::<u16>("t").unwrap_err().status, 400);
        assert_eq!(Params::parse("").number::<u16>("t"), Ok(None));
    }

    #[test]
    fn a_negative_timeout_waits_long() {
        assert!(Params::parse("t=-1").timeout("t").unwrap().unwrap() > Duration::from_secs(1 << 30));
        assert_eq!(Params::parse("t=0").timeout("t").unwrap(), Some(Duration::ZERO));
    }
}
