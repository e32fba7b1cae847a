//! Connections: how many, and how long they may keep the server waiting.

use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Process, TestDatabase, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{address, sample};

async fn silent(api: &Process, count: usize) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(TcpStream::connect(address(api)).await.expect("the kernel takes it"));
    }
    clients
}

#[tokio::test]
async fn three_hundred_who_say_nothing_keep_nobody_out_where_256_files_are_allowed() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).env("TENON_HEADER_DEADLINE", "600").files_at_most(256).start().await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    let silent = silent(&api, 300).await;
    owner.get("/connection/contacts").await.status(200);
    Client::new(&api.operations_url()).get("/livez").await.status(200);
    Client::new(&api.operations_url()).get("/readyz").await.status(200);
    // Half of 184 may be of one address.
    let series = "tenon_http_connections_ended_total{reason=\"room\"}";
    eventually("they made room", async || sample(&api, series).await >= 200.0).await;
    assert_eq!(sample(&api, "tenon_http_accept_errors_total").await, 0.0);
    drop(silent);
    eventually("the connections are gone", async || match sample(&api, "tenon_http_connections").await {
        few if few <= 3.0 => Ok(()),
        many => Err(format!("{many}")),
    })
    .await;
}

#[tokio::test]
async fn those_who_send_slowly_make_room_too() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).env("TENON_CONNECTIONS", "8").start().await;
    let mut slow = silent(&api, 4).await;
    for client in &mut slow {
        let head = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                     content-length: 1000\r\n\r\n{";
        client.write_all(head).await.expect("it is read");
    }
    eventually("one of them makes room", async || {
        let answer =
            Client::new(&api.url()).try_send("GET".parse().expect("GET"), "/api/v1/errors", None).await;
        answer.map(|answer| assert_eq!(answer.status, 200)).map_err(|error| format!("{error:#}"))
    })
    .await;
    assert!(sample(&api, "tenon_http_connections_refused_total{reason=\"address\"}").await < 100.0);
}

#[tokio::test]
async fn headers_that_trickle_are_cut_off_and_so_is_who_says_nothing_or_no_more() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let settings = [("TENON_HEADER_DEADLINE", "0.4"), ("TENON_IDLE_DEADLINE", "0.4")];
    let api = settings.iter().fold(Stack::api(&database), |api, (name, value)| api.env(name, value));
    let api = api.start().await;
    let [mut says_nothing, mut trickles, mut asks_once, mut http2] =
        <[TcpStream; 4]>::try_from(silent(&api, 4).await).expect("four");
    asks_once.write_all(b"GET /api/v1/errors HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("it is read");
    http2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("it is read");
    trickles.write_all(b"GET /api/v1/errors HTTP/1.1\r\nx-long: ").await.expect("it is read");
    // Ends when the server has closed the connection.
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(20));
    while trickles.write_all(b"x").await.is_ok() {
        pace.tick().await;
    }
    let mut read = Vec::new();
    assert_eq!(says_nothing.read_to_end(&mut read).await.expect("an end"), 0);
    asks_once.read_to_end(&mut read).await.expect("an end");
    assert!(read.starts_with(b"HTTP/1.1 200 OK"));
    http2.read_to_end(&mut Vec::new()).await.expect("an end");
    let ended = async |reason| {
        sample(&api, &format!("tenon_http_connections_ended_total{{reason=\"{reason}\"}}")).await
    };
    eventually("they are counted", async || (ended("headers").await, ended("idle").await) == (3.0, 1.0))
        .await;
}

/// Only four files are left when it has begun, whatever it holds by then.
#[tokio::test]
async fn a_server_that_runs_out_of_files_says_so_once_and_goes_on() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).env("TENON_CONNECTIONS_OF_ADDRESS", "0").start().await;
    let page = Client::new(&format!("{}/api/v1", api.url()));
    page.get("/errors").await.status(200);
    let open = std::fs::read_dir(format!("/proc/{}/fd", api.id())).expect("its files").count() as u64;
    allow_files(&api, open + 4);
    let clients = silent(&api, 40).await;
    eventually("it cannot accept", async || {
        match api.log().matches("connections are not accepted").count() {
            1 => Ok(()),
            other => Err(format!("said {other} times")),
        }
    })
    .await;
    drop(clients);
    eventually("it answers again", async || {
        let answer = page.try_send("GET".parse().expect("GET"), "/errors", None).await;
        answer.map(|answer| assert_eq!(answer.status, 200)).map_err(|error| format!("{error:#}"))
    })
    .await;
    assert!(sample(&api, "tenon_http_accept_errors_total").await >= 1.0);
}

/// From now on it may have so many open.
fn allow_files(process: &Process, files: u64) {
    let pid = rustix::process::Pid::from_raw(process.id().cast_signed());
    let limit = rustix::process::Rlimit { current: Some(files), maximum: Some(files) };
    rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).expect("it is our child");
}
