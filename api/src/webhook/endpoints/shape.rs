//! What is said of the form in which a webhook gets events: whole or thin, and with headers of its own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use poem_openapi::Enum;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;
use tenon_common::webhook::endpoint::HeadersDraft;

/// In which form bodies are sent.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename = "WebhookPayload", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum PayloadForm {
    /// With all of the object. A body over 256 KiB is thin and has `truncated`.
    Full,
    /// With ids in the place of what the object says, and with the names of what has changed.
    Thin,
}

impl PayloadForm {
    /// As it is kept.
    pub fn name(self) -> String {
        match self {
            Self::Full => "full".to_owned(),
            Self::Thin => "thin".to_owned(),
        }
    }

    /// The form of a name.
    pub fn of(name: &str) -> Self {
        if name == "thin" { Self::Thin } else { Self::Full }
    }
}

/// The value of a header: taken, and never shown, nor written by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderText(String);

/// The same, or null where the header is to go.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderChange(Option<String>);

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderText(…)")
    }
}

impl fmt::Debug for HeaderChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderChange(…)")
    }
}

macro_rules! header_type {
    ($type:ident, $nullable:literal) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                let text = MetaSchema { nullable: $nullable, ..MetaSchema::new("string") };
                MetaSchemaRef::Inline(Box::new(text))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }

        impl ToJSON for $type {
            /// Nothing: an example of one would be no secret.
            fn to_json(&self) -> Option<Value> {
                None
            }
        }
    };
}

header_type!(HeaderText, false);
header_type!(HeaderChange, true);

impl ParseFromJSON for HeaderText {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            _ => Err(ParseError::expected_input()),
        }
    }
}

impl ParseFromJSON for HeaderChange {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(Some(text))),
            Some(Value::Null) | None => Ok(Self(None)),
            Some(_) => Err(ParseError::expected_input()),
        }
    }
}

/// All the headers that there are to be; where nobody says, they stay.
pub(super) fn replaced(headers: Option<&BTreeMap<String, HeaderText>>) -> HeadersDraft {
    let Some(headers) = headers else { return HeadersDraft::Keep };
    HeadersDraft::Replace(headers.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect())
}

/// The headers that change.
pub(super) fn merged(headers: &BTreeMap<String, HeaderChange>) -> HeadersDraft {
    HeadersDraft::Merge(headers.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect())
}
