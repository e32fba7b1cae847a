//! A filter as its text: read again it is the same filter.

use std::fmt::{Display, Formatter, Result};

use super::{Arity, Filter, Predicate, Value};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::And(parts) => joined(f, parts, " and "),
            Self::Or(parts) => joined(f, parts, " or "),
            Self::Not(inner) => {
                f.write_str("not ")?;
                bracketed(f, inner)
            }
            Self::Predicate(predicate) => predicate.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Filter], word: &str) -> Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        bracketed(f, part)?;
    }
    Ok(())
}

/// Brackets where another reading would be possible, and where one would have to think.
fn bracketed(f: &mut Formatter<'_>, part: &Filter) -> Result {
    match part {
        Filter::Predicate(predicate) => predicate.fmt(f),
        other => write!(f, "({other})"),
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.field, self.operator.word())?;
        let (separator, brackets) = match self.operator.arity() {
            Arity::Zero => return Ok(()),
            Arity::One => ("", false),
            Arity::Two => (" and ", false),
            Arity::Many => (", ", true),
        };
        f.write_str(if brackets { " (" } else { " " })?;
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                f.write_str(separator)?;
            }
            value.fmt(f)?;
        }
        f.write_str(if brackets { ")" } else { "" })
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            // As a JSON string.
            Self::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
        }
    }
}
