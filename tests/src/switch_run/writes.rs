//! What is written meanwhile.

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::Client;
use crate::stack::text;

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(30);

/// A change that is known to have been committed between two instants.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) event: &'static str,
    pub(super) object: Uuid,
    pub(super) version: i64,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

/// A client's requests.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) writes: Vec<Write>,
    contacts: Vec<String>,
}

impl Writes {
    /// A few of them: contacts that are created alone or together, and changed.
    pub(super) async fn some(&mut self, client: &Client, rng: &mut StdRng) -> Result<()> {
        for _ in 0..rng.random_range(1..5) {
            tokio::time::sleep(PAUSE.mul_f64(rng.random())).await;
            let name = format!("Contact {}", rng.random::<u64>());
            let contact = self.contacts.choose(rng).cloned();
            match (rng.random_range(0..3), contact) {
                (0, _) => {
                    let items: Vec<Value> = vec![json!({"name": name}); rng.random_range(2..30)];
                    let path = "/connection/contacts/batch/create";
                    let answer = client.try_send(Method::POST, path, Some(json!({"items": items}))).await?;
                    ensure!(answer.status == 200, "contacts: {answer}");
                }
                (1, Some(id)) => {
                    let path = format!("/connection/contacts/{id}");
                    self.one(client, "contact.updated", Method::PATCH, &path, &name).await?;
                }
                _ => self.one(client, "contact.created", Method::POST, "/connection/contacts", &name).await?,
            }
        }
        Ok(())
    }

    async fn one(
        &mut self,
        client: &Client,
        event: &'static str,
        method: Method,
        path: &str,
        name: &str,
    ) -> Result<()> {
        let sent = Instant::now();
        let answer = client.try_send(method, path, Some(json!({"name": name}))).await?;
        ensure!(matches!(answer.status.as_u16(), 200 | 201), "a contact: {answer}");
        let contact = answer.json()["data"].clone();
        let id = text(&contact, "id").to_owned();
        self.writes.push(Write {
            event,
            object: id.parse()?,
            version: contact["version"].as_i64().unwrap_or_default(),
            sent,
            answered: Instant::now(),
        });
        self.contacts.push(id);
        Ok(())
    }
}
