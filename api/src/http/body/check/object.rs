//! Objects: known names, missing names, the values of maps.

use serde_json::{Map, Value};

use super::super::schema::Parts;
use super::Check;

/// A name longer than this is not repeated to whoever sent it.
const LONGEST_NAME: usize = 200;

impl<'s> Check<'s> {
    pub(super) fn object(&mut self, parts: &Parts<'s>, object: &Map<String, Value>) {
        for (name, value) in object {
            if name.len() > LONGEST_NAME {
                self.refuse("UNKNOWN_FIELD", format!("A name is longer than {LONGEST_NAME} bytes"));
            } else {
                self.at(name, |check| check.entry(parts, name, value));
            }
        }
        for name in parts.all.iter().flat_map(|part| &part.required) {
            if !object.contains_key(*name) {
                self.at(name, Check::missing);
            }
        }
    }

    fn entry(&mut self, parts: &Parts<'s>, name: &str, value: &Value) {
        let mut known = false;
        for schema in parts.properties(name) {
            known = true;
            let required = parts.all.iter().any(|part| part.required.contains(&name));
            if value.is_null() && required && !self.schema.parts(schema).accepts_null() {
                self.missing();
            } else {
                self.value(schema, value);
            }
        }
        match parts.additional() {
            _ if known => {}
            Some(schema) => {
                self.text(name);
                self.value(schema, value);
            }
            None if self.lenient => {}
            None => self.unknown(parts, name),
        }
    }

    fn missing(&mut self) {
        self.refuse("REQUIRED", "This field is required");
    }

    fn unknown(&mut self, parts: &Parts<'s>, name: &str) {
        let letters = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
        let wanted = letters(name);
        match parts.property_names().find(|known| letters(known) == wanted) {
            Some(meant) => self.refuse("UNKNOWN_FIELD", format!("Unknown field, did you mean {meant}?")),
            None => self.refuse("UNKNOWN_FIELD", "Unknown field"),
        }
    }
}
