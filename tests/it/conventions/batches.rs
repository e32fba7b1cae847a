//! Many records in one request.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client};
use uuid::Uuid;

use super::{ALL, Resource, start};

async fn batch(client: &Client, of: Resource, verb: &str, items: Value) -> Answer {
    client.post(&format!("{}/batch/{verb}", of.path()), json!({"items": items})).await
}

fn statuses(answer: &Answer) -> Vec<i64> {
    let results = answer.data::<Value>()["results"].as_array().cloned().expect("results");
    results.iter().map(|result| result["status"].as_i64().expect("a status")).collect()
}

fn result(answer: &Answer, at: usize) -> Value {
    answer.data::<Value>()["results"][at].clone()
}

fn with_batches() -> impl Iterator<Item = Resource> {
    ALL.into_iter().filter(|of| of.batches)
}

#[tokio::test]
async fn every_batch_answers_for_each_of_its_items() {
    let (app, admin) = start().await;
    for of in with_batches() {
        let made =
            batch(&admin, of, "create", json!([(of.body)(1), {of.text: 7}, (of.body)(2), (of.body)(1)]))
                .await;
        assert_eq!(
            (made.status.as_u16(), statuses(&made)),
            (207, vec![201, 400, 201, 409]),
            "{of:?}: {made}"
        );
        let (one, two) = (result(&made, 0), result(&made, 2));
        assert_eq!(result(&made, 3)["details"]["conflictId"], one["id"], "{of:?}");
        let unknown = Uuid::now_v7();

        let read = batch(&admin, of, "read", json!([{"id": one["id"]}, {"id": unknown}])).await;
        assert_eq!(statuses(&read), [200, 404], "{of:?}: {read}");
        assert_eq!(result(&read, 0)["data"], admin.get(&of.of(&one)).await.ok::<Value>(), "{of:?}");

        let changes = json!([
            {"id": one["id"], "version": 1, "changes": {of.text: "Changed"}},
            {"id": two["id"], "version": 7, "changes": {of.text: "Changed"}},
            {"id": unknown, "changes": {of.text: "Changed"}},
        ]);
        let changed = batch(&admin, of, "update", changes).await;
        assert_eq!(statuses(&changed), [200, 412, 404], "{of:?}: {changed}");
        assert_eq!(result(&changed, 0)["version"], 2, "{of:?}");

        let upserts = json!([of.short(1, "Replaced"), of.short(3, "New"), {of.text: "Nobody"}]);
        let upserted = admin
            .post(&format!("{}/batch/upsert?key=externalId", of.path()), json!({"items": upserts}))
            .await;
        assert_eq!(statuses(&upserted), [200, 201, 400], "{of:?}: {upserted}");
        assert_eq!(result(&upserted, 0)["id"], one["id"], "{of:?}");
        let refused =
            admin.post(&format!("{}/batch/upsert?key=colour", of.path()), json!({"items": upserts}));
        assert!(refused.await.refused(400, "VALIDATION_ERROR").json()["details"]["key"].is_string());

        let deleted =
            batch(&admin, of, "delete", json!([{"id": one["id"]}, {"id": two["id"]}, {"id": unknown}])).await;
        assert_eq!(statuses(&deleted), [204, 204, 404], "{of:?}: {deleted}");
        admin.post(&of.act(&two, "restore"), json!({})).await.status(200);
        assert_eq!(of.events(&app, &one).await, ["created", "updated", "updated", "deleted"], "{of:?}");
        assert_eq!(of.events(&app, &two).await, ["created", "deleted", "restored"], "{of:?}");
    }
}

#[tokio::test]
async fn every_batch_is_all_or_nothing_where_that_is_asked_for() {
    let (_app, admin) = start().await;
    for of in with_batches() {
        let taken = of.create(&admin, 1).await;
        let path = format!("{}/batch/create?atomic=true", of.path());
        let refused =
            admin.post(&path, json!({"items": [(of.body)(2), (of.body)(1)]})).await.refused(409, "DUPLICATE");
        let details = refused.json()["details"].clone();
        assert_eq!((&details["index"], &details["conflictId"]), (&json!("1"), &taken["id"]), "{of:?}");
        assert_eq!(admin.get(&of.path()).await.json()["pagination"]["total"], 1, "{of:?}");
        let keyed = admin.with_header("idempotency-key", "a batch");
        let items = json!({"items": [(of.body)(2), (of.body)(3)]});
        let (first, again) = (keyed.post(&path, items.clone()).await, keyed.post(&path, items).await);
        assert_eq!(statuses(&first), [201, 201], "{of:?}: {first}");
        assert_eq!((first.text(), again.header("idempotent-replayed")), (again.text(), "true"), "{of:?}");
    }
}
