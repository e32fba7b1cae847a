//! The backend as apalis sees it: a source of claims, and a layer around the handler that hands over what became of them.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use apalis_core::backend::codec::Codec;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig, WireFormatBackend};
use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::{Layer, Service};
use tracing::Instrument;

use super::ack::JobRef;
use super::handler::Slot;
use super::local::{Local, Shared};
use super::outcome::Outcome;

/// What a handler gets at once: a job, or a batch of one lane.
pub struct Claim {
    slots: Vec<Slot>,
    /// Who takes it back while no handler has begun.
    home: Option<(Arc<Shared>, Arc<Local>)>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Claim").field(&self.slots).finish()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The worker of the kind ended with the claim in its hands.
        if let Some((shared, local)) = self.home.take() {
            local.ended();
            for slot in std::mem::take(&mut self.slots) {
                shared.finish(&local, slot.job, Outcome::Release);
            }
        }
    }
}

/// The claims of one kind. Errors of the database are no business of the worker: they are waited out behind this.
pub struct PgBackend {
    shared: Arc<Shared>,
    local: Arc<Local>,
}

impl PgBackend {
    pub(super) fn new(shared: &Arc<Shared>, local: &Arc<Local>) -> Self {
        Self { shared: Arc::clone(shared), local: Arc::clone(local) }
    }
}

impl Backend for PgBackend {
    type Task = Task<Claim>;
    type Error = Infallible;

    fn poll_ready(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.local.waker.register(cx.waker());
        if self.local.is_ready() && !self.shared.is_draining() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        self.local.waker.register(cx.waker());
        let Some(slots) = self.shared.next(&self.local) else { return Poll::Pending };
        let home = Some((Arc::clone(&self.shared), Arc::clone(&self.local)));
        let first = Arc::clone(&slots[0].job);
        let claim = Claim { slots, home };
        let task = TaskBuilder::new(())
            .task_id(TaskId::from_string(&*first.id))
            .attempt(usize::try_from(first.attempt - 1).unwrap_or_default())
            .max_attempts(usize::try_from(first.max_attempts).unwrap_or_default())
            .lock_by(Some(first.worker.as_ref().to_owned()))
            .queue(first.queue.name().into())
            .map_args(|()| claim)
            .build();
        Poll::Ready(Some(Ok(task)))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        // What waits is released, and what is finished is written, by the drain, for all kinds together.
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for PgBackend {
    type Args = Claim;
    type Id = TaskId;
    type Kind = Ephemeral;
    type Config = super::Settings;
    type Layer = AckLayer;

    fn config(&self) -> &Self::Config {
        &self.shared.settings
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> AckLayer {
        AckLayer { shared: Arc::clone(&self.shared), local: Arc::clone(&self.local) }
    }
}

impl WireFormatBackend for PgBackend {
    type Codec = JobCodec;
    type Compact = Vec<u8>;

    fn codec(&self) -> &JobCodec {
        &JobCodec
    }
}

/// Payloads are JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobCodec;

impl<T: Serialize + DeserializeOwned> Codec<T> for JobCodec {
    type Error = serde_json::Error;
    type Compact = Vec<u8>;

    fn encode(&self, value: &T) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(value)
    }

    fn decode(&self, compact: &Vec<u8>) -> Result<T, serde_json::Error> {
        serde_json::from_slice(compact)
    }
}

/// Runs the handler in a task of its own, and hands what became of a claim to the acker; that happens whatever becomes of the kind's
/// worker. The outermost layer, so that panics and timeouts are outcomes too.
#[derive(Clone)]
pub struct AckLayer {
    shared: Arc<Shared>,
    local: Arc<Local>,
}

/// What [`AckLayer`] makes of a handler.
#[derive(Clone)]
pub struct AckService<S> {
    layer: AckLayer,
    inner: S,
}

impl<S> Layer<S> for AckLayer {
    type Service = AckService<S>;

    fn layer(&self, inner: S) -> AckService<S> {
        AckService { layer: self.clone(), inner }
    }
}

impl<S> Service<Task<Claim>> for AckService<S>
where
    S: Service<Task<Claim>, Response = Vec<Outcome>>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut task: Task<Claim>) -> Self::Future {
        let AckLayer { shared, local } = self.layer.clone();
        task.args.home = None;
        let jobs: Vec<Arc<JobRef>> = task.args.slots.iter().map(|slot| Arc::clone(&slot.job)).collect();
        let started = Instant::now();
        for job in &jobs {
            local.meters.started(job, started);
        }
        let running = self.inner.call(task);
        let handler = self.layer.shared.handling.spawn(async move {
            let outcomes = running.await.map_err(|error| failure(&error.into(), local.kind.timeout));
            local.ended();
            let mut outcomes = match outcomes {
                Ok(outcomes) => outcomes.into_iter(),
                Err(outcome) => vec![outcome; jobs.len()].into_iter(),
            };
            for job in jobs {
                let outcome = outcomes
                    .next()
                    .unwrap_or_else(|| Outcome::retry("the handler did not say what became of it"));
                local.meters.ended(started);
                shared.finish(&local, job, outcome);
            }
        });
        Box::pin(async move { handler.await.map_err(Into::into) })
    }
}

/// A claim whose handler did not come to an outcome.
fn failure(error: &BoxDynError, timeout: Duration) -> Outcome {
    if error.is::<tower::timeout::error::Elapsed>() {
        return Outcome::retry(format!("still running after {} s", timeout.as_secs_f64()));
    }
    Outcome::retry(error)
}

/// A handler panicked; the text of the panic.
#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
pub(super) struct Panicked(pub(super) String);

/// Calls a kind's handler.
#[derive(Clone)]
pub(super) struct Dispatcher {
    pub(super) shared: Arc<Shared>,
    pub(super) local: Arc<Local>,
}

impl Service<Task<Claim>> for Dispatcher {
    type Response = Vec<Outcome>;
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<Vec<Outcome>, BoxDynError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut task: Task<Claim>) -> Self::Future {
        let Self { shared, local } = self.clone();
        let slots = std::mem::take(&mut task.args.slots);
        let (job, count) = (Arc::clone(&slots[0].job), slots.len());
        let span = tracing::info_span!(
            "job",
            kind = job.kind,
            job_id = &*job.id,
            tenant_id = job.lane.map(tracing::field::display),
            attempt = job.attempt,
            count,
            traceparent = job.traceparent
        );
        let run = async move {
            tokio::select! {
                biased;
                outcomes = local.kind.handler.run(slots) => Ok(outcomes),
                () = shared.abort.cancelled() => Ok(vec![Outcome::Release; count]),
            }
        };
        Box::pin(run.instrument(span))
    }
}
