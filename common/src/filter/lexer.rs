//! From a filter's text to its tokens.

use super::{FilterError, Place};

/// A token and the character, counted from 1, at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword, a field's name, or a value without quotes.
    Word(String),
    /// A value in quotes, its escapes resolved.
    Quoted(String),
    /// `(`, `)` or `,`.
    Mark(char),
    /// `=`, `!=`, `<`, `<=`, `>` or `>=`.
    Comparison(&'static str),
    /// After the last token.
    End,
}

impl Kind {
    /// For messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("{:?}", word.chars().take(40).collect::<String>()),
            Self::Quoted(_) => "a text in quotes".to_owned(),
            Self::Mark(mark) => format!("{mark:?}"),
            Self::Comparison(sign) => format!("{sign:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

const COMPARISONS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];

/// All tokens; the last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 1);
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        at += rest.len() - trimmed.len();
        rest = trimmed;
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { kind: Kind::End, at });
            return Ok(tokens);
        };
        let (kind, length) = match first {
            '(' | ')' | ',' => (Kind::Mark(first), 1),
            '"' => quoted(rest, at)?,
            '=' | '!' | '<' | '>' => comparison(rest, at)?,
            _ => word(rest, at)?,
        };
        tokens.push(Token { kind, at });
        at += rest[..length].chars().count();
        rest = &rest[length..];
    }
}

fn comparison(rest: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let sign = COMPARISONS.into_iter().find(|sign| rest.starts_with(sign));
    match sign {
        Some(sign) => Ok((Kind::Comparison(sign), sign.len())),
        None => Err(wrong(at, "Expected \"!=\"")),
    }
}

/// A JSON string (RFC 8259).
fn quoted(rest: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find_map(|(index, character)| match character {
        '"' if !escaped => Some(index + 1),
        _ => {
            escaped = character == '\\' && !escaped;
            None
        }
    });
    let Some(end) = end else {
        return Err(wrong(at, "The text that begins here has no closing quote"));
    };
    match serde_json::from_str(&rest[..end]) {
        Ok(text) => Ok((Kind::Quoted(text), end)),
        Err(_) => Err(wrong(
            at,
            "Expected a JSON string: \\\" for a quote, \\\\ for a backslash, \\n for a new line",
        )),
    }
}

fn word(rest: &str, at: usize) -> Result<(Kind, usize), FilterError> {
    let ends = |character: char| {
        character.is_whitespace() || character.is_control() || "()\",=!<>'\\".contains(character)
    };
    match rest.find(ends).unwrap_or(rest.len()) {
        0 if rest.starts_with('\'') => Err(wrong(at, "Text stands in double quotes")),
        0 => Err(wrong(
            at,
            "Expected a field, a value or an operator; other characters stand in double quotes",
        )),
        length => Ok((Kind::Word(rest[..length].to_owned()), length)),
    }
}

pub(super) fn wrong(at: usize, message: impl Into<String>) -> FilterError {
    FilterError { place: Place::Character(at), message: message.into() }
}
