//! Several API processes, and Redis between them.

use std::time::{Duration, Instant};

use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Process, Redis, TestDatabase, eventually};

use super::{ask, assert_free, set_plan, tally};

async fn api(database: &TestDatabase, redis: &Redis) -> Process {
    Stack::api(database).env("REDIS_URL", &redis.url()).start().await
}

fn client(api: &Process) -> Client {
    Client::new(&format!("{}/api/v1", api.url()))
}

/// A sample of the metrics page; 0 where there is none.
async fn decisions(api: &Process, policy: &str, outcome: &str) -> u64 {
    let page = Client::new(&api.operations_url()).get("/metrics").await.status(200).text();
    let series = format!("tenon_rate_limit_decisions_total{{policy=\"{policy}\",outcome=\"{outcome}\"}} ");
    let sample = page.lines().find_map(|line| line.strip_prefix(&series));
    sample.map_or(0, |count| count.parse().expect("a number"))
}

/// A tenant of a plan, and the credential of its owner.
async fn tenant(database: &TestDatabase, plan: &str) -> String {
    let tenant = Stack::tenant(database, "Acme").await;
    set_plan(database.connect().await, text(&tenant, "tenantId").parse().expect("an id"), plan).await;
    text(&tenant, "apiKey").to_owned()
}

#[tokio::test]
async fn two_processes_on_one_redis_share_a_limit_exactly() {
    let Some(redis) = Redis::start("two_processes_on_one_redis_share_a_limit_exactly").await else { return };
    let database = TestDatabase::create(Cluster::shared().await).await;
    let key = tenant(&database, "free").await;
    let apis = [api(&database, &redis).await, api(&database, &redis).await];
    let [one, other] = apis.each_ref().map(client);

    let began = Instant::now();
    let answers = tokio::join!(ask(&one, "/errors", 75), ask(&other, "/errors", 75));
    let (allowed, refused) = tally(&[answers.0, answers.1].concat());
    // One more is free every 9 seconds.
    let most = 100 + usize::try_from(began.elapsed().as_secs() / 9).expect("few");
    assert!((100..=most).contains(&allowed), "{allowed} allowed, {refused} refused in {:?}", began.elapsed());
    let counted =
        [decisions(&apis[0], "public", "allowed").await, decisions(&apis[1], "public", "allowed").await];
    assert_eq!(counted.iter().sum::<u64>(), allowed as u64);
    assert!(counted.iter().all(|count| *count > 0), "{counted:?}");

    let began = Instant::now();
    let [one, other] = [one, other].map(|client| client.with_bearer(&key));
    let answers = tokio::join!(ask(&one, "/me", 80), ask(&other, "/me", 80));
    assert_free(tally(&[answers.0, answers.1].concat()).0, began);
    assert_eq!(decisions(&apis[0], "org", "backend_error").await, 0);
}

#[tokio::test]
async fn a_redis_that_dies_fails_no_request_and_is_used_again() {
    let Some(mut redis) = Redis::start("a_redis_that_dies_fails_no_request_and_is_used_again").await else {
        return;
    };
    let database = TestDatabase::create(Cluster::shared().await).await;
    let key = tenant(&database, "business").await;
    let api = api(&database, &redis).await;
    let client = client(&api).with_bearer(&key);

    assert_eq!(tally(&ask(&client, "/me", 20).await), (20, 0));
    assert_eq!((redis.keys().await, decisions(&api, "org", "backend_error").await), (2, 0));

    // It dies in the middle of requests.
    let asking = tokio::spawn({
        let client = client.clone();
        async move { ask(&client, "/me", 150).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    redis.kill();
    assert_eq!(tally(&asking.await.expect("answers")), (150, 0));
    let began = Instant::now();
    assert_eq!(tally(&ask(&client, "/me", 50).await), (50, 0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(decisions(&api, "org", "backend_error").await >= 50);

    redis.start_again().await;
    assert_eq!(redis.keys().await, 0);
    eventually("it is used again", async || {
        client.get("/me").await.status(200);
        if redis.keys().await == 2 { Ok(()) } else { Err("it is not asked") }
    })
    .await;
    let before = decisions(&api, "org", "backend_error").await;
    assert_eq!(tally(&ask(&client, "/me", 20).await), (20, 0));
    assert_eq!(decisions(&api, "org", "backend_error").await, before);
}

#[tokio::test]
async fn under_load_a_redis_that_dies_and_comes_back_is_noticed_by_no_client() {
    let Some(mut redis) =
        Redis::start("under_load_a_redis_that_dies_and_comes_back_is_noticed_by_no_client").await
    else {
        return;
    };
    let database = TestDatabase::create(Cluster::shared().await).await;
    let owner = tenant(&database, "business").await;
    let api = api(&database, &redis).await;
    let owner = client(&api).with_bearer(&owner);
    // Each with a key and a limit of its own.
    let mut asking = Vec::new();
    let stop = tokio_util::sync::CancellationToken::new();
    for name in ["A", "B", "C", "D"] {
        let key: serde_json::Value =
            owner.post("/api-keys", serde_json::json!({"name": name, "scopes": ["*"]})).await.created();
        let (client, stop) = (client(&api).with_bearer(text(&key, "key")), stop.clone());
        asking.push(tokio::spawn(async move {
            let mut answered = 0;
            while !stop.is_cancelled() {
                client.get("/me").await.status(200);
                answered += 1;
                // Fifty a second: what a key may ask for in 15 minutes lasts longer than the test.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answered
        }));
    }
    let failures = async || decisions(&api, "org", "backend_error").await;
    eventually("it is asked", async || redis.keys().await >= 5).await;
    assert_eq!(failures().await, 0);
    redis.kill();
    eventually("the processes decide for themselves", async || failures().await >= 20).await;
    redis.start_again().await;
    eventually("it is asked again", async || redis.keys().await >= 5).await;
    stop.cancel();
    for asking in asking {
        let answered = asking.await.expect("every answer is 200");
        assert!(answered > 5, "{answered}");
    }
    let before = failures().await;
    assert_eq!(tally(&ask(&owner, "/me", 20).await), (20, 0));
    assert_eq!(failures().await, before, "nothing is decided without it any more");
}

#[tokio::test]
async fn without_its_redis_the_limits_of_the_process_hold() {
    let Some(mut redis) = Redis::start("without_its_redis_the_limits_of_the_process_hold").await else {
        return;
    };
    redis.kill();
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = api(&database, &redis).await;
    let began = Instant::now();
    let (allowed, refused) = tally(&ask(&client(&api), "/errors", 120).await);
    let most = 100 + usize::try_from(began.elapsed().as_secs() / 9).expect("few");
    assert!((100..=most).contains(&allowed), "{allowed} allowed, {refused} refused");
    assert_eq!(decisions(&api, "public", "limited").await, refused as u64);
    assert_eq!(decisions(&api, "public", "backend_error").await, 120);
}

#[tokio::test]
async fn a_shadow_is_counted_apart() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).env("TENON_RATE_LIMITS", "shadow").start().await;
    assert_eq!(tally(&ask(&client(&api), "/errors", 103).await), (103, 0));
    let shadow = decisions(&api, "public", "shadow").await;
    assert!((2..=3).contains(&shadow), "{shadow}");
    assert_eq!(decisions(&api, "public", "allowed").await, 103 - shadow);
}
