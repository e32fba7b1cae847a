//! A receiver's outage, and its recovery.

use anyhow::Result;
use std::time::Duration;
use tokio::time::sleep;

use super::{HOOK, healthy, writers};
use crate::chaos::account::Account;
use crate::chaos::fault::Fault;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::Site;

pub(super) async fn outage(setting: &Setting) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (mut listener, customer) = healthy(&mut site).await?;
    let outage = async {
        listener.go().await;
        sleep(Duration::from_secs(setting.pick(2, 6))).await;
        listener.manner.misbehave(Fault::Unavailable, None);
        listener.come_back().await?;
        sleep(Duration::from_secs(setting.pick(2, 6))).await;
        listener.manner.heal();
        Ok(())
    };
    let (written, ()) = writers(setting, &[customer]).beside(outage).await?;
    let mut account = Account::of(&mut site, &written).await?;
    let page = site.book.page(HOOK);
    let again =
        page.taken.values().filter(|taken| taken.attempts.iter().any(|attempt| attempt != "1")).count();
    account.expect(again > 0, || "nothing had failed before it came".to_owned());
    account.note(format!("{again} came at a later attempt than their first"));
    Ok(Outcome::Account(account))
}
