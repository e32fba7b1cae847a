//! The demo tenant: made by the command that an operator uses, filled through the API.

use super::database::DevDatabase;
use super::folder::Folder;
use super::servers::Settings;
use crate::Client;
use crate::process::Program;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// Remembered by the database's URL: with `DATABASE_URL` there may be several.
const FILE: &str = "demo.json";
type Remembered = BTreeMap<String, Demo>;

/// Who they are is in the first two columns; the third is the company's name.
const CONTACTS: [(&str, &str, &str); 5] = [
    ("Ada Lovelace", "ada@analytical.example", "Analytical Engines"),
    ("Grace Hopper", "grace@compilers.example", "Compilers & Sons"),
    ("Edsger Dijkstra", "edsger@shortest.example", "Shortest Path Logistics"),
    ("Barbara Liskov", "barbara@substitution.example", "Substitution Ltd"),
    ("Donald Knuth", "donald@typesetting.example", "Fine Typesetting"),
];

/// What `tenon-api admin tenant create` said.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Demo {
    tenant_id: String,
    pub(super) slug: String,
    pub(super) email: String,
    pub(super) password: String,
    pub(super) api_key: String,
    /// Whether the contacts have been made.
    #[serde(default)]
    filled: bool,
}

impl Demo {
    pub(super) async fn find_or_create(folder: &Folder, settings: &Settings<'_>) -> Result<Self> {
        let mut remembered: Remembered = folder.recall(FILE)?.unwrap_or_default();
        let url = &settings.database.admin_url;
        if let Some(demo) = remembered.get(url)
            && settings.database.has_tenant(&demo.tenant_id).await?
        {
            return Ok(demo.clone());
        }
        let demo = Self::create(settings).await?;
        remembered.insert(url.clone(), demo.clone());
        folder.remember(FILE, &remembered)?;
        Ok(demo)
    }

    async fn create(settings: &Settings<'_>) -> Result<Self> {
        let command = Program::api_command([
            "admin",
            "tenant",
            "create",
            "--name",
            "Demo",
            "--slug",
            "demo",
            "--plan",
            "unlimited",
            "--owner-email",
            "owner@demo.example",
            "--owner-name",
            "Demo Owner",
            "--with-api-key",
        ]);
        let answer = settings.of_operator(command).run().await.context(
            "making the demo tenant; where it is there already and .tenon/demo.json is lost, `cargo dev -- --fresh` helps",
        )?;
        serde_json::from_str(&answer).with_context(|| format!("tenon-api admin tenant create said {answer}"))
    }

    /// Makes the demo's contacts, once.
    pub(super) async fn fill(&self, folder: &Folder, database: &DevDatabase, api_url: &str) -> Result<()> {
        if self.filled {
            return Ok(());
        }
        let client = Client::new(&format!("{api_url}/api/v1")).with_bearer(&self.api_key);
        for (name, email, company) in CONTACTS {
            let body = json!({"name": name, "email": email, "company": company});
            let answer = client.try_send(Method::POST, "/connection/contacts", Some(body)).await?;
            // 409: an earlier start was interrupted after this one.
            ensure!([201, 409].contains(&answer.status.as_u16()), "making a contact: {answer}");
        }
        let mut remembered: Remembered = folder.recall(FILE)?.unwrap_or_default();
        remembered.insert(database.admin_url.clone(), Self { filled: true, ..self.clone() });
        folder.remember(FILE, &remembered)
    }
}
