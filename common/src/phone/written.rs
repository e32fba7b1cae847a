//! Telephone numbers as people write them.

use super::invalid;
use crate::rules::{self, Broken};

/// A number as somebody wrote it, without its extension.
pub(super) struct Written {
    pub(super) has_plus: bool,
    pub(super) digits: String,
    /// Whether a zero is in brackets, to be left out or dialled as the caller knows best.
    pub(super) has_trunk: bool,
}

impl Written {
    pub(super) fn of(value: &str) -> Result<Self, Broken> {
        let value = plain(value);
        let value = without_extension(value.trim());
        let mut digits = String::with_capacity(value.len());
        let mut has_plus = false;
        for c in value.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if digits.is_empty() && !has_plus => has_plus = true,
                c if SEPARATORS.contains(&c) => {}
                _ => return Err(invalid()),
            }
        }
        Ok(Self { has_plus, digits, has_trunk: value.contains("(0)") })
    }
}

/// What may stand between the digits of a number.
const SEPARATORS: [char; 12] =
    [' ', '.', '-', '/', '(', ')', '\u{a0}', '\u{b7}', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}'];

/// A number as it is dialled: without what is not to be seen, the `tel:` of a link (RFC 3966), and the apostrophe that makes text of it
/// in a spreadsheet; wide digits as the usual ones.
fn plain(value: &str) -> String {
    let seen = |c: &char| !rules::is_direction(*c) && (!rules::is_unseen(*c) || c.is_whitespace());
    let value: String = value.chars().filter(seen).map(narrow).collect();
    let value = value.trim();
    let value = match value.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        _ => value,
    };
    value.strip_prefix('\'').unwrap_or(value).to_owned()
}

/// The usual form of a wide digit or plus.
fn narrow(c: char) -> char {
    match c {
        '\u{ff10}'..='\u{ff19}' | '＋' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{202f}' | '\u{2009}' => ' ',
        _ => c,
    }
}

/// What a caller who looks for a telephone number may have written, as a part of the number's digits: words that are written as numbers are,
/// side by side. None of what has too few digits to be looked for so.
pub fn looked_for(words: &[&str]) -> Option<String> {
    let written = plain(&words.join(" ")).replace("(0)", "");
    let is_written = written.chars().all(|c| c.is_ascii_digit() || c == '+' || SEPARATORS.contains(&c));
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    // Zeros before a number are dialled and not stored.
    let digits = digits.trim_start_matches('0');
    (is_written && digits.len() >= LOOKED_FOR).then(|| digits.to_owned())
}

/// The fewest digits that a part of a number has to have to be looked for as one: of fewer, other texts have many.
const LOOKED_FOR: usize = 6;

/// What is before `x123`, `ext. 5`, `extension 5` or `;ext=5`.
fn without_extension(value: &str) -> &str {
    let before = value.trim_end_matches(|c: char| c.is_ascii_digit());
    if !(1..=7).contains(&(value.len() - before.len())) {
        return value;
    }
    let before = before.trim_end().trim_end_matches(['.', ':', '=']).trim_end();
    let number = ["extension", "ext", "x"].into_iter().find_map(|word| {
        let at = before.len().checked_sub(word.len())?;
        before.get(at..).filter(|end| end.eq_ignore_ascii_case(word))?;
        before.get(..at)
    });
    number.map_or(value, |number| number.trim_end().trim_end_matches([';', ',']).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_looked_for_as_it_is_written() {
        for (words, digits) in [
            (&["+49", "30", "901820"][..], Some("4930901820")),
            (&["030", "901820"], Some("30901820")),
            (&["+49", "(0)30", "901820"], Some("4930901820")),
            (&["0049", "30", "901820"], Some("4930901820")),
            (&["415-555-0177"], Some("4155550177")),
            (&["(415)", "555-0177"], Some("4155550177")),
            (&["90", "18", "20"], Some("901820")),
            (&["90", "18", "2"], None),
            (&["00000000"], None),
            (&["901820", "Ada"], None),
            (&[], None),
        ] {
            assert_eq!(looked_for(words).as_deref(), digits, "{words:?}");
        }
    }
}
