//! U+0000 in whatever text a URL takes: refused with the parameter's name, never a failure.

use std::collections::BTreeSet;

use serde_json::Value;
use tenon_tests::{Client, TestApp};

use super::contract;
use super::operation::{Operation, operations};
use super::records::records;

/// The parameters in a place of the request that take text.
fn texts<'o>(operation: &'o Operation, place: &'static str) -> impl Iterator<Item = &'o str> {
    let parameters = operation.described["parameters"].as_array().into_iter().flatten();
    let takes_text = |parameter: &&Value| {
        let kinds = parameter["schema"].to_string();
        kinds.contains("\"string\"") || kinds.contains("$ref")
    };
    let wanted = parameters.filter(move |parameter| parameter["in"] == place).filter(takes_text);
    wanted.filter_map(|parameter| parameter["name"].as_str())
}

#[tokio::test]
async fn a_parameter_with_nul_is_refused_by_its_name() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let records = records(&app, &acme).await;
    let client = Client::new(&app.url()).with_bearer(&acme.admin().credential);
    // Whose extractor it is, is the same for all: each operation is tried with one of its parameters, and each name once.
    let (mut tried, mut seen) = (0, BTreeSet::new());
    for operation in &operations() {
        let mut asked: Vec<(String, &str)> = Vec::new();
        for name in texts(operation, "query") {
            asked.push((format!("{}?{name}=a%00b", operation.nowhere()), name));
        }
        for name in texts(operation, "path") {
            let path = operation.template.replace(&format!("{{{name}}}"), "a%00b");
            asked.push((
                path.split('/')
                    .map(|part| if part.starts_with('{') { "x" } else { part })
                    .collect::<Vec<_>>()
                    .join("/"),
                name,
            ));
        }
        let first = asked.first().map(|(_, name)| *name);
        asked.retain(|(_, name)| seen.insert((*name).to_owned()) || first == Some(*name));
        for (path, name) in asked {
            let path = path.replace("?page=1?", "?");
            let answer = client.send(operation.method.parse().expect("a method"), &path, None).await;
            contract::check(&operation.id, &answer);
            let answer = answer.refused(400, "VALIDATION_ERROR");
            assert!(answer.json()["details"][name].is_string(), "{}: {name}: {answer}", operation.id);
            tried += 1;
        }
    }
    assert!(tried > 80, "{tried}");
    // It is the same request without it.
    client.get(&format!("/api/v1/connection/contacts/{}", records.id("contacts"))).await.status(200);
}

#[tokio::test]
async fn a_body_or_a_file_with_nul_is_refused() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    for (path, body, field) in [
        ("/connection/contacts", serde_json::json!({"name": "a\0b"}), "name"),
        ("/connection/contacts/search", serde_json::json!({"q": "a\0b"}), "q"),
        ("/api-keys", serde_json::json!({"name": "a\0b", "scopes": ["*"]}), "name"),
        ("/uploads", serde_json::json!({"fileName": "a\0.csv", "bytes": 3}), "fileName"),
        ("/uploads", serde_json::json!({"fileName": "a\u{1b}[2J.csv", "bytes": 3}), "fileName"),
        (
            "/imports",
            serde_json::json!({"options": {"object": "contacts"}, "rows": [{"na\0me": "A"}]}),
            "rows.0.na\0me",
        ),
    ] {
        let refused = admin.post(path, body).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][field].is_string(), "{path}: {refused}");
    }
    let options = serde_json::json!({"object": "contacts"});
    for (name, file) in [("a\u{1}.csv", "name\nAda\n"), ("a.csv", "name,b\0c\nAda,x\n")] {
        let refused = admin.upload("/imports", &options, name, file.as_bytes()).await;
        let refused = refused.refused(400, "VALIDATION_ERROR").json();
        // A part's head with such a character cannot be read at all.
        assert!(
            refused["details"]["file"].is_string() || refused["details"]["body"].is_string(),
            "{refused}"
        );
    }
}
