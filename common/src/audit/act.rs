//! What happens without a change, and so without an event.

use std::net::IpAddr;
use std::time::Duration;

use super::AuditOutcome;
use crate::actor::{ActorKind, ActorReference, Principal};
use crate::id::{TenantId, UserId};

/// The actions that are written directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirectAction {
    /// Somebody logged in.
    LoginSucceeded,
    /// Somebody did not.
    LoginFailed,
    /// A caller may not do what it asked for.
    AccessRefused,
    /// An API key was used from an address.
    KeyUsed,
}

impl DirectAction {
    /// `auth.login.succeeded`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LoginSucceeded => "auth.login.succeeded",
            Self::LoginFailed => "auth.login.failed",
            Self::AccessRefused => "access.refused",
            Self::KeyUsed => "auth.key.used",
        }
    }

    /// Acts that are alike within this time after one that was written are one entry, with their number.
    pub(super) fn window(self) -> Duration {
        match self {
            Self::KeyUsed => Duration::from_secs(3600),
            _ => Duration::from_secs(60),
        }
    }
}

/// Something that somebody did. Two that are equal are alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Act {
    /// Where.
    pub tenant: TenantId,
    /// What.
    pub action: DirectAction,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Who; a user without an id where nobody has proved to be one.
    pub actor: ActorReference,
    /// The operation that was asked for.
    pub operation: Option<&'static str>,
    /// The code of the refusal.
    pub reason: Option<&'static str>,
    /// The user whose account was tried.
    pub user: Option<UserId>,
    /// The login address that was tried, masked, where it is no member's.
    pub account: Option<String>,
    /// The address, where acts from different addresses are not alike.
    pub ip: Option<IpAddr>,
}

/// Nobody has proved who it is.
const NOBODY: ActorReference = ActorReference { kind: ActorKind::User, id: None };

impl Act {
    /// A user logged in.
    pub fn login(tenant: TenantId, user: UserId, operation: &'static str) -> Self {
        Self {
            tenant,
            action: DirectAction::LoginSucceeded,
            outcome: AuditOutcome::Succeeded,
            actor: Principal::User(user).reference(),
            operation: Some(operation),
            reason: None,
            user: Some(user),
            account: None,
            ip: None,
        }
    }

    /// Somebody did not log in: as this member, or as nobody of the tenant, with this address.
    pub fn login_failed(
        tenant: TenantId,
        account: Result<UserId, String>,
        operation: &'static str,
        reason: &'static str,
        ip: IpAddr,
    ) -> Self {
        let (user, account) = match account {
            Ok(user) => (Some(user), None),
            Err(address) => (None, Some(masked_address(&address))),
        };
        let action = DirectAction::LoginFailed;
        let outcome = AuditOutcome::Failed;
        let (operation, reason, ip) = (Some(operation), Some(reason), Some(ip));
        Self { tenant, action, outcome, actor: NOBODY, operation, reason, user, account, ip }
    }

    /// A caller may not do this.
    pub fn refused(
        tenant: TenantId,
        principal: Principal,
        operation: Option<&'static str>,
        reason: &'static str,
    ) -> Self {
        Self {
            tenant,
            action: DirectAction::AccessRefused,
            outcome: AuditOutcome::Refused,
            actor: principal.reference(),
            operation,
            reason: Some(reason),
            user: None,
            account: None,
            ip: None,
        }
    }

    /// An API key came with a request.
    pub fn key_used(tenant: TenantId, principal: Principal, ip: IpAddr) -> Self {
        Self {
            tenant,
            action: DirectAction::KeyUsed,
            outcome: AuditOutcome::Succeeded,
            actor: principal.reference(),
            operation: None,
            reason: None,
            user: None,
            account: None,
            ip: Some(ip),
        }
    }

    /// What is left of it where there are too many that are not alike.
    pub(super) fn in_short(&self) -> Self {
        Self {
            actor: NOBODY,
            operation: None,
            reason: None,
            user: None,
            account: None,
            ip: None,
            ..self.clone()
        }
    }
}

/// A login address that says whose it may be to who knows it: `a***@example.com`.
pub fn masked_address(address: &str) -> String {
    const MOST: usize = 100;
    let address = address.trim();
    let (name, domain) = match address.rsplit_once('@') {
        Some((name, domain)) => (name, Some(domain)),
        None => (address, None),
    };
    let shown = |text: &str, most| -> String {
        text.chars().filter(|character| !character.is_control()).take(most).collect()
    };
    let domain = domain.map(|domain| format!("@{}", shown(domain, MOST))).unwrap_or_default();
    format!("{}***{domain}", shown(name, 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_masked() {
        assert_eq!(masked_address(" ada@example.com "), "a***@example.com");
        assert_eq!(masked_address("a@b@example.com"), "a***@example.com");
        assert_eq!(masked_address("ada"), "a***");
        assert_eq!(masked_address(""), "***");
    }

    proptest! {
        #[test]
        fn of_a_name_one_letter_is_shown_and_the_database_takes_it(
            name in "[b-y0-9]{2,30}", domain in "z[A-Z\0]{0,200}",
        ) {
            let masked = masked_address(&format!("{name}@{domain}"));
            prop_assert!(!masked.contains(&name));
            prop_assert!(!masked.contains('\0'));
            prop_assert!(masked.chars().count() <= 105);
        }

        #[test]
        fn whatever_was_typed_is_masked(text in "\\PC{0,300}") {
            prop_assert!(masked_address(&text).contains("***"));
        }
    }
}
