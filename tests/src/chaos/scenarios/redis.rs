//! Redis goes and comes back, under limits that are counted.

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use tokio::time::sleep;
use uuid::Uuid;

use super::{healthy, writers};
use crate::chaos::account::Account;
use crate::chaos::scenario::{Outcome, Setting};
use crate::chaos::site::{self, Site};
use crate::{Client, Redis, TestDatabase};

/// More than the plan `free` allows at once, which is 100.
const ASKED: usize = 130;
const SECOND: Duration = Duration::from_secs(1);
/// A key of the plan `business` may write a thousand times in 15 minutes: fewer than that are written.
const PAUSE: Duration = Duration::from_millis(150);

pub(super) async fn killed(setting: &Setting) -> Result<Outcome> {
    let Some(mut redis) = Redis::start("redis-killed").await else {
        return Ok(Outcome::Skipped("redis-server is not installed".to_owned()));
    };
    let database = setting.database().await;
    let api = site::api(&database).env("REDIS_URL", &redis.url());
    let worker = site::worker(&database);
    let mut site = Site::of(database, api, worker).await?;
    let (_listener, customer) = healthy(&mut site).await?;
    let free = site.customer("Free").await?;
    plan(&site.stack.database, customer.id, "business").await?;
    plan(&site.stack.database, free.id, "free").await?;
    // What is known of a credential is believed for five seconds.
    sleep(6 * SECOND).await;

    let faults = async {
        let mut refused = vec![("with it", overrun(&free.client).await?)];
        redis.stop();
        refused.push(("without it", overrun(&free.client).await?));
        redis.start_again().await;
        sleep(2 * SECOND).await;
        ensure!(redis.keys().await > 0, "the API does not use Redis again");
        refused.push(("with a new one", overrun(&free.client).await?));
        for _ in 0..setting.pick(1, 3) {
            redis.kill();
            sleep(SECOND).await;
            redis.start_again().await;
            sleep(SECOND).await;
        }
        Ok(refused)
    };
    let (written, refused) = writers(setting, &[customer]).pausing(PAUSE).beside(faults).await?;
    let mut account = Account::of(&mut site, &written).await?;
    for (when, refused) in refused {
        account.expect(refused > 0, || format!("{when} the limit does not hold"));
        account.note(format!("{when} {refused} of {ASKED} requests over the limit were refused"));
    }
    account.expect(written.doubtful.is_empty(), || format!("{} writes failed", written.doubtful.len()));
    account
        .expect(written.limited == 0, || format!("{} writes within the limit were refused", written.limited));
    Ok(Outcome::Account(account))
}

async fn plan(database: &TestDatabase, tenant: Uuid, plan: &str) -> Result<()> {
    let mut connection = PgConnection::connect(database.admin_url()).await?;
    let change = sqlx::query("update tenon.tenants set plan = $2 where id = $1").bind(tenant).bind(plan);
    change.execute(&mut connection).await.context("a tenant's plan")?;
    Ok(())
}

/// How many of more requests than are allowed are refused. Nothing else may happen to one.
async fn overrun(client: &Client) -> Result<usize> {
    let mut refused = 0;
    for _ in 0..ASKED {
        let answer = client.try_send(reqwest::Method::GET, "/me", None).await?;
        ensure!([200, 429].contains(&answer.status.as_u16()), "a request beside Redis's end: {answer}");
        refused += usize::from(answer.status == 429);
    }
    Ok(refused)
}
