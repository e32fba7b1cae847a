//! A small API with every habit of poem-openapi that the document is cured of.

use poem_openapi::auth::ApiKey;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::{Email, Example, MaybeUndefined};
use poem_openapi::{
    ApiResponse, ContactObject, Enum, LicenseObject, Object, OpenApi, OpenApiService, SecurityScheme, Tags,
    Union,
};
use serde_json::json;
use uuid::Uuid;

use super::EventDescription;
use crate::http::body::Body;

/// The text of `spec()`.
pub(super) fn spec() -> String {
    service((Contacts, Errors)).spec()
}

/// The same with a path that two API structs have.
pub(super) fn spec_with_a_path_twice() -> String {
    service((Contacts, Contacts)).spec()
}

pub(super) fn event() -> EventDescription {
    EventDescription {
        name: "contact.created",
        summary: "A contact was created",
        data_schema_ref: "Contact",
        example: json!({
            "id": Uuid::from_u128(1), "email": null, "lifecycle": "lead", "score": 1, "born": "2000-01-31",
            "address": {"city": "Bonn"}, "activity": {"kind": "note", "text": "Called."},
        }),
    }
}

fn service<T: OpenApi>(api: T) -> OpenApiService<T, ()> {
    OpenApiService::new(api, "Sample", "1.0.0")
        .description("A sample.")
        .contact(ContactObject::new().name("Maintainers").url("https://crm.example.org"))
        .license(LicenseObject::new("MIT").url("https://crm.example.org/license"))
        .server("https://crm.example.org/api/v1")
}

#[derive(SecurityScheme)]
#[oai(ty = "api_key", key_name = "x-api-key", key_in = "header", rename = "ApiKey")]
struct Caller(#[expect(dead_code, reason = "the document only")] ApiKey);

#[derive(Tags)]
enum Tag {
    /// People.
    Contacts,
    /// About this API.
    Reference,
}

/// How far a contact has come.
#[derive(Enum)]
#[oai(rename_all = "lowercase")]
enum Lifecycle {
    Lead,
    Customer,
}

#[derive(Object)]
struct Address {
    city: String,
}

#[derive(Object)]
struct Call {
    #[oai(validator(minimum(value = "0", exclusive = true)))]
    seconds: i32,
}

#[derive(Object)]
struct Note {
    text: String,
}

#[derive(Union)]
#[oai(one_of, discriminator_name = "kind", rename_all = "lowercase")]
enum Activity {
    Call(Call),
    Note(Note),
}

/// A person.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
struct Contact {
    id: Uuid,
    #[oai(nullable)]
    email: Option<Email>,
    /// Where the contact stands.
    #[oai(nullable)]
    lifecycle: Option<Lifecycle>,
    #[oai(validator(maximum(value = "100")))]
    score: u8,
    /// Where to write to.
    address: Address,
    born: chrono::NaiveDate,
    activity: Activity,
}

/// A person to be.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
struct NewContact {
    #[oai(validator(min_length = 1, max_length = 100))]
    name: String,
    lifecycle: Option<Lifecycle>,
    address: Option<Address>,
}

impl Example for NewContact {
    fn example() -> Self {
        Self { name: "Grace".into(), lifecycle: Some(Lifecycle::Lead), address: None }
    }
}

/// What becomes of a person.
#[derive(Object)]
struct ChangeContact {
    name: Option<String>,
    #[oai(nullable)]
    lifecycle: MaybeUndefined<Lifecycle>,
}

#[derive(Object)]
struct Page<T: poem_openapi::types::ParseFromJSON + poem_openapi::types::ToJSON> {
    data: Vec<T>,
}

/// What went wrong.
#[derive(Object)]
struct Problem {
    code: String,
}

#[derive(ApiResponse)]
#[expect(dead_code, reason = "the document only")]
enum Created {
    #[oai(status = 201)]
    Created(Json<Contact>, #[oai(header = "ETag")] String),
}

#[derive(ApiResponse)]
#[expect(dead_code, reason = "the document only")]
enum Refusal {
    /// The request does not fit.
    #[oai(status = 400)]
    BadRequest(Json<Problem>),
    #[oai(status = 404)]
    NotFound(Json<Problem>),
}

struct Contacts;

#[OpenApi(tag = "Tag::Contacts")]
impl Contacts {
    /// List contacts
    ///
    /// All of them.
    #[oai(path = "/contacts", method = "get", operation_id = "list_contacts")]
    async fn list(&self, _caller: Caller, limit: Query<Option<u32>>) -> Result<Json<Page<Contact>>, Refusal> {
        let _ = limit;
        Err(Refusal::NotFound(Json(Problem { code: String::new() })))
    }

    /// Create a contact
    ///
    /// One of them.
    #[oai(path = "/contacts", method = "post", operation_id = "create_contact")]
    async fn create(
        &self,
        _caller: Caller,
        #[oai(name = "idempotency-key")] key: Header<Option<String>>,
        body: Body<NewContact>,
    ) -> Result<Created, Refusal> {
        let _ = (key, body);
        Err(Refusal::NotFound(Json(Problem { code: String::new() })))
    }

    /// Change a contact
    ///
    /// By RFC 7396.
    #[oai(path = "/contacts/:id", method = "patch", operation_id = "update_contact")]
    async fn update(
        &self,
        _caller: Caller,
        id: Path<Uuid>,
        body: Body<ChangeContact>,
    ) -> Result<Json<Contact>, Refusal> {
        let _ = (id, body);
        Err(Refusal::NotFound(Json(Problem { code: String::new() })))
    }
}

struct Errors;

#[OpenApi(tag = "Tag::Reference")]
impl Errors {
    /// List errors
    ///
    /// Every code.
    #[oai(path = "/errors", method = "get", operation_id = "list_errors")]
    async fn list(&self) -> Result<Json<Vec<String>>, Refusal> {
        Ok(Json(Vec::new()))
    }
}
