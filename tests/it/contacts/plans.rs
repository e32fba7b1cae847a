//! The plans of hot lists, as the API's login gets them: no list reads a whole table of thousands of rows.

use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tenon_tests::{Client, TestApp, eventually};

use super::CONTACTS;

const ROWS: i32 = 20_000;

/// Two tenants with many contacts; an administrator of one.
async fn filled() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let mut connection = app.connect().await;
    for tenant in [&acme, &globex] {
        sqlx::query(
            "insert into tenon.contacts (tenant_id, id, name, email, email_key, lifecycle, external_id, created_at, created_by,
                                         updated_at, updated_by)
             select $1, gen_random_uuid(), 'Contact ' || n, 'c' || n || '@example.com', 'c' || n || '@example.com',
                    case when n % 100 = 0 then 'client' else 'lead' end, 'crm-' || n, now() - n * interval '1 minute', 'system',
                    now() - n * interval '1 minute', 'system'
             from generate_series(1, $2) n",
        )
        .bind(tenant.id.0)
        .bind(ROWS)
        .execute(&mut connection)
        .await
        .expect("contacts");
    }
    connection.execute("vacuum analyze tenon.contacts").await.expect("analyzed");
    let admin = (*acme.admin()).clone();
    (app, admin)
}

/// Rows that scans of the whole table have read, and rows that indexes led to.
async fn reads(connection: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as(
        "select seq_tup_read, coalesce(idx_tup_fetch, 0) from pg_stat_user_tables where relid = 'tenon.contacts'::regclass",
    )
    .fetch_one(connection)
    .await
    .expect("statistics")
}

#[tokio::test]
async fn no_hot_list_reads_the_whole_table() {
    let (app, admin) = filled().await;
    let mut connection = PgConnection::connect(app.database().admin_url()).await.expect("connected");
    let second = admin.get(&format!("{CONTACTS}?limit=50&sort=name")).await.status(200).json();
    let cursor = second["pagination"]["nextCursor"].as_str().expect("more follow").to_owned();
    let before = reads(&mut connection).await;
    let since = (chrono::Utc::now() - chrono::TimeDelta::hours(1)).to_rfc3339();
    let since: String = url::form_urlencoded::byte_serialize(since.as_bytes()).collect();
    let queries = [
        "limit=50".to_owned(),
        "page=3&pageSize=50&count=none".to_owned(),
        "limit=50&sort=name".to_owned(),
        format!("limit=50&sort=name&cursor={cursor}"),
        "limit=50&sort=-updatedAt".to_owned(),
        format!("limit=50&sort=updatedAt&deleted=include&updatedSince={since}"),
        "limit=50&lifecycle=client".to_owned(),
        "limit=50&email=C77%40example.com".to_owned(),
        "limit=50&externalId=crm-77".to_owned(),
        "limit=50&q=c19999%40exam".to_owned(),
        "limit=50&filter=name%20contains%20%22act%2019999%22".to_owned(),
        "limit=50&filter=externalId%20startsWith%20%22crm-1999%22".to_owned(),
        "limit=50&filter=email%20in%20(c1%40example.com,c2%40example.com)%20and%20not%20lifecycle%20%3D%20client".to_owned(),
    ];
    for query in &queries {
        let answer = admin.get(&format!("{CONTACTS}?{query}")).await.status(200);
        assert!(answer.json()["data"] != Value::Array(Vec::new()), "{query}: {answer}");
    }
    app.state().db.close().await;
    let after = eventually("the scans are counted", async || {
        let after = reads(&mut connection).await;
        (after.1 > before.1).then_some(after)
    })
    .await;
    assert_eq!(after.0 - before.0, 0, "rows that scans of the table have read");
    let fetched = after.1 - before.1;
    assert!(fetched < i64::from(ROWS), "{fetched} rows of indexes for {} small pages", queries.len());
}
