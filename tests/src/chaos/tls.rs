//! Certificates, good and bad, and handshakes that break at each of their steps.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use super::manner::Manner;

const LOCAL: &str = "127.0.0.1";
/// Longer than any deadline of an attempt here.
const LONG: Duration = Duration::from_secs(60);

/// Where a handshake breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsFault {
    /// An alert in answer to the client's first message.
    Refuses,
    /// The certificate is another host's.
    WrongName,
    /// It ran out years ago.
    Expired,
    /// Nobody knows who has signed it.
    UnknownAuthority,
    /// The connection is closed after the client's first message.
    ClosesAfterHello,
    /// What comes back is no TLS.
    Garbage,
    /// Nothing comes back.
    Hangs,
    /// The connection is closed when the handshake is over.
    ClosesAfterHandshake,
}

impl TlsFault {
    pub(super) const ALL: [Self; 8] = [
        Self::Refuses,
        Self::WrongName,
        Self::Expired,
        Self::UnknownAuthority,
        Self::ClosesAfterHello,
        Self::Garbage,
        Self::Hangs,
        Self::ClosesAfterHandshake,
    ];
}

/// Who signs the receivers' certificates, and is trusted.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate, for a file of trusted ones.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    fn acceptor(&self, name: &str, is_expired: bool) -> Result<TlsAcceptor> {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if is_expired {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A receiver's handshakes: those that its manner breaks, and all others.
pub(super) struct Handshakes {
    good: TlsAcceptor,
    fault: TlsFault,
    /// For faults that are a certificate's.
    bad: TlsAcceptor,
}

impl Handshakes {
    pub(super) fn new(authority: &Authority, fault: TlsFault) -> Result<Self> {
        let bad = match fault {
            TlsFault::WrongName => authority.acceptor("other.example", false),
            TlsFault::Expired => authority.acceptor(LOCAL, true),
            TlsFault::UnknownAuthority => Authority::new("Somebody")?.acceptor(LOCAL, false),
            _ => authority.acceptor(LOCAL, false),
        };
        Ok(Self { good: authority.acceptor(LOCAL, false)?, fault, bad: bad.context("a bad certificate")? })
    }

    /// A connection behind its handshake; none where that broke.
    pub(super) async fn shake(&self, mut stream: TcpStream, manner: &Manner) -> Option<TlsStream<TcpStream>> {
        if !manner.breaks_handshake() {
            return self.good.accept(stream).await.ok();
        }
        let mut hello = [0; 4096];
        match self.fault {
            TlsFault::WrongName | TlsFault::Expired | TlsFault::UnknownAuthority => {
                return self.bad.accept(stream).await.ok();
            }
            TlsFault::ClosesAfterHandshake => drop(self.good.accept(stream).await),
            TlsFault::ClosesAfterHello => drop(stream.read(&mut hello).await),
            TlsFault::Refuses => {
                // Fatal, handshake_failure.
                let _begun = stream.read(&mut hello).await.ok()?;
                stream.write_all(&[0x15, 3, 3, 0, 2, 2, 0x28]).await.ok()?;
            }
            TlsFault::Garbage => {
                let _begun = stream.read(&mut hello).await.ok()?;
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok()?;
            }
            TlsFault::Hangs => sleep(LONG).await,
        }
        None
    }
}
