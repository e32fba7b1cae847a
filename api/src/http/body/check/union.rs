//! Values of which there are several forms.

use poem_openapi::registry::{MetaDiscriminatorObject, MetaSchema, MetaSchemaRef};
use serde_json::Value;

use super::super::FieldError;
use super::Check;

impl<'s> Check<'s> {
    pub(super) fn union(&mut self, union: &'s MetaSchema, value: &Value) {
        match &union.discriminator {
            Some(discriminator) => self.named_form(discriminator, value),
            None => self.nearest_form(union.one_of.iter().chain(&union.any_of), value),
        }
    }

    /// The form is named by a property.
    fn named_form(&mut self, discriminator: &'s MetaDiscriminatorObject, value: &Value) {
        let Value::Object(object) = value else { return self.wrong_type("object", value) };
        let name = discriminator.property_name;
        let Some(form) = object.get(name) else {
            return self.at(name, |check| check.refuse("REQUIRED", "This field is required"));
        };
        let chosen = discriminator.mapping.iter().find(|(known, _)| form == known);
        let Some((_, reference)) = chosen else {
            let known: Vec<Value> =
                discriminator.mapping.iter().map(|(name, _)| Value::from(name.as_str())).collect();
            return self.at(name, |check| check.not_listed(&known));
        };
        // `#/components/schemas/<name>`, registered together with the union.
        let schema = reference.rsplit('/').next().and_then(|name| self.schema.named(name));
        if let Some(schema) = schema {
            self.fits(&self.schema.parts_of(schema), value);
        }
    }

    /// The form is known by its contents: the errors told are those of the form that comes nearest.
    fn nearest_form(&mut self, forms: impl Iterator<Item = &'s MetaSchemaRef>, value: &Value) {
        let before = std::mem::take(&mut self.errors);
        let tried: Vec<Vec<FieldError>> = forms
            .map(|form| {
                self.value(form, value);
                std::mem::take(&mut self.errors)
            })
            .collect();
        self.errors = before;
        let of_another_type =
            |error: &FieldError| error.code == "INVALID_TYPE" && error.pointer == self.pointer;
        let nearest =
            tried.into_iter().min_by_key(|errors| (errors.iter().any(of_another_type), errors.len()));
        let room = super::MAX_ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(nearest.into_iter().flatten().take(room));
    }
}
