//! What is asked of the API: an import sent and followed to its end, its file of errors, the export.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::Client;
use crate::stack::{Stack, text};

/// What takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const LOOK: Duration = Duration::from_millis(20);

/// An import under way.
#[derive(Debug, Clone)]
pub(super) struct Step {
    client: Client,
    path: String,
}

impl Step {
    /// Sends a file that makes, changes or leaves alone by `externalId`.
    pub(super) async fn send(stack: &Stack, events: &str, file: &str) -> Result<Self> {
        let options = json!({"object": "contacts", "mode": "upsert", "matchOn": ["externalId"],
                             "onDuplicate": "fail", "bulkEvents": events});
        let client = stack.owner.clone();
        let sent = client.upload("/imports", &options, "contacts.csv", file.as_bytes()).await;
        ensure!(sent.status == 202, "sending the file: {sent}");
        let path = format!("/imports/{}", text(&sent.json()["data"], "id"));
        Ok(Self { client, path })
    }

    /// The same import, asked for by another client.
    pub(super) fn through(&self, client: &Client) -> Self {
        Self { client: client.clone(), path: self.path.clone() }
    }

    async fn look(&self) -> Value {
        self.client.get(&self.path).await.ok()
    }

    /// Waits until so many rows are done, or all.
    pub(super) async fn reach(&self, row: u64) -> Result<()> {
        self.until(|import| {
            let processed = import["processed"].as_u64().unwrap_or_default();
            processed >= row || !import["finishedAt"].is_null()
        })
        .await
        .map(|_| ())
    }

    /// Waits for the end.
    pub(super) async fn end(&self) -> Result<Value> {
        self.until(|import| ["succeeded", "partial", "failed", "cancelled"].contains(&text(import, "state")))
            .await
    }

    /// Takes the import back.
    pub(super) async fn revert(&self) -> Result<Value> {
        self.client.post(&format!("{}/revert", self.path), Value::Null).await.status(200);
        self.until(|import| text(import, "state") == "reverted").await
    }

    async fn until(&self, done: impl Fn(&Value) -> bool) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let import = self.look().await;
            if done(&import) {
                return Ok(import);
            }
            ensure!(Instant::now() < end, "no end after {PATIENCE:?}: {import}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The rows that the file of errors names, with their codes.
    pub(super) async fn errors(&self, stack: &Stack) -> Result<BTreeMap<u64, String>> {
        let file = download(stack, &format!("{}/errors.csv", self.path)).await?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file.as_slice());
        let place = places(reader.headers()?, ["_row", "_code"])?;
        let mut named = BTreeMap::new();
        for record in reader.records() {
            let record = record?;
            let cell = |place: usize| record.get(place).context("a row of errors is too short");
            named.insert(cell(place[0])?.parse()?, cell(place[1])?.to_owned());
        }
        Ok(named)
    }
}

/// The `externalId`s of an export of all contacts, and how many rows it had.
pub(super) async fn export(stack: &Stack) -> Result<(BTreeSet<String>, u64)> {
    let file = download(stack, "/connection/contacts/export?format=csv").await?;
    let mut reader = csv::Reader::from_reader(file.as_slice());
    let [place] = places(reader.headers()?, ["externalId"])?;
    let (mut ids, mut rows) = (BTreeSet::new(), 0);
    for record in reader.records() {
        ids.insert(record?.get(place).unwrap_or_default().to_owned());
        rows += 1;
    }
    Ok((ids, rows))
}

fn places<const N: usize>(headers: &csv::StringRecord, names: [&str; N]) -> Result<[usize; N]> {
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        *place =
            headers.iter().position(|header| header == name).with_context(|| format!("no column {name}"))?;
    }
    Ok(places)
}

/// All of an answer, however long it takes.
async fn download(stack: &Stack, path: &str) -> Result<Vec<u8>> {
    let url = format!("{}{path}", stack.owner.base());
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client.get(&url).bearer_auth(text(&stack.tenant, "apiKey")).send().await?;
    ensure!(answer.status() == 200, "{path}: {}", answer.status());
    Ok(answer.bytes().await.with_context(|| format!("{path} broke off"))?.to_vec())
}
