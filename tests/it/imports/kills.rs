//! Workers that die in the middle.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenon_tests::eventually;
use tenon_tests::stack::{Stack, text};

use super::{counts, ended, rows, send};

#[tokio::test]
async fn a_worker_killed_again_and_again_makes_each_row_once() {
    let mut stack = Stack::start().await;
    let owner = stack.owner.clone();
    let line = |row: usize| match row % 100 {
        17 => format!("Person {row},bad address\n"),
        _ => format!("Person {row},p{row}@example.com\n"),
    };
    let file: String = std::iter::once("name,email\n".to_owned()).chain((0..40_000).map(line)).collect();
    let sent = send(&owner, json!({"object": "contacts"}), file).await;
    let path = format!("/imports/{}", text(&sent, "id"));
    for kill in 1..=4i64 {
        eventually("it goes on", async || {
            let now: Value = owner.get(&path).await.ok();
            now["processed"].as_i64().is_some_and(|rows| rows >= (kill - 1) * 5_000)
                && now["state"] != "validating"
        })
        .await;
        stack.worker.kill9().await;
        stack.worker.start_again().await;
    }
    let import = ended(&owner, &sent).await;
    assert_eq!(
        (text(&import, "state"), counts(&import)),
        ("partial", json!([39_600, 0, 0, 0, 400])),
        "{import}"
    );
    let mut admin = stack.database.connect().await;
    let (all, names): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct name) from tenon.contacts")
            .fetch_one(&mut admin)
            .await
            .expect("contacts");
    assert_eq!((all, names), (39_600, 39_600));
    let events: i64 = sqlx::query_scalar("select count(*) from tenon.events where type = 'contact.created'")
        .fetch_one(&mut admin)
        .await
        .expect("events");
    assert_eq!(events, 39_600, "an event for each, and none twice");
    let mut named = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let answer = owner.get(&format!("{path}/errors?limit=200{cursor}")).await.status(200).json();
        named.extend(answer["data"].as_array().expect("rows").iter().filter_map(|row| row["row"].as_i64()));
        match answer["pagination"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let wanted: BTreeSet<i64> = (0..40_000).filter(|row| row % 100 == 17).map(|row| row + 1).collect();
    assert_eq!(named, wanted);
    assert_eq!(rows(&owner, &import, "created").await.len(), 200);
}
