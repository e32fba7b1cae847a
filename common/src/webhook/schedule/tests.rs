use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<RetrySchedule, InvalidSchedule> {
    text.parse()
}

fn delays(schedule: &RetrySchedule, jitter: f64) -> Vec<f64> {
    (1..)
        .map_while(|attempt| schedule.delay_before(attempt, jitter))
        .map(|delay| delay.as_secs_f64())
        .collect()
}

#[test]
fn default_is_the_plan() {
    let schedule = RetrySchedule::default();
    assert_eq!(delays(&schedule, 0.0), [0.0, 120.0, 240.0, 480.0, 960.0]);
    assert_eq!(schedule.attempts(), 5);
    assert_eq!(schedule, parse("0,120,240,480,960").expect("valid"));
    assert_eq!(schedule.to_string(), "0,120,240,480,960");
}

#[test]
fn named_schedules() {
    assert_eq!(parse("plan"), Ok(RetrySchedule::plan()));
    assert_eq!(parse(" standard "), Ok(RetrySchedule::standard()));
    assert_eq!(RetrySchedule::standard().attempts(), 10);
    assert_eq!(RetrySchedule::plan().total(), Duration::from_secs(1_800));
    assert_eq!(parse("5,1").map(|schedule| schedule.first()), Ok(Duration::from_secs(5)));
    RetrySchedule::new(RetrySchedule::standard().0).expect("within the limits");
}

#[test]
fn decimals_and_spaces() {
    let schedule = parse("0, 0.25, .5 ,1.").expect("valid");
    assert_eq!(delays(&schedule, 0.0), [0.0, 0.25, 0.5, 1.0]);
}

#[test]
fn attempts_count_from_one_and_end() {
    let schedule = RetrySchedule::plan();
    assert_eq!(schedule.delay_before(0, 0.0), None);
    assert_eq!(schedule.delay_before(1, 1.0), Some(Duration::ZERO));
    assert_eq!(schedule.delay_before(5, 0.0), Some(Duration::from_secs(960)));
    assert_eq!(schedule.delay_before(6, 0.0), None);
    assert_eq!(schedule.delay_before(u32::MAX, 0.0), None);
}

#[test]
fn jitter_adds_a_tenth_but_not_over_a_quarter_of_an_hour() {
    let schedule = parse("100,86400").expect("valid");
    assert_eq!(delays(&schedule, 1.0), [110.0, 86_400.0 + 900.0]);
    assert_eq!(delays(&schedule, 0.5), [105.0, 86_400.0 + 900.0]);
    assert_eq!(delays(&schedule, f64::NAN), [100.0, 86_400.0]);
}

#[test]
fn refused_schedules() {
    for entry in ["", "-1", "1e3", "inf", "NaN", "+1", "1.2.3", ".", "one"] {
        let text = format!("0,{entry}");
        assert_eq!(parse(&text), Err(InvalidSchedule::Entry(entry.to_owned())), "{text}");
    }
    assert_eq!(parse(""), Err(InvalidSchedule::Entry(String::new())));
    assert_eq!(parse(&["1"; 21].join(",")), Err(InvalidSchedule::TooMany(21)));
    assert_eq!(parse("604800.1"), Err(InvalidSchedule::TooLong));
    assert_eq!(parse("99999999999999999999999999"), Err(InvalidSchedule::TooLong));
    parse(&["30240"; 20].join(",")).expect("exactly 20 entries and 7 days");
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC*", digits in "[0-9.,]{0,60}") {
        let _ = parse(&text);
        let _ = parse(&digits);
    }

    #[test]
    fn never_early_and_never_much_later(seconds in prop::collection::vec(0u64..30_000, 1..=20), jitter in any::<f64>()) {
        let text = seconds.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let schedule = parse(&text).expect("valid");
        prop_assert_eq!(&schedule.to_string(), &text);
        for (delay, base) in delays(&schedule, jitter).iter().zip(&seconds) {
            let base = *base as f64;
            prop_assert!(*delay >= base && *delay <= base * 1.1 + 1e-6 && *delay <= base + 900.0);
        }
    }
}
