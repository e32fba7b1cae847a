//! `test-webhook`: one message to one webhook, now, and word of what happened.

use std::time::Duration;

use tenon_common::queue::{Claimed, Handler, Outcome};
use tenon_common::webhook::testing::{self, TestResult, TestWebhook};
use tenon_common::{Actor, TenantTx};

use crate::context::Context;
use crate::jobs::deliver_webhook::send;

/// Less than the 10 s that the API waits.
const DEADLINE: Duration = Duration::from_secs(9);

/// Sends tests.
pub struct Test(pub Context);

impl Handler<TestWebhook> for Test {
    async fn run(&self, job: Claimed<TestWebhook>) -> Outcome {
        Outcome::from(self.test(&job.args).await)
    }
}

impl Test {
    async fn test(&self, test: &TestWebhook) -> Result<(), String> {
        let actor = Actor::system(test.tenant_id);
        let load = async |tx: &mut TenantTx<'_>| testing::load(tx, test).await;
        let sending = self.0.db.read(&actor, load).await.map_err(|error| error.to_string())?;
        let Some(sending) = sending else { return Ok(()) };
        let target = self.0.target(&sending)?;
        // With no transaction open.
        let result = send(&self.0, &sending, &target, None, DEADLINE.min(self.0.timeout)).await?;
        let result = TestResult {
            message_id: sending.event_id.wire(),
            outcome: result.outcome.label().to_owned(),
            status_code: result.status,
            duration_ms: i64::try_from(result.duration.as_millis()).unwrap_or(i64::MAX),
            error: result.error,
            response: result.response_excerpt,
        };
        let finish = async |tx: &mut TenantTx<'_>| testing::finish(tx, test, &result).await;
        self.0.db.write(&actor, finish).await.map_err(|error| error.to_string())
    }
}
