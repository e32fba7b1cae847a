//! Cells that a spreadsheet would run.
//!
//! Whoever may write a record could have whoever opens the export run a formula. A cell that could be one gets an apostrophe before
//! it, which makes it text; [`bare`] takes it off again, and off nothing else: what was exported is imported as it was.

use std::borrow::Cow;

/// The text as a cell that no spreadsheet runs.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("{GUARD}{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell that [`guarded`] made.
pub fn bare(cell: &str) -> &str {
    cell.strip_prefix(GUARD).filter(|text| is_formula(text)).unwrap_or(cell)
}

/// What makes a cell text.
pub(crate) const GUARD: char = '\'';

/// Whether a spreadsheet might run the cell: behind whatever quotes, blanks and marks nobody sees, it begins with one of the signs of
/// a formula, or with a tab or a new line. Numbers and phone numbers begin with a sign too, and are none.
pub(crate) fn is_formula(text: &str) -> bool {
    if text.as_bytes().first().is_none_or(u8::is_ascii_alphanumeric) {
        return false;
    }
    let rest = text.trim_start_matches(is_passed_over);
    let before = &text[..text.len() - rest.len()];
    before.contains(['\t', '\r', '\n']) || (rest.starts_with(SIGNS) && !is_number(rest))
}

/// Those of OWASP, and their wide forms, which some spreadsheets take for the same. A bar names a program only within a formula, behind
/// one of these.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The apostrophe is one of these: a formula with one before it counts as a formula still, so that each apostrophe that is put before a
/// text can be told from one that was there.
fn is_passed_over(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '"' | GUARD | '\u{200b}'..='\u{200f}' | '\u{feff}')
}

/// `+49 151 0000`, `-12.5`, `+1`: digits, blanks and dots behind one sign. A spreadsheet has nothing to run there, and programs would
/// read no number any more.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for formula in [
            "=1+1",
            "=HYPERLINK(\"http://example.com\")",
            "+A1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n1",
            " =1",
            "\"=1",
            "'=1",
            "\u{feff}=1",
            "\u{a0}+cmd|' /C calc'!A0",
            "＝1",
            "+49 (30) 123",
            "+49-30",
            "-",
            "+",
            "--1",
        ] {
            assert_eq!(guarded(formula), format!("'{formula}"), "{formula:?}");
        }
        for text in [
            "",
            " ",
            "Ada",
            "+1",
            "-1",
            "|calc",
            "+4915100000500",
            "-12.5",
            "+49 30 123",
            "a=b",
            "'tis",
            "{\"a\":1}",
            "ä",
            "1-2",
        ] {
            assert_eq!(guarded(text), text, "{text:?}");
        }
    }

    #[test]
    fn an_apostrophe_of_the_texts_own_stays() {
        for text in ["'tis", "'", "''", "'=1", "''=1", "'+49 30"] {
            assert_eq!(bare(&guarded(text)), text);
        }
    }

    proptest! {
        #[test]
        fn what_was_guarded_is_bare_again(text in "['\"=+@\\- \\t\\r\\n0-9.a＝\u{feff}]{0,8}|.{0,20}") {
            let cell = guarded(&text);
            prop_assert_eq!(bare(&cell), &text);
            prop_assert!(!is_formula(&cell) || cell.starts_with(GUARD));
        }
    }
}
