//! What activities are linked with: rows of a table of their own, which is also what timelines are read from.

use std::collections::HashMap;

use uuid::Uuid;

use crate::crm::activity::Activity;
use crate::crm::linked::{self, Linked, LinkedKind};
use crate::crm::record::{Plan, unknown};
use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result, broken_constraint};
use crate::id::ActivityId;

/// An activity, and the columns of its link.
type Row = (ActivityId, Option<Uuid>, Option<Uuid>, Option<Uuid>);

/// Reads the links of activities: one statement, whatever their number.
pub(super) async fn fill(tx: &mut TenantTx<'_>, activities: &mut [Activity]) -> Result<()> {
    if activities.is_empty() {
        return Ok(());
    }
    let ids: Vec<ActivityId> = activities.iter().map(|activity| activity.id).collect();
    let found: Vec<Row> = sqlx::query_as(
        "select activity_id, contact_id, company_id, lead_id from tenon.activity_links
         where tenant_id = $1 and activity_id = any ($2) and deleted_at is null",
    )
    .bind(tx.actor().tenant)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    let mut links: HashMap<ActivityId, Vec<Linked>> = HashMap::new();
    for (activity, contact, company, lead) in found {
        links.entry(activity).or_default().push(Linked::of_columns(contact, company, lead)?);
    }
    for activity in activities {
        activity.links = links.remove(&activity.id).unwrap_or_default();
        activity.links.sort_unstable();
    }
    Ok(())
}

/// Refuses plans whose new links lead to what the caller does not see or what is deleted: at most one statement for each kind of
/// record.
pub(super) async fn settle(tx: &mut TenantTx<'_>, plans: &mut [Result<Plan<Activity>>]) -> Result<()> {
    let named: Vec<Linked> = plans.iter().flatten().flat_map(added).collect();
    let seen = linked::seen(tx, &named).await?;
    for plan in plans {
        let Ok(planned) = plan else { continue };
        let unseen: Vec<FieldError> = added(planned)
            .filter(|link| !seen.contains(link))
            .flat_map(|link| refused(&planned.after, link))
            .collect();
        if !unseen.is_empty() {
            *plan = Err(Error::Invalid(unseen));
        }
    }
    Ok(())
}

/// The words for a link to what is not there.
fn refused(activity: &Activity, link: Linked) -> Vec<FieldError> {
    let place = activity.links.iter().position(|known| *known == link).unwrap_or_default();
    match unknown(&format!("links/{place}/id"), link.kind.name()) {
        Error::Invalid(errors) => errors,
        _ => Vec::new(),
    }
}

/// The links that an activity has after a change and had not before.
fn added(plan: &Plan<Activity>) -> impl Iterator<Item = Linked> {
    let before = plan.before.as_ref().map(|before| before.links.as_slice()).unwrap_or_default();
    plan.after.links.iter().copied().filter(|link| !before.contains(link))
}

/// Writes the links of activities that were written: at most three statements, whatever their number, and none where links and
/// times stayed as they were.
pub(super) async fn write(tx: &mut TenantTx<'_>, plans: &[&Plan<Activity>]) -> Result<()> {
    remove(tx, plans).await?;
    let moved: Vec<&Activity> = plans
        .iter()
        .filter(|plan| plan.before.as_ref().is_some_and(|before| before.at() != plan.after.at()))
        .map(|plan| &plan.after)
        .collect();
    if !moved.is_empty() {
        sqlx::query(
            "update tenon.activity_links l set at = m.at from unnest($2::uuid[], $3::timestamptz[]) as m (id, at)
             where l.tenant_id = $1 and l.activity_id = m.id",
        )
        .bind(tx.actor().tenant)
        .bind(moved.iter().map(|activity| activity.id).collect::<Vec<_>>())
        .bind(moved.iter().map(|activity| activity.at()).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    }
    let new = plans.iter().flat_map(|plan| added(plan).map(|link| (&plan.after, link))).collect();
    insert(tx, new).await
}

async fn insert(tx: &mut TenantTx<'_>, new: Vec<(&Activity, Linked)>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let of_kind = |kind| new.iter().map(|(_, link)| link.of_kind(kind)).collect::<Vec<Option<Uuid>>>();
    sqlx::query(
        "insert into tenon.activity_links (tenant_id, activity_id, contact_id, company_id, lead_id, at)
         select $1, n.activity_id, n.contact_id, n.company_id, n.lead_id, n.at
         from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[])
             as n (activity_id, contact_id, company_id, lead_id, at)
         on conflict do nothing",
    )
    .bind(tx.actor().tenant)
    .bind(new.iter().map(|(activity, _)| activity.id).collect::<Vec<_>>())
    .bind(of_kind(LinkedKind::Contact))
    .bind(of_kind(LinkedKind::Company))
    .bind(of_kind(LinkedKind::Lead))
    .bind(new.iter().map(|(activity, _)| activity.at()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await
    .map_err(gone)?;
    Ok(())
}

/// A record was removed for good after it was asked for.
fn gone(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("activity_links_contact") => unknown("links", "contact"),
        Some("activity_links_company") => unknown("links", "company"),
        Some("activity_links_lead") => unknown("links", "lead"),
        _ => error.into(),
    }
}

/// Removes links that activities have no more. What is hidden with its record stays.
async fn remove(tx: &mut TenantTx<'_>, plans: &[&Plan<Activity>]) -> Result<()> {
    let (mut activities, mut records) = (Vec::new(), Vec::new());
    for plan in plans {
        let before = plan.before.iter().flat_map(|before| &before.links);
        for link in before.filter(|link| !plan.after.links.contains(link)) {
            activities.push(plan.after.id);
            records.push(link.id);
        }
    }
    if activities.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from tenon.activity_links l using unnest($2::uuid[], $3::uuid[]) as r (activity_id, id)
         where l.tenant_id = $1 and l.activity_id = r.activity_id and coalesce(l.contact_id, l.company_id, l.lead_id) = r.id
           and l.deleted_at is null",
    )
    .bind(tx.actor().tenant)
    .bind(activities)
    .bind(records)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes all links of activities that are removed for good.
pub(super) async fn purge(tx: &mut TenantTx<'_>, activities: &[Uuid]) -> Result<()> {
    sqlx::query("delete from tenon.activity_links where tenant_id = $1 and activity_id = any ($2)")
        .bind(tx.actor().tenant)
        .bind(activities)
        .execute(tx.conn())
        .await?;
    Ok(())
}
