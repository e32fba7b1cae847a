//! Texts that are looked for, as patterns of `like`. Both sides are folded by the database's `tenon.folded`, so that case and accents
//! make no difference.
//!
//! All of a record's text is one, in which every field and every word begins with a new line: the search functions of the
//! migrations and their trigram indexes have it as [`whole_text`] writes it here.

use crate::list::Listing;
use crate::list::field::Field;
use crate::list::statement::Statement;

/// A trigram index finds what has so many characters side by side; the beginning of a word counts as two.
const TRIGRAM: usize = 3;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// In all of a record's text.
    all: String,
    /// In the field.
    field: String,
    /// Whether the index can look for it.
    has_trigrams: bool,
}

impl Pattern {
    /// A word anywhere; one of so few letters that they make no trigram, at the beginning of a word.
    pub(super) fn word(word: &str) -> Self {
        let run = longest_run(word);
        let short = run < TRIGRAM && run == word.chars().count();
        let loose = loosened(&escaped(word));
        let all = if short { format!("%\n{loose}%") } else { format!("%{loose}%") };
        let has_trigrams = short || longest_run(&loose) >= TRIGRAM;
        Self { all, field: String::new(), has_trigrams }
    }

    /// Digits, anywhere.
    pub(super) fn digits(digits: &str) -> Self {
        let all = format!("%{}%", escaped(digits));
        Self { all, field: String::new(), has_trigrams: longest_run(digits) >= TRIGRAM }
    }

    /// A text within a field.
    pub(super) fn containing(text: &str) -> Self {
        let has_trigrams = longest_run(text) >= TRIGRAM;
        Self { all: format!("%{}%", of_words(text)), field: format!("%{}%", escaped(text)), has_trigrams }
    }

    /// The beginning of a field.
    pub(super) fn beginning(text: &str) -> Self {
        let has_trigrams = longest_run(text) > 0;
        Self { all: format!("%\n{}%", of_words(text)), field: format!("{}%", escaped(text)), has_trigrams }
    }

    /// All of a field. Regardless of case and accents: whether it is the same, another condition says.
    pub(super) fn equal(text: &str) -> Self {
        let has_trigrams = longest_run(text) > 0;
        Self { all: format!("%\n{}\n%", of_words(text)), field: String::new(), has_trigrams }
    }

    /// Whether the index can look for it; without, it would read all of itself.
    pub(super) fn has_trigrams(&self) -> bool {
        self.has_trigrams
    }
}

/// The most letters and digits side by side: what trigrams are made of.
fn longest_run(text: &str) -> usize {
    text.split(|character: char| !character.is_alphanumeric())
        .map(|run| run.chars().count())
        .max()
        .unwrap_or(0)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A pattern of a word in which signs that people write in several ways stand for any character: the apostrophe of a name, the hyphen
/// between two, the sigma at a word's end.
fn loosened(pattern: &str) -> String {
    let characters: Vec<char> = pattern.chars().collect();
    let is_letter =
        |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(|c| c.is_alphabetic());
    let loose = |(at, c): (usize, &char)| {
        let (before, behind) = (is_letter(at.checked_sub(1)), is_letter(Some(at + 1)));
        let is_loose = match c {
            '\'' | '`' | '´' | '’' | '‘' | 'ʼ' | 'ʹ' | '′' => before && behind,
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => before && behind,
            'σ' | 'ς' | 'Σ' => before && !behind,
            _ => false,
        };
        if is_loose { '_' } else { *c }
    };
    characters.iter().enumerate().map(loose).collect()
}

/// As it stands in all of a record's text.
fn of_words(text: &str) -> String {
    escaped(text).replace(' ', "\n")
}

/// So many patterns the search functions take; more would cost each row that is found more than they spare.
const BY_INDEX: usize = 3;

/// ` and id in (…)`: what the search function finds. It looks for the longest patterns of each list, which are in the fewest
/// records as a rule; that the record has all that is wanted, other conditions say.
pub(super) fn by_index(listing: &Listing, statement: &mut Statement, alternatives: Vec<Vec<Pattern>>) {
    for (index, mut patterns) in alternatives.into_iter().enumerate() {
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.all.chars().count()));
        let longest: Vec<String> = patterns.into_iter().take(BY_INDEX).map(|pattern| pattern.all).collect();
        statement.text(if index == 0 { " and id in (" } else { " union all " });
        statement.text(listing.search.unwrap_or_default()).text("(");
        statement.bind(longest);
        statement.text(")");
    }
    statement.text(")");
}

/// The row has all of them, or not. A field without a value has no text.
pub(super) fn in_place(
    listing: &Listing,
    statement: &mut Statement,
    field: Option<&'static Field>,
    patterns: &[Pattern],
    negated: bool,
) {
    statement.text("(");
    for (index, pattern) in patterns.iter().enumerate() {
        statement.text(match (index, negated) {
            (0, _) => "",
            (_, false) => " and ",
            (_, true) => " or ",
        });
        statement.text("tenon.folded(");
        match field {
            Some(field) if field.nullable => {
                statement.text("coalesce(").text(field.column).text(", '')");
            }
            Some(field) => {
                statement.text(field.column);
            }
            None => whole_text(listing, statement),
        }
        // Folded once, and not again for each row.
        statement.text(if negated {
            ") not like (select tenon.folded("
        } else {
            ") like (select tenon.folded("
        });
        statement.bind(if field.is_some() { pattern.field.clone() } else { pattern.all.clone() });
        statement.text("))");
    }
    statement.text(")");
}

/// All of a record's text.
fn whole_text(listing: &Listing, statement: &mut Statement) {
    statement.text("replace(E'\\n'");
    for field in listing.fields.iter().filter(|field| field.searched) {
        let (before, after) = if field.nullable { ("coalesce(", ", '')") } else { ("", "") };
        statement.text(" || ").text(before).text(field.column).text(after).text(" || E'\\n'");
    }
    statement.text(", ' ', E'\\n')");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_like_is_escaped_and_words_begin_with_a_new_line() {
        let pattern = Pattern::beginning("50% _a\\");
        assert_eq!(pattern.all, "%\n50\\%\n\\_a\\\\%");
        assert_eq!(pattern.field, "50\\% \\_a\\\\%");
        assert_eq!(Pattern::containing("a b").all, "%a\nb%");
        assert_eq!(Pattern::equal("CEO").all, "%\nCEO\n%");
        assert_eq!(Pattern::word("abc").all, "%abc%");
        assert_eq!(Pattern::word("ab").all, "%\nab%");
        assert_eq!(Pattern::word("b@").all, "%b@%");
        assert_eq!(Pattern::digits("4930901820").all, "%4930901820%");
    }

    #[test]
    fn signs_that_are_written_in_several_ways_stand_for_any_character() {
        for (word, pattern) in [
            ("o'brien", "%o_brien%"),
            ("O’Brien", "%O_Brien%"),
            ("anne-marie", "%anne_marie%"),
            ("müller\u{2011}lüdenscheidt", "%müller_lüdenscheidt%"),
            ("σωκράτης", "%σωκράτη_%"),
            ("ΣΩΚΡΆΤΗΣ", "%ΣΩΚΡΆΤΗ_%"),
            ("A-1-2", "%A-1-2%"),
            ("'tis", "%'tis%"),
            ("boys'", "%boys'%"),
            ("crm-", "%crm-%"),
            ("50%-off", "%50\\%-off%"),
            ("Σ", "%\nΣ%"),
        ] {
            assert_eq!(Pattern::word(word).all, pattern, "{word}");
        }
    }

    #[test]
    fn the_index_needs_letters_side_by_side_or_the_beginning_of_a_word() {
        for (pattern, has) in [
            (Pattern::containing("ab"), false),
            (Pattern::containing("a-b-c"), false),
            (Pattern::containing("-abc"), true),
            (Pattern::beginning("a"), true),
            (Pattern::beginning("-"), false),
            (Pattern::word("é"), true),
            (Pattern::word("…"), false),
            (Pattern::word("b@"), false),
            (Pattern::equal("x"), true),
        ] {
            assert_eq!(pattern.has_trigrams(), has, "{pattern:?}");
        }
    }
}
