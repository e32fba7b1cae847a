//! `validate-import`, `run-import`, `revert-import`: a file is looked at, its rows are made chunk by chunk, and what was made is taken
//! back. Each chunk commits by itself: a worker that dies repeats one at most.

use std::time::{Duration, Instant};

use tenon_common::id::{ImportId, TenantId};
use tenon_common::import::chunk::{self, Progress};
use tenon_common::import::reader::{Chunk, Reader};
use tenon_common::import::revert::{self, Reverted};
use tenon_common::import::{
    self, Begun, Counts, Limits, RevertImport, Run, RunImport, State, ValidateImport, validate,
};
use tenon_common::queue::{Claimed, Ends, Handler, Outcome};
use tenon_common::{Actor, Error, Result, TenantTx, queue};
use tokio::sync::mpsc;

use crate::context::Context;

/// How long an import goes on before others of its queue have their turn.
const TURN: Duration = Duration::from_secs(20);
/// How long an import waits for another of its tenant.
const WAIT: Duration = Duration::from_secs(2);
/// How long an outage of the database or the storage puts one off.
const PUT_OFF: Duration = Duration::from_secs(1);

/// Looks at a file.
pub struct Validate(pub Context);
/// Makes its rows.
pub struct RunRows(pub Context);
/// Takes them back.
pub struct Revert(pub Context);

impl Handler<ValidateImport> for Validate {
    async fn run(&self, job: Claimed<ValidateImport>) -> Outcome {
        job.record(job.args.end());
        let (tenant, import) = (job.args.tenant_id, job.args.import_id);
        let looked = self.look(tenant, import).await;
        ended(&self.0, tenant, import, looked.map(|()| Outcome::Done)).await
    }
}

impl Validate {
    async fn look(&self, tenant: TenantId, id: ImportId) -> Result<()> {
        let get = async |tx: &mut TenantTx<'_>| import::get(tx, id).await;
        let found = self.0.db.read(&Actor::system(tenant), get).await?;
        match found.state() {
            State::Validating => {
                validate::validate(&self.0.db, &self.0.storage, &found, &self.0.imports).await
            }
            _ => Ok(()),
        }
    }
}

impl Handler<RunImport> for RunRows {
    async fn run(&self, job: Claimed<RunImport>) -> Outcome {
        job.record(job.args.end());
        let (tenant, import) = (job.args.tenant_id, job.args.import_id);
        let done = self.rows(tenant, import, &job.job.id).await;
        ended(&self.0, tenant, import, done).await
    }
}

impl RunRows {
    /// Makes rows until they are done or the turn is over.
    async fn rows(&self, tenant: TenantId, import: ImportId, job: &str) -> Result<Outcome> {
        let run = match begin(&self.0, tenant, import, State::Running).await? {
            Begun::Run(run) => *run,
            Begun::Waits => return Ok(Outcome::snooze(WAIT)),
            Begun::Nothing => return Ok(Outcome::Done),
        };
        let reader = run.reader(&self.0.storage).ok_or(Error::FileMissing)?;
        let until = Instant::now() + TURN;
        let mut chunks = read_ahead(reader);
        let mut is_first = true;
        while let Some(chunk) = chunks.recv().await.transpose()? {
            let make = async |tx: &mut TenantTx<'_>| {
                if is_first {
                    queue::has_progressed(tx, job).await?;
                }
                chunk::make(tx, &run, &chunk).await
            };
            let made = self.0.db.write(&run.actor, make).await?;
            is_first = false;
            match made {
                Progress::Superseded => return Ok(Outcome::Done),
                Progress::Ended(counts) => {
                    count(&run, counts);
                    return Ok(Outcome::Done);
                }
                Progress::More(counts) => count(&run, counts),
            }
            if Instant::now() > until {
                break;
            }
        }
        Ok(Outcome::snooze(Duration::ZERO))
    }
}

/// Reads the next chunk while one is made.
fn read_ahead(mut reader: Reader) -> mpsc::Receiver<Result<Chunk>> {
    let (chunks, read) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(chunk) = reader.chunk().await.transpose() {
            let goes_on = matches!(&chunk, Ok(chunk) if !chunk.is_last);
            if chunks.send(chunk).await.is_err() || !goes_on {
                return;
            }
        }
    });
    read
}

impl Handler<RevertImport> for Revert {
    async fn run(&self, job: Claimed<RevertImport>) -> Outcome {
        job.record(job.args.end());
        let (tenant, import) = (job.args.tenant_id, job.args.import_id);
        match self.chunks(tenant, import, &job.job.id).await {
            Ok(outcome) => outcome,
            Err(error) if passes(&error) => Outcome::snooze(PUT_OFF),
            Err(error) => Outcome::retry(error),
        }
    }
}

impl Revert {
    async fn chunks(&self, tenant: TenantId, import: ImportId, job: &str) -> Result<Outcome> {
        let run = match begin(&self.0, tenant, import, State::Reverting).await? {
            Begun::Run(run) => *run,
            Begun::Waits => return Ok(Outcome::snooze(WAIT)),
            Begun::Nothing => return Ok(Outcome::Done),
        };
        let until = Instant::now() + TURN;
        let mut is_first = true;
        while Instant::now() < until {
            let step = async |tx: &mut TenantTx<'_>| {
                if is_first {
                    queue::has_progressed(tx, job).await?;
                }
                revert::step(tx, &run).await
            };
            let taken_back = self.0.db.write(&run.actor, step).await?;
            is_first = false;
            match taken_back {
                Reverted::More => {}
                Reverted::All | Reverted::Superseded => return Ok(Outcome::Done),
            }
        }
        Ok(Outcome::snooze(Duration::ZERO))
    }
}

async fn begin(context: &Context, tenant: TenantId, import: ImportId, state: State) -> Result<Begun> {
    let limits: &Limits = &context.imports;
    let begin = async |tx: &mut TenantTx<'_>| import::begin(tx, import, state, limits).await;
    context.db.write(&Actor::system(tenant), begin).await
}

/// What becomes of the job: what is wrong with the file ends the import, and what is wrong with the machine puts it off.
async fn ended(context: &Context, tenant: TenantId, import: ImportId, done: Result<Outcome>) -> Outcome {
    let (code, message) = match done {
        Ok(outcome) => return outcome,
        Err(error) if passes(&error) => return Outcome::snooze(PUT_OFF),
        Err(Error::File(code, message)) => (code, message),
        Err(Error::Mapping(errors)) => {
            let all: Vec<String> =
                errors.iter().map(|error| format!("{}: {}", error.field(), error.message)).collect();
            ("IMPORT_MAPPING_INVALID", all.join("; "))
        }
        Err(Error::NotFound(_)) => return Outcome::Done,
        Err(error) => {
            tracing::error!(%error, import_id = %import, "an import failed");
            ("INTERNAL", "A fault of the server; the import can be resumed".to_owned())
        }
    };
    let fail = async |tx: &mut TenantTx<'_>| import::fail(tx, import, code, &message).await;
    if let Err(error) = context.db.write(&Actor::system(tenant), fail).await {
        return Outcome::retry(error);
    }
    if let Err(error) = import::leftovers::remove_refused(&context.db, &context.storage, tenant, import).await
    {
        tracing::warn!(%error, import_id = %import, "the file of a refused import could not be removed; will be once its time is over");
    }
    Outcome::Done
}

/// Whether it is the database or the storage that is away or slow, and not the import.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout | Error::Storage(_))
}

fn count(run: &Run, counts: Counts) {
    if run.import.dry_run {
        return;
    }
    for (outcome, rows) in [
        ("created", counts.created),
        ("updated", counts.updated),
        ("unchanged", counts.unchanged),
        ("skipped", counts.skipped),
        ("failed", counts.failed),
    ] {
        metrics::counter!("tenon_import_rows_total", "outcome" => outcome).increment(rows.unsigned_abs());
    }
}
