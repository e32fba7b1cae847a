//! Access tokens: verified with the published keys by a stock library, and forged in the usual ways.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use tenon_tests::{Client, TestApp};

use super::login;

/// The Ed25519 example of RFC 8410, section 10.3 and 10.1: PKCS #8, and the public key's 32 bytes.
const PRIVATE: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
const PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

async fn key_set(app: &TestApp) -> Vec<Value> {
    let set = Client::new(&app.url()).get("/.well-known/jwks.json").await.status(200).json();
    set["keys"].as_array().expect("keys").clone()
}

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn the_key_set_verifies_a_token() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let agent = acme.agent().await;
    let token = login(&app, &agent.email).await;
    let header = jsonwebtoken::decode_header(&token).expect("a header");
    assert_eq!(header.alg, Algorithm::EdDSA);
    let keys = key_set(&app).await;
    let key = keys
        .iter()
        .find(|key| key["kid"].as_str() == header.kid.as_deref())
        .expect("the key of the token is published");
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig"))
    );
    let jwk: jsonwebtoken::jwk::Jwk =
        serde_json::from_value(key.clone()).expect("a JWK as the library reads it");
    let decoding = DecodingKey::from_jwk(&jwk).expect("a key");
    let claims = jsonwebtoken::decode::<Value>(&token, &decoding, &Validation::new(Algorithm::EdDSA))
        .expect("verifies")
        .claims;
    assert_eq!(
        (&claims["sub"], &claims["org"], &claims["role"]),
        (&json!(agent.id), &json!(acme.id), &json!("AGENT"))
    );
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(600));
    assert_eq!(
        claims["perms"],
        json!([
            "contacts:read",
            "contacts:write",
            "contacts:delete",
            "companies:read",
            "companies:write",
            "companies:delete",
            "pipelines:read",
            "leads:read",
            "leads:write",
            "leads:delete",
            "activities:read",
            "activities:write",
            "activities:delete",
            "exports:read",
            "exports:write"
        ])
    );
    for private in ["d", "private_key", "privateKey"] {
        assert_eq!(key[private], Value::Null);
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let app = TestApp::start().await;
    let token = app.tenant("acme").await.agent().await.credential;
    let mut claims = claims_of(&token);
    claims["role"] = json!("DEVELOPER");
    let kid = jsonwebtoken::decode_header(&token).expect("a header").kid.expect("a key's id");
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let mut forged = vec![
        // Unsigned, by every name of it.
        format!("{}.{payload}.", part(&json!({"alg": "none", "typ": "JWT", "kid": kid}))),
        format!("{}.{payload}.", part(&json!({"alg": "None", "kid": kid}))),
        format!("{}.{payload}.{signature}", part(&json!({"alg": "none", "kid": kid}))),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        // Changed.
        format!("{header}.{}.{signature}", part(&claims)),
        format!("{}.{payload}.{signature}", part(&json!({"alg": "EdDSA", "typ": "JWT", "kid": kid, "x": 1}))),
        // Of a key that is not known, or named, here.
        format!("{}.{payload}.{signature}", part(&json!({"alg": "EdDSA", "kid": "other"}))),
        format!("{}.{payload}.{signature}", part(&json!({"alg": "EdDSA"}))),
        format!("{}.{payload}.{signature}", part(&json!({"alg": "EdDSA", "kid": "' or true --"}))),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "ey".repeat(2000),
    ];
    // The public key as a shared secret, in the forms that it might be taken in.
    let x = key_set(&app).await[0]["x"].as_str().expect("a public key").to_owned();
    let raw = URL_SAFE_NO_PAD.decode(&x).expect("base64url");
    for secret in [raw.as_slice(), x.as_bytes(), b""] {
        for algorithm in [Algorithm::HS256, Algorithm::HS512] {
            let header = Header { kid: Some(kid.clone()), ..Header::new(algorithm) };
            forged.push(
                jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).expect("signed"),
            );
        }
    }
    // Signed well, with somebody else's key.
    let private = STANDARD.decode(PRIVATE).expect("base64");
    let header = Header { kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
    forged.push(jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&private)).expect("signed"));
    for token in forged {
        app.with(&token).get("/me").await.refused(401, "UNAUTHENTICATED");
    }
    // Every bit of the signature counts.
    for at in [0, signature.len() / 2] {
        let mut changed = signature.to_owned();
        changed.replace_range(at..=at, if &signature[at..=at] == "A" { "B" } else { "A" });
        app.with(&format!("{}.{payload}.{changed}", parts[0]))
            .get("/me")
            .await
            .refused(401, "UNAUTHENTICATED");
    }
    app.with(&token).get("/me").await.status(200);
}

#[tokio::test]
async fn a_token_expires() {
    let app = TestApp::start().await;
    let agent = app.tenant("acme").await.agent().await;
    // A retired key of the installation whose private half this test has.
    sqlx::query("insert into tenon.signing_keys (id, state, public_key, private_key) values ('rfc8410', 'retired', $1, '')")
        .bind(STANDARD.decode(PUBLIC).expect("base64"))
        .execute(&mut app.connect().await)
        .await
        .expect("inserted");
    let state = app.state();
    state.tokens.reload(&state.db, &state.master).await.expect("reloaded");
    assert_eq!(key_set(&app).await.len(), 2, "what a retired key has signed can still be verified");

    let sign = |change: Value| {
        let mut claims = claims_of(&agent.credential);
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        let private = STANDARD.decode(PRIVATE).expect("base64");
        let header = Header { kid: Some("rfc8410".to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&private)).expect("signed")
    };
    let now = chrono::Utc::now().timestamp();
    app.with(&sign(json!({"exp": now + 60}))).get("/me").await.status(200);
    app.with(&sign(json!({"exp": now - 1}))).get("/me").await.refused(401, "TOKEN_EXPIRED");
    app.with(&sign(json!({"exp": null}))).get("/me").await.refused(401, "UNAUTHENTICATED");
    // A role that the token claims is not the one that counts.
    let me: Value =
        app.with(&sign(json!({"exp": now + 60, "role": "DEVELOPER", "perms": ["*"]}))).get("/me").await.ok();
    assert_eq!(me["role"], "AGENT");
    // A user of no tenant, or of another one.
    let stranger = app.tenant("globex").await.agent().await;
    app.with(&sign(json!({"exp": now + 60, "sub": stranger.id})))
        .get("/me")
        .await
        .refused(401, "TOKEN_REVOKED");
}
