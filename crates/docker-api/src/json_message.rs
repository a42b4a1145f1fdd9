//! [`JsonMessage`]: one line of the stream that pull, push, load and build answer with.

use serde::{Deserialize, Serialize};

use crate::ErrorBody;

/// One line of a progress stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JsonMessage {
    /// Text for the user, with its line end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How far it is; docker sends an empty object with every status that has an id.
    #[serde(default, rename = "progressDetail", skip_serializing_if = "Option::is_none")]
    pub progress_detail: Option<ProgressDetail>,
    /// What it is done to: a layer's short digest, a tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Data for programs: the id of a built image, the digest of a pushed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aux: Option<serde_json::Value>,
    /// Why the operation failed; always the last line.
    #[serde(default, rename = "errorDetail", skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<ErrorDetail>,
    /// The same as text, for old clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Sprat's stable code of the error, as plain error answers have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do about the error, if its text does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Bytes done and to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressDetail {
    /// Bytes done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    /// Bytes in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// Why an operation failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// Exit status of a build step; the docker CLI ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// What happened.
    #[serde(default)]
    pub message: String,
}

impl JsonMessage {
    /// Text for the user.
    #[must_use]
    pub fn stream(text: impl Into<String>) -> Self {
        Self { stream: Some(text.into()), ..Self::default() }
    }

    /// A status of the operation as a whole, or of `id`.
    #[must_use]
    pub fn status(id: &str, status: impl Into<String>) -> Self {
        Self {
            status: Some(status.into()),
            id: (!id.is_empty()).then(|| id.to_owned()),
            progress_detail: (!id.is_empty()).then(ProgressDetail::default),
            ..Self::default()
        }
    }

    /// Data for programs.
    #[must_use]
    pub fn aux(value: serde_json::Value) -> Self {
        Self { aux: Some(value), ..Self::default() }
    }

    /// The operation failed; `status` is the exit status of a build step.
    #[must_use]
    pub fn error(body: ErrorBody, status: Option<i32>) -> Self {
        let ErrorBody { message, code, hint } = body;
        let error_detail = Some(ErrorDetail { code: status, message: message.clone() });
        Self { error: Some(message), error_detail, code, hint, ..Self::default() }
    }

    /// The line as it goes over the wire, with docker's line end.
    #[must_use]
    pub fn to_line(&self) -> String {
        // These types always serialise: string keys and finite numbers only.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push_str("\r\n");
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_like_dockers() {
        assert_eq!(JsonMessage::stream("Step 1/1\n").to_line(), "{\"stream\":\"Step 1/1\\n\"}\r\n");
        assert_eq!(
            JsonMessage::status("abc", "Pull complete").to_line(),
            "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"abc\"}\r\n"
        );
        assert_eq!(
            JsonMessage::error(ErrorBody { message: "no".to_owned(), code: None, hint: None }, Some(3)).to_line(),
            "{\"errorDetail\":{\"code\":3,\"message\":\"no\"},\"error\":\"no\"}\r\n"
        );
    }
}
