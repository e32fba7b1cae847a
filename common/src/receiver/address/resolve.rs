//! What a name resolves to, and how little is said of it.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use url::{Host, Url};

use super::{AddressPolicy, Rejected};

/// How long a name server is waited for. With what [`AddressPolicy::admit_name`] adds, less than the 5 s for a connection.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_millis(3500);

impl AddressPolicy {
    /// Of the addresses that a lookup finds those that may be connected to.
    ///
    /// A tenant must not find out which names there are in the operator's network. So a name that resolves to private addresses alone is
    /// refused in the words of one that does not resolve, and at a time that does not tell them apart: a whole number of seconds after the
    /// beginning. The log says which it was.
    pub async fn admit_name(
        &self,
        name: &str,
        lookup: impl Future<Output = Result<Vec<IpAddr>, io::Error>>,
    ) -> Result<Vec<IpAddr>, Rejected> {
        let started = Instant::now();
        let found = timeout(LOOKUP_TIMEOUT, lookup).await;
        match found.map(|found| found.map(|found| self.admit(found))) {
            Ok(Ok(Ok(admitted))) => return Ok(admitted),
            Ok(Ok(Err(Rejected::PrivateAddress))) => {
                tracing::warn!(name, "a host resolves to addresses alone to which nothing may be sent");
            }
            Ok(Ok(Err(_))) => tracing::debug!(name, "a host has no address"),
            Ok(Err(error)) => tracing::debug!(name, %error, "a host's name does not resolve"),
            Err(_) => tracing::debug!(name, "no name server answered in time"),
        }
        sleep_until(started + Duration::from_secs(started.elapsed().as_secs() + 1)).await;
        Err(Rejected::DnsFailure)
    }

    /// Resolves the host of a checked URL through the system's resolver and admits what it finds.
    ///
    /// For the API: a `DnsFailure` when a webhook is made is a warning, any other refusal is one.
    pub async fn resolve(&self, url: &Url) -> Result<Vec<IpAddr>, Rejected> {
        match url.host() {
            None => Err(Rejected::InvalidUrl),
            Some(Host::Ipv4(address)) => self.admit([IpAddr::V4(address)]),
            Some(Host::Ipv6(address)) => self.admit([IpAddr::V6(address)]),
            Some(Host::Domain(name)) => self.admit_name(name, system(name)).await,
        }
    }
}

/// Asks the system's resolver.
pub(super) async fn system(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(found: &[&str]) -> io::Result<Vec<IpAddr>> {
        Ok(found.iter().map(|text| text.parse().expect("an address")).collect())
    }

    #[tokio::test]
    async fn a_private_name_and_an_unknown_one_are_refused_in_the_same_words() {
        let policy = AddressPolicy::strict();
        let private = policy.admit_name("a", async { addresses(&["10.0.0.1", "fd00::1"]) });
        let unknown = policy.admit_name("a", async { Err(io::Error::other("NXDOMAIN")) });
        let empty = policy.admit_name("a", async { addresses(&[]) });
        let (private, unknown, empty) = tokio::join!(private, unknown, empty);
        assert_eq!((&private, &unknown), (&unknown, &empty));
        assert_eq!(
            private.expect_err("refused").to_string(),
            "the host's name does not resolve to a public address"
        );
    }

    /// Which of them is told first has nothing to do with how long each lookup took.
    #[tokio::test]
    async fn a_refused_name_is_told_of_at_a_whole_second() {
        let policy = AddressPolicy::strict();
        let (asked, order) = (Instant::now(), std::sync::Mutex::new(Vec::new()));
        let look_up = async |name: &str, takes: u64, found: io::Result<Vec<IpAddr>>| {
            let lookup = async {
                tokio::time::sleep(Duration::from_millis(takes)).await;
                found
            };
            let _ = policy.admit_name(name, lookup).await;
            order.lock().expect("nothing panics").push((name.to_owned(), asked.elapsed()));
        };
        tokio::join!(
            look_up("private", 0, addresses(&["10.0.0.1"])),
            look_up("unknown", 300, Err(io::Error::other("NXDOMAIN"))),
            look_up("public", 0, addresses(&["8.8.8.8"])),
        );
        let order = order.into_inner().expect("nothing panics");
        assert_eq!(
            order.first().map(|(name, _)| name.as_str()),
            Some("public"),
            "what is admitted does not wait"
        );
        for (name, told) in &order[1..] {
            assert!(*told >= Duration::from_secs(1), "{name}: {told:?}");
        }
    }
}
