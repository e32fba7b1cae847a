//! The trail as it is streamed, through the real binaries: to a receiver, to a syslog server, into files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tenon_tests::receiver::Received;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Receiver, Reply, eventually};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::{EVENTS, number};
use crate::delivery::headers;

pub(super) const SINKS: &str = "/audit-sinks";
const CONTACTS: &str = "/connection/contacts";

pub(super) async fn sink(client: &Client, input: Value) -> Value {
    client.post(SINKS, input).await.created()
}

fn lines(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).expect("text");
    assert!(text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn positions(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["position"].as_i64().expect("a position")).collect()
}

/// What a client that verifies and deduplicates has of it.
fn received(requests: &[Received], secret: &str) -> Vec<Value> {
    let verifier = Webhook::new(secret).expect("a secret");
    let mut all: Vec<Value> = Vec::new();
    for request in requests {
        verifier.verify(&request.body, &headers(request)).expect("verifies");
        verifier.verify(b"{}", &headers(request)).expect_err("another body");
        assert_eq!(request.header("content-type"), "application/x-ndjson");
        for line in lines(&request.body) {
            if !all.iter().any(|one| one["id"] == line["id"]) {
                all.push(line);
            }
        }
    }
    all
}

/// Every entry that is sealed of the tenant, as the API shows it, oldest first.
async fn sealed(stack: &Stack) -> Vec<(i64, String)> {
    let statement = "select s.position, s.audit_event_id::text from tenon.audit_seals s where s.tenant_id = $1::uuid order by s.position";
    let tenant = text(&stack.tenant, "tenantId").to_owned();
    sqlx::query_as(statement)
        .bind(tenant)
        .fetch_all(&mut stack.database.connect().await)
        .await
        .expect("seals")
}

fn places(lines: &[Value]) -> Vec<(i64, String)> {
    positions(lines).into_iter().zip(lines.iter().map(|line| text(line, "id").to_owned())).collect()
}

/// Whether what came is what was expected; the use of a key may have come after it.
#[track_caller]
fn assert_begins(all: &[Value], expected: &[(i64, String)]) {
    let places = places(all);
    assert_eq!(places.get(..expected.len()), Some(expected), "{places:?}");
}

/// Waits until the sink has all that is there.
async fn caught_up(stack: &Stack, sink: &Value) -> Vec<(i64, String)> {
    let path = format!("{SINKS}/{}", text(sink, "id"));
    eventually("the sink has all of it", async || {
        let unsealed = "select count(*) from tenon.events e where not exists
                        (select from tenon.audit_seals s where s.tenant_id = e.tenant_id and s.audit_event_id = e.id)";
        let waiting = number(&mut stack.database.connect().await, unsealed).await;
        let sealed = sealed(stack).await;
        let shown: Value = stack.owner.get(&path).await.ok();
        let last = sealed.last().map(|last| last.0);
        if waiting == 0 && shown["position"].as_i64() == last { Ok(sealed) } else { Err(format!("{waiting}, {last:?}: {shown}")) }
    })
    .await
}

#[tokio::test]
async fn a_receiver_gets_every_entry_in_order_signed_and_none_is_lost_while_it_is_away() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let input = json!({"name": "SIEM", "kind": "http", "url": receiver.url("/audit"), "fromBeginning": true});
    let made = sink(&stack.owner, input).await;
    for number in 0..5 {
        stack.contact(&format!("Before {number}")).await;
    }
    caught_up(&stack, &made).await;
    receiver.then_statuses([500, 302, 429]);
    stack.contact("Refused at first").await;
    caught_up(&stack, &made).await;
    receiver.stop().await;
    for number in 0..5 {
        stack.contact(&format!("Away {number}")).await;
    }
    let path = format!("{SINKS}/{}", text(&made, "id"));
    eventually("it is failing", async || {
        let shown: Value = stack.owner.get(&path).await.ok();
        ["failingSince", "lastError", "nextAttemptAt"].iter().all(|field| shown[field].is_string())
    })
    .await;
    receiver.start_again().await;
    let expected = caught_up(&stack, &made).await;
    let shown: Value = stack.owner.get(&path).await.ok();
    assert_eq!((&shown["failingSince"], &shown["lastError"]), (&Value::Null, &Value::Null));
    assert_eq!(shown["version"], json!(1), "deliveries are no changes");
    let all = received(&receiver.all(), text(&made, "secret"));
    assert_begins(&all, &expected);
    assert!(positions(&all).first() == Some(&1));

    // A line is the entry as the API shows it, with its place; the head's hash is the last line's.
    for line in &all {
        let mut line = line.clone();
        let fields = line.as_object_mut().expect("an object");
        assert_eq!(fields.remove("tenantId"), Some(stack.tenant["tenantId"].clone()));
        let (position, hash) = (fields.remove("position"), fields.remove("hash"));
        assert!(position.is_some() && hash.is_some());
        let entry: Value = stack.owner.get(&format!("{EVENTS}/{}", text(&line, "id"))).await.ok();
        assert_eq!(line, entry);
    }
    let hashes: Vec<(i64, String)> =
        sqlx::query_as("select position, encode(hash, 'hex') from tenon.audit_seals order by position")
            .fetch_all(&mut stack.database.connect().await)
            .await
            .expect("seals");
    let sent: Vec<(i64, String)> =
        positions(&all).into_iter().zip(all.iter().map(|line| text(line, "hash").to_owned())).collect();
    assert_eq!(sent, hashes[..sent.len()]);
    // The sink itself is in the trail, without its secret.
    let about: Vec<&Value> = all.iter().filter(|line| line["action"] == "audit_sink.created").collect();
    assert_eq!((about.len(), &about[0]["category"]), (1, &json!("settings")));
    assert!(!about[0].to_string().contains(text(&made, "secret")));
    eventually("it is measured", async || {
        let metrics =
            reqwest::get(format!("{}/metrics", stack.worker.operations_url())).await.expect("metrics");
        let metrics = metrics.text().await.expect("text");
        let all = [
            "tenon_audit_sink_failures_total{kind=\"http\"}",
            "tenon_audit_sink_lag_seconds{kind=\"http\"} 0\n",
            "tenon_audit_events_total{category=\"records\",outcome=\"succeeded\"}",
        ]
        .iter()
        .all(|line| metrics.contains(line));
        if all { Ok(()) } else { Err(metrics) }
    })
    .await;
}

#[tokio::test]
async fn two_workers_send_each_entry_once_and_a_tenant_gets_its_own() {
    let stack = Stack::start().await;
    let _second = Stack::worker(&stack.database, "0").start().await;
    let receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(204));
    let made =
        sink(&stack.owner, json!({"name": "SIEM", "kind": "http", "url": receiver.url("/audit")})).await;
    let other = Stack::tenant(&stack.database, "Globex").await;
    let other = stack.owner.with_bearer(text(&other, "apiKey"));
    for number in 0..20 {
        stack.contact(&format!("Contact {number}")).await;
        other.post(CONTACTS, json!({"name": format!("Other {number}")})).await.status(201);
    }
    let expected = caught_up(&stack, &made).await;
    let all: Vec<Value> = receiver.all().iter().flat_map(|request| lines(&request.body)).collect();
    let first = positions(&all)[0];
    let expected: Vec<_> = expected.into_iter().filter(|place| place.0 >= first).collect();
    assert_begins(&all, &expected);
    let every = positions(&all);
    assert!(every.windows(2).all(|pair| pair[1] == pair[0] + 1), "each once, in order: {every:?}");
    assert!(all.iter().all(|line| line["tenantId"] == stack.tenant["tenantId"]));
}

#[tokio::test]
async fn a_sink_that_was_switched_off_goes_on_where_it_was() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let input = json!({"name": "SIEM", "kind": "http", "url": receiver.url("/audit"), "active": false,
                       "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="});
    let made = sink(&stack.owner, input).await;
    let position = made["position"].as_i64().expect("a position");
    stack.contact("While it is off").await;
    eventually("there is something to send", async || {
        sealed(&stack).await.last().is_some_and(|last| last.0 > position)
    })
    .await;
    let path = format!("{SINKS}/{}", text(&made, "id"));
    assert_eq!(receiver.count(), 0);
    stack.owner.patch(&path, json!({"active": true})).await.status(200);
    let expected = caught_up(&stack, &made).await;
    let all = received(&receiver.all(), text(&made, "secret"));
    let expected: Vec<_> = expected.into_iter().filter(|place| place.0 > position).collect();
    assert_begins(&all, &expected);
    stack.owner.delete(&path).await.no_content();
    stack.owner.get(&path).await.refused(404, "NOT_FOUND");
}

fn objects(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { objects(&path, found) } else { found.push(path) }
    }
}

#[tokio::test]
async fn a_file_sink_writes_objects_that_together_are_the_trail() {
    let stack = Stack::start().await;
    let input = json!({"name": "Archive", "kind": "file", "prefix": "audit/all", "fromBeginning": true});
    let made = sink(&stack.owner, input).await;
    assert_eq!((&made["secret"], &made["url"]), (&Value::Null, &Value::Null));
    for number in 0..10 {
        stack.contact(&format!("Contact {number}")).await;
    }
    let expected = caught_up(&stack, &made).await;
    let folder = format!("{}/audit/{}/audit/all", stack.database.files(), text(&stack.tenant, "tenantId"));
    let mut found = Vec::new();
    objects(Path::new(&folder), &mut found);
    found.sort();
    let all: Vec<Value> =
        found.iter().flat_map(|path| lines(&std::fs::read(path).expect("an object"))).collect();
    assert_begins(&all, &expected);
    assert!(found.iter().all(|path| path.extension().is_some_and(|name| name == "ndjson")), "{found:?}");
}

/// A syslog server: what came, message by message.
async fn syslog() -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let messages = Arc::new(Mutex::new(Vec::new()));
    let kept = messages.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut read = Vec::new();
            connection.read_to_end(&mut read).await.expect("read");
            let mut rest = &read[..];
            while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
                let length: usize =
                    std::str::from_utf8(&rest[..space]).expect("digits").parse().expect("a length");
                let message = &rest[space + 1..space + 1 + length];
                kept.lock().expect("kept").push(String::from_utf8(message.to_vec()).expect("text"));
                rest = &rest[space + 1 + length..];
            }
            assert!(rest.is_empty(), "a message was cut");
        }
    });
    (address, messages)
}

#[tokio::test]
async fn a_syslog_server_gets_every_entry_as_a_counted_message() {
    let stack = Stack::start().await;
    let (address, messages) = syslog().await;
    let url = format!("tcp://{address}");
    let made =
        sink(&stack.owner, json!({"name": "Logs", "kind": "syslog", "url": url, "fromBeginning": true}))
            .await;
    for number in 0..10 {
        stack.contact(&format!("Zoë {number}")).await;
    }
    let expected = caught_up(&stack, &made).await;
    let messages = messages.lock().expect("messages").clone();
    let mut all: Vec<Value> = Vec::new();
    for message in &messages {
        let (head, line) = message.split_once(" - {").expect("a message");
        assert!(head.starts_with("<110>1 "), "{message}");
        let line: Value = serde_json::from_str(&format!("{{{line}")).expect("JSON");
        let at = text(&line, "at");
        assert_eq!(head, format!("<110>1 {at} tenon tenon-audit - {}", text(&line, "action")));
        all.push(line);
    }
    assert_begins(&all, &expected);
}
