//! `run-export`: a list is written into a file. A run that is broken off is begun anew: of its file nobody sees anything.

use std::time::Duration;

use tenon_common::export::job::{self, Begun, ExportJob, Run, RunExport};
use tenon_common::queue::{Claimed, Ends, Handler, Outcome};
use tenon_common::{Error, Result};

use crate::context::Context;

/// How long an export waits for another of its tenant.
const WAIT: Duration = Duration::from_secs(2);
/// How long an outage of the database or the storage puts one off.
const PUT_OFF: Duration = Duration::from_secs(5);

/// Writes files of exports.
pub struct WriteFile(pub Context);

impl Handler<RunExport> for WriteFile {
    async fn run(&self, job: Claimed<RunExport>) -> Outcome {
        job.record(job.args.end());
        match self.turn(&job.args).await {
            Ok(outcome) => outcome,
            Err(error) if passes(&error) => Outcome::snooze(PUT_OFF),
            Err(Error::NotFound(_)) => Outcome::Done,
            Err(error) => Outcome::retry(error),
        }
    }
}

impl WriteFile {
    async fn turn(&self, job: &RunExport) -> Result<Outcome> {
        let Context { db, storage, exports, .. } = &self.0;
        let run = match job::begin(db, storage, job.tenant_id, job.export_id, exports).await? {
            Begun::Run(run) => *run,
            Begun::Waits => return Ok(Outcome::snooze(WAIT)),
            Begun::Nothing => return Ok(Outcome::Done),
        };
        match job::write(db, storage, &run, exports).await {
            Ok(Some(ended)) => completed(&ended),
            Ok(None) => {}
            Err(error) if passes(&error) => return Err(error),
            Err(error) => self.failed(&run, error).await?,
        }
        Ok(Outcome::Done)
    }

    async fn failed(&self, run: &Run, error: Error) -> Result<()> {
        let (code, message) = match error {
            Error::File(code, message) => (code, message),
            Error::Query { .. } | Error::Filter(_) => ("INVALID_OPTIONS", error.to_string()),
            error => {
                tracing::error!(%error, export_id = %run.export.id, "an export failed");
                ("INTERNAL", "A fault of the server; ask again".to_owned())
            }
        };
        if job::fail(&self.0.db, run, code, &message).await? {
            count(&run.export, "aborted");
        }
        Ok(())
    }
}

fn completed(export: &ExportJob) {
    count(export, "completed");
    metrics::counter!("tenon_export_bytes_total", "format" => export.format().name())
        .increment(export.bytes.unsigned_abs());
    tracing::info!(export_id = %export.id, rows = export.rows, bytes = export.bytes, "an export is complete");
}

fn count(export: &ExportJob, outcome: &'static str) {
    metrics::counter!("tenon_exports_total", "format" => export.format().name(), "outcome" => outcome)
        .increment(1);
}

/// Whether it is the database or the storage that is away or slow, and not the export.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout | Error::Storage(_))
}
