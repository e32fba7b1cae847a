//! Large answers that are the same for everybody, and what caches are told.

use base64::Engine;
use serde_json::json;
use sha2::{Digest, Sha256};
use tenon_tests::{Client, TestApp};

#[tokio::test]
async fn pages_and_documents_are_compressed_once_and_known_by_their_tags() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/", "/api/v1/openapi.json", "/api/v1/openapi-3.0.json"] {
        let root = Client::new(&app.url());
        let plain = root.get(path).await.status(200);
        let gzip = root.with_header("accept-encoding", "gzip").get(path).await.status(200);
        assert_eq!((gzip.header("content-encoding"), gzip.header("vary")), ("gzip", "Accept-Encoding"));
        assert!(gzip.body.len() * 3 < plain.body.len(), "{path}");
        assert_ne!(gzip.header("etag"), plain.header("etag"));
        for answer in [&plain, &gzip] {
            assert!(answer.header("ratelimit-policy").starts_with("\"public\";"), "{answer}");
            let known = root.with_header(
                "accept-encoding",
                answer.headers.get("content-encoding").map_or("identity", |_| "gzip"),
            );
            let known = known.with_header("if-none-match", answer.header("etag"));
            let unchanged = known.get(path).await.status(304);
            assert!(unchanged.body.is_empty() && unchanged.header("etag") == answer.header("etag"));
        }
        root.post(path, json!({})).await.refused(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn the_page_may_run_its_own_scripts_and_ask_this_server_alone() {
    let app = TestApp::start().await;
    let page = Client::new(&app.url()).get("/docs").await.status(200);
    let policy = page.header("content-security-policy").to_owned();
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    let html = page.text();
    assert!(!html.contains("src=\"http") && !html.contains("@import"), "all that it needs is in it");
    let last = html.rsplit_once("</script>").and_then(|(before, _)| before.rsplit_once("<script>"));
    let (_, script) = last.expect("the script that begins it all");
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    assert!(script.contains("SwaggerUIBundle") && policy.contains(&digest), "{policy}");
}

#[tokio::test]
async fn every_answer_that_may_be_compressed_says_that_it_varies_with_the_coding() {
    let app = TestApp::start().await;
    let plain = app.tenant("acme").await.admin();
    let gzip = plain.with_header("accept-encoding", "gzip");
    for path in ["/errors", "/connection/contacts"] {
        let answers = [plain.get(path).await.status(200), gzip.get(path).await.status(200)];
        assert_eq!(answers[1].header("content-encoding"), "gzip");
        assert!(answers.iter().all(|answer| answer.header("vary") == "Accept-Encoding"), "{answers:?}");
    }
}
