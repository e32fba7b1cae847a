//! The scenario of openapi/clients/README.md by the client that progenitor makes.

use std::error::Error;
use std::fmt::Debug;

use tenon_client::types::{ApiError, BatchContactInput, Contact, ContactInput, ContactPatch, ListContactsCount};
use tenon_client::{Client, Error as Failure, ResponseValue};
use uuid::Uuid;

/// The document's samples, which are compiled and not run.
#[allow(dead_code, clippy::all, reason = "they stand on their own")]
mod samples {
    include!(concat!(env!("OUT_DIR"), "/samples.rs"));
}

type Answer<T> = Result<ResponseValue<T>, Failure<ApiError>>;

fn connect() -> Result<Client, Box<dyn Error>> {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", std::env::var("TENON_API_KEY")?).parse()?);
    let http = reqwest::Client::builder().default_headers(headers).no_proxy().build()?;
    Ok(Client::new_with_client(&std::env::var("TENON_URL")?, http))
}

/// The error of an answer that has to be a refusal.
fn refused<T: Debug>(answer: Answer<T>, status: u16, code: &str) -> ApiError {
    match answer {
        Err(Failure::ErrorResponse(error)) => {
            assert_eq!(error.status(), status);
            let error = error.into_inner();
            assert_eq!(error.code, code, "{error:?}");
            error
        }
        other => panic!("{other:?}"),
    }
}

fn named(name: &str, email: Option<&str>) -> ContactInput {
    ContactInput { name: name.to_owned(), email: email.map(str::to_owned), ..empty() }
}

fn empty() -> ContactInput {
    ContactInput {
        name: String::new(),
        external_id: None,
        email: None,
        phone: None,
        company: None,
        company_id: None,
        title: None,
        lifecycle: None,
        owner_id: None,
        user_id: None,
    }
}

async fn retitle(tenon: &Client, id: Uuid, title: &str, version: i64) -> Answer<tenon_client::types::EnvelopeContact> {
    let patch = ContactPatch { title: Some(title.to_owned()), ..ContactPatch::default() };
    tenon.update_contact().id(id).if_match(format!("\"v{version}\"")).body(patch).send().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let tenon = connect()?;
    let email = format!("clients-{}@example.com", Uuid::new_v4());

    let grace = named("Grace Hopper", Some(&email));
    let create = async || tenon.create_contact().idempotency_key(email.as_str()).body(grace.clone()).send().await;
    let created: Contact = create().await?.into_inner().data;
    assert_eq!((created.version, &created.title), (1, &None));
    let again = create().await?;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.data.id, created.id);

    let list = tenon.list_contacts().filter(format!("email = \"{email}\"")).count(ListContactsCount::Exact).limit(10_u32);
    let list = list.send().await?.into_inner();
    assert_eq!(list.data.iter().map(|contact| contact.id).collect::<Vec<_>>(), [created.id]);
    assert_eq!(list.pagination.total, Some(1));

    let changed = retitle(&tenon, created.id, "Rear admiral", 1).await?.into_inner().data;
    assert_eq!((changed.title.as_deref(), changed.version), (Some("Rear admiral"), 2));

    refused(retitle(&tenon, created.id, "Late", 1).await, 412, "VERSION_CONFLICT");
    let duplicate = tenon.create_contact().body(named("Another", Some(&email))).send().await;
    refused(duplicate, 409, "DUPLICATE");
    let invalid = tenon.create_contact().body(named("Another", Some("nonsense"))).send().await;
    let invalid = refused(invalid, 400, "VALIDATION_ERROR");
    assert!(invalid.details.contains_key("email"));
    assert_eq!(invalid.errors[0].pointer, "/email");

    let items = BatchContactInput { items: vec![named("In a batch", None), named("", None)] };
    let batch = tenon.create_contacts().body(items).send().await?;
    assert_eq!(batch.status(), 207);
    let outcome = batch.into_inner().data;
    assert_eq!((outcome.succeeded, outcome.failed), (1, 1));
    assert_eq!(outcome.results[1].code.as_deref(), Some("VALIDATION_ERROR"));

    let deleted = tenon.delete_contact().id(created.id).send().await?;
    assert_eq!(deleted.status(), 204);
    refused(tenon.get_contact().id(created.id).send().await, 404, "NOT_FOUND");
    let restored = tenon.restore_contact().id(created.id).send().await?.into_inner().data;
    assert_eq!(restored.deleted_at, None);

    for id in [Some(created.id), outcome.results[0].id] {
        tenon.delete_contact().id(id.ok_or("an id")?).send().await?;
    }
    println!("rust, progenitor: done");
    Ok(())
}
