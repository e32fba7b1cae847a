//! An endpoint behind a socket.

use std::net::SocketAddr;
use std::time::Duration;

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, EndpointExt};
use tenon_api::serve::bounds::Bounds;
use tenon_api::serve::server::Server;
use tokio::task::JoinHandle;

/// A poem endpoint, served on a free port of 127.0.0.1 until this value is dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Served {
    /// Serves the endpoint.
    ///
    /// # Panics
    /// Where there is no free port.
    pub async fn start(endpoint: impl Endpoint + 'static) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = acceptor.local_addr().first().and_then(|address| address.as_socket_addr().copied());
        let address = address.unwrap_or_else(|| panic!("the listener has no address"));
        let endpoint = endpoint.map_to_response();
        let server = tokio::spawn(async move {
            Server::new(acceptor, Bounds::default())
                .run(endpoint, std::future::pending(), Duration::ZERO)
                .await;
        });
        Self { address, server }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:…`, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}
