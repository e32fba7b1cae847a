//! The machine during the run: what it was doing before, and what else used it.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::process;
use crate::Cluster;

/// What is known of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    /// PostgreSQL's parent process.
    pub(super) postmaster: u32,
    /// Before anything was started.
    pub(super) load_before: String,
    pub(super) processors: usize,
    others: Mutex<Others>,
}

#[derive(Debug, Default)]
struct Others {
    /// The share of the machine that others used, of each measurement.
    shares: Vec<f64>,
    /// Milliseconds by name of those that lived through a measurement.
    names: HashMap<String, f64>,
}

impl Machine {
    pub(super) async fn look(cluster: &Cluster) -> Result<Self> {
        let load_before = process::load_average();
        let mut connection = cluster.connect().await?;
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await?;
        let backend = process::stat(backend.try_into()?).context("PostgreSQL's processes are not seen")?;
        let processors = std::thread::available_parallelism()?.get();
        Ok(Self { postmaster: backend.parent, load_before, processors, others: Mutex::default() })
    }

    /// Others used this share during a measurement.
    pub(super) fn note(&self, share: f64, names: impl IntoIterator<Item = (String, f64)>) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.shares.push(share);
        for (name, ms) in names {
            *others.names.entry(name).or_default() += ms;
        }
    }

    /// The shares of others, smallest first.
    pub(super) fn shares(&self) -> Vec<f64> {
        let mut shares = self.others.lock().unwrap_or_else(PoisonError::into_inner).shares.clone();
        shares.sort_by(f64::total_cmp);
        shares
    }

    /// Who used most, in seconds.
    pub(super) fn names(&self) -> Vec<(String, f64)> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = others.names.iter().map(|(name, ms)| (name.clone(), ms / 1e3)).collect();
        names.sort_by(|a, b| b.1.total_cmp(&a.1));
        names.truncate(6);
        names.retain(|(_, seconds)| *seconds >= 0.1);
        names
    }
}
