//! The chain: whoever changes, removes or adds an entry is found out.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenon_common::audit::seal;
use tenon_tests::stack::SECRET_KEY;
use tenon_tests::{Program, TestApp, eventually};

use super::{entries, number, seal_all, tamper, verified};

#[tokio::test]
async fn a_whole_chain_is_verified_and_tells_its_head() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let nothing = verified(&acme.admin()).await;
    assert_eq!(
        (&nothing["ok"], &nothing["head"], &nothing["hasMore"]),
        (&json!(true), &Value::Null, &json!(false))
    );
    entries(&app, &acme, 5).await;
    seal_all(&app).await;
    let first = verified(&acme.admin()).await;
    assert_eq!(
        (
            &first["ok"],
            &first["checkedFrom"],
            &first["checkedThrough"],
            &first["head"]["position"],
            &first["broken"]
        ),
        (&json!(true), &json!(1), &json!(5), &json!(5), &Value::Null)
    );
    entries(&app, &acme, 2).await;
    seal_all(&app).await;
    let later: Value = acme.admin().get("/audit-events/verify?after=5").await.ok();
    assert_eq!(
        (&later["ok"], &later["checkedFrom"], &later["checkedThrough"]),
        (&json!(true), &json!(6), &json!(7))
    );
    assert_ne!(later["head"]["hash"], first["head"]["hash"]);
    acme.admin().get("/audit-events/verify?after=-1").await.refused(400, "VALIDATION_ERROR");
    let beyond: Value = acme.admin().get("/audit-events/verify?after=99").await.ok();
    assert_eq!(beyond["broken"], json!({"position": 99, "auditEventId": null, "reason": "missing"}));
}

#[tokio::test]
async fn whatever_column_of_an_entry_is_changed_the_entry_is_named() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = entries(&app, &acme, 4).await;
    seal_all(&app).await;
    let mut admin = app.connect().await;
    let columns: Vec<(String, String, bool)> = sqlx::query_as(
        "select attname::text, format_type(atttypid, atttypmod), attnotnull from pg_attribute
         where attrelid = 'tenon.audit_events'::regclass and attnum > 0 and not attisdropped order by attnum",
    )
    .fetch_all(&mut admin)
    .await
    .expect("columns");
    assert_eq!(columns.len(), 20);
    sqlx::raw_sql("create temporary table kept as select * from tenon.audit_events")
        .execute(&mut admin)
        .await
        .expect("kept");
    for (column, kind, required) in columns {
        // Ids are the key: with another one, the entry that was sealed is gone.
        let (value, reason) = match (column.as_str(), kind.as_str()) {
            ("tenant_id" | "id", _) => ("gen_random_uuid()".to_owned(), "missing"),
            ("outcome", _) => ("'refused'".to_owned(), "changed"),
            (_, "uuid") => ("gen_random_uuid()".to_owned(), "changed"),
            (_, "text") => (format!("{column} || ' '"), "changed"),
            (_, "xid8") => ("pg_current_xact_id()".to_owned(), "changed"),
            (_, "timestamp with time zone") => ("at + interval '1 microsecond'".to_owned(), "changed"),
            (_, "bigint" | "integer") => (format!("{column} + 1"), "changed"),
            other => panic!("{other:?}: how is it changed?"),
        };
        let null = (!required).then(|| "null".to_owned());
        for value in [Some(value), null].into_iter().flatten() {
            let change = format!("update tenon.audit_events set {column} = {value} where id = '{}'", ids[2]);
            tamper(&mut admin, &change).await;
            let found = verified(&acme.admin()).await;
            assert_eq!(
                (&found["ok"], &found["checkedThrough"], &found["broken"]),
                (&json!(false), &json!(2), &json!({"position": 3, "auditEventId": ids[2], "reason": reason})),
                "{column} = {value}"
            );
            let restore = "delete from tenon.audit_events; insert into tenon.audit_events select * from kept";
            sqlx::raw_sql(restore).execute(&mut admin).await.expect("restored");
            assert_eq!(verified(&acme.admin()).await["ok"], json!(true), "{column} is as it was");
        }
    }
}

#[tokio::test]
async fn an_entry_or_a_seal_that_is_gone_is_named() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = entries(&app, &acme, 4).await;
    seal_all(&app).await;
    let mut admin = app.connect().await;
    tamper(&mut admin, &format!("delete from tenon.audit_events where id = '{}'", ids[1])).await;
    let found = verified(&acme.admin()).await;
    assert_eq!(found["broken"], json!({"position": 2, "auditEventId": ids[1], "reason": "missing"}));
    tamper(&mut admin, "delete from tenon.audit_seals where position = 1").await;
    let found = verified(&acme.admin()).await;
    assert_eq!(found["broken"], json!({"position": 1, "auditEventId": null, "reason": "missing"}));
    // Sealing goes on where the newest entry that is left stands.
    tamper(&mut admin, &format!("delete from tenon.audit_events where id = '{}'", ids[3])).await;
    entries(&app, &acme, 1).await;
    let worker = tenon_tests::app::connect(app.database().worker_url());
    eventually("the next is sealed", async || {
        seal::seal_due(&worker).await.expect("sealed");
        number(&mut app.connect().await, "select max(position) from tenon.audit_seals").await == 5
    })
    .await;
}

#[tokio::test]
async fn an_entry_is_not_hidden_by_saying_that_it_was_removed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = entries(&app, &acme, 4).await;
    seal_all(&app).await;
    let mut admin = app.connect().await;
    tamper(&mut admin, &format!("update tenon.audit_events set action = 'x' where id = '{}'", ids[1])).await;
    let removed = "insert into tenon.audit_anchors (tenant_id, position, hash)
                   select tenant_id, position, hash from tenon.audit_seals where position = 3";
    tamper(&mut admin, removed).await;
    let found = verified(&acme.admin()).await;
    assert_eq!(found["broken"], json!({"position": 3, "auditEventId": ids[2], "reason": "changed"}));
    tamper(&mut admin, "delete from tenon.audit_seals where position <= 3").await;
    let found = verified(&acme.admin()).await;
    assert_eq!(
        found["broken"],
        json!({"position": null, "auditEventId": ids[0], "reason": "unsealed_older"})
    );
}

#[tokio::test]
async fn an_entry_that_was_added_later_is_named() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    entries(&app, &acme, 3).await;
    seal_all(&app).await;
    let late = uuid::Uuid::now_v7();
    let add = format!(
        "insert into tenon.audit_events (tenant_id, id, at, xid, action, category, actor_kind, outcome)
         select tenant_id, '{late}', at, xid, action, category, actor_kind, outcome from tenon.audit_events where action = 'contact.n1'"
    );
    tamper(&mut app.connect().await, &add).await;
    let broken = json!({"position": null, "auditEventId": late, "reason": "unsealed_older"});
    assert_eq!(verified(&acme.admin()).await["broken"], broken);
    // And it gets no seal by what comes after it.
    entries(&app, &acme, 1).await;
    let worker = tenon_tests::app::connect(app.database().worker_url());
    eventually("the next is sealed", async || {
        seal::seal_due(&worker).await.expect("sealed");
        number(&mut app.connect().await, "select max(position) from tenon.audit_seals").await == 4
    })
    .await;
    assert_eq!(verified(&acme.admin()).await["broken"], broken);
}

#[tokio::test]
async fn two_seals_that_were_exchanged_are_found() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = entries(&app, &acme, 4).await;
    seal_all(&app).await;
    let exchange = "update tenon.audit_seals set position = position + 100 where position in (2, 3);
                    update tenon.audit_seals set position = case position when 102 then 3 else 2 end where position > 100";
    sqlx::raw_sql(exchange).execute(&mut app.connect().await).await.expect("exchanged");
    let found = verified(&acme.admin()).await;
    assert_eq!(found["broken"], json!({"position": 2, "auditEventId": ids[2], "reason": "changed"}));
}

/// insufficient_privilege
const REFUSED: &str = "42501";

#[tokio::test]
async fn no_servers_login_can_change_or_remove_what_is_written() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    entries(&app, &acme, 1).await;
    seal_all(&app).await;
    for url in [app.database().app_url(), app.database().worker_url()] {
        let mut login = PgConnection::connect(url).await.expect("connected");
        let enter = format!("set app.tenant_id = '{}'; set app.rank = '5'", acme.id);
        sqlx::raw_sql(AssertSqlSafe(enter)).execute(&mut login).await.expect("entered");
        assert_eq!(number(&mut login, "select count(*) from tenon.audit_events").await, 1);
        assert_eq!(number(&mut login, "select count(*) from tenon.audit_seals").await, 1);
        for statement in [
            "update tenon.audit_events set action = 'x'",
            "delete from tenon.audit_events",
            "truncate tenon.audit_events",
            "update tenon.audit_seals set hash = hash",
            "delete from tenon.audit_seals",
            "truncate tenon.audit_seals",
            "update tenon.audit_anchors set position = 1",
            "delete from tenon.audit_anchors",
            "insert into tenon.audit_anchors (tenant_id, position, hash) select tenant_id, 1, hash from tenon.audit_seals",
            "update tenon.audit_watermark set xid = '0'",
            "delete from tenon.audit_events_default",
            "insert into tenon.audit_events select * from tenon.audit_events on conflict (tenant_id, id) do update set action = 'x'",
        ] {
            let error = sqlx::query(statement).execute(&mut login).await.expect_err(statement);
            let code =
                error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
            assert_eq!(code, REFUSED, "{url}: {statement}: {error}");
        }
    }
}

#[tokio::test]
async fn an_operator_verifies_all_of_a_tenant() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = entries(&app, &acme, 3).await;
    seal_all(&app).await;
    let verify = async |more: &[&str]| {
        let arguments = ["admin", "audit", "verify", "--tenant"].into_iter().chain(more.iter().copied());
        let command = Program::api_command(arguments)
            .env("TENON_DATABASE_URL", app.database().app_url())
            .env("TENON_SECRET_KEY", SECRET_KEY);
        command.run().await.map_err(|error| format!("{error:#}"))
    };
    let answer: Value = serde_json::from_str(&verify(&["acme"]).await.expect("whole")).expect("JSON");
    assert_eq!((&answer["ok"], &answer["checkedThrough"]), (&json!(true), &json!(3)));
    let head = format!("3:{}", answer["head"]["hash"].as_str().expect("a hash"));
    verify(&[&acme.id.to_string(), "--expect", &head]).await.expect("as expected");
    let other = format!("2:{}", answer["head"]["hash"].as_str().expect("a hash"));
    let wrong = verify(&["acme", "--expect", &other]).await.expect_err("another hash");
    assert!(wrong.contains("not the expected hash at position 2"), "{wrong}");
    let wrong = verify(&["acme", "--expect", "2:abc"]).await.expect_err("no hash");
    assert!(wrong.contains("64 hexadecimal digits"), "{wrong}");
    let wrong = verify(&["initech"]).await.expect_err("nobody");
    assert!(wrong.contains("there is no tenant initech"), "{wrong}");
    tamper(
        &mut app.connect().await,
        &format!("update tenon.audit_events set ip = null where id = '{}'", ids[1]),
    )
    .await;
    let broken = verify(&["acme"]).await.expect_err("broken");
    assert!(broken.contains("is broken") && broken.contains(&ids[1].to_string()), "{broken}");
}
