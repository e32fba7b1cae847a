//! What rows say of records.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::RowError;
use crate::crm::record::{Draft, Key, Record};
use crate::error::{Error, FieldError, Result};
use crate::import::fields::{self, Field, Formats, Importable, Part, canonical, check, currency_agrees};
use crate::import::guess::ColumnFormat;
use crate::import::mapping::{self, Column};
use crate::import::reader::{Cell, Row};
use crate::import::{EmptyCells, Import};
use crate::phone::Country;
use crate::rules::Broken;

/// How the rows of a file are read.
pub(super) struct Reading<R: Record> {
    columns: Vec<(String, Option<&'static Field<R>>)>,
    /// The column with the ids of records that are there.
    id: Option<usize>,
    /// The columns with the parts of a field, in the order in which they are joined, and the field.
    parts: Option<(Vec<usize>, &'static Field<R>)>,
    written: BTreeMap<String, ColumnFormat>,
    defaults: Vec<(&'static Field<R>, String)>,
    match_on: Vec<String>,
    empty_cells: EmptyCells,
    formats: Formats,
}

/// What a row says.
pub(super) struct Said<'c, R: Record> {
    /// Field by field; none clears one.
    fields: Vec<(&'static Field<R>, Option<Cow<'c, str>>)>,
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
    pub(super) fn new(columns: &[Column], import: &Import) -> Self {
        let options = import.options();
        let field = |name: &str| R::FIELDS.iter().find(|field| field.name == name);
        let column = |part: &Part| columns.iter().position(|column| column.field == Some(part.name));
        let parts: Vec<usize> = R::PARTS.iter().filter_map(column).collect();
        let whole = R::PARTS.first().and_then(|part| field(part.of)).filter(|_| !parts.is_empty());
        let said =
            ColumnFormat { decimal_sign: options.decimal_sign, date_format: Some(options.date_format) };
        let default = |(name, value): (&String, &String)| {
            let cell = Cell::Text(value.clone());
            let canonical = canonical(name, &cell, Some(&said)).map(Cow::into_owned);
            Some((field(name)?, canonical.unwrap_or_else(|_| value.clone())))
        };
        Self {
            columns: columns
                .iter()
                .map(|column| (column.name.clone(), column.field.and_then(field)))
                .collect(),
            id: columns.iter().position(|column| column.field == Some(fields::ID)),
            parts: whole.map(|whole| (parts, whole)),
            written: import.reading().map(|reading| reading.formats.clone()).unwrap_or_default(),
            defaults: options.defaults.iter().filter_map(default).collect(),
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
            return Err(vec![RowError::of_row(code, message)]);
        }
        if mapping::is_header(self.columns.iter().map(|(name, _)| name.as_str()), &row.cells) {
            return Err(vec![RowError::of_row(
                "REPEATED_HEADER",
                "The row says the names of the columns again",
            )]);
        }
        let mut said = Vec::with_capacity(self.columns.len());
        let mut errors = Vec::new();
        let mut draft = R::Draft::default();
        for (column, (name, field)) in self.columns.iter().enumerate() {
            let (Some(field), Some(cell)) = (*field, row.cells.get(column)) else { continue };
            let Some(says) = self.says(cell) else { continue };
            let read = match says {
                Some(cell) => canonical(field.name, cell, self.written.get(name)).map(Some),
                None => Ok(None),
            };
            let set = read.and_then(|says| {
                (field.set)(&mut draft, says.as_deref(), &self.formats)?;
                said.push((field, says));
                Ok(())
            });
            if let Err(broken) = set {
                errors.push(self.refusal(column, field.name, cell, broken));
            }
        }
        errors.extend(self.broken_parts(row));
        if let Some(whole) = self.whole(row) {
            said.push(whole);
        }
        errors.extend(self.money(row, &said));
        let id = self.id.and_then(|column| row.cells.get(column)).map(|cell| cell.text().trim());
        let id = id.filter(|id| !id.is_empty());
        match (errors.is_empty(), said.is_empty() && id.is_none()) {
            (true, false) => Ok(Said { fields: said, id }),
            (false, _) => Err(self.with_the_rest(row, draft, errors)),
            (true, true) => Err(vec![RowError::of_row("EMPTY_ROW", "The row says nothing")]),
        }
    }

    /// Of a row with cells that cannot be read, what is wrong with the others too: all of it at once. What is missing may be in those.
    fn with_the_rest(&self, row: &Row, draft: R::Draft, mut errors: Vec<RowError>) -> Vec<RowError> {
        let Err(mut rest) = draft.check() else { return errors };
        rest.retain(|error| {
            let told = errors.iter().any(|told| told.field.as_deref() == Some(error.field().as_str()));
            error.code != "REQUIRED" && !told
        });
        if !rest.is_empty() {
            // Broken rules are about the row: there is no error of another kind.
            errors.extend(self.errors(row, Error::Invalid(rest)).unwrap_or_default());
            errors.sort_by_key(|error| {
                self.columns.iter().position(|(name, _)| Some(name) == error.column.as_ref())
            });
        }
        errors
    }

    /// What a cell says; nothing, or that there is no value, or a text.
    fn says<'c>(&self, cell: &'c Cell) -> Option<Option<&'c Cell>> {
        match cell {
            Cell::Text(_) | Cell::Number(_) | Cell::Nested(_) => Some(Some(cell)),
            Cell::Null => Some(None),
            Cell::Empty => (self.empty_cells == EmptyCells::Clear).then_some(None),
        }
    }

    fn refusal(&self, column: usize, field: &str, cell: &Cell, (code, message): Broken) -> RowError {
        RowError {
            column: self.columns.get(column).map(|(name, _)| name.clone()),
            field: Some(field.to_owned()),
            code: code.to_owned(),
            message,
            value: Some(cell.text()).filter(|text| !text.is_empty()).map(shortened),
            record: None,
        }
    }

    /// The refusals of cells with parts of a field.
    fn broken_parts(&self, row: &Row) -> Vec<RowError> {
        let Some((parts, field)) = &self.parts else { return Vec::new() };
        let refused = |part: &usize| {
            let cell = row.cells.get(*part)?;
            Some(self.refusal(*part, field.name, cell, check(field.name, cell).err()?))
        };
        parts.iter().filter_map(refused).collect()
    }

    /// The field of which several columns have parts.
    fn whole<'c>(&self, row: &Row) -> Option<(&'static Field<R>, Option<Cow<'c, str>>)> {
        let (parts, field) = self.parts.as_ref()?;
        let cells: Vec<&Cell> = parts.iter().filter_map(|part| row.cells.get(*part)).collect();
        let texts: Vec<&str> =
            cells.iter().map(|cell| cell.text().trim()).filter(|text| !text.is_empty()).collect();
        let is_cleared = cells.iter().any(|cell| self.says(cell) == Some(None));
        match texts.is_empty() {
            false => Some((*field, Some(Cow::Owned(texts.join(" "))))),
            true => is_cleared.then_some((*field, None)),
        }
    }

    /// The refusal of a value that has another currency with it than its row says.
    fn money(&self, row: &Row, said: &[(&'static Field<R>, Option<Cow<'_, str>>)]) -> Option<RowError> {
        let (value, currency) = R::MONEY?;
        let column =
            self.columns.iter().position(|(_, field)| field.is_some_and(|field| field.name == value))?;
        let cell = row.cells.get(column)?;
        let says =
            said.iter().find(|(field, _)| field.name == currency).and_then(|(_, says)| says.as_deref());
        let default =
            || self.defaults.iter().find(|(field, _)| field.name == currency).map(|(_, says)| says.as_str());
        let broken = currency_agrees(cell, says.or_else(default)).err()?;
        Some(self.refusal(column, value, cell, broken))
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
            let _ = (field.set)(&mut draft, says.as_deref(), &self.formats);
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
        if let Some(id) = self.id(said).filter(|id| there.contains(id)) {
            return Some(Ok(Key::id(id)));
        }
        let value = |name: &str| {
            said.fields.iter().find(|(field, _)| field.name == name).and_then(|(_, says)| says.as_deref())
        };
        let mut others = self.match_on.iter().filter(|name| *name != fields::ID);
        match others.find_map(|name| Some((name, value(name)?))) {
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
            let parts = self.parts.as_ref().filter(|(_, whole)| whole.name == field);
            let column = column.or_else(|| parts.and_then(|(parts, _)| parts.first().copied()));
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
