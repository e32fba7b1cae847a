//! The API in process, on a database of its own, for tests that need no child process.

mod served;
mod tenant;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value;
use sqlx::PgConnection;
use tenon_api::app::App;
use tenon_api::http::limits::Limits;
use tenon_api::openapi::Documents;
use tenon_common::Db;
use tenon_common::db::DbConfig;
use tenon_common::receiver::address::AddressPolicy;
use tenon_common::secret::MasterKey;
use tenon_common::tasks::Tasks;

use crate::{Client, Cluster, TestDatabase};

pub use served::Served;
pub use tenant::{PASSWORD, Person, Tenant};

/// The master key of every test: 32 zero bytes.
pub const SECRET_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Enough for the most concurrent test, few enough for many tests at once.
const CONNECTIONS: u32 = 8;

/// Made once for all tests of a program: it takes as long as a database.
static DOCUMENTS: LazyLock<Documents> =
    LazyLock::new(|| tenon_api::spec().unwrap_or_else(|error| panic!("the API's document: {error}")));

/// A database of its own and the API on it, as `tenon-api serve` puts it together. Webhooks may go to this machine.
#[derive(Debug)]
pub struct TestApp {
    /// Ends first: its connections keep the database from being dropped in peace.
    served: Served,
    state: Arc<App>,
    database: TestDatabase,
}

impl TestApp {
    /// A fresh database on the shared server, and the API on it.
    ///
    /// # Panics
    /// Where one of them does not start.
    pub async fn start() -> Self {
        Self::start_with(Limits::default()).await
    }

    /// The same with rate limits in another mode.
    ///
    /// # Panics
    /// Where one of them does not start.
    pub async fn start_with(limits: Limits) -> Self {
        Self::start_as(|app| app.limits = limits).await
    }

    /// The same with whatever else of the API's state is to be another.
    ///
    /// # Panics
    /// Where one of them does not start.
    pub async fn start_as(adjust: impl FnOnce(&mut App)) -> Self {
        Self::start_by(CONNECTIONS, adjust).await
    }

    async fn start_by(connections: u32, adjust: impl FnOnce(&mut App)) -> Self {
        let database = TestDatabase::create(Cluster::shared().await).await;
        let db = connect_by(database.app_url(), connections);
        let master =
            MasterKey::parse(SECRET_KEY).unwrap_or_else(|error| panic!("the key of the tests: {error}"));
        let state =
            App::load(db, database.storage(), master, AddressPolicy::local(), Vec::new(), &Tasks::default())
                .await;
        let mut state = state.unwrap_or_else(|error| panic!("the API does not load: {error}"));
        adjust(&mut state);
        let state = Arc::new(state);
        let served = Served::start(tenon_api::build(state.clone(), &DOCUMENTS)).await;
        Self { served, state, database }
    }

    /// What handlers use: the database, tokens, keys, limits.
    pub fn state(&self) -> &Arc<App> {
        &self.state
    }

    /// The API on a pool of so few connections.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start_on(connections: u32) -> Self {
        Self::start_by(connections, |_| ()).await
    }

    /// The database behind it.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A connection as the administrator, for looking behind the wall.
    pub async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }

    /// `http://127.0.0.1:…`, without a path.
    pub fn url(&self) -> String {
        self.served.url()
    }

    /// `127.0.0.1:…`, for bytes that no HTTP client would send.
    pub fn address(&self) -> String {
        self.served.address().to_string()
    }

    /// A client of `/api/v1` without a credential.
    pub fn anonymous(&self) -> Client {
        Client::new(&format!("{}/api/v1", self.url()))
    }

    /// A client of `/api/v1` with an access token or an API key.
    pub fn with(&self, credential: &str) -> Client {
        self.anonymous().with_bearer(credential)
    }

    /// A new tenant with an owner, made as `tenon-api admin tenant create` makes it, without limits.
    ///
    /// # Panics
    /// Where it cannot be made: a slug is used once in a database.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        Tenant::create(self.state.clone(), self.anonymous(), slug).await
    }

    /// The OpenAPI document that the API serves.
    ///
    /// # Panics
    /// Where there is none.
    pub fn document() -> Value {
        serde_json::from_str(&DOCUMENTS.v31).unwrap_or_else(|error| panic!("the API's document: {error}"))
    }
}

/// A pool as the servers open it.
///
/// # Panics
/// Where the URL is none.
pub fn connect(url: &str) -> Db {
    connect_by(url, CONNECTIONS)
}

fn connect_by(url: &str, connections: u32) -> Db {
    let config = DbConfig {
        url: url.to_owned(),
        max_connections: connections,
        acquire_timeout: Duration::from_secs(20),
        application_name: "tenon-test",
    };
    Db::connect_lazy(&config).unwrap_or_else(|error| panic!("no pool for {url}: {error}"))
}
