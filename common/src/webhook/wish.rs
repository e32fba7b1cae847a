//! Whether a webhook wants an event of its types: what its filter says of it, and whose change it is.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;

use crate::actor::{ActorKind, ActorReference};
use crate::db::TenantTx;
use crate::error::Result;
use crate::event::EventType;
use crate::id::WebhookId;
use crate::webhook::endpoint::Webhook;
use crate::webhook::filter::{Body, Filter};

/// What a webhook wants of the events of its types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Those that this holds for; none for all.
    pub(crate) filter: Option<Arc<str>>,
    /// Not those of changes that its owner makes.
    pub(crate) skip_own: bool,
}

impl Wish {
    /// Whether it leaves out nothing.
    pub(crate) fn is_for_all(&self) -> bool {
        self.filter.is_none() && !self.skip_own
    }
}

/// Whose changes are the webhook's own: those of who created it. A key is the same one however often it is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Who created it.
    pub(crate) creator: ActorReference,
    /// The first of the keys that became the creator, where it is one.
    pub(crate) lineage: Option<Uuid>,
}

/// What is decided of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The webhook gets it.
    Matches,
    /// Its filter does not hold.
    LeftOut,
    /// It is of a change of its own.
    Own,
    /// Its filter cannot be judged: the webhook gets it.
    Unjudged,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Matches, Self::LeftOut, Self::Own, Self::Unjudged];

    /// Counts how often it was spoken.
    pub fn count(self, times: u64) {
        metrics::counter!("tenon_webhook_filter_verdicts_total", "verdict" => self.name()).increment(times);
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::LeftOut => "left_out",
            Self::Own => "own",
            Self::Unjudged => "unjudged",
        }
    }

    /// Whether the webhook gets the event.
    pub fn delivers(self) -> bool {
        matches!(self, Self::Matches | Self::Unjudged)
    }
}

/// For keys: the first of those that became it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineages(HashMap<Uuid, Uuid>);

impl Lineages {
    /// Those of some keys; asks nothing where there are none.
    pub(crate) async fn of(tx: &mut TenantTx<'_>, keys: &[Uuid]) -> Result<Self> {
        if keys.is_empty() {
            return Ok(Self::default());
        }
        let statement = "select id, lineage from tenon.key_lineages($1)";
        let found: Vec<(Uuid, Uuid)> = sqlx::query_as(statement).bind(keys).fetch_all(tx.conn()).await?;
        Ok(Self(found.into_iter().collect()))
    }
}

impl Owner {
    /// The key that has to be looked up to know whether the actor is this owner.
    pub(crate) fn asks_for(&self, actor: ActorReference) -> Option<Uuid> {
        let both_keys = self.creator.kind == ActorKind::ApiKey && actor.kind == ActorKind::ApiKey;
        actor.id.filter(|_| both_keys && self.creator != actor && self.lineage.is_some())
    }

    fn is(&self, actor: ActorReference, lineages: &Lineages) -> bool {
        let is_somebody = matches!(actor.kind, ActorKind::User | ActorKind::ApiKey);
        let lineage = || self.asks_for(actor).and_then(|key| lineages.0.get(&key).copied());
        is_somebody && (self.creator == actor || lineage().is_some_and(|of| self.lineage == Some(of)))
    }
}

/// A webhook as it is now, by what it wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanting {
    wish: Wish,
    owner: Owner,
}

impl Wanting {
    /// What this webhook wants.
    pub(crate) async fn of(tx: &mut TenantTx<'_>, webhook: &Webhook) -> Result<Self> {
        let wish =
            Wish { filter: webhook.shape.filter.as_deref().map(Arc::from), skip_own: webhook.shape.skip_own };
        let owner = Owner { creator: webhook.created_by, lineage: own_key(tx, webhook.id).await? };
        Ok(Self { wish, owner })
    }

    /// Whether the bodies of events say whether it wants them; it wants all of its types otherwise.
    pub(crate) fn reads_bodies(&self) -> bool {
        !self.wish.is_for_all()
    }

    /// Whether it wants each of these events, of its types.
    pub(crate) async fn judge(&self, tx: &mut TenantTx<'_>, bodies: &[&str]) -> Result<Vec<bool>> {
        let mut keys = Vec::new();
        if self.wish.skip_own {
            let actors = bodies.iter().filter_map(|body| actor_of(body.as_bytes()));
            keys.extend(actors.filter_map(|actor| self.owner.asks_for(actor)));
        }
        let mut judge = Judge::new(Lineages::of(tx, &keys).await?);
        let verdict = |body: &&str| judge.judge(&self.wish, Some(&self.owner), &Event::new(body.as_bytes()));
        Ok(bodies.iter().map(verdict).map(Verdict::delivers).collect())
    }
}

/// The first of the keys that became a webhook's creator, where it is one.
pub(crate) async fn own_key(tx: &mut TenantTx<'_>, webhook: WebhookId) -> Result<Option<Uuid>> {
    let statement = "select own_key from tenon.webhooks where tenant_id = $1 and id = $2";
    Ok(sqlx::query_scalar(statement).bind(tx.actor().tenant).bind(webhook).fetch_one(tx.conn()).await?)
}

/// Whether filters over events of this type may name a field, such as `data.email`.
pub fn has_field(event: &EventType, path: &str) -> bool {
    Filter::check(&format!("{path} is null"), &[event.name.to_owned()]).is_ok()
}

#[derive(Deserialize)]
struct Head {
    actor: ActorReference,
}

/// Who made the change that a body tells of; none of kinds that are not known.
pub(crate) fn actor_of(body: &[u8]) -> Option<ActorReference> {
    serde_json::from_slice::<Head>(body).ok().map(|head| head.actor)
}

/// An event that is judged: read once, and only as far as somebody asks.
pub(crate) struct Event<'e> {
    text: &'e [u8],
    actor: OnceCell<Option<ActorReference>>,
    body: OnceCell<Option<Body>>,
}

impl<'e> Event<'e> {
    /// The event with this body.
    pub(crate) fn new(text: &'e [u8]) -> Self {
        Self { text, actor: OnceCell::new(), body: OnceCell::new() }
    }

    fn actor(&self) -> Option<ActorReference> {
        *self.actor.get_or_init(|| actor_of(self.text))
    }

    fn body(&self) -> Option<&Body> {
        self.body.get_or_init(|| Body::read(self.text)).as_ref()
    }
}

/// Judges events for webhooks; reads each filter once.
#[derive(Default)]
pub(crate) struct Judge {
    lineages: Lineages,
    /// None of what can be read no longer.
    filters: HashMap<Arc<str>, Option<Filter>>,
}

impl Judge {
    /// One that knows these keys.
    pub(crate) fn new(lineages: Lineages) -> Self {
        Self { lineages, filters: HashMap::new() }
    }

    /// What becomes of an event of the webhook's types.
    pub(crate) fn judge(&mut self, wish: &Wish, owner: Option<&Owner>, event: &Event<'_>) -> Verdict {
        let is_own = |owner: &&Owner| event.actor().is_some_and(|actor| owner.is(actor, &self.lineages));
        if wish.skip_own && owner.filter(is_own).is_some() {
            return Verdict::Own;
        }
        let Some(filter) = &wish.filter else { return Verdict::Matches };
        let holds = self.filter(filter).zip(event.body()).and_then(|(filter, body)| filter.judge(body));
        match holds {
            Some(true) => Verdict::Matches,
            Some(false) => Verdict::LeftOut,
            None => Verdict::Unjudged,
        }
    }

    /// The field for whose sake an event cannot be judged; none where the filter itself can be read no longer.
    pub(crate) fn unjudged(&mut self, wish: &Wish, event: &Event<'_>) -> Option<String> {
        let filter = self.filter(wish.filter.as_ref()?)?;
        filter.unjudged(event.body()?)
    }

    fn filter(&mut self, text: &Arc<str>) -> Option<&Filter> {
        if !self.filters.contains_key(text) {
            self.filters.insert(Arc::clone(text), Filter::kept(text));
        }
        self.filters.get(text)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by(kind: ActorKind, id: u128) -> ActorReference {
        ActorReference { kind, id: Some(Uuid::from_u128(id)) }
    }

    fn wish(filter: Option<&str>, skip_own: bool) -> Wish {
        Wish { filter: filter.map(Arc::from), skip_own }
    }

    #[test]
    fn own_is_what_the_creator_does_and_the_keys_that_it_became() {
        let key = |id| by(ActorKind::ApiKey, id);
        let creator = Owner { creator: key(2), lineage: Some(Uuid::from_u128(1)) };
        let [one, other] = [1, 9].map(Uuid::from_u128);
        let lineages =
            Lineages([(1, one), (3, one), (4, other)].map(|(id, of)| (Uuid::from_u128(id), of)).into());
        for (actor, own) in [
            (key(2), true),
            (key(1), true),
            (key(3), true),
            (key(4), false),
            (key(5), false),
            (by(ActorKind::User, 2), false),
            (by(ActorKind::Import, 2), false),
            (ActorReference { kind: ActorKind::System, id: None }, false),
        ] {
            let body = json!({"actor": actor, "data": {"actor": key(2)}}).to_string();
            let verdict = Judge::new(lineages.clone()).judge(
                &wish(None, true),
                Some(&creator),
                &Event::new(body.as_bytes()),
            );
            assert_eq!(verdict, if own { Verdict::Own } else { Verdict::Matches }, "{actor:?}");
            let told =
                Judge::default().judge(&wish(None, false), Some(&creator), &Event::new(body.as_bytes()));
            assert_eq!(told, Verdict::Matches);
        }
        let user = Owner { creator: by(ActorKind::User, 2), lineage: None };
        let body = json!({"actor": by(ActorKind::User, 2)}).to_string();
        let mut judge = Judge::default();
        assert_eq!(judge.judge(&wish(None, true), Some(&user), &Event::new(body.as_bytes())), Verdict::Own);
        assert_eq!(user.asks_for(key(3)), None);
        let nobody = Owner { creator: ActorReference { kind: ActorKind::System, id: None }, lineage: None };
        let system = json!({"actor": nobody.creator}).to_string();
        let verdict = judge.judge(&wish(None, true), Some(&nobody), &Event::new(system.as_bytes()));
        assert_eq!(verdict, Verdict::Matches);
    }

    #[test]
    fn what_cannot_be_judged_is_delivered() {
        let mut judge = Judge::default();
        let event = json!({"type": "contact.created", "data": {"name": "Ada"}}).to_string();
        for (filter, verdict) in [
            ("data.name = Ada", Verdict::Matches),
            ("data.name = Grace", Verdict::LeftOut),
            ("data.email = a", Verdict::Unjudged),
            // As an earlier version has taken it.
            ("data.no_such_field = a", Verdict::Unjudged),
            ("no filter", Verdict::Unjudged),
        ] {
            let judged = judge.judge(&wish(Some(filter), false), None, &Event::new(event.as_bytes()));
            assert_eq!(judged, verdict, "{filter}");
            assert_eq!(judged.delivers(), verdict != Verdict::LeftOut);
        }
        let broken = judge.judge(&wish(Some("data.name = Ada"), false), None, &Event::new(b"no json"));
        assert_eq!(broken, Verdict::Unjudged);
        let why = judge.unjudged(&wish(Some("data.email = a"), false), &Event::new(event.as_bytes()));
        assert_eq!(why.as_deref(), Some("data.email"));
    }
}
