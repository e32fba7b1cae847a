//! Deliveries of a deleted organization: none goes out, none is lost.

use tenon_tests::stack::{Stack, text};
use tenon_tests::{Cluster, Receiver, Reply, eventually};

use super::operate;

async fn statuses(stack: &Stack) -> Vec<String> {
    sqlx::query_scalar("select status from tenon.deliveries order by event_id")
        .fetch_all(&mut stack.database.connect().await)
        .await
        .expect("deliveries")
}

#[tokio::test]
async fn what_is_pending_waits_until_the_organization_is_back() {
    // The second attempts come so late that the organization is deleted by then.
    let mut stack = Stack::with("0,3,1,1,1,1,60", Cluster::shared().await).await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(503));
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let disabled = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Tried before").await;
    receiver.next().await;
    receiver.next().await;
    let path = format!("/webhooks/{}", text(&disabled, "id"));
    stack.owner.patch(&path, serde_json::json!({"active": false})).await.status(200);
    eventually("the attempts are written", async || {
        let statement = "select count(*) from tenon.delivery_attempts";
        let attempts: i64 = sqlx::query_scalar(statement)
            .fetch_one(&mut stack.database.connect().await)
            .await
            .expect("asked");
        attempts == 2
    })
    .await;

    // The second event has not been fanned out when the organization goes.
    stack.worker.kill9().await;
    stack.contact("Never tried").await;
    let tenant = text(&stack.tenant, "tenantId").to_owned();
    stack.owner.delete(&format!("/organizations/{tenant}")).await.no_content();
    receiver.always(|_| Reply::status(204));
    let tried = receiver.count();
    stack.worker.start_again().await;
    eventually("all of it is paused", async || {
        let found = statuses(&stack).await;
        let paused = found.len() == 3 && found.iter().all(|status| status == "paused");
        if paused { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    assert_eq!(receiver.count(), tried, "nothing went out");

    operate(&stack.database, &["admin", "tenant", "restore", "--tenant", &tenant]).await.expect("restored");
    eventually("what waited is delivered, and what its webhook keeps paused is not", async || {
        let mut found = statuses(&stack).await;
        found.sort_unstable();
        eventually::equal(found, ["delivered", "delivered", "paused"].map(str::to_owned).to_vec())
    })
    .await;
    assert_eq!(receiver.count(), tried + 2);
    eventually("the owner's key is good again", async || stack.owner.get("/me").await.status == 200).await;
    let delivered = stack.deliveries(&webhook).await;
    let attempts: Vec<_> = delivered.iter().map(|delivery| delivery["attempts"].clone()).collect();
    assert_eq!(attempts, [1, 2], "the newest first; waiting counted nothing");
}
