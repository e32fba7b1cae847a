//! Rate limits: how many requests a tenant, a credential, an address may send. They are counted in the process or, for several
//! processes together, in Redis.

pub mod class;
mod decisions;
mod gcra;
pub mod headers;
mod local;
mod networks;
pub mod policy;
mod shared;

use std::array;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use tenon_common::Actor;
use tenon_common::account::tenant::{Allowance, Plan};
use tenon_common::actor::Principal;

use crate::http::code::Code;
use crate::http::refusal::Refusal;
use crate::http::request;

use class::Class;
use decisions::{Decisions, Outcome};
use local::Local;
use networks::Homes;
use policy::{Demand, MOST, Policy, Profile, Standing, Standings, Subject, tightest};
use shared::Shared;

/// What is done about requests over a limit. Attempts to log in are limited in every mode: that limit keeps guessers away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are refused.
    #[default]
    Enforce,
    /// They are counted, in metrics, and let through; answers say nothing of limits.
    Shadow,
    /// Nothing is counted.
    Off,
}

impl Mode {
    /// The mode of a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "enforce" => Ok(Self::Enforce),
            "shadow" => Ok(Self::Shadow),
            "off" => Ok(Self::Off),
            _ => Err("expected enforce, shadow or off".to_owned()),
        }
    }
}

/// The limits that are in force.
#[derive(Debug)]
pub struct Limits {
    mode: Mode,
    profile: Profile,
    local: Local,
    shared: Option<Shared>,
    decisions: Decisions,
    homes: Homes,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            profile: Profile::default(),
            local: Local::new(),
            shared: None,
            decisions: Decisions::new(),
            homes: Homes::new(),
        }
    }
}

impl Limits {
    /// Limits in a mode, counted in Redis where there is a URL of one.
    ///
    /// # Errors
    /// Where the URL is none.
    pub fn new(mode: Mode, redis: Option<&str>) -> Result<Self, String> {
        let shared = redis.map(Shared::new).transpose().map_err(|error| {
            format!(
                "REDIS_URL: {error}; expected redis://host:6379, rediss://host:6379 or redis+unix:///path"
            )
        })?;
        Ok(Self { mode, shared, ..Self::default() })
    }

    /// With the numbers of a profile.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Whether requests over a limit are refused.
    pub fn enforced(&self) -> bool {
        self.mode == Mode::Enforce
    }

    /// A request that everybody may send, before it is answered.
    pub async fn anonymous(&self, class: Option<Class>, from: IpAddr) -> Result<(), Refusal> {
        match class {
            Some(Class::Public) => self.public(from).await,
            _ => Ok(()),
        }
    }

    /// A request without a good credential, counted by address and by network.
    pub async fn public(&self, from: IpAddr) -> Result<(), Refusal> {
        let (address, network) = networks::of(from);
        let here = self.demand(Policy::Public, Subject::Address(address, network));
        let around = self.demand(Policy::PublicNetwork, Subject::Network(network));
        self.take([here, around, None, None], self.mode).await
    }

    /// A request with a good credential: counted for its tenant, by the tenant's plan, and for the caller, by its class.
    pub async fn request(&self, actor: &Actor, allowance: Allowance, class: Class) -> Result<(), Refusal> {
        let own = match class {
            Class::Read => Some(Policy::Read),
            Class::Write => Some(Policy::Write),
            Class::Qr => Some(Policy::Qr),
            Class::Public | Class::Login => None,
        };
        let own = own.and_then(|policy| self.allowed(policy, allowance, principal(actor)));
        let org = self.allowed(Policy::Org, allowance, Subject::Tenant(actor.tenant.0));
        self.take([org, own, None, None], self.mode).await
    }

    /// An attempt to log in, counted by address and network, by network and account, and by account: that one not from a network
    /// where the account's owner has logged in. Whoever guesses elsewhere cannot lock the owner out there.
    pub async fn login(&self, from: IpAddr, account: &str) -> Result<(), Refusal> {
        let (account, (address, network)) = (digest(account), networks::of(from));
        let here = self.demand(Policy::LoginAddress, Subject::Address(address, network));
        let around = self.demand(Policy::LoginNetwork, Subject::Network(network));
        self.take([here, around, None, None], Mode::Enforce).await?;
        let own = self.demand(Policy::Login, Subject::Account(account, Some(network)));
        let anywhere = match self.homes.knows(account, network) {
            true => None,
            false => self.demand(Policy::LoginAccount, Subject::Account(account, None)),
        };
        self.take([own, anywhere, None, None], Mode::Enforce).await
    }

    /// Somebody has logged in to an account from here.
    pub fn logged_in(&self, from: IpAddr, account: &str) {
        self.homes.remember(digest(account), networks::of(from).1);
    }

    /// Where the caller's policies stand. Takes nothing.
    pub async fn standings(&self, actor: &Actor, allowance: Allowance) -> Vec<Standing> {
        let demands = [
            self.allowed(Policy::Org, allowance, Subject::Tenant(actor.tenant.0)),
            self.allowed(Policy::Read, allowance, principal(actor)),
            self.allowed(Policy::Write, allowance, principal(actor)),
            None,
        ];
        let standings = self.ask(demands, 0).await;
        standings.into_iter().flatten().collect()
    }

    /// A demand of a policy that no plan lifts.
    fn demand(&self, policy: Policy, subject: Subject) -> Option<Demand> {
        self.allowed(policy, Plan::Free.into(), subject)
    }

    /// What a policy counts for a subject; none where the plan lifts it.
    fn allowed(&self, policy: Policy, allowance: Allowance, subject: Subject) -> Option<Demand> {
        let rate = policy.rate(allowance.plan, self.profile)?;
        Some(Demand { policy, rate, subject, epoch: allowance.epoch })
    }

    async fn take(&self, demands: [Option<Demand>; MOST], mode: Mode) -> Result<(), Refusal> {
        if mode == Mode::Off || demands.iter().all(Option::is_none) {
            return Ok(());
        }
        let standings = self.ask(demands, 1).await;
        let refused = standings.iter().flatten().any(|standing| standing.wait > 0);
        for standing in standings.iter().flatten() {
            let outcome = match (standing.wait > 0, mode) {
                (true, Mode::Enforce) => Outcome::Limited,
                (true, _) => Outcome::Shadow,
                // Another policy refuses: this one has neither counted nor refused the request.
                (false, _) if refused => continue,
                (false, _) => Outcome::Allowed,
            };
            self.decisions.count(standing.policy, outcome);
        }
        if mode != Mode::Enforce {
            return Ok(());
        }
        request::counted(standings);
        match tightest(&standings).filter(|standing| standing.wait > 0) {
            None => Ok(()),
            Some(standing) => Err(Refusal::new(Code::RateLimited)
                .detail("policy", standing.policy.name())
                .retry_after(headers::whole_seconds(standing.wait))),
        }
    }

    async fn ask(&self, demands: [Option<Demand>; MOST], cost: u32) -> Standings {
        let mut asked = demands.iter().flatten().copied();
        let Some(first) = asked.next() else { return [None; MOST] };
        let mut list = [first; MOST];
        let mut length = 1;
        for demand in asked {
            list[length] = demand;
            length += 1;
        }
        let demands = &list[..length];
        if let Some(shared) = &self.shared {
            if let Some(standings) = shared.take(demands, cost).await {
                return standings;
            }
            demands.iter().for_each(|demand| self.decisions.count(demand.policy, Outcome::BackendError));
        }
        self.local.take(demands, cost)
    }
}

fn principal(actor: &Actor) -> Subject {
    let id = match actor.principal {
        Principal::User(user) => user.0,
        Principal::ApiKey(key, _) => key.0,
        Principal::Import(import, _) => import.0,
        Principal::System => actor.tenant.0,
    };
    Subject::Principal(actor.tenant.0, id)
}

/// An account, however its address is written.
fn digest(account: &str) -> [u8; 16] {
    let digest = Sha256::digest(account.trim().to_lowercase());
    array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn five_logins_and_no_more_in_every_mode() {
        for mode in [Mode::Enforce, Mode::Shadow, Mode::Off] {
            let limits = Limits::new(mode, None).expect("limits");
            let from = address("192.0.2.7");
            for _ in 0..5 {
                assert!(limits.login(from, "ada@example.com").await.is_ok());
            }
            let refusal =
                limits.login(address("192.0.2.8"), " ADA@example.com").await.expect_err("the same network");
            assert_eq!((refusal.code, refusal.details["policy"].as_str()), (Code::RateLimited, "login"));
            assert!(refusal.retry_after.is_some_and(|seconds| (1..=180).contains(&seconds)));
            assert!(limits.login(from, "grace@example.com").await.is_ok());
        }
    }

    #[tokio::test]
    async fn twenty_logins_from_anywhere() {
        let limits = Limits::default();
        for network in 0..20 {
            assert!(limits.login(address(&format!("192.0.{network}.7")), "ada@example.com").await.is_ok());
        }
        let refusal = limits.login(address("198.51.100.7"), "ada@example.com").await.expect_err("the 21st");
        assert_eq!(refusal.details["policy"], "login-account");
    }

    #[tokio::test]
    async fn nobody_elsewhere_locks_the_owner_out_at_home() {
        let limits = Limits::default();
        limits.logged_in(address("203.0.113.1"), "ada@example.com");
        for network in 0..30 {
            let _ = limits.login(address(&format!("192.0.{network}.7")), "ada@example.com").await;
        }
        assert!(limits.login(address("198.51.100.7"), "ada@example.com").await.is_err(), "not from anywhere");
        for _ in 0..5 {
            assert!(limits.login(address("203.0.113.99"), "Ada@Example.com ").await.is_ok());
        }
        let refusal = limits.login(address("203.0.113.1"), "ada@example.com").await.expect_err("the sixth");
        assert_eq!(refusal.details["policy"], "login");
    }

    #[tokio::test]
    async fn many_accounts_from_one_address_and_from_one_network() {
        let limits = Limits::default();
        let mut tried = 0;
        let mut login = async |from: &str| {
            tried += 1;
            let refused = limits.login(address(from), &format!("{tried}@example.com")).await.err();
            refused.map(|refusal| refusal.details["policy"].clone())
        };
        for _ in 0..100 {
            assert_eq!(login("192.0.2.1").await, None);
        }
        assert_eq!(login("192.0.2.1").await.as_deref(), Some("login-address"));
        for at in 0..300 {
            assert_eq!(login(&format!("192.0.2.{}", 2 + at / 50)).await, None);
        }
        assert_eq!(login("192.0.2.99").await.as_deref(), Some("login-network"));
        assert_eq!(login("192.0.3.1").await, None);
    }

    #[tokio::test]
    async fn requests_without_a_credential_are_counted_by_network_too() {
        let limits = Limits::default();
        let public = async |from: &str| {
            let refused = limits.public(address(from)).await.err();
            refused.map(|refusal| refusal.details["policy"].clone())
        };
        for at in 0..100 {
            assert_eq!(public(&format!("2001:db8:0:1::{at}")).await, None);
        }
        assert_eq!(public("2001:db8:0:1:9:9:9:9").await.as_deref(), Some("public"));
        for at in 0..900 {
            assert_eq!(public(&format!("2001:db8:0:{:x}::1", 2 + at / 90)).await, None);
        }
        assert_eq!(public("2001:db8:0:ff::1").await.as_deref(), Some("public-network"));
        assert_eq!(public("2001:db8:0:100::1").await, None);
    }

    #[tokio::test]
    async fn only_enforced_limits_refuse() {
        for (mode, allowed) in [(Mode::Enforce, 100), (Mode::Shadow, 150), (Mode::Off, 150)] {
            let limits = Limits::new(mode, None).expect("limits");
            let mut passed = 0;
            for _ in 0..150 {
                passed += u32::from(limits.public(address("192.0.2.7")).await.is_ok());
            }
            assert_eq!(passed, allowed, "{mode:?}");
        }
    }

    #[tokio::test]
    async fn a_new_epoch_begins_anew() {
        let limits = Limits::default();
        let actor = Actor::system(tenon_common::id::TenantId::new());
        let mut passed = [0, 0];
        for epoch in [0, 1] {
            let allowance = Allowance { plan: Plan::Free, epoch: i64::try_from(epoch).expect("small") };
            for _ in 0..150 {
                passed[epoch] += u32::from(limits.request(&actor, allowance, Class::Read).await.is_ok());
            }
        }
        assert_eq!(passed, [100, 100]);
    }

    #[tokio::test]
    async fn the_letter_of_the_plans_allows_a_hundred_reads() {
        let actor = Actor::system(tenon_common::id::TenantId::new());
        for (profile, class, expected) in [
            (Profile::Default, Class::Read, 1000),
            (Profile::PlanLiteral, Class::Read, 100),
            (Profile::PlanLiteral, Class::Write, 1000),
        ] {
            let limits = Limits::default().with_profile(profile);
            let mut passed = 0;
            for _ in 0..1200 {
                passed += u32::from(limits.request(&actor, Plan::Business.into(), class).await.is_ok());
            }
            assert_eq!(passed, expected, "{profile:?} {class:?}");
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused() {
        let error = Limits::new(Mode::Enforce, Some("localhost")).expect_err("no URL");
        assert!(error.starts_with("REDIS_URL: "), "{error}");
    }

    /// `cargo test -p tenon-api --release -- --ignored --nocapture the_price`
    #[tokio::test]
    #[ignore = "a measurement"]
    async fn the_price_of_a_request() {
        let limits = Limits::default();
        let actor = Actor::system(tenon_common::id::TenantId::new());
        let started = std::time::Instant::now();
        for _ in 0..100_000 {
            let _ = limits.request(&actor, Plan::Business.into(), Class::Write).await;
        }
        let each = started.elapsed() / 100_000;
        assert!(each < std::time::Duration::from_micros(5), "{each:?}");
    }
}
