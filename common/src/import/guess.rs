//! How a column's numbers and days are written, by all of its cells: what one leaves open another may tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::import::fields;
use crate::import::mapping::Column;
use crate::import::own;
use crate::import::reader::{Cell, Row};
use crate::import::{DateFormat, DecimalSign, Options};

/// How the cells of a column are written: as it was said, or as the cells tell; nothing of what they leave open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColumnFormat {
    /// The sign for decimals, in a column of numbers.
    pub decimal_sign: Option<DecimalSign>,
    /// The order of days, months and years, in a column of days or times.
    pub date_format: Option<DateFormat>,
}

/// What a field's cells are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number { is_whole: bool },
    Day,
    Time,
}

/// The fields whose cells can be written in several ways.
const KINDS: [(&str, Kind); 6] = [
    ("value", Kind::Number { is_whole: false }),
    ("employees", Kind::Number { is_whole: true }),
    ("expectedCloseDate", Kind::Day),
    ("occurredAt", Kind::Time),
    ("dueAt", Kind::Time),
    ("completedAt", Kind::Time),
];

impl Kind {
    /// The kind of a field whose cells can be written in several ways.
    pub(super) fn of(field: &str) -> Option<Self> {
        KINDS.iter().find(|(name, _)| *name == field).map(|(_, kind)| *kind)
    }
}

/// What the cells of a column have told.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    point: bool,
    comma: bool,
    day_first: bool,
    month_first: bool,
    /// A number is not written as exports write them.
    foreign: bool,
}

/// Columns whose cells can be written in several ways, and what they have told.
#[derive(Debug)]
pub(super) struct Guess {
    columns: Vec<(usize, String, Kind, Told)>,
    is_own: bool,
}

impl Guess {
    /// Of a file with these columns, which may have the first line of an export.
    pub(super) fn of(columns: &[Column], is_own: bool) -> Self {
        let kind = |column: &Column| column.field.and_then(Kind::of);
        let columns = columns.iter().enumerate();
        let columns = columns
            .filter_map(|(place, column)| Some((place, column.name.clone(), kind(column)?, Told::default())));
        Self { columns: columns.collect(), is_own }
    }

    /// Hears a row.
    pub(super) fn row(&mut self, row: &Row) {
        for (place, _, kind, told) in &mut self.columns {
            if let Some(Cell::Text(text)) = row.cells.get(*place) {
                told.hear(*kind, text);
            }
        }
    }

    /// How each of the columns is written. One that tells nothing is written as all others that tell something are.
    pub(super) fn formats(&self, options: &Options) -> BTreeMap<String, ColumnFormat> {
        let all = self.columns.iter().fold(Told::default(), |all, (.., told)| all.and(told));
        let format = |kind: &Kind, told: &Told| match kind {
            Kind::Number { is_whole } => {
                let is_exported = self.is_own && !is_whole && !told.foreign;
                let told = if told.point || told.comma { told } else { &all };
                let found = told.decimal_sign().or(is_exported.then_some(DecimalSign::Point));
                ColumnFormat { decimal_sign: options.decimal_sign.or(found), date_format: None }
            }
            Kind::Day | Kind::Time => {
                let told = if told.day_first || told.month_first { told } else { &all };
                let said = Some(options.date_format).filter(|format| *format != DateFormat::Auto);
                ColumnFormat { date_format: said.or(told.date_format()), decimal_sign: None }
            }
        };
        self.columns.iter().map(|(_, name, kind, told)| (name.clone(), format(kind, told))).collect()
    }
}

impl Told {
    fn hear(&mut self, kind: Kind, text: &str) {
        match kind {
            Kind::Number { is_whole } => {
                self.foreign |= !own::is_number(text);
                match fields::sign_of(text, is_whole) {
                    Some(DecimalSign::Point) => self.point = true,
                    Some(DecimalSign::Comma) => self.comma = true,
                    None => {}
                }
            }
            Kind::Day | Kind::Time => match order_of(text) {
                Some(DateFormat::DayFirst) => self.day_first = true,
                Some(DateFormat::MonthFirst) => self.month_first = true,
                _ => {}
            },
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            point: self.point || other.point,
            comma: self.comma || other.comma,
            day_first: self.day_first || other.day_first,
            month_first: self.month_first || other.month_first,
            foreign: self.foreign || other.foreign,
        }
    }

    fn decimal_sign(&self) -> Option<DecimalSign> {
        match (self.point, self.comma) {
            (true, false) => Some(DecimalSign::Point),
            (false, true) => Some(DecimalSign::Comma),
            _ => None,
        }
    }

    fn date_format(&self) -> Option<DateFormat> {
        match (self.day_first, self.month_first) {
            (true, false) => Some(DateFormat::DayFirst),
            (false, true) => Some(DateFormat::MonthFirst),
            _ => None,
        }
    }
}

/// In which order a day is written, where it tells: no month has a number above twelve.
fn order_of(text: &str) -> Option<DateFormat> {
    let (date, _) = fields::parted(text);
    let parts: Vec<&str> = date.split(['.', '/', '-']).collect();
    let [first, second, year] = parts[..] else { return None };
    let number =
        |part: &str| part.parse::<u8>().ok().filter(|number| (1..=31).contains(number) && part.len() <= 2);
    let (first, second) = (number(first)?, number(second)?);
    match (first > 12, second > 12) {
        _ if !matches!(year.len(), 2 | 4) || !year.bytes().all(|byte| byte.is_ascii_digit()) => None,
        (true, false) => Some(DateFormat::DayFirst),
        (false, true) => Some(DateFormat::MonthFirst),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::Object;

    /// How the columns of leads are written whose cells are these.
    fn formats(rows: &[[&str; 2]], options: &Options) -> (Option<DecimalSign>, Option<DateFormat>) {
        formats_of(rows, options, false)
    }

    fn formats_of(
        rows: &[[&str; 2]],
        options: &Options,
        is_own: bool,
    ) -> (Option<DecimalSign>, Option<DateFormat>) {
        let column = |name: &str, field| Column { name: name.to_owned(), field: Some(field), guessed: true };
        let mut guess = Guess::of(&[column("Amount", "value"), column("Close", "expectedCloseDate")], is_own);
        for (number, cells) in (1..).zip(rows) {
            let cells = cells.iter().map(|cell| Cell::Text((*cell).to_owned())).collect();
            guess.row(&Row { number, cells, broken: None });
        }
        let formats = guess.formats(options);
        (formats["Amount"].decimal_sign, formats["Close"].date_format)
    }

    #[test]
    fn what_one_cell_leaves_open_another_tells() {
        let options = Options::new(Object::Leads);
        let (comma, day) = (Some(DecimalSign::Comma), Some(DateFormat::DayFirst));
        assert_eq!(formats(&[["1.000", "05/11/2026"], ["12,50", "28/11/2026"]], &options), (comma, day));
        let (point, month) = (Some(DecimalSign::Point), Some(DateFormat::MonthFirst));
        assert_eq!(
            formats(&[["1,000", "05/11/26"], ["2,000.50", "11/28/26, 10:00 PM"]], &options),
            (point, month)
        );
        assert_eq!(formats(&[["1,000", "05/11/2026"], ["x", "2026-11-28"]], &options), (None, None));
        assert_eq!(
            formats(&[["1,5", "28/11/2026"], ["1.5", "11/28/2026"]], &options),
            (None, None),
            "it tells both"
        );
        let said = Options { decimal_sign: comma, date_format: DateFormat::DayFirst, ..options };
        assert_eq!(formats(&[["1.5", "11/28/2026"]], &said), (comma, day), "what is said counts");
    }

    #[test]
    fn amounts_of_three_decimals_are_read_as_exports_write_them() {
        let options = Options::new(Object::Leads);
        let amounts = |cells: &[&str], options: &Options, is_own| {
            let rows: Vec<[&str; 2]> = cells.iter().map(|cell| [*cell, ""]).collect();
            formats_of(&rows, options, is_own).0
        };
        let (point, comma) = (Some(DecimalSign::Point), Some(DecimalSign::Comma));
        assert_eq!(amounts(&["1.234", "12.345", "7"], &options, true), point);
        assert_eq!(amounts(&["1.234", "12.345", "7"], &options, false), None, "a file from elsewhere");
        for foreign in ["1.250", "1,234", "1.234 KWD", "1 234"] {
            assert_eq!(amounts(&["1.234", foreign], &options, true), None, "{foreign}");
        }
        let said = Options { decimal_sign: comma, ..options };
        assert_eq!(amounts(&["1.234"], &said, true), comma, "what is said counts");
    }

    #[test]
    fn the_fields_that_are_guessed_of_are_fields() {
        let all: Vec<&str> = Object::ALL.into_iter().flat_map(fields::of).map(|field| field.name).collect();
        assert!(KINDS.iter().all(|(field, _)| all.contains(field)));
    }

    proptest! {
        #[test]
        fn no_cell_is_too_odd(cell in "\\PC{0,20}|[0-9./ -]{0,12}") {
            let _ = order_of(&cell);
        }
    }
}
