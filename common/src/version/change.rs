//! One thing that a version changed.

use std::fmt;

use serde_json::Value;

/// The parameters of a query in their order, decoded.
pub type Query = Vec<(String, String)>;

/// One thing that a version changed: how the form before is turned into the form since, and back.
///
/// A change judges nothing. It moves what is there and leaves alone what it does not know: what is wrong with a request is said by the newest
/// code, and a body of any shape comes by here. It asks nobody and knows no time: what it makes of one body it makes of it again, for a webhook
/// that is sent again is sent the same bytes. What does not concern a change keeps the default of its method.
///
/// Operations are called by their `operationId`, events by their `type`.
pub trait Change: fmt::Debug + Send + Sync {
    /// What has changed, for the list of versions: one sentence to those who use the API.
    fn says(&self) -> &'static str;

    /// Whether requests or answers of an operation look different. Of others nothing is read.
    fn concerns(&self, operation: &str) -> bool;

    /// Turns the query of a request into the form since.
    fn query(&self, _operation: &str, _query: &mut Query) {}

    /// Turns the JSON body of a request into the form since.
    fn request(&self, _operation: &str, _body: &mut Value) {}

    /// Turns an answer, with its envelope, into the form before.
    fn answer(&self, _operation: &str, _body: &mut Value) {}

    /// Turns an event's body into the form before.
    fn event(&self, _kind: &str, _body: &mut Value) {}

    /// What a place of a request was called before, where a refusal names it: a JSON pointer into the body, `/name`, or a parameter of the
    /// query the same way. None where it is called the same.
    fn place(&self, _operation: &str, _pointer: &str) -> Option<String> {
        None
    }
}
