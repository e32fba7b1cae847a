//! The account: what should be there, and what is.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::options::Options;
use super::state::Held;
use super::{FEW, sheet};

/// What became of every row.
#[derive(Debug, Clone)]
pub struct Account {
    pub(super) options: Options,
    /// The worker's peak of memory over the import of the few rows before, in MiB.
    pub(super) few_peak: f64,
    pub(super) imported: Imported,
    pub(super) repeated: Repeated,
    pub(super) exported: Exported,
    pub(super) reverted: Reverted,
}

/// The file under kills.
#[derive(Debug, Clone)]
pub(super) struct Imported {
    pub(super) import: Value,
    pub(super) took: Duration,
    /// From its end until every event was fanned out and audited.
    pub(super) behind: Duration,
    /// The most memory that any of the workers had, in MiB.
    pub(super) peak: f64,
    /// The rows that the file of errors names, with their codes.
    pub(super) named: BTreeMap<u64, String>,
    pub(super) held: Held,
}

/// The same file again.
#[derive(Debug, Clone)]
pub(super) struct Repeated {
    pub(super) import: Value,
    pub(super) took: Duration,
    pub(super) peak: f64,
}

/// Everything out again.
#[derive(Debug, Clone)]
pub(super) struct Exported {
    pub(super) rows: u64,
    pub(super) distinct: u64,
    /// Good rows of the file that are not in it.
    pub(super) missing: u64,
    pub(super) took: Duration,
    /// Memory of the API before and at its most, in MiB.
    pub(super) idle: f64,
    pub(super) peak: f64,
}

/// The import taken back.
#[derive(Debug, Clone)]
pub(super) struct Reverted {
    pub(super) import: Value,
    pub(super) took: Duration,
    /// Whether every contact of before has its fields of before, and there is no other.
    pub(super) as_before: bool,
}

impl Account {
    /// Whether every line is as it should be.
    pub fn is_clean(&self) -> bool {
        self.lines().iter().all(|line| line.wanted == line.found)
    }

    /// The most memory that a worker had for the large file, more than for the few rows, in MiB.
    pub fn growth(&self) -> f64 {
        self.imported.peak.max(self.repeated.peak) - self.few_peak
    }

    fn lines(&self) -> Vec<Line> {
        let rows = self.options.rows;
        let (good, before) = (sheet::good(rows), sheet::good(FEW));
        let bad = rows - good;
        let events = if self.options.events == "all" { good } else { 0 };
        let held = &self.imported.held;
        let faults = sheet::faults(rows);
        let unnamed = faults.iter().filter(|(row, code)| self.imported.named.get(row) != Some(code)).count();
        let invented = self.imported.named.keys().filter(|row| !faults.contains_key(row)).count();
        let count = |import: &Value, name: &str| import[name].as_u64().unwrap_or(u64::MAX);
        let line = |name, wanted, found| Line { name, wanted, found };
        let held_line = |name, wanted, found: i64| Line { name, wanted, found: found.cast_unsigned() };
        vec![
            line("created", good - before, count(&self.imported.import, "created")),
            line("updated", before, count(&self.imported.import, "updated")),
            line("failed", bad, count(&self.imported.import, "failed")),
            line("bad rows not named, or by another reason", 0, unnamed as u64),
            line("good rows named as bad", 0, invented as u64),
            held_line("contacts", good, held.contacts),
            held_line("different contacts", good, held.distinct),
            held_line("events of creations", events, held.events),
            held_line("contacts that these are of", events, held.told),
            held_line("audit entries of creations", events, held.audited),
            line("again: unchanged", good, count(&self.repeated.import, "unchanged")),
            line("again: created", 0, count(&self.repeated.import, "created")),
            line("again: updated", 0, count(&self.repeated.import, "updated")),
            line("again: failed", bad, count(&self.repeated.import, "failed")),
            line("export: rows", good, self.exported.rows),
            line("export: different rows", good, self.exported.distinct),
            line("export: good rows that are not there", 0, self.exported.missing),
            line("revert: taken back", good, count(&self.reverted.import, "reverted")),
            line("revert: kept", 0, count(&self.reverted.import, "kept")),
            line("revert: the state before", 1, self.reverted.as_before.into()),
        ]
    }
}

/// A number beside the one that it should be.
struct Line {
    name: &'static str,
    wanted: u64,
    found: u64,
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { rows, kills, events, seed } = &self.options;
        writeln!(
            formatter,
            "{rows} rows, bulkEvents {events}, {kills} kill -9 of the worker; --seed {seed}\n"
        )?;
        writeln!(formatter, "{:<44}{:>10}{:>10}", "", "should be", "is")?;
        for Line { name, wanted, found } in self.lines() {
            let mark = if wanted == found { "" } else { "  <- wrong" };
            writeln!(formatter, "{name:<44}{wanted:>10}{found:>10}{mark}")?;
        }
        let times = [
            ("import, with kills", self.imported.took),
            ("from its end to the last audit entry", self.imported.behind),
            ("the same file again", self.repeated.took),
            ("export", self.exported.took),
            ("revert", self.reverted.took),
        ];
        writeln!(formatter)?;
        for (name, took) in times {
            writeln!(formatter, "{name:<44}{:>9.1}s", took.as_secs_f64())?;
        }
        let memories = [
            ("the worker's peak, 1,000 rows", self.few_peak),
            ("the worker's peak, all rows, with kills", self.imported.peak),
            ("the worker's peak, the same file again", self.repeated.peak),
            ("the API before the export", self.exported.idle),
            ("the API's peak over the export", self.exported.peak),
        ];
        for (name, mib) in memories {
            writeln!(formatter, "{name:<44}{mib:>6.1} MiB")?;
        }
        Ok(())
    }
}
