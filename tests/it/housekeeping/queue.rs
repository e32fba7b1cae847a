//! Jobs that were given up.

use tenon_tests::{Cluster, TestDatabase};

use super::{behind, count, removed_by};

/// Of our queues and of another program's, given up 15 and 13 days ago, or waiting since.
const JOBS: &str = "
    insert into apalis.jobs (id, job_type, job, metadata, status, run_at, done_at)
    select format('%s-%s-%s', queue, status, age), queue, '{}', 'kind=>old', status, now() - make_interval(days => age),
           now() - make_interval(days => age)
    from unnest(array['webhooks', 'imports', 'others']) as queue, unnest(array['Killed', 'Pending']) as status,
         generate_series(13, 15, 2) as age";

#[tokio::test]
async fn jobs_that_were_given_up_are_kept_for_14_days() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let mut admin = database.connect().await;
    behind(&mut admin, JOBS).await;
    // Without it changes have no entry in the audit trail.
    let fan_out = "insert into apalis.jobs (id, job_type, job, metadata, status, done_at)
                   values ('fan-out', 'webhooks', '{}', 'kind=>fan-out-event', 'Killed', now() - interval '1 year')";
    behind(&mut admin, fan_out).await;
    assert_eq!(removed_by(&database, "killed-jobs").await, 2);
    let gone = "select count(*) from apalis.jobs where id in ('webhooks-Killed-15', 'imports-Killed-15')";
    assert_eq!(count(&mut admin, gone).await, 0);
    assert_eq!(count(&mut admin, "select count(*) from apalis.jobs").await, 11);
    assert_eq!(removed_by(&database, "killed-jobs").await, 0, "once");
}

#[tokio::test]
async fn more_than_a_batch_goes_in_one_run() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let mut admin = database.connect().await;
    let many = "insert into apalis.jobs (id, job_type, job, metadata, status, done_at)
                select 'old' || n, case n % 2 when 0 then 'webhooks' else 'mail' end, '{}', 'kind=>old', 'Killed',
                       now() - interval '20 days' from generate_series(1, 2500) n";
    behind(&mut admin, many).await;
    assert_eq!(removed_by(&database, "killed-jobs").await, 2500);
    assert_eq!(count(&mut admin, "select count(*) from apalis.jobs").await, 0);
}
