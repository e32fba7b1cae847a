//! The body of a search: what a list's parameters say, as JSON.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde_json::Value;
use tenon_common::list::{FilterText, ListQuery, ListRequest, Listing};
use tenon_common::page::Cursors;

use super::by_cursor;
use crate::http::refusal::Refusal;

/// What to look for. Everything may be left out.
#[derive(Object, Debug)]
#[oai(rename = "SearchInput", rename_all = "camelCase")]
pub struct SearchInput {
    /// A condition on fields.
    pub filter: Option<FilterInput>,
    /// Words that all stand somewhere in the record's texts, regardless of case and accents; one of one or two letters or digits at the beginning of a word.
    #[oai(validator(max_length = 200))]
    pub q: Option<String>,
    /// Fields to sort by, each with `-` before it for descending: `["-createdAt", "name"]`.
    pub sort: Option<Vec<String>>,
    /// Members of the records to answer; the others are absent.
    #[oai(validator(min_items = 1))]
    pub fields: Option<Vec<String>>,
    /// Records that the records name, to be answered beside them: the relations of the list's `include`.
    pub include: Option<Vec<String>>,
    /// Records at most, 1 to 200; 20 if absent.
    pub limit: Option<u32>,
    /// `pagination.nextCursor` of the page before, with the same filter, words, sort and `deleted`.
    pub cursor: Option<String>,
    /// How `pagination.total` is told; `none` if absent.
    pub count: Option<CountInput>,
    /// Whether deleted records are shown; `exclude` if absent.
    pub deleted: Option<DeletedInput>,
}

/// How the total is told.
#[derive(Enum, Debug, Clone, Copy)]
#[oai(rename = "Count", rename_all = "camelCase")]
pub enum CountInput {
    /// Not at all.
    None,
    /// As the database guesses it.
    Estimated,
    /// Counted.
    Exact,
}

/// Whether deleted records are shown.
#[derive(Enum, Debug, Clone, Copy)]
#[oai(rename = "Deleted", rename_all = "camelCase")]
pub enum DeletedInput {
    /// No.
    Exclude,
    /// With the others.
    Include,
    /// Nothing else.
    Only,
}

impl SearchInput {
    /// Checks it against what the listing declares.
    pub fn query(self, listing: &'static Listing, cursors: &Cursors) -> Result<ListQuery, Refusal> {
        let asked = ListRequest {
            filter: self.filter.map(|filter| FilterText::Json(filter.0)),
            search: self.q,
            sort: self.sort.filter(|sort| !sort.is_empty()),
            fields: self.fields,
            page: by_cursor(self.limit, self.cursor),
            count: self.count.map(|count| named(&count)),
            deleted: self.deleted.map(|deleted| named(&deleted)),
            ..ListRequest::default()
        };
        Ok(asked.check(listing, cursors)?)
    }
}

/// The name of a choice.
pub(crate) fn named(value: &impl ToJSON) -> String {
    value.to_json().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A filter: `and`, `or` or `not` of filters, or a field with an operator and a value. Which of them go together is checked
/// after the schema, by [`tenon_common::filter`].
#[derive(Debug)]
pub struct FilterInput(Value);

impl Type for FilterInput {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Filter".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| schema());
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

fn schema() -> MetaSchema {
    let described = |ty, description| MetaSchema { description: Some(description), ..MetaSchema::new(ty) };
    let many = |description| {
        let items = Some(Box::new(FilterInput::schema_ref()));
        MetaSchemaRef::Inline(Box::new(MetaSchema { items, ..described("array", description) }))
    };
    let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
    let value = "What to compare with: one value, two for `between`, a list for `in`, `not in`, `any`, `all` and `none`, nothing for \
                 `is null` and `is not null`.";
    MetaSchema {
        properties: vec![
            ("and", many("All of these hold.")),
            ("or", many("One of these holds.")),
            ("not", FilterInput::schema_ref()),
            ("field", inline(described("string", "The name of a field."))),
            (
                "op",
                inline(described(
                    "string",
                    "`=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, `between`, `contains`, `startsWith`, `is null`, `is not null`, `any`, `all` or `none`.",
                )),
            ),
            ("value", inline(MetaSchema { description: Some(value), ..MetaSchema::ANY })),
        ],
        ..described("object", "A condition: one of `and`, `or` and `not`, or `field`, `op` and `value`.")
    }
}

impl ParseFromJSON for FilterInput {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for FilterInput {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}
