//! Of the events of its types a webhook gets those that it wants. Nothing is read, asked or kept for those that want all.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{Match, Matches};
use crate::actor::ActorReference;
use crate::db::TenantTx;
use crate::error::Result;
use crate::id::{EventId, WebhookId};
use crate::webhook::wish::{Event, Judge, Lineages, Owner, Verdict, Wish, actor_of};

/// What the webhooks want: each once, and what they wanted in an earlier state beside the match.
#[derive(Default)]
pub(super) struct Wishes {
    now: HashMap<WebhookId, Wish>,
    owners: HashMap<WebhookId, Owner>,
    earlier: HashMap<(EventId, WebhookId), Wish>,
}

/// How often each verdict was spoken.
#[derive(Default)]
pub(super) struct Verdicts(Vec<Verdict>);

impl Verdicts {
    /// After the commit.
    pub(super) fn count(&self) {
        self.0.iter().for_each(|verdict| verdict.count(1));
    }
}

impl Wishes {
    /// Takes in what a webhook wants, from its first row.
    pub(super) fn take(&mut self, row: &PgRow, webhook: WebhookId) -> sqlx::Result<()> {
        let filter = row.try_get::<Option<&str>, _>("filter")?.map(Arc::from);
        let wish = Wish { filter, skip_own: row.try_get("skip_own")? };
        if !wish.is_for_all() {
            self.now.insert(webhook, wish);
        }
        let owner = Owner { creator: row.try_get("created_by")?, lineage: row.try_get("own_key")? };
        self.owners.insert(webhook, owner);
        Ok(())
    }

    /// Takes in what it wanted when the event was committed, where that was in an earlier state.
    pub(super) fn take_earlier(
        &mut self,
        row: &PgRow,
        event: EventId,
        webhook: WebhookId,
    ) -> sqlx::Result<()> {
        if let Some([filter, skip_own]) = row.try_get::<Option<[Option<String>; 2]>, _>("earlier")? {
            let wish = Wish { filter: filter.map(Arc::from), skip_own: skip_own.as_deref() == Some("true") };
            self.earlier.insert((event, webhook), wish);
        }
        Ok(())
    }

    /// What a webhook wants of an event; nothing where it wants all.
    fn of(&self, pair: &Match) -> Option<&Wish> {
        let earlier = self.earlier.get(&(pair.event_id, pair.webhook_id));
        earlier.or_else(|| self.now.get(&pair.webhook_id)).filter(|wish| !wish.is_for_all())
    }
}

/// Leaves out what the webhooks do not want, and notes what could not be judged.
pub(super) async fn keep_wanted(tx: &mut TenantTx<'_>, matches: &mut Matches) -> Result<Verdicts> {
    let Matches { pairs, wishes, .. } = &*matches;
    let mut wishing: HashMap<EventId, Vec<usize>> = HashMap::new();
    for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| wishes.of(pair).is_some()) {
        wishing.entry(pair.event_id).or_default().push(at);
    }
    if wishing.is_empty() {
        return Ok(Verdicts::default());
    }
    let lineages = Lineages::of(tx, &keys_to_ask_for(matches, &wishing)).await?;
    let Matches { pairs, events, wishes, .. } = matches;
    let mut judge = Judge::new(lineages);
    let mut verdicts = Vec::new();
    for (event, places) in &wishing {
        let Some(event) = events.get(event) else { continue };
        let event = Event::new(&event.body);
        for at in places {
            let Some(pair) = pairs.get_mut(*at) else { continue };
            let Some(wish) = wishes.of(pair) else { continue };
            pair.verdict = judge.judge(wish, wishes.owners.get(&pair.webhook_id), &event);
            verdicts.push(pair.verdict);
        }
    }
    pairs.retain(|pair| pair.verdict.delivers());
    Ok(Verdicts(verdicts))
}

/// The keys whose changes may be a webhook's own, and which are not its creator themselves.
fn keys_to_ask_for(matches: &Matches, wishing: &HashMap<EventId, Vec<usize>>) -> Vec<Uuid> {
    let Matches { pairs, events, wishes, .. } = matches;
    let mut keys = Vec::new();
    for (event, places) in wishing {
        let skipping = places
            .iter()
            .filter_map(|at| pairs.get(*at))
            .filter(|pair| wishes.of(pair).is_some_and(|wish| wish.skip_own));
        let mut owners = skipping.filter_map(|pair| wishes.owners.get(&pair.webhook_id)).peekable();
        // Nobody asks, nothing is read.
        if owners.peek().is_none() {
            continue;
        }
        let actor: Option<ActorReference> = events.get(event).and_then(|event| actor_of(&event.body));
        keys.extend(actor.and_then(|actor| owners.find_map(|owner| owner.asks_for(actor))));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
