//! What is asked of the API, and nothing else.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::Client;
use crate::stack::text;

/// Contacts of one request.
const BATCH: u64 = 250;
/// What has not ended after this time is stuck.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(25);

/// A webhook, by the API.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    client: Client,
    path: String,
}

impl Webhook {
    pub(super) async fn create(client: &Client, url: &str) -> Result<Self> {
        let client = client.clone();
        let body = json!({"url": url, "events": ["contact.created"]});
        let made = ask(&client, Method::POST, "/webhooks", Some(body)).await?;
        let path = format!("/webhooks/{}", text(&made["data"], "id"));
        Ok(Self { client, path })
    }

    async fn get(&self, rest: &str) -> Result<Value> {
        ask(&self.client, Method::GET, &format!("{}{rest}", self.path), None).await
    }

    async fn post(&self, rest: &str, body: Value) -> Result<Value> {
        ask(&self.client, Method::POST, &format!("{}{rest}", self.path), Some(body)).await
    }

    /// Makes events, and waits until the deliveries of all so far have ended.
    pub(super) async fn write(&self, events: u64, in_all: u64) -> Result<()> {
        let mut left = events;
        while left > 0 {
            let some = left.min(BATCH);
            let items: Vec<Value> =
                (0..some).map(|number| json!({"name": format!("Contact {number}")})).collect();
            ask(
                &self.client,
                Method::POST,
                "/connection/contacts/batch/create",
                Some(json!({"items": items})),
            )
            .await?;
            left -= some;
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let stats = self.get("/stats").await?["data"].clone();
            let of = |name: &str| stats[name].as_u64().unwrap_or_default();
            if of("pending") == 0 && of("delivered") + of("failed") == in_all {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        anyhow::bail!("the deliveries of {in_all} events have not ended after {PATIENCE:?}")
    }

    /// The ids of all deliveries of a status, of the events since then.
    pub(super) async fn listed(&self, status: &str, since: &str) -> Result<Vec<String>> {
        let list = format!("/events?status={status}&type=contact.*&since={since}&limit=200");
        let (mut ids, mut page) = (Vec::new(), list.clone());
        loop {
            let answer = self.get(&page).await?;
            let rows = answer["data"].as_array().context("a list")?;
            ids.extend(rows.iter().map(|row| text(row, "id").to_owned()));
            match answer["pagination"]["nextCursor"].as_str() {
                Some(cursor) => page = format!("{list}&cursor={cursor}"),
                None => return Ok(ids),
            }
        }
    }

    /// The outcomes of a delivery's attempts.
    pub(super) async fn outcomes(&self, event: &str) -> Result<Vec<String>> {
        let attempts = self.get(&format!("/events/{event}/attempts")).await?;
        let attempts = attempts["data"].as_array().context("a list")?;
        Ok(attempts.iter().map(|attempt| text(attempt, "outcome").to_owned()).collect())
    }

    /// How many events a replay would bring.
    pub(super) async fn preview(&self, since: &str) -> Result<u64> {
        let preview = self.post("/replay/preview", json!({"since": since})).await?;
        preview["data"]["selected"].as_u64().context("a number")
    }

    /// Begins a replay; its id.
    pub(super) async fn replay(&self, since: &str, rate: u32) -> Result<String> {
        let begun = self.post("/replay", json!({"since": since, "ratePerSecond": rate})).await?;
        Ok(text(&begun["data"], "id").to_owned())
    }

    pub(super) async fn progress(&self, replay: &str) -> Result<Value> {
        Ok(self.get(&format!("/replays/{replay}")).await?["data"].clone())
    }

    /// The replay once so many deliveries have arrived, or once it has ended.
    pub(super) async fn reach(&self, replay: &str, delivered: u64) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let now = self.progress(replay).await?;
            let is_at_work = ["ready", "running"].contains(&text(&now, "state"));
            if !is_at_work || now["delivered"].as_u64() >= Some(delivered) {
                return Ok(now);
            }
            tokio::time::sleep(LOOK).await;
        }
        anyhow::bail!("the replay has not come as far as {delivered} after {PATIENCE:?}")
    }
}

async fn ask(client: &Client, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let answer = client.try_send(method, path, body).await?;
    ensure!(answer.status.is_success(), "{path}: {answer}");
    Ok(answer.json())
}
