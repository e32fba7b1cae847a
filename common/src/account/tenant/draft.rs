//! What callers say of a tenant, and the rules for it.

use serde_json::{Map, Value};

use super::{Tenant, check_slug};
use crate::error::FieldError;
use crate::rules;

/// The settings of a tenant take so many bytes at most, as JSON.
pub const MOST_SETTINGS: usize = 16 * 1024;

/// The setting by which changes of a record must name its version; true or false. The others are the tenant's own.
pub const REQUIRE_IF_MATCH: &str = "requireIfMatch";

/// What a caller says of a tenant. What is absent was not said.
#[derive(Clone, Debug, Default)]
pub struct TenantDraft {
    /// 1–100 characters.
    pub name: Option<String>,
    /// See [`check_slug`].
    pub slug: Option<String>,
    /// The tenant's own settings.
    pub settings: Option<Map<String, Value>>,
}

impl TenantDraft {
    /// All that is wrong with what is there.
    pub fn broken(&self) -> Vec<FieldError> {
        let name = self.name.as_deref().and_then(|name| rules::text(name, "Name", 100).err());
        let slug = self.slug.as_deref().and_then(|slug| check_slug(slug).err());
        let settings = self
            .settings
            .iter()
            .flat_map(|settings| too_long(settings).into_iter().chain(no_switch(settings)));
        let name = name.map(|(code, message)| FieldError::new("name", code, message));
        name.into_iter().chain(slug).chain(settings).collect()
    }

    /// What a tenant says now, for a change.
    pub(super) fn of(tenant: &Tenant) -> Self {
        let settings = tenant.settings.as_object().cloned();
        Self { name: Some(tenant.name.clone()), slug: Some(tenant.slug.clone()), settings }
    }

    pub(super) fn apply(self, tenant: &mut Tenant) {
        if let Some(name) = self.name {
            tenant.name = rules::text(&name, "Name", 100).unwrap_or(name);
        }
        tenant.slug = self.slug.unwrap_or_default();
        tenant.settings = Value::Object(self.settings.unwrap_or_default());
    }
}

fn too_long(settings: &Map<String, Value>) -> Option<FieldError> {
    let length = serde_json::to_vec(settings).map_or(usize::MAX, |bytes| bytes.len());
    let message = format!("Settings must take {MOST_SETTINGS} bytes of JSON at most");
    (length > MOST_SETTINGS).then(|| FieldError::new("settings", "INVALID_LENGTH", message))
}

fn no_switch(settings: &Map<String, Value>) -> Option<FieldError> {
    let wrong = settings.get(REQUIRE_IF_MATCH).is_some_and(|value| !value.is_boolean() && !value.is_null());
    let field = format!("settings/{REQUIRE_IF_MATCH}");
    wrong.then(|| FieldError::new(&field, "INVALID_TYPE", "Expected true or false"))
}

/// Merges a patch into an object (RFC 7396): null takes a member away, objects are merged, all else is replaced.
pub fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(&name)),
            Value::Object(patch) => {
                let mut member = match target.remove(&name) {
                    Some(Value::Object(member)) => member,
                    _ => Map::new(),
                };
                merge(&mut member, patch);
                target.insert(name, Value::Object(member));
            }
            value => drop(target.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_is_merged_as_its_standard_says() {
        let mut target = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]});
        let patch = json!({"a": null, "b": {"c": null, "f": {"g": null, "h": 4}}, "e": [2], "i": 5});
        let (Value::Object(target), Value::Object(patch)) = (&mut target, patch) else { panic!("objects") };
        merge(target, patch);
        assert_eq!(json!(target), json!({"b": {"d": 3, "f": {"h": 4}}, "e": [2], "i": 5}));
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let settings = json!({"note": "x".repeat(MOST_SETTINGS)}).as_object().cloned();
        let draft = TenantDraft { name: Some(" ".to_owned()), slug: Some("API".to_owned()), settings };
        let fields: Vec<_> = draft.broken().iter().map(FieldError::field).collect();
        assert_eq!(fields, ["name", "slug", "settings"]);
        assert_eq!(TenantDraft::default().broken(), []);
    }
}
