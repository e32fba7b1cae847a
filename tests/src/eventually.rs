//! Waiting for what is bound to happen: a repeated assertion with a bound, in place of a sleep.

use std::fmt::{Debug, Display};
use std::panic::Location;
use std::time::{Duration, Instant};

/// How long [`eventually`] repeats.
pub const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// What an attempt may answer: whether it is so, the thing waited for, or why it is not so yet.
pub trait Attempt {
    /// What the wait gives.
    type Value;
    /// The value, or why there is none yet.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Attempt for bool {
    type Value = ();
    fn outcome(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "false".to_owned())
    }
}

impl<T> Attempt for Option<T> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, E: Display> Attempt for Result<T, E> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:#}"))
    }
}

/// For attempts that compare: the value found, or what was found in its place.
pub fn equal<T: PartialEq + Debug>(found: T, expected: T) -> Result<T, String> {
    if found == expected { Ok(found) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

/// Repeats an attempt until it succeeds; gives what it gave.
///
/// # Panics
/// After 20 s, at the caller's line, with what the last attempt said.
#[track_caller]
pub fn eventually<A: Attempt>(what: &str, attempt: impl AsyncFnMut() -> A) -> impl Future<Output = A::Value> {
    within(PATIENCE, what, attempt)
}

/// As [`eventually`], with a bound of the caller's.
///
/// # Panics
/// After that time, at the caller's line, with what the last attempt said.
#[track_caller]
pub fn within<A: Attempt>(
    patience: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> A,
) -> impl Future<Output = A::Value> {
    let caller = Location::caller();
    async move {
        let end = Instant::now() + patience;
        loop {
            match attempt().await.outcome() {
                Ok(value) => return value,
                Err(reason) if Instant::now() > end => {
                    panic!("{what}: not so after {patience:?}, at {caller}: {reason}")
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
