//! A JSON object on each line.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::undecodable::INVALID_TEXT;
use super::{Cell, Parsed, is_blank};
use crate::rules::Broken;

/// Reads objects with these members.
pub(super) struct Parser {
    columns: HashMap<String, usize>,
    width: usize,
    line: Vec<u8>,
    names: bool,
}

impl Parser {
    pub(super) fn new(columns: &[String]) -> Self {
        let places = columns.iter().enumerate().map(|(place, name)| (name.clone(), place));
        Self { columns: places.collect(), width: columns.len(), line: Vec::new(), names: false }
    }

    /// Reads the names of members in place of their values.
    pub(super) fn names() -> Self {
        Self { names: true, ..Self::new(&[]) }
    }

    pub(super) fn pending(&self) -> usize {
        self.line.len()
    }

    pub(super) fn parse(&mut self, input: &[u8], is_end: bool) -> Parsed {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.line.extend_from_slice(&rest[..end]);
                    used += end + 1;
                }
                None => {
                    self.line.extend_from_slice(rest);
                    used += rest.len();
                    if !is_end || self.line.is_empty() {
                        return Parsed::More(used);
                    }
                }
            }
            let line = std::mem::take(&mut self.line);
            if !line.iter().all(u8::is_ascii_whitespace) {
                match self.cells(&line) {
                    // An object of nothing is no row, as a line of nothing is none.
                    Ok(cells) if cells.iter().all(|cell| *cell == Cell::Empty) => {}
                    Ok(cells) => return Parsed::Row(used, cells, None),
                    Err(broken) => return Parsed::Row(used, Vec::new(), Some(broken)),
                }
            }
        }
    }

    fn cells(&self, line: &[u8]) -> Result<Vec<Cell>, Broken> {
        let object = object(line)?;
        if self.names {
            return Ok(object.into_iter().map(|(name, _)| Cell::Text(name)).collect());
        }
        let mut cells = vec![Cell::Empty; self.width];
        for (name, value) in object {
            if let Some(place) = self.columns.get(&name) {
                cells[*place] = cell(value);
            }
        }
        Ok(cells)
    }
}

/// The object of a line.
fn object(line: &[u8]) -> Result<Map<String, Value>, Broken> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let Ok(line) = std::str::from_utf8(line) else {
        let message =
            "The row is no text in the file's encoding; if another one was meant, say it in `encoding`";
        return Err((INVALID_TEXT, message.to_owned()));
    };
    if !line.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok() {
        return Err(("NOT_AN_OBJECT", "Expected a JSON object".to_owned()));
    }
    match serde_json::from_str(line) {
        Ok(Members(object)) => Ok(object),
        Err(error) => Err(("MALFORMED_JSON", format!("The row is no JSON: {error}"))),
    }
}

/// The members of an object, each of which is there once: of two with one name nobody knows which is meant.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("it has two members {name:?}")));
            }
            members.insert(name, value);
        }
        Ok(Members(members))
    }
}

fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Number(number) => Cell::Number(number.to_string()),
        Value::String(text) if is_blank(&text) => Cell::Empty,
        Value::String(text) => Cell::Text(text),
        Value::Bool(value) => Cell::Text(value.to_string()),
        Value::Array(_) | Value::Object(_) => Cell::Nested(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_objects() {
        let columns = ["name", "age"].map(str::to_owned);
        let mut parser = Parser::new(&columns);
        let file = b"\xef\xbb\xbf{\"name\":\"Ada\",\"age\":36,\"x\":1}\n\n{}\n{\"name\":\" \"}\n{\"age\":null}\r\n[1]\n\"\xff\"\n{\"age\":[1],\"name\":true}\n{\"name\":\"A\",\"name\":\"B\"}\n{\"name\"";
        let (mut at, mut found) = (0, Vec::new());
        while let Parsed::Row(used, cells, broken) = parser.parse(&file[at..], true) {
            at += used;
            found.push((cells, broken.map(|(code, _)| code)));
        }
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_eq!(
            found,
            [
                (vec![text("Ada"), Cell::Number("36".to_owned())], None),
                (vec![Cell::Empty, Cell::Null], None),
                (vec![], Some("NOT_AN_OBJECT")),
                (vec![], Some("INVALID_TEXT")),
                (vec![text("true"), Cell::Nested("[1]".to_owned())], None),
                (vec![], Some("MALFORMED_JSON")),
                (vec![], Some("MALFORMED_JSON")),
            ]
        );
        assert_eq!(at, file.len());
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(file in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut parser = Parser::new(&["a".to_owned()]);
            let mut at = 0;
            while let Parsed::Row(used, ..) = parser.parse(&file[at..], true) {
                prop_assert!(used > 0);
                at += used;
            }
        }
    }
}
