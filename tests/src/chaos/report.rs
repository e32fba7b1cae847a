//! The table.

use std::fmt;
use std::time::Duration;

use super::account::Account;

/// What became of each scenario.
pub struct Report {
    pub(super) seed: u32,
    pub(super) took: Duration,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) took: Duration,
    pub(super) ended: Ended,
}

pub(super) enum Ended {
    Account(Account),
    /// Why it could not be done here.
    Skipped(String),
    /// It broke off: it did not end in time, or what it stands on failed.
    Broken(String),
}

impl Report {
    /// Whether nothing was lost, and no bound was passed.
    pub fn is_clean(&self) -> bool {
        self.lines.iter().all(|line| match &line.ended {
            Ended::Account(account) => account.wrong.is_empty(),
            Ended::Skipped(_) => true,
            Ended::Broken(_) => false,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, took, lines } = self;
        writeln!(formatter, "{} scenarios in {:.0} s; --seed {seed}\n", lines.len(), took.as_secs_f64())?;
        writeln!(
            formatter,
            "{:<26}{:>7}{:>7}{:>9}{:>6}{:>9}{:>9}{:>9}{:>6}{:>6}{:>7}{:>7}",
            "scenario",
            "made",
            "due",
            "received",
            "lost",
            "repeated",
            "requests",
            "slowest",
            ">30 s",
            "API",
            "worker",
            "took"
        )?;
        for line in lines {
            write!(formatter, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, took) = (self.name, self.took.as_secs_f64());
        let account = match &self.ended {
            Ended::Account(account) => account,
            Ended::Skipped(reason) => return writeln!(formatter, "{name:<26}skipped: {reason}"),
            Ended::Broken(error) => return writeln!(formatter, "{name:<26}WRONG after {took:.0} s: {error}"),
        };
        let Account { made, due, received, lost, repeated, requests, late, peaks, .. } = account;
        let slowest = account.slowest.as_secs_f64();
        let verdict = if account.wrong.is_empty() { "" } else { "  WRONG" };
        writeln!(
            formatter,
            "{name:<26}{made:>7}{due:>7}{received:>9}{lost:>6}{repeated:>9}{requests:>9}{slowest:>8.1}s{late:>6}{:>6.0}{:>7.0}{took:>6.0}s{verdict}",
            peaks.api, peaks.worker
        )?;
        for wrong in &account.wrong {
            writeln!(formatter, "    WRONG: {wrong}")?;
        }
        for note in &account.notes {
            writeln!(formatter, "    {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_or_broken_makes_the_run_fail_and_what_is_skipped_does_not() {
        let report = |ended| {
            let lines = vec![Line { name: "one", took: Duration::from_secs(1), ended }];
            Report { seed: 7, took: Duration::from_secs(1), lines }
        };
        let wrong = Account { wrong: vec!["it is wrong".to_owned()], ..Account::default() };
        assert!(report(Ended::Account(Account::default())).is_clean());
        assert!(report(Ended::Skipped("no network".to_owned())).is_clean());
        assert!(!report(Ended::Broken("no end".to_owned())).is_clean());
        let report = report(Ended::Account(wrong));
        assert!(!report.is_clean());
        let text = report.to_string();
        assert!(text.contains("--seed 7") && text.contains("WRONG: it is wrong"), "{text}");
    }
}
