//! Lists by page and by cursor.

use std::collections::BTreeSet;

use serde_json::Value;
use tenon_tests::{Client, factory};

use super::{CONTACTS, start};

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().expect("a list").iter().map(|record| factory::id(record).to_owned()).collect()
}

#[tokio::test]
async fn a_list_says_where_it_stands() {
    let (_app, admin) = start().await;
    let empty = admin.get(CONTACTS).await.status(200).json();
    assert_eq!(empty["data"], Value::Array(Vec::new()));
    assert_eq!(empty["pagination"]["total"], 0);
    assert_eq!(empty["pagination"]["hasMore"], false);

    let created = factory::contacts(&admin, 7).await;
    let list = admin.get(&format!("{CONTACTS}?page=2&pageSize=3")).await.status(200).json();
    assert_eq!(super::keys(&list), ["success", "data", "pagination", "metadata"]);
    let pagination = &list["pagination"];
    assert_eq!(
        super::keys(pagination),
        ["total", "totalIsMinimum", "page", "pageSize", "pages", "nextCursor", "hasMore"]
    );
    assert_eq!((&pagination["total"], &pagination["page"]), (&7.into(), &2.into()));
    assert_eq!((&pagination["pageSize"], &pagination["pages"]), (&3.into(), &3.into()));
    assert_eq!(pagination["hasMore"], true);
    let newest_first: Vec<String> =
        created.iter().rev().map(|record| factory::id(record).to_owned()).collect();
    assert_eq!(ids(&list), newest_first[3..6]);
    let plain = admin.get(CONTACTS).await.json();
    assert_eq!(plain["pagination"]["pageSize"], 20);
    assert_eq!(ids(&plain), newest_first);
}

async fn walk_by_page(client: &Client, size: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for page in 1.. {
        let list = client.get(&format!("{CONTACTS}?page={page}&pageSize={size}")).await.status(200).json();
        seen.extend(ids(&list));
        if list["pagination"]["hasMore"] == false {
            break;
        }
    }
    seen
}

async fn walk_by_cursor(client: &Client, limit: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut query = format!("?limit={limit}");
    loop {
        let answer = client.get(&format!("{CONTACTS}{query}")).await.status(200);
        let list = answer.json();
        assert_eq!(list["pagination"]["total"], Value::Null, "a cursor does not count");
        seen.extend(ids(&list));
        let Some(cursor) = list["pagination"]["nextCursor"].as_str() else {
            assert_eq!(list["pagination"]["hasMore"], false);
            return seen;
        };
        assert_eq!(list["pagination"]["hasMore"], true);
        query = format!("?limit={limit}&cursor={cursor}");
        assert_eq!(answer.header("link"), format!("<{query}>; rel=\"next\""));
    }
}

#[tokio::test]
async fn a_walk_sees_everything_once() {
    let (app, admin) = start().await;
    let mut created: Vec<String> =
        factory::contacts(&admin, 23).await.iter().map(|record| factory::id(record).to_owned()).collect();
    created.reverse();
    for size in [1, 5, 23, 24, 200] {
        assert_eq!(walk_by_cursor(&admin, size).await, created, "{size} at a time");
    }
    assert_eq!(walk_by_page(&admin, 5).await, created);

    // Contacts of one instant have an order too: an import makes many at once.
    sqlx::query("update tenon.contacts set created_at = '2026-01-01T00:00:00Z'")
        .execute(&mut app.connect().await)
        .await
        .expect("updated");
    for size in [1, 5] {
        let seen = walk_by_cursor(&admin, size).await;
        assert_eq!(seen.len(), created.len(), "{size} at a time");
        assert_eq!(BTreeSet::from_iter(&seen), BTreeSet::from_iter(&created));
    }
}

#[tokio::test]
async fn a_cursor_is_not_disturbed_by_what_comes_and_goes() {
    let (_app, admin) = start().await;
    let created = factory::contacts(&admin, 6).await;
    let first = admin.get(&format!("{CONTACTS}?limit=2")).await.status(200).json();
    let cursor = first["pagination"]["nextCursor"].as_str().expect("more follow").to_owned();
    // The newest, the one that the cursor stands on, and one more.
    admin.post(CONTACTS, factory::contact(6)).await.status(201);
    admin.delete(&super::path(&created[4])).await.no_content();
    let rest = admin.get(&format!("{CONTACTS}?limit=10&cursor={cursor}")).await.status(200).json();
    let expected: Vec<&str> = created[..4].iter().rev().map(factory::id).collect();
    assert_eq!(ids(&rest), expected);
}

#[tokio::test]
async fn wrong_paging_is_refused_by_name() {
    let (_app, admin) = start().await;
    for (query, field) in [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("pageSize=0", "pageSize"),
        ("pageSize=201", "pageSize"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("page=1&limit=5", "page"),
        ("pageSize=5&limit=5", "page"),
        ("page=51&pageSize=200", "page"),
        ("page=4294967295&pageSize=200", "page"),
    ] {
        let refused = admin.get(&format!("{CONTACTS}?{query}")).await.refused(400, "VALIDATION_ERROR");
        let details = refused.json()["details"].clone();
        assert!(details[field].is_string(), "{query}: {refused}");
    }
    let deep = admin.get(&format!("{CONTACTS}?page=501")).await.refused(400, "VALIDATION_ERROR");
    assert!(deep.json()["details"]["page"].as_str().is_some_and(|says| says.contains("cursor")), "{deep}");
    admin.get(&format!("{CONTACTS}?page=50&pageSize=200")).await.status(200);
}

#[tokio::test]
async fn forged_and_foreign_cursors_are_refused() {
    let (app, admin) = start().await;
    factory::contacts(&admin, 2).await;
    let cursor = admin.get(&format!("{CONTACTS}?limit=1")).await.json()["pagination"]["nextCursor"].clone();
    let cursor = cursor.as_str().expect("more follow");
    let mut forged = cursor.to_owned();
    let middle = forged.len() / 2;
    forged.replace_range(middle..=middle, if &cursor[middle..=middle] == "A" { "B" } else { "A" });
    for wrong in [&forged, "x", "", "AAAA", &cursor[1..], &format!("{cursor}A")] {
        admin.get(&format!("{CONTACTS}?limit=1&cursor={wrong}")).await.refused(400, "INVALID_CURSOR");
    }

    admin.post("/api-keys", serde_json::json!({"name": "second", "scopes": ["*"]})).await.status(201);
    let foreign = admin.get("/api-keys?limit=1").await.json()["pagination"]["nextCursor"].clone();
    let foreign = foreign.as_str().expect("more follow");
    admin.get(&format!("{CONTACTS}?limit=1&cursor={foreign}")).await.refused(400, "CURSOR_MISMATCH");
    admin.get(&format!("/api-keys?limit=1&cursor={cursor}")).await.refused(400, "CURSOR_MISMATCH");

    // Another tenant's cursor is a place in time and shows nothing of that tenant.
    let other = app.tenant("globex").await.admin();
    let list = other.get(&format!("{CONTACTS}?limit=1&cursor={cursor}")).await.status(200).json();
    assert_eq!(list["data"], Value::Array(Vec::new()));
}
