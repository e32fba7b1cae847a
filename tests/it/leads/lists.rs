//! Lists of leads that are filtered, sorted, searched, counted and cut.

use serde_json::{Value, json};
use tenon_tests::factory;

use super::{LEADS, start};
use crate::lists::{Hot, found, list, walked};

#[tokio::test]
async fn values_are_compared_in_the_units_of_their_currencies() {
    let (_app, admin) = start().await;
    for (title, value, currency) in [
        ("Euros", json!(1250.5), "EUR"),
        ("Yen", json!(1250), "JPY"),
        ("Dinars", json!(1250.501), "KWD"),
        ("Dollars", json!(0), "USD"),
        ("Most", json!(9_999_999_999_999.99), "EUR"),
        ("Most yen", json!(999_999_999_999_999_i64), "JPY"),
        ("Nothing", Value::Null, "EUR"),
    ] {
        let body = json!({"title": title, "status": "new", "value": value, "currency": currency});
        admin.post(LEADS, body).await.status(201);
    }
    let titles = async |filter: &str| {
        found(&admin, LEADS, "title", &[("filter", filter), ("sort", "value,title")]).await
    };
    assert_eq!(titles("value = 1250.5").await, ["Euros"]);
    assert_eq!(titles("value = 1250").await, ["Yen"]);
    assert_eq!(titles("value > 1250.5 and value < 2000").await, ["Dinars"]);
    assert_eq!(titles("value between 1250 and 1250.501").await, ["Yen", "Euros", "Dinars"]);
    assert_eq!(titles("value <= 0").await, ["Dollars"]);
    assert_eq!(titles("value in (0, 1250.501)").await, ["Dollars", "Dinars"]);
    assert_eq!(titles("value >= 9999999999999.99").await, ["Most", "Most yen"]);
    assert_eq!(titles("value is null").await, ["Nothing"]);
    assert_eq!(titles("not value > 0").await, ["Dollars", "Nothing"]);
    assert_eq!(titles("value >= 1250 and currency = JPY").await, ["Yen", "Most yen"]);
    assert_eq!(found(&admin, LEADS, "title", &[("value", "1250.5")]).await, ["Euros"]);
    for wrong in ["value = 1.2345", "value > much", "value contains 1"] {
        list(&admin, LEADS, &[("filter", wrong)]).await.refused(400, "INVALID_FILTER");
    }
    let known = ["0.0", "1250.0", "1250.5", "1250.501", "9999999999999.99", "999999999999999.0"];
    let ascending: Vec<&str> = known.into_iter().chain(["null"]).collect();
    assert_eq!(walked(&admin, LEADS, "value", &[("sort", "value")]).await, ascending);
    let descending: Vec<&str> = known.into_iter().rev().chain(["null"]).collect();
    assert_eq!(walked(&admin, LEADS, "value", &[("sort", "-value")]).await, descending);
}

#[tokio::test]
async fn leads_are_found_by_what_they_say_and_name() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post("/connection/contacts", factory::contact(1)).await.created();
    let company: Value = admin.post("/connection/companies", factory::company(1)).await.created();
    let pipeline: Value = admin.post("/connection/pipelines", factory::pipeline(1)).await.created();
    let stage = pipeline["stages"][1]["id"].clone();
    for (title, status, closes, more) in [
        ("Harbour crane", "new", json!("2026-03-31"), json!({"contactId": contact["id"]})),
        (
            "Tower crane",
            "qualified",
            json!("2026-06-30"),
            json!({"companyId": company["id"], "externalId": "deal-7"}),
        ),
        ("Forklift", "lost", Value::Null, json!({"stageId": stage})),
    ] {
        let mut body = json!({"title": title, "status": status, "expectedCloseDate": closes});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        admin.post(LEADS, body).await.status(201);
    }
    let titles = async |parameters: &[(&str, &str)]| found(&admin, LEADS, "title", parameters).await;
    for (field, record, title) in [
        ("contactId", &contact["id"], "Harbour crane"),
        ("companyId", &company["id"], "Tower crane"),
        ("pipelineId", &pipeline["id"], "Forklift"),
        ("stageId", &stage, "Forklift"),
    ] {
        assert_eq!(titles(&[(field, record.as_str().expect("an id"))]).await, [title], "{field}");
    }
    assert_eq!(titles(&[("q", "crane"), ("sort", "title")]).await, ["Harbour crane", "Tower crane"]);
    assert_eq!(titles(&[("q", "DEAL-7")]).await, ["Tower crane"]);
    assert_eq!(titles(&[("filter", "title startsWith tow")]).await, ["Tower crane"]);
    assert_eq!(
        titles(&[("filter", "status in (new, lost)"), ("sort", "status")]).await,
        ["Forklift", "Harbour crane"]
    );
    assert_eq!(titles(&[("filter", "expectedCloseDate < 2026-04-01")]).await, ["Harbour crane"]);
    let by_date = ["\"Harbour crane\"", "\"Tower crane\"", "\"Forklift\""];
    assert_eq!(walked(&admin, LEADS, "title", &[("sort", "expectedCloseDate")]).await, by_date);
    list(&admin, LEADS, &[("filter", "valueMinor > 1")]).await.refused(400, "INVALID_FILTER");
}

#[tokio::test]
async fn every_member_of_a_lead_can_be_asked_for() {
    let (_app, admin) = start().await;
    let lead: Value = admin.post(LEADS, factory::lead(1)).await.created();
    let keys = |record: &Value| record.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&lead), tenon_common::crm::lead::LIST.members);
    let answer = list(&admin, LEADS, &[("fields", "value,currency"), ("sort", "-value")]).await.status(200);
    assert_eq!(answer.json()["data"], json!([{"value": 1250.5, "currency": "EUR"}]));
}

#[tokio::test]
async fn no_hot_list_reads_the_whole_table() {
    let hot = Hot {
        table: "tenon.leads",
        path: LEADS,
        insert: "insert into tenon.leads (tenant_id, id, title, status, value_minor, currency, external_id, expected_close_date,
                                          created_at, created_by, updated_at, updated_by)
                 select $1, gen_random_uuid(), 'Lead ' || n, case when n % 100 = 0 then 'qualified' else 'new' end, n * 100, 'EUR',
                        'lead-' || n, date '2026-01-01' + n, now() - n * interval '1 minute', 'system',
                        now() - n * interval '1 minute', 'system'
                 from generate_series(1, $2) n",
        queries: &[
            "count=none",
            "sort=updatedAt&deleted=include&updatedSince={since}",
            "status=qualified",
            "externalId=lead-77",
            "value=77",
            "q=lead-19999",
            "filter=title%20contains%20%22ead%2019999%22",
            "filter=value%20%3E%3D%2019990&sort=value",
            "filter=expectedCloseDate%20between%202026-02-01%20and%202026-02-20",
        ],
        sorts: &["-createdAt", "title", "-updatedAt", "-value", "value", "expectedCloseDate"],
    };
    hot.reads_no_whole_table().await;
}
