//! The change feed: every event, in order, once; as pages, as pages that wait, and as a stream.

pub(crate) mod expiry;
mod order;
mod streams;
mod waiting;

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Client, Tenant, TestApp, eventually, factory};

const CONTACTS: &str = "/connection/contacts";

/// A reader of the feed, and where it has come to.
#[derive(Clone)]
struct Reader {
    client: Client,
    query: String,
    after: Option<String>,
}

impl Reader {
    /// From the oldest event on.
    fn new(client: &Client, query: &str) -> Self {
        Self { client: client.clone(), query: query.to_owned(), after: None }
    }

    /// From now on.
    async fn from_now(client: &Client, query: &str) -> Self {
        settle(client).await;
        let mut reader = Self { after: Some("now".to_owned()), ..Self::new(client, "") };
        assert_eq!(reader.page().await, [] as [Value; 0]);
        Self { query: query.to_owned(), ..reader }
    }

    fn path(&self) -> String {
        let after = self.after.iter().map(|cursor| format!("after={cursor}&"));
        format!("/changes?{}{}", after.collect::<String>(), self.query)
    }

    /// The next page; it goes on behind it.
    async fn page(&mut self) -> Vec<Value> {
        self.page_and_more().await.0
    }

    async fn page_and_more(&mut self) -> (Vec<Value>, bool) {
        let page = self.client.get(&self.path()).await.status(200).json();
        self.after = Some(page["nextCursor"].as_str().expect("a cursor").to_owned());
        let events: Vec<Value> = serde_json::from_value(page["data"].clone()).expect("events");
        (events, page["hasMore"].as_bool().expect("hasMore"))
    }

    /// What comes next. Transactions of other tests on the same server hold back what was committed after they began.
    async fn some(&mut self) -> Vec<Value> {
        loop {
            let before = self.after.clone();
            let found = eventually("something comes", async || {
                let (events, more) = self.page_and_more().await;
                (!events.is_empty() || more).then_some(events)
            });
            let found = found.await;
            assert_ne!(self.after, before, "the cursor moves on");
            if !found.is_empty() {
                return found;
            }
        }
    }

    /// So many events.
    async fn next(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.some().await);
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

/// Waits until what has happened can be read: transactions of other tests hold it back.
async fn settle(client: &Client) {
    let name = json!({"name": uuid::Uuid::now_v7()});
    let marker: Value = client.post("/connection/companies", name).await.created();
    let mut reader = Reader::new(client, "types=company.created&limit=1000");
    while !reader.some().await.iter().any(|event| event["object"]["id"] == marker["id"]) {}
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

/// The bodies of a tenant's events, in the feed's order, as they are kept.
async fn kept(connection: &mut PgConnection, tenant: &Tenant) -> Vec<String> {
    sqlx::query_scalar("select body from tenon.events where tenant_id = $1 order by xid, id")
        .bind(tenant.id.0)
        .fetch_all(connection)
        .await
        .expect("events")
}

#[tokio::test]
async fn the_feed_has_every_event_byte_for_byte() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    factory::contacts(&globex.admin(), 2).await;
    let contacts = factory::contacts(&acme.admin(), 2).await;
    let [one, other] = [0, 1].map(|at| factory::id(&contacts[at]));
    acme.admin().patch(&format!("{CONTACTS}/{one}"), json!({"title": "x"})).await.status(200);
    let link = format!("{CONTACTS}/{one}/associations/contact/{other}?label=friend");
    acme.admin().put(&link, Value::Null).await.status(201);
    acme.admin().delete(&format!("{CONTACTS}/{one}")).await.no_content();
    let kept = kept(&mut app.connect().await, &acme).await;
    let all = eventually("all of it can be read", async || {
        let answer = acme.admin().get("/changes").await.status(200);
        let count = answer.json()["data"].as_array().map(Vec::len);
        (count == Some(kept.len())).then_some(answer)
    })
    .await;
    let expected = format!("{{\"success\":true,\"data\":[{}],\"nextCursor\":\"", kept.join(","));
    assert!(all.text().starts_with(&expected), "{all}\n{expected}");
    let events: Vec<Value> = all.data();
    let told = types(&events);
    assert_eq!(told[0], "tenant.created", "what webhooks do not get is there too");
    let (tail, associated) = (&told[told.len() - 3..], "association.created");
    assert_eq!(tail, ["contact.updated", associated, "contact.deleted"]);
    assert_eq!(all.json()["hasMore"], false);

    // By portions of any size it is the same, and then nothing more comes.
    for limit in [1, 2, 3, 1000] {
        let (mut reader, mut walked) = (Reader::new(&acme.admin(), &format!("limit={limit}")), Vec::new());
        loop {
            let (page, more) = reader.page_and_more().await;
            assert!(page.len() <= limit);
            walked.extend(page);
            if !more {
                break;
            }
        }
        assert_eq!(walked, events, "{limit} at a time");
        assert_eq!(reader.page().await, [] as [Value; 0]);
    }
}

#[tokio::test]
async fn types_leave_out_and_the_cursor_moves_on_over_what_they_leave_out() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let mut reader = Reader::from_now(&admin, "types=lead.*,contact.updated").await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let lead: Value = admin.post("/connection/leads", factory::lead(1)).await.created();
    admin.patch(&format!("{CONTACTS}/{}", factory::id(&contact)), json!({"title": "x"})).await.status(200);
    admin.delete(&format!("/connection/leads/{}", factory::id(&lead))).await.no_content();
    assert_eq!(types(&reader.next(3).await), ["lead.created", "contact.updated", "lead.deleted"]);

    // Another reader takes over, with other types.
    admin.post("/connection/companies", factory::company(1)).await.status(201);
    let before = reader.after.clone();
    eventually("the cursor moves on over the company", async || {
        let page = reader.page().await;
        assert_eq!(page, [] as [Value; 0]);
        let mut other = Reader { query: "types=company.created".to_owned(), ..Reader::new(&admin, "") };
        other.after.clone_from(&reader.after);
        other.page().await.is_empty() && reader.after != before
    })
    .await;
    let mut other = Reader { after: before, ..Reader::new(&admin, "types=company.created") };
    assert_eq!(types(&other.next(1).await), ["company.created"]);
}

/// Events of a tenant in one transaction, as an import writes them.
async fn many(connection: &mut PgConnection, tenant: &Tenant, count: i32, body: &str) {
    sqlx::query(
        "insert into tenon.events (tenant_id, id, type, object_type, object_id, object_version, body, context)
         select $1, overlay(gen_random_uuid()::text placing left(tenon.first_event_id(now())::text, 15) from 1 for 15)::uuid,
                'contact.created', 'contact', gen_random_uuid(), 1, $3, '{}'
         from generate_series(1, $2)",
    )
    .bind(tenant.id.0)
    .bind(count)
    .bind(body)
    .execute(connection)
    .await
    .expect("events");
}

#[tokio::test]
async fn one_request_looks_at_a_bounded_number_of_events() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let mut reader = Reader::from_now(&admin, "types=lead.created").await;
    many(&mut app.connect().await, &acme, 12_000, "{}").await;
    admin.post("/connection/leads", factory::lead(1)).await.status(201);
    let start = reader.after.clone();
    eventually("all of it is below the watermark", async || {
        let mut last = Reader { after: start.clone(), ..Reader::new(&admin, "types=lead.*&limit=1") };
        for _ in 0..3 {
            if !last.page().await.is_empty() {
                return true;
            }
        }
        false
    })
    .await;
    let mut pages = Vec::new();
    for _ in 0..3 {
        let (page, more) = reader.page_and_more().await;
        pages.push((page.len(), more));
    }
    assert_eq!(pages, [(0, true), (0, true), (1, false)], "5,000 at a time");
}

#[tokio::test]
async fn a_wanted_event_that_is_the_last_looked_at_hides_none_behind_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let start = Reader::from_now(&admin, "types=lead.created&limit=1000").await;
    many(&mut app.connect().await, &acme, 4_990, "{}").await;
    for number in 0..20 {
        admin.post("/connection/leads", factory::lead(number)).await.status(201);
    }
    eventually("all leads are read", async || {
        let mut reader = Reader { after: start.after.clone(), ..Reader::new(&admin, &start.query) };
        let mut pages = Vec::new();
        loop {
            let (page, more) = reader.page_and_more().await;
            pages.push(page.len());
            if !more {
                break;
            }
        }
        match pages.iter().sum::<usize>() {
            20 => Ok(()),
            _ => Err(format!("{pages:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_where_its_bodies_are_large() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut reader = Reader::from_now(&acme.admin(), "limit=1000").await;
    let body = json!({"data": "x".repeat(1 << 20)}).to_string();
    many(&mut app.connect().await, &acme, 9, &body).await;
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 9 {
        sizes.push(reader.some().await.len());
    }
    assert_eq!(sizes, [4, 4, 1]);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let admin = acme.admin();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("wait=31", "wait"),
        ("wait=-1", "wait"),
        ("types=", "types"),
        ("types=contact", "types"),
        ("types=contact.created,,lead.*", "types"),
    ] {
        let refused = admin.get(&format!("/changes?{query}")).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][field].is_string(), "{query}: {refused}");
    }
    let theirs = Reader::from_now(&globex.admin(), "").await.after.expect("a cursor");
    let list = admin.get(&format!("{CONTACTS}?limit=1")).await.status(200).json();
    let of_a_list = list["pagination"]["nextCursor"].as_str().unwrap_or("nothing").to_owned();
    for cursor in ["x", "", "NOW", &theirs, &theirs[1..], &of_a_list] {
        let refused = admin.get(&format!("/changes?after={cursor}")).await.refused(400, "INVALID_CURSOR");
        assert!(refused.json()["details"]["after"].is_string(), "{cursor}: {refused}");
    }
    acme.agent().await.get("/changes").await.refused(403, "ROLE_TOO_LOW");
}
