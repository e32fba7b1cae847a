//! A child's log: a file, so that it is drained whatever we are doing.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::NamedTempFile;

/// Where a process listens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The API itself; the worker has none.
    pub http: Option<SocketAddr>,
    /// Probes and metrics.
    pub operations: Option<SocketAddr>,
}

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// Where the present start's lines begin, in bytes.
    begins: u64,
    /// Deletes a file that nobody named.
    _temporary: Option<NamedTempFile>,
}

impl LogFile {
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self> {
        let Some(path) = path else {
            let temporary = NamedTempFile::with_prefix("tenon-log-")?;
            return Ok(Self { path: temporary.path().to_owned(), begins: 0, _temporary: Some(temporary) });
        };
        File::create(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self { path, begins: 0, _temporary: None })
    }

    pub(super) fn for_child(&self) -> Result<File> {
        OpenOptions::new().append(true).open(&self.path).with_context(|| self.path.display().to_string())
    }

    /// Another start: its lines begin here.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.begins = fs::metadata(&self.path)?.len();
        Ok(())
    }

    /// What the line "listening" of the present start says.
    pub(super) fn addresses(&self) -> Result<Option<Addresses>> {
        let bytes = fs::read(&self.path)?;
        let from = usize::try_from(self.begins)?.min(bytes.len());
        let text = String::from_utf8_lossy(&bytes[from..]);
        // The last line may not be whole yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        Ok(whole.lines().find_map(listening))
    }

    pub(super) fn text(&self) -> String {
        fs::read(&self.path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    pub(super) fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// `{"message":"listening","http_address":"127.0.0.1:8080",…}`; the fields may also stand under "fields".
fn listening(line: &str) -> Option<Addresses> {
    let line: Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| line.get(name).or_else(|| line.get("fields")?.get(name))?.as_str();
    if field("message")? != "listening" {
        return None;
    }
    let address = |name: &str| field(name)?.parse().ok();
    Some(Addresses { http: address("http_address"), operations: address("operations_address") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listening_line_is_read_flat_and_nested() {
        let expected = Addresses { http: "127.0.0.1:1".parse().ok(), operations: "[::1]:2".parse().ok() };
        let fields = r#""message":"listening","http_address":"127.0.0.1:1","operations_address":"[::1]:2""#;
        assert_eq!(listening(&format!("{{{fields}}}")), Some(expected));
        assert_eq!(listening(&format!("{{\"level\":\"INFO\",\"fields\":{{{fields}}}}}")), Some(expected));
        assert_eq!(listening(r#"{"message":"starting"}"#), None);
        assert_eq!(listening("thread panicked"), None);
    }
}
