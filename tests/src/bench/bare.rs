//! The yardsticks of deliveries: a claim, a POST and a delete with nothing around them; a NOTIFY and a POST.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, redirect, retry};
use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection, PgPool};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinHandle, JoinSet};

use super::stage::execute;

/// What is claimed at once, and deleted at once at most.
const BATCH: usize = 500;

/// A client with the settings of the worker's.
pub(super) fn client() -> Result<Client> {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(128)
        .pool_idle_timeout(Duration::from_secs(30));
    Ok(client.build()?)
}

async fn post(client: &Client, url: &str, body: String) -> Result<()> {
    let answer = client.post(url).header("content-type", "application/json").body(body).send().await?;
    ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
    answer.bytes().await?;
    Ok(())
}

/// A table with as many waiting rows.
pub(super) async fn fill(admin: &PgPool, url: &str, body: &str, count: u64) -> Result<()> {
    execute(
        admin,
        "create schema if not exists bench;
         create table if not exists bench.waiting (id bigint primary key, status text not null default 'Pending', url text not null,
                                                   body text not null);
         create index if not exists waiting_pending on bench.waiting (id) where status = 'Pending';
         truncate bench.waiting",
    )
    .await?;
    sqlx::query("insert into bench.waiting (id, url, body) select n, $1, $2 from generate_series(1, $3) n")
        .bind(url)
        .bind(body)
        .bind(i64::try_from(count)?)
        .execute(admin)
        .await?;
    execute(admin, "vacuum (analyze) bench.waiting").await
}

/// Delivers all that waits, `concurrency` at a time: rows are claimed in batches, sent one by one, deleted in batches.
pub(super) async fn deliver(admin_url: &str, concurrency: usize) -> Result<u64> {
    let client = client()?;
    let (claimed, sending) = mpsc::channel::<(i64, String, String)>(2 * BATCH);
    let (sent, deleting) = mpsc::unbounded_channel::<i64>();
    let sending = Arc::new(Mutex::new(sending));
    let mut tasks = JoinSet::new();
    tasks.spawn(claim(PgConnection::connect(admin_url).await?, claimed));
    for _ in 0..concurrency {
        let (client, sending, sent) = (client.clone(), Arc::clone(&sending), sent.clone());
        tasks.spawn(async move {
            loop {
                let next = sending.lock().await.recv().await;
                let Some((id, url, body)) = next else { return Ok(0) };
                post(&client, &url, body).await?;
                sent.send(id)?;
            }
        });
    }
    drop(sent);
    tasks.spawn(delete(PgConnection::connect(admin_url).await?, deleting));
    let mut deleted = 0;
    while let Some(ended) = tasks.join_next().await {
        deleted += ended??;
    }
    Ok(deleted)
}

/// As [`deliver`], without batches: each of `concurrency` loops claims one, sends it and deletes it.
pub(super) async fn deliver_singly(admin_url: &str, concurrency: usize) -> Result<u64> {
    let client = client()?;
    let mut tasks = JoinSet::new();
    for _ in 0..concurrency {
        let (client, mut connection) = (client.clone(), PgConnection::connect(admin_url).await?);
        tasks.spawn(async move {
            let mut deleted = 0;
            loop {
                let next: Option<(i64, String, String)> =
                    sqlx::query_as(CLAIM).bind(1i64).fetch_optional(&mut connection).await?;
                let Some((id, url, body)) = next else { return anyhow::Ok(deleted) };
                post(&client, &url, body).await?;
                deleted += finish(&mut connection, &[id]).await?;
            }
        });
    }
    let mut deleted = 0;
    while let Some(ended) = tasks.join_next().await {
        deleted += ended??;
    }
    Ok(deleted)
}

const CLAIM: &str = "
    update bench.waiting set status = 'Running' where id = any (array(
        select id from bench.waiting where status = 'Pending' order by id limit $1 for update skip locked))
    returning id, url, body";

async fn finish(connection: &mut PgConnection, ids: &[i64]) -> Result<u64> {
    let done =
        sqlx::query("delete from bench.waiting where id = any ($1)").bind(ids).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Ends when nothing waits any more. What it claims may be forgotten in a crash, as in the product.
async fn claim(mut connection: PgConnection, claimed: mpsc::Sender<(i64, String, String)>) -> Result<u64> {
    sqlx::raw_sql("set synchronous_commit = off").execute(&mut connection).await?;
    loop {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as(CLAIM).bind(i64::try_from(BATCH)?).fetch_all(&mut connection).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        for row in rows {
            claimed.send(row).await?;
        }
    }
}

async fn delete(mut connection: PgConnection, mut deleting: mpsc::UnboundedReceiver<i64>) -> Result<u64> {
    let mut deleted = 0;
    let mut ids = Vec::new();
    while deleting.recv_many(&mut ids, BATCH).await > 0 {
        deleted += finish(&mut connection, &ids).await?;
        ids.clear();
    }
    Ok(deleted)
}

/// Sends a POST for each notification, its payload put into the body.
pub(super) struct Notified {
    task: JoinHandle<Result<()>>,
}

impl Notified {
    pub(super) const CHANNEL: &'static str = "bench_notified";

    pub(super) async fn start(admin_url: &str, url: String, body: String) -> Result<Self> {
        let mut listener = PgListener::connect(admin_url).await.context("listening")?;
        listener.listen(Self::CHANNEL).await?;
        let client = client()?;
        let task = tokio::spawn(async move {
            loop {
                let notification = listener.recv().await?;
                let (client, url) = (client.clone(), url.clone());
                let body = body.replace("{id}", notification.payload());
                // One that fails is missing at the receiver, and that is noticed there.
                tokio::spawn(async move { post(&client, &url, body).await.ok() });
            }
        });
        Ok(Self { task })
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        self.task.abort();
    }
}
