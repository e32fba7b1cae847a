//! Code samples: how each operation is called, in the languages that clients are generated for.

mod call;
mod curl;
mod literal;
mod python;
mod rust;
mod typescript;
mod values;

use serde_json::{Value, json};

use super::walk::each_operation;
use call::Call;

/// A language, what the sample uses, and how a call is written in it.
type Language = (&'static str, &'static str, fn(&Call) -> String);

const LANGUAGES: [Language; 4] = [
    ("Shell", "curl", curl::written),
    ("TypeScript", "openapi-fetch", typescript::written),
    ("Python", "openapi-python-client", python::written),
    ("Rust", "progenitor", rust::written),
];

/// `x-codeSamples` on every operation of the API; on no event, for those nobody calls.
///
/// All are made of the operation itself: its required parameters, those optional ones that tell something, and a body of the
/// schema's own example.
pub(super) fn add(document: &mut Value) {
    let components = document["components"].clone();
    each_operation(document, |path, method, operation| {
        let call = Call::of(path, method, operation, &components);
        let samples = LANGUAGES.iter().map(|(language, library, write)| {
            json!({"lang": language, "label": format!("{language} ({library})"), "source": write(&call)})
        });
        let samples: Vec<Value> = samples.collect();
        operation.insert("x-codeSamples".to_owned(), Value::Array(samples));
    });
}

#[cfg(test)]
mod tests;
