//! The policies: what is counted, for whom, and how many are allowed.

use std::net::IpAddr;

use tenon_common::account::tenant::Plan;
use uuid::Uuid;

/// A limit with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    /// All authenticated requests of a tenant; its plan says how many.
    Org,
    /// Reading, by a user or key.
    Read,
    /// Changing, by a user or key.
    Write,
    /// Requests without a good credential, from an address: of IPv6, from a /64.
    Public,
    /// The same from a network: a /24, of IPv6 a /56.
    PublicNetwork,
    /// Attempts to log in, for an account and network.
    Login,
    /// Attempts to log in to an account from anywhere; not from networks where somebody has logged in to it.
    LoginAccount,
    /// Attempts to log in from an address, whatever the account.
    LoginAddress,
    /// The same from a network.
    LoginNetwork,
    /// Sessions that begin with a QR code, by a user or key, or from an address.
    Qr,
}

const MINUTE: u32 = 60;
const QUARTER: u32 = 15 * MINUTE;

impl Policy {
    /// Every policy. Where a request is counted by several, they are asked in this order.
    pub const ALL: [Self; 10] = [
        Self::Org,
        Self::Read,
        Self::Write,
        Self::Public,
        Self::PublicNetwork,
        Self::Login,
        Self::LoginAccount,
        Self::LoginAddress,
        Self::LoginNetwork,
        Self::Qr,
    ];

    /// The name in headers, refusals and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Org => "org",
            Self::Read => "read",
            Self::Write => "write",
            Self::Public => "public",
            Self::PublicNetwork => "public-network",
            Self::Login => "login",
            Self::LoginAccount => "login-account",
            Self::LoginAddress => "login-address",
            Self::LoginNetwork => "login-network",
            Self::Qr => "qr",
        }
    }

    /// How many it allows a tenant of this plan. `None` is without limit: `unlimited` lifts the limits of the tenant and of its
    /// credentials, not those that keep guessers away.
    pub fn rate(self, plan: Plan, profile: Profile) -> Option<Rate> {
        let (count, seconds) = match (self, plan) {
            (Self::Org | Self::Read | Self::Write, Plan::Unlimited) => return None,
            (Self::Org, Plan::Free) => (100, MINUTE),
            (Self::Org, Plan::Team) => (1_000, MINUTE),
            (Self::Org, Plan::Business) => (10_000, MINUTE),
            (Self::Read, _) if profile == Profile::PlanLiteral => (100, QUARTER),
            (Self::Read | Self::Write, _) => (1_000, QUARTER),
            (Self::Public, _) => (100, QUARTER),
            (Self::PublicNetwork, _) => (1_000, QUARTER),
            (Self::Login, _) => (5, QUARTER),
            // Wide enough for a person, too narrow for guessing.
            (Self::LoginAccount, _) => (20, QUARTER),
            // An office behind one address logs in; who tries one password with every account does not get far.
            (Self::LoginAddress, _) => (100, QUARTER),
            (Self::LoginNetwork, _) => (400, QUARTER),
            (Self::Qr, _) => (10, MINUTE),
        };
        Some(Rate { count, seconds })
    }
}

/// Which numbers the policies have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// 1,000 reads in 15 minutes.
    #[default]
    Default,
    /// 100 reads in 15 minutes, with a credential as without: the letter of the plans.
    PlanLiteral,
}

impl Profile {
    /// The profile of a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "default" => Ok(Self::Default),
            "plan-literal" => Ok(Self::PlanLiteral),
            _ => Err("expected default or plan-literal".to_owned()),
        }
    }
}

/// So many in so long, as a burst or spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how many seconds.
    pub seconds: u32,
}

impl Rate {
    /// The time in microseconds.
    pub fn period(self) -> u64 {
        u64::from(self.seconds) * 1_000_000
    }

    /// The time in which one more becomes free, in microseconds. Of every rate here it is a whole number.
    pub fn interval(self) -> u64 {
        self.period() / u64::from(self.count)
    }
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A tenant.
    Tenant(Uuid),
    /// A user or key of a tenant.
    Principal(Uuid, Uuid),
    /// An address and its network.
    Address(IpAddr, IpAddr),
    /// A network.
    Network(IpAddr),
    /// An account's digest, from a network or from anywhere.
    Account([u8; 16], Option<IpAddr>),
}

/// One thing that a request wants of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand {
    /// The policy.
    pub policy: Policy,
    /// How many it allows. Part of what is counted: with a new rate the count begins anew.
    pub rate: Rate,
    /// Who is counted.
    pub subject: Subject,
    /// Part of what is counted too: the operator raises it to let the count begin anew.
    pub epoch: i64,
}

/// A request is counted by so many policies at most.
pub const MOST: usize = 4;

/// Where a policy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The policy.
    pub policy: Policy,
    /// How many it allows.
    pub rate: Rate,
    /// How many are left.
    pub remaining: u32,
    /// Microseconds until all of them are there again.
    pub reset: u64,
    /// Microseconds to wait where it refuses; 0 where it does not.
    pub wait: u64,
}

/// Where the policies of a request stand.
pub type Standings = [Option<Standing>; MOST];

/// Where the policies stand that have counted a request so far, and those that have counted it now, in the policies' order.
pub fn together(before: &Standings, now: &Standings) -> Standings {
    let mut all: Vec<Standing> = now.iter().flatten().copied().collect();
    for one in before.iter().flatten() {
        if all.iter().all(|other| other.policy != one.policy) {
            all.push(*one);
        }
    }
    all.sort_by_key(|standing| standing.policy);
    std::array::from_fn(|at| all.get(at).copied())
}

/// The one that a client meets first: the one that refuses for longest, or the one with the fewest left.
pub fn tightest(standings: &Standings) -> Option<Standing> {
    let by_room = |standing: &Standing| (std::cmp::Reverse(standing.wait), standing.remaining);
    standings.iter().flatten().copied().min_by_key(by_room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_is_exact() {
        let rates = |policy: Policy| {
            let profiles = [Profile::Default, Profile::PlanLiteral];
            profiles.into_iter().flat_map(move |profile| Plan::ALL.map(|plan| policy.rate(plan, profile)))
        };
        for rate in Policy::ALL.into_iter().flat_map(rates).flatten() {
            assert_eq!(rate.interval() * u64::from(rate.count), rate.period(), "{rate:?}");
        }
    }

    #[test]
    fn unlimited_lifts_what_the_tenant_pays_for() {
        let limited = |policy: &Policy| policy.rate(Plan::Unlimited, Profile::Default).is_some();
        let left: Vec<_> = Policy::ALL.into_iter().filter(limited).map(Policy::name).collect();
        assert_eq!(
            left,
            ["public", "public-network", "login", "login-account", "login-address", "login-network", "qr"]
        );
    }

    #[test]
    fn what_counts_later_stands_beside_what_counted_before() {
        let rate = Rate { count: 10, seconds: 60 };
        let standing = |policy, remaining| Some(Standing { policy, rate, remaining, reset: 0, wait: 0 });
        let before = [standing(Policy::LoginAddress, 4), standing(Policy::LoginNetwork, 5), None, None];
        let now = [standing(Policy::Login, 6), standing(Policy::LoginAddress, 3), None, None];
        let all = together(&before, &now).map(|one| one.map(|one| (one.policy.name(), one.remaining)));
        assert_eq!(all, [Some(("login", 6)), Some(("login-address", 3)), Some(("login-network", 5)), None]);
    }

    #[test]
    fn the_tightest_refuses_or_has_the_least_left() {
        let rate = Rate { count: 10, seconds: 60 };
        let standing = |policy, remaining, wait| Some(Standing { policy, rate, remaining, reset: 0, wait });
        let first = |standings| tightest(&standings).map(|standing| standing.policy);
        assert_eq!(
            first([standing(Policy::Org, 7, 0), standing(Policy::Write, 3, 0), None, None]),
            Some(Policy::Write)
        );
        assert_eq!(
            first([standing(Policy::Org, 0, 5), standing(Policy::Write, 0, 9), None, None]),
            Some(Policy::Write)
        );
        assert_eq!(
            first([standing(Policy::Org, 4, 0), standing(Policy::Write, 4, 0), None, None]),
            Some(Policy::Org)
        );
        assert_eq!(first([None; MOST]), None);
    }
}
