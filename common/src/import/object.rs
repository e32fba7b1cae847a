//! What can be imported.

use serde::{Deserialize, Serialize};

use crate::role::Permission;

/// A kind of record that files are imported as, and exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Object {
    /// Contacts.
    Contacts,
    /// Companies.
    Companies,
    /// Leads.
    Leads,
    /// Activities.
    Activities,
}

impl Object {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Contacts, Self::Companies, Self::Leads, Self::Activities];

    /// The name on the wire and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Leads => "leads",
            Self::Activities => "activities",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object| object.name() == name)
    }

    /// What importing it takes beside `imports:write`.
    pub fn permission(self) -> Permission {
        match self {
            Self::Contacts => Permission::CONTACTS_WRITE,
            Self::Companies => Permission::COMPANIES_WRITE,
            Self::Leads => Permission::LEADS_WRITE,
            Self::Activities => Permission::ACTIVITIES_WRITE,
        }
    }

    /// What taking an import of it back takes, beside [`permission`](Self::permission).
    pub fn deleting(self) -> Permission {
        match self {
            Self::Contacts => Permission::CONTACTS_DELETE,
            Self::Companies => Permission::COMPANIES_DELETE,
            Self::Leads => Permission::LEADS_DELETE,
            Self::Activities => Permission::ACTIVITIES_DELETE,
        }
    }

    /// What exporting it takes beside `exports:write`, and fetching the file beside `exports:read`.
    pub fn reading(self) -> Permission {
        match self {
            Self::Contacts => Permission::CONTACTS_READ,
            Self::Companies => Permission::COMPANIES_READ,
            Self::Leads => Permission::LEADS_READ,
            Self::Activities => Permission::ACTIVITIES_READ,
        }
    }
}

/// Runs a generic function for the record of an object: `dispatch!(object, R => f::<R>(…))`.
macro_rules! dispatch {
    ($object:expr, $record:ident => $call:expr) => {
        match $object {
            $crate::import::Object::Contacts => {
                type $record = $crate::crm::contact::Contact;
                $call
            }
            $crate::import::Object::Companies => {
                type $record = $crate::crm::company::Company;
                $call
            }
            $crate::import::Object::Leads => {
                type $record = $crate::crm::lead::Lead;
                $call
            }
            $crate::import::Object::Activities => {
                type $record = $crate::crm::activity::Activity;
                $call
            }
        }
    };
}

pub(crate) use dispatch;
