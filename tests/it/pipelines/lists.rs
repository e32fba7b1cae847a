//! Lists of pipelines.

use serde_json::{Value, json};
use tenon_tests::factory;

use super::{PIPELINES, names, path, start};
use crate::lists::{found, list, walked};

#[tokio::test]
async fn pipelines_are_listed_with_the_stages_that_they_have_or_had() {
    let (_app, admin) = start().await;
    let pipelines = factory::pipelines(&admin, 3).await;
    let titles = async |parameters: &[(&str, &str)]| found(&admin, PIPELINES, "name", parameters).await;
    assert_eq!(titles(&[("sort", "name")]).await, ["Pipeline 0", "Pipeline 1", "Pipeline 2"]);
    assert_eq!(titles(&[("q", "sales-1")]).await, ["Pipeline 1"]);
    assert_eq!(titles(&[("externalId", "sales-2")]).await, ["Pipeline 2"]);
    assert_eq!(
        titles(&[("filter", "name > \"Pipeline 0\""), ("sort", "-name")]).await,
        ["Pipeline 2", "Pipeline 1"]
    );
    let walk = walked(&admin, PIPELINES, "name", &[("sort", "-name")]).await;
    assert_eq!(walk, ["\"Pipeline 2\"", "\"Pipeline 1\"", "\"Pipeline 0\""]);

    let fewer = json!({"name": "Pipeline 0", "stages": [{"name": "Other", "displayOrder": 1}]});
    admin.put(&path(&pipelines[0]), fewer).await.status(200);
    admin.delete(&path(&pipelines[0])).await.no_content();
    let all = list(&admin, PIPELINES, &[("sort", "name"), ("deleted", "include")]).await.status(200).json();
    assert_eq!(names(&all["data"][0]), ["Other"], "those that it had when it was deleted");
    assert_eq!(names(&all["data"][1]), ["New", "Proposal", "Won"]);
    let keys = |record: &Value| record.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&all["data"][0]), tenon_common::crm::pipeline::LIST.members);
    assert_eq!(titles(&[]).await, ["Pipeline 2", "Pipeline 1"]);
}
