//! The page that shows the document: Swagger UI, with all that it needs in one answer.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::calls::fixed::Text;

/// The page, with a policy that lets it run its own scripts, ask this server, and nothing else.
pub fn page(html: String) -> Text {
    let policy =
        HeaderValue::from_str(&policy(&html)).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    Text::new(html, "text/html; charset=utf-8")
        .with(header::CONTENT_SECURITY_POLICY, policy)
        .with(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .with(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))
        .with(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"))
}

/// Scripts are named by their digests. Swagger UI writes styles into its elements, which have no digests that could be known.
fn policy(html: &str) -> String {
    let mut scripts_allowed = String::new();
    for script in scripts(html) {
        let _ = write!(scripts_allowed, " 'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
    }
    format!(
        "default-src 'none'; script-src{scripts_allowed}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// What stands between the tags of each script, as browsers find it.
fn scripts(html: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), html);
    while let Some((_, after)) = rest.split_once("<script")
        && let Some((_, after)) = after.split_once('>')
        && let Some((script, after)) = after.split_once("</script>")
    {
        found.push(script);
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_named_by_their_digests() {
        let html = "<script charset=\"UTF-8\">alert(\"<script>\")</script><p><script>\n</script>";
        assert_eq!(scripts(html), ["alert(\"<script>\")", "\n"]);
        let expected = "script-src 'sha256-ZZSff+iX1p0UIbBnoR7kIiIyesOPvmO/tpKMrphpivA=' \
                        'sha256-AbpHGcgLb+kRsJGnwFEktk7uzpZOCcBY74+YBdrKVGs='; style-src";
        assert!(policy(html).contains(expected), "{}", policy(html));
    }
}
