//! What is left of imports, and of tenants' files.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_common::Error;
use tenon_common::import::leftovers;
use tenon_common::storage::Storage;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Tenant, TestApp, factory};

use super::{behind, count, means, removed_by};
use crate::imports::import;

const WEEK: TimeDelta = TimeDelta::days(7);

/// The files of an import that are there.
async fn files(storage: &Storage, import: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    for name in ["file", "rows"] {
        let key = format!("imports/{}/{}/{name}", text(import, "tenantId"), text(import, "id"));
        match storage.size(&key).await {
            Ok(_) => found.push(name),
            Err(Error::FileMissing) => {}
            Err(error) => panic!("{error}"),
        }
    }
    found
}

/// How many rows there are of an import, beside its own.
async fn rows(connection: &mut PgConnection, import: &Value) -> i64 {
    let mut rows = 0;
    for table in ["import_chunks", "import_errors", "import_keys", "import_tries"] {
        let of_import =
            format!("select count(*) from tenon.{table} where import_id = '{}'", text(import, "id"));
        rows += count(connection, &of_import).await;
    }
    rows
}

async fn set(connection: &mut PgConnection, import: &Value, set: &str) {
    behind(connection, &format!("update tenon.imports set {set} where id = '{}'", text(import, "id"))).await;
}

const OVER: &str = "revert_until = now() - interval '1 minute', updated_at = now() - interval '25 hours'";

#[tokio::test]
async fn an_import_whose_time_is_over_says_so_and_the_others_are_whole() {
    let mut stack = Stack::start().await;
    let owner = &stack.owner;
    let file = r#"[{"name": "Ada"}, {"title": "x"}, {"name": "Grace"}, {"title": "x"}]"#;
    let (old, new) = (
        import(owner, json!({"object": "contacts"}), file).await,
        import(owner, json!({"object": "contacts"}), file).await,
    );
    let tried =
        import(owner, json!({"object": "contacts", "dryRun": true}), "name,email\nA,a@example.com\n").await;
    stack.worker.kill9().await;
    let (storage, mut admin) = (stack.database.storage(), stack.database.connect().await);
    assert_eq!(removed_by(&stack.database, "imports").await, 0);
    for import in [&old, &tried] {
        set(&mut admin, import, OVER).await;
    }
    assert_eq!((rows(&mut admin, &old).await, rows(&mut admin, &tried).await), (3, 3));
    assert_eq!(files(&storage, &old).await, ["file", "rows"]);

    assert_eq!(removed_by(&stack.database, "imports").await, 8, "the rows, and two imports");
    for import in [&old, &tried] {
        assert_eq!(rows(&mut admin, import).await, 0);
        assert_eq!(files(&storage, import).await, [""; 0]);
    }
    assert_eq!((rows(&mut admin, &new).await, files(&storage, &new).await), (3, vec!["file", "rows"]));
    assert_eq!(removed_by(&stack.database, "imports").await, 0, "once");

    let owner = &stack.owner;
    let path = |import: &Value| format!("/imports/{}", text(import, "id"));
    let shown: Value = owner.get(&path(&old)).await.ok();
    assert_eq!(
        (&shown["created"], &shown["failed"], &shown["state"]),
        (&json!(2), &json!(2), &json!("partial"))
    );
    assert!(shown["expiredAt"].is_string(), "{shown}");
    for of_it in ["rows", "rows?outcome=failed&page=1", "errors", "errors.csv"] {
        owner.get(&format!("{}/{of_it}", path(&old))).await.refused(410, "EXPIRED");
        owner.get(&format!("{}/{of_it}", path(&new))).await.status(200);
    }
    owner.post(&format!("{}/revert", path(&old)), Value::Null).await.refused(409, "STATE_CONFLICT");
    owner.post(&format!("{}/resume", path(&tried)), Value::Null).await.refused(409, "STATE_CONFLICT");
    assert_eq!(owner.get(&path(&new)).await.ok::<Value>()["expiredAt"], Value::Null);
}

/// An import whose file waits to be looked at.
async fn waiting(client: &Client) -> Value {
    let body = json!({"options": {"object": "contacts"}, "rows": [{"name": "Ada"}]});
    client.post("/imports", body).await.status(202).json()["data"].clone()
}

/// How each stands, and whether it is over.
const STATES: &[(&str, bool)] = &[
    ("created_at = now() - interval '8 days', updated_at = now() - interval '8 days'", true),
    (
        "created_at = now() - interval '8 days', updated_at = now() - interval '8 days', state = 'cancelled'",
        true,
    ),
    (
        "created_at = now() - interval '8 days', updated_at = now() - interval '8 days', state = 'reverted'",
        true,
    ),
    (
        "created_at = now() - interval '6 days', updated_at = now() - interval '6 days', state = 'cancelled'",
        false,
    ),
    ("created_at = now() - interval '6 days', updated_at = now() - interval '6 days'", false),
    (
        "state = 'failed', revert_until = now() - interval '1 minute', updated_at = now() - interval '23 hours'",
        false,
    ),
    (
        "state = 'succeeded', revert_until = now() + interval '1 minute', updated_at = now() - interval '2 days'",
        false,
    ),
    (
        "state = 'running', revert_until = now() - interval '1 day', updated_at = now() - interval '2 days'",
        false,
    ),
    (
        "state = 'reverting', revert_until = now() - interval '1 day', updated_at = now() - interval '2 days'",
        false,
    ),
    (
        "state = 'ready', revert_until = now() - interval '1 day', updated_at = now() - interval '2 days'",
        false,
    ),
];

#[tokio::test]
async fn what_is_at_work_keeps_what_it_needs() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await.admin();
    let (storage, mut admin) = (app.database().storage(), app.connect().await);
    let mut imports = Vec::new();
    for (state, is_over) in STATES {
        let import = waiting(&acme).await;
        set(&mut admin, &import, state).await;
        imports.push((import, state, *is_over));
    }
    assert_eq!(removed_by(app.database(), "imports").await, 3);
    for (import, state, is_over) in &imports {
        assert_eq!(files(&storage, import).await.is_empty(), *is_over, "{state}");
        let shown: Value = acme.get(&format!("/imports/{}", text(import, "id"))).await.ok();
        assert_eq!(shown["expiredAt"].is_string(), *is_over, "{state}");
    }
    // Nobody has ever looked at it: its end is told.
    let never: Value = acme.get(&format!("/imports/{}", text(&imports[0].0, "id"))).await.ok();
    assert_eq!((text(&never, "state"), text(&never, "failure")), ("failed", "EXPIRED"));
    let told = "select count(*) from tenon.events where type = 'import.failed'";
    assert_eq!(count(&mut admin, told).await, 1);
}

#[tokio::test]
async fn whoever_is_stopped_is_gone_on_for() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await.admin(), app.tenant("globex").await.admin());
    let (storage, mut admin) = (app.database().storage(), app.connect().await);
    let (import, theirs) = (waiting(&acme).await, waiting(&globex).await);
    for import in [&import, &theirs] {
        behind(
            &mut admin,
            &format!(
                "insert into tenon.import_errors (tenant_id, import_id, row, outcome, errors, cells)
                 select tenant_id, id, n, 'failed', '[]', '[]' from tenon.imports, generate_series(1, 5) n where id = '{}'",
                text(import, "id")
            ),
        )
        .await;
    }
    set(&mut admin, &import, &format!("state = 'failed', {OVER}")).await;
    let means = means(app.database());
    let batch = async || leftovers::remove(&means.db, &means.storage, WEEK, 2).await.expect("removed");
    for left in [3, 1] {
        assert_eq!(batch().await, 2);
        assert_eq!((rows(&mut admin, &import).await, files(&storage, &import).await), (left, vec!["file"]));
        let path = format!("/imports/{}", text(&import, "id"));
        acme.get(&format!("{path}/rows")).await.refused(410, "EXPIRED");
        acme.post(&format!("{path}/resume"), Value::Null).await.refused(409, "STATE_CONFLICT");
    }
    // Its file went, and nobody had time to say so.
    storage
        .delete(&format!("imports/{}/{}/file", text(&import, "tenantId"), text(&import, "id")))
        .await
        .expect("gone");
    assert_eq!(batch().await, 2);
    assert_eq!(batch().await, 0);
    assert_eq!((rows(&mut admin, &import).await, rows(&mut admin, &theirs).await), (0, 5));
    assert_eq!(files(&storage, &theirs).await, ["file"]);
}

async fn purge(connection: &mut PgConnection, tenant: &Tenant) {
    let deleted = "update tenon.tenants set deleted_at = now() - interval '31 days' where id =";
    behind(connection, &format!("{deleted} '{}'", tenant.id)).await;
}

#[tokio::test]
async fn the_files_of_a_purged_tenant_go_too() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (storage, mut admin) = (app.database().storage(), app.connect().await);
    let (import, theirs) = (waiting(&acme.admin()).await, waiting(&globex.admin()).await);
    factory::contacts(&acme.admin(), 3).await;
    behind(&mut admin, &format!("update tenon.tenants set deleted_at = now() where id = '{}'", acme.id))
        .await;
    for task in ["tenants", "tenant-files"] {
        assert_eq!(removed_by(app.database(), task).await, 0, "{task}: it can be restored");
    }
    assert_eq!(files(&storage, &import).await, ["file"]);
    purge(&mut admin, &acme).await;
    assert!(removed_by(app.database(), "tenants").await > 10);
    assert_eq!(removed_by(app.database(), "tenant-files").await, 1);
    assert_eq!(files(&storage, &import).await, [""; 0]);
    assert_eq!(files(&storage, &theirs).await, ["file"]);
    for task in ["tenants", "tenant-files"] {
        assert_eq!(removed_by(app.database(), task).await, 0, "{task}: once");
    }
}
