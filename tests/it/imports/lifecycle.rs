//! Dry runs, stopping, going on, taking back, and what is told of it.

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Receiver, eventually};

use super::{contacts, counts, ended, import, rows, send};

#[tokio::test]
async fn a_dry_run_says_the_same_and_keeps_nothing() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let file = |from: usize| {
        let lines = (0..6_000).map(|row| format!("Person {row},p{}@example.com\n", (from + row) % 5_500));
        format!("name,email\n{}bad,bad\n", lines.collect::<String>())
    };
    let dry = import(owner, json!({"object": "contacts", "dryRun": true}), file(0)).await;
    assert_eq!((text(&dry, "state"), counts(&dry)), ("ready", json!([5_500, 0, 0, 0, 501])), "{dry}");
    assert_eq!(contacts(owner, "").await, Vec::<Value>::new());
    assert_eq!(
        rows(owner, &dry, "failed").await[0]["row"],
        5_501,
        "what an earlier chunk would have taken is taken"
    );
    let path = format!("/imports/{}", text(&dry, "id"));
    owner.post(&format!("{path}/resume"), Value::Null).await.status(200);
    let done = ended(owner, &dry).await;
    assert_eq!((text(&done, "state"), counts(&done)), ("partial", counts(&dry)), "{done}");
    let total: Value = owner.get("/connection/contacts?count=exact&pageSize=1").await.status(200).json();
    assert_eq!(total["pagination"]["total"], 5_500);
}

#[tokio::test]
async fn an_import_is_taken_back_and_what_was_changed_since_stays() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    owner
        .post(
            "/connection/contacts",
            json!({"name": "Ada", "email": "ada@example.com", "phone": "+1 415 555 0100"}),
        )
        .await
        .status(201);
    owner.post("/connection/contacts", json!({"name": "Eve", "email": "eve@example.com"})).await.status(201);
    let before = contacts(owner, "").await;
    let options = json!({"object": "contacts", "mode": "upsert", "matchOn": ["email"]});
    let file = "name,email,phone\nAda King,ada@example.com,\nEve X,eve@example.com,\nGrace,grace@example.com,\nJean,jean@example.com,\n\
                Jean Bartik,jean@example.com,+1 415 555 0101\n";
    let import = import(owner, options, file).await;
    assert_eq!(counts(&import), json!([2, 3, 0, 0, 0]));
    let made = contacts(owner, "").await;
    let eve = made.iter().find(|contact| contact["email"] == "eve@example.com").expect("Eve");
    owner
        .patch(&format!("/connection/contacts/{}", text(eve, "id")), json!({"title": "Spy"}))
        .await
        .status(200);

    let path = format!("/imports/{}", text(&import, "id"));
    let reverting: Value = owner.post(&format!("{path}/revert"), Value::Null).await.ok();
    assert_eq!(text(&reverting, "state"), "reverting");
    let reverted = ended(owner, &import).await;
    assert_eq!((text(&reverted, "state"), &reverted["kept"]), ("reverted", &json!(1)), "{reverted}");
    let after = contacts(owner, "").await;
    assert_eq!(after.len(), 2, "{after:?}");
    for field in ["name", "email", "phone", "phoneOriginal"] {
        assert_eq!(after[0][field], before[0][field]);
    }
    assert_eq!((text(&after[1], "name"), text(&after[1], "title")), ("Eve X", "Spy"));
    owner.post(&format!("{path}/revert"), Value::Null).await.refused(409, "STATE_CONFLICT");
    owner.post(&format!("{path}/resume"), Value::Null).await.refused(409, "STATE_CONFLICT");
    owner.post(&format!("{path}/cancel"), Value::Null).await.refused(409, "STATE_CONFLICT");
}

#[tokio::test]
async fn an_import_is_stopped_and_goes_on() {
    let mut stack = Stack::start().await;
    let owner = &stack.owner.clone();
    // Too many errors end it; each time it is resumed it may have as many more.
    let file =
        format!("name,email\n{}", "x,bad\n".repeat(5_000) + &"Ada,\n".repeat(3) + &"y,bad\n".repeat(5_000));
    let options = json!({"object": "contacts", "maxErrors": 5_001});
    let failed = import(owner, options, file).await;
    assert_eq!((text(&failed, "state"), text(&failed, "failure")), ("failed", "TOO_MANY_ERRORS"), "{failed}");
    let path = format!("/imports/{}", text(&failed, "id"));
    owner.post(&format!("{path}/resume"), Value::Null).await.status(200);
    let done = ended(owner, &failed).await;
    assert_eq!((text(&done, "state"), counts(&done)), ("partial", json!([3, 0, 0, 0, 10_000])), "{done}");

    // In its last chunk too, behind which no row is left.
    let file = format!("name,email\nAda,\n{}", "x,bad\n".repeat(20));
    let failed = import(owner, json!({"object": "contacts", "maxErrors": 10}), file).await;
    assert_eq!((text(&failed, "state"), text(&failed, "failure")), ("failed", "TOO_MANY_ERRORS"), "{failed}");
    owner.post(&format!("/imports/{}/resume", text(&failed, "id")), Value::Null).await.status(200);
    let done = ended(owner, &failed).await;
    assert_eq!((text(&done, "state"), counts(&done)), ("partial", json!([1, 0, 0, 0, 20])), "{done}");

    // A cancelled one stays where it is.
    stack.worker.signal(tenon_tests::process::Signal::SIGSTOP);
    let sent = send(owner, json!({"object": "contacts"}), "name\nGrace\n").await;
    let path = format!("/imports/{}", text(&sent, "id"));
    let cancelled: Value = owner.post(&format!("{path}/cancel"), Value::Null).await.ok();
    assert_eq!(text(&cancelled, "state"), "cancelled");
    stack.worker.signal(tenon_tests::process::Signal::SIGCONT);
    let other = import(owner, json!({"object": "contacts"}), "name\nJean\n").await;
    assert_eq!(text(&other, "state"), "succeeded");
    assert_eq!(text(&owner.get(&path).await.ok::<Value>(), "state"), "cancelled");
    owner.post(&format!("{path}/resume"), Value::Null).await.status(200);
    assert_eq!(counts(&ended(owner, &sent).await), json!([1, 0, 0, 0, 0]));
}

#[tokio::test]
async fn webhooks_are_told_of_each_row_of_the_import_or_of_neither() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    stack
        .webhook(&receiver, &["contact.created", "import.completed", "import.failed", "import.reverted"])
        .await;
    let file = |name: &str| format!("name\n{name} 1\n{name} 2\n");
    let mut wanted = 0;
    for (events, told) in [("none", 0), ("summary", 1), ("all", 3)] {
        let import =
            import(&stack.owner, json!({"object": "contacts", "bulkEvents": events}), file(events)).await;
        assert_eq!(text(&import, "state"), "succeeded");
        wanted += told;
        eventually("all that is told has come", async || receiver.all().len() == wanted).await;
    }
    let bodies: Vec<Value> = receiver.all().iter().map(|request| request.json()).collect();
    let types: Vec<&str> = bodies.iter().map(|body| text(body, "type")).collect();
    assert_eq!(types.iter().filter(|name| **name == "import.completed").count(), 2, "{types:?}");
    let row = bodies.iter().find(|body| body["type"] == "contact.created").expect("a row's event");
    let end = bodies.iter().rfind(|body| body["type"] == "import.completed").expect("the end");
    assert_eq!(row["bulk"], json!({"importId": end["data"]["id"]}));
    assert_eq!(row["actor"], json!({"type": "import", "id": end["data"]["id"]}));
    assert_eq!(end["data"]["created"], 2);
}

#[tokio::test]
async fn progress_is_told_as_it_is_made() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let lines: String = (0..12_000).map(|row| format!("Person {row}\n")).collect();
    let sent =
        send(owner, json!({"object": "contacts", "bulkEvents": "summary"}), format!("name\n{lines}")).await;
    let watching = owner.with_header("accept", "text/event-stream");
    let answer = watching.get(&format!("/imports/{}", text(&sent, "id"))).await.status(200);
    assert!(answer.header("content-type").starts_with("text/event-stream"), "{answer}");
    let stream = answer.text();
    let told: Vec<Value> = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: ").or(line.strip_prefix("data:")))
        .map(|data| serde_json::from_str(data.trim()).expect("an import"))
        .collect();
    let last = told.last().expect("an event");
    assert_eq!((text(last, "state"), &last["processed"]), ("succeeded", &json!(12_000)), "{stream}");
    assert!(last["rowsPerSecond"].as_f64().is_some_and(|rate| rate > 0.0), "{last}");
    let processed: Vec<i64> = told.iter().filter_map(|import| import["processed"].as_i64()).collect();
    assert!(processed.is_sorted(), "{processed:?}");
}

#[tokio::test]
async fn of_two_imports_of_a_tenant_one_waits() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let lines = |from: usize| (from..from + 8_000).map(|row| format!("Person {row}\n")).collect::<String>();
    let one =
        send(owner, json!({"object": "contacts", "bulkEvents": "none"}), format!("name\n{}", lines(0))).await;
    let other =
        send(owner, json!({"object": "contacts", "bulkEvents": "none"}), format!("name\n{}", lines(9_000)))
            .await;
    let (one, other) = (ended(owner, &one).await, ended(owner, &other).await);
    let time = |import: &Value, field: &str| text(import, field).to_owned();
    let apart = time(&one, "finishedAt") <= time(&other, "startedAt")
        || time(&other, "finishedAt") <= time(&one, "startedAt");
    assert!(apart, "{one} {other}");
    assert_eq!((counts(&one), counts(&other)), (json!([8_000, 0, 0, 0, 0]), json!([8_000, 0, 0, 0, 0])));
}

#[tokio::test]
async fn a_file_sent_twice_under_one_key_is_imported_once() {
    let stack = Stack::start().await;
    let owner = &stack.owner.with_header("idempotency-key", "first-load");
    let options = json!({"object": "contacts"});
    let sent = send(owner, options.clone(), "name\nAda\n").await;
    let again = owner.upload("/imports", &options, "contacts.csv", b"name\nAda\n").await.status(202);
    assert_eq!((again.header("idempotent-replayed"), &again.json()["data"]["id"]), ("true", &sent["id"]));
    let other = owner.upload("/imports", &options, "contacts.csv", b"name\nGrace\n").await;
    other.refused(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(counts(&ended(owner, &sent).await), json!([1, 0, 0, 0, 0]));
    let imports: Vec<Value> = owner.get("/imports").await.ok();
    assert_eq!(imports.len(), 1);
    let files = walk(std::path::Path::new(stack.database.files().trim_start_matches("file://")));
    assert_eq!(
        files.iter().filter(|file| file.contains(text(&imports[0], "id"))).count(),
        files.len(),
        "{files:?}"
    );
}

/// The files of a folder and those below it.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the storage").flatten();
    entries
        .flat_map(|entry| match entry.path().is_dir() {
            true => walk(&entry.path()),
            false => vec![entry.path().display().to_string()],
        })
        .collect()
}
