//! Names that no header of a webhook's own may have.

const OURS: &str = "Tenon sets this header itself";
const OF_THE_CONNECTION: &str = "This header belongs to the connection, which is not the webhook's";
const OF_PROXIES: &str = "This header says what a proxy has seen: it is not the webhook's to say";
const OF_COOKIES: &str = "Cookies are neither kept nor sent";
const OF_CLOUDS: &str = "This header opens the metadata of clouds, where no webhook goes";

/// Names that are reserved, and why.
const RESERVED: [(&str, &str); 24] = [
    ("user-agent", OURS),
    ("traceparent", OURS),
    ("tracestate", OURS),
    ("accept", OURS),
    ("accept-encoding", OURS),
    ("host", OF_THE_CONNECTION),
    ("connection", OF_THE_CONNECTION),
    ("transfer-encoding", OF_THE_CONNECTION),
    ("te", OF_THE_CONNECTION),
    ("trailer", OF_THE_CONNECTION),
    ("upgrade", OF_THE_CONNECTION),
    ("expect", OF_THE_CONNECTION),
    ("keep-alive", OF_THE_CONNECTION),
    ("http2-settings", OF_THE_CONNECTION),
    ("alt-used", OF_THE_CONNECTION),
    ("max-forwards", OF_PROXIES),
    ("forwarded", OF_PROXIES),
    ("via", OF_PROXIES),
    ("x-real-ip", OF_PROXIES),
    ("cookie", OF_COOKIES),
    ("cookie2", OF_COOKIES),
    ("metadata", OF_CLOUDS),
    ("metadata-flavor", OF_CLOUDS),
    ("x-google-metadata-request", OF_CLOUDS),
];

/// Beginnings of names that are reserved, and why.
const RESERVED_BEGINNINGS: [(&str, &str); 6] = [
    ("webhook-", OURS),
    ("x-webhook-", OURS),
    ("content-", OURS),
    ("proxy-", OF_THE_CONNECTION),
    ("x-forwarded-", OF_PROXIES),
    ("x-aws-ec2-metadata-", OF_CLOUDS),
];

/// Why a webhook has no header of that name, in whatever case; nothing where it may.
pub fn reserved(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let by_name = RESERVED.iter().find(|(reserved, _)| name == *reserved);
    let found = by_name.or_else(|| RESERVED_BEGINNINGS.iter().find(|(begin, _)| name.starts_with(begin)));
    found.map(|(_, why)| *why)
}
