//! What all records of the CRM can do, resource by resource: each test is written once, for whatever is a record.

mod batches;
mod keys;
mod purge;
mod releases;

use sqlx::PgConnection;
use tenon_common::actor::Principal;
use tenon_common::crm::activity::{Activity, ActivityDraft, ActivityKind};
use tenon_common::crm::company::{Company, CompanyDraft};
use tenon_common::crm::contact::{Contact, ContactDraft};
use tenon_common::crm::lead::{Lead, LeadDraft, Status};
use tenon_common::crm::pipeline::{Pipeline, PipelineDraft, StageDraft};
use tenon_common::crm::record::{self, Draft, Fields, Record};
use tenon_common::{Actor, Db, Error};
use tenon_tests::{Person, Tenant, TestApp};
use uuid::Uuid;

/// A kind of record, with drafts that tests can make.
trait Sample: Record {
    /// The `number`th draft, with the external id `x-<number>`.
    fn draft(number: usize) -> Self::Draft;
    /// The same under another name.
    fn renamed(draft: Self::Draft, name: &str) -> Self::Draft;
    /// The draft with another external id.
    fn known_as(draft: Self::Draft, external_id: Option<&str>) -> Self::Draft;
    /// What it is called.
    fn name(&self) -> &str;
}

macro_rules! sample {
    ($record:ident, $draft:ident, $name:ident, $($more:tt)*) => {
        impl Sample for $record {
            fn draft(number: usize) -> $draft {
                let external_id = Some(format!("x-{number}"));
                $draft { $name: Some(format!("Record {number}")), external_id, $($more)* }
            }

            fn renamed(draft: $draft, name: &str) -> $draft {
                $draft { $name: Some(name.to_owned()), ..draft }
            }

            fn known_as(draft: $draft, external_id: Option<&str>) -> $draft {
                $draft { external_id: external_id.map(str::to_owned), ..draft }
            }

            fn name(&self) -> &str {
                &self.$name
            }
        }
    };
}

sample!(Contact, ContactDraft, name, ..ContactDraft::default());
sample!(Company, CompanyDraft, name, employees: Some(12), ..CompanyDraft::default());
sample!(Lead, LeadDraft, title, status: Some(Status::New), value: Some(12.5), ..LeadDraft::default());
sample!(Pipeline, PipelineDraft, name, stages: vec![stage("New", 1), stage("Won", 2)],);

impl Sample for Activity {
    fn draft(number: usize) -> ActivityDraft {
        let (subject, external_id) = (Some(format!("Record {number}")), Some(format!("x-{number}")));
        ActivityDraft { kind: Some(ActivityKind::Call), subject, external_id, ..ActivityDraft::default() }
    }

    fn renamed(draft: ActivityDraft, name: &str) -> ActivityDraft {
        ActivityDraft { subject: Some(name.to_owned()), ..draft }
    }

    fn known_as(draft: ActivityDraft, external_id: Option<&str>) -> ActivityDraft {
        ActivityDraft { external_id: external_id.map(str::to_owned), ..draft }
    }

    fn name(&self) -> &str {
        self.subject.as_deref().unwrap_or_default()
    }
}

fn stage(name: &str, order: i32) -> StageDraft {
    StageDraft { name: Some(name.to_owned()), display_order: Some(order), ..StageDraft::default() }
}

fn fields<R: Record>(draft: R::Draft) -> Fields<R> {
    draft.check().expect("a draft that is good")
}

/// A tenant, and what its administrator does in it.
struct Place {
    app: TestApp,
    tenant: Tenant,
    admin: Actor,
}

impl Place {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let admin = actor(&tenant, &tenant.admin());
        Self { app, tenant, admin }
    }

    fn db(&self) -> &Db {
        &self.app.state().db
    }

    async fn create<R: Sample>(&self, draft: R::Draft) -> R {
        let fields = fields::<R>(draft);
        self.db().write(&self.admin, async |tx| record::create(tx, fields).await).await.expect("created")
    }

    async fn delete<R: Record>(&self, id: Uuid) -> R {
        self.db().write(&self.admin, async |tx| record::delete(tx, id, None).await).await.expect("deleted")
    }

    async fn restore<R: Record>(&self, id: Uuid) -> R {
        self.db().write(&self.admin, async |tx| record::restore(tx, id).await).await.expect("restored")
    }

    async fn get<R: Record>(&self, id: Uuid) -> Result<R, Error> {
        self.db().read(&self.admin, async |tx| record::get(tx, id).await).await
    }

    async fn behind(&self) -> PgConnection {
        self.app.connect().await
    }
}

/// The person in the tenant, as the API would know it by a token.
fn actor(tenant: &Tenant, person: &Person) -> Actor {
    Actor { principal: Principal::User(person.id), role: person.role, ..Actor::system(tenant.id) }
}

/// The types of an object's events, first to last.
async fn events(behind: &mut PgConnection, id: Uuid) -> Vec<String> {
    let events = crate::log::events(behind, &id.to_string()).await;
    events.into_iter().map(|event| event.r#type).collect()
}

/// The names of a kind's events: `lead.created`, …
fn named<R: Record>(happened: &[&str]) -> Vec<String> {
    happened.iter().map(|what| format!("{}.{what}", R::KIND.name())).collect()
}

/// In which way something was refused: the code of the API's answer, more or less.
fn refusal(error: &Error) -> String {
    match error {
        Error::NotFound(_) => "NOT_FOUND".to_owned(),
        Error::Conflict(conflict) => format!("{:?}", conflict.code),
        Error::Stale { current } => format!("STALE {current}"),
        Error::Invalid(errors) => {
            let all: Vec<String> =
                errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect();
            all.join(", ")
        }
        other => panic!("{other}"),
    }
}

/// Makes a test of each kind of record out of one that is written once.
macro_rules! for_each_record {
    ($check:ident: $($test:ident = $record:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $test() {
            $check::<$record>().await;
        }
    )+};
}

use for_each_record;
