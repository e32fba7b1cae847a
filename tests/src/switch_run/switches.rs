//! The webhooks, and how each is switched.

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::stack::{Stack, text};
use crate::{Client, Receiver};

/// What a webhook subscribes to in turn.
const SUBSCRIPTIONS: [&[&str]; 3] =
    [&["contact.created"], &["contact.created", "contact.updated"], &["contact.updated"]];
/// Between two switches.
const PAUSE: Duration = Duration::from_millis(40);

/// What a webhook is, so far as it decides what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    active: bool,
    events: &'static [&'static str],
}

impl State {
    pub(super) fn gets(&self, event: &str) -> bool {
        self.active && self.events.contains(&event)
    }
}

/// A switch that was asked for.
#[derive(Debug)]
struct Switch {
    to: State,
    asked: Instant,
    answered: Instant,
}

/// A webhook, with all that was done to it.
#[derive(Debug)]
pub(super) struct Switched {
    pub(super) name: &'static str,
    pub(super) id: String,
    /// Events that its enabling has told of.
    pub(super) told: i64,
    on_and_off: bool,
    subscriptions: bool,
    switches: Vec<Switch>,
}

impl Switched {
    /// One that is switched on and off, one whose subscription is changed, and one of which both is done.
    pub(super) async fn create_all(stack: &Stack, receiver: &Receiver) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for (name, on_and_off, subscriptions) in
            [("switched", true, false), ("subscribed", false, true), ("both", true, true)]
        {
            let to = State { active: true, events: SUBSCRIPTIONS[1] };
            let asked = Instant::now();
            let body = json!({"url": receiver.url(&format!("/{name}")), "events": to.events});
            let answer = stack.owner.try_send(Method::POST, "/webhooks", Some(body)).await?;
            ensure!(answer.status == 201, "a webhook: {answer}");
            let id = text(&answer.json()["data"], "id").to_owned();
            let switches = vec![Switch { to, asked, answered: Instant::now() }];
            all.push(Self { name, id, told: 0, on_and_off, subscriptions, switches });
        }
        Ok(all)
    }

    /// How often it was switched.
    pub(super) fn count(&self) -> usize {
        self.switches.len() - 1
    }

    /// What it was from before `begin` until after `end`; none where it was switched meanwhile, or may have been.
    pub(super) fn surely(&self, begin: Instant, end: Instant) -> Option<State> {
        let before = self.switches.iter().rposition(|switch| switch.answered < begin)?;
        let later = &self.switches[before + 1..];
        later.iter().all(|switch| switch.asked > end).then(|| self.switches[before].to)
    }

    fn state(&self) -> State {
        self.switches[self.switches.len() - 1].to
    }

    /// Switches it a few times.
    pub(super) async fn some(&mut self, client: &Client, mut rng: StdRng) -> Result<()> {
        for _ in 0..rng.random_range(1..4) {
            tokio::time::sleep(PAUSE.mul_f64(rng.random())).await;
            let now = self.state();
            let on_and_off = self.on_and_off && (!self.subscriptions || rng.random());
            if !on_and_off {
                let events = *SUBSCRIPTIONS.choose(&mut rng).context("there are some")?;
                self.patch(client, State { events, ..now }, json!({"events": events})).await?;
            } else if now.active || rng.random() {
                let to = State { active: !now.active, ..now };
                self.patch(client, to, json!({"active": to.active})).await?;
            } else {
                self.enable(client).await?;
            }
        }
        Ok(())
    }

    /// Enables it, active or not.
    pub(super) async fn enable(&mut self, client: &Client) -> Result<()> {
        let to = State { active: true, ..self.state() };
        self.ask(client, to, Method::POST, &format!("/webhooks/{}/enable", self.id), None).await
    }

    async fn patch(&mut self, client: &Client, to: State, fields: Value) -> Result<()> {
        self.ask(client, to, Method::PATCH, &format!("/webhooks/{}", self.id), Some(fields)).await
    }

    async fn ask(
        &mut self,
        client: &Client,
        to: State,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<()> {
        let asked = Instant::now();
        let answer = client.try_send(method, path, body).await?;
        ensure!(answer.status == 200, "switching a webhook: {answer}");
        self.switches.push(Switch { to, asked, answered: Instant::now() });
        for warning in answer.json()["data"]["warnings"].as_array().into_iter().flatten() {
            let count = warning.as_str().and_then(|text| text.split(' ').next()?.parse::<i64>().ok());
            self.told += count.with_context(|| format!("no number in {warning}"))?;
        }
        Ok(())
    }
}
