//! Headers of a webhook's own, such as `Authorization`: they are sent with each delivery, and shown to nobody.

mod reserved;

use std::collections::BTreeMap;
use std::fmt;

use crate::db::TenantTx;
use crate::error::{Error, FieldError, Result};
use crate::id::WebhookId;
use crate::secret::{MasterKey, Purpose};
use crate::webhook::endpoint::Webhook;

pub use reserved::reserved;

/// The most headers of a webhook.
const MOST: usize = 20;
/// The most bytes of all names and values together.
const MOST_BYTES: usize = 4096;
/// A name longer than this is not repeated to whoever sent it.
const LONGEST_NAME: usize = 100;

/// Names in lower case, and their values. `Debug` shows no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnHeaders(BTreeMap<String, String>);

impl fmt::Debug for OwnHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl OwnHeaders {
    /// Names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Seals them for the webhook's row; nothing where there are none.
    pub(super) fn seal(&self, master: &MasterKey, webhook: WebhookId) -> Result<Option<Vec<u8>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let plain = serde_json::to_vec(&self.0).map_err(Error::internal)?;
        Ok(Some(master.seal(Purpose::WebhookHeaders, webhook.0.as_bytes(), &plain)))
    }

    /// Opens what was sealed for that webhook.
    pub(crate) fn open(master: &MasterKey, webhook: WebhookId, sealed: Option<&[u8]>) -> Result<Self> {
        let Some(sealed) = sealed else { return Ok(Self::default()) };
        let plain = master.open(Purpose::WebhookHeaders, webhook.0.as_bytes(), sealed)?;
        // The reader's words may have a part of what it has read.
        let broken = |_| Error::internal("sealed headers are not what was sealed");
        Ok(Self(serde_json::from_slice(&plain).map_err(broken)?))
    }
}

/// What a caller says of a webhook's headers, not checked yet. `Debug` shows no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum HeadersDraft {
    /// Nothing: they stay as they are.
    #[default]
    Keep,
    /// These and no others.
    Replace(Vec<(String, String)>),
    /// These beside the others; without a value the header goes.
    Merge(Vec<(String, Option<String>)>),
}

impl fmt::Debug for HeadersDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (way, names): (_, Vec<&String>) = match self {
            Self::Keep => ("Keep", Vec::new()),
            Self::Replace(said) => ("Replace", said.iter().map(|(name, _)| name).collect()),
            Self::Merge(said) => ("Merge", said.iter().map(|(name, _)| name).collect()),
        };
        f.debug_tuple(way).field(&names).finish()
    }
}

impl HeadersDraft {
    /// Notes what breaks a rule. `has` are the names that the webhook has already, and `moves` whether its address is at another place now:
    /// who sends them there has to know them.
    pub(super) fn check(&self, has: &[String], moves: bool, errors: &mut Vec<FieldError>) {
        let said = self.said();
        for (at, (name, value)) in said.iter().enumerate() {
            let twice = said.iter().take(at).any(|(other, _)| other.eq_ignore_ascii_case(name));
            let broken = if twice {
                Some(("DUPLICATE_HEADER", "The header is there twice; case makes no difference".to_owned()))
            } else {
                check_name(name).or_else(|| value.and_then(check_value))
            };
            errors.extend(broken.map(|(code, message)| FieldError { pointer: pointer(name), code, message }));
        }
        let kept = self.kept(has);
        let given = said.iter().filter(|(_, value)| value.is_some()).count();
        if kept.len() + given > MOST {
            let message = format!("A webhook has at most {MOST} headers of its own");
            errors.push(FieldError::new("headers", "TOO_MANY_HEADERS", message));
        }
        if moves && !kept.is_empty() {
            let message = format!(
                "The URL is at another host now: give the values of these headers again, or remove them: {}",
                kept.join(", ")
            );
            errors.push(FieldError::new("headers", "REQUIRED", message));
        }
    }

    /// What is said, each name with its value; without one where it is to go.
    fn said(&self) -> Vec<(&str, Option<&str>)> {
        match self {
            Self::Keep => Vec::new(),
            Self::Replace(said) => {
                said.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect()
            }
            Self::Merge(said) => said.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect(),
        }
    }

    /// The names of what stays as it is.
    fn kept<'h>(&self, has: &'h [String]) -> Vec<&'h str> {
        let is_said = |name: &String| self.said().iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
        match self {
            Self::Replace(_) => Vec::new(),
            Self::Keep | Self::Merge(_) => {
                has.iter().filter(|name| !is_said(name)).map(String::as_str).collect()
            }
        }
    }

    /// The headers that come of it, checked before; none where nothing is said.
    ///
    /// # Errors
    /// `Invalid`, where they are too large.
    pub(super) fn over(&self, before: OwnHeaders) -> Result<Option<OwnHeaders>> {
        let mut headers = match self {
            Self::Keep => return Ok(None),
            Self::Replace(_) => BTreeMap::new(),
            Self::Merge(_) => before.0,
        };
        for (name, value) in self.said() {
            let name = name.to_ascii_lowercase();
            match value {
                Some(value) => headers.insert(name, value.to_owned()),
                None => headers.remove(&name),
            };
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MOST_BYTES {
            let message = format!(
                "Headers have at most {MOST_BYTES} bytes, names and values together; these have {bytes}"
            );
            return Err(Error::Invalid(vec![FieldError::new("headers", "HEADERS_TOO_LARGE", message)]));
        }
        Ok(Some(OwnHeaders(headers)))
    }
}

/// The headers that a locked webhook has from now on; none where nothing is said of them.
pub(super) async fn after(
    tx: &mut TenantTx<'_>,
    webhook: &Webhook,
    draft: &HeadersDraft,
    master: &MasterKey,
) -> Result<Option<OwnHeaders>> {
    if *draft == HeadersDraft::Keep || draft.kept(&webhook.shape.header_names).is_empty() {
        return draft.over(OwnHeaders::default());
    }
    let statement = "select headers from tenon.webhooks where tenant_id = $1 and id = $2";
    let sealed: Option<Vec<u8>> =
        sqlx::query_scalar(statement).bind(webhook.tenant_id).bind(webhook.id).fetch_one(tx.conn()).await?;
    draft.over(OwnHeaders::open(master, webhook.id, sealed.as_deref())?)
}

/// Where a header is in the request, as a JSON pointer.
fn pointer(name: &str) -> String {
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    format!("/headers/{}", shown.replace('~', "~0").replace('/', "~1"))
}

fn check_name(name: &str) -> Option<(&'static str, String)> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_token) {
        let message = format!(
            "A header's name has 1 to {LONGEST_NAME} letters, digits and signs such as - and _ (a token of RFC 9110)"
        );
        return Some(("INVALID_HEADER_NAME", message));
    }
    reserved(name).map(|why| ("RESERVED_HEADER", why.to_owned()))
}

fn check_value(value: &str) -> Option<(&'static str, String)> {
    let is_blank = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\t'));
    let bytes = value.as_bytes();
    let is_text = bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    (!is_text || is_blank(bytes.first()) || is_blank(bytes.last())).then(|| {
        let message = "A header's value has visible characters of ASCII, with blanks and tabs between them";
        ("INVALID_HEADER_VALUE", message.to_owned())
    })
}

#[cfg(test)]
mod tests;
