use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A member of `data` that had another name.
#[derive(Debug)]
struct Renamed {
    before: &'static str,
    since: &'static str,
}

fn rename(body: &mut Value, from: &str, to: &str) {
    if let Some(value) = body.as_object_mut().and_then(|object| object.remove(from)) {
        body[to] = value;
    }
}

impl Change for Renamed {
    fn says(&self) -> &'static str {
        "A member has another name."
    }

    fn concerns(&self, operation: &str) -> bool {
        operation.ends_with("_contact")
    }

    fn query(&self, _operation: &str, query: &mut Query) {
        query
            .iter_mut()
            .filter(|(name, _)| name == self.before)
            .for_each(|(name, _)| *name = self.since.to_owned());
    }

    fn request(&self, _operation: &str, body: &mut Value) {
        rename(body, self.before, self.since);
    }

    fn answer(&self, _operation: &str, body: &mut Value) {
        rename(&mut body["data"], self.since, self.before);
    }

    fn event(&self, kind: &str, body: &mut Value) {
        if kind.starts_with("contact.") {
            rename(&mut body["data"], self.since, self.before);
        }
    }

    fn place(&self, _operation: &str, pointer: &str) -> Option<String> {
        (pointer == format!("/{}", self.since)).then(|| format!("/{}", self.before))
    }
}

/// `a` was called `b`, which was called `c`; `x` was called `b` before there was the other `b`: the order of steps shows.
fn three() -> Versions {
    let renamed = |before, since| Renamed { before, since };
    Versions::new(vec![
        Version::new("2024-01-01"),
        Version::new("2025-01-01").with(renamed("b", "x")).with(renamed("c", "b")),
        Version::new("2026-01-01").with(renamed("b", "a")),
    ])
}

fn day(text: &str) -> ApiVersion {
    text.parse().expect("a day")
}

fn between<'v>(versions: &'v Versions, from: &str, to: &str) -> Steps<'v> {
    versions.steps(day(from), day(to))
}

#[test]
fn the_product_has_versions_since_the_first_and_says_what_each_changed() {
    let product = Versions::product();
    assert!(product.iter().all(|version| version.date >= ApiVersion::FIRST));
    for change in product.iter().flat_map(|version| &version.changes) {
        assert!(change.says().ends_with('.'), "{change:?}");
    }
}

#[test]
fn a_version_is_named_by_its_day_and_nothing_like_it() {
    let versions = three();
    assert_eq!(versions.named("2025-01-01").map(|version| version.date), Some(day("2025-01-01")));
    for other in ["", "2025-01-02", "2099-01-01", "2025-1-1", " 2025-01-01", "2025-01-01Z", "latest", "*"] {
        assert!(versions.named(other).is_none(), "{other:?}");
    }
    for no_day in ["", "2025-02-30", "2025-1-1", "+025-01-01", "2025-01-01T", "٢٠٢٥-01"] {
        assert_eq!(no_day.parse::<ApiVersion>(), Err(date::NoVersion), "{no_day:?}");
    }
}

#[test]
fn who_gives_a_version_to_keep_gives_one_that_there_is() {
    let versions = three();
    let (oldest, gone) = (day("2024-01-01"), day("2023-01-01"));
    assert_eq!(versions.given(None, oldest), Ok(oldest));
    assert_eq!(versions.given(Some("2025-01-01"), oldest), Ok(day("2025-01-01")));
    // Said again, as a client does that sends back what it was shown.
    assert_eq!(versions.given(Some("2023-01-01"), gone), Ok(gone));
    for wrong in ["", "2023-01-01", "2099-01-01", "2025-1-1", "newest"] {
        let error = versions.given(Some(wrong), oldest).expect_err(wrong);
        assert_eq!((&*error.pointer, error.code), ("/apiVersion", "UNKNOWN_VERSION"));
        assert!(error.message.ends_with(": 2024-01-01, 2025-01-01, 2026-01-01"), "{}", error.message);
    }
}

#[test]
fn requests_go_forward_and_answers_back_through_every_change() {
    let versions = three();
    let whole = between(&versions, "2024-01-01", "2026-01-01");
    let mut body = json!({"b": 1, "c": 2});
    whole.request("update_contact", &mut body);
    assert_eq!(body, json!({"x": 1, "a": 2}));
    let mut query = vec![("b".to_owned(), "1".to_owned()), ("c".to_owned(), "2".to_owned())];
    whole.query("list_contact", &mut query);
    assert_eq!(query, [("x".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);

    let mut answer = json!({"data": {"x": 1, "a": 2}});
    whole.answer("update_contact", &mut answer);
    assert_eq!(answer, json!({"data": {"b": 1, "c": 2}}));
    assert_eq!(whole.place("update_contact", "/a"), "/c");
    assert_eq!(whole.place("update_contact", "/other"), "/other");

    let mut half = json!({"b": 2});
    between(&versions, "2025-01-01", "2026-01-01").request("update_contact", &mut half);
    assert_eq!(half, json!({"a": 2}));
}

#[test]
fn nothing_lies_between_a_version_and_itself_or_an_earlier_one() {
    let versions = three();
    for (from, to) in
        [("2026-01-01", "2026-01-01"), ("2026-01-01", "2024-01-01"), ("2099-01-01", "2026-01-01")]
    {
        assert!(between(&versions, from, to).is_empty(), "{from} {to}");
    }
    let steps = between(&versions, "2024-01-01", "2025-01-01");
    assert!(steps.concern("get_contact") && !steps.concern("get_company"));
    assert!(!Steps::default().concern("get_contact"));
}

#[test]
fn what_was_kept_and_is_gone_becomes_the_next_that_there_is() {
    let versions = three();
    for (kept, is) in [
        ("2020-01-01", "2024-01-01"),
        ("2024-01-01", "2024-01-01"),
        ("2024-06-01", "2025-01-01"),
        ("2026-01-01", "2026-01-01"),
        // Of a newer release that was taken back.
        ("2027-01-01", "2026-01-01"),
    ] {
        assert_eq!(versions.kept(day(kept)).name, is, "{kept}");
    }
}

fn turned(reader: &str, body: &str) -> Option<String> {
    three().event(day(reader), body.as_bytes())
}

#[test]
fn an_event_is_turned_for_older_readers_and_untouched_for_the_newest() {
    let body = r#"{"id":"evt_1","type":"contact.created","apiVersion":"2026-01-01","amount":0.1,"data":{"z":"é\u0001","a":2}}"#;
    assert_eq!(turned("2026-01-01", body), None);
    let oldest = r#"{"id":"evt_1","type":"contact.created","apiVersion":"2024-01-01","amount":0.1,"data":{"z":"é\u0001","c":2}}"#;
    assert_eq!(turned("2024-01-01", body).as_deref(), Some(oldest));
    // An event that does not concern the changes says its version all the same: receivers go by it.
    let company = body.replace("contact.", "company.");
    let expected = company.replace("\"2026-01-01\"", "\"2025-01-01\"");
    assert_eq!(turned("2025-01-01", &company), Some(expected));
}

#[test]
fn an_event_is_never_turned_into_a_later_form_than_it_was_made_in() {
    // Stored by the release before: for its own readers it is right, and newer ones see by `apiVersion` what it is.
    let older = r#"{"type":"contact.created","apiVersion":"2025-01-01","data":{"b":2}}"#;
    for reader in ["2025-01-01", "2026-01-01"] {
        assert_eq!(turned(reader, older), None, "{reader}");
    }
    let oldest = r#"{"type":"contact.created","apiVersion":"2024-01-01","data":{"c":2}}"#;
    assert_eq!(turned("2024-01-01", older).as_deref(), Some(oldest));
    for odd in ["", "null", "[]", "{}", r#"{"apiVersion":7}"#] {
        assert_eq!(turned("2024-01-01", odd), None, "{odd}");
    }
}

#[test]
#[should_panic(expected = "oldest first")]
fn versions_out_of_order_are_no_list() {
    let _ = Versions::new(vec![Version::new("2026-01-01"), Version::new("2025-01-01")]);
}

#[test]
#[should_panic(expected = "would end before")]
fn no_version_ends_before_that_is_announced() {
    let [since, sunset] = [2, 1].map(|month| NaiveDate::from_ymd_opt(2026, month, 1).expect("a day"));
    let deprecation = Deprecation { since, sunset: Some(sunset), link: "" };
    let old = Version::new("2025-01-01").deprecated(deprecation);
    let _ = Versions::new(vec![old, Version::new("2026-01-01")]);
}

proptest! {
    #[test]
    fn what_is_read_as_a_version_is_written_the_same(text in "[0-9+-]{4,5}-?[0-9]{1,2}-?[0-9]{1,3}") {
        if let Ok(version) = text.parse::<ApiVersion>() {
            prop_assert_eq!(version.to_string(), text);
        }
    }

    /// Whatever a body looks like.
    #[test]
    fn any_body_is_turned_the_same_each_time(keys in prop::collection::vec("[abcx]", 0..5), kind in "(contact|company)\\.created") {
        let data: serde_json::Map<String, Value> =
            keys.iter().enumerate().map(|(at, key)| (key.clone(), json!(at))).collect();
        let body = json!({"type": kind, "apiVersion": "2026-01-01", "data": data}).to_string();
        let once = turned("2024-01-01", &body);
        prop_assert!(once.is_some());
        prop_assert_eq!(once, turned("2024-01-01", &body));
    }
}
