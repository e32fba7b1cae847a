//! Tenants of a test, and the people in them.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tenon_api::app::App;
use tenon_common::account::api_key::{self, ApiKeyDraft, Grantor, Mode};
use tenon_common::account::user::NewMember;
use tenon_common::account::{tenant, user};
use tenon_common::actor::Principal;
use tenon_common::id::{TenantId, UserId};
use tenon_common::role::Role;
use tenon_common::{Actor, TenantTx};
use uuid::Uuid;

use crate::Client;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// A tenant of a test.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// As it was given to `TestApp::tenant`.
    pub slug: String,
    owner: Person,
    state: Arc<App>,
    anonymous: Client,
    people: Arc<AtomicU32>,
}

/// A user with a membership, and a client with the user's credential: `ada.get("/me")`.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's id.
    pub id: UserId,
    /// The login address; the password is [`PASSWORD`].
    pub email: String,
    /// The role in the tenant.
    pub role: Role,
    /// The access token or API key of the client.
    pub credential: String,
    client: Client,
}

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Tenant {
    pub(super) async fn create(state: Arc<App>, anonymous: Client, slug: &str) -> Self {
        let id = TenantId::new();
        let email = format!("owner@{slug}.example");
        let owner = new_member(email.clone(), Role::Admin);
        let create = async |tx: &mut TenantTx<'_>| {
            tenant::create(tx, slug, slug, tenant::Plan::Unlimited).await?;
            user::create(tx, owner).await
        };
        let owner = state.db.write(&Actor::system(id), create).await;
        let owner = owner.unwrap_or_else(|error| panic!("the tenant {slug} is not made: {error:?}")).id;
        let actor = Actor { principal: Principal::User(owner), role: Role::Admin, ..Actor::system(id) };
        let scopes = Some(vec!["*".to_owned()]);
        let draft = ApiKeyDraft { name: Some("Owner".to_owned()), scopes, ..ApiKeyDraft::default() };
        let grantor = Grantor::of_role(Role::Admin);
        let create = async |tx: &mut TenantTx<'_>| api_key::create(tx, draft, Mode::Live, &grantor).await;
        let key = state.db.write(&actor, create).await;
        let (_, key) = key.unwrap_or_else(|error| panic!("the owner of {slug} gets no key: {error:?}"));
        let credential = key.reveal().to_owned();
        let client = anonymous.with_bearer(&credential);
        let owner = Person { id: owner, email, role: Role::Admin, credential, client };
        Self { id, slug: slug.to_owned(), owner, state, anonymous, people: Arc::default() }
    }

    /// The owner, with an API key that may do all that an ADMIN may.
    pub fn admin(&self) -> Person {
        self.owner.clone()
    }

    /// A new AGENT, with an access token.
    pub async fn agent(&self) -> Person {
        self.person(Role::Agent).await
    }

    /// A new CLIENT, with an access token.
    pub async fn client(&self) -> Person {
        self.person(Role::Client).await
    }

    /// A new user with this role, with an access token.
    ///
    /// # Panics
    /// Where the user cannot be made.
    pub async fn person(&self, role: Role) -> Person {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let email =
            format!("{}-{number}@{}.example", role.name().to_lowercase().replace('_', "-"), self.slug);
        self.member(&email, role).await
    }

    /// A member with this address: a new user, or one whom another tenant has already.
    ///
    /// # Panics
    /// Where the member cannot be made.
    pub async fn member(&self, email: &str, role: Role) -> Person {
        let new = new_member(email.to_owned(), role);
        let created =
            self.state.db.write(&Actor::system(self.id), async |tx| user::create(tx, new).await).await;
        let id = created.unwrap_or_else(|error| panic!("{email} does not become a member: {error:?}")).id;
        let token = self.state.tokens.issue(id, self.id, role, [0, 0], Uuid::now_v7());
        let credential = token.unwrap_or_else(|error| panic!("{email} gets no token: {error}"));
        let client = self.anonymous.with_bearer(&credential);
        Person { id, email: email.to_owned(), role, credential, client }
    }

    /// A client with a key of the owner's that has these scopes.
    pub async fn key(&self, scopes: &[&str]) -> Client {
        let body = serde_json::json!({"name": scopes.join(" "), "scopes": scopes});
        let key: serde_json::Value = self.owner.post("/api-keys", body).await.created();
        self.anonymous.with_bearer(key["key"].as_str().unwrap_or_default())
    }
}

fn new_member(email: String, role: Role) -> NewMember {
    NewMember { email, name: "Ada Lovelace".to_owned(), password: PASSWORD.to_owned(), role }
}
