//! Columns of contacts.

use super::{Field, Importable, field, id, text};
use crate::crm::contact::Contact;
use crate::import::Object;
use crate::import::fields::read;

impl Importable for Contact {
    const OBJECT: Object = Object::Contacts;
    const FIELDS: &'static [Field<Self>] = &[
        text!("externalId", external_id, ["contactid", "crmid", "recordid", "reference"]),
        text!("name", name, ["fullname", "contactname", "displayname"]),
        text!("email", email, ["mail", "emailaddress", "mailaddress"]),
        field!(
            "phone",
            phone,
            |value, formats| Ok(read::phone(value, formats)),
            Clone::clone,
            ["phonenumber", "telephone", "tel", "mobile", "mobilephone", "phoneoriginal"]
        ),
        text!("company", company, ["companyname", "organization", "organisation", "account", "employer"]),
        id!("companyId", company_id, []),
        text!("title", title, ["jobtitle", "position", "role"]),
        text!("lifecycle", lifecycle, ["lifecyclestage", "stage"]),
        id!("ownerId", owner_id, []),
        id!("userId", user_id, []),
    ];
}
