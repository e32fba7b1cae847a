//! PostgreSQL goes and comes back.

use anyhow::{Context, Result};
use futures::future::LocalBoxFuture;
use std::time::Duration;
use tokio::time::sleep;

use super::{Moments, healthy, settled, writers};
use crate::Cluster;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::Site;

/// How long it is away.
const AWAY: Duration = Duration::from_secs(1);

type End = for<'a> fn(&'a Cluster) -> LocalBoxFuture<'a, Result<()>>;

pub(super) async fn stopped(setting: &Setting) -> Result<Outcome> {
    ended(setting, |cluster| Box::pin(cluster.stop())).await
}

pub(super) async fn stopped_at_once(setting: &Setting) -> Result<Outcome> {
    ended(setting, |cluster| Box::pin(cluster.stop_at_once())).await
}

pub(super) async fn killed(setting: &Setting) -> Result<Outcome> {
    ended(setting, |cluster| Box::pin(cluster.kill())).await
}

async fn ended(setting: &Setting, end: End) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let mut moments = Moments::new(setting);
    let ends = async {
        for _ in 0..setting.pick(1, 3) {
            moments.next().await;
            end(&setting.cluster).await.context("ending PostgreSQL")?;
            sleep(AWAY).await;
            setting.cluster.start_again().await.context("starting PostgreSQL again")?;
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(ends).await?;
    settled(&mut site, &written).await
}
