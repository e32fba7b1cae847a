//! What hangs on contacts, companies and leads alike: one set of operations for the three of them. The operations' texts leave
//! the kind of record open; [`Of`] fills it in for the document.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, MetaOperation, Registry};
use poem_openapi::{Enum, OpenApi, Tags as _};
use serde::Serialize;
use tenon_common::account::role::Permission;
use tenon_common::crm::linked::LinkedKind;

use crate::caller::{
    CompaniesRead, CompaniesWrite, ContactsRead, ContactsWrite, Identity, LeadsRead, LeadsWrite, Needs,
};
use crate::tags::Tags;

/// A kind of record that others can be linked with.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub enum LinkedType {
    /// A contact.
    Contact,
    /// A company.
    Company,
    /// A lead.
    Lead,
}

impl From<LinkedType> for LinkedKind {
    fn from(of: LinkedType) -> Self {
        match of {
            LinkedType::Contact => Self::Contact,
            LinkedType::Company => Self::Company,
            LinkedType::Lead => Self::Lead,
        }
    }
}

impl From<LinkedKind> for LinkedType {
    fn from(kind: LinkedKind) -> Self {
        match kind {
            LinkedKind::Contact => Self::Contact,
            LinkedKind::Company => Self::Company,
            LinkedKind::Lead => Self::Lead,
        }
    }
}

/// Whether the caller may read records of that kind, apart from which of them it sees.
pub fn may_read(caller: &Identity, kind: LinkedKind) -> bool {
    let permission = match kind {
        LinkedKind::Contact => Permission::CONTACTS_READ,
        LinkedKind::Company => Permission::COMPANIES_READ,
        LinkedKind::Lead => Permission::LEADS_READ,
    };
    caller.require(permission).is_ok()
}

/// A resource whose records others can be linked with.
pub trait LinkedResource: Send + Sync + 'static {
    /// What reading a record needs.
    type Read: Needs;
    /// What changing one needs.
    type Write: Needs;
    /// Its kind.
    const KIND: LinkedKind;
    /// Its path.
    const PATH: &'static str;
    /// Its group of operations.
    const TAG: Tags;
}

/// `/connection/contacts`.
pub struct Contacts;

impl LinkedResource for Contacts {
    type Read = ContactsRead;
    type Write = ContactsWrite;
    const KIND: LinkedKind = LinkedKind::Contact;
    const PATH: &'static str = "/api/v1/connection/contacts";
    const TAG: Tags = Tags::Contacts;
}

/// `/connection/companies`.
pub struct Companies;

impl LinkedResource for Companies {
    type Read = CompaniesRead;
    type Write = CompaniesWrite;
    const KIND: LinkedKind = LinkedKind::Company;
    const PATH: &'static str = "/api/v1/connection/companies";
    const TAG: Tags = Tags::Companies;
}

/// `/connection/leads`.
pub struct Leads;

impl LinkedResource for Leads {
    type Read = LeadsRead;
    type Write = LeadsWrite;
    const KIND: LinkedKind = LinkedKind::Lead;
    const PATH: &'static str = "/api/v1/connection/leads";
    const TAG: Tags = Tags::Leads;
}

/// Operations on the records of one resource. `{record}`, `{read}` and `{write}` in their names and texts stand for the
/// resource's name and permissions.
pub struct Of<A, R> {
    operations: A,
    _resource: PhantomData<R>,
}

impl<A, R> Of<A, R> {
    /// These operations, for the document too.
    pub fn new(operations: A) -> Self {
        Self { operations, _resource: PhantomData }
    }
}

impl<A: OpenApi, R: LinkedResource> OpenApi for Of<A, R> {
    fn meta() -> Vec<MetaApi> {
        let mut described = A::meta();
        let operations =
            described.iter_mut().flat_map(|api| &mut api.paths).flat_map(|path| &mut path.operations);
        operations.for_each(fill::<R>);
        described
    }

    fn register(registry: &mut Registry) {
        R::TAG.register(registry);
        A::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.operations.add_routes(routes);
    }
}

fn fill<R: LinkedResource>(operation: &mut MetaOperation) {
    let needs = |permission: Option<Permission>| permission.map(Permission::name).unwrap_or_default();
    let (read, write) = (needs(R::Read::PERMISSION), needs(R::Write::PERMISSION));
    let text = |text: &str| {
        text.replace("{record}", R::KIND.name()).replace("{read}", read).replace("{write}", write)
    };
    // The document's texts live as long as the program, which makes it once.
    let lasting = |said: &'static str| -> &'static str { text(said).leak() };
    operation.tags = vec![R::TAG.name()];
    operation.operation_id = operation.operation_id.map(lasting);
    operation.summary = operation.summary.map(lasting);
    operation.description = operation.description.map(lasting);
    for parameter in &mut operation.params {
        parameter.description = parameter.description.as_deref().map(text);
    }
}
