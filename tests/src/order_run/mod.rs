//! `cargo order-run`: objects that change again and again, a webhook that gets the events of each in their order, a receiver that refuses
//! some, workers of which one is killed; and an account of the order in which they came.

mod account;
mod book;
mod options;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::stream::{self, StreamExt};
use http::StatusCode;
use serde_json::{Value, json};

use crate::stack::{Stack, text};
use crate::{Client, Cluster, Process, Receiver, Reply};
pub use account::Account;
use book::Book;
pub use options::Options;

/// Refusals and kills must not use up the attempts of a delivery.
const SCHEDULE: &str = "0,0.05,0.05,0.1,0.1,0.2,0.2,0.5,0.5,1,1,2,2,5,5,5,5,5";
/// Objects that are written at a time.
const WRITERS: usize = 24;
/// Where nothing has come for so long, nothing more comes.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Does all of it, on the shared server.
///
/// # Errors
/// Where something does not start, or the API answers otherwise than it should.
pub async fn run(options: &Options) -> Result<Account> {
    let mut stack = Stack::with(SCHEDULE, Cluster::shared().await).await;
    let (receiver, book) = (Receiver::start().await, Book::default());
    refuse_some(&receiver, &book, options);
    let webhook = json!({
        "url": receiver.url("/hook"),
        "events": ["contact.created", "contact.updated"],
        "ordering": if options.unordered { "none" } else { "object" },
    });
    stack.owner.post("/webhooks", webhook).await.status(201);
    let owner = stack.owner.clone();
    let mut begun = Instant::now();
    if options.waiting {
        stack.worker.kill9().await;
        write_all(&owner, options).await?;
        begun = Instant::now();
        stack.worker.try_start_again().await.context("starting the worker")?;
    }
    let _others = others(&stack, options).await;
    let writing = async { if options.waiting { Ok(()) } else { write_all(&owner, options).await } };
    let ((), kills) = tokio::try_join!(writing, kill(&mut stack, &book, options))?;
    reach(&book, options.total()).await;
    Account::draw_up(options, &stack, &book, kills, begun.elapsed()).await
}

fn refuse_some(receiver: &Receiver, book: &Book, options: &Options) {
    let (book, fail_in, mut count) = (book.clone(), options.fail_in, 0_u32);
    receiver.always(move |request| {
        count = count.wrapping_add(1);
        let refuses = fail_in > 0 && count.is_multiple_of(fail_in);
        book.note(request, !refuses);
        Reply::status(if refuses { 500 } else { 204 })
    });
}

/// The workers beside the first.
async fn others(stack: &Stack, options: &Options) -> Vec<Process> {
    let others = (1..options.workers).map(|_| Stack::worker(&stack.database, SCHEDULE).start());
    futures::future::join_all(others).await
}

async fn write_all(owner: &Client, options: &Options) -> Result<()> {
    let objects = stream::iter(0..options.objects).map(|number| write(owner, number, options.events));
    let mut written = objects.buffer_unordered(WRITERS);
    while let Some(result) = written.next().await {
        result?;
    }
    Ok(())
}

/// A contact that comes to have so many versions.
async fn write(owner: &Client, number: u32, versions: u32) -> Result<()> {
    let made = owner.post("/connection/contacts", json!({"name": format!("Contact {number}")})).await;
    let contact: Value = made.created();
    let path = format!("/connection/contacts/{}", text(&contact, "id"));
    for version in 2..=versions {
        let answer = owner.patch(&path, json!({"title": format!("Version {version}")})).await;
        if answer.status != StatusCode::OK {
            bail!("a change was refused: {answer}");
        }
    }
    Ok(())
}

/// Kills the first worker whenever a share of the events has come, and starts it again; how often.
async fn kill(stack: &mut Stack, book: &Book, options: &Options) -> Result<u32> {
    for kill in 1..=options.kills {
        let share = options.total() * u64::from(kill) / u64::from(options.kills + 1);
        if !reach(book, share).await {
            return Ok(kill - 1);
        }
        stack.worker.kill9().await;
        stack.worker.try_start_again().await.context("starting the worker again")?;
    }
    Ok(options.kills)
}

/// Waits for so many events; whether they came.
async fn reach(book: &Book, events: u64) -> bool {
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let now = book.entries().events;
        if now >= events {
            return true;
        }
        if now > before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
}
