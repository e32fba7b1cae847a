//! Clients that hang up, and futures that are dropped, wherever they stand: no connection goes back to the pool inside a
//! transaction, in which the next statement would run as another tenant, or fail.
//!
//! sqlx 0.9.0 does that (its issues 4385 and 4393), so this is how an upgrade, or a change of the only place that begins
//! transactions, is checked. Beside the hammer a reader without a tenant runs on the same pool: it looks up API keys that do
//! not exist. In these databases the function it calls is replaced by one that looks, as the caller, for any tenant's rows.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::RngExt;
use serde_json::json;
use tenon_common::account::api_key::{KeyCheck, KeySecret, Mode};
use tenon_common::account::tenant;
use tenon_common::{Actor, Db, TenantTx};
use tenon_tests::{TestApp, factory};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const CONTACTS: &str = "/connection/contacts";
/// Requests that are hung up on.
const HANG_UPS: usize = 2000;
/// Transactions that are dropped.
const DROPS: usize = 4000;
/// How many of either at once: more than there are connections.
const AT_ONCE: usize = 16;

const TRAP: &str = "
    create or replace function tenon.check_api_key(wanted_public_id text)
        returns table (tenant_id uuid, id uuid, secret_hash bytea, role text, scopes text[], ip_allowlist text[],
                       expires_at timestamptz, revoked_at timestamptz, user_id uuid, plan text, tenant_deleted boolean,
                       member_active boolean, member_role text, require_if_match boolean, limit_epoch bigint, api_version text)
        language plpgsql stable security invoker as $$
    begin
        if coalesce(current_setting('app.tenant_id', true), '') <> '' or exists (select from tenon.contacts) then
            raise exception 'a reader without a tenant is in tenant %', current_setting('app.tenant_id', true);
        end if;
    end
    $$";

/// The reader, until it is told to stop.
struct Reader {
    stop: Arc<AtomicBool>,
    reading: Vec<JoinHandle<Result<usize, String>>>,
}

impl Reader {
    async fn start(app: &TestApp) -> Self {
        sqlx::raw_sql(TRAP).execute(&mut app.connect().await).await.expect("the trap is set");
        let stop = Arc::new(AtomicBool::new(false));
        let reading = (0..4).map(|_| tokio::spawn(read(app.state().db.clone(), stop.clone()))).collect();
        Self { stop, reading }
    }

    /// How often it read.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = 0;
        for reading in self.reading {
            times += reading
                .await
                .expect("the reader does not panic")
                .expect("the reader met nobody's transaction");
        }
        times
    }
}

async fn read(db: Db, stop: Arc<AtomicBool>) -> Result<usize, String> {
    let keys = KeyCheck::new(db);
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) {
        let unknown = KeySecret::generate(Mode::Live);
        keys.check(&unknown, Ipv4Addr::LOCALHOST.into())
            .await
            .map_err(|error| format!("after {times}: {error:?}"))?
            .err();
        times += 1;
    }
    Ok(times)
}

/// Nobody is left inside a transaction, and the API works.
async fn all_is_well(app: &TestApp) {
    let mut admin = app.connect().await;
    tenon_tests::eventually("no connection idles in a transaction", async || {
        let left: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&mut admin)
        .await
        .expect("asked");
        tenon_tests::eventually::equal(left, 0)
    })
    .await;
}

/// Lets a future run for as many polls as chance has it, and drops it.
async fn drop_at_random<T>(future: impl Future<Output = T>) {
    let polls: usize = rand::rng().random_range(1..24);
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(|context| {
        polled += 1;
        let done = future.as_mut().poll(context).is_ready();
        // A pending future is woken by the database: only then is it at its next await point.
        if done || polled >= polls { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn transaction(db: &Db, actor: &Actor, writes: bool) -> tenon_common::Result<()> {
    let work = async |tx: &mut TenantTx<'_>| {
        tenant::get(tx).await?;
        tenant::get(tx).await.map(drop)
    };
    if writes { db.write(actor, work).await } else { db.read(actor, work).await }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_transactions_leave_nothing_behind() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    factory::contacts(&acme.admin(), 3).await;
    let reader = Reader::start(&app).await;
    let dropping = (0..AT_ONCE).map(|lane| {
        let (db, actor) = (app.state().db.clone(), Actor::system(acme.id));
        tokio::spawn(async move {
            for number in 0..DROPS / AT_ONCE {
                drop_at_random(transaction(&db, &actor, (lane + number) % 2 == 0)).await;
                if number % 8 == 0 {
                    transaction(&db, &actor, number % 16 == 0).await.expect("one that is not dropped works");
                }
            }
        })
    });
    for lane in futures::future::join_all(dropping).await {
        lane.expect("nothing fails");
    }
    assert!(reader.end().await > 0);
    all_is_well(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_leave_nothing_behind() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let contact = factory::contacts(&acme.admin(), 1).await.remove(0);
    // Access tokens: the reader's trap stands where keys are looked up.
    let admin = acme.person(tenon_common::role::Role::Admin).await;
    let reader = Reader::start(&app).await;
    let requests: Arc<[String]> = Arc::new([
        request(&admin.credential, "GET", CONTACTS, ""),
        request(&admin.credential, "POST", CONTACTS, &json!({"name": "A"}).to_string()),
        request(
            &admin.credential,
            "PATCH",
            &format!("{CONTACTS}/{}", factory::id(&contact)),
            &json!({"title": "x"}).to_string(),
        ),
        request(&admin.credential, "GET", "/me", ""),
    ]);
    let address: Arc<str> = app.address().into();
    let hanging_up = (0..AT_ONCE).map(|lane| {
        let (address, requests) = (address.clone(), requests.clone());
        tokio::spawn(async move {
            for number in 0..HANG_UPS / AT_ONCE {
                hang_up(&address, &requests[(lane + number) % requests.len()]).await;
            }
        })
    });
    for lane in futures::future::join_all(hanging_up).await {
        lane.expect("nothing fails");
    }
    assert!(reader.end().await > 0);
    for _ in 0..AT_ONCE {
        admin.get(CONTACTS).await.status(200);
    }
    all_is_well(&app).await;
}

fn request(credential: &str, method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} /api/v1{path} HTTP/1.1\r\nHost: tenon\r\nAuthorization: Bearer {credential}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request, or the beginning of one, gives the server as many turns as chance has it, and is gone.
async fn hang_up(address: &str, request: &str) {
    let mut stream = TcpStream::connect(address).await.expect("the API accepts");
    let (whole, length, turns) = {
        let mut rng = rand::rng();
        (rng.random_bool(0.8), rng.random_range(0..request.len()), rng.random_range(0..200))
    };
    let sent = if whole { request.as_bytes() } else { &request.as_bytes()[..length] };
    stream.write_all(sent).await.expect("the API reads");
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    // Without a linger: a reset, which the server sees at once.
    stream.set_zero_linger().expect("set");
}
