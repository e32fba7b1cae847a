//! Records that were deleted long ago.

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_common::crm::retention::{self, Purged};
use tenon_tests::{Client, TestApp, factory};

use super::{behind, count, means, removed_by};

const KINDS: [&str; 5] = ["contacts", "companies", "leads", "activities", "pipelines"];

/// One of each kind that names nothing.
async fn one_of_each(client: &Client, number: usize) -> Vec<(&'static str, Value)> {
    let bodies = [
        factory::contact(number),
        factory::company(number),
        factory::lead(number),
        factory::activity(number),
        factory::pipeline(number),
    ];
    let mut made = Vec::new();
    for (kind, body) in KINDS.into_iter().zip(bodies) {
        made.push((kind, client.post(&format!("/connection/{kind}"), body).await.created()));
    }
    made
}

fn path((kind, record): &(&str, Value)) -> String {
    format!("/connection/{kind}/{}", factory::id(record))
}

/// Deletes a record as if it had been so many days ago.
async fn delete(admin: &mut PgConnection, client: &Client, record: &(&str, Value), days: u32) {
    client.delete(&path(record)).await;
    let aged = format!(
        "update tenon.{} set deleted_at = now() - interval '{days} days' where id = '{}' and deleted_at is not null",
        record.0,
        factory::id(&record.1)
    );
    behind(admin, &aged).await;
}

async fn is_there(admin: &mut PgConnection, (kind, record): &(&str, Value)) -> bool {
    count(admin, &format!("select count(*) from tenon.{kind} where id = '{}'", factory::id(record))).await
        == 1
}

#[tokio::test]
async fn what_was_deleted_30_days_ago_is_purged_and_nothing_else() {
    let app = TestApp::start().await;
    let (acme, globex, gone) =
        (app.tenant("acme").await, app.tenant("globex").await, app.tenant("gone").await);
    let mut admin = app.connect().await;
    let mut due = Vec::new();
    let mut stay = Vec::new();
    for tenant in [&acme, &globex] {
        let client = tenant.admin();
        stay.extend(one_of_each(&client, 0).await);
        for (number, days) in [(1, 31), (2, 29), (3, 40)] {
            for record in one_of_each(&client, number).await {
                delete(&mut admin, &client, &record, days).await;
                match number {
                    1 => due.push(record),
                    2 => stay.push(record),
                    _ => {
                        client.post(&format!("{}/restore", path(&record)), Value::Null).await.status(200);
                        stay.push(record);
                    }
                }
            }
        }
    }
    // A deleted tenant waits for its own end.
    for record in one_of_each(&gone.admin(), 1).await {
        delete(&mut admin, &gone.admin(), &record, 50).await;
        stay.push(record);
    }
    behind(&mut admin, &format!("update tenon.tenants set deleted_at = now() where id = '{}'", gone.id))
        .await;

    assert_eq!(removed_by(app.database(), "records").await, 10);
    for record in &due {
        assert!(!is_there(&mut admin, record).await, "{record:?}");
        let log = crate::log::events(&mut admin, factory::id(&record.1)).await;
        let last = log.last().expect("an event").json();
        assert!(last["type"].as_str().is_some_and(|name| name.ends_with(".purged")), "{last}");
        assert_eq!((&last["actor"]["type"], &last["object"]["version"]), (&json!("system"), &json!(3)));
    }
    for record in &stay {
        assert!(is_there(&mut admin, record).await, "{record:?}");
    }
    let hanging = "select count(*) from tenon.pipeline_stages s where not exists
                   (select from tenon.pipelines p where p.tenant_id = s.tenant_id and p.id = s.pipeline_id)";
    assert_eq!(count(&mut admin, hanging).await, 0);
    assert_eq!(removed_by(app.database(), "records").await, 0, "once");
}

#[tokio::test]
async fn what_names_a_purged_record_or_hangs_on_it_is_as_after_a_purge_by_hand() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await.admin();
    let mut admin = app.connect().await;
    let mut contacts = factory::contacts(&acme, 3).await.into_iter().map(|contact| ("contacts", contact));
    let contacts = [(); 3].map(|()| contacts.next().expect("a contact"));
    let [first, second, other] = &contacts;
    let mut lead = factory::lead(1);
    lead["contactId"] = first.1["id"].clone();
    let lead: Value = acme.post("/connection/leads", lead).await.created();
    let friends = format!("{}/associations/contact/{}?label=friend", path(first), factory::id(&other.1));
    acme.put(&friends, Value::Null).await.status(201);
    let activities = factory::activities(&acme, 1, "contact", &first.1).await;
    for contact in [first, second] {
        delete(&mut admin, &acme, contact, 31).await;
    }
    assert_eq!(removed_by(app.database(), "records").await, 2);
    let lead: Value = acme.get(&format!("/connection/leads/{}", factory::id(&lead))).await.ok();
    assert_eq!((&lead["contactId"], &lead["version"]), (&Value::Null, &json!(2)));
    let log = crate::log::events(&mut admin, factory::id(&lead)).await;
    assert_eq!(log.last().expect("an event").json()["type"], "lead.updated");
    let activity: Value =
        acme.get(&format!("/connection/activities/{}", factory::id(&activities[0]))).await.ok();
    assert_eq!(activity["links"], json!([]));
    for table in ["associations", "activity_links"] {
        assert_eq!(count(&mut admin, &format!("select count(*) from tenon.{table}")).await, 0, "{table}");
    }
    assert!(is_there(&mut admin, other).await);
}

/// Rows of another table that refer to a contact and do not let it go.
const IN_THE_WAY: &str = "
    set role tenon_owner;
    create table tenon.notes (
        tenant_id uuid not null, id integer not null, contact_id uuid not null, primary key (tenant_id, id),
        foreign key (tenant_id, contact_id) references tenon.contacts (tenant_id, id)
    );
    reset role;
    insert into tenon.notes select tenant_id, 1, id from tenon.contacts order by deleted_at limit 1";

#[tokio::test]
async fn a_record_that_cannot_go_stops_nobody_else() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await.admin(), app.tenant("globex").await.admin());
    let mut admin = app.connect().await;
    for (client, count, days) in [(&acme, 5, 50), (&globex, 3, 40)] {
        for (number, contact) in factory::contacts(client, count).await.into_iter().enumerate() {
            let days = days - u32::try_from(number).expect("few");
            delete(&mut admin, client, &("contacts", contact), days).await;
        }
    }
    behind(&mut admin, IN_THE_WAY).await;
    let means = means(app.database());
    let purge =
        async || retention::purge_deleted(&means.db, chrono::TimeDelta::days(30), 2).await.expect("purged");
    // The first of all is in the way of each batch; what stands behind it is reached all the same.
    let mut purged = 0;
    loop {
        let batch = purge().await;
        purged += batch.records;
        if !batch.more {
            break;
        }
    }
    assert_eq!(purged, 7);
    assert_eq!(count(&mut admin, "select count(*) from tenon.contacts").await, 1);
    assert_eq!(purge().await, Purged::default());
    behind(&mut admin, "drop table tenon.notes").await;
    assert_eq!(removed_by(app.database(), "records").await, 1);
}

#[tokio::test]
async fn more_than_a_batch_of_many_tenants_goes_in_one_run() {
    let app = TestApp::start().await;
    let tenants = [app.tenant("acme").await, app.tenant("globex").await];
    let mut admin = app.connect().await;
    for tenant in &tenants {
        let many = format!(
            "insert into tenon.contacts (tenant_id, id, name, created_at, created_by, updated_at, updated_by, deleted_at, deleted_by,
                                         delete_batch_id)
             select '{}', gen_random_uuid(), 'Contact ' || n, now() - interval '90 days', 'system', now() - interval '60 days', 'system',
                    now() - interval '60 days' + make_interval(secs => n), 'system', gen_random_uuid()
             from generate_series(1, 450) n",
            tenant.id
        );
        behind(&mut admin, &many).await;
    }
    assert_eq!(removed_by(app.database(), "records").await, 900);
    assert_eq!(count(&mut admin, "select count(*) from tenon.contacts").await, 0);
    let told = "select count(distinct object_id) from tenon.events where type = 'contact.purged'";
    assert_eq!(count(&mut admin, told).await, 900);
}
