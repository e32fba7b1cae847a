//! Cursors whose place is not kept any more.

use chrono::{DateTime, Datelike, Months, NaiveTime, TimeZone, Utc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use tenon_common::id::EventId;
use tenon_tests::{Tenant, TestApp, factory};
use uuid::Uuid;

use super::{CONTACTS, Reader};

/// The beginning of the month that was so many months ago.
pub(crate) fn month(ago: u32) -> DateTime<Utc> {
    let first = Utc::now().date_naive().with_day(1).expect("a day") - Months::new(ago);
    Utc.from_utc_datetime(&first.and_time(NaiveTime::MIN))
}

pub(crate) fn partition(ago: u32) -> String {
    format!("tenon.events_{}", month(ago).format("%Y_%m"))
}

/// The partition of an earlier month, as the worker made it then.
pub(crate) async fn make_partition(connection: &mut PgConnection, ago: u32) {
    let statement = format!(
        "set role tenon_owner;
         create table {0} partition of tenon.events for values from (tenon.first_event_id('{1}')) to (tenon.first_event_id('{2}'));
         select tenon.wall('{0}');
         revoke all on {0} from tenon_maint;
         reset role",
        partition(ago),
        month(ago),
        month(ago - 1)
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.expect("a partition");
}

/// An event of the 15th of that month.
pub(crate) async fn write(connection: &mut PgConnection, tenant: &Tenant, ago: u32) -> EventId {
    let at = month(ago) + chrono::TimeDelta::days(14);
    let millis = u128::try_from(at.timestamp_millis()).expect("after 1970");
    let id = EventId(Uuid::from_u128((millis << 80) | (EventId::new().0.as_u128() >> 48)));
    sqlx::query(
        "insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
         values ($1, $2, 'contact.created', 'contact', gen_random_uuid(), 1, $3, '{}')",
    )
    .bind(tenant.id.0)
    .bind(id.0)
    .bind(serde_json::json!({"id": id.wire(), "type": "contact.created"}).to_string())
    .execute(connection)
    .await
    .expect("written");
    id
}

#[tokio::test]
async fn a_cursor_behind_which_something_is_missing_has_expired() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let mut connection = app.connect().await;
    for ago in [3, 2, 1] {
        make_partition(&mut connection, ago).await;
    }
    let mut reader = Reader::from_now(&admin, "limit=1").await;
    let from_now = reader.after.clone();
    let (old, newer) = (write(&mut connection, &acme, 3).await, write(&mut connection, &acme, 1).await);
    assert_eq!(reader.next(1).await[0]["id"], old.wire());
    let behind_old = reader.after.clone().expect("a cursor");
    assert_eq!(reader.next(1).await[0]["id"], newer.wire());
    let behind_newer = reader.after.clone().expect("a cursor");

    let drop = format!("drop table {}", partition(3));
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.expect("dropped");
    let expired = admin.get(&format!("/changes?after={behind_old}")).await.refused(410, "CURSOR_EXPIRED");
    let says = expired.json()["details"]["after"].as_str().expect("words").to_owned();
    for word in ["after=now", "nextCursor", "deleted=include", "updatedSince"] {
        assert!(says.contains(word), "{says}");
    }
    let back = admin.with_header("last-event-id", &behind_old);
    back.events("/changes").await.expect_err("refused").refused(410, "CURSOR_EXPIRED");

    // What is kept goes on: a place in it, and one that was the end of the feed when nothing had been dropped yet.
    admin.post(CONTACTS, factory::contact(1)).await.status(201);
    for cursor in [Some(behind_newer), from_now] {
        let mut reader = Reader { after: cursor, ..Reader::new(&admin, "") };
        let events = reader.some().await;
        assert!(events.iter().any(|event| event["type"] == "contact.created"), "{events:?}");
    }
    // And who begins anew begins with what is kept.
    let all: Vec<Value> = Reader::new(&admin, "").some().await;
    assert!(all.iter().all(|event| event["id"] != old.wire()), "{all:?}");
}
