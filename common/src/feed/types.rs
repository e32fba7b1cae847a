//! Which types of events a reader wants.

use std::collections::BTreeSet;

use crate::error::{Error, QueryCode, Result};
use crate::event::EventType;

/// The most names of one request.
const MAX_NAMES: usize = 100;

/// Types of events by their names and by their objects; none of either: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    names: Vec<String>,
    objects: Vec<String>,
}

impl Types {
    /// Reads names that are parted by commas, such as `contact.created,lead.*`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut types = Self::default();
        for name in text.split(',').map(str::trim) {
            let object = name.strip_suffix(".*");
            let known = match object {
                Some(object) => EventType::all().any(|known| object_of(known.name) == object),
                None => EventType::all().any(|known| known.name == name),
            };
            if !known {
                return Err(refused(name));
            }
            match object {
                Some(object) => types.objects.push(object.to_owned()),
                None => types.names.push(name.to_owned()),
            }
        }
        match types.names.len() + types.objects.len() {
            0..=MAX_NAMES => Ok(types),
            _ => Err(error(format!("At most {MAX_NAMES} types"))),
        }
    }

    /// Whole names.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Objects of which all types are wanted: what names begin with.
    pub(super) fn objects(&self) -> &[String] {
        &self.objects
    }
}

/// `contact` of `contact.created`.
fn object_of(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn refused(name: &str) -> Error {
    let objects: BTreeSet<&str> = EventType::all().map(|known| object_of(known.name)).collect();
    let objects: Vec<String> = objects.into_iter().map(|object| format!("{object}.*")).collect();
    let name: String = name.chars().take(100).collect();
    error(format!(
        "There is no type {name:?}; expected names such as contact.created, or all of an object: {}",
        objects.join(", ")
    ))
}

fn error(message: String) -> Error {
    Error::Query { code: QueryCode::Parameter, parameter: "types", message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_objects_are_told_apart() {
        let types = Types::parse("contact.created, lead.*,association.created").expect("types");
        assert_eq!(types.names(), ["contact.created", "association.created"]);
        assert_eq!(types.objects(), ["lead"]);
        for wrong in ["", "contact", "contact.create", "contact.*,", "*", ".*", "contact.cre.*", "contact..*"]
        {
            assert!(Types::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Types::parse(&"lead.*,".repeat(100)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(types) = Types::parse(&text) {
                prop_assert!(types.names().iter().all(|name| EventType::all().any(|known| known.name == name)));
            }
        }
    }
}
