//! Rate limits, over HTTP: what is counted, what a refusal says, and what answers say of it.

mod operator;
mod processes;
mod quotas;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_api::http::limits::{Limits, Mode};
use tenon_tests::{Answer, Client, TestApp, eventually};
use uuid::Uuid;

/// The interval in which the plan `free` allows one more.
const FREE: Duration = Duration::from_millis(600);

async fn set_plan(mut administrator: PgConnection, tenant: Uuid, plan: &str) {
    let changed = sqlx::query("update tenon.tenants set plan = $2 where id = $1").bind(tenant).bind(plan);
    let changed = changed.execute(&mut administrator).await.expect("a plan");
    assert_eq!(changed.rows_affected(), 1);
}

/// How many answers were 200, and how many were 429.
fn tally(answers: &[Answer]) -> (usize, usize) {
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(of(200) + of(429), answers.len(), "{}", answers[answers.len() - 1]);
    (of(200), of(429))
}

async fn ask(client: &Client, path: &str, times: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..times {
        answers.push(client.get(path).await);
    }
    answers
}

/// The 100 of a burst, and those that became free meanwhile.
fn assert_free(allowed: usize, began: Instant) {
    let most = 101 + began.elapsed().as_millis() / FREE.as_millis();
    assert!((100..=most).contains(&(allowed as u128)), "{allowed} allowed, at most {most} were free");
}

#[tokio::test]
async fn a_free_tenant_has_a_hundred_a_minute_and_answers_say_so() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    set_plan(app.connect().await, acme.id.0, "free").await;
    let admin = acme.admin();

    let began = Instant::now();
    let first = admin.get("/me").await.status(200);
    assert_eq!(first.header("ratelimit-policy"), r#""org";q=100;w=60, "read";q=1000;w=900"#);
    assert_eq!(first.header("ratelimit"), r#""org";r=99;t=1"#);
    assert_eq!((first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")), ("100", "99"));
    let reset: i64 = first.header("x-ratelimit-reset").parse().expect("seconds");
    assert!((0..=2).contains(&(reset - chrono::Utc::now().timestamp())), "{first}");
    assert!(!first.headers.contains_key("retry-after"), "{first}");

    let answers = ask(&admin, "/me", 159).await;
    let (allowed, refused) = tally(&answers);
    assert_free(allowed + 1, began);
    assert!(refused > 0);
    let refusal = answers.iter().find(|answer| answer.status == 429).expect("a refusal").clone();
    let refusal = refusal.refused(429, "RATE_LIMITED");
    assert_eq!(refusal.json()["details"], json!({"policy": "org"}));
    assert_eq!((refusal.header("retry-after"), refusal.header("x-ratelimit-remaining")), ("1", "0"));
    assert!(refusal.header("ratelimit").starts_with(r#""org";r=0;t="#), "{refusal}");

    // The tenant's other people share its limit; another tenant does not.
    let other = ask(&other.admin(), "/me", 150).await;
    assert_eq!(tally(&other), (150, 0));
    assert!(!other[0].headers.contains_key("ratelimit"), "without a limit nothing is counted: {}", other[0]);

    // What the plan refused was not taken from the key.
    let limits: Value = eventually("the plan allows one more", async || {
        let answer = admin.get("/limits").await;
        if answer.status == 200 { Ok(answer.data()) } else { Err(answer.to_string()) }
    })
    .await;
    let read = limits["policies"][1]["remaining"].as_u64().expect("a number");
    assert!(read >= 998 - allowed as u64 - 2, "{limits} after {allowed} allowed and {refused} refused");
}

#[tokio::test]
async fn a_refusal_is_a_problem_where_the_client_wants_one() {
    let app = TestApp::start().await;
    let client = app.anonymous().with_header("accept", "application/problem+json");
    let answers = ask(&client, "/errors", 101).await;
    let refusal = answers[100].json();
    assert_eq!((&refusal["status"], &refusal["code"]), (&json!(429), &json!("RATE_LIMITED")));
    assert_eq!(refusal["details"], json!({"policy": "public"}));
    // 15 minutes for 100: one is free every 9 seconds.
    let seconds: u64 = answers[100].header("retry-after").parse().expect("seconds");
    assert!((1..=9).contains(&seconds), "{}", answers[100]);
}

#[tokio::test]
async fn everything_that_needs_no_credential_is_counted_together() {
    let app = TestApp::start().await;
    let root = Client::new(&app.url());
    let counted = ["/api/v1/errors", "/api/v1/event-types", "/.well-known/jwks.json", "/api/v1/openapi.json"];
    for (at, path) in counted.iter().chain(["/api/v1/openapi-3.0.json"].iter()).enumerate() {
        let answer = root.get(path).await.status(200);
        assert_eq!(
            answer.header("ratelimit-policy"),
            r#""public";q=100;w=900, "public-network";q=1000;w=900"#
        );
        assert_eq!(answer.header("x-ratelimit-remaining"), (99 - at).to_string());
    }
    // There is no second way to write the path of an operation.
    for path in
        ["//api/v1/errors", "/api//v1/errors", "/api/v1/errors/", "/api/v1/%65rrors", "/API/v1/errors"]
    {
        root.get(path).await.status(404);
    }
    // A credential that is none counts too.
    let answer = app.with("x.y.z").get("/me").await.refused(401, "UNAUTHENTICATED");
    assert_eq!(answer.header("x-ratelimit-remaining"), "94");
    let answer = app.anonymous().post("/auth/login", json!({"email": "a@b.example", "password": "x"})).await;
    let login = r#""login";q=5;w=900, "login-account";q=20;w=900, "login-address";q=100;w=900, "login-network";q=400;w=900"#;
    assert_eq!(answer.header("ratelimit-policy"), login);
}

#[tokio::test]
async fn every_operation_of_the_document_is_counted_by_its_class() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    set_plan(app.connect().await, acme.id.0, "business").await;
    let (agent, root) = (acme.agent().await, Client::new(&app.url()));
    let client = root.with_bearer(&agent.credential);
    let document = TestApp::document();
    let mut counted = 0;
    for (template, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if !operation["operationId"].is_string() {
                continue;
            }
            let path = template.split('/').map(|segment| match segment.starts_with('{') {
                true => "00000000-0000-7000-8000-000000000000",
                false => segment,
            });
            let path = path.collect::<Vec<_>>().join("/");
            let body = (method != "get").then(|| json!({"email": "nobody@example.com", "password": "x"}));
            let reads = method == "get";
            let method = method.to_uppercase().parse().expect("a method");
            let answer = client.send(method, &path, body).await;
            let class = match operation["operationId"].as_str().expect("an id") {
                "create_login" => r#""login";"#,
                "list_error_codes" | "list_event_types" | "get_key_set" => r#""public";"#,
                id if reads || ["read_", "search_"].iter().any(|verb| id.starts_with(verb)) => {
                    r#""org";q=10000;w=60, "read";"#
                }
                _ => r#""org";q=10000;w=60, "write";"#,
            };
            assert!(answer.header("ratelimit-policy").starts_with(class), "{answer}");
            counted += 1;
        }
    }
    assert!(counted > 30, "{counted}");
}

#[tokio::test]
async fn the_limits_can_be_asked_for_and_follow_the_plan() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let nothing: Value = acme.admin().get("/limits").await.ok();
    assert_eq!(nothing, json!({"plan": "unlimited", "enforced": true, "policies": []}));

    set_plan(app.connect().await, acme.id.0, "free").await;
    let agent = acme.agent().await;
    agent.post("/connection/contacts", json!({"name": "Grace"})).await.status(201);
    let limits: Value = agent.get("/limits").await.ok();
    let policy = |at: usize| {
        let policy = &limits["policies"][at];
        let reset = policy["reset"].as_str().expect("an instant").parse::<chrono::DateTime<chrono::Utc>>();
        assert!(reset.expect("an instant") <= chrono::Utc::now() + Duration::from_secs(2), "{policy}");
        (
            policy["policy"].clone(),
            policy["limit"].clone(),
            policy["remaining"].clone(),
            policy["window"].clone(),
        )
    };
    assert_eq!(policy(0), (json!("org"), json!(100), json!(98), json!(60)));
    assert_eq!(policy(1), (json!("read"), json!(1000), json!(999), json!(900)));
    assert_eq!(policy(2), (json!("write"), json!(1000), json!(999), json!(900)));

    // A better plan begins with all of its own.
    set_plan(app.connect().await, acme.id.0, "team").await;
    let remaining = eventually("the plan takes effect", async || {
        let answer = agent.get("/me").await;
        match answer.header("x-ratelimit-limit") {
            "1000" => Ok(answer.header("ratelimit-policy").to_owned()),
            _ => Err(answer.to_string()),
        }
    })
    .await;
    assert!(remaining.starts_with(r#""org";q=1000;w=60"#), "{remaining}");
}

#[tokio::test]
async fn a_shadow_refuses_nothing_but_guesses() {
    let app = TestApp::start_with(Limits::new(Mode::Shadow, None).expect("limits")).await;
    let acme = app.tenant("acme").await;
    set_plan(app.connect().await, acme.id.0, "free").await;
    let answers = ask(&acme.admin(), "/me", 120).await;
    assert_eq!(tally(&answers), (120, 0));
    assert!(!answers[119].headers.contains_key("ratelimit"), "{}", answers[119]);
    assert_eq!(tally(&ask(&app.anonymous(), "/errors", 120).await), (120, 0));
    let limits: Value = acme.admin().get("/limits").await.ok();
    assert_eq!(limits["enforced"], json!(false));
    for _ in 0..5 {
        app.anonymous()
            .post("/auth/login", json!({"email": "a@b.example", "password": "x"}))
            .await
            .status(401);
    }
    let login = json!({"email": "a@b.example", "password": "x"});
    app.anonymous().post("/auth/login", login).await.refused(429, "RATE_LIMITED");
}
