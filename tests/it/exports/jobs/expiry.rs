//! Files whose time is over.

use serde_json::{Value, json};
use tenon_common::export::job;
use tenon_tests::{app, factory};

use super::{Setting, exported, path};

#[tokio::test]
async fn a_file_is_kept_for_a_time_and_then_removed() {
    let setting = Setting::start().await;
    let (acme, admin) = (&setting.acme, &setting.admin);
    let globex = setting.app.tenant("globex").await;
    factory::contacts(admin, 2).await;
    let (old, _) = exported(admin, json!({"object": "contacts"})).await;
    let (theirs, _) = exported(&globex.admin(), json!({"object": "contacts"})).await;
    let (new, _) = exported(admin, json!({"object": "contacts"})).await;
    let worker = app::connect(setting.app.database().worker_url());
    let storage = setting.app.database().storage();
    let remove = async || job::remove_expired(&worker, &storage, 10).await.expect("removed");
    assert_eq!((remove().await, setting.files().len()), (0, 3));

    sqlx::query("update tenon.exports set expires_at = now() - interval '1 second' where id = any ($1)")
        .bind(
            [&old, &theirs].map(|export| factory::id(export).parse::<uuid::Uuid>().expect("an id")).to_vec(),
        )
        .execute(&mut setting.app.connect().await)
        .await
        .expect("changed");
    // It is over at once, whenever the file is removed.
    let before: Value = admin.get(&path(&old)).await.ok();
    assert_eq!(before["state"], "expired");
    admin.get(&format!("{}/download", path(&old))).await.refused(410, "EXPIRED");
    let all: Vec<Value> = admin.get("/exports?state=succeeded").await.ok();
    assert_eq!(all, std::slice::from_ref(&new));

    assert_eq!((remove().await, remove().await), (2, 0));
    let files = setting.files();
    assert!(files.len() == 1 && files[0].to_string_lossy().contains(factory::id(&new)), "{files:?}");
    for (who, export) in [(admin, &old), (&globex.admin(), &theirs)] {
        let now: Value = who.get(&path(export)).await.ok();
        assert_eq!((&now["state"], &now["rows"]), (&json!("expired"), &export["rows"]));
        who.get(&format!("{}/download", path(export))).await.refused(410, "EXPIRED");
        who.post(&format!("{}/cancel", path(export)), Value::Null).await.refused(409, "STATE_CONFLICT");
    }
    admin.get(&format!("{}/download", path(&new))).await.status(200);
    let all: Vec<Value> = acme.admin().get("/exports?state=expired").await.ok();
    assert_eq!(all.len(), 1);
}
