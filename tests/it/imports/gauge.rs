//! How many imports have not ended, as the leading worker shows it.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tenon_tests::stack::Stack;
use tenon_tests::{Client, eventually};

use super::import;

#[tokio::test]
async fn imports_that_have_not_ended_are_counted_by_state() {
    let mut stack = Stack::start().await;
    let dry = json!({"object": "contacts", "dryRun": true});
    import(&stack.owner, dry, "name\nAda\n").await;
    import(&stack.owner, json!({"object": "contacts"}), "name\nGrace\n").await;
    let mut worker = PgConnection::connect(stack.database.worker_url()).await.expect("connected");
    let mut count = async || -> Vec<(String, i64)> {
        let count = "select * from tenon.imports_at_work()";
        sqlx::query_as(count).fetch_all(&mut worker).await.expect("counts")
    };
    assert_eq!(count().await, [], "a dry run that was made waits for nobody");
    // As if its job had been lost.
    sqlx::query("update tenon.imports set state = 'running' where state = 'succeeded'")
        .execute(&mut stack.database.connect().await)
        .await
        .expect("running");
    assert_eq!(count().await, [("running".to_owned(), 1)]);
    stack.worker.restart().await;
    let operations = Client::new(&stack.worker.operations_url());
    for line in ["tenon_imports{state=\"running\"} 1", "tenon_imports{state=\"reverting\"} 0"] {
        eventually(line, async || operations.get("/metrics").await.text().contains(line)).await;
    }
    // The API's login has no business with it.
    let mut api = PgConnection::connect(stack.database.app_url()).await.expect("connected");
    sqlx::query("select * from tenon.imports_at_work()").execute(&mut api).await.expect_err("refused");
}
