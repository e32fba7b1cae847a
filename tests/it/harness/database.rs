//! A database per test.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::process::Command;
use std::time::Duration;
use tenon_tests::database::{DatabaseName, drop_database, sweep, with_database, with_login};
use tenon_tests::{Cluster, TestDatabase};

#[tokio::test]
async fn each_test_has_its_own_and_it_is_gone_afterwards() {
    let cluster = Cluster::shared().await;
    let (one, other) = (TestDatabase::create(cluster).await, TestDatabase::create(cluster).await);
    let mut connection = one.connect().await;
    sqlx::raw_sql("create table mine ()").execute(&mut connection).await.unwrap();
    let found: bool = sqlx::query_scalar("select to_regclass('mine') is not null")
        .fetch_one(&mut other.connect().await)
        .await
        .unwrap();
    assert!(!found);

    let name = one.name().to_owned();
    assert!(exists(cluster, &name).await);
    drop(one);
    assert!(!exists(cluster, &name).await, "although we are still connected to it");
}

#[tokio::test]
async fn the_logins_are_members_of_the_servers_roles_and_no_more() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    for (url, role) in [(database.app_url(), "tenon_app"), (database.worker_url(), "tenon_worker")] {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let (member, owner, superuser, same_settings): (bool, bool, bool, bool) = sqlx::query_as(
            "select pg_has_role($1, 'usage'), pg_has_role('tenon_owner', 'member'),
                    (select rolsuper or rolbypassrls from pg_roles where rolname = current_user),
                    (select rolconfig from pg_roles where rolname = current_user)
                      is not distinct from (select rolconfig from pg_roles where rolname = $1)",
        )
        .bind(role)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!((member, owner, superuser, same_settings), (true, false, false, true), "{url}");
    }
    let owner: String = sqlx::query_scalar(
        "select pg_get_userbyid(datdba)::text from pg_database where datname = current_database()",
    )
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!(owner, "tenon_owner");
}

#[tokio::test]
async fn leftovers_of_crashed_runs_are_swept_and_others_are_not() {
    let cluster = Cluster::shared().await;
    let kept = TestDatabase::create(cluster).await;
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let orphan = DatabaseName::of_another(gone.id().cast_signed(), Duration::ZERO).to_string();
    let ours = std::process::id().cast_signed();
    let old = DatabaseName::of_another(ours, Duration::from_secs(3700)).to_string();
    let old_in_use = DatabaseName::of_another(ours, Duration::from_secs(3800)).to_string();
    let mut connection = cluster.connect().await.unwrap();
    for name in [&orphan, &old, &old_in_use] {
        let statement = AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    let user =
        PgConnection::connect(&with_database(cluster.admin_url(), &old_in_use).unwrap()).await.unwrap();

    sweep(&mut connection, cluster.admin_url()).await.unwrap();
    assert!(!exists(cluster, &orphan).await);
    assert!(!exists(cluster, &old).await);
    assert!(exists(cluster, &old_in_use).await, "somebody is connected");
    assert!(exists(cluster, kept.name()).await);

    user.close().await.unwrap();
    drop_database(cluster.admin_url(), &old_in_use, true).await.unwrap();
}

#[tokio::test]
async fn only_databases_of_ours_are_dropped() {
    for name in
        ["postgres", "tenon", "tenon_production", "tenon_dev; drop database postgres", "Tenon_dev", ""]
    {
        let refused = drop_database("postgres://nowhere.invalid/x", name, true).await.unwrap_err();
        assert!(refused.to_string().contains("not a database of ours"), "{name}: {refused}");
    }
}

#[test]
fn a_url_keeps_its_server_and_changes_its_login_and_database() {
    for (url, database, login) in [
        (
            "postgres://postgres@%2Ftmp%2Frun:5432/postgres",
            "postgres://postgres@%2Ftmp%2Frun:5432/d",
            "postgres://u:p@%2Ftmp%2Frun:5432/postgres",
        ),
        (
            "postgres://a:b@db.example/x?sslmode=require&dbname=y",
            "postgres://a:b@db.example/d?sslmode=require",
            "postgres://u:p@db.example/x?sslmode=require&dbname=y",
        ),
        (
            "postgres:///x?host=%2Frun&user=a&password=b",
            "postgres:///d?host=%2Frun&user=a&password=b",
            "postgres:///x?host=%2Frun&user=u&password=p",
        ),
    ] {
        assert_eq!(with_database(url, "d").unwrap(), database);
        assert_eq!(with_login(url, "u", "p").unwrap(), login);
    }
}

async fn exists(cluster: &Cluster, name: &str) -> bool {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut cluster.connect().await.unwrap())
        .await
        .unwrap()
}
