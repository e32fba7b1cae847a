//! What activities are listed, filtered, searched and sorted by.

use serde_json::{Value, json};
use tenon_tests::{Client, factory};

use crate::lists::Hot;

use super::{ACTIVITIES, COMPANIES, CONTACTS, link, start};

/// The subjects of a list.
async fn subjects(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("{ACTIVITIES}?{query}")).await.status(200).json();
    let subject = |activity: &Value| activity["subject"].as_str().unwrap_or_default().to_owned();
    list["data"].as_array().expect("a list").iter().map(subject).collect()
}

/// Four activities: of a contact, of a company, of both, of nobody.
async fn filled(admin: &Client) -> (Value, Value) {
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let (with_contact, with_company) = (link("contact", &contact), link("company", &company));
    for activity in [
        json!({"kind": "call", "subject": "one", "body": "Wants the blue website", "occurredAt": "2026-01-03T00:00:00Z",
               "links": [with_contact]}),
        json!({"kind": "email", "subject": "two", "body": "Sent the offer\nby e-mail", "occurredAt": "2026-01-01T00:00:00Z",
               "links": [with_company]}),
        json!({"kind": "meeting", "subject": "three", "occurredAt": "2026-01-02T00:00:00Z", "links": [with_contact, with_company]}),
        json!({"kind": "task", "subject": "four", "dueAt": "2026-02-01T00:00:00Z"}),
    ] {
        admin.post(ACTIVITIES, activity).await.status(201);
    }
    (contact, company)
}

#[tokio::test]
async fn activities_are_found_by_what_they_say_and_are_linked_with() {
    let (_app, admin) = start().await;
    let (contact, company) = filled(&admin).await;
    let (contact, company) = (factory::id(&contact), factory::id(&company));
    for (query, expected) in [
        (String::new(), ["four", "three", "two", "one"].as_slice()),
        ("kind=call".to_owned(), &["one"]),
        ("filter=kind%20in%20(call,%20task)".to_owned(), &["four", "one"]),
        (format!("contactId={contact}"), &["three", "one"]),
        (format!("companyId={company}&kind=email"), &["two"]),
        (format!("contactId={contact}&companyId={company}"), &["three"]),
        (format!("leadId={contact}"), &[]),
        (format!("filter=contactId%20none%20(%22{contact}%22)"), &["four", "two"]),
        (
            format!("filter=contactId%20any%20(%22{contact}%22)%20or%20kind%20%3D%20task"),
            &["four", "three", "one"],
        ),
        (
            "filter=occurredAt%20%3E%3D%202026-01-02%20and%20occurredAt%20%3C%202026-01-03".to_owned(),
            &["three"],
        ),
        ("filter=dueAt%20is%20not%20null%20and%20completedAt%20is%20null".to_owned(), &["four"]),
        ("sort=occurredAt&filter=occurredAt%20is%20not%20null".to_owned(), &["two", "three", "one"]),
        ("sort=subject".to_owned(), &["four", "one", "three", "two"]),
        ("sort=-occurredAt&limit=2".to_owned(), &["one", "three"]),
        ("q=website".to_owned(), &["one"]),
        ("q=e-mail%20offer".to_owned(), &["two"]),
        ("filter=body%20contains%20%22BLUE%22".to_owned(), &["one"]),
        ("filter=subject%20startsWith%20%22t%22".to_owned(), &["three", "two"]),
        ("filter=body%20startsWith%20%22by%22".to_owned(), &[]),
    ] {
        assert_eq!(subjects(&admin, &query).await, expected, "{query}");
    }
    let search =
        json!({"filter": {"field": "contactId", "op": "all", "value": [contact]}, "sort": ["occurredAt"]});
    let found: Vec<Value> = admin.post(&format!("{ACTIVITIES}/search"), search).await.ok();
    assert_eq!(found.iter().map(|one| one["subject"].clone()).collect::<Vec<_>>(), ["three", "one"]);
    let cut: Vec<Value> = admin.get(&format!("{ACTIVITIES}?fields=subject,links&kind=call")).await.ok();
    assert_eq!(cut, [json!({"subject": "one", "links": [{"type": "contact", "id": contact}]})]);
    for (query, field) in [
        ("filter=contactId%20%3D%20x", "filter"),
        ("filter=contactId%20any%20(x)", "filter"),
        ("contactId=x", "contactId"),
        ("sort=contactId", "sort"),
    ] {
        let refused = admin.get(&format!("{ACTIVITIES}?{query}")).await.status(400);
        assert!(refused.json()["details"][field].is_string(), "{query}: {refused}");
    }
}

#[tokio::test]
async fn a_deleted_record_hides_what_only_it_led_to() {
    let (_app, admin) = start().await;
    let (contact, _) = filled(&admin).await;
    let contact = factory::id(&contact).to_owned();
    admin.delete(&format!("{CONTACTS}/{contact}")).await.no_content();
    assert_eq!(subjects(&admin, &format!("contactId={contact}")).await, Vec::<String>::new());
    admin.post(&format!("{CONTACTS}/{contact}/restore"), json!({})).await.status(200);
    assert_eq!(subjects(&admin, &format!("contactId={contact}")).await, ["three", "one"]);
}

#[tokio::test]
async fn a_walk_by_any_sort_sees_everything_once() {
    let (_app, admin) = start().await;
    filled(&admin).await;
    for sort in ["occurredAt", "-occurredAt", "dueAt", "-completedAt", "kind"] {
        let (mut seen, mut query) = (Vec::new(), format!("sort={sort}&limit=1"));
        loop {
            let list = admin.get(&format!("{ACTIVITIES}?{query}")).await.status(200).json();
            seen.push(list["data"][0]["subject"].as_str().unwrap_or_default().to_owned());
            let Some(cursor) = list["pagination"]["nextCursor"].as_str() else { break };
            query = format!("sort={sort}&limit=1&cursor={cursor}");
        }
        seen.sort_unstable();
        assert_eq!(seen, ["four", "one", "three", "two"], "{sort}");
    }
}

#[tokio::test]
async fn no_hot_list_reads_the_whole_table() {
    let hot = Hot {
        table: "tenon.activities",
        path: ACTIVITIES,
        insert: "with contact as (
                     insert into tenon.contacts (tenant_id, id, name, created_at, created_by, updated_at, updated_by)
                     values ($1, '01a21341-0000-7000-8000-000000000001', 'Ada', now(), 'system', now(), 'system')
                 ), made as (
                     insert into tenon.activities (tenant_id, id, kind, subject, body, external_id, occurred_at, due_at, completed_at,
                                                   created_at, created_by, updated_at, updated_by)
                     select $1, gen_random_uuid(), case when n % 100 = 0 then 'task' else 'call' end, 'Activity ' || n, 'Body ' || n,
                            'activity-' || n, now() - n * interval '1 minute', now() + n * interval '1 minute',
                            case when n % 2 = 0 then now() end, now() - n * interval '1 minute', 'system',
                            now() - n * interval '1 minute', 'system'
                     from generate_series(1, $2) n returning id, occurred_at, subject
                 )
                 insert into tenon.activity_links (tenant_id, activity_id, contact_id, at)
                 select $1, id, '01a21341-0000-7000-8000-000000000001', occurred_at from made where subject like '%99'",
        queries: &[
            "count=none",
            "sort=updatedAt&deleted=include&updatedSince={since}",
            "kind=task",
            "externalId=activity-77",
            "contactId=01a21341-0000-7000-8000-000000000001",
            "q=activity-19999",
            "filter=body%20contains%20%22ody%2019999%22",
            "filter=occurredAt%20%3E%3D%20{since}&sort=-occurredAt",
            "filter=completedAt%20is%20null%20and%20dueAt%20%3C%202100-01-01&sort=dueAt",
        ],
        sorts: &["-createdAt", "-updatedAt", "-occurredAt", "occurredAt", "dueAt", "-completedAt"],
    };
    hot.reads_no_whole_table().await;
}
