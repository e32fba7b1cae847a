//! What this worker runs: each kind of job with its handler, how many at once, for how long at most.

use std::time::Duration;

use tenon_common::export::job::EndExport;
use tenon_common::import::EndImport;
use tenon_common::queue::{EndGivenUp, Registration, Registry};
use tenon_common::webhook::acknowledge::AcknowledgeDeliveries;
use tenon_common::webhook::replay::EndReplay;

use crate::context::Context;
use crate::jobs::deliver_webhook::{Deliver, ReadDeliveries};
use crate::jobs::end_given_up::End;
use crate::jobs::exports::WriteFile;
use crate::jobs::fan_out_event::FanOut;
use crate::jobs::imports::{Revert, RunRows, Validate};
use crate::jobs::replays::Bring;
use crate::jobs::resume_tenant::Resume;
use crate::jobs::test_webhook::Test;

/// Events of one tenant that are fanned out in one transaction.
const FAN_OUT_BATCH: usize = 200;
/// Fan-outs at once: enough to overlap their round trips, few enough to leave connections to others.
const FAN_OUTS: usize = 4;

/// Tests of webhooks at once.
const TESTS: usize = 8;

/// Imports at once: each keeps a process of the database busy.
const IMPORTS: usize = 2;
/// The look at the largest file.
const VALIDATION: Duration = Duration::from_secs(15 * 60);
/// A turn of an import, with its last chunk.
const IMPORT: Duration = Duration::from_secs(2 * 60);

/// Exports at once.
const EXPORTS: usize = 2;
/// The largest export.
const EXPORT: Duration = Duration::from_secs(2 * 60 * 60);

/// Replays at once: each waits for its deliveries most of the time, as a job that is not due.
const REPLAYS: usize = 2;
/// A turn of a replay, with its last page.
const REPLAY: Duration = Duration::from_secs(60);

/// Imports, exports and replays that are given up, at once.
const ENDS: usize = 1;
/// A statement or two.
const END: Duration = Duration::from_secs(60);

/// Adds every kind to a registry. A new job is a line here.
pub fn registry(registry: Registry, context: &Context, deliveries: usize) -> Registry {
    // An attempt has its own deadline; this is for what should not be able to happen.
    let attempt = context.timeout + Duration::from_secs(10);
    registry
        .register(
            Registration::batch(FAN_OUT_BATCH, FanOut(context.clone()))
                .concurrency(FAN_OUTS)
                .timeout(Duration::from_secs(30)),
        )
        .register(
            Registration::new(Deliver(context.clone()))
                .prepare(ReadDeliveries(context.clone()))
                .acknowledge(AcknowledgeDeliveries)
                .admission(context.lanes.clone())
                .concurrency(deliveries)
                .timeout(attempt),
        )
        .register(
            Registration::new(Test(context.clone())).concurrency(TESTS).timeout(Duration::from_secs(15)),
        )
        .register(
            Registration::new(Validate(context.clone()))
                .acknowledge(EndGivenUp)
                .concurrency(IMPORTS)
                .timeout(VALIDATION),
        )
        .register(
            Registration::new(RunRows(context.clone()))
                .acknowledge(EndGivenUp)
                .concurrency(IMPORTS)
                .timeout(IMPORT),
        )
        .register(
            Registration::new(Revert(context.clone()))
                .acknowledge(EndGivenUp)
                .concurrency(IMPORTS)
                .timeout(IMPORT),
        )
        .register(
            Registration::new(WriteFile(context.clone()))
                .acknowledge(EndGivenUp)
                .concurrency(EXPORTS)
                .timeout(EXPORT),
        )
        .register(
            Registration::new(Bring(context.clone()))
                .acknowledge(EndGivenUp)
                .concurrency(REPLAYS)
                .timeout(REPLAY),
        )
        .register(Registration::<EndImport>::new(End(context.clone())).concurrency(ENDS).timeout(END))
        .register(Registration::<EndExport>::new(End(context.clone())).concurrency(ENDS).timeout(END))
        .register(Registration::<EndReplay>::new(End(context.clone())).concurrency(ENDS).timeout(END))
        .register(Registration::new(Resume(context.clone())).concurrency(1).timeout(Duration::from_secs(300)))
}
