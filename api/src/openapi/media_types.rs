//! Media types.

use serde_json::Value;

use super::walk::Object;

/// `application/json; charset=utf-8` is `application/json`: generators look a content type up by its plain name.
pub(super) fn without_charset(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(without_charset),
        Value::Object(object) => {
            if let Some(Value::Object(content)) = object.get_mut("content") {
                let plain = std::mem::take(content).into_iter().map(|(name, value)| (essence(&name), value));
                *content = plain.collect::<Object>();
            }
            object.values_mut().for_each(without_charset);
        }
        _ => {}
    }
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn parameters_of_media_types_go() {
        let mut document = json!({"a": [{"content": {"application/json; charset=utf-8": {"schema": {}}}}]});
        super::without_charset(&mut document);
        assert_eq!(document, json!({"a": [{"content": {"application/json": {"schema": {}}}}]}));
    }
}
