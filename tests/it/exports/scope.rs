//! Who gets what, and what is told of it.

use serde_json::{Value, json};
use tenon_tests::{eventually, factory};

use super::{CONTACTS, export, lines, start, table, told};
use crate::conventions::ALL;

#[tokio::test]
async fn an_agent_exports_its_own_and_nobody_anothers() {
    let (app, acme, admin) = start().await;
    let globex = app.tenant("globex").await;
    factory::contacts(&globex.admin(), 2).await;
    factory::contacts(&admin, 3).await;
    let (agent, client) = (acme.agent().await, acme.client().await);
    agent.post(CONTACTS, json!({"name": "Mine"})).await.status(201);
    admin.post(CONTACTS, json!({"name": "Me", "userId": client.id})).await.status(201);
    let names = async |who: &tenon_tests::Client| {
        let (names, rows) = table(who, CONTACTS, &[("sort", "name"), ("fields", "name")]).await;
        assert_eq!(names, ["name"]);
        rows.concat()
    };
    assert_eq!(names(&agent).await, ["Mine"]);
    assert_eq!(names(&client).await, ["Me"]);
    assert_eq!(names(&admin).await, ["Contact 0", "Contact 1", "Contact 2", "Me", "Mine"]);
    assert_eq!(names(&globex.admin()).await, ["Contact 0", "Contact 1"]);
    export(&client, "/connection/leads", &[]).await.refused(403, "ROLE_TOO_LOW");
}

#[tokio::test]
async fn another_tenants_records_are_in_no_export() {
    let (app, acme, admin) = start().await;
    let globex = app.tenant("globex").await;
    for of in ALL {
        for number in 0..3 {
            globex.admin().post(&of.path(), (of.body)(number)).await.status(201);
        }
        assert_eq!(lines(&admin, &of.path(), &[("deleted", "include")]).await, [""; 0], "{of:?}");
        let (_, rows) = table(&acme.admin(), &of.path(), &[]).await;
        assert_eq!(rows.len(), 0, "{of:?}");
        assert_eq!(lines(&globex.admin(), &of.path(), &[]).await.len(), 3, "{of:?}");
    }
}

#[tokio::test]
async fn each_export_is_told_of() {
    let (app, acme, admin) = start().await;
    factory::contacts(&admin, 3).await;
    let parameters = [
        ("filter", "name != \"Contact 1\""),
        ("lifecycle", "lead"),
        ("fields", "id,name"),
        ("sort", "-name"),
    ];
    let answer =
        export(&admin.with_header("x-request-id", "exported-once"), CONTACTS, &parameters).await.status(200);
    let mut connection = app.connect().await;
    eventually("it is told", async || told(&mut app.connect().await).await.len() == 1).await;
    let events = told(&mut connection).await;
    let event = &events[0];
    let data = &event["data"];
    assert_eq!(event["type"], "export.completed");
    assert_eq!(event["tenantId"], json!(acme.id));
    assert_eq!(event["object"], json!({"type": "export", "id": data["id"], "version": 1}));
    assert_eq!(event["actor"]["type"], "apiKey");
    let told = json!({
        "id": data["id"], "object": "contacts", "format": "csv",
        "filter": "name != \"Contact 1\" and lifecycle = \"lead\"", "q": null, "sort": ["-name"],
        "fields": ["id", "name"], "deleted": null, "updatedSince": null,
        "rows": 2, "bytes": answer.body.len(), "startedAt": data["startedAt"], "completedAt": data["completedAt"],
        "aborted": null,
    });
    assert_eq!(data, &told);
    assert!(data["startedAt"].as_str() <= data["completedAt"].as_str());
    let context: String = sqlx::query_scalar("select context from tenon.events where object_type = 'export'")
        .fetch_one(&mut connection)
        .await
        .expect("its context");
    let context: Value = serde_json::from_str(&context).expect("JSON");
    assert_eq!(context["requestId"], "exported-once");
}
