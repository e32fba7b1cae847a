//! Which events a replay brings: told beforehand, and fixed when it is made, by the same statements.

use std::collections::BTreeMap;

use sqlx::{FromRow, QueryBuilder};

use super::draft::NewReplay;
use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::id::{EventId, WebhookId, WebhookReplayId};
use crate::webhook::endpoint::{self, Webhook};
use crate::webhook::subscription;
use crate::webhook::wish::Wanting;

/// Events of a replay, at most: what is chosen and written within a request.
const MOST: i64 = 500_000;
/// Events that are looked at together which there is no delivery for, where their types decide.
const PAGE: i64 = 50_000;
/// The same where their bodies do.
const PAGE_OF_BODIES: i64 = 1_000;

/// The status that stands for having no delivery.
const NONE: &str = "none";

/// Events of one type whose deliveries stand alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `contact.created`.
    pub event_type: String,
    /// The deliveries' status; `none` for no delivery.
    pub status: String,
    /// How many.
    pub events: i64,
}

/// What a replay brings, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// By type, then by status.
    pub groups: Vec<Group>,
    /// Events that match and are kept no longer: they are not sent.
    pub gone: i64,
    /// The oldest event.
    pub first: Option<EventId>,
    /// The newest event.
    pub last: Option<EventId>,
}

impl Preview {
    /// How many events.
    pub fn events(&self) -> i64 {
        self.groups.iter().map(|group| group.events).sum()
    }

    /// The types of the events.
    pub fn types(&self) -> Vec<String> {
        self.groups.iter().map(|group| group.event_type.clone()).collect()
    }

    fn saw(&mut self, first: Option<EventId>, last: Option<EventId>) {
        self.first = self.first.into_iter().chain(first).min();
        self.last = self.last.into_iter().chain(last).max();
    }
}

/// What a replay would bring, if it were made now.
pub async fn preview(tx: &mut TenantTx<'_>, webhook: WebhookId, new: &NewReplay) -> Result<Preview> {
    be_patient(tx).await?;
    let webhook = endpoint::get(tx, webhook).await?;
    choose(tx, &webhook, new, None).await
}

/// Much may be chosen: more time than other statements of the API have, and less than a request.
pub(super) async fn be_patient(tx: &mut TenantTx<'_>) -> Result<()> {
    sqlx::query("select set_config('statement_timeout', '20s', true)").execute(tx.conn()).await?;
    Ok(())
}

/// Chooses the events, and writes them down for the replay that is named.
pub(super) async fn choose(
    tx: &mut TenantTx<'_>,
    webhook: &Webhook,
    new: &NewReplay,
    replay: Option<WebhookReplayId>,
) -> Result<Preview> {
    let mut preview = choose_deliveries(tx, webhook, new, replay).await?;
    refuse_too_many(&preview)?;
    if new.include_never_attempted {
        choose_never_attempted(tx, webhook, new, replay, &mut preview).await?;
    }
    preview.groups.sort_by(|a, b| (&a.event_type, &a.status).cmp(&(&b.event_type, &b.status)));
    Ok(preview)
}

fn refuse_too_many(preview: &Preview) -> Result<()> {
    match preview.events() + preview.gone <= MOST {
        true => Ok(()),
        false => Err(Error::Invalid(vec![FieldError::new(
            "since",
            "TOO_MANY",
            "More than 500,000 events match; say a shorter time, or which types",
        )])),
    }
}

#[derive(FromRow)]
struct Counted {
    event_type: String,
    former: String,
    is_kept: bool,
    events: i64,
    first: Option<EventId>,
    last: Option<EventId>,
}

/// By one statement: what is counted is what is written.
async fn choose_deliveries(
    tx: &mut TenantTx<'_>,
    webhook: &Webhook,
    new: &NewReplay,
    replay: Option<WebhookReplayId>,
) -> Result<Preview> {
    let tenant = tx.actor().tenant;
    let mut query = QueryBuilder::new(
        "with chosen as materialized (
             select d.event_id, d.event_type, d.status as former,
                    exists (select from tenon.events k where k.tenant_id = d.tenant_id and k.id = d.event_id) as is_kept",
    );
    new.matching.push(&mut query, tenant, webhook.id);
    // What is pending or paused is on its way. Cancelled are those that an earlier replay brought and somebody took back.
    query.push(match new.only_failed {
        true => " and d.status in ('failed', 'cancelled')",
        false => " and d.status in ('failed', 'cancelled', 'delivered')",
    });
    query.push(" limit ").push_bind(MOST + 1).push(")");
    if let Some(replay) = replay {
        query.push(
            ", written as (insert into tenon.webhook_replay_events (tenant_id, replay_id, event_id, former) select ",
        );
        query.push_bind(tenant).push(", ").push_bind(replay);
        query.push(", c.event_id, c.former from chosen c where c.is_kept)");
    }
    query.push(
        " select event_type, former, is_kept, count(*) as events,
                 (select c.event_id from chosen c where c.is_kept order by c.event_id limit 1) as first,
                 (select c.event_id from chosen c where c.is_kept order by c.event_id desc limit 1) as last
          from chosen group by event_type, former, is_kept",
    );
    let counted: Vec<Counted> = query.build_query_as().fetch_all(tx.conn()).await?;
    let mut preview = Preview::default();
    for Counted { event_type, former, is_kept, events, first, last } in counted {
        match is_kept {
            true => preview.groups.push(Group { event_type, status: former, events }),
            false => preview.gone += events,
        }
        preview.saw(first, last);
    }
    Ok(preview)
}

#[derive(FromRow)]
struct Candidate {
    id: EventId,
    event_type: String,
    body: Option<String>,
}

/// Events that the webhook wants as it is now, from before it was so: those since then are on their way to it.
async fn choose_never_attempted(
    tx: &mut TenantTx<'_>,
    webhook: &Webhook,
    new: &NewReplay,
    replay: Option<WebhookReplayId>,
    preview: &mut Preview,
) -> Result<()> {
    let wanting = Wanting::of(tx, webhook).await?;
    let wanted = subscription::types_of(&webhook.events).unwrap_or_default();
    let named = |name: &&str| new.matching.types.as_ref().is_none_or(|types| types.contains(name));
    let types: Vec<&'static str> = wanted.into_iter().filter(named).collect();
    let mut groups = BTreeMap::<String, i64>::new();
    let mut after = None;
    loop {
        let page = candidates(tx, webhook, new, (&types, wanting.reads_bodies()), after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let chosen = wanted_of(tx, &wanting, &page).await?;
        for event in &chosen {
            *groups.entry(event.event_type.clone()).or_default() += 1;
        }
        preview.saw(chosen.first().map(|event| event.id), chosen.last().map(|event| event.id));
        if let Some(replay) = replay {
            write(tx, replay, chosen.iter().map(|event| event.id).collect()).await?;
        }
        let events: i64 = groups.values().sum();
        refuse_too_many(&Preview { gone: preview.events() + preview.gone + events, ..Preview::default() })?;
    }
    let group = |(event_type, events)| Group { event_type, status: NONE.to_owned(), events };
    preview.groups.extend(groups.into_iter().map(group));
    Ok(())
}

async fn wanted_of<'p>(
    tx: &mut TenantTx<'_>,
    wanting: &Wanting,
    page: &'p [Candidate],
) -> Result<Vec<&'p Candidate>> {
    if !wanting.reads_bodies() {
        return Ok(page.iter().collect());
    }
    let bodies: Vec<&str> = page.iter().map(|event| event.body.as_deref().unwrap_or_default()).collect();
    let wanted = wanting.judge(tx, &bodies).await?;
    Ok(page.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(event, _)| event).collect())
}

async fn candidates(
    tx: &mut TenantTx<'_>,
    webhook: &Webhook,
    new: &NewReplay,
    (types, reads_bodies): (&[&'static str], bool),
    after: Option<EventId>,
) -> Result<Vec<Candidate>> {
    let tenant = tx.actor().tenant;
    let body = if reads_bodies { "e.body" } else { "null::text as body" };
    let mut query = QueryBuilder::new("select e.id, e.type as event_type, ");
    query
        .push(body)
        .push(" from tenon.events e join tenon.webhooks w on w.tenant_id = e.tenant_id and w.id = ");
    query.push_bind(webhook.id).push(" where e.tenant_id = ").push_bind(tenant);
    query.push(" and e.type = any (").push_bind(types.to_vec()).push(")");
    new.matching.push_range(&mut query, "e.id");
    if let Some(after) = after {
        query.push(" and e.id > ").push_bind(after);
    }
    if let Some(object) = new.matching.object {
        query.push(" and e.object_id = ").push_bind(object);
    }
    query.push(
        " and (not w.active or tenon.is_before(e.xid, w.state_since, w.state_by))
          and not exists (select from tenon.deliveries d
                          where d.tenant_id = e.tenant_id and d.webhook_id = w.id and d.event_id = e.id)
          order by e.id limit ",
    );
    query.push_bind(if reads_bodies { PAGE_OF_BODIES } else { PAGE });
    Ok(query.build_query_as().fetch_all(tx.conn()).await?)
}

async fn write(tx: &mut TenantTx<'_>, replay: WebhookReplayId, events: Vec<EventId>) -> Result<()> {
    let statement = "insert into tenon.webhook_replay_events (tenant_id, replay_id, event_id, former)
                     select $1, $2, e, 'none' from unnest($3::uuid[]) as e on conflict do nothing";
    let tenant = tx.actor().tenant;
    sqlx::query(statement).bind(tenant).bind(replay).bind(events).execute(tx.conn()).await?;
    Ok(())
}
