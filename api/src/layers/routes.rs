//! The paths of the document: a bounded label for metrics and logs, and the `Allow` of a 405.

use poem::http::Method;
use serde_json::Value;

use crate::limits::class::Class;

/// Every path with its methods, by the number of its segments.
#[derive(Debug, Default)]
pub struct Routes(Vec<Vec<Route>>);

#[derive(Debug)]
struct Route {
    template: &'static str,
    segments: Vec<&'static str>,
    methods: String,
    classes: Vec<(String, Class)>,
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
            let class =
                |method: &str| Some((method.to_uppercase(), Class::of(method, operations.get(method)?)?));
            let classes = known.into_iter().filter_map(class).collect();
            let template: &'static str = template.clone().leak();
            Route {
                template,
                segments: template.split('/').collect(),
                methods: methods.collect::<Vec<_>>().join(", "),
                classes,
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

    /// The template that a path fits, a label whose values are bounded; and the class of its operation with this method.
    pub fn operation(&self, method: &Method, path: &str) -> (&'static str, Option<Class>) {
        let Some(route) = self.find(path) else { return ("other", None) };
        let class = route.classes.iter().find(|(name, _)| name == method.as_str());
        (route.template, class.map(|(_, class)| *class))
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
        let operation = |path| routes.operation(&Method::GET, path);
        assert_eq!(operation("/a/b"), ("/a/b", None));
        assert_eq!(routes.operation(&Method::POST, "/a/b"), ("/a/b", Some(Class::Write)));
        assert_eq!(operation("/a/17"), ("/a/{id}", Some(Class::Read)));
        assert_eq!(routes.methods("/a/17"), "GET, DELETE");
        assert_eq!(operation("/a/17/x"), ("other", None));
        assert_eq!(operation("/a/"), ("other", None));
    }
}
