//! What a scenario is, and what it is held to.

use anyhow::{Result, bail};
use futures::future::LocalBoxFuture;
use std::fmt;
use std::time::Duration;

use super::account::Account;
use super::options::Options;
use super::scenarios;
use crate::{Cluster, TestDatabase};

/// A fault, what is done beside it, and what is right.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// In a line: what breaks, and what is right besides that nothing is lost.
    pub(super) meaning: &'static str,
    /// Whether it is of the short form.
    pub(super) is_short: bool,
    pub(super) bounds: Bounds,
    pub(super) run: Run,
}

pub(super) type Run = for<'a> fn(&'a Setting) -> LocalBoxFuture<'a, Result<Outcome>>;

/// What a scenario may cost at most. Nothing may be lost in any of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Events that a receiver has taken and gets again.
    pub(super) repeated: u64,
    /// From the answer to the client to the receiver that took the event.
    pub(super) slowest: Duration,
    /// The peaks of resident memory, in MiB.
    pub(super) api_mib: f64,
    pub(super) worker_mib: f64,
}

impl Bounds {
    /// Nothing twice, all within so many seconds, in 128 MiB each.
    pub(super) const fn within(seconds: u64) -> Self {
        Self { repeated: 0, slowest: Duration::from_secs(seconds), api_mib: 128.0, worker_mib: 128.0 }
    }

    pub(super) const fn repeated(self, repeated: u64) -> Self {
        Self { repeated, ..self }
    }
}

/// How a scenario ended.
pub(super) enum Outcome {
    Account(Account),
    /// It could not be done here, and why.
    Skipped(String),
}

/// What scenarios stand on.
pub(super) struct Setting {
    /// A server of this run alone, with PostgreSQL's own durability.
    pub(super) cluster: Cluster,
    pub(super) seed: u32,
    pub(super) is_short: bool,
}

impl Setting {
    /// An empty database.
    pub(super) async fn database(&self) -> TestDatabase {
        TestDatabase::create(&self.cluster).await
    }

    /// How many, or how much: the one in the short form.
    pub(super) fn pick<T>(&self, short: T, long: T) -> T {
        if self.is_short { short } else { long }
    }
}

/// The scenarios that are asked for, in the order of the list.
pub(super) fn chosen(options: &Options) -> Result<Vec<Scenario>> {
    let mut all = scenarios::all();
    if let Some(unknown) = options.only.iter().find(|name| all.iter().all(|scenario| scenario.name != **name))
    {
        bail!("there is no scenario {unknown}; --list says which there are");
    }
    all.retain(|scenario| match options.only.as_slice() {
        [] => scenario.is_short || !options.short,
        only => only.iter().any(|name| name == scenario.name),
    });
    Ok(all)
}

/// The scenarios, a line each.
pub struct List(Vec<Scenario>);

impl List {
    /// Those of the options.
    ///
    /// # Errors
    /// Where a name is no scenario's.
    pub fn of(options: &Options) -> Result<Self> {
        chosen(options).map(Self)
    }
}

impl fmt::Display for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Scenario { name, meaning, is_short, .. } in &self.0 {
            writeln!(formatter, "{name:<26}{}  {meaning}", if *is_short { "short" } else { "     " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(only: &[&str], short: bool) -> Options {
        Options { seed: 1, only: only.iter().map(ToString::to_string).collect(), short, list: false }
    }

    #[test]
    fn names_choose_and_unknown_ones_are_refused() {
        let all = chosen(&options(&[], false)).unwrap();
        let short = chosen(&options(&[], true)).unwrap();
        assert!(!short.is_empty() && short.len() < all.len());
        let one = chosen(&options(&["worker-killed"], true)).unwrap();
        assert_eq!(one.iter().map(|scenario| scenario.name).collect::<Vec<_>>(), ["worker-killed"]);
        assert!(chosen(&options(&["nothing"], false)).is_err());
    }

    #[test]
    fn each_scenario_has_a_name_of_its_own_and_a_meaning() {
        let all = scenarios::all();
        let mut names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|scenario| !scenario.meaning.is_empty() && scenario.name.len() < 26));
    }
}
