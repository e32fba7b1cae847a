//! The table, for people and as JSON.

use serde_json::{Map, Value, json};
use std::fmt::Write;

use super::machine::Machine;
use super::options::Options;
use super::row::{Bar, Row, Sample, Spread};

/// All that was measured.
pub(super) struct Report<'a> {
    pub(super) rows: Vec<Row>,
    pub(super) options: &'a Options,
    pub(super) machine: &'a Machine,
    pub(super) postgres: String,
}

const HEAD: [&str; 8] =
    ["row", "unit", "ours", "yardstick", "compared", "bar", "CPU ms/op", "yardstick's CPU"];

impl Report<'_> {
    /// For people.
    pub(super) fn table(&self) -> String {
        let mut lines: Vec<[String; 8]> = vec![HEAD.map(str::to_owned)];
        lines.extend(self.rows.iter().map(line));
        let mut widths = [0; 8];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for line in &lines {
            let cells: Vec<String> =
                line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        self.legend(&mut text);
        text
    }

    fn legend(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\nMedians of {} rounds (least–most), PostgreSQL {}, {} processors. CPU: API, worker and PostgreSQL, of yardsticks \
             the program and PostgreSQL; clients and receivers apart. pgbench: {}.",
            self.options.rounds,
            self.postgres,
            self.machine.processors,
            if self.options.unpipelined { "a round trip a statement" } else { "round trips as the API's" }
        );
        for row in &self.rows {
            let notes = row.notes();
            if !notes.is_empty() || !row.yardstick_name.is_empty() {
                let notes: Vec<String> =
                    notes.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
                let against = match row.yardstick_name {
                    "" => String::new(),
                    name => format!("against {name}. "),
                };
                let _ = writeln!(text, "  {}: {against}{}", row.name, notes.join("; "));
            }
        }
        let shares = Spread::of(self.machine.shares());
        let names: Vec<String> =
            self.machine.names().iter().map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
        let _ = writeln!(
            text,
            "Load average before: {}. Other processes used {} of the machine while it was measured{}{}.",
            self.machine.load_before,
            shares.map_or_else(String::new, |s| format!(
                "{:.0} % ({:.0}–{:.0} %)",
                s.median * 100.0,
                s.least * 100.0,
                s.most * 100.0
            )),
            if names.is_empty() { "" } else { "; most: " },
            names.join(", ")
        );
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let shares = self.machine.shares();
        let names: Map<String, Value> =
            self.machine.names().into_iter().map(|(name, seconds)| (name, json!(seconds))).collect();
        json!({
            "rounds": self.options.rounds,
            "seconds": self.options.seconds,
            "percent": self.options.percent,
            "pipelined": !self.options.unpipelined,
            "postgres": self.postgres,
            "processors": self.machine.processors,
            "loadAverageBefore": self.machine.load_before,
            "othersShare": {"median": Spread::of(shares.clone()).map(|s| s.median), "all": shares},
            "othersSeconds": names,
            "rows": self.rows.iter().map(row_json).collect::<Vec<_>>(),
        })
    }
}

fn line(row: &Row) -> [String; 8] {
    let spread = |spread: Option<Spread>| spread.map_or_else(|| "–".to_owned(), show);
    let bar = match row.bar {
        Bar::Ratio(least) => format!("≥ {}", number(least)),
        Bar::Times(most) => format!("≤ {most} times"),
        Bar::Above(most) => format!("≤ +{most}"),
        Bar::AboveTwice(most) => format!("≤ 2 times +{most}"),
        Bar::AtMost(most) => format!("≤ {most}"),
        Bar::Nothing => "–".to_owned(),
    };
    let judged = match row.bar {
        Bar::Nothing => "",
        _ if row.reached() => " reached",
        _ => " MISSED",
    };
    [
        row.name.to_owned(),
        row.unit.to_owned(),
        spread(Spread::of_values(&row.ours)),
        spread(Spread::of_values(&row.yardstick)),
        spread(Spread::of(row.compared())),
        bar + judged,
        spread(Spread::of_cpu(&row.ours)),
        spread(Spread::of_cpu(&row.yardstick)),
    ]
}

fn show(spread: Spread) -> String {
    format!("{} ({}–{})", number(spread.median), number(spread.least), number(spread.most))
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn row_json(row: &Row) -> Value {
    let (kind, limit) = match row.bar {
        Bar::Ratio(least) => ("ratio at least", Some(least)),
        Bar::Times(most) => ("times the yardstick at most", Some(most)),
        Bar::Above(most) => ("above the yardstick at most", Some(most)),
        Bar::AboveTwice(most) => ("above twice the yardstick at most", Some(most)),
        Bar::AtMost(most) => ("at most", Some(most)),
        Bar::Nothing => ("none", None),
    };
    json!({
        "name": row.name,
        "unit": row.unit,
        "yardstickIs": row.yardstick_name,
        "bar": {"kind": kind, "limit": limit, "reached": row.reached()},
        "ours": samples(&row.ours),
        "yardstick": samples(&row.yardstick),
        "compared": row.compared(),
        "notes": row.notes(),
    })
}

fn samples(samples: &[Sample]) -> Value {
    let one = |sample: &Sample| {
        let notes: Map<String, Value> =
            sample.notes.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({"value": sample.value, "cpuMsPerOperation": sample.cpu_ms, "notes": notes})
    };
    Value::Array(samples.iter().map(one).collect())
}
