//! Replays that ended long ago, and the events of those that have ended.

use tenon_tests::{TestApp, factory};

use super::{behind, count, removed_by, removed_under};

/// Of each webhook a replay that is at work, one that has just ended, one that ended yesterday and one of long ago, with two events each.
const REPLAYS: &str = "
    insert into tenon.webhook_replays (tenant_id, id, webhook_id, state, since, until, only_failed, include_never_attempted, rate_per_second,
                                       failure, finished_at, created_at, created_by, updated_at, updated_by)
    select w.tenant_id, gen_random_uuid(), w.id, case when age is null then 'running' else 'succeeded' end, now(), now(), true, false, 1,
           name, now() - age, now(), 'system', now(), 'system'
    from tenon.webhooks w,
         (values ('at work', null), ('now', interval '0'), ('yesterday', interval '1 day'), ('long ago', interval '31 days')) as r (name, age);
    insert into tenon.webhook_replay_events (tenant_id, replay_id, event_id, former)
    select tenant_id, id, gen_random_uuid(), 'failed' from tenon.webhook_replays, generate_series(1, 2)";

#[tokio::test]
async fn replays_go_long_after_their_end_and_their_events_soon() {
    let app = TestApp::start().await;
    for slug in ["acme", "globex"] {
        factory::webhook(&app.tenant(slug).await.admin()).await;
    }
    let mut admin = app.connect().await;
    behind(&mut admin, REPLAYS).await;
    assert_eq!(removed_by(app.database(), "replays").await, 8, "the events of four");
    assert_eq!(removed_by(app.database(), "replays").await, 2, "those that have none left and are so old");
    let left = "select count(*) from tenon.webhook_replays where failure = 'long ago'";
    assert_eq!(count(&mut admin, left).await, 0);
    assert_eq!(count(&mut admin, "select count(*) from tenon.webhook_replays").await, 6);
    let events = "select count(*) from tenon.webhook_replay_events e join tenon.webhook_replays r on r.id = e.replay_id
                  where r.failure in ('at work', 'now')";
    assert_eq!(count(&mut admin, events).await, 8);
    assert_eq!(count(&mut admin, "select count(*) from tenon.webhook_replay_events").await, 8);
    assert_eq!(removed_by(app.database(), "replays").await, 0, "once");
    let sooner = removed_under(app.database(), "replays", &["--delivery-retention-days", "1"]).await;
    assert_eq!(sooner, 2, "as the operator has it");
}
