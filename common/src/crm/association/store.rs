//! The rows of associations. A row has its ends in an order of its own; here they are turned to whoever asks.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::actor::ActorReference;
use crate::crm::association::Association;
use crate::crm::linked::{Linked, LinkedKind};
use crate::db::TenantTx;
use crate::db::record::by_position;
use crate::error::Result;
use crate::id::AssociationId;
use crate::page::{Page, Window};

/// An association as a statement shows it from one end.
struct Seen {
    id: AssociationId,
    contact_id: Option<Uuid>,
    company_id: Option<Uuid>,
    lead_id: Option<Uuid>,
    label: String,
    inverse_label: String,
    created_at: DateTime<Utc>,
    created_by: ActorReference,
    name: Option<String>,
}

by_position!(Seen {
    id,
    contact_id,
    company_id,
    lead_id,
    label,
    inverse_label,
    created_at,
    created_by,
    name
});

impl Seen {
    fn association(self) -> Result<Association> {
        Ok(Association {
            id: self.id,
            to: Linked::of_columns(self.contact_id, self.company_id, self.lead_id)?,
            name: self.name,
            label: self.label,
            inverse_label: self.inverse_label,
            created_at: self.created_at,
            created_by: self.created_by,
        })
    }
}

/// What a row shows to its first end, and to its second.
macro_rules! seen_from {
    (first) => {
        "a.id, a.second_contact_id as contact_id, a.second_company_id as company_id, a.second_lead_id as lead_id,
         a.first_label as label, a.second_label as inverse_label, a.created_at, a.created_by"
    };
    (second) => {
        "a.id, a.first_contact_id as contact_id, a.first_company_id as company_id, a.first_lead_id as lead_id,
         a.second_label as label, a.first_label as inverse_label, a.created_at, a.created_by"
    };
}

/// The associations of $2, with those of the kind $3 where that is not null; each arm is read from its index, in order. A
/// record that the caller does not see has no name, one that is deleted is left out.
macro_rules! associations_of {
    ($column:literal, $what:literal, $rest:literal) => {
        concat!(
            "select ",
            $what,
            " from (select ",
            seen_from!(first),
            " from tenon.associations a where a.tenant_id = $1 and a.deleted_at is null and a.first_",
            $column,
            " = $2 union all select ",
            seen_from!(second),
            " from tenon.associations a where a.tenant_id = $1 and a.deleted_at is null and a.second_",
            $column,
            " = $2) as s
             left join tenon.contacts c on c.tenant_id = $1 and c.id = s.contact_id
             left join tenon.companies o on o.tenant_id = $1 and o.id = s.company_id
             left join tenon.leads l on l.tenant_id = $1 and l.id = s.lead_id
             where c.deleted_at is null and o.deleted_at is null and l.deleted_at is null
               and case $3::text when 'contact' then s.contact_id when 'company' then s.company_id when 'lead' then s.lead_id
                                 else s.id end is not null",
            $rest
        )
    };
}

/// The statements for the associations of one kind of record.
struct Statements {
    by_page: &'static str,
    after: &'static str,
    count: &'static str,
}

macro_rules! statements {
    ($column:literal) => {
        Statements {
            by_page: associations_of!(
                $column,
                "s.id, s.contact_id, s.company_id, s.lead_id, s.label, s.inverse_label, s.created_at, s.created_by,
                 coalesce(c.name, o.name, l.title)",
                " order by s.created_at desc, s.id desc limit $4 offset $5"
            ),
            after: associations_of!(
                $column,
                "s.id, s.contact_id, s.company_id, s.lead_id, s.label, s.inverse_label, s.created_at, s.created_by,
                 coalesce(c.name, o.name, l.title)",
                " and (s.created_at, s.id) < ($5, $6) order by s.created_at desc, s.id desc limit $4"
            ),
            count: associations_of!($column, "count(*)", ""),
        }
    };
}

static OF_CONTACT: Statements = statements!("contact_id");
static OF_COMPANY: Statements = statements!("company_id");
static OF_LEAD: Statements = statements!("lead_id");

/// One page of a record's associations.
pub(super) async fn list(
    tx: &mut TenantTx<'_>,
    from: Linked,
    kind: Option<LinkedKind>,
    window: &Window,
) -> Result<Page<Association>> {
    let statements = match from.kind {
        LinkedKind::Contact => &OF_CONTACT,
        LinkedKind::Company => &OF_COMPANY,
        LinkedKind::Lead => &OF_LEAD,
    };
    let (tenant, kind) = (tx.actor().tenant, kind.map(LinkedKind::name));
    let statement = if window.last().is_none() { statements.by_page } else { statements.after };
    let query = sqlx::query_as(statement).bind(tenant).bind(from.id).bind(kind).bind(window.fetch());
    let query = match window.last() {
        None => query.bind(window.offset()),
        Some(last) => query.bind(last.at).bind(last.id),
    };
    let seen: Vec<Seen> = query.fetch_all(tx.conn()).await?;
    let items = seen.into_iter().map(Seen::association).collect::<Result<Vec<_>>>()?;
    let total = match window.counts() {
        true => {
            let count = sqlx::query_scalar(statements.count).bind(tenant).bind(from.id).bind(kind);
            Some(count.fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    Ok(Page::of(items, total, window))
}

/// Inserts an association; whether there was none of either label.
pub(super) async fn insert(tx: &mut TenantTx<'_>, from: Linked, new: &Association) -> Result<bool> {
    let turned = from > new.to;
    let (first, second) = if turned { (new.to, from) } else { (from, new.to) };
    let (of_first, of_second) =
        if turned { (&new.inverse_label, &new.label) } else { (&new.label, &new.inverse_label) };
    let inserted = sqlx::query(
        "insert into tenon.associations (tenant_id, id, first_contact_id, first_company_id, first_lead_id, second_contact_id,
                                         second_company_id, second_lead_id, first_label, second_label, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         on conflict do nothing",
    )
    .bind(tx.actor().tenant)
    .bind(new.id)
    .bind(first.of_kind(LinkedKind::Contact))
    .bind(first.of_kind(LinkedKind::Company))
    .bind(first.of_kind(LinkedKind::Lead))
    .bind(second.of_kind(LinkedKind::Contact))
    .bind(second.of_kind(LinkedKind::Company))
    .bind(second.of_kind(LinkedKind::Lead))
    .bind(of_first)
    .bind(of_second)
    .bind(new.created_at)
    .bind(new.created_by.to_string())
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The association of two records with this label, under a row lock; without the other record's name.
pub(super) async fn lock(
    tx: &mut TenantTx<'_>,
    from: Linked,
    to: Linked,
    label: &str,
) -> Result<Option<Association>> {
    let from_first = concat!(
        "select ",
        seen_from!(first),
        ", null::text from tenon.associations a
         where a.tenant_id = $1 and coalesce(a.first_contact_id, a.first_company_id, a.first_lead_id) = $2
           and coalesce(a.second_contact_id, a.second_company_id, a.second_lead_id) = $3 and a.first_label = $4
           and a.deleted_at is null for update"
    );
    let from_second = concat!(
        "select ",
        seen_from!(second),
        ", null::text from tenon.associations a
         where a.tenant_id = $1 and coalesce(a.second_contact_id, a.second_company_id, a.second_lead_id) = $2
           and coalesce(a.first_contact_id, a.first_company_id, a.first_lead_id) = $3 and a.second_label = $4
           and a.deleted_at is null for update"
    );
    let statement = if from > to { from_second } else { from_first };
    let query = sqlx::query_as(statement).bind(tx.actor().tenant).bind(from.id).bind(to.id).bind(label);
    let seen: Option<Seen> = query.fetch_optional(tx.conn()).await?;
    let found = seen.map(Seen::association).transpose()?;
    // An id of another kind than the path says is nobody's.
    Ok(found.filter(|found| found.to == to))
}

/// Removes an association that this transaction has locked.
pub(super) async fn delete(tx: &mut TenantTx<'_>, id: AssociationId) -> Result<()> {
    sqlx::query("delete from tenon.associations where tenant_id = $1 and id = $2")
        .bind(tx.actor().tenant)
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}
