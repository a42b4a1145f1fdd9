//! [`ErrorBody`]: how the API tells errors.

use serde::{Deserialize, Serialize};

/// The JSON body of every error answer. `code` and `hint` are Sprat's own; docker's clients ignore them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What happened, for the user.
    pub message: String,
    /// A stable code such as `container_not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do, if the message does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
