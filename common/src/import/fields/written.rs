//! Cells as the API would have them: of numbers and days what a file's own way of writing them means.

use std::borrow::Cow;

use super::number::{self, Decimals};
use super::read::{self, Formats};
use crate::import::guess::{ColumnFormat, Kind};
use crate::import::reader::{Cell, NOT_CALCULATED};
use crate::rules::Broken;
use crate::wire;

/// Errors of spreadsheet programs in the languages whose formulas are met most, and what other programs write in their place.
const ERRORS: &str = "#N/A #NV #N/D #N/B #REF! #BEZUG! #¡REF! #RIF! #VERW! #VALUE! #WERT! #VALEUR! #¡VALOR! #VALOR! #VALORE! \
    #WAARDE! #DIV/0! #¡DIV/0! #DEEL/0! #NAME? #NOM? #¿NOMBRE? #NOME? #NAAM? #NULL! #NUL! #¡NULO! #NULO! #NULLO! \
    #LEEG! #NUM! #ZAHL! #NOMBRE! #¡NUM! #NÚM! #GETAL! #GETTING_DATA #DATA! #SPILL! #ÜBERLAUF! #CALC! #KALK! \
    #FIELD! #FELD! #BLOCKED! #CONNECT! #UNKNOWN! #BUSY! #ERROR!";

fn is_error(text: &str) -> bool {
    text.starts_with('#') && ERRORS.split_whitespace().any(|error| error == text)
}

/// The fields that are lists in a JSON document too.
const LISTS: [&str; 4] = ["links", "contactIds", "companyIds", "leadIds"];

/// Refuses a cell that says something else than is to be seen in it, or that there is no value where one was meant.
pub(in crate::import) fn check(field: &str, cell: &Cell) -> Result<(), Broken> {
    match cell {
        Cell::Text(text) if text.trim() == NOT_CALCULATED => {
            let message =
                "The cell has a formula that was never calculated: save the file by a spreadsheet program";
            Err(("CELL_ERROR", message.to_owned()))
        }
        Cell::Text(text) if is_error(text.trim()) => {
            let message = "The cell is an error of a formula: mend the formula, or empty the cell";
            Err(("CELL_ERROR", message.to_owned()))
        }
        // What has more digits than such a number can have was another one when it was written.
        Cell::Number(number) if Kind::of(field).is_none() && number.contains(['e', 'E']) => {
            let message = "A number of so many digits has lost some in the file: write it as text";
            Err(("INEXACT_NUMBER", message.to_owned()))
        }
        Cell::Nested(_) if !LISTS.contains(&field) => {
            Err(("NESTED_VALUE", "Must be a text or a number, and is an object or a list".to_owned()))
        }
        _ => Ok(()),
    }
}

/// A cell's text as its field takes it. What it cannot be made of is left for the field to refuse; what may mean two things is refused
/// here, and what [`check`] refuses.
pub(in crate::import) fn canonical<'c>(
    field: &str,
    cell: &'c Cell,
    format: Option<&ColumnFormat>,
) -> Result<Cow<'c, str>, Broken> {
    check(field, cell)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn code(field: &str, cell: Cell) -> Option<&'static str> {
        canonical(field, &cell, None).err().map(|(code, _)| code)
    }

    #[test]
    fn what_a_cell_says_and_nobody_meant_is_refused() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let number = |number: &str| Cell::Number(number.to_owned());
        let nested = |json: &str| Cell::Nested(json.to_owned());
        for (field, cell, refused) in [
            ("company", text("#N/A"), Some("CELL_ERROR")),
            ("externalId", text(" #BEZUG! "), Some("CELL_ERROR")),
            ("value", text("#DIV/0!"), Some("CELL_ERROR")),
            ("company", text("#1 Garage"), None),
            ("company", text("N/A"), None),
            ("externalId", number("1.234567890123457e16"), Some("INEXACT_NUMBER")),
            ("externalId", number("123456789012345"), None),
            ("value", number("1250.5"), None),
            ("name", nested("{\"first\":\"Ada\"}"), Some("NESTED_VALUE")),
            ("value", nested("{\"amountMinor\":1}"), Some("NESTED_VALUE")),
            ("links", nested("[]"), None),
            ("contactIds", nested("[]"), None),
        ] {
            let shown = format!("{field} {cell:?}");
            assert_eq!(code(field, cell), refused, "{shown}");
        }
    }
}
