//! A call by curl, in a shell with `TENON_URL` and `TENON_API_KEY`.

use std::fmt::Write;

use super::call::{Call, Parameter, Place};
use super::literal::{Style, literal};

pub(super) fn written(call: &Call) -> String {
    let mut lines = vec![first_line(call)];
    if call.secured {
        lines.push("-H \"Authorization: Bearer $TENON_API_KEY\"".to_owned());
    }
    for header in call.at(Place::Header) {
        lines.push(format!("-H {}", quoted(&format!("{}: {}", header.name, header.text()))));
    }
    if call.method == "GET" {
        let query = call.at(Place::Query);
        lines.extend(query.map(|parameter| {
            format!("--data-urlencode {}", quoted(&format!("{}={}", parameter.name, parameter.text())))
        }));
    }
    if let Some((_, body)) = &call.body {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d {}", quoted(&literal(body, Style::Json, 2))));
    }
    if call.sends_file {
        lines.push("-H 'Content-Type: application/octet-stream'".to_owned());
        lines.push("--data-binary @contacts.csv".to_owned());
    }
    lines.join(" \\\n  ")
}

fn first_line(call: &Call) -> String {
    let path = call.at(Place::Path).fold(call.path.clone(), |path, parameter| {
        path.replace(&format!("{{{}}}", parameter.name), &encoded(&parameter.text()))
    });
    let query: Vec<&Parameter> = call.at(Place::Query).collect();
    let method = match call.method.as_str() {
        "GET" if query.is_empty() => String::new(),
        "GET" => " --get".to_owned(),
        method => format!(" -X {method}"),
    };
    let query = match call.method.as_str() {
        "GET" => String::new(),
        _ => query
            .iter()
            .enumerate()
            .map(|(index, parameter)| {
                let mark = if index == 0 { '?' } else { '&' };
                format!("{mark}{}={}", parameter.name, encoded(&parameter.text()))
            })
            .collect(),
    };
    format!("curl --fail-with-body{method} \"$TENON_URL{path}{query}\"")
}

/// Percent-encoded, as a segment of a path or a value of a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

/// In single quotes of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
