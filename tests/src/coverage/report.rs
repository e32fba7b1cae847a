//! What is said of the lines.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::lines::Lines;

/// What is asked of all, and of the folders whose faults cost most.
const ASKED: f64 = 90.0;
const ASKED_OF_SOME: f64 = 95.0;
const SOME: [&str; 4] = ["account", "db", "queue", "webhook"];

/// How many lines there are, and how many of them were run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    run: usize,
    all: usize,
}

impl Count {
    fn add(&mut self, was_run: bool) {
        self.run += usize::from(was_run);
        self.all += 1;
    }

    fn percent(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "lines of code are few")]
        let share = self.run as f64 / self.all.max(1) as f64;
        share * 100.0
    }
}

/// The lines by package and folder.
#[derive(Debug, Clone, Default)]
pub struct Report {
    all: Count,
    packages: BTreeMap<String, Count>,
    folders: BTreeMap<String, Count>,
    not_run: Vec<(PathBuf, Vec<usize>)>,
}

impl Report {
    pub(super) fn of(lines: &Lines, lines_of: Option<&Path>) -> Self {
        let mut report = Self::default();
        for (path, file) in lines {
            let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
            let package = parts.next().unwrap_or_default();
            let room = parts.nth(1).unwrap_or_default();
            let room = format!("{package}/src/{}", room.trim_end_matches(".rs"));
            for was_run in file.values() {
                report.all.add(*was_run);
                report.packages.entry(package.clone()).or_default().add(*was_run);
                report.folders.entry(room.clone()).or_default().add(*was_run);
            }
            if lines_of.is_some_and(|folder| path.starts_with(folder)) {
                let missed = file.iter().filter(|(_, was_run)| !**was_run).map(|(line, _)| *line).collect();
                report.not_run.push((path.clone(), missed));
            }
        }
        report.not_run.retain(|(_, missed)| !missed.is_empty());
        report
    }

    /// Whether as much was run as is asked.
    pub fn is_enough(&self) -> bool {
        self.all.percent() >= ASKED
            && self.folders.iter().all(|(folder, count)| count.percent() >= asked_of(folder))
    }
}

/// How much of a folder is asked, in percent; nothing of one that is not named.
fn asked_of(folder: &str) -> f64 {
    let is_named = folder.rsplit('/').next().is_some_and(|name| SOME.contains(&name));
    if is_named { ASKED_OF_SOME } else { 0.0 }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, count: Count, asked: f64| {
            let verdict = if count.percent() < asked { format!("  {asked} asked") } else { String::new() };
            writeln!(
                formatter,
                "{name:<32}{:>7} of {:>6}  {:>5.1} %{verdict}",
                count.run,
                count.all,
                count.percent()
            )
        };
        for (package, count) in &self.packages {
            line(package, *count, 0.0)?;
            let of_package = format!("{package}/");
            for (folder, count) in self.folders.iter().filter(|(folder, _)| folder.starts_with(&of_package)) {
                line(&format!("  {folder}"), *count, asked_of(folder))?;
            }
        }
        line("all", self.all, ASKED)?;
        for (path, missed) in &self.not_run {
            writeln!(formatter, "{}: {}", path.display(), runs(missed).join(" "))?;
        }
        Ok(())
    }
}

/// Lines that follow each other, as `3-5`.
fn runs(lines: &[usize]) -> Vec<String> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *line => *end = *line,
            _ => runs.push((*line, *line)),
        }
    }
    let text = |(begin, end)| if begin == end { format!("{begin}") } else { format!("{begin}-{end}") };
    runs.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: &[(&str, &[(usize, bool)])]) -> Lines {
        of.iter().map(|(path, lines)| (path.into(), lines.iter().copied().collect())).collect()
    }

    #[test]
    fn lines_are_counted_by_package_and_folder() {
        let all = lines(&[
            ("api/src/app.rs", &[(1, true)]),
            ("common/src/queue/acker.rs", &[(1, true), (2, false), (3, false), (5, false)]),
            ("common/src/queue/deep/fetcher.rs", &[(1, true)]),
        ]);
        let report = Report::of(&all, Some(Path::new("common/src/queue")));
        assert_eq!(report.all, Count { run: 3, all: 6 });
        assert_eq!(report.packages["common"], Count { run: 2, all: 5 });
        assert_eq!(report.folders["common/src/queue"], Count { run: 2, all: 5 });
        assert_eq!(report.folders["api/src/app"], Count { run: 1, all: 1 });
        assert!(!report.is_enough());
        let text = report.to_string();
        assert!(text.contains("40.0 %  95 asked") && text.contains("acker.rs: 2-3 5"), "{text}");
    }
}
