//! Columns of contacts.

use super::{Field, Importable, Part, field, id, text};
use crate::crm::contact::Contact;
use crate::import::Object;
use crate::import::fields::read;

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
        field!(
            "phone",
            phone,
            |value, formats| Ok(read::phone(value, formats)),
            Clone::clone,
            [
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
                "phoneoriginal"
            ]
        ),
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
