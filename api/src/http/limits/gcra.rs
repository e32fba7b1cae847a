//! GCRA (generic cell rate algorithm): a bucket that leaks, kept as the one instant at which it would be empty. Exact, and in whole
//! microseconds, so that the process and `shared.lua` decide alike.

use super::policy::Rate;

/// What a bucket answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// When the bucket will be empty, if what was asked for is taken.
    pub empty_at: u64,
    /// How many more there are then.
    pub remaining: u32,
    /// Microseconds until all of them are there again.
    pub reset: u64,
    /// Microseconds until what was asked for can be taken; 0 where it can be now.
    pub wait: u64,
}

/// Asks a bucket that is empty at an instant for so many. Instants are microseconds from whatever both count from.
pub fn ask(rate: Rate, empty_at: u64, now: u64, cost: u32) -> Found {
    let (one, full) = (rate.interval(), now + rate.period());
    let before = empty_at.max(now);
    let after = before + one * u64::from(cost);
    let wait = after.saturating_sub(full);
    let empty_at = if wait == 0 { after } else { before };
    let remaining = u32::try_from(full.saturating_sub(empty_at) / one).unwrap_or(rate.count);
    Found { empty_at, remaining, reset: empty_at - now, wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { count: 3, seconds: 30 };
    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let mut empty_at = 0;
        let mut take = |now: u64| {
            let found = ask(RATE, empty_at, now, 1);
            empty_at = found.empty_at;
            (found.remaining, found.reset / SECOND, found.wait)
        };
        let start = 100 * SECOND;
        assert_eq!(take(start), (2, 10, 0));
        assert_eq!(take(start), (1, 20, 0));
        assert_eq!(take(start), (0, 30, 0));
        assert_eq!(take(start), (0, 30, 10 * SECOND));
        assert_eq!(take(start + 10 * SECOND - 1), (0, 20, 1));
        assert_eq!(take(start + 10 * SECOND), (0, 30, 0));
        assert_eq!(take(start + 10 * SECOND), (0, 30, 10 * SECOND));
        assert_eq!(take(start + 41 * SECOND), (2, 10, 0));
    }

    #[test]
    fn asking_for_none_takes_none() {
        let taken = ask(RATE, 0, SECOND, 1);
        let seen = ask(RATE, taken.empty_at, SECOND, 0);
        assert_eq!(seen, taken);
    }
}
