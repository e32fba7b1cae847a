//! Records by their external id.

use serde_json::{Value, json};

use super::{ALL, start};

#[tokio::test]
async fn every_record_is_created_replaced_changed_and_deleted_by_key() {
    let (app, admin) = start().await;
    for of in ALL {
        let short = of.short(1, "First");
        let path = of.by(&short);
        admin.get(&path).await.refused(404, "NOT_FOUND");
        admin.with_header("if-match", "*").put(&path, short.clone()).await.refused(404, "NOT_FOUND");
        let created = admin.with_header("if-none-match", "*").put(&path, short.clone()).await.status(201);
        let record: Value = created.data();
        assert_eq!(created.header("location"), format!("/api/v1{}", of.of(&record)), "{of:?}");
        assert_eq!(record["externalId"], short["externalId"], "{of:?}");
        let again = admin.with_header("if-none-match", "*").put(&path, short.clone()).await;
        again.refused(412, "VERSION_CONFLICT");

        let replaced = admin.put(&path, of.short(1, "Second")).await.status(200);
        assert_eq!((replaced.header("etag"), &replaced.data::<Value>()["id"]), ("\"v2\"", &record["id"]));
        let changed: Value = admin.patch(&path, json!({of.text: "Third"})).await.ok();
        assert_eq!((&changed["version"], &changed[of.text]), (&json!(3), &json!("Third")), "{of:?}");
        assert_eq!(admin.get(&path).await.ok::<Value>(), changed, "{of:?}");
        let mut other = of.short(1, "Fourth");
        other["externalId"] = json!("another");
        let refused = admin.put(&path, other).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refused["details"]["externalId"].is_string(), "{of:?}: {refused}");
        admin.delete(&path).await.no_content();
        admin.get(&path).await.refused(404, "NOT_FOUND");
        // Deletion frees the value.
        let heir: Value = admin.put(&path, short).await.created();
        assert_ne!(heir["id"], record["id"], "{of:?}");
        assert_eq!(of.events(&app, &record).await, ["created", "updated", "updated", "deleted"], "{of:?}");
    }
}

#[tokio::test]
async fn a_key_that_records_do_not_have_is_named() {
    let (_app, admin) = start().await;
    for of in ALL {
        let path = format!("{}/by/colour/red", of.path());
        let refused = admin.get(&path).await.refused(400, "VALIDATION_ERROR").json();
        assert!(
            refused["details"]["key"].as_str().is_some_and(|says| says.contains("externalId")),
            "{refused}"
        );
        let long = format!("{}/by/externalId/{}", of.path(), "x".repeat(256));
        let refused = admin.get(&long).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refused["details"]["value"].is_string(), "{of:?}: {refused}");
    }
}
