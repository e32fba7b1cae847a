use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn reason(policy: &AddressPolicy, url: &str) -> &'static str {
    policy.check_url(url).map_or_else(|rejected| rejected.reason(), |_| "accepted")
}

#[test]
fn strict_policy_on_urls() {
    let long = format!("https://example.com/{}", "x".repeat(MAX_URL_LENGTH));
    let grows = format!("https://example.com/{}", "é".repeat(600));
    let cases = [
        ("https://example.com/webhook", "accepted"),
        ("https://example.com:8443/a?b=c", "accepted"),
        ("HTTPS://EXAMPLE.COM", "accepted"),
        ("https://93.184.216.34/", "accepted"),
        ("https://[2606:4700::1111]/", "accepted"),
        ("https://bücher.de/", "accepted"),
        ("http://example.com/", "not_https"),
        ("ftp://example.com/", "not_https"),
        ("file:///etc/passwd", "not_https"),
        ("data:text/plain,x", "not_https"),
        ("https://example.com:80/", "port_not_allowed"),
        ("https://example.com:22/", "port_not_allowed"),
        ("https://user@example.com/", "credentials_in_url"),
        ("https://user:pass@example.com/", "credentials_in_url"),
        ("https://:pass@example.com/", "credentials_in_url"),
        ("https://example.com/#part", "fragment_in_url"),
        ("https://example.com/#", "fragment_in_url"),
        ("example.com", "invalid_url"),
        ("/webhook", "invalid_url"),
        ("", "invalid_url"),
        ("https://", "invalid_url"),
        ("https://exa mple.com/", "invalid_url"),
        (" https://example.com/", "invalid_url"),
        ("https://exam\tple.com/", "invalid_url"),
        ("https://example.com/\r\nx: y", "invalid_url"),
        ("https://example.com/\0", "invalid_url"),
        ("https://example.com:99999/", "invalid_url"),
        ("https://[fe80::1%25eth0]/", "invalid_url"),
        ("https://256.256.256.256/", "invalid_url"),
        (&long, "url_too_long"),
        (&grows, "url_too_long"),
    ];
    for (url, expected) in cases {
        assert_eq!(reason(&AddressPolicy::strict(), url), expected, "{url}");
    }
}

#[test]
fn address_literals_in_every_notation() {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "0x7f.1",
        "%31%32%37.0.0.1",
        "127。0。0。1",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "0",
        "0.0.0.0",
        "169.254.169.254",
        "0xa9fea9fe",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::8.8.8.8]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ];
    for host in hosts {
        let url = format!("https://{host}/");
        assert_eq!(reason(&AddressPolicy::strict(), &url), "private_address", "{url}");
    }
}

#[test]
fn local_policy_opens_this_machine_and_nothing_else() {
    let cases = [
        ("http://127.0.0.1:3000/hook", "accepted"),
        ("http://127.9.8.7:1/", "accepted"),
        ("http://[::1]:3000/", "accepted"),
        ("http://localhost:3000/", "accepted"),
        ("https://example.com:22/", "accepted"),
        ("http://10.0.0.1/", "private_address"),
        ("http://169.254.169.254/latest/meta-data", "private_address"),
        ("http://[::ffff:127.0.0.1]/", "private_address"),
        ("http://user@127.0.0.1/", "credentials_in_url"),
        ("ftp://127.0.0.1/", "not_https"),
    ];
    for (url, expected) in cases {
        assert_eq!(reason(&AddressPolicy::local(), url), expected, "{url}");
    }
}

#[test]
fn closed_addresses() {
    let closed = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
        "1fff::1",
    ];
    for address in closed {
        let checked = AddressPolicy::strict().check_ip(ip(address));
        assert_eq!(checked, Err(Rejected::PrivateAddress), "{address}");
    }
}

#[test]
fn open_addresses() {
    let open = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "2a00:1450::1",
        "3ffe::1",
    ];
    for address in open {
        assert_eq!(AddressPolicy::strict().check_ip(ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn allowed_subnets_are_exceptions() {
    let subnets = vec!["10.1.0.0/16".parse().expect("a network"), "64:ff9b::/96".parse().expect("a network")];
    let policy = AddressPolicy { allowed_subnets: subnets, ..AddressPolicy::strict() };
    assert_eq!(policy.check_ip(ip("10.1.2.3")), Ok(()));
    assert_eq!(policy.check_ip(ip("10.2.0.1")), Err(Rejected::PrivateAddress));
    // Behind NAT64 the embedded address must be acceptable too.
    assert_eq!(policy.check_ip(ip("64:ff9b::8.8.8.8")), Ok(()));
    assert_eq!(policy.check_ip(ip("64:ff9b::10.1.2.3")), Ok(()));
    assert_eq!(policy.check_ip(ip("64:ff9b::127.0.0.1")), Err(Rejected::PrivateAddress));
}

#[test]
fn of_a_mixed_answer_only_the_public_addresses_are_admitted() {
    let policy = AddressPolicy::strict();
    let mixed = [ip("127.0.0.1"), ip("1.1.1.1"), ip("fe80::1"), ip("2606:4700::1111")];
    assert_eq!(policy.admit(mixed), Ok(vec![ip("1.1.1.1"), ip("2606:4700::1111")]));
    assert_eq!(policy.admit([ip("10.0.0.1")]), Err(Rejected::PrivateAddress));
    assert_eq!(policy.admit([]).expect_err("nothing found").reason(), "dns_failure");
}

#[test]
fn names_that_can_never_work_are_refused() {
    let label = "a".repeat(63);
    let longest = format!("{0}.{0}.{0}.{1}", label, "a".repeat(61));
    let name = |name: &str| reason(&AddressPolicy::strict(), &format!("https://{name}/hook"));
    for good in [
        "example.com",
        "EXAMPLE.com.",
        "a_b.example.com",
        "xn--bcher-kva.de",
        "bücher.de",
        "BÜCHER.de",
        "8.8.8.8",
        &format!("{label}.com"),
        &longest,
    ] {
        assert_eq!(name(good), "accepted", "{good}");
    }
    for (bad, expected) in [
        ("a..b.com", "invalid_host_name"),
        (".example.com", "invalid_host_name"),
        ("example.com..", "invalid_host_name"),
        (".", "invalid_host_name"),
        (&format!("a{label}.com"), "invalid_host_name"),
        (&format!("a{longest}"), "invalid_host_name"),
        ("exam!ple.com", "invalid_host_name"),
        ("a,b.com", "invalid_host_name"),
        ("*.example.com", "invalid_host_name"),
        ("$HOST", "invalid_host_name"),
        ("intranet", "invalid_host_name"),
        ("{tenant}.invalid", "placeholder_in_url"),
        ("{{host}}", "placeholder_in_url"),
        ("<your-host>", "placeholder_in_url"),
        ("tenant.invalid", "reserved_name"),
        ("INVALID.", "invalid_host_name"),
        ("a.INVALID.", "reserved_name"),
        ("a.example", "reserved_name"),
        ("a.test", "reserved_name"),
        ("printer.local", "reserved_name"),
        ("metadata.google.internal", "reserved_name"),
        ("router.home.arpa", "reserved_name"),
        ("abc.onion", "reserved_name"),
        ("localhost", "private_address"),
        ("a.LocalHost.", "private_address"),
    ] {
        assert_eq!(name(bad), expected, "{bad}");
    }
}

#[test]
fn an_operator_who_lets_webhooks_into_a_network_has_names_of_that_network() {
    let inside = AddressPolicy {
        allowed_subnets: vec!["10.1.0.0/16".parse().expect("a network")],
        ..AddressPolicy::strict()
    };
    for (name, expected) in [
        ("intranet", "accepted"),
        ("hooks.internal", "accepted"),
        ("a.test", "accepted"),
        ("a.invalid", "reserved_name"),
        ("a..b", "invalid_host_name"),
        ("localhost", "private_address"),
    ] {
        assert_eq!(reason(&inside, &format!("https://{name}/")), expected, "{name}");
    }
}

#[test]
fn what_would_be_rewritten_is_refused_and_what_it_would_be_is_said() {
    for (url, read_as) in [
        ("https:example.com", "https://example.com/"),
        ("https:/example.com/hook", "https://example.com/hook"),
        ("https:///example.com/hook", "https://example.com/hook"),
        ("https:\\\\example.com\\hook", "https://example.com/hook"),
        ("https://example.com\\hook", "https://example.com/hook"),
        ("https://example.com/a/../hook", "https://example.com/hook"),
        ("https://example.com/./hook", "https://example.com/hook"),
        ("https://example.com/a/%2E%2e/hook", "https://example.com/hook"),
        ("https://example.com:/hook", "https://example.com/hook"),
        ("https://example.com:08443/hook", "https://example.com:8443/hook"),
        ("https://ex%61mple.com/hook", "https://example.com/hook"),
        ("https://ｅxample.com/hook", "https://example.com/hook"),
        ("https://exam\u{ad}ple.com/hook", "https://example.com/hook"),
        ("https://example。com/hook", "https://example.com/hook"),
        ("https://0x08080808/hook", "https://8.8.8.8/hook"),
        ("https://8.8.2056/hook", "https://8.8.8.8/hook"),
    ] {
        let refused = AddressPolicy::strict().check_url(url).expect_err(url);
        assert_eq!(refused, Rejected::WouldBeRewritten(read_as.to_owned()), "{url}");
    }
    assert_eq!(reason(&AddressPolicy::local(), "http:host"), "would_be_rewritten");
    for url in [
        "https://example.com",
        "HTTPS://Example.COM:443",
        "https://example.com?a=b",
        "https://example.com/ä?ö=%C3%BC&x=a|b",
        "https://example.com/%7Btenant%7D/%2F//x;y=1/",
        "https://[2606:4700:0::1111]:8443/",
        "https://bu\u{308}cher.de/",
    ] {
        assert_eq!(reason(&AddressPolicy::strict(), url), "accepted", "{url}");
    }
    assert_eq!(reason(&AddressPolicy::strict(), "https://@example.com/"), "credentials_in_url");
    assert_eq!(reason(&AddressPolicy::strict(), "https://example.com/@a:b"), "accepted");
}

#[tokio::test]
async fn names_are_judged_by_what_they_resolve_to() {
    let url = "https://localhost/".parse().expect("a URL");
    assert_eq!(AddressPolicy::strict().resolve(&url).await, Err(Rejected::DnsFailure));
    let admitted = AddressPolicy::local().resolve(&url).await.expect("this machine");
    assert!(admitted.iter().all(IpAddr::is_loopback));
    let unknown = "https://does-not-exist.invalid/".parse().expect("a URL");
    assert_eq!(AddressPolicy::strict().resolve(&unknown).await, Err(Rejected::DnsFailure));
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>(), host in "[0-9a-fx.:\\[\\]%@#。]{0,30}") {
        for policy in [AddressPolicy::strict(), AddressPolicy::local()] {
            let _ = policy.check_url(&text);
            let _ = policy.check_url(&format!("https://{host}/"));
        }
    }

    #[test]
    fn what_is_accepted_stays_accepted_when_normalised(host in "[0-9a-fx.]{1,20}", path in "\\PC{0,20}") {
        let policy = AddressPolicy::strict();
        if let Ok(url) = policy.check_url(&format!("https://{host}/{path}")) {
            prop_assert_eq!(policy.check_url(url.as_str()), Ok(url));
        }
    }

    /// Compared with the predicates of the standard library, which were written by others.
    #[test]
    fn no_special_v4_is_open(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        let special = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified()
            || address.is_multicast();
        if special {
            prop_assert!(AddressPolicy::strict().check_ip(IpAddr::V4(address)).is_err());
        }
        // No notation that embeds an IPv4 address is open, whichever address it is.
        for embedded in [address.to_ipv6_mapped(), address.to_ipv6_compatible()] {
            prop_assert!(AddressPolicy::strict().check_ip(IpAddr::V6(embedded)).is_err());
        }
    }

    /// What is accepted is requested as it is written: nothing that a person reads in it means something else.
    #[test]
    fn what_is_accepted_is_what_was_sent(
        text in "(https?|HTTPS|ftp)?:?/{0,3}\\\\?(a@)?([a-z]{1,3}|é|\\.|\\.\\.|%61|0x|[0-9]{1,3}|\\{x\\}|-|_|\\u{ad}|ａ|\\[::1\\]){1,5}(\\.com|\\.invalid|\\.de\\.)?(:[0-9]{0,5})?(/(a|\\.|\\.\\.|%2e|é|\\|| ){0,3}){0,3}(\\?[a-z%=&é]{0,5})?(#[a-z]{0,2})?"
    ) {
        for policy in [AddressPolicy::strict(), AddressPolicy::local()] {
            let Ok(url) = policy.check_url(&text) else { continue };
            prop_assert!(text.to_lowercase().starts_with("http"), "{}", text);
            prop_assert!(!text.contains(['@', '{', '\\', '#', '\u{ad}', 'ａ', ' ']), "{}", text);
            let name = url.host_str().expect("a host").trim_end_matches('.');
            prop_assert!(name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len())), "{}", text);
            prop_assert!(!name.ends_with(".invalid"));
            prop_assert_eq!(policy.check_url(url.as_str()), Ok(url));
        }
    }

    /// Private ones are refused as such in every notation, public ones because they are not written as addresses are.
    #[test]
    fn no_other_notation_of_an_address_is_accepted(bits in any::<u32>()) {
        let policy = AddressPolicy::strict();
        let address = Ipv4Addr::from_bits(bits);
        let dotted = reason(&policy, &format!("https://{address}/"));
        let expected = if dotted == "accepted" { "would_be_rewritten" } else { dotted };
        for host in [format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}")] {
            prop_assert_eq!(reason(&policy, &format!("https://{host}/")), expected);
        }
    }
}
