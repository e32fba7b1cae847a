//! Exports that are streamed: what is in them, how they are read, and what becomes of those that break off.

mod bounds;
mod breaks;
mod files;
mod jobs;
mod lists;
mod scope;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tenon_tests::{Answer, Client, Person, Tenant, TestApp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const CONTACTS: &str = "/connection/contacts";

/// An app with one tenant, and its administrator.
async fn start() -> (TestApp, Tenant, Person) {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let admin = tenant.admin();
    (app, tenant, admin)
}

/// The export of records, with these parameters.
async fn export(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Answer {
    crate::lists::list(client, &format!("{path}/export"), parameters).await
}

/// The lines of an export as NDJSON.
async fn lines(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Vec<String> {
    let parameters = [&[("format", "ndjson")], parameters].concat();
    export(client, path, &parameters).await.status(200).text().lines().map(str::to_owned).collect()
}

/// A table: the names, and the cells of each row.
type Table = (Vec<String>, Vec<Vec<String>>);

/// An export as CSV.
async fn table(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Table {
    let answer = export(client, path, parameters).await.status(200);
    let mut reader = csv::Reader::from_reader(answer.body.as_slice());
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<String>>();
    let names = cells(reader.headers().expect("names"));
    (names, reader.records().map(|record| cells(&record.expect("a row"))).collect())
}

/// A page of a list, whose records are as they were written.
#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    pagination: Value,
}

/// All records of a list as they are written there, page by page.
async fn listed(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let next = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let asked: Vec<_> =
            [("limit", "200")].into_iter().chain(next).chain(parameters.iter().copied()).collect();
        let answer = crate::lists::list(client, path, &asked).await.status(200);
        let page: Page = serde_json::from_slice(&answer.body).expect("a list");
        all.extend(page.data.into_iter().map(|record| record.get().to_owned()));
        match page.pagination["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

/// So many contacts are more than what buffers take.
const MANY: i64 = 20_000;

/// Contacts of a tenant, behind the API's back: so many, of which the same shares have the same values.
async fn many(app: &TestApp, tenant: &Tenant, count: i64) {
    fill(&mut app.connect().await, tenant.id.0, count).await;
}

async fn fill(connection: &mut sqlx::PgConnection, tenant: uuid::Uuid, count: i64) {
    sqlx::query(
        "insert into tenon.contacts (tenant_id, id, name, email, email_key, company, title, created_at, created_by, updated_at, updated_by)
         select $1, gen_random_uuid(), 'Contact ' || n, address, address, case when n % 9 > 0 then 'Company ' || n % 10 end,
                case when n <= 100 then 'Founder' when n <= 8000 then 'Veteran' else 'Newcomer' end,
                '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', 'system',
                '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 second', 'system'
         from (select n, case when n % 3 > 0 then 'contact' || n || '@example.com' end as address
               from generate_series(1, $2) n) as made",
    )
    .bind(tenant)
    .bind(count)
    .execute(&mut *connection)
    .await
    .expect("contacts");
    sqlx::raw_sql("analyze tenon.contacts").execute(connection).await.expect("statistics");
}

/// An export whose body is not read yet; little of it is on its way meanwhile.
struct Opened(TcpStream);

impl Opened {
    /// Asks for an export of contacts, and waits until it begins.
    async fn start(address: &str, credential: &str, query: &str) -> Self {
        Self::with(address, credential, query, "identity").await
    }

    async fn with(address: &str, credential: &str, query: &str, encoding: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
        let mut stream = socket.connect(address.parse().expect("an address")).await.expect("the API accepts");
        let request = format!(
            "GET /api/v1{CONTACTS}/export?{query} HTTP/1.1\r\nhost: tenon\r\nauthorization: Bearer {credential}\r\n\
             accept-encoding: {encoding}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("the API reads");
        let mut begin = [0; 15];
        stream.read_exact(&mut begin).await.expect("an answer");
        assert_eq!(&begin, b"HTTP/1.1 200 OK", "{}", String::from_utf8_lossy(&begin));
        Self(stream)
    }

    /// Reads to the end; whether that was the end of the answer, and not of the connection alone.
    async fn ends_whole(mut self) -> bool {
        let mut bytes = Vec::new();
        // A connection may also end with an error.
        let _ = self.0.read_to_end(&mut bytes).await;
        bytes.ends_with(b"\r\n0\r\n\r\n")
    }
}

/// The events of exports, first to last.
async fn told(connection: &mut sqlx::PgConnection) -> Vec<Value> {
    let bodies: Vec<String> =
        sqlx::query_scalar("select body from tenon.events where object_type = 'export' order by id")
            .fetch_all(connection)
            .await
            .expect("events");
    bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()
}
