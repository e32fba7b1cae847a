//! The class of each operation: which policy counts it beside the tenant's plan.

use poem::http::Method;
use serde_json::Value;

/// How an operation is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It reads, with a credential.
    Read,
    /// It changes, with a credential.
    Write,
    /// Everybody may call it; counted by address.
    Public,
    /// It logs in; counted by account and network, by the operation itself.
    Login,
    /// It begins or continues a session by QR code.
    Qr,
}

/// Operations whose class neither their method nor their verb tells: those without a credential.
const NAMED: &[(&str, Class)] = &[
    ("create_login", Class::Login),
    ("list_error_codes", Class::Public),
    ("list_event_types", Class::Public),
    ("get_key_set", Class::Public),
];

/// What the ids of POSTs that only read begin with.
const READING: [&str; 2] = ["read_", "search_"];

impl Class {
    /// The class of an operation of the document; none for one without a credential that is not named above.
    pub fn of(method: &str, operation: &Value) -> Option<Self> {
        let id = operation["operationId"].as_str()?;
        if let Some((_, class)) = NAMED.iter().find(|(name, _)| *name == id) {
            return Some(*class);
        }
        let secured = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        let reads = method.eq_ignore_ascii_case("get") || READING.iter().any(|verb| id.starts_with(verb));
        secured.then_some(if reads { Self::Read } else { Self::Write })
    }

    /// The class of a request with a credential that fits no operation.
    pub fn of_method(method: &Method) -> Self {
        if method.is_safe() { Self::Read } else { Self::Write }
    }
}

/// What is wrong with the classes: operations without one, names that no operation has. An API with either does not start.
#[must_use]
pub fn problems(document: &Value) -> Vec<String> {
    let (mut problems, mut known) = (Vec::new(), Vec::new());
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let operations = methods.as_object().into_iter().flatten();
        for (method, operation) in operations.filter(|(_, operation)| operation["operationId"].is_string()) {
            known.extend(operation["operationId"].as_str());
            if Class::of(method, operation).is_none() {
                let method = method.to_uppercase();
                problems.push(format!("{method} {path} has no class of rate limits; see limits/class.rs"));
            }
        }
    }
    let gone = NAMED.iter().filter(|(name, _)| !known.contains(name));
    problems
        .extend(gone.map(|(name, _)| format!("a class of rate limits is for {name}, which is no operation")));
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let mut paths = serde_json::Map::new();
        for (name, _) in NAMED {
            paths.insert(format!("/{name}"), json!({"get": {"operationId": name, "security": []}}));
        }
        json!({"paths": paths})
    }

    #[test]
    fn methods_tell_the_class_of_what_needs_a_credential() {
        let secured = json!({"operationId": "do_this", "security": [{"bearer": []}]});
        assert_eq!(Class::of("get", &secured), Some(Class::Read));
        assert_eq!(Class::of("delete", &secured), Some(Class::Write));
        let search = json!({"operationId": "search_these", "security": [{"bearer": []}]});
        assert_eq!(Class::of("post", &search), Some(Class::Read));
        let named = json!({"operationId": "create_login", "security": []});
        assert_eq!(Class::of("post", &named), Some(Class::Login));
    }

    #[test]
    fn an_operation_without_a_class_is_a_problem() {
        let mut document = document();
        assert_eq!(problems(&document), Vec::<String>::new());
        document["paths"]["/new"] = json!({"get": {"operationId": "list_new", "security": []}});
        assert_eq!(problems(&document), ["GET /new has no class of rate limits; see limits/class.rs"]);
    }

    #[test]
    fn a_name_without_an_operation_is_a_problem() {
        let mut document = document();
        document["paths"].as_object_mut().expect("paths").remove("/create_login");
        assert_eq!(
            problems(&document),
            ["a class of rate limits is for create_login, which is no operation"]
        );
    }
}
