//! Cells as the API would have them: of numbers and days what a file's own way of writing them means.

use std::borrow::Cow;

use super::number::{self, Decimals};
use super::read::{self, Formats};
use crate::import::guess::{ColumnFormat, Kind};
use crate::import::reader::Cell;
use crate::rules::Broken;
use crate::wire;

/// A cell's text as its field takes it. What it cannot be made of is left for the field to refuse; what may mean two things is refused here.
pub(in crate::import) fn canonical<'c>(
    field: &str,
    cell: &'c Cell,
    format: Option<&ColumnFormat>,
) -> Result<Cow<'c, str>, Broken> {
    let (Cell::Text(text), Some(kind)) = (cell, Kind::of(field)) else {
        return Ok(Cow::Borrowed(cell.text()));
    };
    let format = format.copied().unwrap_or_default();
    let decimals = format.decimal_sign.map_or(Decimals::Unknown, Decimals::Said);
    let formats = Formats { date: format.date_format.unwrap_or_default(), ..Formats::default() };
    let read = match kind {
        Kind::Number { is_whole: false } => Some(number::number(text, decimals)?.to_string()),
        Kind::Number { is_whole: true } => Some(number::integer(text, decimals)?.to_string()),
        Kind::Day => read::day(text, &formats).ok().map(|day| day.to_string()),
        Kind::Time => read::instant(text, &formats).ok().map(wire::instant),
    };
    Ok(read.map_or(Cow::Borrowed(text.as_str()), Cow::Owned))
}

/// Whether a cell of money has no currency with it that is not the one of its row.
pub(in crate::import) fn currency_agrees(cell: &Cell, currency: Option<&str>) -> Result<(), Broken> {
    match cell {
        Cell::Text(text) => number::agrees(text, currency),
        _ => Ok(()),
    }
}
