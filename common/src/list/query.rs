//! What a caller asks a list for, before and after it was checked.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use crate::error::{Error, QueryCode, Result};
use crate::filter::Placed;
use crate::list::compile::Condition;
use crate::list::cursor::Keys;
use crate::list::field::Field;
use crate::list::sort::{self, SortBy};
use crate::list::{Listing, value};
use crate::page::{Cursors, Form, PageQuery, Window, invalid};
use crate::rules;

/// The most words of `q`, and the most characters.
const MAX_WORDS: usize = 8;
const MAX_SEARCH: usize = 200;

/// A filter as it came.
#[derive(Clone, Debug)]
pub enum FilterText {
    /// Of a URL.
    Text(String),
    /// Of a body.
    Json(serde_json::Value),
}

/// What a caller asks for, as it came.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// `filter`.
    pub filter: Option<FilterText>,
    /// Fields that have one value: `lifecycle=client`.
    pub equal: Vec<(&'static Field, String)>,
    /// `q`: words that are looked for in all texts.
    pub search: Option<String>,
    /// `sort`, field by field.
    pub sort: Option<Vec<String>>,
    /// `fields`, name by name.
    pub fields: Option<Vec<String>>,
    /// `page`, `pageSize`, `limit`, `cursor`.
    pub page: PageQuery,
    /// `count`.
    pub count: Option<String>,
    /// `deleted`.
    pub deleted: Option<String>,
    /// `updatedSince`.
    pub updated_since: Option<String>,
}

/// How the total is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Not at all.
    None,
    /// As the database's planner guesses it.
    Estimated,
    /// Counted.
    Exact,
}

/// Whether deleted records are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deleted {
    /// No.
    #[default]
    Exclude,
    /// With the others.
    Include,
    /// Nothing else.
    Only,
}

/// What a caller asks for, checked.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub(super) listing: &'static Listing,
    pub(super) conditions: Vec<Condition>,
    pub(super) sort: Vec<SortBy>,
    pub(super) deleted: Deleted,
    pub(super) updated_since: Option<DateTime<Utc>>,
    /// What was said of the total.
    pub count: Option<Count>,
    /// The members to show; all where none are named.
    pub fields: Option<Vec<&'static str>>,
    /// Which part of the list.
    pub window: Window<Keys>,
    /// What cursors of this query belong to.
    identity: String,
}

impl ListRequest {
    /// Checks everything against what the listing declares.
    pub fn check(self, listing: &'static Listing, cursors: &Cursors) -> Result<ListQuery> {
        self.check_with(listing, |cursor, identity| cursors.open(Form::Values, cursor, identity))
    }

    /// Checks everything; `open` answers what a cursor has for a query's identity.
    pub(super) fn check_with(
        self,
        listing: &'static Listing,
        open: impl FnOnce(&str, &str) -> Result<Vec<u8>>,
    ) -> Result<ListQuery> {
        let mut identity = listing.name.to_owned();
        let mut conditions = Vec::new();
        if let Some(filter) = &self.filter {
            let placed = match filter {
                FilterText::Text(text) => Placed::parse(text),
                FilterText::Json(json) => Placed::from_json(json),
            };
            let placed = placed.map_err(Error::Filter)?;
            conditions.push(Condition::of(listing, &placed).map_err(Error::Filter)?);
            note(&mut identity, "filter", &placed.filter);
        }
        for (field, text) in &self.equal {
            let equal = Condition::equal(field, text);
            conditions.push(equal.map_err(|message| refused(field.name, sentence(&message)))?);
            note(&mut identity, field.name, format_args!("{text:?}"));
        }
        let words = words(self.search.as_deref().unwrap_or_default(), listing)?;
        if !words.is_empty() {
            conditions.push(Condition::words(listing, &words));
            note(&mut identity, "q", format_args!("{words:?}"));
        }
        let sort = match &self.sort {
            Some(parts) => sort::parse(listing, &parts.iter().map(String::as_str).collect::<Vec<_>>())?,
            None => sort::parse(listing, &listing.default_sort.split(',').collect::<Vec<_>>())?,
        };
        for by in &sort {
            note(&mut identity, if by.descending { "descending" } else { "ascending" }, by.field.name);
        }
        let deleted = one_of(self.deleted.as_deref(), "deleted", &Deleted::NAMES)?.unwrap_or_default();
        note(&mut identity, "deleted", format_args!("{deleted:?}"));
        let updated_since = self.updated_since.as_deref().map(since).transpose()?;
        note(&mut identity, "since", format_args!("{updated_since:?}"));
        let window = self
            .page
            .window_by(|cursor| Keys::of_bytes(&open(cursor, &identity)?, &sort).ok_or_else(invalid))?;
        Ok(ListQuery {
            listing,
            conditions,
            sort,
            deleted,
            updated_since,
            count: one_of(self.count.as_deref(), "count", &Count::NAMES)?,
            fields: self.fields.map(|names| members(listing, &names)).transpose()?,
            window,
            identity,
        })
    }
}

impl ListQuery {
    /// Whether a condition looks for texts.
    pub(super) fn is_of_texts(&self) -> bool {
        self.conditions.iter().any(|condition| condition.is_of_texts(self.listing))
    }

    /// The cursor of what follows a row.
    pub fn next_cursor(&self, cursors: &Cursors, last: &Keys) -> String {
        cursors.seal(Form::Values, &self.identity, &last.to_bytes())
    }
}

impl Count {
    const NAMES: [(&str, Self); 3] =
        [("none", Self::None), ("estimated", Self::Estimated), ("exact", Self::Exact)];
}

impl Deleted {
    const NAMES: [(&str, Self); 3] =
        [("exclude", Self::Exclude), ("include", Self::Include), ("only", Self::Only)];
}

/// Adds to what a cursor belongs to. A length goes before each text, so that no two queries are written alike.
fn note(identity: &mut String, name: &str, says: impl std::fmt::Display) {
    let says = says.to_string();
    // Writing to a String cannot fail.
    let _ = write!(identity, " {name}={}:{says}", says.len());
}

fn words<'t>(text: &'t str, listing: &Listing) -> Result<Vec<&'t str>> {
    let words: Vec<&str> = text.split_whitespace().map(bare).collect();
    if words.len() > MAX_WORDS || text.chars().count() > MAX_SEARCH {
        return Err(refused("q", format!("q has at most {MAX_WORDS} words and {MAX_SEARCH} characters")));
    }
    if text.contains('\0') {
        return Err(refused("q", "q must not contain the character U+0000".to_owned()));
    }
    if !words.is_empty() && listing.search.is_none() {
        return Err(refused("q", "This list cannot be searched".to_owned()));
    }
    Ok(words)
}

/// A word without what parts it from others and what is not to be seen: `Lovelace, Ada` are two words.
fn bare(word: &str) -> &str {
    let is_around = |c| matches!(c, ',' | ';' | '"' | '“' | '”' | '„' | '«' | '»' | '<' | '>');
    let bare = word.trim_matches(|c| is_around(c) || rules::is_unseen(c) || rules::is_direction(c));
    if bare.is_empty() { word } else { bare }
}

fn since(text: &str) -> Result<DateTime<Utc>> {
    value::instant(text).ok_or_else(|| {
        refused("updatedSince", "updatedSince is an instant such as 2026-01-31T09:30:00Z".to_owned())
    })
}

fn members(listing: &Listing, names: &[String]) -> Result<Vec<&'static str>> {
    let member = |name: &String| {
        let known = listing.members.iter().copied().find(|known| *known == name.trim());
        known.ok_or_else(|| {
            let shown: String = name.chars().take(60).collect();
            refused(
                "fields",
                format!("There is no field {shown:?}; there are: {}", listing.members.join(", ")),
            )
        })
    };
    names.iter().map(member).collect()
}

fn one_of<T: Copy>(
    text: Option<&str>,
    parameter: &'static str,
    names: &[(&'static str, T)],
) -> Result<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    let known = names.iter().find(|(name, _)| *name == text).map(|(_, value)| Some(*value));
    known.ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        refused(parameter, format!("{parameter} is one of: {}", names.join(", ")))
    })
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(char::to_uppercase).into_iter().flatten().chain(characters).collect()
}

fn refused(parameter: &'static str, message: String) -> Error {
    Error::Query { code: QueryCode::Parameter, parameter, message }
}
