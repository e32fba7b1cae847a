//! The schema of a request type, as poem-openapi registers it, kept for the life of the process.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;

/// A type's schema with all that it refers to.
pub(super) struct BodySchema {
    pub(super) root: MetaSchemaRef,
    registry: Registry,
}

/// What one value has to fit: all parts at once.
pub(super) struct Parts<'s> {
    pub(super) all: Vec<&'s MetaSchema>,
    pub(super) nullable: bool,
}

type Schemas = HashMap<TypeId, Arc<BodySchema>>;

static SCHEMAS: LazyLock<RwLock<Schemas>> = LazyLock::new(RwLock::default);

/// The schema of `T`, made once for each type.
pub(super) fn of<T: Type + 'static>() -> Arc<BodySchema> {
    let known = SCHEMAS.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<T>()).cloned();
    known.unwrap_or_else(|| {
        let mut registry = Registry::new();
        T::register(&mut registry);
        let schema = Arc::new(BodySchema { root: T::schema_ref(), registry });
        SCHEMAS
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(TypeId::of::<T>(), Arc::clone(&schema));
        schema
    })
}

impl BodySchema {
    /// The schema behind a reference, its `allOf` laid open.
    pub(super) fn parts<'s>(&'s self, schema: &'s MetaSchemaRef) -> Parts<'s> {
        let mut parts = Parts { all: Vec::with_capacity(1), nullable: false };
        self.add(schema, &mut parts);
        parts
    }

    /// The schema of that name.
    pub(super) fn named(&self, name: &str) -> Option<&MetaSchema> {
        self.registry.schemas.get(name)
    }

    /// The schemas that one schema is made of.
    pub(super) fn parts_of<'s>(&'s self, schema: &'s MetaSchema) -> Parts<'s> {
        let mut parts = Parts { all: Vec::with_capacity(1), nullable: false };
        self.add_schema(schema, &mut parts);
        parts
    }

    fn add<'s>(&'s self, schema: &'s MetaSchemaRef, parts: &mut Parts<'s>) {
        match schema {
            MetaSchemaRef::Inline(schema) => self.add_schema(schema, parts),
            // A type registers everything that it refers to, so that there is a schema of each name.
            MetaSchemaRef::Reference(name) => {
                self.named(name).into_iter().for_each(|schema| self.add_schema(schema, parts));
            }
        }
    }

    fn add_schema<'s>(&'s self, schema: &'s MetaSchema, parts: &mut Parts<'s>) {
        parts.nullable |= schema.nullable;
        if schema.all_of.is_empty() {
            parts.all.push(schema);
        }
        // Beside `allOf` poem-openapi repeats the constraints that its last member has.
        for member in &schema.all_of {
            self.add(member, parts);
        }
    }
}

impl<'s> Parts<'s> {
    /// The first type that is named, or "" where anything is allowed.
    pub(super) fn type_name(&self) -> &'s str {
        self.all.iter().map(|part| part.ty).find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// Whether null fits: where the schema says so, and where anything is allowed.
    pub(super) fn accepts_null(&self) -> bool {
        self.nullable || (self.type_name().is_empty() && self.union().is_none())
    }

    /// The schema of a property, in each part that has it.
    pub(super) fn properties(&self, name: &str) -> impl Iterator<Item = &'s MetaSchemaRef> {
        self.all.iter().filter_map(move |part| {
            part.properties.iter().find(|(known, _)| *known == name).map(|(_, schema)| schema)
        })
    }

    /// The names of all properties.
    pub(super) fn property_names(&self) -> impl Iterator<Item = &'static str> {
        self.all.iter().flat_map(|part| part.properties.iter().map(|(name, _)| *name))
    }

    /// The schema of the values of a map.
    pub(super) fn additional(&self) -> Option<&'s MetaSchemaRef> {
        self.all.iter().find_map(|part| part.additional_properties.as_deref())
    }

    /// The part that lists alternatives.
    pub(super) fn union(&self) -> Option<&'s MetaSchema> {
        self.all.iter().copied().find(|part| !part.one_of.is_empty() || !part.any_of.is_empty())
    }
}
