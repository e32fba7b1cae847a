//! Versions of the API, by a change that only these tests know: before 2026-01-01, a contact's `name` was called `fullName`.

mod change;
mod events;
mod keys;

use serde_json::{Value, json};
use tenon_common::version::Versions;
use tenon_tests::{Answer, Client, TestApp};

use crate::raw;
use change::{NEWEST, OLD, versions};

const CONTACTS: &str = "/connection/contacts";
const HEADER: &str = "tenon-version";

async fn start() -> TestApp {
    TestApp::start_as(|app| app.versions = versions()).await
}

fn path(contact: &Value) -> String {
    format!("{CONTACTS}/{}", contact["id"].as_str().expect("an id"))
}

#[track_caller]
fn answered_in(answer: &Answer, version: &str) {
    assert_eq!(answer.header(HEADER), version, "{answer}");
}

/// A list with these parameters.
async fn list(client: &Client, parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    client.get(&format!("{CONTACTS}?{query}")).await
}

fn full_names(records: &Value) -> Vec<&str> {
    records
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| record["fullName"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_request_in_an_older_version_is_understood_and_answered_in_it() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);

    let created =
        old.post(CONTACTS, json!({"fullName": "Grace Hopper", "title": "Admiral"})).await.status(201);
    answered_in(&created, OLD);
    let grace: Value = created.data();
    assert_eq!((&grace["fullName"], grace.get("name")), (&json!("Grace Hopper"), None));
    // The same record for who speaks the newest, and what is not concerned is as it was.
    let newest = admin.get(&path(&grace)).await.status(200);
    answered_in(&newest, NEWEST);
    let same: Value = newest.data();
    assert_eq!((&same["name"], same.get("fullName")), (&json!("Grace Hopper"), None));
    let mut renamed = same;
    let name = renamed.as_object_mut().expect("a record").remove("name").expect("a name");
    renamed["fullName"] = name;
    assert_eq!(renamed, grace);

    let changed: Value = old.patch(&path(&grace), json!({"fullName": "Rear Admiral Hopper"})).await.ok();
    assert_eq!(changed["fullName"], "Rear Admiral Hopper");
    let items = json!({"items": [{"fullName": "Ada"}, {"fullName": "Barbara"}]});
    let batch: Value = old.post(&format!("{CONTACTS}/batch/create"), items).await.ok();
    assert_eq!(batch["succeeded"], 2);

    let page =
        list(&old, &[("sort", "-fullName"), ("fields", "id,fullName"), ("limit", "2")]).await.status(200);
    assert_eq!(full_names(&page.json()["data"]), ["Rear Admiral Hopper", "Barbara"]);
    // The next page is asked for in the client's own words.
    let link = page.header("link").to_owned();
    let next = link.split(['<', '>']).nth(1).expect("a reference");
    assert!(next.contains("fullName") && !next.contains("name="), "{link}");
    let rest = old.get(&format!("{CONTACTS}{next}")).await.status(200);
    assert_eq!(full_names(&rest.json()["data"]), ["Ada"]);
    for filter in ["fullName = \"Ada\"", "fullName in (\"fullName\", \"Ada\") and not fullName is null"] {
        let found = list(&old, &[("filter", filter)]).await.status(200);
        assert_eq!(full_names(&found.json()["data"]), ["Ada"], "{filter}");
    }
    let search = json!({"filter": {"field": "fullName", "op": "=", "value": "Ada"}, "fields": ["fullName"], "sort": ["fullName"]});
    let found = old.post(&format!("{CONTACTS}/search"), search).await.status(200);
    assert_eq!(full_names(&found.json()["data"]), ["Ada"]);
    assert_eq!(full_names(&list(&old, &[("fullName", "Ada")]).await.status(200).json()["data"]), ["Ada"]);
    // What does not concern contacts is not looked at.
    let company: Value = old.post("/connection/companies", json!({"name": "Acme"})).await.created();
    assert_eq!(company["name"], "Acme");
}

#[tokio::test]
async fn a_refusal_names_fields_as_the_client_does() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);
    let refused = old
        .post(CONTACTS, json!({"fullName": "", "email": "nonsense"}))
        .await
        .refused(400, "VALIDATION_ERROR");
    answered_in(&refused, OLD);
    let body = refused.json();
    let pointers: Vec<&str> = body["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert!(pointers.contains(&"/fullName") && pointers.contains(&"/email"), "{body}");
    assert!(body["details"]["fullName"].is_string() && body["details"].get("name").is_none(), "{body}");
    let unknown = list(&old, &[("nickname", "x")]).await.refused(400, "VALIDATION_ERROR");
    assert!(unknown.json()["details"]["nickname"].is_string(), "{unknown}");
    // Each version has its own names only.
    let newest =
        admin.post(CONTACTS, json!({"name": "Ada", "fullName": "Ada"})).await.refused(400, "UNKNOWN_FIELD");
    assert_eq!(newest.json()["errors"][0]["pointer"], "/fullName");
}

#[tokio::test]
async fn what_is_no_version_is_refused_after_the_credential_and_the_permission() {
    let app = start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    for wrong in ["2099-01-01", "2024-01-01", "2026-1-1", "latest", "", "2025-06-01, 2026-01-01"] {
        let wrong_one = |client: &Client| client.with_header(HEADER, wrong);
        wrong_one(&app.anonymous()).get("/me").await.refused(401, "UNAUTHENTICATED");
        let answer = wrong_one(&admin).get(&format!("{CONTACTS}/{}", uuid::Uuid::nil())).await;
        let answer = answer.refused(400, "VALIDATION_ERROR");
        let says = answer.json()["details"]["Tenon-Version"].as_str().map(str::to_owned);
        assert!(says.is_some_and(|says| says.ends_with(&format!(": {OLD}, {NEWEST}"))), "{answer}");
        answered_in(&answer, NEWEST);
        wrong_one(&app.anonymous()).get("/errors").await.refused(400, "VALIDATION_ERROR");
    }
    let unknown = |client: Client| client.with_header(HEADER, "2099-01-01");
    let companies = acme.key(&["companies:read"]).await;
    unknown(companies).get(CONTACTS).await.refused(403, "INSUFFICIENT_SCOPE");
    let login = json!({"email": admin.email, "password": tenon_tests::app::PASSWORD});
    unknown(app.anonymous()).post("/auth/login", login).await.refused(400, "VALIDATION_ERROR");
    let twice = format!(
        "GET /api/v1/me HTTP/1.1\r\nHost: tenon\r\nAuthorization: Bearer {}\r\nTenon-Version: {OLD}\r\nTenon-Version: {OLD}\r\n\
         Connection: close\r\n\r\n",
        admin.credential
    );
    let answer = raw::exchange(&app.address(), twice.as_bytes()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn an_older_version_says_that_it_ends_and_who_cares_for_the_header() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);
    for answer in [old.get("/me").await.status(200), old.get("/nowhere").await.status(404)] {
        answered_in(&answer, OLD);
        assert_eq!(answer.header("deprecation"), "@1780272000", "{answer}");
        assert_eq!(answer.header("sunset"), "Tue, 01 Jun 2027 00:00:00 GMT");
        let links: Vec<&str> =
            answer.headers.get_all("link").iter().filter_map(|link| link.to_str().ok()).collect();
        assert!(
            links.contains(&"<https://tenon.example/versions>; rel=\"deprecation\"; type=\"text/html\""),
            "{links:?}"
        );
    }
    let newest = admin.get("/me").await.status(200);
    answered_in(&newest, NEWEST);
    for absent in ["deprecation", "sunset", "link"] {
        assert!(!newest.headers.contains_key(absent), "{newest}");
    }
    let varies = newest.headers.get_all("vary").iter().any(|vary| vary == "Tenon-Version");
    assert!(varies, "{newest}");
}

#[tokio::test]
async fn a_replayed_answer_is_in_the_version_that_its_request_was_made_in() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let once =
        |key: &str, version: &str| admin.with_header("idempotency-key", key).with_header(HEADER, version);

    let first = once("create", OLD).post(CONTACTS, json!({"fullName": "Grace"})).await.status(201);
    let again = once("create", OLD).post(CONTACTS, json!({"fullName": "Grace"})).await.status(201);
    assert_eq!((again.header("idempotent-replayed"), again.text()), ("true", first.text()));
    assert_eq!(again.header("etag"), first.header("etag"));
    answered_in(&again, OLD);

    // The same bytes in another version are another request.
    let grace: Value = first.data();
    let title = json!({"title": "Admiral"});
    let changed = once("change", OLD).patch(&path(&grace), title.clone()).await.status(200);
    assert_eq!(changed.header("etag"), "\"v2.2025-06-01\"");
    once("change", NEWEST).patch(&path(&grace), title.clone()).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    let again = once("change", OLD).patch(&path(&grace), title).await.status(200);
    assert_eq!((again.header("idempotent-replayed"), again.text()), ("true", changed.text()));
}

#[tokio::test]
async fn who_has_a_record_in_another_form_is_not_told_that_it_is_the_same() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);
    let grace: Value = admin.post(CONTACTS, json!({"name": "Grace"})).await.created();
    let of_newest = admin.get(&path(&grace)).await.status(200).header("etag").to_owned();
    let of_old = old.get(&path(&grace)).await.status(200).header("etag").to_owned();
    assert_eq!((&*of_newest, &*of_old), ("\"v1\"", "\"v1.2025-06-01\""));

    let having = |client: &Client, tag: &str| client.with_header("if-none-match", tag);
    for (client, own, other) in [(&*admin, &of_newest, &of_old), (&old, &of_old, &of_newest)] {
        let unchanged = having(client, own).get(&path(&grace)).await.status(304);
        assert_eq!(unchanged.header("etag"), own);
        having(client, other).get(&path(&grace)).await.status(200);
    }
    // A change goes by the version of the record, whatever form its maker has seen.
    let matching = |client: &Client, tag: &str| client.with_header("if-match", tag);
    matching(&admin, &of_old).patch(&path(&grace), json!({"title": "Admiral"})).await.status(200);
    matching(&old, &of_newest)
        .patch(&path(&grace), json!({"title": "x"}))
        .await
        .refused(412, "VERSION_CONFLICT");
    matching(&old, "\"v2\"").patch(&path(&grace), json!({"fullName": "Hopper"})).await.status(200);
}

/// A change that names no operation is never asked, and nobody notices.
#[test]
fn every_change_concerns_an_operation_that_there_is() {
    let document = TestApp::document();
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
    let ids: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let changes = [Versions::product(), versions()].into_iter().flat_map(Versions::iter);
    for change in changes.flat_map(|version| &version.changes) {
        assert!(ids.iter().any(|id| change.concerns(id)), "{change:?}");
    }
}

#[tokio::test]
async fn where_there_is_one_version_it_may_be_named() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    for client in [admin.with_header(HEADER, NEWEST), (*admin).clone()] {
        let answer = client.get("/me").await.status(200);
        answered_in(&answer, NEWEST);
        assert!(!answer.headers.contains_key("deprecation"));
    }
    admin.with_header(HEADER, OLD).get("/me").await.refused(400, "VALIDATION_ERROR");
}
