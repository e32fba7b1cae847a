//! Columns of contacts.

use super::{Field, Formats, Importable, id, text};
use crate::crm::contact::{Contact, ContactDraft};
use crate::crm::rules::Broken;
use crate::import::Object;
use crate::import::fields::read;

impl Importable for Contact {
    const OBJECT: Object = Object::Contacts;
    const FIELDS: &'static [Field<Self>] = &[
        text!("externalId", external_id, ["contactid", "crmid", "recordid", "reference"]),
        text!("name", name, ["fullname", "contactname", "displayname"]),
        text!("email", email, ["mail", "emailaddress", "mailaddress"]),
        Field {
            name: "phone",
            also: &["phonenumber", "telephone", "tel", "mobile", "mobilephone"],
            set: set_phone,
            get: |draft| draft.phone.clone(),
        },
        Field {
            name: "phoneOriginal",
            also: &[],
            set: set_phone_original,
            get: |draft| draft.phone_original.clone(),
        },
        text!("company", company, ["companyname", "organization", "organisation", "account", "employer"]),
        id!("companyId", company_id, []),
        text!("title", title, ["jobtitle", "position", "role"]),
        text!("lifecycle", lifecycle, ["lifecyclestage", "stage"]),
        id!("ownerId", owner_id, []),
        id!("userId", user_id, []),
    ];
}

/// A number that is written as it is kept, as exports write it, leaves alone how it was written before.
fn set_phone(draft: &mut ContactDraft, value: Option<&str>, formats: &Formats) -> Result<(), Broken> {
    let number = value.map(|value| read::phone(value, formats)).transpose()?;
    let written = value.map(str::trim).filter(|written| number.as_deref() != Some(written));
    if number.is_none() || written.is_some() {
        draft.phone_original = written.map(str::to_owned);
    }
    draft.phone = number;
    Ok(())
}

/// How a number was written, and the number where no other column has it.
fn set_phone_original(
    draft: &mut ContactDraft,
    value: Option<&str>,
    formats: &Formats,
) -> Result<(), Broken> {
    if draft.phone.is_none() {
        draft.phone = value.map(|value| read::phone(value, formats)).transpose()?;
    }
    draft.phone_original = value.map(str::to_owned);
    Ok(())
}
