//! Months of events and of the audit trail that are over.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_common::id::EventId;
use tenon_tests::{Tenant, TestApp, factory};

use super::{behind, count, removed_under};
use crate::changes::expiry::{make_partition, month, partition, write};

/// Drops what is older than 45 days: all of the month before the last one, and nothing of the last one, whatever the day. How many.
async fn dropped(app: &TestApp) -> i64 {
    removed_under(app.database(), "old-partitions", &["--event-retention-days", "45"]).await
}

/// An event of that month, of a transaction of then: other tests' transactions keep nobody from reading it.
async fn write_then(admin: &mut PgConnection, tenant: &Tenant, ago: u32) -> EventId {
    let event = write(admin, tenant, ago).await;
    behind(admin, &format!("update tenon.events set xid = '3' where id = '{}'", event.0)).await;
    event
}

/// The months of events that have a partition of before this one.
async fn months(admin: &mut PgConnection) -> i64 {
    let before = format!(
        "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'tenon.events'::regclass and c.relname ~ '\\d{{4}}_\\d{{2}}$' and c.relname < '{}'",
        partition(0).trim_start_matches("tenon.")
    );
    count(admin, &before).await
}

async fn prepare() -> (TestApp, Tenant, PgConnection) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut admin = app.connect().await;
    // What was made with the tenant is fanned out.
    behind(&mut admin, "delete from apalis.jobs").await;
    for ago in [4, 3, 1] {
        make_partition(&mut admin, ago).await;
    }
    (app, acme, admin)
}

async fn deliver(admin: &mut PgConnection, webhook: &Value, event: EventId, status: &str) {
    let delivery = format!(
        "insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status)
         select tenant_id, id, '{}', gen_random_uuid(), 'contact.created', '{status}' from tenon.webhooks where id = '{}'",
        event.0,
        factory::id(webhook)
    );
    behind(admin, &delivery).await;
}

#[tokio::test]
async fn months_that_are_over_are_dropped_and_cursors_behind_them_expire() {
    let (app, acme, mut admin) = prepare().await;
    let client = acme.admin();
    let webhook = factory::webhook(&client).await;
    behind(&mut admin, "delete from apalis.jobs").await;
    let old = write_then(&mut admin, &acme, 3).await;
    let kept = write_then(&mut admin, &acme, 1).await;
    for event in [old, kept] {
        deliver(&mut admin, &webhook, event, "delivered").await;
    }
    let page = client.get("/changes?limit=1").await.status(200).json();
    let cursor = page["nextCursor"].as_str().expect("a cursor").to_owned();

    assert_eq!(dropped(&app).await, 2);
    assert_eq!(months(&mut admin).await, 1, "all of the last month is not older than 30 days");
    assert_eq!(dropped(&app).await, 0, "once");
    let of = |event: EventId| format!("select count(*) from tenon.events where id = '{}'", event.0);
    assert_eq!((count(&mut admin, &of(old)).await, count(&mut admin, &of(kept)).await), (0, 1));
    client.get(&format!("/changes?after={cursor}")).await.refused(410, "CURSOR_EXPIRED");

    // The delivery of a dropped event is shown without its body, and cannot be sent again.
    let delivery = |event: EventId| format!("/webhooks/{}/events/{}", factory::id(&webhook), event.wire());
    let shown: Value = client.get(&delivery(old)).await.ok();
    assert_eq!((&shown["status"], &shown["payload"]), (&json!("delivered"), &Value::Null));
    client.post(&format!("{}/resend", delivery(old)), Value::Null).await.refused(409, "STATE_CONFLICT");
    let shown: Value = client.get(&delivery(kept)).await.ok();
    assert_eq!(shown["payload"]["id"], kept.wire());
}

#[tokio::test]
async fn a_month_that_something_needs_is_kept() {
    let (app, acme, mut admin) = prepare().await;
    let webhook = factory::webhook(&acme.admin()).await;
    behind(&mut admin, "delete from apalis.jobs").await;
    let event = write_then(&mut admin, &acme, 4).await;
    for status in ["pending", "paused"] {
        deliver(&mut admin, &webhook, event, status).await;
        assert_eq!(dropped(&app).await, 0, "{status}");
        behind(&mut admin, "delete from tenon.deliveries").await;
    }
    // A fan-out of then that waits, is under way, or was given up.
    let fan_out = format!(
        "insert into apalis.jobs (id, job_type, job, metadata, run_at, done_at)
         values (tenon.first_job_id('{}') || '0123456789ABCDEF', 'webhooks', '{{}}', 'kind=>fan-out-event', now(), now())",
        (month(4) + chrono::TimeDelta::days(14)).to_rfc3339()
    );
    behind(&mut admin, &fan_out).await;
    for set in
        ["status = 'Pending'", "status = 'Running', lock_by = 'w'", "status = 'Killed', lock_by = null"]
    {
        behind(&mut admin, &format!("update apalis.jobs set {set}")).await;
        assert_eq!(dropped(&app).await, 0, "{set}");
    }
    // One of today needs nothing of then.
    behind(
        &mut admin,
        "update apalis.jobs set id = tenon.first_job_id(now()) || '0123456789ABCDEF', status = 'Pending'",
    )
    .await;
    assert_eq!(dropped(&app).await, 2);
    assert_eq!(months(&mut admin).await, 1);
}

#[tokio::test]
async fn a_month_that_followers_of_changes_could_not_read_yet_is_kept() {
    let (app, acme, mut admin) = prepare().await;
    // A transaction that does not end holds the watermark.
    let mut other = app.connect().await;
    behind(&mut other, "begin; select pg_current_xact_id()").await;
    write(&mut admin, &acme, 4).await;
    assert_eq!(dropped(&app).await, 0);
    behind(&mut other, "rollback").await;
    tenon_tests::eventually("it is dropped", async || dropped(&app).await > 0).await;
}

/// The ids of jobs by our function are those that the program makes.
#[tokio::test]
async fn the_time_of_a_job_is_read_as_it_is_written() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let mut admin = app.connect().await;
    let made = "select count(*) from apalis.jobs where kind = 'fan-out-event'
                and id collate \"C\" between tenon.first_job_id(now() - interval '5 minutes') and tenon.first_job_id(now() + interval '1 minute')";
    let all = "select count(*) from apalis.jobs where kind = 'fan-out-event'";
    let (made, all) = (count(&mut admin, made).await, count(&mut admin, all).await);
    assert!(made > 0 && made == all, "{made} of {all}");
}

/// Months of the audit trail of eight years ago, the older with an entry, and one of six years ago.
const AUDIT: &str = "
    set role tenon_owner;
    create table tenon.audit_events_%1 partition of tenon.audit_events
        for values from (tenon.first_event_id('%1-01')) to (tenon.first_event_id('%2-01'));
    select tenon.wall('tenon.audit_events_%1');
    revoke all on tenon.audit_events_%1 from tenon_maint;
    reset role";

async fn audit_month(admin: &mut PgConnection, years_ago: i32, month: u32) -> String {
    use chrono::Datelike;
    let year = chrono::Utc::now().year() - years_ago;
    let name = format!("tenon.audit_events_{year}_{month:02}");
    let statement = AUDIT
        .replace("audit_events_%1", &format!("audit_events_{year}_{month:02}"))
        .replace("%1", &format!("{year}-{month:02}"))
        .replace("%2", &format!("{year}-{:02}", month + 1));
    behind(admin, &statement).await;
    name
}

#[tokio::test]
async fn of_the_audit_trail_only_months_without_entries_are_dropped_after_seven_years() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut admin = app.connect().await;
    let with_entry = audit_month(&mut admin, 9, 3).await;
    let empty = audit_month(&mut admin, 9, 5).await;
    let young = audit_month(&mut admin, 6, 5).await;
    let year =
        with_entry.trim_start_matches("tenon.audit_events_").split('_').next().expect("a year").to_owned();
    let entry = format!(
        "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, outcome)
         values ('{}', tenon.first_event_id('{year}-03-15'), '{year}-03-15', 'contact.created', 'records', 'system', 'succeeded')",
        acme.id
    );
    behind(&mut admin, &entry).await;
    assert_eq!(dropped(&app).await, 1);
    for (partition, is_there) in [(&with_entry, 1), (&empty, 0), (&young, 1)] {
        let found = format!("select count(*) from pg_class where oid = to_regclass('{partition}')");
        assert_eq!(count(&mut admin, &found).await, is_there, "{partition}");
    }
    assert_eq!(dropped(&app).await, 0, "once");
}
