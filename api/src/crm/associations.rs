//! `/connection/{contacts,companies,leads}/{id}/associations`.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::web::Data;
use poem::{IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::crm::association::{self, Association, Labels};
use tenon_common::crm::linked::{Linked, LinkedKind};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, Identity};
use crate::calls::once::{Answered, Once};
use crate::crm::linked::{LinkedResource, LinkedType, may_read};
use crate::http::actor::ActorBody;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Envelope, Listed, Paging, Shown, documented};
use crate::http::timestamp::Timestamp;

/// A labelled link to another record. It is seen from both of its ends, each of which shows the other.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Association", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AssociationBody {
    /// The other record's kind.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: LinkedType,
    /// The other record's id.
    pub id: Uuid,
    /// The other record's name, of a lead its title; null where you may not see that record.
    #[oai(nullable)]
    pub name: Option<String>,
    /// What the other record is to this one; null where nobody says.
    #[oai(nullable)]
    pub label: Option<String>,
    /// What this record is to the other one: the `label` that is seen from there.
    #[oai(nullable)]
    pub inverse_label: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: ActorBody,
}

impl AssociationBody {
    fn of(caller: &Identity, association: Association) -> Self {
        let said = |label: String| Some(label).filter(|label| !label.is_empty());
        Self {
            kind: association.to.kind.into(),
            id: association.to.id,
            name: association.name.filter(|_| may_read(caller, association.to.kind)),
            label: said(association.label),
            inverse_label: said(association.inverse_label),
            created_at: association.created_at.into(),
            created_by: association.created_by.into(),
        }
    }
}

/// 201 with an association that was not there, or 200 with the one that was.
pub enum Associated {
    /// There was none.
    Created(Created<AssociationBody>),
    /// There was one.
    There(Shown<AssociationBody>),
}

impl IntoResponse for Associated {
    fn into_response(self) -> Response {
        match self {
            Self::Created(created) => created.into_response(),
            Self::There(shown) => shown.into_response(),
        }
    }
}

impl ApiResponse for Associated {
    fn meta() -> MetaResponses {
        type Answer = Json<Envelope<AssociationBody>>;
        let location = ("Location", "Where the association can be put and deleted.");
        let there = documented::<Answer>(200, "The records were associated so already.", &[]);
        let created = documented::<Answer>(201, "The records are associated now.", &[location]);
        MetaResponses { responses: vec![there, created] }
    }

    fn register(registry: &mut Registry) {
        <Json<Envelope<AssociationBody>> as Payload>::register(registry);
    }
}

/// The operations.
#[derive(Debug, Default)]
pub struct AssociationsApi<R>(PhantomData<R>);

#[OpenApi(prefix_path = R::PATH)]
impl<R: LinkedResource> AssociationsApi<R> {
    /// List a {record}'s associations
    ///
    /// The contacts, companies and leads that it is associated with and that are not deleted, newest first. Page by number with
    /// `page` and `pageSize`, or by cursor with `limit` and then `cursor`. Needs `{read}`.
    #[oai(path = "/:id/associations", method = "get", operation_id = "list_{record}_associations")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<R::Read>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// Associations with records of this kind only.
        #[oai(name = "type")]
        kind: Query<Option<LinkedType>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Associations on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Associations at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<AssociationBody>, ApiError> {
        let from = Linked::new(R::KIND, id.0);
        let kind = kind.0.map(LinkedKind::from);
        let of_kind = kind.map(|kind| format!("type={}&", kind.name())).unwrap_or_default();
        let query = format!("associations {} {} {of_kind}", from.kind.name(), from.id);
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| association::list(tx, from, kind, &window).await;
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        let show = |association| AssociationBody::of(&caller, association);
        Ok(paging.list(page, Association::sort_key, show).linked(of_kind))
    }

    /// Associate a {record}
    ///
    /// With a contact, a company or a lead, which you must see too. The records are associated once for each label: the same
    /// again changes nothing and answers 200. Refused with `DUPLICATE` where they are associated under one of the labels with
    /// another one in the other direction. Needs `{write}`.
    #[oai(
        path = "/:id/associations/:type/:toId",
        method = "put",
        operation_id = "create_{record}_association"
    )]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn put(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// The other record's kind.
        #[oai(name = "type")]
        kind: Path<LinkedType>,
        /// The other record's id.
        #[oai(name = "toId")]
        to: Path<Uuid>,
        /// What the other record is to this one, such as `employer`: 1 to 100 characters.
        label: Query<Option<String>>,
        /// What this record is to the other one, such as `employee`: 1 to 100 characters; if absent the same as `label`.
        #[oai(name = "inverseLabel")]
        inverse_label: Query<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Associated>, ApiError> {
        let (from, to) = (Linked::new(R::KIND, id.0), Linked::new(kind.0.into(), to.0));
        let labels = Labels::check(label.0.as_deref(), inverse_label.0.as_deref())?;
        let put = async |tx: &mut TenantTx<'_>| {
            let put = association::put(tx, from, to, labels).await?;
            let (location, data) =
                (location::<R>(from, &put.association), AssociationBody::of(&caller, put.association));
            Ok(match put.created {
                true => Associated::Created(Created { data, location, version: None }),
                false => Associated::There(Shown::plain(data)),
            })
        };
        once.write(&app, &caller, prefer, put).await
    }

    /// End a {record}'s association
    ///
    /// The one with this label, or the one without a label. It ends for both records. Needs `{write}`.
    #[oai(
        path = "/:id/associations/:type/:toId",
        method = "delete",
        operation_id = "delete_{record}_association"
    )]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn delete(
        &self,
        caller: Caller<R::Write>,
        app: Data<&Arc<App>>,
        /// The {record}'s id.
        id: Path<Uuid>,
        /// The other record's kind.
        #[oai(name = "type")]
        kind: Path<LinkedType>,
        /// The other record's id.
        #[oai(name = "toId")]
        to: Path<Uuid>,
        /// The association's `label`, as this {record} shows it; absent for the one without a label.
        label: Query<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Deleted<AssociationBody>>, ApiError> {
        let (from, to) = (Linked::new(R::KIND, id.0), Linked::new(kind.0.into(), to.0));
        let labels = Labels::check(label.0.as_deref(), None)?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let ended = association::delete(tx, from, to, &labels).await?;
            Ok(Deleted::preferring(prefer, || AssociationBody::of(&caller, ended)))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}

/// Where the association is put and deleted.
fn location<R: LinkedResource>(from: Linked, association: &Association) -> String {
    let to = association.to;
    let label: String = url::form_urlencoded::byte_serialize(association.label.as_bytes()).collect();
    let query = if label.is_empty() { String::new() } else { format!("?label={label}") };
    format!("{}/{}/associations/{}/{}{query}", R::PATH, from.id, to.kind.name(), to.id)
}
