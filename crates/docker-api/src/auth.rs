//! [`RegistryAuth`]: the headers `X-Registry-Auth` and `X-Registry-Config`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use crate::lenient::null_default;

/// Most bytes of such a header.
const MAX_HEADER_BYTES: usize = 64 * 1024;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);

/// Credentials for one registry as clients send them. Its Debug hides the secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryAuth {
    /// The user's name.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// The password.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// `user:password` in base64, as credential files have it.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub auth: String,
    /// The registry's address.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub serveraddress: String,
    /// A token that replaces the password.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub identitytoken: String,
    /// A bearer token for the registry itself.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    pub registrytoken: String,
}

/// Why a header is refused. It never repeats the header, which holds secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It is too long.
    #[error("invalid X-Registry-Auth header: more than {MAX_HEADER_BYTES} bytes")]
    TooLarge,
    /// It is no base64.
    #[error("invalid X-Registry-Auth header: must be a valid base64url-encoded auth config")]
    Base64,
    /// What it holds is no credentials.
    #[error("invalid X-Registry-Auth header: the decoded JSON is not an auth config")]
    Json,
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAuth").field("serveraddress", &self.serveraddress).finish_non_exhaustive()
    }
}

impl RegistryAuth {
    /// Reads `X-Registry-Auth`: base64 (URL-safe or not, padded or not) of JSON. Empty is no credentials.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn from_header(value: &str) -> Result<Self, AuthError> {
        let auth: Option<Self> = decode(value)?;
        Ok(auth.unwrap_or_default().with_auth_split())
    }

    /// Reads `X-Registry-Config`: credentials by registry, for builds.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn map_from_header(value: &str) -> Result<BTreeMap<String, Self>, AuthError> {
        let map: Option<BTreeMap<String, Self>> = decode(value)?;
        Ok(map.unwrap_or_default().into_iter().map(|(host, auth)| (host, auth.with_auth_split())).collect())
    }

    /// True if there is nothing to log in with.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.username.is_empty() && self.identitytoken.is_empty() && self.registrytoken.is_empty()
    }

    /// The header's value.
    #[must_use]
    pub fn to_header(&self) -> String {
        URL_SAFE.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Fills user and password from `auth` where a client sends only that.
    fn with_auth_split(mut self) -> Self {
        let decoded = STANDARD.decode(&self.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((user, password)) = decoded.as_deref().and_then(|text| text.split_once(':'))
            && self.username.is_empty()
        {
            user.clone_into(&mut self.username);
            password.clone_into(&mut self.password);
        }
        self
    }
}

fn decode<T: for<'de> Deserialize<'de>>(value: &str) -> Result<Option<T>, AuthError> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    if value.len() > MAX_HEADER_BYTES {
        return Err(AuthError::TooLarge);
    }
    let bytes = URL_SAFE.decode(value).or_else(|_| STANDARD.decode(value)).map_err(|_| AuthError::Base64)?;
    serde_json::from_slice(&bytes).map_err(|_| AuthError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_of_base64_is_read() {
        let auth = RegistryAuth { username: "u>>??".into(), password: "p~~ÿ".into(), ..RegistryAuth::default() };
        let json = serde_json::to_vec(&auth).unwrap();
        use base64::engine::general_purpose as gp;
        for text in [
            gp::STANDARD.encode(&json),
            gp::STANDARD_NO_PAD.encode(&json),
            gp::URL_SAFE.encode(&json),
            gp::URL_SAFE_NO_PAD.encode(&json),
            auth.to_header(),
        ] {
            assert_eq!(RegistryAuth::from_header(&text).unwrap(), auth, "{text}");
        }
    }

    #[test]
    fn no_credentials_come_in_several_shapes() {
        for text in ["", "e30=", "e30", "bnVsbA=="] {
            assert!(RegistryAuth::from_header(text).unwrap().is_anonymous(), "{text}");
        }
    }

    #[test]
    fn a_header_that_is_none_is_refused_without_repeating_it() {
        for text in ["%%%", "c2VjcmV0", "WzFd"] {
            let message = RegistryAuth::from_header(text).unwrap_err().to_string();
            assert!(!message.contains(text), "{message}");
        }
        assert_eq!(RegistryAuth::from_header(&"A".repeat(100_000)), Err(AuthError::TooLarge));
    }

    #[test]
    fn the_auth_field_is_split() {
        let header = STANDARD.encode(format!(r#"{{"auth":"{}"}}"#, STANDARD.encode("me:pass:word")));
        let auth = RegistryAuth::from_header(&header).unwrap();
        assert_eq!((auth.username.as_str(), auth.password.as_str()), ("me", "pass:word"));
        assert!(!format!("{auth:?}").contains("pass"));
    }

    #[test]
    fn a_build_brings_credentials_by_registry() {
        let header = URL_SAFE.encode(r#"{"localhost:5000":{"username":"a","password":"b"}}"#);
        let map = RegistryAuth::map_from_header(&header).unwrap();
        assert_eq!(map["localhost:5000"].username, "a");
    }
}
