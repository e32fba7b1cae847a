//! A tenant whose receiver hangs, beside a quiet one.

use anyhow::Result;
use std::time::Duration;
use tokio::time::sleep;

use super::{ANSWER, writers};
use crate::chaos::account::Account;
use crate::chaos::fault::Fault;
use crate::chaos::ledger::Ledger;
use crate::chaos::listener::Listener;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::Site;

const EVENTS: u32 = 600;
const LOOK: Duration = Duration::from_millis(100);
/// How many seconds a transaction may be open: fewer than the deadline of an attempt.
const OPEN: f64 = 2.0;
/// What the quiet one's events may take.
const QUIET: Option<Duration> = Some(Duration::from_secs(3));

pub(super) async fn noisy(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (noisy, quiet) = (site.first()?, site.customer("Quiet").await?);
    let (hanging, healthy) = (Listener::start(&site.book).await?, Listener::start(&site.book).await?);
    hanging.manner.misbehave(Fault::Hangs, None);
    healthy.manner.take(ANSWER);
    site.hook(&noisy, &hanging, "/noisy", None).await?;
    site.hook(&quiet, &healthy, "/quiet", QUIET).await?;

    let loud = writers(setting, &[noisy]).pausing(Duration::ZERO);
    let soft = writers(setting, &[quiet]).pausing(Duration::from_millis(100));
    let mut ledger = Ledger::open(&site).await?;
    let flood = async {
        let (written, mut oldest) = (loud.write(EVENTS).await?, 0.0_f64);
        for _ in 0..setting.pick(40, 150) {
            sleep(LOOK).await;
            oldest = oldest.max(ledger.oldest_transaction().await?);
        }
        Ok((written, oldest))
    };
    let (mut written, (beside, oldest)) = soft.beside(flood).await?;
    let hung = site.book.requests("/noisy");
    hanging.manner.heal();
    written.add(beside);
    let mut account = Account::of(&mut site, &written).await?;
    account.expect(oldest < OPEN, || {
        format!("a transaction was open for {oldest:.1} s while receivers were waited for")
    });
    account.note(format!("{hung} of the noisy tenant's {EVENTS} met the receiver that hangs"));
    Ok(Outcome::Account(account))
}
