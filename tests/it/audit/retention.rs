//! Entries whose time is over: the oldest go, the others stay provable.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_common::audit::retention::remove_expired;
use tenon_tests::app::connect;
use tenon_tests::stack::SECRET_KEY;
use tenon_tests::{Program, Tenant, TestApp, eventually};

use super::{EVENTS, aged, entries, number, seal_all, tamper, verified};

async fn set_plan(app: &TestApp, tenant: &Tenant, plan: &str) {
    let statement = format!("update tenon.tenants set plan = '{plan}' where id = '{}'", tenant.id);
    tamper(&mut app.connect().await, &statement).await;
}

/// Removes all that can be removed, so many at once; a sealer may hold it up.
async fn removed(app: &TestApp, most: i32, expected: u64) {
    let worker = connect(app.database().worker_url());
    let mut removed = 0;
    eventually("they are removed", async || {
        removed += remove_expired(&worker, most).await.expect("removed");
        removed == expected
    })
    .await;
    assert_eq!(remove_expired(&worker, most).await.expect("nothing is left"), 0);
}

#[tokio::test]
async fn the_oldest_go_when_their_time_is_over_and_the_rest_is_still_proved() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    set_plan(&app, &acme, "free").await;
    aged(&app, &acme, 3, "40 days").await;
    let young = entries(&app, &acme, 2).await;
    // Behind a younger one it stays: the chain has no gaps.
    aged(&app, &acme, 1, "40 days").await;
    aged(&app, &globex, 2, "40 days").await;
    seal_all(&app).await;
    let before = verified(&acme.admin()).await;
    assert_eq!((&before["removedThrough"], &before["checkedFrom"]), (&json!(0), &json!(1)));
    removed(&app, 2, 3).await;

    let after = verified(&acme.admin()).await;
    assert_eq!(
        (&after["ok"], &after["removedThrough"], &after["checkedFrom"], &after["checkedThrough"]),
        (&json!(true), &json!(3), &json!(4), &json!(6)),
        "{after}"
    );
    assert_eq!(after["head"], before["head"]);
    let left: Vec<Value> = acme.admin().get(&format!("{EVENTS}?limit=50")).await.ok();
    assert_eq!(left.len(), 3);
    assert_eq!(verified(&globex.admin()).await["checkedThrough"], json!(2));
    // Whoever was further in what is gone goes on with what is left.
    let from = |after: i64| acme.admin().get(&format!("{EVENTS}/verify?after={after}"));
    for (after, checked_from) in [(1, 4), (3, 4), (4, 5)] {
        let found: Value = from(after).await.ok();
        assert_eq!((&found["ok"], &found["checkedFrom"]), (&json!(true), &json!(checked_from)), "{found}");
    }

    // The chain goes on, and tampering is found as before.
    entries(&app, &acme, 1).await;
    seal_all(&app).await;
    assert_eq!(verified(&acme.admin()).await["checkedThrough"], json!(7));
    let mut admin = app.connect().await;
    tamper(&mut admin, &format!("update tenon.audit_events set action = 'x' where id = '{}'", young[1]))
        .await;
    let found = verified(&acme.admin()).await;
    assert_eq!(found["broken"], json!({"position": 5, "auditEventId": young[1], "reason": "changed"}));
    let first = format!("delete from tenon.audit_seals where position = 4 and tenant_id = '{}'", acme.id);
    tamper(&mut admin, &first).await;
    let found = verified(&acme.admin()).await;
    assert_eq!(found["broken"], json!({"position": 4, "auditEventId": null, "reason": "missing"}));
}

#[tokio::test]
async fn an_entry_that_was_added_among_what_is_left_is_found() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    set_plan(&app, &acme, "free").await;
    aged(&app, &acme, 2, "31 days").await;
    entries(&app, &acme, 3).await;
    seal_all(&app).await;
    removed(&app, 100, 2).await;
    for position in [3, 4] {
        let late = uuid::Uuid::now_v7();
        let add = format!(
            "insert into tenon.audit_events (tenant_id, id, at, xid, action, category, actor_kind, outcome)
             select e.tenant_id, '{late}', e.at, e.xid, e.action, e.category, e.actor_kind, e.outcome
             from tenon.audit_seals s join tenon.audit_events e on e.id = s.audit_event_id where s.position = {position}"
        );
        tamper(&mut app.connect().await, &add).await;
        let broken = json!({"position": null, "auditEventId": late, "reason": "unsealed_older"});
        assert_eq!(verified(&acme.admin()).await["broken"], broken);
        tamper(&mut app.connect().await, &format!("delete from tenon.audit_events where id = '{late}'"))
            .await;
    }
}

#[tokio::test]
async fn each_plan_keeps_entries_for_its_time() {
    let app = TestApp::start().await;
    for (plan, kept, over) in [
        ("free", "29 days", "31 days"),
        ("team", "1 year -2 days", "1 year 2 days"),
        ("business", "3 years -2 days", "3 years 2 days"),
        ("unlimited", "7 years -2 days", "7 years 2 days"),
    ] {
        let tenant = app.tenant(plan).await;
        set_plan(&app, &tenant, plan).await;
        aged(&app, &tenant, 1, over).await;
        aged(&app, &tenant, 1, kept).await;
        seal_all(&app).await;
        removed(&app, 100, 1).await;
        let left = verified(&tenant.admin()).await;
        assert_eq!(
            (&left["ok"], &left["removedThrough"], &left["checkedThrough"]),
            (&json!(true), &json!(1), &json!(2)),
            "{plan}"
        );
    }
}

#[tokio::test]
async fn a_chain_of_which_nothing_is_left_goes_on_where_it_ended() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    set_plan(&app, &acme, "free").await;
    aged(&app, &acme, 3, "31 days").await;
    seal_all(&app).await;
    let before = verified(&acme.admin()).await;
    removed(&app, 100, 3).await;
    let nothing = verified(&acme.admin()).await;
    assert_eq!(
        (&nothing["ok"], &nothing["head"], &nothing["removedThrough"]),
        (&json!(true), &before["head"], &json!(3))
    );
    entries(&app, &acme, 1).await;
    let worker = connect(app.database().worker_url());
    eventually("the next is sealed", async || {
        tenon_common::audit::seal::seal_due(&worker).await.expect("sealed");
        number(&mut app.connect().await, "select count(*) from tenon.audit_seals").await == 1
    })
    .await;
    let next = verified(&acme.admin()).await;
    assert_eq!(
        (&next["ok"], &next["checkedFrom"], &next["checkedThrough"]),
        (&json!(true), &json!(4), &json!(4))
    );
    // With another hash before it, it would not be right.
    tamper(&mut app.connect().await, "update tenon.audit_anchors set hash = sha256('')").await;
    assert_eq!(verified(&acme.admin()).await["broken"]["reason"], "changed");
}

#[tokio::test]
async fn nobody_removes_an_entry_before_its_time() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    aged(&app, &acme, 2, "6 years").await;
    seal_all(&app).await;
    let call = format!("select tenon.remove_expired_audit('{}', 1000)", acme.id);
    let mut worker = PgConnection::connect(app.database().worker_url()).await.expect("connected");
    assert_eq!(number(&mut worker, &call).await, 0);
    let mut api = PgConnection::connect(app.database().app_url()).await.expect("connected");
    let error = sqlx::query(AssertSqlSafe(call)).execute(&mut api).await.expect_err("not the API");
    assert!(error.to_string().contains("permission denied"), "{error}");
    assert_eq!(number(&mut app.connect().await, "select count(*) from tenon.audit_events").await, 2);
}

#[tokio::test]
async fn an_operator_is_told_that_a_position_is_gone() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    set_plan(&app, &acme, "free").await;
    aged(&app, &acme, 2, "31 days").await;
    entries(&app, &acme, 1).await;
    seal_all(&app).await;
    removed(&app, 100, 2).await;
    let verify = async |expect: &str| {
        let command =
            Program::api_command(["admin", "audit", "verify", "--tenant", "acme", "--expect", expect])
                .env("TENON_DATABASE_URL", app.database().app_url())
                .env("TENON_SECRET_KEY", SECRET_KEY);
        command.run().await.map_err(|error| format!("{error:#}"))
    };
    let hash = async |position: i64| -> String {
        let statement = "select encode(hash, 'hex') from (select position, hash from tenon.audit_seals
                         union all select position, hash from tenon.audit_anchors) kept where position = $1";
        sqlx::query_scalar(statement)
            .bind(position)
            .fetch_one(&mut app.connect().await)
            .await
            .expect("a hash")
    };
    let (second, third) = (hash(2).await, hash(3).await);
    let answer: Value =
        serde_json::from_str(&verify(&format!("3:{third}")).await.expect("whole")).expect("JSON");
    assert_eq!((&answer["ok"], &answer["removedThrough"]), (&json!(true), &json!(2)));
    verify(&format!("2:{second}")).await.expect("the last that was removed is still known");
    let gone = verify(&format!("1:{second}")).await.expect_err("gone");
    assert!(gone.contains("has no position 1 any more"), "{gone}");
}
