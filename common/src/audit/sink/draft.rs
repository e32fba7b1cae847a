//! What a caller says of a sink, and its checks.

use serde::{Deserialize, Serialize};

use crate::error::{Error, FieldError, Result};
use crate::receiver::address::{AddressPolicy, Rejected};
use crate::receiver::signature::Secret;
use crate::rules;

/// How entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum SinkKind {
    /// POSTs of NDJSON, signed.
    Http,
    /// Syslog over TCP or TLS.
    Syslog,
    /// Objects of NDJSON in the storage.
    File,
}

impl SinkKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Http, Self::Syslog, Self::File];

    /// The stored and spoken name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Syslog => "syslog",
            Self::File => "file",
        }
    }
}

/// What a caller says of a sink, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct SinkDraft {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// Required.
    pub kind: Option<SinkKind>,
    /// Required, but of a file, which has none.
    pub url: Option<String>,
    /// Of a file; `""` if absent.
    pub prefix: Option<String>,
    /// Defaults to true.
    pub active: Option<bool>,
    /// `whsec_…`; of http. One is made where none is given.
    pub secret: Option<String>,
}

pub(super) struct Fields {
    pub(super) name: String,
    pub(super) kind: SinkKind,
    pub(super) url: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) active: bool,
    pub(super) secret: Option<Secret>,
}

impl SinkDraft {
    /// `kept` is the address that the sink has already: it is not asked again whether one like it would be taken today.
    pub(super) fn check(self, policy: &AddressPolicy, kept: Option<&str>) -> Result<Fields> {
        let mut errors = Vec::new();
        let mut wrong = |field, code, message: String| errors.push(FieldError::new(field, code, message));
        let name = match rules::text(self.name.as_deref().unwrap_or_default(), "Name", 100) {
            Ok(name) => name,
            Err((code, message)) => {
                wrong("name", code, message);
                String::new()
            }
        };
        let kind = self.kind.unwrap_or_else(|| {
            wrong("kind", "REQUIRED", "Kind is required".to_owned());
            SinkKind::Http
        });
        match (kind, &self.url) {
            (SinkKind::File, Some(_)) => wrong("url", "NOT_OF_KIND", "A file sink has no URL".to_owned()),
            (SinkKind::Http | SinkKind::Syslog, None) => {
                wrong("url", "REQUIRED", "URL is required".to_owned());
            }
            _ => {}
        }
        let prefix = match (kind, self.prefix) {
            (SinkKind::File, prefix) => {
                let prefix = prefix.unwrap_or_default();
                if !is_prefix(&prefix) {
                    let message = "Expected at most 200 letters, digits, dots, hyphens, underscores and slashes, such as audit/daily";
                    wrong("prefix", "INVALID_PREFIX", message.to_owned());
                }
                Some(prefix)
            }
            (_, Some(_)) => {
                wrong("prefix", "NOT_OF_KIND", "Only a file sink has a prefix".to_owned());
                None
            }
            (_, None) => None,
        };
        if kind != SinkKind::Http && self.secret.is_some() {
            wrong("secret", "NOT_OF_KIND", "Only an http sink is signed for".to_owned());
        }
        let secret = Secret::given(self.secret.as_deref().filter(|_| kind == SinkKind::Http));
        let secret = secret.unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        if let Some(url) = self.url.as_deref().filter(|url| Some(*url) != kept) {
            check_url(kind, url, policy)?;
        }
        Ok(Fields { name, kind, url: self.url, prefix, active: self.active.unwrap_or(true), secret })
    }
}

fn check_url(kind: SinkKind, url: &str, policy: &AddressPolicy) -> std::result::Result<(), Rejected> {
    match kind {
        SinkKind::Syslog => policy.stream_target(url).map(drop),
        SinkKind::Http | SinkKind::File => policy.check_url(url).map(drop),
    }
}

/// Folders of a key: nothing that leads out of it.
fn is_prefix(prefix: &str) -> bool {
    let is_folder = |folder: &str| {
        !folder.is_empty()
            && !folder.starts_with('.')
            && folder.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    prefix.len() <= 200 && (prefix.is_empty() || prefix.split('/').all(is_folder))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_are_folders() {
        for good in ["", "audit", "audit/2026", "a-b_c.d/e"] {
            assert!(is_prefix(good), "{good}");
        }
        for bad in ["/", "/audit", "audit/", "a//b", "..", "a/../b", ".hidden", "a b", "ä", "a\\b", "a\0"] {
            assert!(!is_prefix(bad), "{bad}");
        }
        assert!(!is_prefix(&"a".repeat(201)));
    }

    proptest! {
        #[test]
        fn no_prefix_leads_out_of_its_folder(text in "[a./\\\\\0 ]{0,12}|\\PC{0,12}") {
            if is_prefix(&text) {
                let key = format!("audit/tenant/{text}/0.ndjson");
                prop_assert!(!key.split('/').any(|part| part == ".." || part == "."));
                prop_assert!(!key.contains(['\\', '\0', ' ']));
            }
        }

        #[test]
        fn whatever_is_said_is_accepted_or_refused(
            name in proptest::option::of("\\PC{0,120}"), url in proptest::option::of("(https|http|tls|tcp)://\\PC{0,40}"),
            prefix in proptest::option::of("\\PC{0,20}"), kind in 0usize..3, secret in proptest::option::of("(whsec_)?\\PC{0,40}"),
        ) {
            let kind = SinkKind::ALL[kind];
            let draft = SinkDraft { name, kind: Some(kind), url, prefix, active: None, secret };
            if let Ok(fields) = draft.check(&AddressPolicy::strict(), None) {
                prop_assert_eq!(fields.url.is_none(), kind == SinkKind::File);
                prop_assert_eq!(fields.prefix.is_some(), kind == SinkKind::File);
            }
        }
    }
}
