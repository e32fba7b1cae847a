//! Whether this worker still asks for jobs.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A worker that has not asked for jobs for so long, with room for some, does not work.
const SILENT: Duration = Duration::from_secs(30);
/// The database answers others: what has been asked for so much longer will not be answered.
const UNANSWERED: Duration = Duration::from_secs(10);

/// When the worker asked last, and when the database answered.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    times: Mutex<Times>,
    /// A question is on its way.
    asking: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    /// When it asked for jobs, or found no room for any.
    asked: Option<Instant>,
    /// When the database answered the keeper, whose connection is another.
    answered: Option<Instant>,
}

impl Pulse {
    /// The worker asks for jobs now, or would if it had room.
    pub(super) fn beats(&self) {
        self.change(|times| times.asked = Some(Instant::now()));
    }

    /// Asks the database: an answer that it does not give is no silence of the worker.
    pub(super) async fn asks<T>(&self, question: impl Future<Output = T>) -> T {
        self.beats();
        self.asking.store(true, Relaxed);
        let _asked = Asked(&self.asking);
        let answer = question.await;
        self.beats();
        answer
    }

    /// The database has answered.
    pub(super) fn answered(&self) {
        self.change(|times| times.answered = Some(Instant::now()));
    }

    /// For how long it has not asked, where that is too long.
    pub(super) fn silence(&self, now: Instant) -> Option<Duration> {
        let Times { asked, answered } = *self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked?;
        let silence = now.saturating_duration_since(asked);
        let waits_for_the_database = self.asking.load(Relaxed)
            && answered.is_none_or(|answered| answered.saturating_duration_since(asked) < UNANSWERED);
        (silence > SILENT && !waits_for_the_database).then_some(silence)
    }

    fn change(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.times.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Asked<'a>(&'a AtomicBool);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(asked: Instant, answered: Option<Instant>, asking: bool) -> Pulse {
        Pulse { times: Mutex::new(Times { asked: Some(asked), answered }), asking: asking.into() }
    }

    #[test]
    fn a_worker_that_has_not_asked_for_half_a_minute_is_silent() {
        let asked = Instant::now();
        let pulse = pulse(asked, None, false);
        assert_eq!(pulse.silence(asked + SILENT), None);
        let late = SILENT + Duration::from_secs(1);
        assert_eq!(pulse.silence(asked + late), Some(late));
        pulse.beats();
        assert_eq!(pulse.silence(Instant::now()), None);
        assert_eq!(Pulse::default().silence(Instant::now()), None, "it has not begun");
    }

    #[test]
    fn a_database_that_answers_nobody_is_no_silence_and_one_that_answers_others_is() {
        let asked = Instant::now();
        let late = asked + Duration::from_secs(600);
        assert_eq!(pulse(asked, None, true).silence(late), None);
        assert_eq!(pulse(asked, Some(asked + Duration::from_secs(9)), true).silence(late), None);
        assert!(pulse(asked, Some(asked + Duration::from_secs(20)), true).silence(late).is_some());
    }

    #[tokio::test]
    async fn a_question_that_is_given_up_is_asked_no_more() {
        let pulse = Pulse::default();
        let asking = pulse.asks(std::future::pending::<()>());
        assert!(futures::FutureExt::now_or_never(asking).is_none());
        assert!(!pulse.asking.load(Relaxed));
        assert!(pulse.times.lock().expect("not poisoned").asked.is_some());
    }
}
