//! What tests of lists ask, and the plans of hot lists as the API's login gets them.

use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tenon_tests::{Answer, Client, Tenant, TestApp, eventually};

/// A list with these parameters, which are percent-encoded here.
pub(crate) async fn list(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    client.get(&format!("{path}?{query}")).await
}

/// A member of the records that a list answers.
pub(crate) async fn found(
    client: &Client,
    path: &str,
    member: &str,
    parameters: &[(&str, &str)],
) -> Vec<String> {
    let answer = list(client, path, parameters).await.status(200);
    let text = |record: &Value| record[member].as_str().expect("a text").to_owned();
    answer.json()["data"].as_array().expect("a list").iter().map(text).collect()
}

/// The same, page by page of one record.
pub(crate) async fn walked(
    client: &Client,
    path: &str,
    member: &str,
    parameters: &[(&str, &str)],
) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let next = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let parameters: Vec<_> =
            [("limit", "1")].into_iter().chain(next).chain(parameters.iter().copied()).collect();
        let answer = list(client, path, &parameters).await.status(200).json();
        all.extend(
            answer["data"].as_array().expect("a list").iter().map(|record| record[member].to_string()),
        );
        match answer["pagination"]["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

/// A list that is asked for often.
pub(crate) struct Hot {
    /// The table.
    pub(crate) table: &'static str,
    /// Where it is listed.
    pub(crate) path: &'static str,
    /// Inserts rows of the tenant `$1`, with the numbers `n` of `generate_series(1, $2)`.
    pub(crate) insert: &'static str,
    /// Queries without their limit; `{since}` is an hour ago. Each answers something.
    pub(crate) queries: &'static [&'static str],
    /// Sorts, of each of which two pages are read.
    pub(crate) sorts: &'static [&'static str],
}

const ROWS: i32 = 20_000;

impl Hot {
    /// Reads all of it with two tenants' rows in the table: no query reads the whole of it.
    pub(crate) async fn reads_no_whole_table(&self) {
        let app = TestApp::start().await;
        let tenants = [app.tenant("acme").await, app.tenant("globex").await];
        self.fill(&mut app.connect().await, &tenants).await;
        let admin = tenants[0].admin();
        let mut connection = PgConnection::connect(app.database().admin_url()).await.expect("connected");
        let before = self.reads(&mut connection).await;
        for query in self.queries {
            self.page(&admin, query).await;
        }
        for sort in self.sorts {
            let cursor = self.page(&admin, &format!("sort={sort}")).await.expect("more follow");
            self.page(&admin, &format!("sort={sort}&cursor={cursor}")).await;
        }
        app.state().db.close().await;
        let after = eventually("the scans are counted", async || {
            let after = self.reads(&mut connection).await;
            (after.1 > before.1).then_some(after)
        })
        .await;
        assert_eq!(after.0 - before.0, 0, "rows that scans of {} have read", self.table);
        let fetched = after.1 - before.1;
        assert!(fetched < i64::from(ROWS), "{fetched} rows of indexes of {}", self.table);
    }

    async fn fill(&self, connection: &mut PgConnection, tenants: &[Tenant]) {
        for tenant in tenants {
            let insert = sqlx::query(self.insert).bind(tenant.id.0).bind(ROWS);
            insert.execute(&mut *connection).await.expect("rows");
        }
        let analyze = format!("vacuum analyze {}", self.table);
        connection.execute(sqlx::AssertSqlSafe(analyze)).await.expect("analyzed");
    }

    /// Rows that scans of the whole table have read, and rows that indexes led to.
    async fn reads(&self, connection: &mut PgConnection) -> (i64, i64) {
        sqlx::query_as(
            "select seq_tup_read, coalesce(idx_tup_fetch, 0) from pg_stat_user_tables where relid = $1::regclass",
        )
        .bind(self.table)
        .fetch_one(connection)
        .await
        .expect("statistics")
    }

    async fn page(&self, client: &Client, query: &str) -> Option<String> {
        let since = (chrono::Utc::now() - chrono::TimeDelta::hours(1)).to_rfc3339();
        let since: String = url::form_urlencoded::byte_serialize(since.as_bytes()).collect();
        let query = query.replace("{since}", &since);
        let answer = client.get(&format!("{}?limit=50&{query}", self.path)).await.status(200);
        let answer = answer.json();
        assert!(answer["data"] != Value::Array(Vec::new()), "{query}: {answer}");
        answer["pagination"]["nextCursor"].as_str().map(str::to_owned)
    }
}
