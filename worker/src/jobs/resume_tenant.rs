//! `resume-tenant`: what was paused while a tenant was deleted is sent, now that it is back.

use tenon_common::account::tenant::ResumeTenant;
use tenon_common::queue::{Claimed, Handler, Outcome};
use tenon_common::webhook::delivery;
use tenon_common::{Actor, TenantTx};

use crate::context::Context;

/// Resumes.
pub struct Resume(pub Context);

impl Handler<ResumeTenant> for Resume {
    async fn run(&self, job: Claimed<ResumeTenant>) -> Outcome {
        let resume = || async |tx: &mut TenantTx<'_>| delivery::resume_all(tx).await;
        match self.0.db.write_again(&Actor::system(job.args.tenant_id), resume).await {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::retry(error),
        }
    }
}
