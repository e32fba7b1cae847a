//! The document that clients may count on: `openapi/baseline.json`, and what was accepted against it.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::breaks;
use crate::checkout;

/// Keywords that are for people, or said elsewhere.
const LEFT_OUT: [&str; 9] = [
    "title",
    "description",
    "summary",
    "example",
    "examples",
    "info",
    "servers",
    "x-codeSamples",
    "deprecated",
];

/// Keys whose members are called by anything.
const NAMED: [&str; 9] = [
    "properties",
    "schemas",
    "parameters",
    "headers",
    "responses",
    "securitySchemes",
    "paths",
    "webhooks",
    "content",
];

/// What became of an acceptance.
#[derive(Debug)]
pub struct Acceptance {
    /// What breaks with the baseline that was.
    pub breaks: Vec<String>,
}

/// The accepted document.
///
/// # Errors
/// Where it is not there, or no JSON.
pub fn baseline() -> anyhow::Result<Value> {
    let path = file("baseline.json");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))
}

/// Makes this document the baseline. What breaks with the one before needs a reason, which is written down with it.
///
/// # Errors
/// Where something breaks and no reason is given, or a file cannot be written.
pub fn accept(document: &Value, reason: Option<&str>, on: &str) -> anyhow::Result<Acceptance> {
    let broken = if file("baseline.json").exists() { breaks(&baseline()?, document) } else { Vec::new() };
    if !broken.is_empty() {
        let Some(reason) = reason.map(str::trim).filter(|reason| !reason.is_empty()) else {
            bail!("it breaks with what was accepted, and needs a --reason:\n  {}", broken.join("\n  "));
        };
        write_down(&broken, reason, on)?;
    }
    let text = format!("{:#}\n", reduced(document));
    std::fs::write(file("baseline.json"), text).context("openapi/baseline.json cannot be written")?;
    Ok(Acceptance { breaks: broken })
}

fn write_down(broken: &[String], reason: &str, on: &str) -> anyhow::Result<()> {
    let path = file("breaking-changes.md");
    let mut text =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    write!(text, "\n## {on}\n\n{reason}\n\n")?;
    for line in broken {
        writeln!(text, "- {line}")?;
    }
    std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn file(name: &str) -> PathBuf {
    checkout::root().join("openapi").join(name)
}

/// A document without what is for people alone.
pub fn reduced(document: &Value) -> Value {
    of_keywords(document)
}

fn of_keywords(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(of_keywords).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()));
            let reduced = kept.map(|(key, value)| {
                let named = NAMED.contains(&key.as_str());
                (key.clone(), if named { of_names(value) } else { of_keywords(value) })
            });
            Value::Object(reduced.collect())
        }
        value => value.clone(),
    }
}

fn of_names(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let reduced: Map<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), of_keywords(value))).collect();
            Value::Object(reduced)
        }
        value => of_keywords(value),
    }
}
