//! A task's future, in which a test can place a panic.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

/// The panics that are to come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    left: AtomicU32,
    waker: AtomicWaker,
}

impl Faults {
    pub(super) fn inject(&self, times: u32) {
        self.left.fetch_add(times, Relaxed);
        self.waker.wake();
    }

    fn take(&self) -> bool {
        self.left.load(Relaxed) > 0
            && self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Does the work, and panics in its place where that is asked for.
pub(super) struct Work<'a, F> {
    faults: &'a Faults,
    work: Pin<Box<F>>,
}

impl<'a, F> Work<'a, F> {
    pub(super) fn new(faults: &'a Faults, work: F) -> Self {
        Self { faults, work: Box::pin(work) }
    }
}

impl<F: Future> Future for Work<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.faults.waker.register(cx.waker());
        assert!(!self.faults.take(), "a panic that a test has asked for");
        self.work.as_mut().poll(cx)
    }
}
