//! A receiver of webhooks that can misbehave, on a port of its own.

use anyhow::{Context, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::book::Book;
use super::fault::Fault;
use super::manner::Manner;
use super::tls::Handshakes;
use super::wire::{self, Wire};

/// It stops with this value.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) manner: Manner,
    book: Book,
    handshakes: Option<Arc<Handshakes>>,
    serving: Option<JoinHandle<()>>,
}

impl Listener {
    /// On this machine's loopback, without TLS.
    pub(super) async fn start(book: &Book) -> Result<Self> {
        Self::start_at(book, IpAddr::V4(Ipv4Addr::LOCALHOST), None).await
    }

    /// On an address of this machine, with TLS or without.
    pub(super) async fn start_at(book: &Book, at: IpAddr, handshakes: Option<Handshakes>) -> Result<Self> {
        let socket = TcpListener::bind((at, 0)).await.with_context(|| format!("listening on {at}"))?;
        let address = socket.local_addr()?;
        let handshakes = handshakes.map(Arc::new);
        let mut listener =
            Self { address, manner: Manner::default(), book: book.clone(), handshakes, serving: None };
        listener.serve(socket);
        Ok(listener)
    }

    pub(super) fn url(&self, path: &str) -> String {
        let scheme = if self.handshakes.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Goes away: connections are cut, new ones are refused.
    pub(super) async fn go(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // It was cancelled, which is no news.
            serving.await.ok();
        }
    }

    /// Is there again, on the same port.
    pub(super) async fn come_back(&mut self) -> Result<()> {
        let socket = TcpListener::bind(self.address).await.context("listening again")?;
        self.serve(socket);
        Ok(())
    }

    fn serve(&mut self, socket: TcpListener) {
        let (manner, book, handshakes) = (self.manner.clone(), self.book.clone(), self.handshakes.clone());
        self.serving = Some(tokio::spawn(async move {
            // They end with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                while connections.try_join_next().is_some() {}
                let (manner, book, handshakes) = (manner.clone(), book.clone(), handshakes.clone());
                connections.spawn(async move {
                    // Clients may break off whenever they like.
                    connected(stream, &manner, &book, handshakes.as_deref()).await.ok();
                });
            }
        }));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

async fn connected(
    stream: TcpStream,
    manner: &Manner,
    book: &Book,
    handshakes: Option<&Handshakes>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    if manner.closes_at_once() {
        return Ok(());
    }
    let Some(handshakes) = handshakes else { return serve(stream, manner, book).await };
    match handshakes.shake(stream, manner).await {
        Some(stream) => serve(stream, manner, book).await,
        None => Ok(()),
    }
}

async fn serve(mut stream: impl Wire, manner: &Manner, book: &Book) -> Result<()> {
    let mut buffer = Vec::new();
    // Whether an answer lies on the connection that belongs to no request: what comes now is not taken.
    let mut has_lied = false;
    while let Some(request) = wire::read(&mut stream, &mut buffer).await? {
        if has_lied {
            book.note(&request, false);
            return Ok(());
        }
        let Some(fault) = manner.next() else {
            sleep(manner.takes()).await;
            book.note(&request, true);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
            stream.flush().await?;
            continue;
        };
        let healed = manner.healed();
        book.note(&request, fault.is_taken());
        let goes_on = tokio::select! {
            goes_on = fault.play(&mut stream) => goes_on?,
            () = healed.cancelled() => false,
        };
        if !goes_on {
            return Ok(());
        }
        has_lied = fault == Fault::LengthTooShort;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;
    use serde_json::json;

    #[tokio::test]
    async fn it_misbehaves_as_told_and_then_no_more() {
        let book = Book::default();
        let mut listener = Listener::start(&book).await.unwrap();
        let client = Client::new(&listener.url(""));
        let post = async || client.try_send(reqwest::Method::POST, "/hook", Some(json!({}))).await;
        for fault in [Fault::ResetsBeforeHead, Fault::NoHttp, Fault::ClosesAtOnce] {
            listener.manner.misbehave(fault, Some(1));
            assert!(post().await.is_err(), "{fault:?}");
        }
        listener.manner.misbehave(Fault::Unavailable, Some(1));
        assert_eq!(post().await.unwrap().status, 503);
        listener.manner.misbehave(Fault::Hints, Some(1));
        assert_eq!(post().await.unwrap().status, 204);
        assert_eq!(post().await.unwrap().status, 204);
        listener.go().await;
        assert!(post().await.is_err());
        listener.come_back().await.unwrap();
        assert_eq!(post().await.unwrap().status, 204);
        assert!(book.requests("/hook") >= 6);
    }

    #[tokio::test]
    async fn what_hangs_is_broken_off_when_it_heals() {
        let book = Book::default();
        let listener = Listener::start(&book).await.unwrap();
        listener.manner.misbehave(Fault::Hangs, None);
        let client = Client::new(&listener.url(""));
        let asked = client.clone();
        let hanging = tokio::spawn(async move { asked.try_send(reqwest::Method::GET, "/hook", None).await });
        crate::eventually("it has come", async || book.requests("/hook") == 1).await;
        assert!(!hanging.is_finished());
        listener.manner.heal();
        assert!(hanging.await.unwrap().is_err());
        assert_eq!(client.get("/hook").await.status, 204);
    }
}
