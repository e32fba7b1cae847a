//! What becomes of an association when one of its ends is deleted, restored or purged.

use serde_json::{Value, json};
use tenon_tests::factory;

use super::{COMPANIES, CONTACTS, LEADS, Records, list, start, to};

#[tokio::test]
async fn an_association_is_hidden_and_shown_with_either_of_its_ends() {
    let (_app, admin, Records { contact, company, lead }) = start().await;
    admin.put(&to(CONTACTS, &contact, "company", &company), Value::Null).await.status(201);
    admin.put(&to(LEADS, &lead, "company", &company), Value::Null).await.status(201);
    for (of, end, others) in [
        (CONTACTS, &contact, [(COMPANIES, &company, 1)].as_slice()),
        (LEADS, &lead, [(COMPANIES, &company, 1)].as_slice()),
        (COMPANIES, &company, [(CONTACTS, &contact, 0), (LEADS, &lead, 0)].as_slice()),
    ] {
        let path = format!("{of}/{}", factory::id(end));
        let before = list(&admin, of, end).await;
        admin.delete(&path).await.no_content();
        for (other, record, left) in others {
            assert_eq!(list(&admin, other, record).await.len(), *left, "{of} is deleted: {other}");
        }
        admin.post(&format!("{path}/restore"), json!({})).await.status(200);
        assert_eq!(list(&admin, of, end).await, before, "{of} is restored");
    }
}

#[tokio::test]
async fn a_restore_brings_back_what_was_deleted_with_the_record_and_nothing_else() {
    let (_app, admin, Records { contact, company, lead }) = start().await;
    admin.put(&to(CONTACTS, &contact, "company", &company), Value::Null).await.status(201);
    admin.put(&to(CONTACTS, &contact, "lead", &lead), Value::Null).await.status(201);
    // Ended by hand: no restore brings it back.
    admin.put(&format!("{}?label=x", to(CONTACTS, &contact, "lead", &lead)), Value::Null).await.status(201);
    admin.delete(&format!("{}?label=x", to(CONTACTS, &contact, "lead", &lead))).await.no_content();

    let path = |of: &str, record: &Value| format!("{of}/{}", factory::id(record));
    admin.delete(&path(CONTACTS, &contact)).await.no_content();
    admin.delete(&path(COMPANIES, &company)).await.no_content();
    admin.post(&format!("{}/restore", path(CONTACTS, &contact)), json!({})).await.status(200);
    let left = list(&admin, CONTACTS, &contact).await;
    assert_eq!(
        left.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(),
        [lead["id"].clone()],
        "the company is deleted"
    );
    admin.post(&format!("{}/restore", path(COMPANIES, &company)), json!({})).await.status(200);
    assert_eq!(list(&admin, CONTACTS, &contact).await.len(), 2);
    assert_eq!(list(&admin, COMPANIES, &company).await.len(), 1);

    // The other way round: what one deletion hid, the other's restore does not show.
    admin.delete(&path(CONTACTS, &contact)).await.no_content();
    admin.delete(&path(COMPANIES, &company)).await.no_content();
    admin.post(&format!("{}/restore", path(COMPANIES, &company)), json!({})).await.status(200);
    assert_eq!(list(&admin, COMPANIES, &company).await, Vec::<Value>::new());
    admin.post(&format!("{}/restore", path(CONTACTS, &contact)), json!({})).await.status(200);
    assert_eq!(list(&admin, COMPANIES, &company).await.len(), 1);
}

#[tokio::test]
async fn a_purge_removes_the_associations_too() {
    let (app, admin, Records { contact, company, lead }) = start().await;
    admin.put(&to(CONTACTS, &contact, "company", &company), Value::Null).await.status(201);
    admin.put(&to(LEADS, &lead, "company", &company), Value::Null).await.status(201);
    let rows = async || -> i64 {
        sqlx::query_scalar("select count(*) from tenon.associations")
            .fetch_one(&mut app.connect().await)
            .await
            .expect("counted")
    };
    for (of, record, left) in [(CONTACTS, &contact, 1), (COMPANIES, &company, 0)] {
        let path = format!("{of}/{}", factory::id(record));
        admin.delete(&path).await.no_content();
        admin.post(&format!("{path}/purge"), json!({})).await.no_content();
        assert_eq!(rows().await, left);
    }
    assert_eq!(list(&admin, LEADS, &lead).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_batch_hides_the_associations_of_each_under_its_own_deletion() {
    let (_app, admin, Records { company, .. }) = start().await;
    let contacts = factory::contacts(&admin, 3).await;
    for contact in &contacts {
        admin.put(&to(COMPANIES, &company, "contact", contact), Value::Null).await.status(201);
    }
    let items: Vec<Value> = contacts[..2].iter().map(|contact| json!({"id": contact["id"]})).collect();
    let deleted: Value = admin.post(&format!("{CONTACTS}/batch/delete"), json!({"items": items})).await.ok();
    assert_eq!(deleted["succeeded"], 2);
    let ids = async || -> Vec<Value> {
        list(&admin, COMPANIES, &company).await.iter().map(|one| one["id"].clone()).collect()
    };
    assert_eq!(ids().await, [contacts[2]["id"].clone()]);
    admin.post(&format!("{CONTACTS}/{}/restore", factory::id(&contacts[1])), json!({})).await.status(200);
    assert_eq!(ids().await, [contacts[2]["id"].clone(), contacts[1]["id"].clone()]);
}
