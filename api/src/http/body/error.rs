//! What can be wrong with a body.

use std::fmt;

use poem::error::ResponseError;
use poem::http::StatusCode;

/// Why a body was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// No `Content-Type`, one that is not JSON in UTF-8, or a `Content-Encoding`.
    UnsupportedMediaType {
        /// What was sent instead, where anything was.
        found: Option<String>,
    },
    /// Longer than the limit, declared or read.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not one JSON document in which every name is used once.
    Malformed {
        /// What is wrong, with line and column.
        message: String,
    },
    /// JSON that does not fit the schema; never empty.
    Fields(Vec<FieldError>),
}

impl BodyError {
    /// The code of the answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedMediaType { .. } => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooLarge { .. } => "PAYLOAD_TOO_LARGE",
            Self::Malformed { .. } => "MALFORMED_JSON",
            Self::Fields(errors) if errors.iter().all(|error| error.code == "UNKNOWN_FIELD") => {
                "UNKNOWN_FIELD"
            }
            Self::Fields(_) => "VALIDATION_ERROR",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedMediaType { found: Some(found) } => {
                write!(formatter, "The body must be application/json, not {found}")
            }
            Self::UnsupportedMediaType { found: None } => {
                formatter.write_str("The body must be sent with Content-Type: application/json")
            }
            Self::TooLarge { limit } => write!(formatter, "The body is longer than {limit} bytes"),
            Self::Malformed { message } => write!(formatter, "Malformed JSON: {message}"),
            Self::Fields(_) if self.code() == "UNKNOWN_FIELD" => formatter.write_str("Unknown field"),
            Self::Fields(_) => formatter.write_str("Validation failed"),
        }
    }
}

impl std::error::Error for BodyError {}

impl ResponseError for BodyError {
    fn status(&self) -> StatusCode {
        match self {
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed { .. } | Self::Fields(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// One thing that does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where in the body: a JSON pointer (RFC 6901), empty for the whole.
    pub pointer: String,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people. It never repeats a value that was sent.
    pub message: String,
}

impl From<tenon_common::error::FieldError> for FieldError {
    fn from(error: tenon_common::error::FieldError) -> Self {
        Self { pointer: error.pointer, code: error.code, message: error.message }
    }
}

impl FieldError {
    /// A refusal by a type's own parser, which does not say where.
    pub(super) fn of_the_whole(message: &str) -> Self {
        let message = message.chars().take(200).collect();
        Self { pointer: String::new(), code: "INVALID_VALUE", message }
    }

    /// The name of the field in the answer's `details`: `email`, `stages.0.name`, or `body` for the whole.
    #[must_use]
    pub fn name(&self) -> String {
        match self.pointer.strip_prefix('/') {
            Some(path) => path.replace('/', ".").replace("~1", "/").replace("~0", "~"),
            None => "body".to_owned(),
        }
    }
}
