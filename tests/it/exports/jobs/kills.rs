//! Workers that die in the middle.

use serde_json::{Value, json};
use tenon_tests::eventually;

use super::{Setting, ask, at_work, path, stands};
use crate::exports::{fill, told};

#[tokio::test]
async fn a_worker_killed_in_the_middle_leaves_one_whole_file() {
    let mut setting = Setting::start().await;
    let admin = setting.admin.clone();
    fill(&mut setting.app.connect().await, setting.acme.id.0, 20_000).await;
    setting.slow(true).await;
    for format in ["ndjson", "xlsx"] {
        let export = ask(&admin, json!({"object": "contacts", "format": format})).await;
        at_work(&admin, &export, 1).await;
        setting.worker.kill9().await;
        // Whose wall has a policy that nobody knows does not start.
        setting.slow(false).await;
        setting.worker.start_again().await;
        if format == "ndjson" {
            // Once more, in the run that begins anew once the worker is taken for dead.
            setting.slow(true).await;
            eventually("it began anew", async || {
                let now: Value = admin.get(&path(&export)).await.ok();
                now["version"].as_i64() >= Some(3)
            })
            .await;
            setting.worker.kill9().await;
            setting.slow(false).await;
            setting.worker.start_again().await;
        }
        let export = stands(&admin, &export, "succeeded").await;
        assert_eq!(export["rows"], 20_000);
        let file = admin.get(&format!("{}/download", path(&export))).await.status(200);
        if format == "ndjson" {
            let text = file.text();
            let mut names: Vec<&str> = text.lines().collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!((text.lines().count(), names.len()), (20_000, 20_000));
            setting.slow(true).await;
        }
    }
    let files = setting.files();
    assert_eq!(files.len(), 2, "nothing is left of earlier runs: {files:?}");
    let events = told(&mut setting.app.connect().await).await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.iter().all(|event| event["type"] == "export.completed"), "{events:?}");
}

#[tokio::test]
async fn an_export_that_is_cancelled_while_no_worker_lives_leaves_nothing() {
    let mut setting = Setting::start().await;
    let admin = setting.admin.clone();
    fill(&mut setting.app.connect().await, setting.acme.id.0, 20_000).await;
    setting.slow(true).await;
    let export = ask(&admin, json!({"object": "contacts"})).await;
    at_work(&admin, &export, 1).await;
    setting.worker.kill9().await;
    assert_eq!(setting.files().len(), 1, "what the worker has written");
    let cancelled: Value = admin.post(&format!("{}/cancel", path(&export)), Value::Null).await.ok();
    assert_eq!(cancelled["state"], "cancelled");
    setting.slow(false).await;
    setting.worker.start_again().await;
    eventually("nothing is left", async || setting.files().is_empty()).await;
    let now: Value = admin.get(&path(&export)).await.ok();
    assert_eq!(now["state"], "cancelled");
}
