//! What records name of other records. The foreign keys make sure of the tenant; what is asked here is whether the caller sees
//! the record, and whether it is deleted.

use uuid::Uuid;

use crate::error::{Error, FieldError};

/// A field that names another record.
pub struct Reference<R> {
    /// The field's name on the wire.
    pub(crate) field: &'static str,
    /// What it names.
    pub(crate) target: &'static Target,
    /// The foreign key.
    pub(crate) constraint: &'static str,
    /// Which.
    pub(crate) id: fn(&R) -> Option<Uuid>,
}

/// What can be named.
#[derive(Debug)]
pub struct Target {
    /// Of `$2`, those that may be named: `select id …`.
    seen: &'static str,
    refusal: Refusal,
}

/// The words for what is not there.
#[derive(Debug)]
enum Refusal {
    /// There is no such record.
    Unknown(&'static str),
    /// There is no such member.
    NotAMember,
}

impl Target {
    /// A user of the tenant. Naming another one moves a record out of somebody's scope, or into it.
    pub const MEMBER: &'static Self = &Self {
        seen: "select user_id from tenon.memberships where tenant_id = $1 and user_id = any ($2)",
        refusal: Refusal::NotAMember,
    };
    /// A contact.
    pub const CONTACT: &'static Self = &Self {
        seen: "select id from tenon.contacts where tenant_id = $1 and id = any ($2) and deleted_at is null",
        refusal: Refusal::Unknown("contact"),
    };
    /// A company.
    pub const COMPANY: &'static Self = &Self {
        seen: "select id from tenon.companies where tenant_id = $1 and id = any ($2) and deleted_at is null",
        refusal: Refusal::Unknown("company"),
    };
    /// A lead.
    pub const LEAD: &'static Self = &Self {
        seen: "select id from tenon.leads where tenant_id = $1 and id = any ($2) and deleted_at is null",
        refusal: Refusal::Unknown("lead"),
    };

    /// Whether the foreign key alone says all there is to say: members are not hidden from anybody, and not deleted.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.refusal, Refusal::NotAMember)
    }

    /// Whether it is the same as another one.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.seen == other.seen
    }

    pub(super) fn seen(&self) -> &'static str {
        self.seen
    }

    /// The field names none of these.
    pub(super) fn refusal(&self, field: &str) -> Error {
        match self.refusal {
            Refusal::Unknown(noun) => unknown(field, noun),
            Refusal::NotAMember => not_a_member(field),
        }
    }
}

/// The field names no record of that kind.
pub(crate) fn unknown(field: &str, noun: &str) -> Error {
    let message = format!("Must be the id of a {noun} of this organization that is not deleted");
    Error::Invalid(vec![FieldError::new(field, "UNKNOWN_RECORD", message)])
}

/// The field names no member.
pub(crate) fn not_a_member(field: &str) -> Error {
    Error::Invalid(vec![FieldError::new(
        field,
        "NOT_A_MEMBER",
        "Must be the id of a user of this organization",
    )])
}
