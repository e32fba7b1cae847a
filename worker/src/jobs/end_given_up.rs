//! `end-import`, `end-export`, `end-replay`: the job that was at it was given up, and nothing would ever end what it was about.

use tenon_common::export::job::{self, EndExport};
use tenon_common::import::{self, EndImport};
use tenon_common::queue::{Claimed, Handler, Outcome};
use tenon_common::webhook::replay::{self, EndReplay};
use tenon_common::{Actor, Error, Result, TenantTx};

use crate::context::Context;

/// The reason in words; as a code it is `GIVEN_UP`.
const WHY: &str = "Workers died or failed again and again while they were at it";

/// Ends imports, exports and replays.
#[derive(Clone)]
pub struct End(pub Context);

impl Handler<EndImport> for End {
    async fn run(&self, job: Claimed<EndImport>) -> Outcome {
        let fail = async |tx: &mut TenantTx<'_>| import::fail(tx, job.args.import_id, "GIVEN_UP", WHY).await;
        outcome(self.0.db.write(&Actor::system(job.args.tenant_id), fail).await)
    }
}

impl Handler<EndExport> for End {
    async fn run(&self, job: Claimed<EndExport>) -> Outcome {
        let fail = async |tx: &mut TenantTx<'_>| job::give_up(tx, job.args.export_id, "GIVEN_UP", WHY).await;
        outcome(self.0.db.write(&Actor::system(job.args.tenant_id), fail).await)
    }
}

impl Handler<EndReplay> for End {
    async fn run(&self, job: Claimed<EndReplay>) -> Outcome {
        let fail = async |tx: &mut TenantTx<'_>| replay::give_up(tx, job.args.replay_id, WHY).await;
        outcome(self.0.db.write(&Actor::system(job.args.tenant_id), fail).await)
    }
}

fn outcome(ended: Result<()>) -> Outcome {
    match ended {
        Ok(()) | Err(Error::NotFound(_)) => Outcome::Done,
        Err(error) => Outcome::retry(error),
    }
}
