//! Rate limits in the process: GCRA (generic cell rate algorithm), one instant per key.

mod gcra;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::code::Code;
use crate::refusal::Refusal;

use gcra::{Gcra, Rate};

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// The limits that are in force.
#[derive(Debug)]
pub struct Limits {
    login_from: Gcra<(IpAddr, String)>,
    login_to: Gcra<String>,
    public: Gcra<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            login_from: Gcra::new(Rate { count: 5, per: QUARTER }),
            // Per account whatever the address: wide enough for a person, too narrow for guessing.
            login_to: Gcra::new(Rate { count: 20, per: QUARTER }),
            public: Gcra::new(Rate { count: 100, per: QUARTER }),
        }
    }
}

impl Limits {
    /// An attempt to log in, counted by network and account, and by account.
    pub fn login(&self, from: IpAddr, account: &str) -> Result<(), Refusal> {
        let account = account.trim().to_lowercase();
        decide("login", self.login_from.take((network(from), account.clone())))?;
        decide("login", self.login_to.take(account))
    }

    /// A request without a good credential, counted by address.
    pub fn public(&self, from: IpAddr) -> Result<(), Refusal> {
        decide("public", self.public.take(from))
    }
}

fn decide(policy: &'static str, taken: Result<(), Duration>) -> Result<(), Refusal> {
    let outcome = if taken.is_ok() { "allowed" } else { "limited" };
    metrics::counter!("tenon_rate_limit_decisions_total", "policy" => policy, "outcome" => outcome)
        .increment(1);
    taken.map_err(|wait| {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Refusal::new(Code::RateLimited).detail("policy", policy).retry_after(seconds.max(1))
    })
}

/// The network of an address: /24, or /56.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & 0xffff_ff00).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 72)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_logins_and_no_more() {
        let limits = Limits::default();
        let from: IpAddr = "192.0.2.7".parse().expect("an address");
        for _ in 0..5 {
            assert!(limits.login(from, "ada@example.com").is_ok());
        }
        let refusal = limits
            .login("192.0.2.8".parse().expect("an address"), " ADA@example.com")
            .expect_err("the same network");
        assert_eq!(refusal.code, Code::RateLimited);
        assert!(refusal.retry_after.is_some_and(|seconds| (1..=180).contains(&seconds)));
        assert!(limits.login(from, "grace@example.com").is_ok());
    }
}
