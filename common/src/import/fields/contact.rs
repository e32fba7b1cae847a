//! Columns of contacts.

use super::{Field, Formats, Importable, Part, id, text};
use crate::crm::contact::{Contact, ContactDraft};
use crate::import::Object;
use crate::import::fields::read;
use crate::rules::Broken;

impl Importable for Contact {
    const OBJECT: Object = Object::Contacts;
    const FIELDS: &'static [Field<Self>] = &[
        text!(
            "externalId",
            external_id,
            ["contactid", "personid", "crmid", "recordid", "recordidcontact", "reference"]
        ),
        text!(
            "name",
            name,
            ["fullname", "contactname", "contactfullname", "personname", "displayname", "nomcomplet"]
        ),
        text!(
            "email",
            email,
            [
                "emailaddress",
                "workemail",
                "emailwork",
                "businessemail",
                "primaryemail",
                "mail",
                "mailaddress",
                "contactemail",
                "personemail",
                "personemailwork",
                "email1",
                "emailaddress1",
                "email1address",
                "email1value",
                "personalemail",
                "emailpersonal",
                "homeemail",
                "emailhome",
                "otheremail",
                "adressemail",
                "courriel",
                "correoelectronico"
            ]
        ),
        Field {
            name: "phone",
            also: &[
                "phonenumber",
                "telephone",
                "telephonenumber",
                "tel",
                "workphone",
                "phonework",
                "businessphone",
                "officephone",
                "primaryphone",
                "contactphone",
                "personphone",
                "personphonework",
                "phone1",
                "phone1value",
                "telefon",
                "telefonnummer",
                "telefono",
                "mobile",
                "mobilephone",
                "mobilephonenumber",
                "mobilenumber",
                "personphonemobile",
                "cell",
                "cellphone",
                "cellphonenumber",
                "homephone",
                "otherphone",
            ],
            set: set_phone,
            get: |draft| draft.phone.clone(),
        },
        Field {
            name: "phoneOriginal",
            also: &[],
            set: set_phone_original,
            get: |draft| draft.phone_original.clone(),
        },
        text!(
            "company",
            company,
            [
                "companyname",
                "organization",
                "organisation",
                "organizationname",
                "organisationname",
                "organization1name",
                "account",
                "accountname",
                "associatedcompany",
                "primarycompany",
                "employer",
                "firma",
                "unternehmen",
                "societe",
                "entreprise",
                "empresa"
            ]
        ),
        id!("companyId", company_id, []),
        // `Title` beside `Job Title` is a form of address, such as Dr.
        text!(
            "title",
            title,
            [
                "jobtitle",
                "title",
                "position",
                "jobposition",
                "role",
                "organizationtitle",
                "organization1title"
            ]
        ),
        text!("lifecycle", lifecycle, ["lifecyclestage", "stage"]),
        id!("ownerId", owner_id, []),
        id!("userId", user_id, []),
    ];
    const PARTS: &'static [Part] = &[
        Part {
            name: "firstName",
            of: "name",
            also: &["givenname", "forename", "personfirstname", "vorname", "prenom"],
        },
        Part { name: "middleName", of: "name", also: &["middlenames", "additionalname"] },
        Part {
            name: "lastName",
            of: "name",
            also: &["surname", "familyname", "personlastname", "nachname", "nomdefamille", "apellidos"],
        },
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
