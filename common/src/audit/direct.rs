//! Writing entries of acts.

use chrono::{DateTime, Utc};

use super::act::Act;
use crate::actor::{ActorKind, Origin};
use crate::db::TenantTx;
use crate::error::Result;
use crate::id::EventId;

/// An act, or several that are alike.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub(super) act: Act,
    /// When the first of them happened.
    pub(super) at: DateTime<Utc>,
    /// Where the first of them came from.
    pub(super) origin: Origin,
    /// How many they are.
    pub(super) count: i32,
}

/// Writes an entry for each, all of the transaction's tenant.
pub(super) async fn write(tx: &mut TenantTx<'_>, noted: &[Noted]) -> Result<()> {
    let column = |of: fn(&Noted) -> Option<String>| noted.iter().map(of).collect::<Vec<_>>();
    sqlx::query(
        "insert into tenon.audit_events (tenant_id, id, at, action, category, actor_kind, actor_id, resource_type, resource_id, outcome,
                                         request_id, ip, user_agent, count, operation, reason, account)
         select $1, n.id, n.at, n.action, 'security', n.actor_kind, n.actor_id, case when n.user_id is not null then 'user' end, n.user_id,
                n.outcome, n.request_id, n.ip, n.user_agent, n.count, n.operation, n.reason, n.account
         from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::text[],
                     $11::text[], $12::integer[], $13::text[], $14::text[], $15::text[])
              as n (id, at, action, actor_kind, actor_id, user_id, outcome, request_id, ip, user_agent, count, operation, reason, account)",
    )
    .bind(tx.actor().tenant)
    .bind(noted.iter().map(|_| EventId::new()).collect::<Vec<_>>())
    .bind(noted.iter().map(|noted| noted.at).collect::<Vec<_>>())
    .bind(column(|noted| Some(noted.act.action.name().to_owned())))
    .bind(column(|noted| Some(kind(noted.act.actor.kind).to_owned())))
    .bind(noted.iter().map(|noted| noted.act.actor.id).collect::<Vec<_>>())
    .bind(noted.iter().map(|noted| noted.act.user).collect::<Vec<_>>())
    .bind(column(|noted| Some(noted.act.outcome.name().to_owned())))
    .bind(column(|noted| noted.origin.request_id.clone()))
    .bind(column(|noted| noted.act.ip.or(noted.origin.ip).map(|ip| ip.to_string())))
    .bind(column(|noted| noted.origin.user_agent.clone()))
    .bind(noted.iter().map(|noted| noted.count).collect::<Vec<_>>())
    .bind(column(|noted| noted.act.operation.map(str::to_owned)))
    .bind(column(|noted| noted.act.reason.map(str::to_owned)))
    .bind(column(|noted| noted.act.account.clone()))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// As events say it.
fn kind(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::User => "user",
        ActorKind::ApiKey => "apiKey",
        ActorKind::Import => "import",
        ActorKind::System => "system",
    }
}
