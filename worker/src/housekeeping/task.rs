//! What is done, and how often.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use tenon_common::Result;

use super::Means;

/// What a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How much it removed.
    pub removed: i64,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// A task.
pub struct Task {
    /// Its name in metrics and logs.
    pub name: &'static str,
    /// How long after a run the next one begins.
    pub every: Duration,
    work: Box<dyn Fn(Means) -> BoxFuture<'static, Result<Batch>> + Send + Sync>,
}

impl Task {
    /// A task whose batches remove `most` at most: one that removes so many is followed by another at once.
    pub fn batches<F>(
        name: &'static str,
        every: Duration,
        most: i32,
        remove: impl Fn(Means, i32) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<i64>> + Send + 'static,
    {
        Self::steps(name, every, move |means| {
            let removing = remove(means, most);
            async move {
                let removed = removing.await?;
                Ok(Batch { removed, more: removed >= i64::from(most) })
            }
        })
    }

    /// A task that says itself whether there is more to do.
    pub fn steps<F>(
        name: &'static str,
        every: Duration,
        step: impl Fn(Means) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Batch>> + Send + 'static,
    {
        Self { name, every, work: Box::new(move |means| step(means).boxed()) }
    }

    /// Does one batch.
    pub(super) async fn batch(&self, means: &Means) -> Result<Batch> {
        (self.work)(means.clone()).await
    }
}
