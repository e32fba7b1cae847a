//! Lists, exports, histories, and who may read them.

use serde_json::{Value, json};
use tenon_tests::stack::text;
use tenon_tests::{TestApp, factory};

use super::{EVENTS, entries, seal_all};

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| text(entry, "action")).collect()
}

#[tokio::test]
async fn entries_are_listed_newest_first_by_page_and_by_cursor_and_are_narrowed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let ids = entries(&app, &acme, 5).await;
    let all: Vec<Value> = admin.get(&format!("{EVENTS}?limit=50")).await.ok();
    assert_eq!(actions(&all), ["contact.n4", "contact.n3", "contact.n2", "contact.n1", "contact.n0"]);
    let page = admin.get(&format!("{EVENTS}?page=2&pageSize=2")).await.json();
    assert_eq!(actions(page["data"].as_array().expect("a list")), ["contact.n2", "contact.n1"]);
    assert_eq!(page["pagination"]["total"], json!(5));

    let (mut walked, mut query) = (Vec::new(), "?resourceType=contact&limit=2".to_owned());
    loop {
        let answer = admin.get(&format!("{EVENTS}{query}")).await.status(200);
        let page = answer.json();
        walked.extend(page["data"].as_array().expect("a list").clone());
        if page["pagination"]["nextCursor"].is_null() {
            break;
        }
        let link = answer.header("link");
        query = link.split(['<', '>']).nth(1).expect("a link").to_owned();
    }
    assert_eq!(walked, all);

    let found =
        async |query: &str| admin.get(&format!("{EVENTS}?limit=50&{query}")).await.ok::<Vec<Value>>().len();
    for (query, expected) in [
        ("action=contact.n3", 1),
        ("action=contact", 0),
        ("category=records", 5),
        ("category=security", 0),
        (format!("actorId={}", acme.id).as_str(), 5),
        (format!("actorId={}", ids[0]).as_str(), 0),
        (format!("resourceId={}", acme.id).as_str(), 5),
        ("resourceType=lead", 0),
        ("outcome=succeeded", 5),
        ("outcome=refused", 0),
        ("from=2020-01-01T00:00:00Z", 5),
        ("from=2100-01-01T00:00:00Z", 0),
        ("to=2100-01-01T00:00:00Z", 5),
        ("to=2020-01-01T00:00:00Z&from=2019-01-01T00:00:00Z", 0),
        (format!("from={}&action=contact.n4", text(&all[0], "at")).as_str(), 1),
        (format!("to={}&action=contact.n4", text(&all[0], "at")).as_str(), 0),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    for (query, field) in
        [("outcome=done", "outcome"), ("category=x", "category"), ("from=yesterday", "from"), ("to=1", "to")]
    {
        let refusal = admin.get(&format!("{EVENTS}?{query}")).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refusal["details"][field].is_string(), "{query}: {refusal}");
    }
}

#[tokio::test]
async fn all_entries_are_exported_as_lines() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    assert_eq!(admin.get(&format!("{EVENTS}/export")).await.status(200).text(), "");
    let many = "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, outcome)
                select $1, overlay(gen_random_uuid()::text placing left(tenon.first_event_id(now())::text, 13) from 1 for 13)::uuid, now(),
                       case when n > 2500 then 'b' else 'a' end, 'records', 'system', 'succeeded' from generate_series(1, 2503) n";
    sqlx::query(many).bind(acme.id.0).execute(&mut app.connect().await).await.expect("entries");
    let answer = admin.get(&format!("{EVENTS}/export")).await.status(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = answer.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), 2503);
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
    let shown: Value = admin.get(&format!("{EVENTS}/{}", ids[0])).await.ok();
    assert_eq!(lines[0], shown);
    assert_eq!(admin.get(&format!("{EVENTS}/export?action=b")).await.text().lines().count(), 3);
    // Ids have no time before 1970.
    let ever = admin.get(&format!("{EVENTS}/export?from=1900-01-01T00:00:00Z")).await;
    assert_eq!(ever.text().lines().count(), 2503);
    admin.get(&format!("{EVENTS}/export?from=x")).await.refused(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn other_tenants_see_nothing_and_neither_do_agents() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let ids = entries(&app, &acme, 2).await;
    seal_all(&app).await;
    let other = globex.admin();
    assert_eq!(other.get(&format!("{EVENTS}?limit=50")).await.ok::<Vec<Value>>(), Vec::<Value>::new());
    other.get(&format!("{EVENTS}/{}", ids[0])).await.refused(404, "NOT_FOUND");
    assert_eq!(other.get(&format!("{EVENTS}/export")).await.text(), "");
    assert_eq!(other.get(&format!("{EVENTS}/verify")).await.ok::<Value>()["head"], Value::Null);
    let agent = acme.agent().await;
    for path in ["", "/export", "/verify", &format!("/{}", ids[0])] {
        agent.get(&format!("{EVENTS}{path}")).await.refused(403, "ROLE_TOO_LOW");
        acme.key(&["contacts:read"])
            .await
            .get(&format!("{EVENTS}{path}"))
            .await
            .refused(403, "INSUFFICIENT_SCOPE");
        acme.key(&["audit:read"]).await.get(&format!("{EVENTS}{path}")).await.status(200);
    }
}

#[tokio::test]
async fn a_record_has_a_history_for_whoever_sees_the_record() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let agent = acme.agent().await;
    let mine = json!({"name": "Mine", "ownerId": agent.id});
    let [mine, other]: [Value; 2] = [
        admin.post("/connection/contacts", mine).await.created(),
        admin.post("/connection/contacts", factory::contact(1)).await.created(),
    ];
    let insert = "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, actor_id, resource_type, resource_id,
                                                  resource_version, outcome, changes, ip, user_agent)
                  select e.tenant_id, e.id, e.created_at, e.type, 'records', 'user', $1, e.object_type, e.object_id, 1, 'succeeded',
                         '{\"after\": {}}', '192.0.2.1', 'curl' from tenon.events e where e.object_type = 'contact'";
    sqlx::query(insert).bind(admin.id.0).execute(&mut app.connect().await).await.expect("entries");
    let path = |contact: &Value| format!("/connection/contacts/{}/history", factory::id(contact));
    let shown: Vec<Value> = admin.get(&path(&mine)).await.ok();
    assert_eq!(actions(&shown), ["contact.created"]);
    assert_eq!((text(&shown[0], "ip"), text(&shown[0], "userAgent")), ("192.0.2.1", "curl"));
    let shown: Vec<Value> = agent.get(&path(&mine)).await.ok();
    assert_eq!(actions(&shown), ["contact.created"]);
    assert_eq!((&shown[0]["ip"], &shown[0]["userAgent"]), (&Value::Null, &Value::Null));
    agent.get(&path(&other)).await.refused(404, "NOT_FOUND");
    app.tenant("globex").await.admin().get(&path(&mine)).await.refused(404, "NOT_FOUND");
    let unlike = format!("/connection/leads/{}/history", factory::id(&mine));
    admin.get(&unlike).await.refused(404, "NOT_FOUND");
}
