//! The paths of the document: a bounded label for metrics and logs, and the `Allow` of a 405.

use poem::http::Method;
use serde_json::Value;

use crate::http::limits::class::Class;

/// Every path with its methods, by the number of its segments.
#[derive(Debug, Default)]
pub struct Routes(Vec<Vec<Route>>);

#[derive(Debug)]
struct Route {
    template: &'static str,
    segments: Vec<&'static str>,
    methods: String,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    method: String,
    id: &'static str,
    class: Option<Class>,
}

/// What a request asks for, as far as that is known; labels whose values are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The template that the path fits.
    pub route: &'static str,
    /// The `operationId`.
    pub operation: Option<&'static str>,
    /// How the operation is counted.
    pub class: Option<Class>,
}

/// A longer path is none of ours.
const MAX_SEGMENTS: usize = 16;

impl Routes {
    /// The paths of an OpenAPI document. Kept for the life of the process: there is one document.
    pub fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object();
        let route = |(template, operations): (&String, &Value)| {
            let known = ["get", "put", "post", "patch", "delete"];
            let methods =
                known.into_iter().filter(|method| operations.get(method).is_some()).map(str::to_uppercase);
            let operation = |method: &str| {
                let operation = operations.get(method)?;
                let id: &'static str = operation["operationId"].as_str()?.to_owned().leak();
                Some(Operation { method: method.to_uppercase(), id, class: Class::of(method, operation) })
            };
            let operations_of = known.into_iter().filter_map(operation).collect();
            let template: &'static str = template.clone().leak();
            Route {
                template,
                segments: template.split('/').collect(),
                methods: methods.collect::<Vec<_>>().join(", "),
                operations: operations_of,
            }
        };
        let mut by_length: Vec<Vec<Route>> = Vec::new();
        by_length.resize_with(MAX_SEGMENTS + 1, Vec::new);
        for route in paths.into_iter().flatten().map(route) {
            by_length[route.segments.len()].push(route);
        }
        for routes in &mut by_length {
            // Literal segments before parameters.
            routes.sort_by_key(|route| (route.template.matches('{').count(), route.template));
        }
        Self(by_length)
    }

    /// What a request with this method and path asks for.
    pub fn asked(&self, method: &Method, path: &str) -> Asked {
        let Some(route) = self.find(path) else {
            return Asked { route: "other", operation: None, class: None };
        };
        let operation = route.operations.iter().find(|operation| operation.method == method.as_str());
        let class = operation.and_then(|operation| operation.class);
        Asked { route: route.template, operation: operation.map(|operation| operation.id), class }
    }

    /// The methods of a path, as `Allow` lists them.
    pub fn methods(&self, path: &str) -> String {
        self.find(path).map(|route| route.methods.clone()).unwrap_or_default()
    }

    fn find(&self, path: &str) -> Option<&Route> {
        let mut segments = [""; MAX_SEGMENTS];
        let mut length = 0;
        for segment in path.split('/') {
            *segments.get_mut(length)? = segment;
            length += 1;
        }
        self.0.get(length)?.iter().find(|route| fits(&route.segments, &segments[..length]))
    }
}

/// From the end, where paths differ.
fn fits(template: &[&str], path: &[&str]) -> bool {
    let fits =
        |(wanted, given): (&&str, &&str)| wanted == given || (wanted.starts_with('{') && !given.is_empty());
    template.iter().zip(path).rev().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_their_templates() {
        let secured = json!({"operationId": "do_this", "security": [{"bearer": []}]});
        let routes = Routes::of(
            &json!({"paths": {"/a/{id}": {"get": secured, "delete": {}}, "/a/b": {"post": secured}}}),
        );
        let get = |path| routes.asked(&Method::GET, path);
        assert_eq!(get("/a/b"), Asked { route: "/a/b", operation: None, class: None });
        let known = |route, class| Asked { route, operation: Some("do_this"), class: Some(class) };
        assert_eq!(routes.asked(&Method::POST, "/a/b"), known("/a/b", Class::Write));
        assert_eq!(get("/a/17"), known("/a/{id}", Class::Read));
        assert_eq!(routes.methods("/a/17"), "GET, DELETE");
        assert_eq!(get("/a/17/x").route, "other");
        assert_eq!(get("/a/").route, "other");
    }
}
