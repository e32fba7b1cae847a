//! Whether a document of the API still serves the clients that were written, or generated, for an earlier one.
//!
//! What clients send and was accepted has to be accepted; what they get and could count on has to be there; and the names that
//! generators make code of have to stay: operations, their tags, parameters, components. Additions are free: operations, optional
//! parameters and members, members of answers, values of enumerations in answers, statuses. What the rules cannot judge is said to
//! break.
//!
//! `tenon_api::openapi::spec` makes one document, `openapi/baseline.json` is the other; `cargo accept-openapi` moves it.

mod baseline;
mod limits;
mod operations;
mod schemas;
mod shape;

use std::collections::BTreeSet;

use serde_json::Value;

pub use baseline::{Acceptance, accept, baseline, reduced};

/// Every way in which the new document of OpenAPI 3.1 breaks with the old one, a sentence each; none where it does not.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, breaks: BTreeSet::new(), seen: BTreeSet::new() };
    operations::compare(&mut comparison);
    comparison.components_keep_their_names();
    comparison.breaks.into_iter().collect()
}

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    /// From a client: what was accepted has to be accepted.
    Sent,
    /// To a client, or to a receiver of webhooks: what could be counted on has to be there.
    Received,
}

/// Two documents, and what was found so far.
struct Comparison<'d> {
    old: &'d Value,
    new: &'d Value,
    breaks: BTreeSet<String>,
    /// Components that were compared, and in which direction.
    seen: BTreeSet<(String, String, Direction)>,
}

impl Comparison<'_> {
    fn broken(&mut self, place: &str, what: impl AsRef<str>) {
        self.breaks.insert(format!("{place}: {}", what.as_ref()));
    }

    /// Generated clients call their types by them.
    fn components_keep_their_names(&mut self) {
        let (old, new) = (&self.old["components"]["schemas"], &self.new["components"]["schemas"]);
        for name in old.as_object().into_iter().flat_map(|schemas| schemas.keys()) {
            if new.get(name).is_none() {
                self.broken(name, "there is no such schema any more, and generated types were called by it");
            }
        }
    }
}

/// What a value refers to, or itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let target = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

#[cfg(test)]
mod tests;
