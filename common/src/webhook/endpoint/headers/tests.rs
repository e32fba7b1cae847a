//! What is taken, what is refused, and what becomes of the headers that there are.

use proptest::prelude::*;

use super::*;

fn of(headers: &[(&str, &str)]) -> HeadersDraft {
    HeadersDraft::Replace(
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    )
}

fn codes(draft: &HeadersDraft, has: &[&str], moves: bool) -> Vec<(String, &'static str)> {
    let has: Vec<String> = has.iter().map(|name| (*name).to_owned()).collect();
    let mut errors = Vec::new();
    draft.check(&has, moves, &mut errors);
    errors.into_iter().map(|error| (error.pointer, error.code)).collect()
}

fn merge(headers: &[(&str, Option<&str>)]) -> HeadersDraft {
    let said = headers.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
    HeadersDraft::Merge(said.collect())
}

#[test]
fn what_is_reserved_or_no_header_is_refused_by_its_name() {
    let good =
        of(&[("Authorization", "Bearer a b\tc"), ("X-Api-Key", "~!"), ("x_y.z|", "1"), ("X-Webhook", "1")]);
    assert_eq!(codes(&good, &[], true), []);
    for name in [
        "Content-Type",
        "content-length",
        "HOST",
        "Webhook-Id",
        "webhook-signature",
        "X-Webhook-Signature",
        "x-webhook-anything",
        "traceparent",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "trailer",
        "upgrade",
        "Expect",
        "keep-alive",
        "Proxy-Authorization",
        "proxy-connection",
        "cookie",
        "Accept-Encoding",
        "User-Agent",
        "X-Forwarded-For",
        "Forwarded",
        "Metadata-Flavor",
        "X-aws-ec2-metadata-token",
        "Content-Encoding",
    ] {
        assert_eq!(codes(&of(&[(name, "a")]), &[], false), [(format!("/headers/{name}"), "RESERVED_HEADER")]);
    }
    for name in ["", "a b", "a:b", "a\r\nb", "ü", "a/b", "a\0", "(x)", &"a".repeat(101)] {
        let found = codes(&of(&[(name, "a")]), &[], false);
        assert_eq!(
            found.iter().map(|(_, code)| *code).collect::<Vec<_>>(),
            ["INVALID_HEADER_NAME"],
            "{name:?}"
        );
    }
    assert_eq!(codes(&of(&[("a/b", "a")]), &[], false)[0].0, "/headers/a~1b");
    for value in ["", " a", "a ", "\ta", "a\r\nHost: b", "a\nb", "a\0", "ü", "\u{7f}"] {
        assert_eq!(
            codes(&of(&[("X-A", value)]), &[], false),
            [("/headers/X-A".to_owned(), "INVALID_HEADER_VALUE")],
            "{value:?}"
        );
    }
    assert_eq!(
        codes(&of(&[("X-A", "1"), ("x-a", "2")]), &[], false),
        [("/headers/x-a".to_owned(), "DUPLICATE_HEADER")]
    );
    let many: Vec<(String, String)> = (0..21).map(|n| (format!("x-{n}"), "a".to_owned())).collect();
    let too_many = [("/headers".to_owned(), "TOO_MANY_HEADERS")];
    assert_eq!(codes(&HeadersDraft::Replace(many[..20].to_vec()), &["a", "b"], false), []);
    assert_eq!(codes(&HeadersDraft::Replace(many), &[], false), too_many);
}

#[test]
fn a_merge_changes_what_it_names_and_leaves_the_rest() {
    let before = of(&[("X-A", "1"), ("X-B", "2")]).over(OwnHeaders::default()).expect("small").expect("said");
    assert_eq!(before.names(), ["x-a", "x-b"]);
    let after =
        merge(&[("x-a", None), ("X-B", Some("3")), ("X-C", Some("4")), ("X-D", None)]).over(before.clone());
    let after = after.expect("small").expect("said");
    assert_eq!(after.iter().collect::<Vec<_>>(), [("x-b", "3"), ("x-c", "4")]);
    assert_eq!(HeadersDraft::Keep.over(before.clone()).expect("small"), None);
    let large = merge(&[("x-c", Some(&"a".repeat(4096 - 8 - 2)))]).over(before);
    assert!(matches!(large, Err(Error::Invalid(errors)) if errors[0].code == "HEADERS_TOO_LARGE"));
}

#[test]
fn headers_do_not_follow_an_address_to_another_place_by_themselves() {
    let required = [("/headers".to_owned(), "REQUIRED")];
    let has = &["x-a", "x-b"];
    assert_eq!(codes(&HeadersDraft::Keep, has, true), required);
    assert_eq!(codes(&merge(&[("X-A", Some("1"))]), has, true), required);
    assert_eq!(codes(&merge(&[("X-A", Some("1")), ("X-B", None)]), has, true), []);
    assert_eq!(codes(&of(&[]), has, true), []);
    assert_eq!(codes(&HeadersDraft::Keep, has, false), []);
    assert_eq!(codes(&HeadersDraft::Keep, &[], true), []);
}

#[test]
fn they_open_in_their_webhooks_row_alone_and_are_not_shown() {
    let key = MasterKey::parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("a key");
    let (webhook, other) = (WebhookId::new(), WebhookId::new());
    let draft = of(&[("X-A", "hidden")]);
    let headers = draft.over(OwnHeaders::default()).expect("small").expect("said");
    let sealed = headers.seal(&key, webhook).expect("sealed").expect("some");
    assert!(!sealed.windows(6).any(|part| part == b"hidden"));
    assert_eq!(OwnHeaders::open(&key, webhook, Some(&sealed)).expect("opens"), headers);
    assert!(OwnHeaders::open(&key, other, Some(&sealed)).is_err());
    assert!(!format!("{headers:?} {draft:?} {:?}", merge(&[("X-A", Some("hidden"))])).contains("hidden"));
    assert_eq!(OwnHeaders::default().seal(&key, webhook).expect("sealed"), None);
}

proptest! {
    #[test]
    fn what_is_taken_can_be_no_other_header_and_no_other_line(
        name in "\\PC{0,30}", value in "[\\x00-\\xff]{0,30}",
    ) {
        let draft = of(&[(&name, &value)]);
        if codes(&draft, &[], false).is_empty() {
            let parts = b": ()\"/,;<=>?@[\\]{}";
            let is_name = name.bytes().all(|byte| byte.is_ascii_graphic() && !parts.contains(&byte));
            prop_assert!(is_name && !name.is_empty());
            prop_assert!(value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(value.trim(), value.as_str());
        }
    }
}
