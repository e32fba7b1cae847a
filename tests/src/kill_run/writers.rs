//! Clients that create contacts, and say honestly what they know of each.

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

use super::progress::Progress;
use crate::Client;
use crate::stack::text;

const WRITERS: usize = 8;
/// Tries of one event, each under a name of its own.
const TRIES: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// What the clients know.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The contacts of 201 answers.
    pub(super) acknowledged: Vec<Uuid>,
    /// The names of contacts that may have been made: the answer was lost, or said that something went wrong.
    pub(super) doubtful: Vec<String>,
}

/// Creates all contacts. An answer that no kill explains ends it.
pub(super) async fn write(client: &Client, progress: &Progress) -> Result<Written> {
    let writers = (0..WRITERS).map(|_| async {
        let mut written = Written::default();
        while let Some(number) = progress.next().await {
            create(client, number, &mut written).await?;
            progress.sent();
        }
        anyhow::Ok(written)
    });
    let mut all = Written::default();
    for written in futures::future::try_join_all(writers).await? {
        all.acknowledged.extend(written.acknowledged);
        all.doubtful.extend(written.doubtful);
    }
    Ok(all)
}

async fn create(client: &Client, number: u64, written: &mut Written) -> Result<()> {
    for attempt in 1..=TRIES {
        let name = format!("{number}.{attempt}");
        match client.try_send(Method::POST, "/connection/contacts", Some(json!({"name": name}))).await {
            Ok(answer) if answer.status == 201 => {
                written.acknowledged.push(text(&answer.json()["data"], "id").parse().context("the id")?);
                return Ok(());
            }
            // The database may have gone after the commit, before its answer.
            Ok(answer) if answer.status == 503 => written.doubtful.push(name),
            Ok(answer) => bail!("creating a contact: {answer}"),
            Err(error) if was_never_sent(&error) => {}
            Err(_) => written.doubtful.push(name),
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("a contact could not be created in {TRIES} tries")
}

/// Nobody was there to connect to.
fn was_never_sent(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}
