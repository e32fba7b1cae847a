//! How fast, how often and in which order a webhook is sent to.

use std::time::Duration;

use serde::Serialize;

use crate::error::FieldError;
use crate::webhook::order;
use crate::webhook::schedule::{InvalidSchedule, RetrySchedule};

/// Deliveries of a second, and at a time, at most.
const PER_SECOND: i32 = 1000;
const CONCURRENCY: i32 = 100;
/// As long as the column may be.
const SCHEDULE_CHARACTERS: usize = 300;
/// With an order one event that a receiver never takes keeps all later ones of its object waiting until its schedule ends: for a day at most.
const ORDERED_TOTAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The pace, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// The most deliveries that begin within a second, over all workers.
    pub max_per_second: Option<i32>,
    /// The most deliveries at a time, over all workers.
    pub max_concurrency: Option<i32>,
    /// `plan`, `standard` or seconds separated by commas; none is the installation's.
    pub retry_schedule: Option<String>,
    /// `none`, or `object`: later events of an object wait for the end of the earlier one's delivery.
    pub ordering: String,
}

/// What a caller says of it, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct PaceDraft {
    /// 1 to 1,000; none for as many as there are.
    pub max_per_second: Option<i32>,
    /// 1 to 100.
    pub max_concurrency: Option<i32>,
    /// See [`Pace`].
    pub retry_schedule: Option<String>,
    /// Defaults to `none`.
    pub ordering: Option<String>,
}

impl Pace {
    /// Whether later events of an object wait for the end of the earlier one's delivery.
    pub fn is_ordered(&self) -> bool {
        self.ordering == order::OBJECT
    }
}

impl PaceDraft {
    /// What is said already.
    pub(super) fn of(pace: &Pace) -> Self {
        Self {
            max_per_second: pace.max_per_second,
            max_concurrency: pace.max_concurrency,
            retry_schedule: pace.retry_schedule.clone(),
            ordering: Some(pace.ordering.clone()),
        }
    }

    pub(super) fn check(self, errors: &mut Vec<FieldError>) -> Pace {
        within("maxPerSecond", self.max_per_second, PER_SECOND, errors);
        within("maxConcurrency", self.max_concurrency, CONCURRENCY, errors);
        let ordering = self.ordering.unwrap_or_else(|| order::NONE.to_owned());
        if ![order::NONE, order::OBJECT].contains(&&*ordering) {
            errors.push(FieldError::new("ordering", "INVALID_VALUE", "Must be one of: none, object"));
        }
        let schedule =
            self.retry_schedule.map(|text| (read(&text), text)).and_then(|(read, text)| match read {
                Ok(schedule) => Some((schedule, text)),
                Err((code, message)) => {
                    errors.push(FieldError::new("retrySchedule", code, message));
                    None
                }
            });
        if ordering == order::OBJECT
            && schedule.as_ref().is_some_and(|(schedule, _)| schedule.total() > ORDERED_TOTAL)
        {
            let message = "With the order of objects a schedule may take a day at most: an event that fails keeps the later ones of its object \
                           waiting until its schedule ends";
            errors.push(FieldError::new("ordering", "WOULD_STALL", message));
        }
        Pace {
            max_per_second: self.max_per_second,
            max_concurrency: self.max_concurrency,
            retry_schedule: schedule.map(|(schedule, text)| kept(&schedule, &text)),
            ordering,
        }
    }
}

fn within(field: &str, number: Option<i32>, most: i32, errors: &mut Vec<FieldError>) {
    if number.is_some_and(|number| !(1..=most).contains(&number)) {
        errors.push(FieldError::new(field, "OUT_OF_RANGE", format!("Must be from 1 to {most}")));
    }
}

/// The schedule, or what is wrong with it: a code, and words.
fn read(text: &str) -> Result<RetrySchedule, (&'static str, String)> {
    let schedule: RetrySchedule =
        text.parse().map_err(|error: InvalidSchedule| (code(&error), error.to_string()))?;
    if schedule.to_string().chars().count() > SCHEDULE_CHARACTERS {
        return Err(("TOO_LONG", format!("At most {SCHEDULE_CHARACTERS} characters")));
    }
    Ok(schedule)
}

fn code(error: &InvalidSchedule) -> &'static str {
    match error {
        InvalidSchedule::Entry(_) => "INVALID_VALUE",
        InvalidSchedule::TooMany(_) => "TOO_MANY",
        InvalidSchedule::TooLong => "TOO_LONG",
    }
}

/// A name stays one, for what it stands for may change; seconds are written as they were understood.
fn kept(schedule: &RetrySchedule, text: &str) -> String {
    match text.trim() {
        name @ ("plan" | "standard") => name.to_owned(),
        _ => schedule.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(draft: PaceDraft) -> Result<Pace, Vec<(String, &'static str)>> {
        let mut errors = Vec::new();
        let pace = draft.check(&mut errors);
        let told: Vec<_> = errors.into_iter().map(|error| (error.pointer, error.code)).collect();
        if told.is_empty() { Ok(pace) } else { Err(told) }
    }

    fn scheduled(text: &str, ordering: &str) -> Result<Pace, Vec<(String, &'static str)>> {
        let (retry_schedule, ordering) = (Some(text.to_owned()), Some(ordering.to_owned()));
        check(PaceDraft { retry_schedule, ordering, ..PaceDraft::default() })
    }

    #[test]
    fn what_is_not_said_is_as_before() {
        let pace = check(PaceDraft::default()).expect("nothing is wrong with nothing");
        assert_eq!((pace.retry_schedule.as_deref(), pace.is_ordered()), (None, false));
    }

    #[test]
    fn a_schedule_is_kept_as_it_was_understood() {
        for (given, kept) in [("plan", "plan"), (" standard ", "standard"), ("0, 5,.5, 300", "0,5,0.5,300")] {
            assert_eq!(scheduled(given, "none").expect("valid").retry_schedule.as_deref(), Some(kept));
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let draft = PaceDraft {
            max_per_second: Some(1001),
            max_concurrency: Some(0),
            retry_schedule: Some("0,soon".to_owned()),
            ordering: Some("time".to_owned()),
        };
        let told = [
            ("/maxPerSecond".to_owned(), "OUT_OF_RANGE"),
            ("/maxConcurrency".to_owned(), "OUT_OF_RANGE"),
            ("/ordering".to_owned(), "INVALID_VALUE"),
            ("/retrySchedule".to_owned(), "INVALID_VALUE"),
        ];
        assert_eq!(check(draft), Err(told.to_vec()));
        let wrong = |code| Err(vec![("/retrySchedule".to_owned(), code)]);
        assert_eq!(scheduled(&["1"; 21].join(","), "none"), wrong("TOO_MANY"));
        assert_eq!(scheduled("0,604801", "none"), wrong("TOO_LONG"));
        assert_eq!(scheduled(&["30240.123456789"; 19].join(","), "none"), wrong("TOO_LONG"));
    }

    #[test]
    fn an_order_that_would_stall_for_longer_than_a_day_is_refused() {
        scheduled("0,86400", "object").expect("a day");
        scheduled("plan", "object").expect("half an hour");
        for schedule in ["standard", "0,86400,1"] {
            assert_eq!(scheduled(schedule, "object"), Err(vec![("/ordering".to_owned(), "WOULD_STALL")]));
            scheduled(schedule, "none").expect("without an order");
        }
    }
}
