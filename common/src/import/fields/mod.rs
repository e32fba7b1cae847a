//! The fields that cells are for: how a cell's text is read into what a caller says of a record, and what a record's text is.

mod activity;
mod company;
mod contact;
mod default;
mod lead;
mod number;
mod read;
mod time;
mod written;

use unicode_normalization::UnicodeNormalization;

use crate::crm::record::Record;
use crate::import::Object;
use crate::import::object::dispatch;
use crate::rules::Broken;

pub(in crate::import) use default::wrong_defaults;
pub(in crate::import) use number::sign_of;
pub use read::Formats;
pub(in crate::import) use time::parted;
pub(in crate::import) use written::{canonical, check, currency_agrees};

/// A kind of record that rows become.
pub trait Importable: Record {
    /// The kind.
    const OBJECT: Object;
    /// What rows can say of it.
    const FIELDS: &'static [Field<Self>];
    /// What columns can say of a field together, in their order.
    const PARTS: &'static [Part] = &[];
    /// The field with a value of money, and the one with its currency.
    const MONEY: Option<(&'static str, &'static str)> = None;
}

/// A part of a text field, which has a column of its own in many files: the parts are joined by blanks.
pub struct Part {
    /// The name that a mapping has for it.
    pub name: &'static str,
    /// The field.
    pub of: &'static str,
    /// What columns for it are called too, as of [`Field::also`].
    pub also: &'static [&'static str],
}

/// Says a cell's text of a draft; none clears the field.
type Set<D> = fn(&mut D, Option<&str>, &Formats) -> Result<(), Broken>;

/// A field that a column can be for.
pub struct Field<R: Record> {
    /// The name on the wire.
    pub name: &'static str,
    /// What columns for it are called too, the most telling names first: in lower case, letters without accents and digits only. Where the
    /// field's own name is not among them, it is before them.
    pub also: &'static [&'static str],
    /// Says a cell's text; none clears the field.
    pub(super) set: Set<R::Draft>,
    /// The field's text, which `set` reads again with [`Formats::default`].
    pub(super) get: fn(&R::Draft) -> Option<String>,
}

/// A field as people are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether a row can be matched by it.
    pub is_key: bool,
    /// The field of which it is a part.
    pub part_of: Option<&'static str>,
    also: &'static [&'static str],
}

impl FieldName {
    /// How much a column's name means the field, the less the more; none where it does not.
    pub fn rank(&self, column: &str) -> Option<usize> {
        if column == self.name {
            return Some(0);
        }
        let column = plain(column);
        match self.also.iter().position(|also| *also == column) {
            Some(place) => Some(place + 2),
            None => (!column.is_empty() && plain(self.name) == column).then_some(1),
        }
    }
}

/// Letters without their accents and digits, in lower case.
fn plain(name: &str) -> String {
    let bare = name.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    bare.collect::<String>().replace('ß', "ss").replace('ø', "o").replace('ł', "l")
}

/// The column by which rows name the records that are there: no field of a new one.
pub const ID: &str = "id";

/// The fields of an object, and its id.
pub fn of(object: Object) -> Vec<FieldName> {
    fn names<R: Importable>() -> Vec<FieldName> {
        let is_key = |name: &str| R::UNIQUE.iter().any(|unique| unique.field == name);
        let field = |field: &Field<R>| FieldName {
            name: field.name,
            is_key: is_key(field.name),
            part_of: None,
            also: field.also,
        };
        let part = |part: &Part| FieldName {
            name: part.name,
            is_key: false,
            part_of: Some(part.of),
            also: part.also,
        };
        let id = FieldName { name: ID, is_key: true, part_of: None, also: &[] };
        let all = std::iter::once(id).chain(R::FIELDS.iter().map(field));
        all.chain(R::PARTS.iter().map(part)).collect()
    }
    dispatch!(object, R => names::<R>())
}

/// A field of text.
macro_rules! text {
    ($name:literal, $member:ident, [$($also:literal),*]) => {
        $crate::import::fields::Field {
            name: $name,
            also: &[$($also),*],
            set: |draft, value, _| {
                draft.$member = value.map(str::to_owned);
                Ok(())
            },
            get: |draft| draft.$member.clone(),
        }
    };
}

/// A field that is read by a function of `read`, and shown by another.
macro_rules! field {
    ($name:literal, $member:ident, $read:expr, $show:expr, [$($also:literal),*]) => {
        $crate::import::fields::Field {
            name: $name,
            also: &[$($also),*],
            set: |draft, value, formats| {
                let read: fn(&str, &$crate::import::fields::Formats) -> Result<_, $crate::rules::Broken> = $read;
                draft.$member = value.map(|value| read(value, formats)).transpose()?;
                Ok(())
            },
            get: |draft| draft.$member.as_ref().map($show),
        }
    };
}

/// A field with the id of another record.
macro_rules! id {
    ($name:literal, $member:ident, [$($also:literal),*]) => {
        $crate::import::fields::field!($name, $member, |value, _| $crate::import::fields::read::id(value).map(Into::into),
            |id| id.to_string(), [$($also),*])
    };
}

use {field, id, text};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::activity::Activity;
    use crate::crm::company::Company;
    use crate::crm::contact::Contact;
    use crate::crm::lead::Lead;

    #[test]
    fn a_column_means_one_field_at_most() {
        for object in Object::ALL {
            let fields = of(object);
            for field in &fields {
                for name in field.also.iter().copied().chain([field.name]) {
                    let meant: Vec<_> = fields.iter().filter(|other| other.rank(name).is_some()).collect();
                    assert_eq!(meant, [field], "{object:?} {name}");
                    assert!(name == field.name || name == plain(name), "{name}");
                }
            }
            assert!(fields.iter().any(|field| field.is_key && field.name == "externalId"));
        }
        let email = of(Object::Contacts).into_iter().find(|field| field.name == "email").expect("a field");
        for (column, rank) in [
            ("email", Some(0)),
            ("E-Mail", Some(1)),
            ("Work  É-mail", Some(3)),
            ("Nickname", None),
            ("", None),
        ] {
            assert_eq!(email.rank(column), rank, "{column}");
        }
    }

    /// What a field's text is, the field can be made of.
    #[test]
    fn what_is_shown_is_read_again() {
        fn check<R: Importable>(samples: &[(&str, &str)]) {
            let formats = Formats::default();
            for field in R::FIELDS {
                let sample =
                    samples.iter().find(|(name, _)| *name == field.name).map_or("text", |(_, text)| text);
                let mut draft = R::Draft::default();
                (field.set)(&mut draft, Some(sample), &formats)
                    .unwrap_or_else(|broken| panic!("{}: {broken:?}", field.name));
                let shown = (field.get)(&draft).unwrap_or_else(|| panic!("{} is empty", field.name));
                let mut again = R::Draft::default();
                (field.set)(&mut again, Some(&shown), &formats).expect("what was shown");
                assert_eq!((field.get)(&again), Some(shown), "{}", field.name);
                (field.set)(&mut again, None, &formats).expect("cleared");
                assert_eq!((field.get)(&again), None, "{}", field.name);
            }
        }
        let id = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f";
        let ids = [
            ("ownerId", id),
            ("userId", id),
            ("companyId", id),
            ("contactId", id),
            ("pipelineId", id),
            ("stageId", id),
        ];
        let phone = [("phone", "+14155550123"), ("phoneOriginal", "+1 415 555 0123")];
        check::<Contact>(&[&ids[..], &phone].concat());
        check::<Company>(&[&ids[..], &[("employees", "250")]].concat());
        let lead = [("status", "new"), ("value", "1250.5"), ("expectedCloseDate", "2026-11-28")];
        check::<Lead>(&[&ids[..], &lead].concat());
        let at = "2026-11-28T10:00:00.000Z";
        let activity = [("kind", "call"), ("occurredAt", at), ("dueAt", at), ("completedAt", at)];
        let linked = format!(r#"[{{"type":"lead","id":"{id}"}},{{"type":"contact","id":"{id}"}}]"#);
        let links = [
            ("links", linked.as_str()),
            ("contactIds", id),
            ("companyIds", id),
            ("leadIds", "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f;0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60"),
        ];
        check::<Activity>(&[&ids[..], &activity, &links].concat());
    }
}
