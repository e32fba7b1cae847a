//! Records of which some members are shown.

use std::borrow::Cow;
use std::sync::Arc;

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::http::response::Shape;

/// A record, or those of its members that were asked for. The document shows the whole record.
#[derive(Debug)]
pub struct Selected<T> {
    record: T,
    fields: Option<Arc<[&'static str]>>,
}

impl<T> Selected<T> {
    /// With all members where `fields` names none.
    pub fn new(record: T, fields: &Option<Arc<[&'static str]>>) -> Self {
        Self { record, fields: fields.clone() }
    }

    fn cut(&self, mut whole: Value) -> Value {
        if let (Some(fields), Value::Object(members)) = (&self.fields, &mut whole) {
            members.retain(|name, _| fields.contains(&name.as_str()));
        }
        whole
    }
}

impl<T: Type> Type for Selected<T> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl<T: Shape> ToJSON for Selected<T> {
    fn to_json(&self) -> Option<Value> {
        self.record.to_json().map(|whole| self.cut(whole))
    }
}

impl<T: Shape> ParseFromJSON for Selected<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match T::parse_from_json(value) {
            Ok(record) => Ok(Self { record, fields: None }),
            Err(error) => Err(error.propagate()),
        }
    }
}

impl<T: Shape> Serialize for Selected<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.fields.is_none() {
            return self.record.serialize(serializer);
        }
        let whole = serde_json::to_value(&self.record).map_err(serde::ser::Error::custom)?;
        self.cut(whole).serialize(serializer)
    }
}
