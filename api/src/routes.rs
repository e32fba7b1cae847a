//! The list of all resources, in the document's order, and what is around them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::BoxEndpoint;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::middleware::Compression;
use poem::web::CompressionAlgo;
use poem::{EndpointExt, IntoEndpoint, IntoResponse, Response, Route};
use poem_openapi::error::{ParseParamError, ParsePathError};
use poem_openapi::types::Type;
use poem_openapi::{OpenApiService, ServerObject};

use crate::account::api_keys::ApiKeysApi;
use crate::account::auth::AuthApi;
use crate::account::limits::LimitsApi;
use crate::account::organizations::OrganizationsApi;
use crate::app::App;
use crate::audit::entries::AuditApi;
use crate::audit::sinks::AuditSinksApi;
use crate::bulk::exports::ExportsApi;
use crate::bulk::imports::{ImportTemplatesApi, ImportsApi};
use crate::bulk::uploads::UploadsApi;
use crate::calls::fixed::{Fixed, Text};
use crate::calls::layers::{Outermost, Routes, UPLOAD_DEADLINE};
use crate::calls::versioned::Versioned;
use crate::changes::{self, ChangesApi};
use crate::crm::activities::Activities;
use crate::crm::associations::AssociationsApi;
use crate::crm::companies::Companies;
use crate::crm::contacts::Contacts;
use crate::crm::industries::IndustriesApi;
use crate::crm::lead_conversion::LeadConversionApi;
use crate::crm::lead_moves::LeadMovesApi;
use crate::crm::leads::Leads;
use crate::crm::linked::LinkedType;
use crate::crm::pipelines::{Pipelines, PipelinesApi};
use crate::crm::records::{
    Named, Records, RecordsBinApi, RecordsByKeyApi, RecordsExportApi, RecordsHistoryApi, RecordsReadApi,
};
use crate::crm::stages::StagesApi;
use crate::crm::timelines::TimelinesApi;
use crate::http::body::{BodyError, parse_strict};
use crate::http::code::Code;
use crate::http::limits;
use crate::http::refusal::Refusal;
use crate::openapi::events::events;
use crate::openapi::meta::MetaApi;
use crate::openapi::page::page;
use crate::openapi::{DocumentError, Documents, documents, outline};
use crate::webhook::deliveries::DeliveriesApi;
use crate::webhook::endpoints::WebhooksApi;
use crate::webhook::operations::WebhookOperationsApi;
use crate::webhook::preview::WebhookPreviewApi;
use crate::webhook::replays::ReplaysApi;

/// Changes of pipelines say where leads go, and so have operations of their own.
type PipelinesParts = (
    RecordsReadApi<Pipelines>,
    RecordsExportApi<Pipelines>,
    PipelinesApi,
    RecordsBinApi<Pipelines>,
    RecordsByKeyApi<Pipelines>,
    RecordsHistoryApi<Pipelines>,
);

/// The records of the CRM. A new resource is a line here. poem-openapi takes sixteen in a tuple, and tuples in tuples.
type Crm = (
    Records<Contacts>,
    Records<Companies>,
    Named<Pipelines, PipelinesParts>,
    StagesApi,
    Records<Leads>,
    LeadMovesApi,
    LeadConversionApi,
    Records<Activities>,
    IndustriesApi,
);
/// What hangs on contacts, companies and leads alike.
type Linked<R> = Named<R, (AssociationsApi<R>, TimelinesApi<R>)>;
type Links = (Linked<Contacts>, Linked<Companies>, Linked<Leads>);
type Resources = (
    AuthApi,
    Crm,
    Links,
    (ImportsApi, ImportTemplatesApi, UploadsApi),
    ExportsApi,
    WebhooksApi,
    (WebhookOperationsApi, WebhookPreviewApi),
    (DeliveriesApi, ReplaysApi),
    ChangesApi,
    ApiKeysApi,
    MetaApi,
    LimitsApi,
    OrganizationsApi,
    (AuditApi, AuditSinksApi),
);

/// Requests that may take longer than others: those that send a file, and those that their clients may have wait.
const DEADLINES: &[(Method, &str, Duration)] = &[
    (Method::POST, "/api/v1/imports", UPLOAD_DEADLINE),
    (Method::POST, "/api/v1/connection/contacts/import", UPLOAD_DEADLINE),
    (Method::PATCH, "/api/v1/uploads/{id}", UPLOAD_DEADLINE),
    (Method::GET, changes::PATH, changes::LONGEST),
];

/// Every resource.
pub fn service() -> OpenApiService<Resources, ()> {
    let resources = (
        AuthApi,
        Crm::default(),
        Links::default(),
        (ImportsApi, ImportTemplatesApi, UploadsApi),
        ExportsApi,
        WebhooksApi,
        (WebhookOperationsApi, WebhookPreviewApi),
        (DeliveriesApi, ReplaysApi),
        ChangesApi,
        ApiKeysApi,
        MetaApi,
        LimitsApi,
        OrganizationsApi,
        (AuditApi, AuditSinksApi),
    );
    OpenApiService::new(resources, "Tenon", env!("CARGO_PKG_VERSION"))
        .summary("A multi-tenant CRM backend")
        .description(include_str!("../description.md"))
        .license(poem_openapi::LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/"))
        .server(ServerObject::new("/").description("This server"))
}

/// Both documents. Needs no server and no database. Fails where an operation has no class of rate limits, so that none is served
/// without a limit.
pub fn spec() -> Result<Documents, DocumentError> {
    let documents = documents(&service().spec(), &events())?;
    let document =
        parse_strict(documents.v31.as_bytes()).map_err(|error| DocumentError(vec![error.to_string()]))?;
    let problems = limits::class::problems(&document);
    if problems.is_empty() { Ok(documents) } else { Err(DocumentError(problems)) }
}

/// The documents that a server serves. Making them takes some thirty megabytes, which a program would keep for as long as it runs: a release
/// has those that the repository has, and only a program that is being worked on asks its routes.
#[cfg(not(debug_assertions))]
pub fn served() -> Result<Documents, DocumentError> {
    Ok(Documents::committed())
}

/// The documents that a server serves: what the routes say, in a program that is being worked on.
#[cfg(debug_assertions)]
pub fn served() -> Result<Documents, DocumentError> {
    spec()
}

/// The whole API as one endpoint, without a socket.
pub fn build(app: Arc<App>, documents: &Documents) -> BoxEndpoint<'static, Response> {
    let shown = documents.v30.clone();
    let docs = Arc::new(Fixed::later(move || page(html(&shown))));
    let routes = Routes::of(&outline::of(&documents.v31));
    let operations = Versioned::new(service().into_endpoint().catch_all_error(refused), app.clone());
    let json = |text: &Cow<'static, str>| {
        let text = text.clone();
        Arc::new(Fixed::later(move || Text::new(text.clone(), "application/json"))).served(&app)
    };
    let inner = Route::new()
        .at("/api/v1/openapi.json", json(&documents.v31))
        .at("/api/v1/openapi-3.0.json", json(&documents.v30))
        .at("/docs", docs.served(&app))
        .at("/docs/", docs.served(&app))
        .nest("/", operations.with(compression()).after(varying))
        .catch_all_error(refused)
        .data(app.clone());
    Outermost::new(inner, app, routes).with_deadlines(DEADLINES).boxed()
}

/// Swagger UI with a document. poem-openapi makes it of a service with that service's own text, which of the whole API takes some thirty
/// megabytes to make: here it is that of a small part, in whose place the document comes.
fn html(document: &str) -> String {
    let part = OpenApiService::new(MetaApi, "", "");
    part.swagger_ui_html().replace(&part.spec(), document)
}

/// Brotli is for what is compressed once: its window and tables are some 16 MB for each answer under way, gzip's a quarter of one.
fn compression() -> Compression {
    Compression::new().algorithms([CompressionAlgo::GZIP, CompressionAlgo::DEFLATE])
}

/// What is compressed for one client is not for a cache to give to another.
async fn varying(answer: poem::Result<Response>) -> poem::Result<Response> {
    let mut response = answer?;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}

/// What poem itself refuses, in the documented form. What handlers refused comes as a response already.
async fn refused(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    of_framework(&error).into_response()
}

fn of_framework(error: &poem::Error) -> Refusal {
    if let Some(body) = error.downcast_ref::<BodyError>() {
        return body.clone().into();
    }
    if let Some(path) = error.downcast_ref::<ParsePathError>() {
        // Path parameters bind by position: the error's own name for it says nothing to a client, but its type does.
        if path.reason.contains(LinkedType::name().as_ref()) {
            return Refusal::new(Code::ValidationError).detail("type", "Expected contact, company or lead");
        }
        return Refusal::new(Code::InvalidId).detail("id", "Expected a UUID");
    }
    if let Some(parameter) = error.downcast_ref::<ParseParamError>() {
        return Refusal::new(Code::ValidationError).detail(parameter.name, words(&parameter.reason));
    }
    if error.is::<NotFoundError>() {
        return Refusal::because(Code::NotFound, "There is nothing at this path");
    }
    if error.is::<MethodNotAllowedError>() {
        return Refusal::new(Code::MethodNotAllowed);
    }
    match error.status() {
        StatusCode::BAD_REQUEST => Refusal::because(Code::ValidationError, words(&error.to_string())),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Refusal::new(Code::UnsupportedMediaType),
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(Code::PayloadTooLarge),
        StatusCode::NOT_FOUND => Refusal::new(Code::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Refusal::new(Code::MethodNotAllowed),
        _ => {
            tracing::error!(%error, "the framework failed");
            Refusal::new(Code::Internal)
        }
    }
}

/// A library's words, short and on one line.
fn words(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
