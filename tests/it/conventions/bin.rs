//! Deleted records: restored, or purged.

use serde_json::{Value, json};

use super::{ALL, start};

#[tokio::test]
async fn every_deleted_record_is_restored_as_it_was() {
    let (app, admin) = start().await;
    for of in ALL {
        let record = of.create(&admin, 1).await;
        admin.post(&of.act(&record, "restore"), json!({})).await.refused(404, "NOT_FOUND");
        admin.delete(&of.of(&record)).await.no_content();
        admin.get(&of.of(&record)).await.refused(404, "NOT_FOUND");
        let restored = admin.post(&of.act(&record, "restore"), json!({})).await.status(200);
        assert_eq!(restored.header("etag"), "\"v3\"", "{of:?}");
        let mut expected = record.clone();
        let restored: Value = restored.data();
        for field in ["version", "updatedAt"] {
            expected[field] = restored[field].clone();
        }
        assert_eq!(restored, expected, "{of:?}");
        assert_eq!(of.events(&app, &record).await, ["created", "deleted", "restored"], "{of:?}");
    }
}

#[tokio::test]
async fn a_record_whose_value_is_taken_is_not_restored() {
    let (_app, admin) = start().await;
    for of in ALL {
        let record = of.create(&admin, 1).await;
        admin.post(&of.path(), (of.body)(1)).await.refused(409, "DUPLICATE");
        admin.delete(&of.of(&record)).await.no_content();
        let heir: Value = admin.post(&of.path(), of.short(1, "Heir")).await.created();
        let refused =
            admin.post(&of.act(&record, "restore"), json!({})).await.refused(409, "RESTORE_CONFLICT");
        let details = refused.json()["details"].clone();
        assert_eq!(details["conflictId"], heir["id"], "{of:?}");
        assert!(details["externalId"].is_string(), "{of:?}: {details}");
    }
}

#[tokio::test]
async fn every_deleted_record_is_removed_for_good() {
    let (app, admin) = start().await;
    for of in ALL {
        let record = of.create(&admin, 1).await;
        let purge = of.act(&record, "purge");
        admin.post(&purge, json!({})).await.refused(409, "STATE_CONFLICT");
        admin.delete(&of.of(&record)).await.no_content();
        let stale = admin.with_header("if-match", "\"v1\"").post(&purge, json!({})).await;
        stale.refused(412, "VERSION_CONFLICT");
        let last: Value =
            admin.with_header("prefer", "return=representation").post(&purge, json!({})).await.ok();
        assert_eq!((&last["id"], &last[of.text]), (&record["id"], &record[of.text]), "{of:?}");
        admin.post(&purge, json!({})).await.refused(404, "NOT_FOUND");
        admin.post(&of.act(&record, "restore"), json!({})).await.refused(404, "NOT_FOUND");
        let left = admin.get(&format!("{}?deleted=include", of.path())).await.json();
        assert_eq!(left["data"], json!([]), "{of:?}");
        assert_eq!(of.events(&app, &record).await, ["created", "deleted", "purged"], "{of:?}");
    }
}
