//! What rows say of records.

use std::collections::HashSet;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::RowError;
use crate::crm::phone::Country;
use crate::crm::record::{Key, Record};
use crate::error::{Error, FieldError, Result};
use crate::import::fields::{self, Field, Formats, Importable};
use crate::import::mapping::Column;
use crate::import::reader::{Cell, Row};
use crate::import::{EmptyCells, Options};

/// How the rows of a file are read.
pub(super) struct Reading<R: Record> {
    columns: Vec<(String, Option<&'static Field<R>>)>,
    /// The column with the ids of records that are there.
    id: Option<usize>,
    defaults: Vec<(&'static Field<R>, String)>,
    match_on: Vec<String>,
    empty_cells: EmptyCells,
    formats: Formats,
}

/// What a row says.
pub(super) struct Said<'c, R: Record> {
    /// Field by field; none clears one.
    fields: Vec<(&'static Field<R>, Option<&'c str>)>,
    /// The record that it names.
    id: Option<&'c str>,
}

/// The fields that a change has changed, as they were: a JSON object of texts. They are more than the row says where a rule fills in others.
pub(super) fn before<R: Importable>(before: &R, after: &R) -> String {
    let (before, after) = (R::Draft::from(before), R::Draft::from(after));
    let mut was = Map::new();
    for field in R::FIELDS {
        let text = (field.get)(&before);
        if text != (field.get)(&after) {
            was.insert(field.name.to_owned(), text.map_or(Value::Null, Value::String));
        }
    }
    Value::Object(was).to_string()
}

impl<R: Importable> Reading<R> {
    pub(super) fn new(columns: &[Column], options: &Options) -> Self {
        let field = |name: &str| R::FIELDS.iter().find(|field| field.name == name);
        let defaults = options.defaults.iter();
        Self {
            columns: columns
                .iter()
                .map(|column| (column.name.clone(), column.field.and_then(field)))
                .collect(),
            id: columns.iter().position(|column| column.field == Some(fields::ID)),
            defaults: defaults.filter_map(|(name, value)| Some((field(name)?, value.clone()))).collect(),
            match_on: options.match_on.clone(),
            empty_cells: options.empty_cells,
            formats: Formats {
                date: options.date_format,
                country: options.phone_country.as_deref().and_then(Country::parse),
            },
        }
    }

    /// What a row says, or all cells that cannot be read.
    pub(super) fn read<'c>(&self, row: &'c Row) -> Result<Said<'c, R>, Vec<RowError>> {
        if let Some((code, message)) = &row.broken {
            let error =
                RowError { code: (*code).to_owned(), message: message.clone(), ..RowError::default() };
            return Err(vec![error]);
        }
        let mut said = Vec::with_capacity(self.columns.len());
        let mut errors = Vec::new();
        let mut draft = R::Draft::default();
        for ((column, field), cell) in self.columns.iter().zip(&row.cells) {
            let Some(field) = *field else { continue };
            let says = match cell {
                Cell::Text(text) => Some(text.as_str()),
                Cell::Null => None,
                Cell::Empty if self.empty_cells == EmptyCells::Clear => None,
                Cell::Empty => continue,
            };
            match (field.set)(&mut draft, says, &self.formats) {
                Ok(()) => said.push((field, says)),
                Err((code, message)) => errors.push(RowError {
                    column: Some(column.clone()),
                    field: Some(field.name.to_owned()),
                    code: code.to_owned(),
                    message,
                    value: says.map(shortened),
                    record: None,
                }),
            }
        }
        let id = self.id.and_then(|column| match row.cells.get(column) {
            Some(Cell::Text(text)) => Some(text.trim()),
            _ => None,
        });
        match (errors.is_empty(), said.is_empty() && id.is_none()) {
            (true, false) => Ok(Said { fields: said, id }),
            (false, _) => Err(errors),
            (true, true) => {
                let message = "The row says nothing".to_owned();
                Err(vec![RowError { code: "EMPTY_ROW".to_owned(), message, ..RowError::default() }])
            }
        }
    }

    /// A new record as the row says it, with the defaults for what it does not say.
    pub(super) fn draft(&self, said: &Said<'_, R>) -> R::Draft {
        let mut draft = R::Draft::default();
        let unsaid = |field: &Field<R>| said.fields.iter().all(|(other, _)| other.name != field.name);
        for (field, value) in self.defaults.iter().filter(|(field, _)| unsaid(field)) {
            // A default that cannot be read says nothing: options are refused for it.
            let _ = (field.set)(&mut draft, Some(value), &self.formats);
        }
        self.edited(said, draft)
    }

    /// A draft with what the row says.
    pub(super) fn edited(&self, said: &Said<'_, R>, mut draft: R::Draft) -> R::Draft {
        for (field, says) in &said.fields {
            // What cannot be read was found out when the row was.
            let _ = (field.set)(&mut draft, *says, &self.formats);
        }
        draft
    }

    /// The record that the row names, if rows are matched by that.
    pub(super) fn id(&self, said: &Said<'_, R>) -> Option<Uuid> {
        let id = said.id.filter(|_| self.match_on.iter().any(|name| name == fields::ID))?;
        Uuid::try_parse(id).ok()
    }

    /// The first unique value that the row has, or the id of a record that is there; none where it has none. An id of no record is
    /// a refusal, unless the row has another value: it may come from elsewhere.
    pub(super) fn key(&self, said: &Said<'_, R>, there: &HashSet<Uuid>) -> Option<Result<Key<R>>> {
        let value =
            |name: &str| said.fields.iter().find(|(field, _)| field.name == name).and_then(|(_, says)| *says);
        if let Some(id) = self.id(said).filter(|id| there.contains(id)) {
            return Some(Ok(Key::id(id)));
        }
        let others = self.match_on.iter().filter(|name| *name != fields::ID);
        match others.map(|name| (name, value(name))).find_map(|(name, value)| Some((name, value?))) {
            Some((name, value)) => Some(Key::parse(name, value).map_err(|error| named(error, name))),
            None if self.match_on.iter().any(|name| name == fields::ID) => said.id.map(|id| Err(nobodys(id))),
            None => None,
        }
    }

    /// An error as a row's, where it is about the row and not about everything.
    pub(super) fn errors(&self, row: &Row, error: Error) -> Result<Vec<RowError>> {
        let of = |field: &str, code: &str, message: String| {
            let named =
                |name: &str| self.columns.iter().position(|(_, of)| of.is_some_and(|of| of.name == name));
            let within = || field.split('.').next().and_then(named);
            let column = if field == fields::ID { self.id } else { named(field).or_else(within) };
            let cell = column.and_then(|column| row.cells.get(column));
            RowError {
                column: column.map(|column| self.columns[column].0.clone()),
                field: (!field.is_empty()).then(|| field.to_owned()),
                code: code.to_owned(),
                message,
                value: cell.map(Cell::text).filter(|text| !text.is_empty()).map(shortened),
                record: None,
            }
        };
        match error {
            Error::Invalid(errors) => {
                let each = errors.into_iter();
                Ok(each.map(|error| of(&error.field(), error.code, error.message)).collect())
            }
            Error::Conflict(conflict) => {
                let error = of(conflict.field.unwrap_or_default(), "DUPLICATE", conflict.message);
                Ok(vec![RowError { record: conflict.with, ..error }])
            }
            Error::NotFound(_) => Ok(vec![of("", "NOT_FOUND", "There is no such record".to_owned())]),
            Error::Forbidden(why) => Ok(vec![of("", "FORBIDDEN", why)]),
            other => Err(other),
        }
    }
}

/// The refusal of an id of no record.
fn nobodys(id: &str) -> Error {
    let (code, message) = match Uuid::try_parse(id) {
        Ok(_) => ("NOT_FOUND", "There is no such record"),
        Err(_) => ("INVALID_ID", "Must be a UUID"),
    };
    Error::Invalid(vec![FieldError::new(fields::ID, code, message)])
}

/// The refusal of a key, about the field that has it.
fn named(error: Error, field: &str) -> Error {
    match error {
        Error::Invalid(errors) => Error::Invalid(
            errors.into_iter().map(|error| FieldError { pointer: format!("/{field}"), ..error }).collect(),
        ),
        other => other,
    }
}

/// A cell as an error shows it.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
