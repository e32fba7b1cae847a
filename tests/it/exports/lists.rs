//! Exports have what lists have, in the same order, however many pages that takes.

use serde_json::{Value, json};
use sqlx::Executor;
use tenon_common::Actor;
use tenon_common::crm::contact::{Contact, LIST};
use tenon_common::export::{Export, Format, Style};
use tenon_common::list::{FilterText, ListRequest};
use tenon_tests::{app, factory};

use super::{CONTACTS, lines, listed, many, start};

#[tokio::test]
async fn an_export_has_what_its_list_has_in_its_order() {
    let (app, acme, admin) = start().await;
    many(&app, &acme, 12_000).await;
    for parameters in [
        vec![],
        vec![("sort", "createdAt")],
        vec![("sort", "email")],
        vec![("sort", "-company,name")],
        vec![("filter", "title = \"Newcomer\" and not (email is null)")],
        vec![("company", "Company 7")],
        vec![("email", "contact11@example.com")],
        vec![("updatedSince", "2026-01-01T03:00:00Z")],
        // A text in all, in the newest, in many that are not among the newest, in few of the oldest, and in none.
        vec![("q", "contact")],
        vec![("q", "newcomer")],
        vec![("q", "veteran")],
        vec![("q", "founder")],
        vec![("q", "nowhere")],
        vec![("q", "veteran"), ("sort", "email")],
        vec![("q", "founder"), ("sort", "-email")],
        vec![("filter", "name contains \"act 11\" or title startsWith \"found\""), ("sort", "name")],
    ] {
        let expected = listed(&admin, CONTACTS, &parameters).await;
        let exported = lines(&admin, CONTACTS, &parameters).await;
        assert!(
            exported == expected,
            "{parameters:?}: {} records, and not {}",
            exported.len(),
            expected.len()
        );
        let none = parameters.contains(&("q", "nowhere"));
        assert_eq!(expected.is_empty(), none, "{parameters:?}");
    }
}

#[tokio::test]
async fn deleted_records_are_exported_where_that_is_asked_for() {
    let (_app, _, admin) = start().await;
    for (number, contact) in factory::contacts(&admin, 6).await.iter().enumerate() {
        if number % 2 == 0 {
            admin.delete(&format!("{CONTACTS}/{}", factory::id(contact))).await.no_content();
        }
    }
    for (deleted, count) in [("exclude", 3), ("only", 3), ("include", 6)] {
        let exported = lines(&admin, CONTACTS, &[("deleted", deleted)]).await;
        assert_eq!(exported, listed(&admin, CONTACTS, &[("deleted", deleted)]).await, "{deleted}");
        assert_eq!(exported.len(), count, "{deleted}");
    }
}

/// Long texts: a page ends where there are enough bytes.
#[tokio::test]
async fn pages_of_long_texts_are_short() {
    let (_app, _, admin) = start().await;
    let path = "/connection/activities";
    for number in 0..12 {
        let items: Vec<Value> = (0..40)
            .map(|item| json!({"kind": "note", "subject": format!("{number} {item}"), "body": "text ".repeat(3900)}))
            .collect();
        admin.post(&format!("{path}/batch/create"), json!({"items": items})).await.status(200);
    }
    let exported = lines(&admin, path, &[]).await;
    assert!(exported.iter().map(String::len).sum::<usize>() > 4 * 2 * 1024 * 1024);
    assert!(exported == listed(&admin, path, &[]).await, "{} lines", exported.len());
}

/// Each row costs a millisecond here, and a statement may take less than half a second.
#[tokio::test]
async fn a_page_that_takes_too_long_is_read_in_smaller_ones() {
    let (app, acme, _admin) = start().await;
    many(&app, &acme, 1_000).await;
    let slow = "create function tenon.slow() returns boolean language sql stable cost 100000 as 'select pg_sleep(0.001) is not null';
                grant execute on function tenon.slow() to public;
                create policy slow on tenon.contacts as restrictive for select to tenon_app using (title is not null and tenon.slow())";
    app.connect().await.execute(slow).await.expect("a slow table");
    let url = app.database().app_url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let db = app::connect(&format!("{url}{separator}options[statement_timeout]=450"));
    let actor = Actor::system(acme.id);
    let asked = ListRequest {
        filter: Some(FilterText::Text("title = \"Veteran\"".to_owned())),
        ..ListRequest::default()
    };
    let walk = asked.walk(&LIST).expect("a query");
    let mut export = Export::<Contact>::new(walk, Style::of(Format::Ndjson));
    let mut names = Vec::new();
    while let Some(bytes) = export.next(&db, &actor).await.expect("a page") {
        let text = String::from_utf8(bytes).expect("a text");
        names.extend(
            text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["name"].clone()),
        );
    }
    let expected: Vec<Value> = (101..=1000).rev().map(|number| json!(format!("Contact {number}"))).collect();
    assert_eq!(names, expected);
    assert_eq!(export.count(), 900);
}
