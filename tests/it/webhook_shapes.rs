//! What webhooks may want, what is refused, and what a preview shows of it.

use serde_json::{Value, json};
use tenon_tests::{Client, TestApp, factory};

fn body(wishes: Value) -> Value {
    let mut body = json!({"url": "http://127.0.0.1:9/hook", "events": ["contact.*"]});
    body.as_object_mut().expect("an object").extend(wishes.as_object().cloned().unwrap_or_default());
    body
}

async fn create(client: &Client, wishes: Value) -> Value {
    client.post("/webhooks", body(wishes)).await.created()
}

fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", factory::id(webhook))
}

/// The verdicts of a preview, newest first.
fn verdicts(preview: &Value) -> Vec<&str> {
    preview["events"].as_array().into_iter().flatten().filter_map(|event| event["verdict"].as_str()).collect()
}

#[tokio::test]
async fn what_cannot_be_is_refused_when_it_is_set_with_the_field_and_the_reason() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let webhook = create(&admin, json!({"filter": "data.email is not null"})).await;
    for (filter, position, says) in [
        ("data.emial = a", "1", "None of the events has a field \"data.emial\""),
        ("type = contact.created and", "27", "a field"),
        ("data.version contains 1", "1", "is for texts"),
        ("object.id = 5", "1", "an id"),
        ("", "1", "a field"),
    ] {
        let created = admin.post("/webhooks", body(json!({"filter": filter}))).await;
        let changed = admin.patch(&path(&webhook, ""), json!({"filter": filter})).await;
        let tried = admin.post(&path(&webhook, "/preview"), json!({"filter": filter})).await;
        for answer in [created, changed, tried] {
            let refused = answer.refused(400, "INVALID_FILTER").json();
            assert_eq!(refused["details"]["position"], position, "{filter}: {refused}");
            assert!(
                refused["details"]["filter"].as_str().is_some_and(|text| text.contains(says)),
                "{refused}"
            );
        }
    }
    // A filter over events that do not have what it names.
    let leads = json!({"events": ["lead.*"]});
    admin.patch(&path(&webhook, ""), leads.clone()).await.refused(400, "INVALID_FILTER");
    admin.post(&path(&webhook, "/preview"), leads).await.refused(400, "INVALID_FILTER");
    let wrong = json!({
        "events": ["contact.*", "contacts.*", "con.*"], "filter": "data.x = 1",
        "headers": {"Host": "a", "X-A": "a\r\nb", "x-a": "a", "b c": "d"},
    });
    let refused = admin.post("/webhooks", body(wrong)).await.refused(400, "VALIDATION_ERROR").json();
    let told: Vec<String> = refused["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| {
            format!("{} {}", error["pointer"].as_str().unwrap_or(""), error["code"].as_str().unwrap_or(""))
        })
        .collect();
    let expected = [
        "/events/1 UNKNOWN_EVENT_TYPE",
        "/events/2 UNKNOWN_EVENT_TYPE",
        "/headers/Host RESERVED_HEADER",
        "/headers/X-A INVALID_HEADER_VALUE",
        "/headers/b c INVALID_HEADER_NAME",
        "/headers/x-a DUPLICATE_HEADER",
        "/filter INVALID_FILTER",
    ];
    assert_eq!(told, expected);
    for headers in [json!({"X-A": 1}), json!(["X-A"]), json!({"X-A": null}), Value::Null] {
        admin.post("/webhooks", body(json!({"headers": headers}))).await.refused(400, "VALIDATION_ERROR");
    }
    admin.post("/webhooks", body(json!({"payload": "fat"}))).await.refused(400, "VALIDATION_ERROR");
    let large = json!({"headers": {"X-A": "a".repeat(4096)}});
    admin.post("/webhooks", body(large)).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(admin.get(&path(&webhook, "")).await.ok::<Value>(), {
        let mut unchanged = webhook.clone();
        unchanged["secret"] = Value::Null;
        unchanged
    });
}

#[tokio::test]
async fn a_preview_shows_what_the_last_events_would_have_come_to() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let webhook = create(&admin, json!({"filter": "data.name startsWith g", "payload": "thin"})).await;
    let preview = async |client: &Client, tried: Value| client.post(&path(&webhook, "/preview"), tried).await;
    let nothing: Value = preview(&admin, json!({})).await.ok();
    assert_eq!((&nothing["total"], &nothing["events"]), (&json!(0), &json!([])));
    for name in ["Grace", "Ada"] {
        admin.post("/connection/contacts", json!({"name": name})).await.status(201);
    }
    let lead: Value =
        admin.post("/connection/leads", json!({"title": "Deal", "status": "new"})).await.created();
    let key = acme.key(&["contacts:*"]).await;
    key.post("/connection/contacts", json!({"name": "Gina"})).await.status(201);

    let as_it_is: Value = preview(&admin, json!({})).await.ok();
    assert_eq!(verdicts(&as_it_is), ["matches", "left_out", "matches"]);
    let counts = ["total", "matches", "leftOut", "own", "unjudged"].map(|name| as_it_is[name].clone());
    assert_eq!(counts, [3, 2, 1, 0, 0].map(Value::from));
    let newest = &as_it_is["events"][0];
    assert_eq!((&newest["event"], &newest["reason"]), (&json!("contact.created"), &Value::Null));
    let data = newest["payload"]["data"].as_object().expect("the body as it would be sent");
    assert_eq!(data.keys().collect::<Vec<_>>(), ["id"], "thin, as the webhook is");
    assert_eq!(as_it_is["events"][1]["payload"], Value::Null, "nothing is shown of what is left out");

    let own: Value = preview(&admin, json!({"filter": null, "skipOwn": true, "payload": "full"})).await.ok();
    assert_eq!(verdicts(&own), ["matches", "own", "own"]);
    assert_eq!(own["events"][0]["payload"]["data"]["name"], "Gina");
    let tried = json!({"events": ["lead.created", "contact.*"], "filter": "data.title = Deal"});
    let leads: Value = preview(&admin, tried).await.ok();
    // A contact has a title too, and nobody has given it one.
    assert_eq!(verdicts(&leads), ["left_out", "matches", "left_out", "left_out"]);
    let tried = json!({"events": ["lead.created", "contact.*"], "filter": "data.status = new"});
    let statuses: Value = preview(&admin, tried).await.ok();
    assert_eq!(verdicts(&statuses), ["unjudged", "matches", "unjudged", "unjudged"]);
    assert!(statuses["events"][0]["reason"].as_str().is_some_and(|why| why.starts_with("data.status ")));
    assert_eq!(statuses["events"][1]["payload"]["object"]["id"], lead["id"]);

    // It tells of contacts, and so asks for what reads them.
    let reader = acme.key(&["webhooks:read"]).await;
    preview(&reader, json!({})).await.refused(403, "INSUFFICIENT_SCOPE");
    let reader = acme.key(&["webhooks:read", "contacts:read"]).await;
    preview(&reader, json!({})).await.status(200);
    preview(&reader, json!({"events": ["*"]})).await.refused(403, "INSUFFICIENT_SCOPE");
    let after: Value = admin.get(&path(&webhook, "")).await.ok();
    assert_eq!((&after["filter"], &after["version"]), (&webhook["filter"], &json!(1)), "nothing is changed");
}

#[tokio::test]
async fn all_of_an_object_takes_what_its_events_tell_of() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let writer = acme.key(&["webhooks:write", "webhooks:read", "contacts:read"]).await;
    let webhook = create(&writer, json!({})).await;
    assert_eq!(webhook["events"], json!(["contact.*"]));
    let refused = writer.post("/webhooks", body(json!({"events": ["lead.*"]}))).await;
    assert!(refused.refused(403, "INSUFFICIENT_SCOPE").text().contains("leads:read"));
    let stops = json!({"active": false});
    let stopper = acme.key(&["webhooks:write"]).await;
    for wish in [
        json!({"filter": null}),
        json!({"skipOwn": false}),
        json!({"payload": "full"}),
        json!({"headers": {}}),
    ] {
        let mut more = stops.clone();
        more.as_object_mut().expect("an object").extend(wish.as_object().cloned().unwrap_or_default());
        stopper.patch(&path(&webhook, ""), more).await.refused(403, "INSUFFICIENT_SCOPE");
    }
    stopper.patch(&path(&webhook, ""), stops).await.status(200);
}
