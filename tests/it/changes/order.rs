//! Transactions that commit out of order: no event is left out, none comes twice, and all readers see one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::RngExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_common::id::EventId;
use tenon_tests::{Tenant, TestApp, eventually, factory};

use super::{CONTACTS, Reader, types};

/// Writers as the API's login, whose transactions are as long as chance has it.
const WRITERS: usize = 8;
const TRANSACTIONS: usize = 40;

/// A connection of the API's login, in a transaction of the tenant.
async fn begin(connection: &mut PgConnection, tenant: &Tenant) {
    let statement = format!(
        "begin; set local app.tenant_id = '{}'; set local app.rank = '3'; set local idle_in_transaction_session_timeout = 0",
        tenant.id
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.expect("begun");
}

/// Writes an event.
async fn write(connection: &mut PgConnection, tenant: &Tenant, what: &str) -> String {
    let id = EventId::new();
    sqlx::query(
        "insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
         values ($1, $2, $3, 'contact', gen_random_uuid(), 1, $4, '{}')",
    )
    .bind(tenant.id.0)
    .bind(id.0)
    .bind(what)
    .bind(serde_json::json!({"id": id.wire(), "type": what}).to_string())
    .execute(connection)
    .await
    .expect("written");
    id.wire()
}

async fn end(connection: &mut PgConnection, how: &'static str) {
    sqlx::raw_sql(how).execute(connection).await.expect("ended");
}

/// Up to so many milliseconds in the transaction.
async fn dawdle(connection: &mut PgConnection, most: u32) {
    let seconds = f64::from(rand::rng().random_range(0..=most)) / 1000.0;
    sqlx::query("select pg_sleep($1)").bind(seconds).execute(connection).await.expect("slept");
}

async fn write_at_random(url: String, tenant: Tenant) {
    let mut connection = PgConnection::connect(&url).await.expect("connected");
    for _ in 0..TRANSACTIONS {
        begin(&mut connection, &tenant).await;
        dawdle(&mut connection, 10).await;
        let events = rand::rng().random_range(1..=3);
        for _ in 0..events {
            write(&mut connection, &tenant, "contact.created").await;
            dawdle(&mut connection, 20).await;
        }
        let gives_up = rand::rng().random_range(0..10) == 0;
        end(&mut connection, if gives_up { "rollback" } else { "commit" }).await;
    }
}

/// The ids of a tenant's events in the feed's order.
async fn kept(connection: &mut PgConnection, tenant: &Tenant) -> Vec<String> {
    let ids: Vec<EventId> =
        sqlx::query_scalar("select id from tenon.events where tenant_id = $1 order by xid, id")
            .bind(tenant.id.0)
            .fetch_all(connection)
            .await
            .expect("events");
    ids.into_iter().map(EventId::wire).collect()
}

fn ids(events: &[Value]) -> impl Iterator<Item = String> {
    events.iter().map(|event| event["id"].as_str().expect("an id").to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_many_writers_sees_what_the_table_has_in_its_order() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write_at_random(app.database().app_url().to_owned(), acme.clone()));
    }
    for writer in 0..2 {
        let admin = acme.admin();
        writers.spawn(async move {
            for number in 0..60 {
                admin.post(CONTACTS, factory::contact(writer * 1000 + number)).await.status(201);
            }
        });
    }
    let over = Arc::new(AtomicBool::new(false));
    let reading = ["limit=7", "limit=1000", "limit=50&wait=1"].map(|query| {
        let (mut reader, over) = (Reader::new(&acme.admin(), query), over.clone());
        tokio::spawn(async move {
            let mut seen = Vec::new();
            loop {
                let done = over.load(Ordering::Relaxed);
                let (page, more) = reader.page_and_more().await;
                seen.extend(ids(&page));
                if done && page.is_empty() && !more {
                    return (seen, reader);
                }
            }
        })
    });
    while let Some(done) = writers.join_next().await {
        done.expect("a writer");
    }
    over.store(true, Ordering::Relaxed);
    let table = kept(&mut app.connect().await, &acme).await;
    assert!(table.len() > WRITERS * TRANSACTIONS, "{} events", table.len());
    for reading in reading {
        let (mut seen, mut reader) = reading.await.expect("a reader");
        // What other tests hold back.
        eventually("the rest comes", async || {
            seen.extend(ids(&reader.page().await));
            seen.len() >= table.len()
        })
        .await;
        assert_eq!(seen, table);
    }
}

#[tokio::test]
async fn a_slow_transaction_holds_back_what_came_after_it_and_nothing_is_left_out() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let mut reader = Reader::from_now(&acme.admin(), "").await;
    let mut slow = PgConnection::connect(app.database().app_url()).await.expect("connected");
    begin(&mut slow, &acme).await;
    let first = write(&mut slow, &acme, "contact.created").await;
    // An older transaction of another tenant does as well.
    let mut slower = PgConnection::connect(app.database().app_url()).await.expect("connected");
    begin(&mut slower, &globex).await;
    write(&mut slower, &globex, "contact.created").await;
    acme.admin().post(CONTACTS, factory::contact(1)).await.status(201);
    assert_eq!(reader.page().await, [] as [Value; 0]);
    reader.query = "wait=1".to_owned();
    assert_eq!(reader.page().await, [] as [Value; 0], "it is committed, and not to be seen yet");

    let second = write(&mut slow, &acme, "lead.created").await;
    end(&mut slow, "commit").await;
    let seen = reader.next(2).await;
    assert_eq!(ids(&seen).collect::<Vec<_>>(), [first, second], "in the order of the transaction");
    assert_eq!(reader.page().await, [] as [Value; 0]);
    end(&mut slower, "rollback").await;
    assert_eq!(types(&reader.next(1).await), ["contact.created"]);
}

#[tokio::test]
async fn the_watermarks_age_is_that_of_the_oldest_event_that_is_held_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut worker = PgConnection::connect(app.database().worker_url()).await.expect("connected");
    let age = async |worker: &mut PgConnection| -> f64 {
        sqlx::query_scalar("select tenon.changes_watermark_age()").fetch_one(worker).await.expect("an age")
    };
    eventually("nothing is held back", async || age(&mut worker).await == 0.0).await;
    let mut slow = PgConnection::connect(app.database().app_url()).await.expect("connected");
    begin(&mut slow, &acme).await;
    write(&mut slow, &acme, "contact.created").await;
    let mut admin = app.connect().await;
    let aged = "insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context, created_at)
                values ($1, $2, 'contact.created', 'contact', gen_random_uuid(), 1, '{}', '{}', now() - interval '100 seconds')";
    sqlx::query(aged).bind(acme.id.0).bind(EventId::new().0).execute(&mut admin).await.expect("written");
    let held = age(&mut worker).await;
    assert!((100.0..200.0).contains(&held), "{held}");
    end(&mut slow, "commit").await;
    eventually("nothing is held back any more", async || age(&mut worker).await == 0.0).await;
    // The API's login has no business with it.
    let mut api = PgConnection::connect(app.database().app_url()).await.expect("connected");
    sqlx::query("select tenon.changes_watermark_age()").execute(&mut api).await.expect_err("refused");
}
