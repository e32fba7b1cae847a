//! JSON values as literals of a language.

use serde_json::Value;

/// How a language writes what JSON writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Json,
    TypeScript,
    Python,
}

/// What fits on a line of a sample.
const WIDTH: usize = 88;

/// The literal, on one line where it is short; the lines after the first are indented by this many blanks.
pub(super) fn literal(value: &Value, style: Style, indent: usize) -> String {
    let flat = flat(value, style);
    if flat.len() + indent <= WIDTH {
        return flat;
    }
    let inner = indent + 2;
    let lines: Vec<String> = match value {
        Value::Array(items) => items.iter().map(|item| literal(item, style, inner)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{}: {}", key(name, style), literal(value, style, inner)))
            .collect(),
        _ => return flat,
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    // Only JSON refuses a comma at the end.
    let last = if style == Style::Json { "" } else { "," };
    let blanks = " ".repeat(inner);
    format!("{open}\n{blanks}{}{last}\n{}{close}", lines.join(&format!(",\n{blanks}")), " ".repeat(indent))
}

fn flat(value: &Value, style: Style) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match (value, style) {
        (Value::Null, Style::Python) => "None".to_owned(),
        (Value::Bool(true), Style::Python) => "True".to_owned(),
        (Value::Bool(false), Style::Python) => "False".to_owned(),
        (Value::Array(items), _) => {
            format!("[{}]", list(items.iter().map(|item| flat(item, style)).collect()))
        }
        (Value::Object(members), _) if members.is_empty() => "{}".to_owned(),
        (Value::Object(members), _) => {
            let members =
                members.iter().map(|(name, value)| format!("{}: {}", key(name, style), flat(value, style)));
            match style {
                Style::TypeScript => format!("{{ {} }}", list(members.collect())),
                _ => format!("{{{}}}", list(members.collect())),
            }
        }
        // A string of JSON is one of TypeScript, Python and Rust too.
        (value, _) => value.to_string(),
    }
}

fn key(name: &str, style: Style) -> String {
    let is_word = name.chars().all(|character| character.is_ascii_alphanumeric());
    if style == Style::TypeScript && is_word { name.to_owned() } else { Value::from(name).to_string() }
}
