//! Connections wait, break and fall silent, by proxies of our own.

use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

use super::{HOOK, Moments, healthy, settled, writers};
use crate::Client;
use crate::chaos::account::Account;
use crate::chaos::listener::Listener;
use crate::chaos::proxy::{Proxy, Upstream};
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::{self, Site};

const SECOND: Duration = Duration::from_secs(1);
/// Until a worker goes on by itself, or says that it does not.
const STUCK: Duration = Duration::from_secs(100);
/// Probes in a row that have to fail before somebody starts a program anew, as operators have it.
const PROBES: u32 = 3;

pub(super) async fn of_worker(setting: &Setting) -> Result<Outcome> {
    let database = setting.database().await;
    let proxy = Proxy::start(Upstream::Unix(site::socket(&database).await?), setting.seed).await?;
    let worker = site::worker(&database).env("TENON_DATABASE_URL", &proxy.through(database.worker_url())?);
    let api = site::api(&database);
    let mut site = Site::of(database, api, worker).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let (written, ()) = writers(setting, &[customer]).beside(storm(setting, &proxy)).await?;
    settled(&mut site, &written).await
}

pub(super) async fn of_api(setting: &Setting) -> Result<Outcome> {
    let database = setting.database().await;
    let proxy = Proxy::start(Upstream::Unix(site::socket(&database).await?), setting.seed).await?;
    let api = site::api(&database).env("TENON_DATABASE_URL", &proxy.through(database.app_url())?);
    let worker = site::worker(&database);
    let mut site = Site::of(database, api, worker).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let (written, ()) = writers(setting, &[customer]).beside(storm(setting, &proxy)).await?;
    settled(&mut site, &written).await
}

/// It waits, is reset again and again, refuses, is slow, and heals.
async fn storm(setting: &Setting, proxy: &Proxy) -> Result<()> {
    let mut moments = Moments::new(setting);
    for _ in 0..setting.pick(1, 3) {
        proxy.set(|weather| weather.is_paused = true);
        sleep(2 * SECOND).await;
        proxy.heal();
        for _ in 0..3 {
            moments.next().await;
            proxy.reset_all().await;
        }
        proxy.set(|weather| weather.is_cut = true);
        sleep(SECOND).await;
        proxy.heal();
        proxy.set(|weather| (weather.delay, weather.jitter) = (SECOND / 50, SECOND / 50));
        sleep(2 * SECOND).await;
        proxy.heal();
    }
    Ok(())
}

pub(super) async fn silent(setting: &Setting) -> Result<Outcome> {
    let database = setting.database().await;
    let proxy = Proxy::start(Upstream::Unix(site::socket(&database).await?), setting.seed).await?;
    let worker = site::worker(&database).env("TENON_DATABASE_URL", &proxy.through(database.worker_url())?);
    let api = site::api(&database);
    let mut site = Site::of(database, api, worker).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    // A hundred seconds of them are not to be too many.
    let writers = writers(setting, &[customer]).pausing(SECOND / 5);
    let (written, how) = writers.beside(fall_silent(&mut site, &proxy)).await?;
    let mut account = Account::of(&mut site, &written).await?;
    match how {
        Some(how) => account.note(how),
        None => account
            .wrong
            .push(format!("after {STUCK:?} the worker neither went on nor said that it does not")),
    }
    Ok(Outcome::Account(account))
}

/// How it ended, if it did.
async fn fall_silent(site: &mut Site, proxy: &Proxy) -> Result<Option<String>> {
    let probes = Client::new(&site.stack.worker.operations_url());
    proxy.silence();
    let began = Instant::now();
    // What was on its way comes all the same.
    sleep(5 * SECOND).await;
    let (before, mut failed) = (site.book.count(HOOK), 0);
    while began.elapsed() < STUCK {
        sleep(SECOND).await;
        let seconds = began.elapsed().as_secs();
        // More than a few that had been claimed before.
        if site.book.count(HOOK) > before + 20 {
            return Ok(Some(format!("the worker went on by itself within {seconds} s")));
        }
        let answer = probes.try_send(reqwest::Method::GET, "/livez", None).await;
        failed = if answer.is_ok_and(|answer| answer.status == 200) { 0 } else { failed + 1 };
        if failed == PROBES {
            site.kill_worker().await?;
            return Ok(Some(format!("/livez failed within {seconds} s, and the worker was started anew")));
        }
    }
    Ok(None)
}

pub(super) async fn silent_for_api(setting: &Setting) -> Result<Outcome> {
    let database = setting.database().await;
    let proxy = Proxy::start(Upstream::Unix(site::socket(&database).await?), setting.seed).await?;
    let api = site::api(&database).env("TENON_DATABASE_URL", &proxy.through(database.app_url())?);
    let worker = site::worker(&database);
    let mut site = Site::of(database, api, worker).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let client = customer.client.clone();
    let silence = async {
        proxy.silence();
        let began = Instant::now();
        while began.elapsed() < STUCK {
            sleep(SECOND).await;
            let answer = client.try_send(reqwest::Method::GET, "/connection/contacts?limit=1", None).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(Some(began.elapsed().as_secs()));
            }
        }
        Ok(None)
    };
    let (written, seconds) = writers(setting, &[customer]).beside(silence).await?;
    let mut account = Account::of(&mut site, &written).await?;
    match seconds {
        Some(seconds) => account.note(format!("the API answered again after {seconds} s")),
        None => account.wrong.push(format!("after {STUCK:?} the API does not answer")),
    }
    Ok(Outcome::Account(account))
}

pub(super) async fn lossy(setting: &Setting) -> Result<Outcome> {
    let database = setting.database().await;
    let socket = site::socket(&database).await?;
    let [of_api, of_worker] = [
        Proxy::start(Upstream::Unix(socket.clone()), setting.seed).await?,
        Proxy::start(Upstream::Unix(socket), setting.seed.wrapping_add(1)).await?,
    ];
    let api = site::api(&database).env("TENON_DATABASE_URL", &of_api.through(database.app_url())?);
    let worker =
        site::worker(&database).env("TENON_DATABASE_URL", &of_worker.through(database.worker_url())?);
    let mut site = Site::of(database, api, worker).await?;
    let (listener, customer) = (Listener::start(&site.book).await?, site.first()?);
    let to_receiver = Proxy::start(Upstream::Tcp(listener.address), setting.seed.wrapping_add(2)).await?;
    site.hook_at(&customer, &format!("http://{}{HOOK}", to_receiver.address), HOOK, None).await?;
    let losses = async {
        for (proxy, breaks_one_in) in [(&of_api, 400), (&of_worker, 400), (&to_receiver, 60)] {
            proxy.set(|weather| {
                (weather.delay, weather.jitter) = (SECOND / 200, SECOND / 100);
                weather.breaks_one_in = Some(breaks_one_in);
            });
        }
        sleep(setting.pick(4, 15) * SECOND).await;
        for proxy in [&of_api, &of_worker, &to_receiver] {
            proxy.heal();
        }
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(losses).await?;
    settled(&mut site, &written).await
}
