//! Operations: their names, credentials, parameters, bodies and answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Comparison, Direction, resolved};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// A parameter's place and its name, by which it is the same.
type Key = (String, String);

pub(super) fn compare(comparison: &mut Comparison<'_>) {
    for (group, direction) in [("paths", Direction::Sent), ("webhooks", Direction::Received)] {
        let (old, new) = (&comparison.old[group], &comparison.new[group]);
        for (path, item) in old.as_object().into_iter().flatten() {
            for (method, before) in item.as_object().into_iter().flatten() {
                if !METHODS.contains(&method.as_str()) {
                    continue;
                }
                let place = match direction {
                    Direction::Sent => format!("{} {path}", method.to_uppercase()),
                    Direction::Received => format!("event {path}"),
                };
                match new.get(path).and_then(|item| item.get(method)) {
                    None => comparison.broken(&place, "it is not there any more"),
                    Some(after) => comparison.operation(&place, before, after, direction),
                }
            }
        }
    }
}

impl Comparison<'_> {
    fn operation(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        for (key, what) in [("operationId", "operation id"), ("tags", "tag")] {
            if old[key] != new[key] {
                let sentence = format!("its {what} was {}, by which generated clients call it", old[key]);
                self.broken(place, sentence);
            }
        }
        self.security(place, &old["security"], &new["security"]);
        self.parameters(place, old, new, direction);
        self.body(place, &old["requestBody"], &new["requestBody"], direction);
        self.responses(place, &old["responses"], &new["responses"]);
    }

    /// Each way to name oneself stays one.
    fn security(&mut self, place: &str, old: &Value, new: &Value) {
        let (Some(old), Some(new)) = (old.as_array(), new.as_array()) else {
            if old != new {
                self.broken(place, "its security cannot be compared");
            }
            return;
        };
        if old.is_empty() && !new.is_empty() {
            self.broken(place, "it needs a credential now");
        }
        for way in old.iter().filter(|way| !new.is_empty() && !new.contains(way)) {
            self.broken(place, format!("it does not take {way} any more"));
        }
        let schemes = old.iter().filter_map(Value::as_object).flat_map(|way| way.keys());
        for scheme in schemes {
            let scheme_of = |document: &Value| {
                let scheme = &document["components"]["securitySchemes"][scheme];
                ["type", "scheme", "name", "in"].map(|key| scheme[key].clone())
            };
            if scheme_of(self.old) != scheme_of(self.new) {
                self.broken(scheme, "credentials are given in another way now");
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let (before, after) = (parameters(self.old, old), parameters(self.new, new));
        for (key, parameter) in &before {
            let place = format!("{place}, {} {}", key.0, key.1);
            let Some(other) = after.get(key) else {
                self.broken(&place, "there is no such parameter any more");
                continue;
            };
            match (direction, parameter["required"] == true, other["required"] == true) {
                (Direction::Sent, false, true) => self.broken(&place, "it is required now"),
                (Direction::Received, true, false) => self.broken(&place, "it may be missing now"),
                _ => {}
            }
            for key in ["style", "explode"] {
                if parameter[key] != other[key] {
                    self.broken(&place, format!("its {key} has changed"));
                }
            }
            self.schema(&place, &parameter["schema"], &other["schema"], direction);
        }
        if direction == Direction::Sent {
            for (key, _) in
                after.iter().filter(|(key, new)| !before.contains_key(*key) && new["required"] == true)
            {
                self.broken(
                    &format!("{place}, {} {}", key.0, key.1),
                    "it is a new parameter that is required",
                );
            }
        }
    }

    fn body(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let place = format!("{place}, body");
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        match (old.is_object(), new.is_object()) {
            (false, true) if new["required"] == true => {
                self.broken(&place, "there is one now, and it is required");
            }
            (true, false) => self.broken(&place, "there is none any more"),
            (true, true) => {
                if direction == Direction::Sent && old["required"] != true && new["required"] == true {
                    self.broken(&place, "it is required now");
                }
                self.content(&place, old, new, direction);
            }
            _ => {}
        }
    }

    fn responses(&mut self, place: &str, old: &Value, new: &Value) {
        for (status, response) in old.as_object().into_iter().flatten() {
            let place = format!("{place}, {status}");
            let Some(other) = new.get(status) else {
                self.broken(&place, "this status is not documented any more");
                continue;
            };
            let (old, new) = (resolved(self.old, response), resolved(self.new, other));
            self.headers(&place, &old["headers"], &new["headers"]);
            if old.get("content").is_some() {
                self.content(&place, old, new, Direction::Received);
            }
        }
    }

    fn headers(&mut self, place: &str, old: &Value, new: &Value) {
        for (name, header) in old.as_object().into_iter().flatten() {
            let place = format!("{place}, header {name}");
            let found =
                new.as_object().into_iter().flatten().find(|(other, _)| other.eq_ignore_ascii_case(name));
            let Some((_, other)) = found else {
                self.broken(&place, "there is no such header any more");
                continue;
            };
            let (old, new) = (resolved(self.old, header), resolved(self.new, other));
            if old["required"] == true && new["required"] != true {
                self.broken(&place, "it may be missing now");
            }
            self.schema(&place, &old["schema"], &new["schema"], Direction::Received);
        }
    }

    fn content(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        for (media_type, content) in old["content"].as_object().into_iter().flatten() {
            match new["content"].get(media_type) {
                None => self.broken(place, format!("it is not {media_type} any more")),
                Some(other) => self.schema(place, &content["schema"], &other["schema"], direction),
            }
        }
    }
}

fn parameters<'d>(document: &'d Value, operation: &'d Value) -> BTreeMap<Key, &'d Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let named = parameters.map(|parameter| {
        let parameter = resolved(document, parameter);
        let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
        let (place, name) = (text("in"), text("name"));
        // Names of headers have no case.
        let name = if place == "header" { name.to_ascii_lowercase() } else { name };
        ((place, name), parameter)
    });
    named.collect()
}
