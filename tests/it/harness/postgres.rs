//! Servers of our own: shared, private, and ending with their last user.

use sqlx::{Connection, PgConnection};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tenon_tests::{Cluster, Profile, eventually, postgres};

#[tokio::test]
async fn the_shared_server_is_new_enough_and_ours_to_administer() {
    let cluster = Cluster::shared().await;
    let mut connection = cluster.connect().await.unwrap();
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(version >= 150_000, "{version}");
    assert!(cluster.stop().await.is_err(), "others may be using it");
}

#[tokio::test]
async fn two_starters_share_a_server_and_it_ends_with_the_second_kill_9() {
    let folder = Folder::new("two-starters");
    let (first, second) = (User::spawn(&folder.0), User::spawn(&folder.0));
    let (mut first, mut second) = (first.wait_until_ready(), second.wait_until_ready());
    assert_eq!(first.url, second.url);
    let started = started_at(&first.url).await.unwrap();

    first.kill9();
    assert_eq!(started_at(&second.url).await.unwrap(), started, "the other still uses it");

    let server = std::fs::read_to_string(folder.0.join("data/postmaster.pid")).unwrap();
    let server: i32 = server.lines().next().unwrap().parse().unwrap();
    second.kill9();
    eventually("the server ends with its last user", async || !tenon_tests::process::is_running(server))
        .await;
    assert!(!folder.0.join("data/postmaster.pid").exists(), "it was shut down in good order");
}

#[tokio::test]
async fn a_user_that_comes_while_the_server_ends_gets_a_new_one() {
    let folder = Folder::new("coming-late");
    for _ in 0..5 {
        let mut early = User::spawn(&folder.0).wait_until_ready();
        early.kill9();
        let late = User::spawn(&folder.0).wait_until_ready();
        started_at(&late.url).await.unwrap();
    }
}

#[tokio::test]
async fn a_private_server_keeps_its_data_over_a_stop_and_a_kill() {
    let cluster = Cluster::private(Profile::Bench).await.unwrap();
    let mut connection = cluster.connect().await.unwrap();
    sqlx::raw_sql("create table kept as select 1 as one").execute(&mut connection).await.unwrap();

    cluster.stop().await.unwrap();
    assert!(cluster.connect().await.is_err());
    cluster.start_again().await.unwrap();
    assert_eq!(count(&cluster).await, 1);

    cluster.stop_at_once().await.unwrap();
    assert!(cluster.connect().await.is_err());
    cluster.start_again().await.unwrap();
    assert_eq!(count(&cluster).await, 1);

    cluster.kill().await.unwrap();
    assert!(cluster.connect().await.is_err());
    cluster.start_again().await.unwrap();
    assert_eq!(count(&cluster).await, 1);

    let mut connection = cluster.connect().await.unwrap();
    let durable: String =
        sqlx::query_scalar("select current_setting('fsync')").fetch_one(&mut connection).await.unwrap();
    assert_eq!(durable, "on", "a bench runs with PostgreSQL's defaults");
}

#[tokio::test]
async fn a_long_path_does_not_matter() {
    let folder = Folder::new(&"long".repeat(30));
    let cluster = Cluster::start(Profile::Test, &folder.0).await.unwrap();
    cluster.connect().await.unwrap();
    cluster.release().await;
}

async fn count(cluster: &Cluster) -> i64 {
    let mut connection = cluster.connect().await.unwrap();
    sqlx::query_scalar("select count(*) from kept").fetch_one(&mut connection).await.unwrap()
}

async fn started_at(url: &str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_scalar("select pg_postmaster_start_time()::text").fetch_one(&mut connection).await
}

/// A server's folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = postgres::folder(&format!("check-{name}-{}", std::process::id())).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Another process that uses the server.
struct User {
    process: Child,
    url: String,
}

impl User {
    fn spawn(folder: &Path) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_hold"))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, url: String::new() }
    }

    fn wait_until_ready(mut self) -> Self {
        BufReader::new(self.process.stdout.take().unwrap()).read_line(&mut self.url).unwrap();
        self.url = self.url.trim().to_owned();
        assert!(!self.url.is_empty(), "the helper did not start a server");
        self
    }

    fn kill9(&mut self) {
        self.process.kill().ok();
        self.process.wait().unwrap();
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.kill9();
    }
}
