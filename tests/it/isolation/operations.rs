//! Every operation of the OpenAPI document, from outside: with another tenant's ids, without a credential, without the scope,
//! with the lowest role. An operation without an entry in `entries.rs` fails the suite. Every answer is held against what the document
//! promises of it.

use std::collections::BTreeSet;

use tenon_tests::TestApp;

use super::contract;
use super::entries::Needs::{Credential, Nothing, Scope};
use super::entries::beside;
use super::operation::operations;
use super::records::{key, key_with, records, snapshot};

#[tokio::test]
async fn another_tenants_records_are_not_there() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let theirs = records(&app, &globex).await;
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &globex).await;
    let mut tried = 0;
    for operation in operations().iter().filter(|operation| operation.names_a_record()) {
        for credential in
            [acme.admin().credential, acme.person(tenon_common::role::Role::Developer).await.credential]
        {
            let answer = operation.call(&app, &credential, &theirs).await.refused(404, "NOT_FOUND");
            assert!(!answer.text().contains("globex"), "{}: {answer}", operation.id);
        }
        tried += 1;
    }
    assert!(tried >= 15, "{tried} operations name a record");
    assert_eq!(snapshot(&mut admin, &globex).await, before, "nothing of theirs has changed");
    // They are there: for their own tenant none of these is 404.
    for operation in
        operations().iter().filter(|operation| operation.names_a_record() && operation.method == "GET")
    {
        let answer = operation.call(&app, &globex.admin().credential, &theirs).await;
        // No worker has looked at the import's file.
        answer.status(if operation.id == "preview_import" { 409 } else { 200 });
    }
}

#[tokio::test]
async fn without_a_credential_no_body_is_read() {
    for headers in ["", "Authorization: Bearer x\r\n"] {
        let mut public = BTreeSet::new();
        // A server for each hundred: who fails to name itself that often is limited.
        for some in operations().chunks(100) {
            let app = TestApp::start().await;
            let records = records(&app, &app.tenant("acme").await).await;
            for operation in some {
                assert_eq!(
                    operation.secured,
                    operation.needs != Nothing,
                    "{}: the document says otherwise",
                    operation.id
                );
                if operation.needs == Nothing {
                    public.insert(operation.id.clone());
                    continue;
                }
                let answer = operation.call_without_body(&app, headers, &operation.path(&records)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (401, "UNAUTHENTICATED"),
                    "{}: {answer:?}",
                    operation.id
                );
            }
        }
        let expected = ["create_login", "get_key_set", "list_error_codes", "list_event_types"];
        assert_eq!(public.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn without_the_scope_nothing_is_done_or_told() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let other = |scope: &str| if scope == "contacts:read" { "webhooks:read" } else { "contacts:read" };
    let (contacts, webhooks) = (key(&acme, "contacts:read").await, key(&acme, "webhooks:read").await);
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &acme).await;
    for operation in operations() {
        let Scope(scope) = operation.needs else { continue };
        let key = if other(scope) == "contacts:read" { &contacts } else { &webhooks };
        let headers = format!("Authorization: Bearer {key}\r\n");
        // Whether the record exists is not told either.
        let nobodys =
            ["{id}", "{eventId}", "{replayId}", "{stageId}", "{key}", "{value}", "{type}", "{toId}"]
                .into_iter()
                .fold(operation.template.clone(), |path, parameter| path.replace(parameter, "x"));
        for path in [operation.path(&records), nobodys] {
            let answer = operation.call_without_body(&app, &headers, &path).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "INSUFFICIENT_SCOPE"),
                "{}: {answer:?}",
                operation.id
            );
            assert!(answer.body.contains(&format!("\"required\":\"{scope}\"")), "{answer:?}");
        }
    }
    assert_eq!(snapshot(&mut admin, &acme).await, before);
}

#[tokio::test]
async fn a_key_with_the_scope_is_enough() {
    let app = TestApp::start().await;
    for operation in operations() {
        let Scope(scope) = operation.needs else { continue };
        // Records of its own for each, for some of the operations delete theirs.
        let tenant = app.tenant(&operation.id.replace('_', "-")).await;
        let records = records(&app, &tenant).await;
        super::matrix::limit(&app, &tenant).await;
        let scopes: Vec<&str> = [scope].into_iter().chain(beside(&operation.id)).collect();
        let answer = operation.call(&app, &key_with(&tenant, &scopes).await, &records).await;
        contract::counted(&operation.id, &answer);
        // A key can be given and rotated by who holds its scopes: the entry's body asks for contacts:read.
        let refused_grant = operation.id.ends_with("_api_key") && !answer.status.is_success();
        // Without a worker a test is let in, and waits for nobody.
        let nobody_answers =
            operation.id == "test_webhook" && answer.json()["code"] == "DEPENDENCY_UNAVAILABLE";
        // Nor has a worker looked at the import's file.
        let unread = operation.id == "preview_import" && answer.json()["code"] == "STATE_CONFLICT";
        let let_in = answer.status.is_success() || nobody_answers || unread;
        assert!(let_in || refused_grant, "{}: {answer}", operation.id);
        assert!(
            !refused_grant || answer.status == 400 || answer.json()["code"] == "FORBIDDEN",
            "{}: {answer}",
            operation.id
        );
    }
}

#[tokio::test]
async fn the_lowest_role_may_only_read_contacts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let client = acme.client().await;
    let headers = format!("Authorization: Bearer {}\r\n", client.credential);
    for operation in operations() {
        match operation.needs {
            Nothing | Credential | Scope("contacts:read") => {}
            Scope(_) => {
                let answer = operation.call_without_body(&app, &headers, &operation.path(&records)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (403, "ROLE_TOO_LOW"),
                    "{}: {answer:?}",
                    operation.id
                );
            }
        }
    }
}
