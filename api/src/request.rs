//! What belongs to the request that is being answered.

use std::net::IpAddr;
use std::sync::Arc;

/// The facts of a request, for whoever answers it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `X-Request-Id`, the client's or ours.
    pub id: Arc<str>,
    /// The client's address.
    pub ip: IpAddr,
}

tokio::task_local! {
    pub(crate) static FACTS: Facts;
}

/// The request's id.
pub fn id() -> String {
    FACTS.try_with(|facts| facts.id.to_string()).unwrap_or_default()
}
