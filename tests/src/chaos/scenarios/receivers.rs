//! Receivers misbehave, each beside a healthy one of the same tenant and one of another.

use anyhow::Result;
use std::time::Duration;

use super::{ANSWER, settled, writers};
use crate::chaos::fault::Fault;
use crate::chaos::listener::Listener;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::{Customer, Site};

/// What a healthy receiver's events may take.
const HEALTHY: Option<Duration> = Some(Duration::from_secs(5));

/// No 2xx head comes in time.
const REFUSING: [Fault; 9] = [
    Fault::Unavailable,
    Fault::Hangs,
    Fault::ClosesAtOnce,
    Fault::ResetsBeforeHead,
    Fault::TricklesHead,
    Fault::NoHttp,
    Fault::LongHead,
    Fault::EndlessHints,
    Fault::SwitchesProtocols,
];
/// One does.
const SPOILING: [Fault; 7] = [
    Fault::Hints,
    Fault::ResetsAfterHead,
    Fault::ResetsInBody,
    Fault::TricklesBody,
    Fault::LengthTooShort,
    Fault::LengthTooLong,
    Fault::ChunkedGarbage,
];
const FLOODING: [Fault; 5] = [Fault::Floods, Fault::Floods, Fault::Floods, Fault::Floods, Fault::LongHead];

pub(super) async fn refuse(setting: &Setting) -> Result<Outcome> {
    misbehave(setting, &REFUSING, setting.pick(16, 50)).await
}

pub(super) async fn spoil(setting: &Setting) -> Result<Outcome> {
    misbehave(setting, &SPOILING, setting.pick(16, 50)).await
}

pub(super) async fn flood(setting: &Setting) -> Result<Outcome> {
    misbehave(setting, &FLOODING, setting.pick(4, 20)).await
}

/// Those that say 2xx do it always; the others a few times, in the long form just often enough for their webhook to be paused.
async fn misbehave(setting: &Setting, faults: &[Fault], count: u32) -> Result<Outcome> {
    let mut site = Site::start(setting).await?;
    let (tenant, other) = (site.first()?, site.customer("Other").await?);
    let mut listeners = Vec::new();
    for (number, fault) in faults.iter().enumerate() {
        let listener = Listener::start(&site.book).await?;
        listener.manner.misbehave(*fault, (!fault.is_taken()).then_some(setting.pick(4, 11)));
        site.hook(&tenant, &listener, &format!("/{number}/{fault:?}"), None).await?;
        listeners.push(listener);
    }
    for (customer, path) in [(&tenant, "/beside"), (&other, "/other")] {
        listeners.push(beside(&mut site, customer, path).await?);
    }
    let written = writers(setting, &[tenant, other]).write(count).await?;
    settled(&mut site, &written).await
}

/// A healthy one, which may not be moved.
async fn beside(site: &mut Site, customer: &Customer, path: &str) -> Result<Listener> {
    let listener = Listener::start(&site.book).await?;
    listener.manner.take(ANSWER);
    site.hook(customer, &listener, path, HEALTHY).await?;
    Ok(listener)
}
