//! Which deliveries of a webhook are meant, by type, object and time: in lists, in what is sent again, and in replays.

use chrono::{DateTime, Utc};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::db::TenantTx;
use crate::error::{Error, FieldError, QueryCode, Result};
use crate::id::{EventId, TenantId, WebhookId};
use crate::page::{Page, Window};
use crate::webhook::delivery::{Delivery, STATUSES, columns};
use crate::webhook::endpoint;
use crate::webhook::subscription;

/// The most names of one request.
const MAX_NAMES: usize = 100;

/// What a caller says of the deliveries that it means, not checked yet. All where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Meant {
    /// Names of the catalogue, `contact.*`, or `*`.
    pub events: Option<Vec<String>>,
    /// `contact`: what the events tell of.
    pub object_type: Option<String>,
    /// The thing that they tell of.
    pub object_id: Option<Uuid>,
    /// Of events not older than this.
    pub since: Option<DateTime<Utc>>,
    /// Of events older than this.
    pub until: Option<DateTime<Utc>>,
}

/// The same, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// None for all.
    pub(super) types: Option<Vec<&'static str>>,
    pub(super) object: Option<Uuid>,
    pub(super) from: Option<EventId>,
    pub(super) below: Option<EventId>,
}

impl Meant {
    /// Reads what was said; all that is wrong at once.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(self) -> Result<Matching> {
        let mut errors = Vec::new();
        let named = self.events.as_deref().map(|names| types(names, &mut errors));
        let about = self.object_type.as_deref().map(|kind| about(kind, &mut errors));
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            errors.push(FieldError::new("until", "OUT_OF_RANGE", "Must be after since"));
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let types = match (named, about) {
            (Some(named), Some(about)) => {
                Some(named.into_iter().filter(|name| about.contains(name)).collect())
            }
            (named, about) => named.or(about),
        };
        Ok(Matching {
            types,
            object: self.object_id,
            from: self.since.map(EventId::first_of),
            below: self.until.map(EventId::first_of),
        })
    }

    /// The same of a query, where types are parted by commas in the parameter `type`.
    ///
    /// # Errors
    /// `Query`, with the first parameter that is wrong.
    pub fn check_query(self) -> Result<Matching> {
        self.check().map_err(|error| match error {
            Error::Invalid(errors) => match errors.into_iter().next() {
                Some(first) => Error::Query {
                    code: QueryCode::Parameter,
                    parameter: parameter(&first.pointer),
                    message: first.message,
                },
                None => Error::internal("a refusal without a reason"),
            },
            other => other,
        })
    }
}

/// The parameter that says what a field of a body says.
fn parameter(pointer: &str) -> &'static str {
    match pointer {
        "/objectType" => "objectType",
        "/until" => "until",
        _ => "type",
    }
}

fn types(names: &[String], errors: &mut Vec<FieldError>) -> Vec<&'static str> {
    if names.is_empty() || names.len() > MAX_NAMES {
        let message = format!("Expected 1 to {MAX_NAMES} types; leave it out for all");
        errors.push(FieldError::new("events", "INVALID_LENGTH", message));
        return Vec::new();
    }
    subscription::types_of(names).unwrap_or_else(|unknown| {
        errors.extend(unknown.into_iter().map(|place| {
            FieldError {
                pointer: format!("/events/{place}"),
                code: "UNKNOWN_EVENT_TYPE",
                message:
                    "Unknown event type; GET /api/v1/event-types lists them. contact.* is all of contacts"
                        .to_owned(),
            }
        }));
        Vec::new()
    })
}

fn about(kind: &str, errors: &mut Vec<FieldError>) -> Vec<&'static str> {
    let types = subscription::types_about(kind);
    if types.is_empty() {
        let message = "No event tells of such objects; expected contact, company, lead, …";
        errors.push(FieldError::new("objectType", "INVALID_VALUE", message));
    }
    types
}

impl Matching {
    /// Of events older than this too.
    pub(super) fn and_below(mut self, last: Option<EventId>) -> Self {
        self.below = match (self.below, last) {
            (Some(below), Some(last)) => Some(below.min(last)),
            (below, last) => below.or(last),
        };
        self
    }

    /// ` from … where …` of a webhook's deliveries `d`. Only the conditions that are asked for: a statement that has all of them would have
    /// one plan for all questions. An object's events are few and found by index; for all else the deliveries are walked by their key.
    pub(super) fn push(&self, query: &mut QueryBuilder<Postgres>, tenant: TenantId, webhook: WebhookId) {
        match self.object {
            Some(object) => {
                query.push(
                    " from tenon.events o join tenon.deliveries d on d.tenant_id = o.tenant_id and d.event_id = o.id
                      where o.object_id = ",
                );
                query.push_bind(object).push(" and o.tenant_id = ").push_bind(tenant);
                self.push_range(query, "o.id");
                query.push(" and d.tenant_id = ").push_bind(tenant);
            }
            None => {
                query.push(" from tenon.deliveries d where d.tenant_id = ").push_bind(tenant);
                self.push_range(query, "d.event_id");
            }
        }
        query.push(" and d.webhook_id = ").push_bind(webhook);
        if let Some(types) = &self.types {
            query.push(" and d.event_type = any (").push_bind(types.clone()).push(")");
        }
    }

    /// ` and …` of the events' time.
    pub(super) fn push_range(&self, query: &mut QueryBuilder<Postgres>, id: &'static str) {
        if let Some(from) = self.from {
            query.push(" and ").push(id).push(" >= ").push_bind(from);
        }
        if let Some(below) = self.below {
            query.push(" and ").push(id).push(" < ").push_bind(below);
        }
    }
}

/// ` and d.status = …`, written out: what is rare has an index of its own, which a parameter's plan would not see.
pub(super) fn push_status(query: &mut QueryBuilder<Postgres>, status: Option<&str>) {
    if let Some(status) = STATUSES.into_iter().find(|known| Some(*known) == status) {
        query.push(" and d.status = '").push(status).push("'");
    }
}

/// The deliveries of a webhook that are meant, newest event first, of one of [`STATUSES`] or of all.
pub async fn list(
    tx: &mut TenantTx<'_>,
    webhook: WebhookId,
    status: Option<&str>,
    matching: &Matching,
    window: &Window,
) -> Result<Page<Delivery>> {
    endpoint::get(tx, webhook).await?;
    let tenant = tx.actor().tenant;
    let behind = matching.clone().and_below(window.last().map(|last| EventId(last.id)));
    let mut query = QueryBuilder::new(concat!("select ", columns!()));
    behind.push(&mut query, tenant, webhook);
    push_status(&mut query, status);
    query.push(" order by d.event_id desc limit ").push_bind(window.fetch());
    query.push(" offset ").push_bind(window.offset());
    let items = query.build_query_as().fetch_all(tx.conn()).await?;
    let total = match window.counts() {
        true => {
            let mut query = QueryBuilder::new("select count(*)");
            matching.push(&mut query, tenant, webhook);
            push_status(&mut query, status);
            Some(query.build_query_scalar().fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    Ok(Page::of(items, total, window))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let at = Some(Utc::now());
        let meant = Meant {
            events: names(&["contact.*", "contact.made"]),
            object_type: Some("table".to_owned()),
            object_id: None,
            since: at,
            until: at,
        };
        let Err(Error::Invalid(errors)) = meant.clone().check() else { panic!("it was taken") };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/events/1", "/objectType", "/until"]);
        assert!(matches!(meant.check_query(), Err(Error::Query { parameter: "type", .. })));
        assert!(Meant { events: names(&[]), ..Meant::default() }.check().is_err());
    }

    #[test]
    fn a_type_that_tells_of_another_object_is_none() {
        let types = |events, object_type: Option<&str>| {
            let meant = Meant { events, object_type: object_type.map(str::to_owned), ..Meant::default() };
            meant.check().expect("types").types
        };
        assert_eq!(types(None, None), None);
        assert_eq!(types(names(&["contact.created"]), Some("contact")), Some(vec!["contact.created"]));
        assert_eq!(types(names(&["contact.created"]), Some("lead")), Some(Vec::new()));
        assert!(
            types(None, Some("lead")).is_some_and(|types| types.iter().all(|name| name.starts_with("lead.")))
        );
    }

    #[test]
    fn a_page_begins_behind_the_last_one_or_at_the_bound() {
        let [one, two] = [EventId::new(), EventId::new()];
        let below = |below, last| Matching { below, ..Matching::default() }.and_below(last).below;
        assert_eq!(below(None, None), None);
        assert_eq!(below(Some(one), None), Some(one));
        assert_eq!((below(Some(one), Some(two)), below(Some(two), Some(one))), (Some(one), Some(one)));
    }
}
