//! Files that come in pieces.

use std::path::{Path, PathBuf};

use futures::future::join_all;
use serde_json::{Value, json};
use tenon_common::upload;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Answer, Client, TestApp, app, eventually, factory};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::files::walk;
use super::{contacts, counts, ended, import, rows};

const OCTETS: &str = "application/octet-stream";

async fn begin(client: &Client, bytes: usize) -> Value {
    let answer = client.post("/uploads", json!({"fileName": "people.csv", "bytes": bytes})).await.status(201);
    let upload = answer.json()["data"].clone();
    assert_eq!(answer.header("location"), format!("/api/v1{}", path(&upload)));
    assert_eq!((text(&upload, "state"), &upload["received"]), ("uploading", &json!(0)));
    upload
}

fn path(upload: &Value) -> String {
    format!("/uploads/{}", text(upload, "id"))
}

async fn send(client: &Client, upload: &Value, offset: usize, piece: &[u8]) -> Answer {
    let client = client.with_header("upload-offset", &offset.to_string());
    client.send_bytes(reqwest::Method::PATCH, &path(upload), Some(OCTETS), piece.to_vec()).await
}

async fn begin_import(client: &Client, upload: &Value) -> Answer {
    let body = json!({"options": {"object": "contacts"}, "uploadId": upload["id"]});
    client.post("/imports", body).await
}

/// The files of uploads.
fn pieces(files: &str) -> Vec<PathBuf> {
    walk(&Path::new(files).join("uploads"))
}

/// A file with good rows and bad ones.
fn people() -> Vec<u8> {
    let row = |n: usize| match n % 10 {
        9 => format!("Person {n},nobody\n"),
        _ => format!("Person {n},p{n}@example.com\n"),
    };
    format!("name,email\n{}", (0..100).map(row).collect::<String>()).into_bytes()
}

#[tokio::test]
async fn a_file_in_three_pieces_is_imported_as_one() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let other = Stack::tenant(&stack.database, "Globex").await;
    let other = Client::new(&format!("{}/api/v1", stack.api.url())).with_bearer(text(&other, "apiKey"));
    let file = people();
    let (first, second) = (700, 1_500);
    let upload = begin(owner, file.len()).await;

    let sent: Value = send(owner, &upload, 0, &file[..first]).await.ok();
    assert_eq!((&sent["received"], text(&sent, "state")), (&json!(first), "uploading"));
    for wrong in [0, 1, first - 1, first + 1, file.len()] {
        let refused = send(owner, &upload, wrong, &file[first..second]).await.refused(409, "STATE_CONFLICT");
        assert_eq!(refused.json()["details"]["received"], first.to_string(), "{wrong}");
    }
    let refused = begin_import(owner, &upload).await.refused(409, "STATE_CONFLICT").json();
    let missing = format!("{} of the upload's {} bytes are missing", file.len() - first, file.len());
    assert_eq!(refused["details"]["uploadId"], missing);
    let nothing: Value = send(owner, &upload, first, b"").await.ok();
    assert_eq!(nothing["received"], first);
    send(owner, &upload, first, &file[first..second]).await.status(200);
    let last: Value = send(owner, &upload, second, &file[second..]).await.ok();
    assert_eq!((&last["received"], text(&last, "state")), (&json!(file.len()), "complete"));
    assert_eq!(owner.get(&path(&upload)).await.ok::<Value>(), last);
    assert_eq!(pieces(stack.database.files()).len(), 3);

    let accepted = begin_import(owner, &upload).await.status(202).json()["data"].clone();
    let imported = ended(owner, &accepted).await;
    let whole = import(&other, json!({"object": "contacts"}), &file).await;
    assert_eq!((text(&imported, "fileName"), &imported["fileBytes"]), ("people.csv", &json!(file.len())));
    assert_eq!((text(&imported, "state"), counts(&imported)), (text(&whole, "state"), counts(&whole)));
    assert_eq!(counts(&imported), json!([90, 0, 0, 0, 10]));
    assert_eq!(rows(owner, &imported, "failed").await, rows(&other, &whole, "failed").await);
    let names = async |client: &Client| {
        let made = contacts(client, "").await;
        made.iter().map(|contact| [contact["name"].clone(), contact["email"].clone()]).collect::<Vec<_>>()
    };
    assert_eq!(names(owner).await, names(&other).await);

    // It is used once, and says by what.
    let refused = begin_import(owner, &upload).await.refused(409, "STATE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], imported["id"]);
    let used: Value = owner.get(&path(&upload)).await.ok();
    assert_eq!((text(&used, "state"), &used["importId"]), ("imported", &imported["id"]));
    let refused = send(owner, &upload, file.len(), b"").await.refused(409, "STATE_CONFLICT");
    assert_eq!(refused.json()["details"]["conflictId"], imported["id"]);
    assert_eq!(pieces(stack.database.files()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_came_before_a_connection_broke_off_is_kept() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let file = people();
    let upload = begin(owner, file.len()).await;
    let (whole, half) = (file.len(), file.len() / 2);
    let head = format!(
        "PATCH /api/v1{} HTTP/1.1\r\nHost: tenon\r\nAuthorization: Bearer {}\r\nContent-Type: {OCTETS}\r\n\
         Upload-Offset: 0\r\nContent-Length: {whole}\r\n\r\n",
        path(&upload),
        text(&stack.tenant, "apiKey"),
    );
    let mut connection =
        TcpStream::connect(stack.api.url().trim_start_matches("http://")).await.expect("the API accepts");
    connection.write_all(head.as_bytes()).await.expect("the head is sent");
    connection.write_all(&file[..half]).await.expect("half of the piece is sent");
    connection.shutdown().await.expect("broken off");
    drop(connection);
    eventually("what came counts", async || {
        let now: Value = owner.get(&path(&upload)).await.ok();
        eventually::equal(now["received"].as_u64(), Some(half as u64))
    })
    .await;
    let last: Value = send(owner, &upload, half, &file[half..]).await.ok();
    assert_eq!(text(&last, "state"), "complete");
    let body = json!({"uploadId": upload["id"]});
    let accepted = owner.post("/connection/contacts/import", body).await.status(202).json()["data"].clone();
    assert_eq!(counts(&ended(owner, &accepted).await), json!([90, 0, 0, 0, 10]));
}

#[tokio::test]
async fn of_pieces_for_the_same_place_one_counts() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let upload = begin(&admin, 50_000).await;
    let sent = (b'a'..=b'h').map(|letter| (letter, vec![letter; 50_000]));
    let sent: Vec<_> = sent.collect();
    let answers = join_all(sent.iter().map(|(_, piece)| send(&admin, &upload, 0, piece))).await;
    let counted: Vec<usize> = (0..answers.len()).filter(|at| answers[*at].status == 200).collect();
    assert_eq!(counted.len(), 1, "{answers:?}");
    for (at, answer) in answers.into_iter().enumerate().filter(|(at, _)| *at != counted[0]) {
        let refused = answer.refused(409, "STATE_CONFLICT");
        assert_eq!(refused.json()["details"]["received"], "50000", "{at}");
    }
    let left = pieces(app.database().files());
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read(&left[0]).expect("a piece"), sent[counted[0]].1);
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let most = app.state().imports.bytes;
    for (bytes, fits) in [(0, false), (1, true), (most, true), (most + 1, false)] {
        let answer = admin.post("/uploads", json!({"bytes": bytes})).await;
        match fits {
            true => drop(answer.status(201)),
            false => {
                let refused = answer.refused(400, "VALIDATION_ERROR").json();
                assert!(refused["details"]["bytes"].is_string(), "{refused}");
            }
        }
    }
    let upload = begin(&admin, 10).await;
    let patch = async |client: &Client, kind: &str, body: &[u8]| {
        client.send_bytes(reqwest::Method::PATCH, &path(&upload), Some(kind), body.to_vec()).await
    };
    let refused = patch(&admin, OCTETS, b"abc").await.refused(400, "VALIDATION_ERROR").json();
    assert!(refused["details"]["Upload-Offset"].is_string(), "{refused}");
    let refused = patch(&admin.with_header("upload-offset", "x"), OCTETS, b"abc").await;
    assert!(refused.refused(400, "VALIDATION_ERROR").json()["details"]["Upload-Offset"].is_string());
    let there = admin.with_header("upload-offset", "0");
    patch(&there, "text/csv", b"abc").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let packed = there.with_header("content-encoding", "gzip");
    patch(&packed, OCTETS, b"abc").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let refused = patch(&there, OCTETS, b"01234567890").await.refused(413, "PAYLOAD_TOO_LARGE").json();
    assert!(refused["details"]["body"].is_string(), "{refused}");
    let now: Value = admin.get(&path(&upload)).await.ok();
    assert_eq!(now["received"], 0);

    let rows = json!([{"name": "Ada"}]);
    for (body, field) in [
        (json!({"options": {"object": "contacts"}}), "rows"),
        (json!({"options": {"object": "contacts"}, "rows": rows, "uploadId": upload["id"]}), "rows"),
    ] {
        let refused = admin.post("/imports", body).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refused["details"][field].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn another_tenants_upload_is_not_there() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await.admin(), app.tenant("globex").await.admin());
    let upload = begin(&acme, 5).await;
    send(&acme, &upload, 0, b"name\n").await.status(200);
    globex.get(&path(&upload)).await.refused(404, "NOT_FOUND");
    send(&globex, &upload, 5, b"").await.refused(404, "NOT_FOUND");
    globex.delete(&path(&upload)).await.refused(404, "NOT_FOUND");
    begin_import(&globex, &upload).await.refused(404, "NOT_FOUND");
    assert_eq!(text(&acme.get(&path(&upload)).await.ok::<Value>(), "state"), "complete");
    assert_eq!(pieces(app.database().files()).len(), 1);
}

#[tokio::test]
async fn a_key_begins_an_import_of_an_upload_once() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let upload = begin(&admin, 9).await;
    send(&admin, &upload, 0, b"name\nAda\n").await.status(200);
    let keyed = admin.with_header("idempotency-key", "first");
    let first = begin_import(&keyed, &upload).await.status(202);
    let again = begin_import(&keyed, &upload).await.status(202);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json()["data"], first.json()["data"]);
    begin_import(&admin, &upload).await.refused(409, "STATE_CONFLICT");
    let imports: Vec<Value> = admin.get("/imports").await.ok();
    assert_eq!(imports.len(), 1);
    assert_eq!(walk(Path::new(app.database().files())).len(), 1, "the import's file alone");
}

#[tokio::test]
async fn what_is_deleted_or_has_expired_goes_with_its_pieces() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await.admin(), app.tenant("globex").await.admin());
    let (mut uploads, mut behind) = (Vec::new(), app.connect().await);
    for client in [&acme, &acme, &globex] {
        let upload = begin(client, 10).await;
        send(client, &upload, 0, b"name\n").await.status(200);
        uploads.push(upload);
    }
    acme.delete(&path(&uploads[0])).await.no_content();
    acme.get(&path(&uploads[0])).await.refused(404, "NOT_FOUND");
    assert_eq!(pieces(app.database().files()).len(), 2);

    let (worker, storage) = (app::connect(app.database().worker_url()), app.database().storage());
    let remove = async || upload::remove_expired(&worker, &storage, 10).await.expect("removed");
    assert_eq!(remove().await, 0);
    let expire =
        "update tenon.uploads set expires_at = now() - interval '1 second' where id = $1::text::uuid";
    sqlx::query(expire).bind(factory::id(&uploads[1])).execute(&mut behind).await.expect("expired");
    // Nobody finds it any more, removed or not.
    acme.get(&path(&uploads[1])).await.refused(404, "NOT_FOUND");
    send(&acme, &uploads[1], 5, b"Ada\n").await.refused(404, "NOT_FOUND");
    begin_import(&acme, &uploads[1]).await.refused(404, "NOT_FOUND");
    // A piece whose writer died before it counted.
    let orphan = format!("uploads/{}/{}/orphan", text(&uploads[1], "tenantId"), text(&uploads[1], "id"));
    storage.upload(&orphan).await.expect("begun").finish().await.expect("written");
    assert_eq!((remove().await, remove().await), (1, 0));
    assert_eq!(pieces(app.database().files()).len(), 1);
    let left: Vec<String> = sqlx::query_scalar(
        "select id::text from tenon.uploads union all select upload_id::text from tenon.upload_pieces",
    )
    .fetch_all(&mut behind)
    .await
    .expect("rows");
    assert_eq!(left, [factory::id(&uploads[2]); 2]);
    let (there, half): (Value, Value) = (globex.get(&path(&uploads[2])).await.ok(), json!(5));
    assert_eq!(there["received"], half);
}
