//! The programs die, and end in good order.

use anyhow::Result;
use std::time::Duration;

use super::{Moments, healthy, settled, writers};
use crate::chaos::account::Account;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::Site;

/// Long enough for attempts to be under way when the worker is told to stop.
const ANSWER: Duration = Duration::from_millis(60);
/// Slow enough for a webhook's ten slots to keep up with.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn worker(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::mortal(setting).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let mut moments = Moments::new(setting);
    let kills = async {
        for _ in 0..setting.pick(3, 8) {
            moments.next().await;
            site.kill_worker().await?;
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(kills).await?;
    settled(&mut site, &written).await
}

pub(super) async fn api(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let mut moments = Moments::new(setting);
    let kills = async {
        for _ in 0..setting.pick(3, 8) {
            moments.next().await;
            site.kill_api().await?;
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(kills).await?;
    let mut account = Account::of(&mut site, &written).await?;
    unanswered(&mut account, &written.doubtful);
    Ok(Outcome::Account(account))
}

pub(super) async fn both(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::mortal(setting).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let mut moments = Moments::new(setting);
    let kills = async {
        for _ in 0..setting.pick(3, 8) {
            moments.next().await;
            let who = moments.among(3);
            if who != 0 {
                site.kill_worker().await?;
            }
            if who != 1 {
                site.kill_api().await?;
            }
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(kills).await?;
    let mut account = Account::of(&mut site, &written).await?;
    unanswered(&mut account, &written.doubtful);
    Ok(Outcome::Account(account))
}

pub(super) async fn worker_stopped(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (listener, customer) = healthy(&mut site).await?;
    listener.manner.take(ANSWER);
    let mut moments = Moments::new(setting);
    let stops = async {
        for _ in 0..setting.pick(3, 8) {
            moments.next().await;
            site.restart_worker().await?;
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).pausing(PAUSE).beside(stops).await?;
    settled(&mut site, &written).await
}

pub(super) async fn api_stopped(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let mut moments = Moments::new(setting);
    let stops = async {
        for _ in 0..setting.pick(3, 8) {
            moments.next().await;
            site.restart_api().await?;
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(stops).await?;
    let mut account = Account::of(&mut site, &written).await?;
    let unanswered = account.unanswered;
    account.expect(unanswered == 0, || format!("{unanswered} were made and not answered"));
    Ok(Outcome::Account(account))
}

fn unanswered(account: &mut Account, doubtful: &[String]) {
    let (lost, made) = (doubtful.len(), account.unanswered);
    account.note(format!("of {lost} requests whose answer was lost {made} were made"));
}
