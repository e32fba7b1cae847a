//! What handlers may use.

use std::time::Duration;

use tenon_common::account::access::AccessCheck;
use tenon_common::account::access_token::Tokens;
use tenon_common::account::api_key::KeyCheck;
use tenon_common::account::tenant;
use tenon_common::audit::Recorder;
use tenon_common::import;
use tenon_common::page::Cursors;
use tenon_common::receiver::address::AddressPolicy;
use tenon_common::secret::MasterKey;
use tenon_common::storage::Storage;
use tenon_common::tasks::Tasks;
use tenon_common::version::Versions;
use tenon_common::{Db, Result};

use crate::http::export::Exports;
use crate::http::limits::Limits;
use crate::http::readers::Changes;
use crate::http::request::REQUEST_DEADLINE;
use crate::http::seats::Seats;

/// Tests of webhooks of one tenant at once: fewer than a worker runs, so that a receiver that hangs keeps nobody else's waiting.
const TESTS_OF_TENANT: u32 = 4;

/// Everything a request may need; one per process.
#[derive(Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The storage of files.
    pub storage: Storage,
    /// How much a tenant may import.
    pub imports: import::Limits,
    /// The versions of the API that there are.
    pub versions: &'static Versions,
    /// The master key.
    pub master: MasterKey,
    /// Makes and reads cursors.
    pub cursors: Cursors,
    /// Issues and verifies access tokens.
    pub tokens: Tokens,
    /// Checks API keys.
    pub keys: KeyCheck,
    /// Checks that tokens are still good.
    pub access: AccessCheck,
    /// Writes sign-ins, refusals and the use of keys into the audit trail.
    pub recorder: Recorder,
    /// Rate limits.
    pub limits: Limits,
    /// Readers of the change feed.
    pub changes: Changes,
    /// Seats of those who watch an import.
    pub watchers: Seats,
    /// Seats of those who wait for the test of a webhook.
    pub tests: Seats,
    /// How long a deleted organization can be restored.
    pub tenant_retention: chrono::TimeDelta,
    /// Who may found organizations.
    pub founders: tenant::Founders,
    /// Where webhooks may go.
    pub addresses: AddressPolicy,
    /// Exports that are streamed.
    pub exports: Exports,
    /// The time of a request that has none of its own.
    pub request_deadline: Duration,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
}

impl App {
    /// Loads what must be there before the first request.
    pub async fn load(
        db: Db,
        storage: Storage,
        master: MasterKey,
        addresses: AddressPolicy,
        trusted_proxies: Vec<ipnet::IpNet>,
        tasks: &Tasks,
    ) -> Result<Self> {
        Ok(Self {
            versions: Versions::product(),
            cursors: Cursors::new(&master),
            tokens: Tokens::load(&db, &master).await?,
            keys: KeyCheck::new(db.clone()),
            access: AccessCheck::new(db.clone()),
            recorder: Recorder::default(),
            imports: import::Limits::default(),
            limits: Limits::default(),
            changes: Changes::new(db.clone(), tasks),
            watchers: Seats::new("watchers of imports", "tenon_import_watchers"),
            tests: Seats::new("tests of webhooks under way", "tenon_webhook_tests")
                .limited("webhook-tests", TESTS_OF_TENANT),
            tenant_retention: tenant::RETENTION,
            founders: tenant::Founders::Admins,
            addresses,
            exports: Exports::default(),
            request_deadline: REQUEST_DEADLINE,
            trusted_proxies,
            storage,
            db,
            master,
        })
    }
}
