//! The paths of the document: a bounded label for metrics and logs, and the `Allow` of a 405.

use serde_json::Value;

/// Every path with its methods.
#[derive(Debug, Default)]
pub struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    template: &'static str,
    methods: String,
}

impl Routes {
    /// The paths of an OpenAPI document. Kept for the life of the process: there is one document.
    pub fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object();
        let route = |(template, operations): (&String, &Value)| {
            let known = ["get", "put", "post", "patch", "delete"];
            let methods =
                known.into_iter().filter(|method| operations.get(method).is_some()).map(str::to_uppercase);
            Route { template: template.clone().leak(), methods: methods.collect::<Vec<_>>().join(", ") }
        };
        let mut routes: Vec<Route> = paths.into_iter().flatten().map(route).collect();
        // Literal segments before parameters.
        routes.sort_by_key(|route| (route.template.matches('{').count(), route.template));
        Self(routes)
    }

    /// The template that a path fits: a label whose values are bounded.
    pub fn template(&self, path: &str) -> &'static str {
        self.find(path).map_or("other", |route| route.template)
    }

    /// The methods of a path, as `Allow` lists them.
    pub fn methods(&self, path: &str) -> String {
        self.find(path).map(|route| route.methods.clone()).unwrap_or_default()
    }

    fn find(&self, path: &str) -> Option<&Route> {
        self.0.iter().find(|route| fits(route.template, path))
    }
}

fn fits(template: &str, path: &str) -> bool {
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given))
                if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_their_templates() {
        let routes =
            Routes::of(&json!({"paths": {"/a/{id}": {"get": {}, "delete": {}}, "/a/b": {"post": {}}}}));
        assert_eq!(routes.template("/a/b"), "/a/b");
        assert_eq!(routes.template("/a/17"), "/a/{id}");
        assert_eq!(routes.methods("/a/17"), "GET, DELETE");
        assert_eq!(routes.template("/a/17/x"), "other");
        assert_eq!(routes.template("/a/"), "other");
    }
}
