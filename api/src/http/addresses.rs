//! Addresses that somebody is to be sent something at: looked up before the transaction that keeps them.

use tenon_common::Error;
use tenon_common::receiver::address::Rejected;

use crate::http::error::ApiError;

/// What to warn of where a name does not resolve yet, which it may once something is sent, or to where nothing may be sent: no caller is
/// told which of the two it is. Refuses what an address itself is refused for.
pub fn warnings<T>(found: Result<T, Rejected>, unresolved: &str) -> Result<Vec<String>, ApiError> {
    match found {
        Ok(_) => Ok(Vec::new()),
        Err(Rejected::DnsFailure) => Ok(vec![unresolved.to_owned()]),
        Err(rejected) => Err(Error::from(rejected).into()),
    }
}
