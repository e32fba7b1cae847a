//! What an export is asked for: what its list is asked for but for pages, and how it is written.

use poem::Request;
use poem::http::header;
use poem_openapi::registry::{MetaOperationParam, MetaSchema};
use tenon_common::export::{Format, Style};
use tenon_common::list::{Asked, ListRequest, Listing, Walk};

use crate::http::code::Code;
use crate::http::lists;
use crate::http::refusal::Refusal;

/// Parameters of the list that say which page, or what is beside it.
const OF_PAGES: [&str; 6] = ["page", "pageSize", "limit", "cursor", "count", "include"];

/// What an export is asked for.
#[derive(Debug)]
pub struct ExportQuery {
    /// How it is written.
    pub style: Style,
    /// Which records.
    pub walk: Walk,
    /// The same in words.
    pub asked: Asked,
}

impl ExportQuery {
    /// Reads and checks the query of a request. A parameter that is not known is refused.
    pub fn of(request: &Request, listing: &'static Listing) -> Result<Self, Refusal> {
        let mut asked = ListRequest::default();
        let mut style = Style::of(accepted(request));
        for (name, value) in lists::query_parameters(request)? {
            match name.as_str() {
                "format" => style.format = format(&value)?,
                "bom" => style.bom = boolean("bom", &value)?,
                "raw" => style.raw = boolean("raw", &value)?,
                name if OF_PAGES.contains(&name) => {
                    return Err(refused(
                        name,
                        "An export is of all records: it has no pages and nothing beside them",
                    ));
                }
                name => lists::set(&mut asked, listing, name, &value)?,
            }
        }
        let words = Asked::of(&asked)?;
        Ok(Self { style, walk: asked.walk(listing)?, asked: words })
    }
}

/// The form that `Accept` names first; CSV where it names none.
fn accepted(request: &Request) -> Format {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let named = accept.unwrap_or_default().split(',').find_map(|part| {
        let essence = part.split(';').next().unwrap_or_default().trim();
        Format::STREAMED.into_iter().find(|format| format.media_type().eq_ignore_ascii_case(essence))
    });
    named.unwrap_or(Format::Csv)
}

fn format(value: &str) -> Result<Format, Refusal> {
    let names = || Format::STREAMED.map(Format::name).join(", ");
    let known = Format::parse(value).filter(|format| Format::STREAMED.contains(format));
    known.ok_or_else(|| refused("format", &format!("format is one of: {}", names())))
}

fn boolean(name: &str, value: &str) -> Result<bool, Refusal> {
    value.parse().map_err(|_| refused(name, &format!("{name} is true or false")))
}

fn refused(name: &str, message: &str) -> Refusal {
    Refusal::new(Code::ValidationError).detail(name, message)
}

/// The parameters of an export in the document.
pub fn parameters(listing: &Listing) -> Vec<MetaOperationParam> {
    let boolean = || MetaSchema::new("boolean");
    let formats = Format::STREAMED.map(|format| format.name().into()).to_vec();
    let mut all = vec![
        lists::parameter(
            "format",
            "How it is written. If absent, what `Accept` names of `text/csv` and `application/x-ndjson`, else `csv`.",
            MetaSchema { enum_items: formats, ..MetaSchema::new("string") },
        ),
        lists::parameter(
            "bom",
            "Whether CSV begins with a byte order mark, by which some spreadsheets know UTF-8. `false` if absent.",
            boolean(),
        ),
        lists::parameter(
            "raw",
            "Whether cells of CSV are written as they are, also those that a spreadsheet would run: for programs. `false` if absent.",
            boolean(),
        ),
    ];
    let of_list = lists::parameters(listing).into_iter();
    all.extend(of_list.filter(|parameter| !OF_PAGES.contains(&parameter.name.as_str())));
    all
}
