//! Lists of companies that are filtered, sorted, searched, counted and cut.

use serde_json::{Value, json};

use super::{COMPANIES, path, start};
use crate::lists::{Hot, found, list, walked};

#[tokio::test]
async fn companies_are_filtered_sorted_and_searched() {
    let (_app, admin) = start().await;
    for (name, industry, employees, domain) in [
        ("Acme", Some("Technology"), Some(250), Some("acme.example")),
        ("Bolt", Some("Technology"), Some(12), None),
        ("Crane", Some("Construction"), None, Some("crane.example")),
        ("Dune", None, Some(4000), Some("DUNE.example")),
    ] {
        let body = json!({"name": name, "industry": industry, "employees": employees, "domain": domain,
            "website": domain.map(|domain| format!("https://www.{domain}/about"))});
        admin.post(COMPANIES, body).await.status(201);
    }
    let names = async |parameters: &[(&str, &str)]| found(&admin, COMPANIES, "name", parameters).await;
    assert_eq!(names(&[]).await, ["Dune", "Crane", "Bolt", "Acme"]);
    assert_eq!(names(&[("industry", "Technology"), ("sort", "employees")]).await, ["Bolt", "Acme"]);
    assert_eq!(
        names(&[("filter", "employees between 12 and 250"), ("sort", "-name")]).await,
        ["Bolt", "Acme"]
    );
    assert_eq!(
        names(&[("filter", "employees is null or not industry = Technology"), ("sort", "name")]).await,
        ["Crane", "Dune"]
    );
    assert_eq!(names(&[("domain", "Dune.Example")]).await, ["Dune"]);
    assert_eq!(names(&[("filter", "website contains \"crane.example/ab\"")]).await, ["Crane"]);
    assert_eq!(names(&[("filter", "domain startsWith ac")]).await, ["Acme"]);
    assert_eq!(names(&[("q", "tech bolt")]).await, ["Bolt"]);
    let sorted = walked(&admin, COMPANIES, "name", &[("sort", "employees")]).await;
    assert_eq!(sorted, ["\"Bolt\"", "\"Acme\"", "\"Dune\"", "\"Crane\""]);
    let sorted = walked(&admin, COMPANIES, "name", &[("sort", "-industry,name")]).await;
    assert_eq!(sorted, ["\"Acme\"", "\"Bolt\"", "\"Crane\"", "\"Dune\""]);
    list(&admin, COMPANIES, &[("filter", "employees = many")]).await.refused(400, "INVALID_FILTER");
    list(&admin, COMPANIES, &[("sort", "website")]).await.refused(400, "INVALID_SORT");
}

#[tokio::test]
async fn every_member_of_a_company_can_be_asked_for() {
    let (_app, admin) = start().await;
    let company: Value = admin.post(COMPANIES, json!({"name": "Acme"})).await.created();
    let keys = |record: &Value| record.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&company), tenon_common::crm::company::LIST.members);
    let answer = list(&admin, COMPANIES, &[("fields", "name,employees")]).await.status(200).json();
    assert_eq!(answer["data"], json!([{"name": "Acme", "employees": null}]));
    admin.delete(&path(&company)).await.no_content();
    let deleted = [("deleted", "only"), ("q", "acme")];
    assert_eq!(found(&admin, COMPANIES, "name", &deleted).await, ["Acme"]);
}

#[tokio::test]
async fn a_search_finds_what_the_caller_sees() {
    let app = tenon_tests::TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (admin, ada) = (acme.admin(), acme.agent().await);
    for (client, name) in
        [(&*admin, "Needle of nobody"), (&*ada, "Needle of Ada"), (&*globex.admin(), "Needle of others")]
    {
        client.post(COMPANIES, json!({"name": name})).await.status(201);
    }
    for parameters in [[("q", "needle")], [("filter", "name startsWith needle")]] {
        let all = [&parameters[..], &[("sort", "name")]].concat();
        assert_eq!(found(&admin, COMPANIES, "name", &all).await, ["Needle of Ada", "Needle of nobody"]);
        assert_eq!(found(&ada, COMPANIES, "name", &all).await, ["Needle of Ada"]);
    }
}

#[tokio::test]
async fn no_hot_list_reads_the_whole_table() {
    let hot = Hot {
        table: "tenon.companies",
        path: COMPANIES,
        insert: "insert into tenon.companies (tenant_id, id, name, industry, employees, domain, external_id, created_at, created_by,
                                              updated_at, updated_by)
                 select $1, gen_random_uuid(), 'Company ' || n, case when n % 100 = 0 then 'Banking' else 'Technology' end,
                        n, 'company-' || n || '.example', 'erp-' || n, now() - n * interval '1 minute', 'system',
                        now() - n * interval '1 minute', 'system'
                 from generate_series(1, $2) n",
        queries: &[
            "count=none",
            "sort=updatedAt&deleted=include&updatedSince={since}",
            "industry=Banking",
            "domain=Company-77.example",
            "externalId=erp-77",
            "q=company-19999",
            "filter=name%20contains%20%22any%2019999%22",
            "filter=domain%20startsWith%20%22company-1999%22",
            "filter=employees%20between%20100%20and%20120",
        ],
        sorts: &["-createdAt", "name", "-updatedAt", "employees", "-employees"],
    };
    hot.reads_no_whole_table().await;
}
