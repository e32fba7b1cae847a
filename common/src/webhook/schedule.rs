//! When the attempts of a delivery are due.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Most attempts that a schedule may have.
const MAX_ATTEMPTS: usize = 20;
/// Longest time from the first attempt to the last: 7 days.
const MAX_TOTAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Jitter adds at most a tenth of a delay …
const JITTER_SHARE: f64 = 0.1;
/// … and never more than 15 minutes.
const MAX_JITTER: Duration = Duration::from_secs(15 * 60);

/// `plan`, the default: 30 minutes from the first attempt to the last.
const PLAN: [u64; 5] = [0, 120, 240, 480, 960];
/// `standard`: 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
const STANDARD: [u64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The delays before each attempt, the first one's included.
///
/// Written as seconds separated by commas (`0,120,240,480,960`, decimals allowed), or as one of the
/// names `plan` and `standard`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

/// Why a text is not a retry schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// An entry is not a number of seconds from 0 on.
    #[error("`{0}` is not a number of seconds; expected seconds separated by commas, like 0,120,240")]
    Entry(String),
    /// More than 20 entries.
    #[error("{0} entries; at most {MAX_ATTEMPTS} are allowed")]
    TooMany(usize),
    /// The entries add up to more than 7 days.
    #[error("the delays add up to more than 7 days")]
    TooLong,
}

impl RetrySchedule {
    /// The schedule named `plan`: 0, 120, 240, 480, 960 s.
    pub fn plan() -> Self {
        Self::of_seconds(&PLAN)
    }

    /// The schedule named `standard`: ten attempts in a little over three days.
    pub fn standard() -> Self {
        Self::of_seconds(&STANDARD)
    }

    /// A schedule of these delays.
    pub fn new(delays: Vec<Duration>) -> Result<Self, InvalidSchedule> {
        if delays.len() > MAX_ATTEMPTS {
            return Err(InvalidSchedule::TooMany(delays.len()));
        }
        let total = delays.iter().try_fold(Duration::ZERO, |sum, delay| sum.checked_add(*delay));
        match total {
            Some(total) if total <= MAX_TOTAL => Ok(Self(delays)),
            _ => Err(InvalidSchedule::TooLong),
        }
    }

    fn of_seconds(seconds: &[u64]) -> Self {
        Self(seconds.iter().copied().map(Duration::from_secs).collect())
    }

    /// How many attempts a delivery gets before it has failed.
    pub fn attempts(&self) -> u32 {
        self.0.len() as u32
    }

    /// All delays together: how long it takes to give a delivery up, beside its attempts.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// How long after the change the first attempt is due; as a rule at once. Without jitter.
    pub fn first(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    /// How long to wait before this attempt; attempts count from 1. `None` once there are no more.
    ///
    /// `jitter` is a random number from 0 to 1. The delay is never shorter than the schedule says, and at
    /// most 10 % (and 15 minutes) longer.
    pub fn delay_before(&self, attempt: u32, jitter: f64) -> Option<Duration> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let delay = *self.0.get(index)?;
        // `clamp` keeps NaN, which `max` turns into 0.
        let share = jitter.clamp(0.0, 1.0).max(0.0) * JITTER_SHARE;
        Some(delay + delay.mul_f64(share).min(MAX_JITTER))
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self::plan()
    }
}

impl FromStr for RetrySchedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        match text.trim() {
            "plan" => return Ok(Self::plan()),
            "standard" => return Ok(Self::standard()),
            _ => {}
        }
        // Counted first, so that a long text is refused without being parsed.
        let entries = text.split(',').count();
        if entries > MAX_ATTEMPTS {
            return Err(InvalidSchedule::TooMany(entries));
        }
        Self::new(text.split(',').map(seconds).collect::<Result<_, _>>()?)
    }
}

/// Parses digits with at most one point: no sign, no exponent, no `inf` or `NaN`.
fn seconds(entry: &str) -> Result<Duration, InvalidSchedule> {
    let entry = entry.trim();
    let refused = || InvalidSchedule::Entry(entry.chars().take(40).collect());
    if !entry.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(refused());
    }
    let seconds: f64 = entry.parse().map_err(|_| refused())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| InvalidSchedule::TooLong)
}

impl fmt::Display for RetrySchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, delay) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}", delay.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
