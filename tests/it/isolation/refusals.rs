//! Every operation over its limit: refused with 429, before anything is done, and with all that a client needs to come back.

use std::net::IpAddr;

use serde_json::json;
use tenon_api::http::limits::Limits;
use tenon_api::http::limits::class::Class;
use tenon_common::Actor;
use tenon_common::account::tenant::Plan;
use tenon_tests::{Answer, Client, Tenant, TestApp};

use super::contract;
use super::entries::Needs;
use super::matrix::{behind_a_proxy, from_elsewhere, set};
use super::operation::{Operation, operations};
use super::records::{key, snapshot};

/// Who attempts to log in, in the entry of that operation.
const ACCOUNT: &str = "nobody@example.com";

/// Takes all that is left for whoever will ask.
async fn exhaust(limits: &Limits, operation: &Operation, tenant: &Tenant, from: IpAddr) {
    let actor = Actor::system(tenant.id);
    loop {
        let taken = match operation.needs {
            Needs::Nothing if operation.id == "create_login" => limits.login(from, ACCOUNT).await,
            Needs::Nothing => limits.public(from).await,
            // The tenant's own limit alone: this class has none for the caller.
            _ => limits.request(&actor, Plan::Free.into(), Class::Public).await,
        };
        if taken.is_err() {
            return;
        }
    }
}

/// The answer over the limit. Asks for nothing that could be done, and again where just then one more became free, as every 600 ms.
async fn over_the_limit(app: &TestApp, operation: &Operation, tenant: &Tenant, credential: &str) -> Answer {
    let (client, from) = from_elsewhere(app);
    let client = if operation.needs == Needs::Nothing { client } else { client.with_bearer(credential) };
    for _ in 0..20 {
        exhaust(&app.state().limits, operation, tenant, from).await;
        // Logging in is counted by the account in its body.
        let body = match operation.id == "create_login" {
            true => Some(operation.body.clone()),
            false => (!operation.body.is_null()).then(|| json!("no object")),
        };
        let answer = operation.send(&client, &operation.nowhere(), body).await;
        if answer.status == 429 {
            return answer;
        }
    }
    panic!("{} is never refused", operation.id);
}

#[tokio::test]
async fn every_operation_is_refused_over_its_limit_before_anything_is_done() {
    let app = behind_a_proxy().await;
    let acme = app.tenant("acme").await;
    let (owner, spare) = (acme.admin().credential, key(&acme, "contacts:read").await);
    set(&app, "update tenon.tenants set plan = 'free' where id = $1", acme.id.0).await;
    tenon_tests::eventually("what was believed of the owner's key is forgotten", async || {
        let answer = Client::new(&app.url()).with_bearer(&owner).get("/api/v1/me").await;
        answer.headers.contains_key("ratelimit")
    })
    .await;
    let mut admin = app.connect().await;
    let before = snapshot(&mut admin, &acme).await;
    let mut operations = operations();
    // What would do something if it slipped through comes last, with a key that nobody needs any more.
    operations.sort_by_key(Operation::cannot_be_probed);
    for operation in &operations {
        if operation.cannot_be_probed() {
            assert_eq!(snapshot(&mut admin, &acme).await, before, "nothing was done");
        }
        let credential = if operation.cannot_be_probed() { &spare } else { &owner };
        let answer = over_the_limit(&app, operation, &acme, credential).await.refused(429, "RATE_LIMITED");
        contract::counted(&operation.id, &answer);
        let policy = match operation.needs {
            Needs::Nothing if operation.id == "create_login" => "login",
            Needs::Nothing => "public",
            _ => "org",
        };
        assert_eq!(answer.json()["details"], json!({"policy": policy}), "{}: {answer}", operation.id);
        assert!(answer.header("ratelimit").starts_with(&format!("\"{policy}\";r=0;t=")), "{answer}");
    }
    eprintln!("{} operations over their limits", operations.len());
}
