//! Tags of records in several versions: what has another form has another tag, so that nobody who has the old form is told that nothing has
//! changed. `"v7"` is of the first version that there ever was, `"v7.2027-01-01"` of that one. Handlers know `"v7"`.

use poem::http::{HeaderMap, HeaderValue, header};
use tenon_common::version::ApiVersion;

/// A record's tag.
struct Tag<'t> {
    /// `7`.
    number: &'t str,
    /// The form.
    version: ApiVersion,
}

impl<'t> Tag<'t> {
    /// Reads a tag, weak or not; none for what is not one of a record.
    fn read(text: &'t str) -> Option<Self> {
        let text = text.trim();
        let inner = text.strip_prefix("W/").unwrap_or(text).strip_prefix("\"v")?.strip_suffix('"')?;
        let (number, version) = match inner.split_once('.') {
            Some((number, version)) => (number, version.parse().ok()?),
            None => (inner, ApiVersion::FIRST),
        };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(Self { number, version })
    }

    fn plain(&self) -> String {
        format!("\"v{}\"", self.number)
    }
}

/// A request's tags as handlers know them. A change goes by the record's version, whatever its form; what the client has in another form than
/// it asks for now is not the same.
pub(super) fn received(headers: &mut HeaderMap, version: ApiVersion) {
    // A weak tag matches nothing there (RFC 9110, section 13.1.1), and is refused as it is.
    let is_strong = |text: &&str| !text.trim_start().starts_with("W/");
    rewrite(headers, &header::IF_MATCH, |text| {
        Some(text).filter(is_strong).and_then(Tag::read).map(|tag| Some(tag.plain()))
    });
    rewrite(headers, &header::IF_NONE_MATCH, |text| {
        let is_same = |tag: Tag<'_>| (tag.version == version).then(|| tag.plain());
        Tag::read(text).map(is_same)
    });
}

/// An answer's tag, of its form.
pub(super) fn sent(headers: &mut HeaderMap, version: ApiVersion) {
    let Some(tag) = headers.get(header::ETAG).and_then(|value| Tag::read(value.to_str().ok()?)) else {
        return;
    };
    if version != ApiVersion::FIRST
        && let Ok(value) = HeaderValue::from_str(&format!("\"v{}.{version}\"", tag.number))
    {
        headers.insert(header::ETAG, value);
    }
}

/// Rewrites the tags of a header: each stays where `with` says nothing, goes where it says that there is none, and a header without any goes
/// itself. `*` is no tag.
fn rewrite(
    headers: &mut HeaderMap,
    name: &header::HeaderName,
    with: impl Fn(&str) -> Option<Option<String>>,
) {
    if !headers.contains_key(name) {
        return;
    }
    let texts: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    let tags = texts.iter().flat_map(|text| text.split(','));
    let kept: Vec<String> =
        tags.filter_map(|tag| with(tag).unwrap_or_else(|| Some(tag.trim().to_owned()))).collect();
    match HeaderValue::from_str(&kept.join(", ")) {
        Ok(value) if !kept.is_empty() => drop(headers.insert(name, value)),
        _ => drop(headers.remove(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> ApiVersion {
        text.parse().expect("a day")
    }

    fn received_as(name: header::HeaderName, values: &[&'static str], version: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::from_static(value));
        }
        received(&mut headers, day(version));
        assert!(headers.get_all(&name).iter().count() <= 1);
        headers.get(&name).map(|value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn each_form_has_a_tag_of_its_own() {
        for (version, expected) in [("2026-01-01", "\"v7\""), ("2025-06-01", "\"v7.2025-06-01\"")] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ETAG, HeaderValue::from_static("\"v7\""));
            sent(&mut headers, day(version));
            assert_eq!(headers[header::ETAG], expected);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, HeaderValue::from_static("\"0123abcd-br\""));
        sent(&mut headers, day("2025-06-01"));
        assert_eq!(headers[header::ETAG], "\"0123abcd-br\"", "of no record");
    }

    #[test]
    fn who_has_another_form_does_not_have_this_one() {
        let had = |values: &[&'static str], version| received_as(header::IF_NONE_MATCH, values, version);
        assert_eq!(had(&["\"v7\""], "2026-01-01").as_deref(), Some("\"v7\""));
        assert_eq!(had(&["\"v7\""], "2025-06-01"), None);
        assert_eq!(had(&["\"v7.2025-06-01\""], "2025-06-01").as_deref(), Some("\"v7\""));
        assert_eq!(had(&["W/\"v7.2025-06-01\""], "2026-01-01"), None);
        assert_eq!(
            had(&["\"v6\", \"v7.2025-06-01\"", "\"other\""], "2025-06-01").as_deref(),
            Some("\"v7\", \"other\"")
        );
        assert_eq!(had(&["*"], "2025-06-01").as_deref(), Some("*"));
    }

    #[test]
    fn a_change_goes_by_the_records_version_alone() {
        let matched = |value, version| received_as(header::IF_MATCH, &[value], version);
        for (tag, expected) in [
            ("\"v7\"", "\"v7\""),
            ("\"v7.2025-06-01\"", "\"v7\""),
            ("*", "*"),
            ("W/\"v7\"", "W/\"v7\""),
            ("\"v7.yesterday\"", "\"v7.yesterday\""),
            ("\"v.2025-06-01\"", "\"v.2025-06-01\""),
            ("7", "7"),
        ] {
            assert_eq!(matched(tag, "2026-01-01").as_deref(), Some(expected), "{tag}");
        }
        assert_eq!(received_as(header::IF_MATCH, &[], "2026-01-01"), None);
    }
}
