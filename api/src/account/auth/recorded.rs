//! What the audit trail says of attempts to log in.

use std::net::IpAddr;
use std::sync::Arc;

use tenon_common::account::login::{Attempt, LoggedIn, Login};
use tenon_common::account::tenant;
use tenon_common::actor::{Origin, Principal};
use tenon_common::audit::{Act, AuditOutcome};
use tenon_common::id::{TenantId, UserId};

use crate::app::App;
use crate::http::code::Code;

/// The operation that they all ask for.
const OPERATION: &str = "create_login";

/// Somebody is in: written before the token is handed out.
pub(super) async fn succeeded(app: &App, member: &LoggedIn, origin: Origin) {
    app.recorder.write(&app.db, Act::login(member.tenant, member.user, OPERATION), origin).await;
}

/// Somebody is not. Looked up and noted off the answer's path, so that its time does not tell whether there is such an account.
pub(super) fn failed(
    app: &Arc<App>,
    attempt: Attempt,
    email: String,
    slug: Option<String>,
    ip: IpAddr,
    origin: Origin,
) {
    let app = app.clone();
    tokio::spawn(async move {
        let suspended = matches!(attempt.outcome, Login::Suspended);
        for (tenant, account) in concerned(&app, &attempt, email, slug).await {
            let act = match (&account, suspended) {
                (Ok(user), true) => refused(tenant, *user, ip),
                _ => Act::login_failed(tenant, account, OPERATION, Code::InvalidCredentials.name(), ip),
            };
            app.recorder.note(act, || origin.clone());
        }
    });
}

/// The password was right, so that it was the user.
fn refused(tenant: TenantId, user: UserId, ip: IpAddr) -> Act {
    let reason = Code::AccountSuspended.name();
    Act {
        outcome: AuditOutcome::Refused,
        actor: Principal::User(user).reference(),
        ..Act::login_failed(tenant, Ok(user), OPERATION, reason, ip)
    }
}

/// Whose trail it belongs into, and what it may say there: a tenant is told which of its members it was, and of nobody else's accounts
/// more than what was typed.
async fn concerned(
    app: &App,
    attempt: &Attempt,
    email: String,
    slug: Option<String>,
) -> Vec<(TenantId, Result<UserId, String>)> {
    if let Some(user) = attempt.user
        && !attempt.tenants.is_empty()
    {
        return attempt.tenants.iter().map(|tenant| (*tenant, Ok(user))).collect();
    }
    let Some(slug) = slug else { return Vec::new() };
    match tenant::find_active(&app.db, &slug).await {
        Ok(tenant) => tenant.map(|tenant| (tenant, Err(email))).into_iter().collect(),
        Err(error) => {
            metrics::counter!("tenon_audit_write_failures_total").increment(1);
            tracing::warn!(%error, "an attempt to log in was not written into the audit trail");
            Vec::new()
        }
    }
}
