//! Guessing is limited.

use serde_json::json;
use tenon_tests::app::PASSWORD;
use tenon_tests::{Answer, TestApp};

use super::credentials;

fn limited(answer: Answer, policy: &str) {
    let answer = answer.refused(429, "RATE_LIMITED");
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=900).contains(&seconds), "{answer}");
    assert_eq!(answer.json()["details"]["policy"], policy);
}

#[tokio::test]
async fn five_logins_for_an_account_and_network() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    for _ in 0..5 {
        app.anonymous()
            .post("/auth/login", credentials(&ada.email, "incorrect horse"))
            .await
            .refused(401, "INVALID_CREDENTIALS");
    }
    // The right password does not help any more, nor another way to write the address, nor a header that names another one.
    limited(app.anonymous().post("/auth/login", credentials(&ada.email, PASSWORD)).await, "login");
    limited(
        app.anonymous()
            .post("/auth/login", credentials(&format!(" {}", ada.email.to_uppercase()), PASSWORD))
            .await,
        "login",
    );
    let elsewhere = app.anonymous().with_header("x-forwarded-for", "198.51.100.1");
    limited(elsewhere.post("/auth/login", credentials(&ada.email, PASSWORD)).await, "login");
    app.anonymous().post("/auth/login", credentials(&grace.email, PASSWORD)).await.status(200);
    ada.get("/me").await.status(200);
}

#[tokio::test]
async fn a_hundred_requests_without_a_good_credential() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    for number in 0..100 {
        let client = if number % 2 == 0 { app.anonymous() } else { app.with("x.y.z") };
        client.get("/me").await.refused(401, "UNAUTHENTICATED");
    }
    limited(app.anonymous().get("/me").await, "public");
    limited(app.anonymous().get("/errors").await, "public");
    limited(app.with("x.y.z").post("/connection/contacts", json!({})).await, "public");
    admin.get("/me").await.status(200);
}
