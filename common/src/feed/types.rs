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

    /// What is left of them for a reader who may not have all. Types that were named must all be for the reader; where none was, those that
    /// are not are left out.
    ///
    /// # Errors
    /// What `may` refuses of a type that was named.
    pub fn for_reader(mut self, may: impl Fn(&EventType) -> Result<()>) -> Result<Self> {
        if !self.names.is_empty() || !self.objects.is_empty() {
            EventType::all().filter(|event| self.names_it(event)).try_for_each(may)?;
            return Ok(self);
        }
        let readable = EventType::all().filter(|event| may(event).is_ok());
        let names: Vec<String> = readable.map(|event| event.name.to_owned()).collect();
        if names.len() < EventType::all().count() {
            // Without any name all would be wanted; nothing is called so.
            self.names = if names.is_empty() { vec![String::new()] } else { names };
        }
        Ok(self)
    }

    fn names_it(&self, event: &EventType) -> bool {
        let object = object_of(event.name);
        self.names.iter().any(|name| name == event.name) || self.objects.iter().any(|named| named == object)
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

    #[test]
    fn a_reader_gets_what_it_may_have_and_is_told_of_what_it_named_and_may_not() {
        let contacts = |event: &EventType| match event.name.starts_with("contact.") {
            true => Ok(()),
            false => Err(Error::Forbidden(event.name.to_owned())),
        };
        let of = |types: Types| types.for_reader(contacts);
        let all = of(Types::default()).expect("types");
        assert!(all.names().iter().all(|name| name.starts_with("contact.")) && all.names().len() > 3);
        assert_eq!(of(Types::parse("contact.*").expect("types")).expect("types").objects(), ["contact"]);
        for named in ["contact.*,lead.created", "lead.*"] {
            assert!(of(Types::parse(named).expect("types")).is_err(), "{named}");
        }
        assert_eq!(Types::default().for_reader(|_| Ok(())).expect("types"), Types::default());
        let nothing = Types::default().for_reader(|_| Err(Error::Forbidden(String::new()))).expect("types");
        assert_eq!(nothing.names(), [""]);
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
