//! What rows do: create, change, leave alone, and how records are found.

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};

use super::{contacts, counts, import, rows};

#[tokio::test]
async fn an_upsert_creates_changes_and_leaves_alone() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let upsert = || json!({"object": "contacts", "mode": "upsert"});
    let file = "externalId,name,email,title\n1,Ada,ada@example.com,Countess\n2,Grace,grace@example.com,\n";
    assert_eq!(counts(&import(owner, upsert(), file).await), json!([2, 0, 0, 0, 0]));
    let again = import(owner, upsert(), file).await;
    assert_eq!((text(&again, "state"), counts(&again)), ("succeeded", json!([0, 0, 2, 0, 0])));
    let before = contacts(owner, "").await;
    // One found by its id, one by its address, one that is new, and two rows of one record, the later of which counts.
    let file = "externalId,name,email,title\n1,Ada King,ada@example.com,\n,Grace,GRACE@example.com,Admiral\n3,Jean,,a\n3,Jean,,b\n";
    let mixed = import(owner, upsert(), file).await;
    assert_eq!((text(&mixed, "state"), counts(&mixed)), ("succeeded", json!([1, 3, 0, 0, 0])), "{mixed}");
    let after = contacts(owner, "").await;
    assert_eq!(
        (text(&after[0], "name"), text(&after[0], "title")),
        ("Ada King", "Countess"),
        "an empty cell says nothing"
    );
    assert_eq!((&after[1]["id"], text(&after[1], "title")), (&before[1]["id"], "Admiral"));
    assert_eq!(text(&after[2], "title"), "b");
    let clear =
        json!({"object": "contacts", "mode": "update", "emptyCells": "clear", "matchOn": ["externalId"]});
    let cleared = import(owner, clear, "externalId,title\n1,\n4,x\n,y\n").await;
    assert_eq!((text(&cleared, "state"), counts(&cleared)), ("partial", json!([0, 1, 0, 0, 2])));
    assert_eq!(contacts(owner, "").await[0]["title"], Value::Null);
    let failed = rows(owner, &cleared, "failed").await;
    assert_eq!(
        (&failed[0]["errors"][0]["code"], &failed[1]["errors"][0]["code"]),
        (&json!("NOT_FOUND"), &json!("NO_KEY"))
    );
}

#[tokio::test]
async fn a_taken_value_is_refused_left_out_or_changes_its_record() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    owner.post("/connection/contacts", json!({"name": "Ada", "email": "ada@example.com"})).await.status(201);
    let file = "name,email\nAda King,ada@example.com\nGrace,grace@example.com\n";
    let with = |on_duplicate: &str| json!({"object": "contacts", "onDuplicate": on_duplicate});
    let skipped = import(owner, with("skip"), file).await;
    assert_eq!((text(&skipped, "state"), counts(&skipped)), ("succeeded", json!([1, 0, 0, 1, 0])));
    let failed = import(owner, with("fail"), file).await;
    assert_eq!((text(&failed, "state"), text(&failed, "failure")), ("failed", "EVERY_ROW_FAILED"));
    let updated = import(owner, with("update"), file).await;
    assert_eq!(counts(&updated), json!([0, 1, 1, 0, 0]));
    assert_eq!(text(&contacts(owner, "").await[0], "name"), "Ada King");
}

#[tokio::test]
async fn companies_leads_and_activities_are_imported_by_their_own_rules() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let companies = import(owner, json!({"object": "companies"}), "Company,Employees,Website,Industry\nAcme,250,https://acme.example,Technology\nBad,many,acme,Technology\n").await;
    assert_eq!(counts(&companies), json!([1, 0, 0, 0, 1]), "{companies}");
    let made: Vec<Value> = owner.get("/connection/companies").await.ok();
    let company = text(&made[0], "id");
    let leads = format!(
        "title;status;value;currency;companyId;expected close\nDeal;New;1250.50;EUR;{company};31.12.2026\nOther;won;;;;\nThird;new;1;;{};\n",
        uuid::Uuid::now_v7()
    );
    let leads = import(owner, json!({"object": "leads", "dateFormat": "DD-MM-YYYY"}), leads).await;
    assert_eq!(counts(&leads), json!([1, 0, 0, 0, 2]), "{leads}");
    let failed = rows(owner, &leads, "failed").await;
    assert_eq!(
        (&failed[0]["errors"][0]["code"], &failed[1]["errors"][0]["code"]),
        (&json!("INVALID_VALUE"), &json!("UNKNOWN_RECORD"))
    );
    let made: Vec<Value> = owner.get("/connection/leads").await.ok();
    assert_eq!(
        (&made[0]["value"], &made[0]["expectedCloseDate"], text(&made[0], "companyId")),
        (&json!(1250.5), &json!("2026-12-31"), company)
    );
    let activities =
        format!("type,subject,when,companies\ncall,Asked,2026-11-05 10:00,{company}\nsmoke,signal,,\n");
    let activities = import(owner, json!({"object": "activities"}), activities).await;
    assert_eq!(counts(&activities), json!([1, 0, 0, 0, 1]), "{activities}");
    let made: Vec<Value> = owner.get("/connection/activities").await.ok();
    assert_eq!(made[0]["occurredAt"], "2026-11-05T10:00:00.000Z");
    assert_eq!(made[0]["links"], json!([{"type": "company", "id": company}]));
    let phones =
        import(owner, json!({"object": "contacts", "phoneCountry": "de"}), "name,phone\nAda,030 1234567\n")
            .await;
    assert_eq!(counts(&phones), json!([1, 0, 0, 0, 0]));
    let kept = &contacts(owner, "").await[0];
    assert_eq!((text(kept, "phone"), text(kept, "phoneOriginal")), ("+49301234567", "030 1234567"));
}

#[tokio::test]
async fn numbers_and_days_are_those_that_were_meant_or_are_refused() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let american = "name,phone\nAda,1-415-555-0123\nGrace,011 49 30 901820\nAlan,+44 (0)20 7946 0958\nKurt,(415) 555-0124 x7\n";
    let american = import(owner, json!({"object": "contacts", "phoneCountry": "US"}), american).await;
    assert_eq!(counts(&american), json!([4, 0, 0, 0, 0]), "{american}");
    let phones: Vec<Value> = contacts(owner, "").await;
    let mut phones: Vec<&str> = phones.iter().map(|contact| text(contact, "phone")).collect();
    phones.sort_unstable();
    assert_eq!(phones, ["+14155550123", "+14155550124", "+442079460958", "+4930901820"]);
    let german =
        import(owner, json!({"object": "contacts", "phoneCountry": "DE"}), "name,phone\nEmmy,491701234567\n")
            .await;
    assert_eq!(counts(&german), json!([0, 0, 0, 0, 1]), "{german}");
    assert_eq!(rows(owner, &german, "failed").await[0]["errors"][0]["code"], "INVALID_PHONE");
    let leads = "title,status,close date\nA,new,11/28/26\nB,new,11/28/0026\nC,new,26-11-28\n";
    let leads = import(owner, json!({"object": "leads", "dateFormat": "MM-DD-YYYY"}), leads).await;
    assert_eq!(counts(&leads), json!([1, 0, 0, 0, 2]), "{leads}");
    let made: Vec<Value> = owner.get("/connection/leads").await.ok();
    assert_eq!(made[0]["expectedCloseDate"], "2026-11-28");
}

#[tokio::test]
async fn templates_say_what_a_request_does_not() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let body = json!({"name": "Newsletter", "options": {"object": "contacts", "mode": "upsert", "mapping": {"Wer": "name", "Was": ""}}});
    let template: Value = owner.post("/import-templates", body.clone()).await.created();
    owner.post("/import-templates", body).await.refused(409, "DUPLICATE");
    let path = format!("/import-templates/{}", text(&template, "id"));
    assert_eq!(owner.get(&path).await.ok::<Value>()["options"]["mapping"], json!({"Wer": "name", "Was": ""}));
    let options = json!({"templateId": template["id"], "mapping": {"Woher": "company"}, "mode": "create"});
    let import = import(owner, options, "Wer,Was,Woher\nAda,x,Acme\n").await;
    assert_eq!((text(&import, "mode"), counts(&import)), ("create", json!([1, 0, 0, 0, 0])), "{import}");
    let made = contacts(owner, "").await;
    assert_eq!((text(&made[0], "company"), &made[0]["title"]), ("Acme", &Value::Null));
    let changed = json!({"name": "News", "options": {"object": "contacts"}});
    let answer = owner.put(&path, changed.clone()).await.status(200);
    assert_eq!(answer.header("etag"), "\"v2\"");
    owner.with_header("if-match", "\"v1\"").put(&path, changed).await.refused(412, "VERSION_CONFLICT");
    owner.delete(&path).await.no_content();
    owner.get(&path).await.refused(404, "NOT_FOUND");
    let gone = json!({"templateId": template["id"]});
    owner.upload("/imports", &gone, "a.csv", b"name\nAda\n").await.refused(404, "NOT_FOUND");
}
