//! `tenon_rate_limit_decisions_total`. Its series are kept here: to look one up for every request would cost more than to decide.

use std::array;

use metrics::Counter;

use super::policy::Policy;

/// What became of a request, as far as a policy is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was counted and let through.
    Allowed,
    /// It was refused.
    Limited,
    /// It would have been refused, were limits enforced.
    Shadow,
    /// Redis did not answer; the process decided by itself, which is counted beside this.
    BackendError,
}

const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Allowed, "allowed"),
    (Outcome::Limited, "limited"),
    (Outcome::Shadow, "shadow"),
    (Outcome::BackendError, "backend_error"),
];

/// A counter for each policy and outcome.
#[derive(Debug)]
pub struct Decisions([[Counter; OUTCOMES.len()]; Policy::ALL.len()]);

impl Decisions {
    /// Counters of the recorder that is installed.
    pub fn new() -> Self {
        Self(array::from_fn(|policy| {
            array::from_fn(|outcome| {
                metrics::counter!(
                    "tenon_rate_limit_decisions_total",
                    "policy" => Policy::ALL[policy].name(), "outcome" => OUTCOMES[outcome].1
                )
            })
        }))
    }

    /// Counts a decision.
    pub fn count(&self, policy: Policy, outcome: Outcome) {
        self.0[policy as usize][outcome as usize].increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_stand_in_the_order_of_their_names() {
        assert!(Policy::ALL.iter().enumerate().all(|(at, policy)| *policy as usize == at));
        assert!(OUTCOMES.iter().enumerate().all(|(at, (outcome, _))| *outcome as usize == at));
    }
}
