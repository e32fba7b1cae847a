//! What hangs on contacts, companies and leads alike.

use poem_openapi::Enum;
use serde::Serialize;
use tenon_common::crm::linked::LinkedKind;
use tenon_common::role::Permission;

use crate::calls::caller::Identity;
use crate::crm::companies::Companies;
use crate::crm::contacts::Contacts;
use crate::crm::leads::Leads;
use crate::crm::records::Resource;

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
pub trait LinkedResource: Resource {
    /// Its kind.
    const KIND: LinkedKind;
}

impl LinkedResource for Contacts {
    const KIND: LinkedKind = LinkedKind::Contact;
}

impl LinkedResource for Companies {
    const KIND: LinkedKind = LinkedKind::Company;
}

impl LinkedResource for Leads {
    const KIND: LinkedKind = LinkedKind::Lead;
}
