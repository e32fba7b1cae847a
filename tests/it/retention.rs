//! What becomes of a deleted organization: its credentials end, its deliveries wait, and when its time is over it is purged.

mod deliveries;
mod purge;

use std::time::{Duration, Instant};

use serde_json::Value;
use tenon_common::account::access::BELIEVED_FOR;
use tenon_tests::stack::SECRET_KEY;
use tenon_tests::{Program, TestApp, TestDatabase};

/// A command of the operator's, on a database; its answer.
async fn operate(database: &TestDatabase, arguments: &[&str]) -> Result<Value, String> {
    let command = Program::api_command(arguments.iter().copied())
        .env("TENON_DATABASE_URL", database.app_url())
        .env("TENON_MIGRATE_DATABASE_URL", database.admin_url())
        .env("TENON_SECRET_KEY", SECRET_KEY);
    let answer = command.run().await.map_err(|error| format!("{error:#}"))?;
    Ok(serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

#[tokio::test]
async fn keys_and_tokens_of_a_deleted_organization_end_within_the_time_for_which_they_are_believed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (key, other_key) = (acme.admin(), acme.key(&["*"]).await);
    let (agent, admin) = (acme.agent().await, acme.person(tenon_common::role::Role::Admin).await);
    let clients = [&*key, &other_key, &*agent, &*admin];
    for client in clients {
        client.get("/connection/contacts").await.status(200);
    }
    admin.delete(&format!("/organizations/{}", acme.id)).await.no_content();
    let deleted = Instant::now();
    for client in clients {
        loop {
            let asked = deleted.elapsed();
            let answer = client.get("/connection/contacts").await;
            if answer.status == 401 {
                break;
            }
            answer.status(200);
            assert!(asked <= BELIEVED_FOR, "asked {asked:?} after the deletion, and let in");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
