//! What new records say where their rows say nothing.

use super::read::Formats;
use super::{Field, Importable, canonical};
use crate::crm::record::Draft;
use crate::error::FieldError;
use crate::import::Options;
use crate::import::guess::ColumnFormat;
use crate::import::object::dispatch;
use crate::import::reader::Cell;
use crate::phone::Country;

/// All that is wrong with the defaults of an import, by their fields: a default that cannot be read would say nothing.
pub(in crate::import) fn wrong_defaults(options: &Options) -> Vec<FieldError> {
    dispatch!(options.object, R => wrong::<R>(options))
}

fn wrong<R: Importable>(options: &Options) -> Vec<FieldError> {
    let said = ColumnFormat { decimal_sign: options.decimal_sign, date_format: Some(options.date_format) };
    let country = options.phone_country.as_deref().and_then(Country::parse);
    let formats = Formats { date: options.date_format, country };
    let refused = |field: &str, code, message| FieldError::new(&format!("defaults/{field}"), code, message);
    let (mut draft, mut errors) = (R::Draft::default(), Vec::new());
    for (name, value) in &options.defaults {
        let Some(field) = R::FIELDS.iter().find(|field: &&Field<R>| field.name == name) else { continue };
        let cell = Cell::Text(value.clone());
        let read = canonical(name, &cell, Some(&said));
        if let Err((code, message)) = read.and_then(|text| (field.set)(&mut draft, Some(&*text), &formats)) {
            errors.push(refused(name, code, message));
        }
    }
    // How precise a value may be, its currency says, which a row may have.
    let is_of_row = |error: &FieldError| {
        let waits = R::MONEY.is_some_and(|(_, currency)| !options.defaults.contains_key(currency));
        error.code == "REQUIRED" || (waits && error.code == "TOO_PRECISE")
    };
    let broken = draft.check().err().unwrap_or_default();
    let of_default = |error: &FieldError| options.defaults.contains_key(&error.field()) && !is_of_row(error);
    let of_rules = broken.into_iter().filter(of_default);
    errors.extend(of_rules.map(|error| refused(&error.field(), error.code, error.message.clone())));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{DateFormat, DecimalSign, Object};

    fn refused(options: &Options) -> Vec<(String, &'static str)> {
        wrong_defaults(options).into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn defaults_that_cannot_be_read_are_named() {
        let mut options = Options::new(Object::Leads);
        let defaults = [
            ("status", "NEW"),
            ("value", "1.250"),
            ("currency", "euros"),
            ("expectedCloseDate", "28.11.2026"),
            ("title", " "),
        ];
        options.defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let named = |field: &str| format!("/defaults/{field}");
        assert_eq!(
            refused(&options),
            [
                (named("expectedCloseDate"), "INVALID_DATE"),
                (named("value"), "AMBIGUOUS_NUMBER"),
                (named("title"), "INVALID_LENGTH"),
                (named("currency"), "INVALID_CURRENCY"),
            ]
        );
        options.decimal_sign = Some(DecimalSign::Comma);
        options.date_format = DateFormat::DayFirst;
        options.defaults.insert("currency".to_owned(), "eur".to_owned());
        options.defaults.insert("title".to_owned(), "Untitled".to_owned());
        assert_eq!(refused(&options), []);
    }

    #[test]
    fn a_value_may_be_as_precise_as_the_currency_of_its_row() {
        let mut options = Options::new(Object::Leads);
        options.defaults.insert("value".to_owned(), "1.2345".to_owned());
        assert_eq!(refused(&options), []);
        options.defaults.insert("currency".to_owned(), "EUR".to_owned());
        assert_eq!(refused(&options), [("/defaults/value".to_owned(), "TOO_PRECISE")]);
    }
}
