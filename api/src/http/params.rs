//! Parameters that many operations share.

use tenon_common::page::PageQuery;

use crate::http::code::Code;
use crate::http::refusal::Refusal;

/// Gathers the paging parameters.
pub fn paging(
    page: Option<u32>,
    page_size: Option<u32>,
    limit: Option<u32>,
    cursor: Option<String>,
) -> PageQuery {
    PageQuery { page, page_size, limit, cursor }
}

/// The version that `If-Match` names; none for `*` or where it is absent.
pub fn if_match(header: Option<&str>) -> Result<Option<i64>, Refusal> {
    let Some(tag) = header.map(str::trim).filter(|tag| *tag != "*") else { return Ok(None) };
    let version = tag
        .strip_prefix("\"v")
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|version| version.parse().ok());
    match version {
        Some(version) => Ok(Some(version)),
        None => Err(Refusal::new(Code::ValidationError)
            .detail("If-Match", "Expected the ETag of a record, such as \"v7\" with its quotes, or *")),
    }
}

/// Whether `If-None-Match` of a change says `*`: only where there is no record yet.
pub fn if_none_match(header: Option<&str>) -> Result<bool, Refusal> {
    match header.map(str::trim) {
        None => Ok(false),
        Some("*") => Ok(true),
        Some(_) => Err(Refusal::new(Code::ValidationError).detail("If-None-Match", "Expected *")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_names_a_version() {
        assert_eq!(if_match(Some("\"v7\"")).expect("an ETag"), Some(7));
        assert_eq!(if_match(Some("*")).expect("any"), None);
        assert_eq!(if_match(None).expect("none"), None);
        for wrong in ["v7", "7", "W/\"v7\"", "\"7\"", ""] {
            assert!(if_match(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
