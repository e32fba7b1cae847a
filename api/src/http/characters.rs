//! U+0000 in a URL: no text that is stored or looked for can have it, and the database would fail.

use poem::Request;

use crate::http::code::Code;
use crate::http::refusal::Refusal;

/// Refuses a request whose path or query has U+0000, with the parameter's name as `template`, the path of the document, has it.
pub fn refuse_nul(request: &Request, template: &str) -> Result<(), Refusal> {
    let uri = request.original_uri();
    match named(uri.path(), uri.query().unwrap_or_default(), template) {
        None => Ok(()),
        Some(name) => Err(Refusal::new(Code::ValidationError)
            .detail(&name, format!("{name} must not contain the character U+0000"))),
    }
}

/// The first parameter that has it.
fn named(path: &str, query: &str, template: &str) -> Option<String> {
    // Both are ASCII: there is no other way to write it.
    if path.contains("%00") {
        let segments = template.split('/').zip(path.split('/'));
        let of_path = segments.filter(|(_, segment)| segment.contains("%00")).map(|(name, _)| name).next();
        return Some(of_path.unwrap_or("path").trim_matches(['{', '}']).to_owned());
    }
    if !query.contains("%00") {
        return None;
    }
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let (name, _) = parameters.find(|(name, value)| name.contains('\0') || value.contains('\0'))?;
    Some(name.chars().filter(|character| *character != '\0').take(60).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameter_that_has_it_is_named() {
        let template = "/api/v1/contacts/by/{key}/{value}";
        let of = |path: &str, query: &str| named(path, query, template);
        assert_eq!(of("/api/v1/contacts/by/email/a%00b", ""), Some("value".to_owned()));
        assert_eq!(of("/api/v1/contacts/by/%00/a", ""), Some("key".to_owned()));
        assert_eq!(of("/api/v1/contacts/by/email/a", "q=1&name=%00"), Some("name".to_owned()));
        assert_eq!(of("/x", "n%00ame=1"), Some("name".to_owned()));
        assert_eq!(of("/x", "q=%2500&r=100%25"), None);
        assert_eq!(of("/x/%2500", ""), None);
        assert_eq!(of("/x", ""), None);
    }
}
