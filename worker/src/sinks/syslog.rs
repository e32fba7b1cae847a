//! Syslog (RFC 5424) over TCP with octet counting (RFC 6587), or the same over TLS (RFC 5425). It knows no acknowledgement: what the
//! receiver's system has taken is delivered. So each batch has a connection of its own, and its end is waited for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt;
use tenon_common::audit::AuditEntry;
use tenon_common::audit::sink::stream::{Batch, Sent};
use tenon_common::receiver::address::{AddressPolicy, StreamTarget};
use tenon_common::wire;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;

/// For each of the receiver's addresses.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the receiver has to close its side; many do not.
const END: Duration = Duration::from_secs(2);
/// Characters of a MSGID.
const MESSAGE_ID: usize = 32;

type Roots = Result<Arc<ClientConfig>, tokio_rustls::rustls::Error>;

pub(super) async fn send(policy: &AddressPolicy, url: &str, batch: &Batch) -> Result<(), String> {
    deliver(policy, url, batch, roots).await
}

async fn deliver(
    policy: &AddressPolicy,
    url: &str,
    batch: &Batch,
    roots: impl FnOnce() -> Roots,
) -> Result<(), String> {
    let target = policy.stream_target(url).map_err(|rejected| rejected.to_string())?;
    let mut bytes = Vec::new();
    for sent in &batch.entries {
        frame(sent, &mut bytes);
    }
    let connection = connect(policy, &target).await?;
    match target.tls {
        true => write(encrypt(&target, connection, roots()).await?, &bytes).await,
        false => write(connection, &bytes).await,
    }
    .map_err(|error| format!("the connection broke: {error}"))
}

/// Of the addresses that the guard lets through, the first that answers.
async fn connect(policy: &AddressPolicy, target: &StreamTarget) -> Result<TcpStream, String> {
    let addresses = policy.resolve_stream(target).await.map_err(|rejected| rejected.to_string())?;
    let mut failure = "no address".to_owned();
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect((address, target.port))).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => failure = error.kind().to_string(),
            Err(_) => failure = "timed out".to_owned(),
        }
    }
    Err(format!("no connection: {failure}"))
}

async fn encrypt(
    target: &StreamTarget,
    connection: TcpStream,
    roots: Roots,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the TLS handshake failed: {error}");
    let host = target.host.to_string();
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| failed(&error))?;
    let connector = TlsConnector::from(roots.map_err(|error| failed(&error))?);
    connector.connect(name, connection).await.map_err(|error| failed(&error))
}

/// The system's certificate authorities, read once.
fn roots() -> Roots {
    static ROOTS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(roots.clone());
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let roots =
        builder.with_safe_default_protocol_versions()?.with_platform_verifier()?.with_no_client_auth();
    Ok(ROOTS.get_or_init(|| Arc::new(roots)).clone())
}

/// Writes all of it, says that this is the end, and waits until the receiver has read that. A receiver that died meanwhile shows in a reset.
async fn write(mut connection: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> std::io::Result<()> {
    connection.write_all(bytes).await?;
    connection.shutdown().await?;
    let mut answer = [0; 1024];
    let ended = async {
        // Whatever it says is not meant for us.
        loop {
            match connection.read(&mut answer).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many end TLS without saying so.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    tokio::time::timeout(END, ended).await.unwrap_or(Ok(()))
}

/// `<length> <message>`.
fn frame(sent: &Sent, bytes: &mut Vec<u8>) {
    let message = message(&sent.entry, &sent.line);
    bytes.extend(format!("{} ", message.len()).as_bytes());
    bytes.extend(message.as_bytes());
}

/// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`, where the message is the entry's line.
fn message(entry: &AuditEntry, line: &str) -> String {
    // Facility 13, log audit; 6 is informational, 4 a warning.
    let severity = if entry.outcome == "succeeded" { 6 } else { 4 };
    let id: String = entry.action.chars().filter(char::is_ascii_graphic).take(MESSAGE_ID).collect();
    let id = if id.is_empty() { "-" } else { &id };
    format!("<{}>1 {} tenon tenon-audit - {id} - {line}", 13 * 8 + severity, wire::instant(entry.at))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};
    use uuid::Uuid;

    use super::*;

    fn sent(action: &str, outcome: &str, line: &str) -> Sent {
        let entry = AuditEntry {
            tenant_id: Uuid::nil(),
            id: Uuid::nil(),
            at: DateTime::from_timestamp_millis(1_762_077_600_123).expect("an instant"),
            xid: "1".to_owned(),
            action: action.to_owned(),
            category: "security".to_owned(),
            actor_kind: "system".to_owned(),
            actor_id: None,
            resource_type: None,
            resource_id: None,
            resource_version: None,
            outcome: outcome.to_owned(),
            changes: None,
            request_id: None,
            ip: None,
            user_agent: None,
            count: 1,
            operation: None,
            reason: None,
            account: None,
        };
        Sent { entry, line: line.to_owned() }
    }

    #[test]
    fn a_message_is_what_the_standard_says() {
        let mut bytes = Vec::new();
        frame(&sent("access.refused", "refused", "{\"a\":\"ä\"}"), &mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        assert_eq!(
            text,
            "79 <108>1 2025-11-02T10:00:00.123Z tenon tenon-audit - access.refused - {\"a\":\"ä\"}"
        );
    }

    fn batch(lines: &[&str]) -> Batch {
        let entries: Vec<Sent> = lines.iter().map(|line| sent("a", "succeeded", line)).collect();
        Batch { first: 1, last: 2, entries }
    }

    /// A receiver with a certificate for `localhost`; what it read, and who trusts it.
    async fn receiver() -> (u16, tokio::task::JoinHandle<Vec<u8>>, Arc<ClientConfig>) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a configuration");
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a root");
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let reading = tokio::spawn(async move {
            let (connection, _) = listener.accept().await.expect("a connection");
            let mut read = Vec::new();
            if let Ok(mut connection) = TlsAcceptor::from(Arc::new(server)).accept(connection).await {
                connection.read_to_end(&mut read).await.expect("read");
            }
            read
        });
        (port, reading, Arc::new(client))
    }

    #[tokio::test]
    async fn over_tls_the_certificate_is_checked_against_the_name() {
        let policy = AddressPolicy::local();
        let lines = batch(&["one", "two"]);
        let (port, reading, client) = receiver().await;
        deliver(&policy, &format!("tls://localhost:{port}"), &lines, || Ok(client)).await.expect("sent");
        let mut expected = Vec::new();
        lines.entries.iter().for_each(|sent| frame(sent, &mut expected));
        assert_eq!(reading.await.expect("read"), expected);

        // By another name, and where nobody vouches for it.
        let (port, reading, client) = receiver().await;
        let error = deliver(&policy, &format!("tls://127.0.0.1:{port}"), &lines, || Ok(client)).await;
        assert!(error.expect_err("another name").contains("TLS handshake"));
        assert_eq!(reading.await.expect("read"), b"");
        let (port, reading, _) = receiver().await;
        let error = send(&policy, &format!("tls://localhost:{port}"), &lines).await;
        assert!(error.expect_err("nobody vouches").contains("TLS handshake"));
        assert_eq!(reading.await.expect("read"), b"");
    }

    #[tokio::test]
    async fn what_the_guard_refuses_is_not_connected_to() {
        let strict = AddressPolicy::strict();
        let error = send(&strict, "tls://127.0.0.1:6514", &batch(&["one"])).await.expect_err("refused");
        assert_eq!(error, "the host has no public address");
        let error = send(&strict, "tls://localhost:6514", &batch(&["one"])).await.expect_err("refused");
        assert_eq!(error, "the host has no public address");
    }

    proptest! {
        #[test]
        fn frames_are_counted_in_bytes(messages in proptest::collection::vec(("\\PC{0,40}", "\\PC{0,60}"), 0..5)) {
            let mut bytes = Vec::new();
            for (action, line) in &messages {
                frame(&sent(action, "succeeded", line), &mut bytes);
            }
            let mut rest = &bytes[..];
            for (_, line) in &messages {
                let space = rest.iter().position(|byte| *byte == b' ').expect("a space");
                let length: usize = std::str::from_utf8(&rest[..space]).expect("digits").parse().expect("a number");
                let message = &rest[space + 1..space + 1 + length];
                prop_assert!(message.starts_with(b"<110>1 2025-11-02T10:00:00.123Z tenon tenon-audit - "));
                prop_assert!(message.ends_with(line.as_bytes()));
                rest = &rest[space + 1 + length..];
            }
            prop_assert!(rest.is_empty());
        }
    }
}
