//! Deliveries that have ended long ago.

use chrono::TimeDelta;
use tenon_common::webhook::retention;
use tenon_tests::{TestApp, factory};

use super::{behind, count, means, removed_by};

/// Of each webhook a delivery of each status, of events of 31 and of 29 days ago, with two attempts.
const DELIVERIES: &str = "
    insert into tenon.deliveries (tenant_id, webhook_id, event_id, id, event_type, status, attempts)
    select w.tenant_id, w.id, tenon.first_event_id(now() - make_interval(days => age, secs => place)), gen_random_uuid(),
           'contact.created', status, 2
    from tenon.webhooks w, unnest(array['pending', 'delivered', 'failed', 'cancelled', 'paused']) with ordinality as s (status, place),
         generate_series(29, 31, 2) age;
    insert into tenon.delivery_attempts (tenant_id, webhook_id, event_id, number, started_at, duration_ms, outcome)
    select tenant_id, webhook_id, event_id, number, now(), 1, 'http_5xx' from tenon.deliveries, generate_series(1, 2) number";

const OLD: &str = "event_id < tenon.first_event_id(now() - interval '30 days')";

#[tokio::test]
async fn what_has_ended_goes_with_its_attempts_and_what_waits_stays() {
    let app = TestApp::start().await;
    for slug in ["acme", "globex"] {
        let admin = app.tenant(slug).await.admin();
        factory::webhook(&admin).await;
        factory::webhook(&admin).await;
    }
    let mut admin = app.connect().await;
    behind(&mut admin, DELIVERIES).await;
    // Whoever is stopped is gone on for: no attempt is left without its delivery.
    let means = means(app.database());
    let removed = retention::remove_old(&means.db, TimeDelta::days(30), 5).await.expect("removed");
    assert_eq!(removed, 5);
    let orphans = "select count(*) from tenon.delivery_attempts a where not exists
                   (select from tenon.deliveries d where (d.tenant_id, d.webhook_id, d.event_id) = (a.tenant_id, a.webhook_id, a.event_id))";
    assert_eq!(count(&mut admin, orphans).await, 0);
    assert_eq!(removed_by(app.database(), "deliveries").await, 7);
    assert_eq!(count(&mut admin, orphans).await, 0);
    let ended =
        format!("select count(*) from tenon.deliveries where {OLD} and status not in ('pending', 'paused')");
    assert_eq!(count(&mut admin, &ended).await, 0);
    for table in ["deliveries", "delivery_attempts"] {
        let each = if table == "deliveries" { 1 } else { 2 };
        let old = format!("select count(*) from tenon.{table} where {OLD}");
        assert_eq!(count(&mut admin, &old).await, 4 * 2 * each, "{table}: what waits");
        let all = format!("select count(*) from tenon.{table}");
        assert_eq!(count(&mut admin, &all).await, 4 * 7 * each, "{table}");
    }
    assert_eq!(removed_by(app.database(), "deliveries").await, 0, "once");
}
