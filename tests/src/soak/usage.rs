//! What is done: mostly nothing, then a contact or a few, now and then an import, a webhook that is switched off and on.

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use crate::Client;

/// The longest pause. Most are far shorter.
const LONGEST: Duration = Duration::from_secs(4);
/// The most contacts at once.
const FEW: u32 = 5;
/// The most rows of an import.
const ROWS: u32 = 40;

/// Somebody who uses the API.
pub(super) struct Usage<'a> {
    client: &'a Client,
    /// The webhook that is switched, and whether it is off.
    webhook: &'a str,
    is_off: bool,
    chance: StdRng,
    /// Contacts that were made, by requests and by rows of imports that were accepted.
    pub(super) changes: u64,
    pub(super) switches: u64,
    pub(super) imports: u64,
}

impl<'a> Usage<'a> {
    pub(super) fn new(client: &'a Client, webhook: &'a str, seed: u32) -> Self {
        let chance = StdRng::seed_from_u64(seed.into());
        Self { client, webhook, is_off: false, chance, changes: 0, switches: 0, imports: 0 }
    }

    /// A pause, and something after it.
    pub(super) async fn next(&mut self) -> Result<()> {
        let long: f64 = self.chance.random();
        tokio::time::sleep(LONGEST.mul_f64(long.powi(3))).await;
        match self.chance.random_range(0..100) {
            0..70 => self.create().await,
            70..85 => self.switch(!self.is_off).await,
            85..95 => {
                for is_off in [!self.is_off, self.is_off] {
                    self.switch(is_off).await?;
                }
                Ok(())
            }
            _ => self.import().await,
        }
    }

    /// Leaves the webhook on.
    pub(super) async fn finish(&mut self) -> Result<()> {
        if self.is_off { self.switch(false).await } else { Ok(()) }
    }

    async fn create(&mut self) -> Result<()> {
        for _ in 0..self.chance.random_range(1..=FEW) {
            let name = json!({"name": format!("Contact {}", self.changes)});
            self.ask(Method::POST, "/connection/contacts", Some(name), 201).await?;
            self.changes += 1;
        }
        Ok(())
    }

    async fn switch(&mut self, is_off: bool) -> Result<()> {
        let path = format!("/webhooks/{}", self.webhook);
        if is_off {
            self.ask(Method::PATCH, &path, Some(json!({"active": false})), 200).await?;
        } else {
            self.ask(Method::POST, &format!("{path}/enable"), None, 200).await?;
        }
        self.is_off = is_off;
        self.switches += 1;
        Ok(())
    }

    async fn import(&mut self) -> Result<()> {
        let rows = self.chance.random_range(1..=ROWS);
        let mut file = "Name\n".to_owned();
        for row in 0..rows {
            file.push_str(&format!("Import {} row {row}\n", self.imports));
        }
        let options = json!({"object": "contacts", "bulkEvents": "all"});
        let sent = self.client.upload("/imports", &options, "contacts.csv", file.as_bytes()).await;
        ensure!(sent.status == 202, "sending a file: {sent}");
        self.imports += 1;
        self.changes += u64::from(rows);
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>, expected: u16) -> Result<()> {
        let answer = self.client.try_send(method, path, body).await?;
        ensure!(answer.status == expected, "{answer}");
        Ok(())
    }
}
