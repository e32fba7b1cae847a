//! From tokens to a filter, by recursive descent: `or` of `and` of `not`, brackets and predicates.

use super::lexer::{Kind, Token, tokens, wrong};
use super::{Arity, Filter, FilterError, MAX_BYTES, Operator, Place, Placed, Predicate, Value, too_deep};

/// Brackets and `not` in each other that are read at all: each takes a few frames of the stack. What nests too deep for the
/// rules is refused afterwards.
const MAX_NESTING: usize = 32;

pub(super) fn parse(text: &str) -> Result<Placed, FilterError> {
    if text.len() > MAX_BYTES {
        return Err(wrong(1, format!("A filter has at most {MAX_BYTES} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, nesting: 0, places: Vec::new() };
    let filter = parser.or()?;
    match parser.kind() {
        Kind::End => Ok(Placed { filter, places: parser.places }),
        _ => Err(parser.expected("\"and\", \"or\" or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
    places: Vec<Place>,
}

impl Parser {
    /// The next token; the end is never passed.
    fn token(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &Kind {
        &self.token().kind
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.kind(), Kind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        self.next += usize::from(there);
        there
    }

    fn take_mark(&mut self, mark: char) -> Result<(), FilterError> {
        if *self.kind() != Kind::Mark(mark) {
            return Err(self.expected(&format!("{mark:?}")));
        }
        self.next += 1;
        Ok(())
    }

    fn expected(&self, what: &str) -> FilterError {
        wrong(self.token().at, format!("Expected {what}, found {}", self.kind().shown()))
    }

    fn or(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.and()?];
        while self.take_word("or") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.unary()?];
        while self.take_word("and") {
            parts.push(self.unary()?);
        }
        Ok(one_or(parts, Filter::And))
    }

    fn unary(&mut self) -> Result<Filter, FilterError> {
        let (at, negated) = (self.token().at, self.at_word("not"));
        if !negated && *self.kind() != Kind::Mark('(') {
            return Ok(Filter::Predicate(self.predicate()?));
        }
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(wrong(at, too_deep()));
        }
        self.next += 1;
        let filter = if negated {
            Filter::Not(Box::new(self.unary()?))
        } else {
            let inner = self.or()?;
            self.take_mark(')')?;
            inner
        };
        self.nesting -= 1;
        Ok(filter)
    }

    fn predicate(&mut self) -> Result<Predicate, FilterError> {
        let at = self.token().at;
        let field = match self.kind() {
            Kind::Word(word) if !is_reserved(word) => word.clone(),
            _ => return Err(self.expected("a field, \"not\" or \"(\"")),
        };
        self.next += 1;
        self.places.push(Place::Character(at));
        let operator = self.operator()?;
        let values = match operator.arity() {
            Arity::Zero => Vec::new(),
            Arity::One => vec![self.value()?],
            Arity::Two => {
                let from = self.value()?;
                if !self.take_word("and") {
                    return Err(self.expected("\"and\" between the two values"));
                }
                vec![from, self.value()?]
            }
            Arity::Many => self.values()?,
        };
        Ok(Predicate { field, operator, values })
    }

    fn operator(&mut self) -> Result<Operator, FilterError> {
        let first = match self.kind() {
            Kind::Comparison(sign) => (*sign).to_owned(),
            Kind::Word(word) => word.clone(),
            _ => return Err(self.expected(&operators())),
        };
        let operator = match first.to_ascii_lowercase().as_str() {
            "not" => {
                self.next += 1;
                if !self.at_word("in") {
                    return Err(self.expected("\"in\""));
                }
                Some(Operator::NotIn)
            }
            "is" => {
                self.next += 1;
                let negated = self.take_word("not");
                if !self.at_word("null") {
                    return Err(self.expected(if negated { "\"null\"" } else { "\"null\" or \"not null\"" }));
                }
                Some(if negated { Operator::IsNotNull } else { Operator::IsNull })
            }
            _ => Operator::of_word(&first),
        };
        let operator = operator.ok_or_else(|| self.expected(&operators()))?;
        self.next += 1;
        Ok(operator)
    }

    fn values(&mut self) -> Result<Vec<Value>, FilterError> {
        self.take_mark('(')?;
        let mut values = vec![self.value()?];
        while *self.kind() == Kind::Mark(',') {
            self.next += 1;
            values.push(self.value()?);
        }
        if *self.kind() != Kind::Mark(')') {
            return Err(self.expected("',' or ')'"));
        }
        self.next += 1;
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        let value = match self.kind() {
            Kind::Quoted(text) => Value::Text(text.clone()),
            Kind::Word(word) if word.eq_ignore_ascii_case("null") => {
                return Err(wrong(
                    self.token().at,
                    "Nothing equals null; use \"is null\" or \"is not null\"",
                ));
            }
            Kind::Word(word) if !is_reserved(word) => Value::of_word(word),
            _ => return Err(self.expected("a value")),
        };
        if matches!(&value, Value::Text(text) if text.contains('\0')) {
            return Err(wrong(self.token().at, "A value must not contain the character U+0000"));
        }
        self.next += 1;
        Ok(value)
    }
}

impl Value {
    /// What a word without quotes stands for.
    fn of_word(word: &str) -> Self {
        match (word, word.parse::<i64>()) {
            ("true", _) => Self::Boolean(true),
            ("false", _) => Self::Boolean(false),
            // 007 is a text: its zeros would be lost.
            (_, Ok(number)) if number.to_string() == word => Self::Integer(number),
            _ => Self::Text(word.to_owned()),
        }
    }
}

/// Words that mean something wherever they stand without quotes.
fn is_reserved(word: &str) -> bool {
    ["and", "or", "not", "null"].iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}

fn operators() -> String {
    let words: Vec<&str> = Operator::ALL.iter().map(|operator| operator.word()).collect();
    format!("an operator ({})", words.join(", "))
}
