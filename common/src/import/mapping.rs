//! Which column is for which field: as it was said, and guessed from the columns' names where nothing was.

use std::collections::HashMap;

use crate::error::{Error, FieldError, Result};
use crate::import::fields::{self, FieldName};
use crate::import::file::column_name;
use crate::import::reader::Cell;
use crate::import::{Mode, Object, Options};
use crate::phone::Country;

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in the file.
    pub name: String,
    /// The field that it is for; none for one that is left out.
    pub field: Option<&'static str>,
    /// Whether that was guessed.
    pub guessed: bool,
}

/// What is added to a file of errors; such columns are nobody's when it comes back.
pub const ADDED: [&str; 3] = ["_row", "_code", "_message"];

/// The columns of a file by their names, or all that is wrong with the mapping.
pub fn of(columns: &[String], options: &Options) -> Result<Vec<Column>> {
    let known = fields::of(options.object);
    let mut errors = Vec::new();
    for column in options.mapping.keys().filter(|column| !columns.contains(column)) {
        errors.push(wrong(
            column,
            "UNKNOWN_COLUMN",
            format!("The file has no such column; it has {}", quoted(columns)),
        ));
    }
    let said: Vec<Column> = columns.iter().map(|name| said(name, options, &known, &mut errors)).collect();
    let mapped = guess(said, options, &known);
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for column in &mapped {
        if let Some(field) = column.field
            && let Some(other) = taken.insert(field, &column.name)
        {
            errors.push(wrong(&column.name, "REPEATED_FIELD", format!("{other:?} is for {field} already")));
        }
    }
    for part in known.iter().filter(|field| taken.contains_key(field.name)) {
        if let Some(whole) = part.part_of.and_then(|whole| taken.get(whole)) {
            errors.push(wrong(
                taken[part.name],
                "REPEATED_FIELD",
                format!("{whole:?} is for all of the name already"),
            ));
        }
    }
    complete(&mapped, options, &known, &mut errors);
    if errors.is_empty() { Ok(mapped) } else { Err(Error::Mapping(errors)) }
}

/// A column as the mapping has it.
fn said(name: &str, options: &Options, known: &[FieldName], errors: &mut Vec<FieldError>) -> Column {
    let mut column =
        Column { name: name.to_owned(), field: None, guessed: !options.mapping.contains_key(name) };
    if let Some(Some(field)) = options.mapping.get(name) {
        column.field = known.iter().find(|known| known.name == field).map(|known| known.name);
        if column.field.is_none() {
            errors.push(wrong(name, "UNKNOWN_FIELD", format!("Expected one of {}", names(known))));
        }
    }
    column
}

/// Columns of which nothing was said are for the field that their names mean most, if no other column is: the first of several. A field
/// whose parts have columns needs none.
fn guess(mut columns: Vec<Column>, options: &Options, known: &[FieldName]) -> Vec<Column> {
    let is_said = |columns: &[Column], name: &str| columns.iter().any(|column| column.field == Some(name));
    let (parts, wholes): (Vec<&FieldName>, Vec<&FieldName>) =
        known.iter().partition(|field| field.part_of.is_some());
    for field in wholes.into_iter().chain(parts) {
        let is_in_parts =
            known.iter().any(|part| part.part_of == Some(field.name) && is_said(&columns, part.name));
        let is_whole = field.part_of.is_some_and(|whole| is_said(&columns, whole));
        // New records get ids of their own, whatever another system calls its own.
        let is_new = field.name == fields::ID && options.mode == Mode::Create;
        if is_said(&columns, field.name) || is_in_parts || is_whole || is_new {
            continue;
        }
        let free =
            |column: &&mut Column| column.guessed && column.field.is_none() && !column.name.starts_with('_');
        let ranked =
            columns.iter_mut().filter(free).filter_map(|column| Some((field.rank(&column.name)?, column)));
        if let Some((_, column)) = ranked.min_by_key(|(rank, _)| *rank) {
            column.field = Some(field.name);
        }
    }
    columns
}

/// Whether there is what the options need.
fn complete(columns: &[Column], options: &Options, known: &[FieldName], errors: &mut Vec<FieldError>) {
    let has = |field: &str| {
        let is_part =
            |name: &str| known.iter().any(|known| known.name == name && known.part_of == Some(field));
        let says = |column: &Column| column.field.is_some_and(|name| name == field || is_part(name));
        columns.iter().any(says) || options.defaults.contains_key(field)
    };
    if columns.iter().all(|column| column.field.is_none()) {
        let message =
            format!("No column is for a field; say which in `mapping`. The fields are {}", names(known));
        errors.push(FieldError::new("mapping", "NOTHING_MAPPED", message));
        return;
    }
    if options.mode == Mode::Create {
        for column in columns.iter().filter(|column| column.field == Some(fields::ID)) {
            let message = "New records get ids of their own; rows name those that are there in the modes update and upsert";
            errors.push(wrong(&column.name, "UNKNOWN_FIELD", message.to_owned()));
        }
        for field in required(options.object).iter().filter(|field| !has(field)) {
            let message = format!("No column is for {field}, which every new record needs");
            errors.push(FieldError::new("mapping", "REQUIRED_FIELD", message));
        }
        return;
    }
    if !options.match_on.iter().any(|key| columns.iter().any(|column| column.field == Some(key))) {
        let message =
            format!("No column is for {}, by which rows find their records", options.match_on.join(" or "));
        errors.push(FieldError::new("matchOn", "REQUIRED_FIELD", message));
    }
}

/// Whether a row says the columns' names again, as files do that were put together of several.
pub fn is_header<'n>(names: impl Iterator<Item = &'n str>, cells: &[Cell]) -> bool {
    let is_name = |(place, name): (usize, &str)| match cells.get(place).map(|cell| cell.text().trim()) {
        _ if ADDED.contains(&name) => true,
        None | Some("") => name == column_name(place),
        // Of two columns with one name, the second is known by another.
        Some(text) => name.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(" (")),
    };
    !cells.is_empty() && names.enumerate().all(is_name)
}

/// The fields that a new record cannot be without.
fn required(object: Object) -> &'static [&'static str] {
    match object {
        Object::Contacts | Object::Companies => &["name"],
        Object::Leads => &["title", "status"],
        Object::Activities => &["kind"],
    }
}

fn wrong(column: &str, code: &'static str, message: String) -> FieldError {
    let escaped = column.replace('~', "~0").replace('/', "~1");
    FieldError::new(&format!("mapping/{escaped}"), code, message)
}

fn names(known: &[FieldName]) -> String {
    known.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

/// Names as a message has them.
pub(super) fn quoted(columns: &[String]) -> String {
    columns.iter().map(|column| format!("{column:?}")).collect::<Vec<_>>().join(", ")
}

/// Checks what of the options does not depend on the file, and puts in what follows from the rest.
pub fn settle(options: &mut Options) -> Result<()> {
    let known = fields::of(options.object);
    let mut errors = Vec::new();
    let unknown = |name: &String| {
        name == fields::ID || known.iter().all(|field| field.name != name || field.part_of.is_some())
    };
    for field in options.defaults.keys().filter(|name| unknown(name)) {
        let message = format!("Expected one of {}", names(&known));
        errors.push(FieldError::new(&format!("defaults/{field}"), "UNKNOWN_FIELD", message));
    }
    errors.extend(fields::wrong_defaults(options));
    let keys: Vec<&str> = known.iter().filter(|field| field.is_key).map(|field| field.name).collect();
    for (at, key) in options.match_on.iter().enumerate() {
        if !keys.contains(&key.as_str()) {
            let message = format!("Expected {}", keys.join(" or "));
            errors.push(FieldError::new(&format!("matchOn/{at}"), "UNKNOWN_KEY", message));
        }
    }
    if options.match_on.is_empty() {
        // The id, as exports have it; then the other system's key: an address may be one of several records' by mistake.
        let mut all: Vec<String> = keys.iter().map(ToString::to_string).collect();
        all.sort_by_key(|key| (key != fields::ID, key != "externalId"));
        options.match_on = all;
    }
    if let Some(country) = &mut options.phone_country {
        country.make_ascii_uppercase();
        if Country::parse(country).is_none() {
            errors.push(FieldError::new(
                "phoneCountry",
                "UNKNOWN_COUNTRY",
                "Expected a country of ISO 3166-1 such as DE",
            ));
        }
    }
    if options.delimiter.is_some_and(|delimiter| !matches!(delimiter, ',' | ';' | '\t' | '|')) {
        errors.push(FieldError::new(
            "delimiter",
            "INVALID_VALUE",
            "Expected a comma, a semicolon, a tab or |",
        ));
    }
    if let Some(encoding) = &options.encoding
        && encoding_rs::Encoding::for_label(encoding.as_bytes()).is_none()
    {
        let message = "Expected an encoding such as utf-8, utf-16le or windows-1252";
        errors.push(FieldError::new("encoding", "INVALID_VALUE", message));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn mapped(names: &[&str], options: &Options) -> Vec<Option<&'static str>> {
        let mut options = options.clone();
        settle(&mut options).expect("options");
        of(&columns(names), &options).expect("a mapping").into_iter().map(|column| column.field).collect()
    }

    fn refused(names: &[&str], options: &Options) -> Vec<(String, &'static str)> {
        let mut options = options.clone();
        settle(&mut options).expect("options");
        let Err(Error::Mapping(errors)) = of(&columns(names), &options) else { panic!("it was taken") };
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn columns_are_guessed_by_their_names() {
        let options = Options::new(Object::Contacts);
        let names = ["Full Name", "E-Mail", "Telephone", "Shoe size", "_row", "email"];
        assert_eq!(mapped(&names, &options), [Some("name"), None, Some("phone"), None, None, Some("email")]);
        let mut options = options;
        options.mapping.insert("Shoe size".to_owned(), Some("title".to_owned()));
        options.mapping.insert("E-Mail".to_owned(), None);
        assert_eq!(
            mapped(&names, &options),
            [Some("name"), None, Some("phone"), Some("title"), None, Some("email")]
        );
    }

    #[test]
    fn the_columns_of_other_systems_are_known() {
        /// The columns that are for a field, with the field.
        fn used(object: Object, names: &str) -> Vec<(String, &'static str)> {
            let names: Vec<&str> = names.split(',').collect();
            let mut options = Options::new(object);
            options.defaults.extend(
                [("status".to_owned(), "new".to_owned())].into_iter().filter(|_| object == Object::Leads),
            );
            let fields = mapped(&names, &options);
            names.iter().zip(fields).filter_map(|(name, field)| Some(((*name).to_owned(), field?))).collect()
        }
        let want = |all: &[(&str, &'static str)]| -> Vec<(String, &'static str)> {
            all.iter().map(|(name, field)| ((*name).to_owned(), *field)).collect()
        };
        let names = [("First Name", "firstName"), ("Middle Name", "middleName"), ("Last Name", "lastName")];
        let outlook = "First Name,Middle Name,Last Name,Title,Suffix,Company,Department,Job Title,Business Street,Business Fax,Business Phone,\
                       Business Phone 2,Home Phone,Mobile Phone,E-mail Address,E-mail Type,E-mail Display Name,E-mail 2 Address,Notes,Web Page";
        let company = [
            ("Company", "company"),
            ("Job Title", "title"),
            ("Business Phone", "phone"),
            ("E-mail Address", "email"),
        ];
        assert_eq!(used(Object::Contacts, outlook), want(&[&names[..], &company].concat()));
        let google = "First Name,Middle Name,Last Name,Name Prefix,Nickname,File As,Organization Name,Organization Title,Birthday,Notes,Labels,\
                      E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value";
        let organization = [
            ("Organization Name", "company"),
            ("Organization Title", "title"),
            ("E-mail 1 - Value", "email"),
            ("Phone 1 - Value", "phone"),
        ];
        assert_eq!(used(Object::Contacts, google), want(&[&names[..], &organization].concat()));
        assert_eq!(
            used(
                Object::Contacts,
                "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Associated Company,Lifecycle Stage"
            ),
            want(&[
                ("Record ID", "externalId"),
                ("First Name", "firstName"),
                ("Last Name", "lastName"),
                ("Email", "email"),
                ("Phone Number", "phone"),
                ("Associated Company", "company"),
                ("Lifecycle Stage", "lifecycle"),
            ])
        );
        assert_eq!(
            used(
                Object::Contacts,
                "Salutation,First Name,Last Name,Title,Account Name,Mobile,Email,Work email,Name"
            ),
            want(&[
                ("Title", "title"),
                ("Account Name", "company"),
                ("Mobile", "phone"),
                ("Email", "email"),
                ("Name", "name")
            ])
        );
        assert_eq!(
            used(Object::Companies, "Account ID,Account Name,Industry,Website,Employees,Billing City"),
            want(&[
                ("Account ID", "externalId"),
                ("Account Name", "name"),
                ("Industry", "industry"),
                ("Website", "website"),
                ("Employees", "employees"),
            ])
        );
        assert_eq!(
            used(Object::Leads, "Record ID,Deal Name,Deal Stage,Close Date,Amount,Currency"),
            want(&[
                ("Record ID", "externalId"),
                ("Deal Name", "title"),
                ("Close Date", "expectedCloseDate"),
                ("Amount", "value"),
                ("Currency", "currency"),
            ])
        );
        assert_eq!(
            used(Object::Contacts, "Prénom,Nom de famille,Société,Téléphone"),
            want(&[
                ("Prénom", "firstName"),
                ("Nom de famille", "lastName"),
                ("Société", "company"),
                ("Téléphone", "phone")
            ])
        );
    }

    #[test]
    fn a_row_of_names_is_no_record() {
        let names = ["Name", "Email", "Email (2)", "Column 4"];
        let is_header = |cells: &[&str]| {
            let cell = |text: &&str| match text.is_empty() {
                true => Cell::Empty,
                false => Cell::Text((*text).to_owned()),
            };
            is_header(names.into_iter(), &cells.iter().map(cell).collect::<Vec<_>>())
        };
        assert!(is_header(&["Name", " Email ", "Email", ""]));
        for row in
            [["Name", "", "", ""], ["Name", "Email", "Email", "x"], ["name", "Email", "Email", ""], [""; 4]]
        {
            assert!(!is_header(&row), "{row:?}");
        }
        assert!(!is_header(&[]));
    }

    #[test]
    fn a_name_is_whole_or_in_parts_and_not_both() {
        let mut options = Options::new(Object::Contacts);
        assert_eq!(mapped(&["Last Name", "Email"], &options), [Some("lastName"), Some("email")]);
        options.mapping.insert("Rufname".to_owned(), Some("firstName".to_owned()));
        assert_eq!(mapped(&["Full Name", "Rufname"], &options), [None, Some("firstName")]);
        options.mapping.insert("Full Name".to_owned(), Some("name".to_owned()));
        assert_eq!(
            refused(&["Full Name", "Rufname"], &options),
            [("/mapping/Rufname".to_owned(), "REPEATED_FIELD")]
        );
        options = Options::new(Object::Contacts);
        options.defaults.insert("firstName".to_owned(), "Ada".to_owned());
        assert!(settle(&mut options).is_err(), "a default is of a whole field");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut options = Options::new(Object::Contacts);
        assert_eq!(refused(&["Email"], &options), [("/mapping".to_owned(), "REQUIRED_FIELD")]);
        assert_eq!(refused(&["a", "b"], &options), [("/mapping".to_owned(), "NOTHING_MAPPED")]);
        options.mapping.insert("a/b".to_owned(), Some("shoes".to_owned()));
        options.mapping.insert("none".to_owned(), None);
        options.mapping.insert("c".to_owned(), Some("name".to_owned()));
        let named = refused(&["a/b", "Name", "c"], &options);
        assert_eq!(
            named,
            [("/mapping/none".to_owned(), "UNKNOWN_COLUMN"), ("/mapping/a~1b".to_owned(), "UNKNOWN_FIELD"),]
        );
        let options = Options { mode: Mode::Update, ..Options::new(Object::Contacts) };
        assert_eq!(refused(&["name"], &options), [("/matchOn".to_owned(), "REQUIRED_FIELD")]);
        let mut options = Options {
            match_on: vec!["name".to_owned()],
            phone_country: Some("zz".to_owned()),
            delimiter: Some('x'),
            encoding: Some("klingon".to_owned()),
            ..Options::new(Object::Contacts)
        };
        options.defaults.insert("shoes".to_owned(), "1".to_owned());
        let Err(Error::Invalid(errors)) = settle(&mut options) else { panic!("it was taken") };
        let named: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(named, ["/defaults/shoes", "/matchOn/0", "/phoneCountry", "/delimiter", "/encoding"]);
    }

    #[test]
    fn rows_are_matched_by_the_id_and_then_by_the_other_systems_key() {
        let mut options = Options { mode: Mode::Upsert, ..Options::new(Object::Contacts) };
        settle(&mut options).expect("options");
        assert_eq!(options.match_on, ["id", "externalId", "email"]);
        assert_eq!(mapped(&["ID", "name"], &options), [Some("id"), Some("name")]);
        // A file without any key would add its rows again each time.
        assert_eq!(refused(&["name", "title"], &options), [("/matchOn".to_owned(), "REQUIRED_FIELD")]);
        let options = Options::new(Object::Contacts);
        assert_eq!(mapped(&["id", "name"], &options), [None, Some("name")]);
        let mut options = options;
        options.mapping.insert("id".to_owned(), Some("id".to_owned()));
        assert_eq!(refused(&["id", "name"], &options), [("/mapping/id".to_owned(), "UNKNOWN_FIELD")]);
    }
}
