//! Clocks jump while the programs run.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

use super::{healthy, settled, writers};
use crate::Client;
use crate::chaos::account::Account;
use crate::chaos::clock::Clock;
use crate::chaos::fault::Fault;
use crate::chaos::listener::Listener;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::{self, Site};

const HOUR: i32 = 3600;
/// Forward, back, and as it is in the end.
const JUMPS: [i32; 5] = [HOUR, 0, -HOUR, HOUR, 0];
/// How long a clock stays so.
const PAUSE: Duration = Duration::from_secs(3);
/// Longer than a webhook's ten slots can keep up with: some events are put off.
const BUSY: Duration = Duration::from_millis(400);
/// Until the feed has told all.
const FEED: Duration = Duration::from_secs(20);
const MISSING: &str = "libfaketime is not installed (Debian: apt-get install faketime)";

pub(super) async fn of_worker(setting: &Setting) -> Result<Outcome> {
    let Some(clock) = Clock::find()? else { return Ok(Outcome::Skipped(MISSING.to_owned())) };
    let database = setting.database().await;
    let (api, worker) = (site::api(&database), clock.of(site::worker(&database)));
    let mut site = Site::of(database, api, worker).await?;
    let (failing, customer) = healthy(&mut site).await?;
    failing.manner.fail_one_in(5, setting.seed);
    let [busy, paused] = [Listener::start(&site.book).await?, Listener::start(&site.book).await?];
    busy.manner.take(BUSY);
    site.hook(&customer, &busy, "/busy", None).await?;
    site.hook(&customer, &paused, "/paused", None).await?;
    let jumps = async {
        // So many failures that the webhook is paused for a while, by the clock as it is then.
        paused.manner.misbehave(Fault::Unavailable, Some(11));
        clock.jump(&JUMPS, PAUSE).await?;
        paused.manner.heal();
        Ok(())
    };
    let (written, ()) =
        writers(setting, &[customer]).pausing(Duration::from_millis(40)).beside(jumps).await?;
    settled(&mut site, &written).await
}

pub(super) async fn of_api(setting: &Setting) -> Result<Outcome> {
    let Some(clock) = Clock::find()? else { return Ok(Outcome::Skipped(MISSING.to_owned())) };
    let database = setting.database().await;
    let (api, worker) = (clock.of(site::api(&database)), site::worker(&database));
    let mut site = Site::of(database, api, worker).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let client = customer.client.clone();
    let (written, ()) = writers(setting, &[customer]).beside(clock.jump(&JUMPS, PAUSE)).await?;
    let mut account = Account::of(&mut site, &written).await?;
    let (told, again) = feed(&client, account.made).await?;
    let made = account.made;
    account.expect(told == made && again == 0, || {
        format!("the feed told of {told} of {made}, and of {again} again")
    });
    Ok(Outcome::Account(account))
}

/// How many new contacts the feed tells of, and how many of them more than once.
async fn feed(client: &Client, made: u64) -> Result<(u64, u64)> {
    let (end, mut after) = (Instant::now() + FEED, String::new());
    let (mut told, mut again) = (HashSet::new(), 0);
    loop {
        let answer =
            client.try_send(reqwest::Method::GET, &format!("/changes?limit=200{after}"), None).await?;
        ensure!(answer.status == 200, "reading the feed: {answer}");
        let page = answer.json();
        for event in page["data"].as_array().into_iter().flatten() {
            if event["type"] == "contact.created"
                && !told.insert(event["id"].as_str().unwrap_or_default().to_owned())
            {
                again += 1;
            }
        }
        after = format!("&after={}", page["nextCursor"].as_str().context("no cursor")?);
        let is_all = page["hasMore"] == Value::Bool(false) && told.len() as u64 >= made;
        if is_all || Instant::now() > end {
            return Ok((told.len() as u64, again));
        }
        if page["hasMore"] == Value::Bool(false) {
            sleep(PAUSE / 30).await;
        }
    }
}
