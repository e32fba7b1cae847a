//! The collecting validator: one walk over a body beside its schema, which notes everything that does not fit.

mod object;
mod scalar;
mod union;

use poem_openapi::registry::MetaSchemaRef;
use serde_json::Value;

use super::FieldError;
use super::schema::{BodySchema, Parts};

/// So many are told at once: enough for a form, few enough for an answer.
pub(super) const MAX_ERRORS: usize = 100;

/// Everything in `value` that does not fit, in the order of the body; at most [`MAX_ERRORS`].
pub(super) fn check(schema: &BodySchema, value: &Value, lenient: bool) -> Vec<FieldError> {
    let mut check = Check { schema, lenient, pointer: String::new(), errors: Vec::new() };
    check.value(&schema.root, value);
    check.errors
}

struct Check<'s> {
    schema: &'s BodySchema,
    /// Unknown fields are passed over.
    lenient: bool,
    /// Where the walk is.
    pointer: String,
    errors: Vec<FieldError>,
}

impl<'s> Check<'s> {
    fn value(&mut self, schema: &'s MetaSchemaRef, value: &Value) {
        self.fits(&self.schema.parts(schema), value);
    }

    fn fits(&mut self, parts: &Parts<'s>, value: &Value) {
        if let Some(union) = parts.union() {
            if !(value.is_null() && parts.accepts_null()) {
                self.union(union, value);
            }
            return;
        }
        match (parts.type_name(), value) {
            ("", _) => self.anything(value),
            (_, Value::Null) if parts.accepts_null() => return,
            ("string", Value::String(_))
            | ("boolean", Value::Bool(_))
            | ("number" | "integer", Value::Number(_)) => {}
            ("array", Value::Array(items)) => self.items(parts, items),
            ("object", Value::Object(object)) => self.object(parts, object),
            (expected, found) => return self.wrong_type(expected, found),
        }
        for part in &parts.all {
            self.constraints(part, value);
        }
    }

    fn items(&mut self, parts: &Parts<'s>, items: &[Value]) {
        for schema in parts.all.iter().filter_map(|part| part.items.as_deref()) {
            for (index, item) in items.iter().enumerate() {
                self.at(&index.to_string(), |check| check.value(schema, item));
            }
        }
    }

    /// Where any JSON is welcome, text still has to be text that the database can keep.
    fn anything(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.at(&index.to_string(), |check| check.anything(item));
                }
            }
            Value::Object(object) => {
                for (name, value) in object {
                    self.at(name, |check| {
                        check.text(name);
                        check.anything(value);
                    });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// PostgreSQL's text has no NUL.
    fn text(&mut self, text: &str) {
        if text.contains('\0') {
            self.refuse("INVALID_CHARACTER", "Must not contain the character U+0000");
        }
    }

    fn wrong_type(&mut self, expected: &str, found: &Value) {
        let message = format!("Expected {}, found {}", with_article(expected), kind(found));
        self.refuse("INVALID_TYPE", message);
    }

    /// Does something one step further down.
    fn at<T>(&mut self, token: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        push_token(&mut self.pointer, token);
        let result = inner(self);
        self.pointer.truncate(length);
        result
    }

    fn refuse(&mut self, code: &'static str, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FieldError { pointer: self.pointer.clone(), code, message: message.into() });
        }
    }
}

/// Appends a reference token, escaped as RFC 6901 asks: `~` is `~0`, `/` is `~1`.
fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

fn with_article(type_name: &str) -> String {
    match type_name {
        "integer" => "an integer".to_owned(),
        "array" | "object" => format!("an {type_name}"),
        other => format!("a {other}"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
