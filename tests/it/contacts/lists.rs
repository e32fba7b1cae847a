//! Lists of contacts that are filtered, sorted, searched, counted and cut.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, TestApp, factory};

use super::{CONTACTS, start};

/// A list with these parameters, percent-encoded.
async fn list(client: &Client, parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    client.get(&format!("{CONTACTS}?{query}")).await
}

fn names(answer: &Answer) -> Vec<String> {
    let text = |record: &Value| record["name"].as_str().expect("a name").to_owned();
    answer.json()["data"].as_array().expect("a list").iter().map(text).collect()
}

async fn found(client: &Client, parameters: &[(&str, &str)]) -> Vec<String> {
    names(&list(client, parameters).await.status(200))
}

/// Contacts with these names.
async fn named(client: &Client, names: &[&str]) -> Vec<Value> {
    let mut created = Vec::new();
    for name in names {
        created.push(client.post(CONTACTS, json!({"name": name})).await.created());
    }
    created
}

/// The fenced blocks of a page with this information string.
fn blocks<'p>(page: &'p str, kind: &str) -> Vec<&'p str> {
    let fence = format!("```{kind}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_examples_of_the_published_grammar_find_what_they_say() {
    let page = include_str!("../../../openapi/filters.md");
    let (_app, admin) = start().await;
    let contacts: Vec<Value> = serde_json::from_str(blocks(page, "json contacts")[0]).expect("JSON");
    for contact in contacts {
        admin.post(CONTACTS, contact).await.status(201);
    }
    let rows = page.split("| filter | finds |").nth(1).expect("the table").lines().skip(2);
    let mut tried = 0;
    for row in rows.take_while(|row| row.starts_with('|')) {
        let filter = row.split('`').nth(1).expect("a filter");
        let expected = row.rsplit('|').nth(1).expect("what it finds");
        let expected: Vec<&str> =
            expected.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let found = found(&admin, &[("filter", filter), ("sort", "name")]).await;
        let begins = found.iter().zip(&expected).all(|(name, begin)| name.starts_with(begin));
        assert!(begins && found.len() == expected.len(), "{filter}: {found:?}, and should be {expected:?}");
        tried += 1;
    }
    assert!(tried > 20, "{tried} examples");

    let twins = blocks(page, "json filter");
    assert!(twins.len() >= 2);
    for twin in twins {
        let after = page.split(twin).nth(1).expect("what follows");
        let text =
            after.split('`').find(|part| part.contains(' ') && !part.contains("is `") && part.trim() != "is");
        let text = text.expect("the filter as text");
        let body = json!({"filter": serde_json::from_str::<Value>(twin).expect("JSON"), "sort": ["name"]});
        let by_json = names(&admin.post(&format!("{CONTACTS}/search"), body).await.status(200));
        assert_eq!(by_json, found(&admin, &[("filter", text), ("sort", "name")]).await, "{text}");
        assert!(!by_json.is_empty());
    }
}

#[tokio::test]
async fn a_wrong_filter_is_refused_with_its_place() {
    let (_app, admin) = start().await;
    for (filter, position, says) in [
        ("name = ", "8", "a value"),
        ("name like x", "6", "an operator"),
        ("lifecycle = lead and colour = red", "22", "There is no field"),
        ("ownerId = me", "1", "an id"),
        ("company is null and lifecycle any (lead)", "21", "many values"),
    ] {
        let refused = list(&admin, &[("filter", filter)]).await.refused(400, "INVALID_FILTER");
        let details = refused.json()["details"].clone();
        assert_eq!(details["position"], position, "{filter}: {refused}");
        assert!(details["filter"].as_str().is_some_and(|text| text.contains(says)), "{filter}: {refused}");
    }
    let body = json!({"filter": {"and": [{"field": "name", "op": "=", "value": "a"}, {"field": "colour", "op": "=", "value": 1}]}});
    let refused = admin.post(&format!("{CONTACTS}/search"), body).await.refused(400, "INVALID_FILTER");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/filter/and/1", "{refused}");
    let body = json!({"filter": {"fields": "name"}});
    admin.post(&format!("{CONTACTS}/search"), body).await.refused(400, "UNKNOWN_FIELD");
}

#[tokio::test]
async fn fields_by_their_names_and_the_filter_must_all_hold() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (admin, agent) = (acme.admin(), acme.agent().await);
    for (name, lifecycle, owner) in [
        ("A", "lead", Some(agent.id.to_string())),
        ("B", "lead", None),
        ("C", "client", Some(agent.id.to_string())),
    ] {
        let body = json!({"name": name, "lifecycle": lifecycle, "ownerId": owner, "email": format!("{name}@x.example")});
        admin.post(CONTACTS, body).await.status(201);
    }
    let owner = agent.id.to_string();
    assert_eq!(found(&admin, &[("lifecycle", "lead"), ("ownerId", &owner)]).await, ["A"]);
    assert_eq!(found(&admin, &[("lifecycle", "lead"), ("filter", "name > A")]).await, ["B"]);
    assert_eq!(found(&admin, &[("email", "c@X.example"), ("version", "1")]).await, ["C"]);
    // What an AGENT may not see, no filter and no search shows.
    assert_eq!(found(&agent, &[("sort", "name")]).await, ["A", "C"]);
    assert_eq!(found(&agent, &[("q", "x.example"), ("sort", "name")]).await, ["A", "C"]);
    assert_eq!(found(&agent, &[("filter", "not (name contains A)")]).await, ["C"]);
    assert_eq!(found(&agent, &[("filter", "email startsWith b")]).await, Vec::<String>::new());

    for (name, value) in [
        ("colour", "red"),
        ("ownerId", "me"),
        ("version", "new"),
        ("count", "all"),
        ("deleted", "yes"),
        ("updatedSince", "yesterday"),
        ("fields", "id,colour"),
        ("page", "x"),
    ] {
        let refused = list(&admin, &[(name, value)]).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][name].is_string(), "{refused}");
    }
    let twice = list(&admin, &[("lifecycle", "lead"), ("lifecycle", "client")]).await;
    assert!(twice.refused(400, "VALIDATION_ERROR").json()["details"]["lifecycle"].is_string());
}

#[tokio::test]
async fn words_are_looked_for_in_all_texts() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await.admin(), app.tenant("globex").await.admin());
    factory::contacts(&acme, 3).await;
    factory::contacts(&globex, 3).await;
    acme.post(CONTACTS, json!({"name": "Zoë Ångström", "company": "Acme 50%"})).await.status(201);
    let sorted = |q| [("q", q), ("sort", "name")];
    assert_eq!(found(&acme, &sorted("contact.1@EXAMPLE")).await, ["Contact 1"]);
    assert_eq!(found(&acme, &sorted("engineer 2@")).await, ["Contact 2"], "both words, in different fields");
    assert_eq!(found(&acme, &sorted("crm-")).await, ["Contact 0", "Contact 1", "Contact 2"]);
    assert_eq!(found(&acme, &sorted("acme")).await.len(), 4);
    assert_eq!(found(&acme, &sorted("50%")).await, ["Zoë Ångström"]);
    assert_eq!(found(&acme, &sorted("5%")).await, Vec::<String>::new(), "a percent sign is one");
    assert_eq!(found(&acme, &sorted("zoë")).await, ["Zoë Ångström"]);
    assert_eq!(found(&acme, &sorted("ån")).await, ["Zoë Ångström"], "the beginning of a word");
    assert_eq!(
        found(&acme, &sorted("oë")).await,
        Vec::<String>::new(),
        "a word of two letters is looked for there only"
    );
    assert_eq!(found(&acme, &sorted(" ")).await.len(), 4);
    list(&acme, &[("q", "a b c d e f g h i")]).await.refused(400, "VALIDATION_ERROR");
}

/// Everything of a list, page by page, and the names as the pages had them.
async fn walk(client: &Client, parameters: &[(&str, &str)], limit: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let mut next = format!("?{query}&limit={limit}");
    loop {
        let answer = client.get(&format!("{CONTACTS}{next}")).await.status(200);
        seen.extend(names(&answer));
        if answer.json()["pagination"]["hasMore"] == false {
            return seen;
        }
        // The link alone leads on.
        let link = answer.header("link").to_owned();
        next = link.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
    }
}

#[tokio::test]
async fn every_sort_walks_over_everything_once_in_order() {
    let (_app, admin) = start().await;
    let rows = [
        ("a", Some("x"), Some("k")),
        ("b", None, Some("k")),
        ("c", Some("y"), None),
        ("d", None, None),
        ("e", Some("x"), Some("l")),
        ("f", None, Some("l")),
        ("g", Some("z"), Some("k")),
    ];
    for (name, company, lifecycle) in rows {
        let body = json!({"name": name, "company": company, "lifecycle": lifecycle});
        admin.post(CONTACTS, body).await.status(201);
    }
    for (sort, expected) in [
        ("name", "abcdefg"),
        ("-name", "gfedcba"),
        ("createdAt", "abcdefg"),
        ("-updatedAt", "gfedcba"),
        ("company", "eacgfdb"),
        ("-company", "gcaebdf"),
        ("company,-name", "eacgfdb"),
        ("-company,name", "gcaebdf"),
        ("lifecycle,company,name", "agbefcd"),
        ("-lifecycle,-company,name", "efgabcd"),
        ("-lifecycle,name", "efabgcd"),
        ("-id", "gfedcba"),
    ] {
        for limit in [1, 2, 3, 10] {
            let seen = walk(&admin, &[("sort", sort)], limit).await.concat();
            assert_eq!(seen, expected, "{sort}, {limit} at a time");
        }
        assert_eq!(found(&admin, &[("sort", sort)]).await.concat(), expected, "{sort} by page");
    }
    let filtered = [("sort", "company,name"), ("filter", "lifecycle is not null and name != \"a\"")];
    assert_eq!(walk(&admin, &filtered, 1).await.concat(), "egbf");
    for wrong in ["colour", "", "name,,", "name,-name", "phone", "name,company,externalId,lifecycle,email"] {
        let refused = list(&admin, &[("sort", wrong)]).await.refused(400, "INVALID_SORT");
        assert!(refused.json()["details"]["sort"].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filter_and_sort() {
    let (_app, admin) = start().await;
    factory::contacts(&admin, 4).await;
    let first =
        list(&admin, &[("limit", "1"), ("sort", "name"), ("lifecycle", "lead")]).await.status(200).json();
    let cursor = first["pagination"]["nextCursor"].as_str().expect("more follow").to_owned();
    let with = async |more: &[(&str, &str)]| {
        list(&admin, &[&[("limit", "2"), ("cursor", cursor.as_str())], more].concat()).await
    };
    with(&[("sort", "name"), ("lifecycle", "lead"), ("fields", "id,name"), ("count", "exact")])
        .await
        .status(200);
    for other in [
        &[("sort", "-name"), ("lifecycle", "lead")][..],
        &[("sort", "name"), ("lifecycle", "client")],
        &[("sort", "name")],
        &[("sort", "name"), ("lifecycle", "lead"), ("q", "contact")],
        &[("sort", "name"), ("lifecycle", "lead"), ("deleted", "include")],
        &[("sort", "name"), ("lifecycle", "lead"), ("updatedSince", "2020-01-01T00:00:00Z")],
        &[("sort", "name"), ("lifecycle", "lead"), ("filter", "version = 1")],
    ] {
        with(other).await.refused(400, "CURSOR_MISMATCH");
    }
}

#[tokio::test]
async fn a_list_shows_the_members_that_are_asked_for() {
    let (_app, admin) = start().await;
    named(&admin, &["A"]).await;
    let answer = list(&admin, &[("fields", "name,id,title")]).await.status(200).json();
    assert_eq!(super::keys(&answer["data"][0]), ["id", "name", "title"]);
    assert_eq!(answer["data"][0]["title"], Value::Null);
    let all = list(&admin, &[]).await.status(200).json();
    let members = tenon_common::crm::contact::LIST.members;
    assert_eq!(super::keys(&all["data"][0]), members, "every member can be asked for");
    let refused = admin.post(&format!("{CONTACTS}/search"), json!({"fields": []})).await;
    assert!(
        refused.refused(400, "VALIDATION_ERROR").json()["details"]["fields"].is_string(),
        "records of nothing"
    );
    let body = json!({"fields": ["name"]});
    let answer = admin.post(&format!("{CONTACTS}/search"), body).await.status(200).json();
    assert_eq!(super::keys(&answer["data"][0]), ["name"]);
}

#[tokio::test]
async fn totals_are_told_as_asked() {
    let (app, admin) = start().await;
    factory::contacts(&admin, 5).await;
    sqlx::query("analyze tenon.contacts").execute(&mut app.connect().await).await.expect("analyzed");
    let total = async |parameters: &[(&str, &str)]| {
        list(&admin, parameters).await.status(200).json()["pagination"]["total"].clone()
    };
    assert_eq!(total(&[("pageSize", "2")]).await, 5);
    assert_eq!(total(&[("pageSize", "2"), ("count", "none")]).await, Value::Null);
    assert_eq!(total(&[("limit", "2")]).await, Value::Null);
    assert_eq!(total(&[("limit", "2"), ("count", "exact"), ("filter", "name > \"Contact 1\"")]).await, 3);
    assert_eq!(total(&[("limit", "2"), ("count", "estimated")]).await, 5);
    let body = json!({"count": "exact", "q": "contact", "limit": 1});
    let answer = admin.post(&format!("{CONTACTS}/search"), body).await.status(200).json();
    assert_eq!((&answer["pagination"]["total"], &answer["pagination"]["pageSize"]), (&5.into(), &1.into()));
    assert_eq!(answer["pagination"]["page"], Value::Null);
}

#[tokio::test]
async fn no_total_comes_from_another_tenants_records() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    factory::contacts(&acme.admin(), 3).await;
    let many = "insert into tenon.contacts (tenant_id, id, name, lifecycle, created_at, created_by, updated_at, updated_by)
                select $1, gen_random_uuid(), 'Contact ' || n, 'client', now(), 'system', now(), 'system' from generate_series(1, 10050) n";
    let mut database = app.connect().await;
    sqlx::query(many).bind(globex.id.0).execute(&mut database).await.expect("contacts");
    sqlx::query("analyze tenon.contacts").execute(&mut database).await.expect("analyzed");
    let of = async |client: &Client, filter: &str| {
        let asked = [("limit", "1"), ("count", "estimated"), ("filter", filter)];
        let pagination = list(client, &asked).await.status(200).json()["pagination"].clone();
        (pagination["total"].clone(), pagination["totalIsMinimum"].clone())
    };
    for filter in ["lifecycle = client", "name > \"Contact 5\"", "name = \"Contact 77\""] {
        assert_eq!(of(&acme.admin(), filter).await, (json!(0), json!(false)), "{filter}");
    }
    assert_eq!(of(&acme.admin(), "lifecycle = lead").await, (json!(3), json!(false)));
    assert_eq!(of(&globex.admin(), "lifecycle = client").await, (json!(10_000), json!(true)));
    assert_eq!(of(&globex.admin(), "name = \"Contact 77\"").await, (json!(1), json!(false)));
}

#[tokio::test]
async fn deleted_and_changed_contacts_can_be_asked_for() {
    let (_app, admin) = start().await;
    let created = named(&admin, &["A", "B", "C"]).await;
    admin.delete(&super::path(&created[1])).await.no_content();
    let changed: Value = admin.patch(&super::path(&created[0]), json!({"title": "Dr"})).await.ok();
    let since = changed["updatedAt"].as_str().expect("an instant");
    assert_eq!(found(&admin, &[("sort", "name")]).await, ["A", "C"]);
    assert_eq!(found(&admin, &[("sort", "name"), ("deleted", "include")]).await, ["A", "B", "C"]);
    assert_eq!(found(&admin, &[("deleted", "only")]).await, ["B"]);
    assert_eq!(found(&admin, &[("deleted", "include"), ("q", "b")]).await, ["B"]);
    assert_eq!(found(&admin, &[("updatedSince", since), ("sort", "updatedAt")]).await, ["A"]);
    let body = json!({"deleted": "only", "filter": {"field": "deletedAt", "op": "is not null"}});
    assert_eq!(names(&admin.post(&format!("{CONTACTS}/search"), body).await.status(200)), ["B"]);
}

#[tokio::test]
async fn what_is_looked_for_is_found_with_and_without_its_accents() {
    let (_app, admin) = start().await;
    named(
        &admin,
        &[
            "José",
            "Jose",
            "Lange Straße",
            "Łukasz",
            "ÅNGSTRÖM",
            "Ad\u{131}n",
            "\u{410}\u{440}\u{451}\u{43c}",
            "中文",
        ],
    )
    .await;
    for (words, expected) in [
        ("jose", &["Jose", "José"][..]),
        ("JOSÉ", &["Jose", "José"]),
        ("jose\u{301}", &["Jose", "José"]),
        ("strasse", &["Lange Straße"]),
        ("STRAẞE", &["Lange Straße"]),
        ("la strasse", &["Lange Straße"]),
        ("lukasz", &["Łukasz"]),
        ("łukasz", &["Łukasz"]),
        ("angstrom", &["ÅNGSTRÖM"]),
        ("adin", &["Ad\u{131}n"]),
        ("\u{430}\u{440}\u{435}\u{43c}", &["\u{410}\u{440}\u{451}\u{43c}"]),
        ("中文", &["中文"]),
        ("josef", &[]),
    ] {
        assert_eq!(found(&admin, &[("q", words), ("sort", "name")]).await, expected, "{words}");
        if words.contains(' ') {
            continue;
        }
        for filter in
            [format!("name contains \"{words}\""), format!("company is null and name contains \"{words}\"")]
        {
            assert_eq!(
                found(&admin, &[("filter", filter.as_str()), ("sort", "name")]).await,
                expected,
                "{filter}"
            );
        }
    }
    for (filter, expected) in [
        ("name startsWith \"jos\u{e8}\"", &["Jose", "José"][..]),
        ("not name startsWith jose and name startsWith l", &["Lange Straße", "Łukasz"]),
        ("name = José", &["José"]),
    ] {
        assert_eq!(found(&admin, &[("filter", filter), ("sort", "name")]).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn names_and_telephone_numbers_are_found_however_they_are_written() {
    let (_app, admin) = start().await;
    named(
        &admin,
        &[
            "Se\u{e1}n O’Brien",
            "Tim O'Neill",
            "Anne\u{2011}Marie",
            "\u{3a3}\u{3c9}\u{3ba}\u{3c1}\u{3ac}\u{3c4}\u{3b7}\u{3c2}",
        ],
    )
    .await;
    for (name, phone) in [("Berlin", "+49 30 901820"), ("Francisco", "+1 415 555 0177")] {
        admin.post(CONTACTS, json!({"name": name, "phone": phone})).await.status(201);
    }
    for (words, expected) in [
        ("o'brien", &["Se\u{e1}n O’Brien"][..]),
        ("O’NEILL", &["Tim O'Neill"]),
        ("anne-marie", &["Anne\u{2011}Marie"]),
        (
            "\u{3a3}\u{3a9}\u{39a}\u{3a1}\u{386}\u{3a4}\u{397}\u{3a3}",
            &["\u{3a3}\u{3c9}\u{3ba}\u{3c1}\u{3ac}\u{3c4}\u{3b7}\u{3c2}"],
        ),
        ("+49 30 901820", &["Berlin"]),
        ("030 901820", &["Berlin"]),
        ("+49 (0)30 901820", &["Berlin"]),
        ("0049-30-901820", &["Berlin"]),
        ("berlin 030/901820", &["Berlin"]),
        ("415-555-0177", &["Francisco"]),
        ("(415) 555-0177 francisco", &["Francisco"]),
        ("(415) 555-0177 berlin", &[]),
        ("415-555-0178", &[]),
        ("O'Neill, Tim", &["Tim O'Neill"]),
        ("\"tim o'neill\"", &["Tim O'Neill"]),
        (",", &[]),
    ] {
        assert_eq!(found(&admin, &[("q", words), ("sort", "name")]).await, expected, "{words}");
    }
    for (filter, expected) in [
        ("phone = \"+49 (0)30 901820\"", &["Berlin"][..]),
        ("phone in (\"0049 30 901820\", \"+1 415 555 0177\")", &["Berlin", "Francisco"]),
        ("name = \"Sea\u{301}n O’Brien \"", &["Se\u{e1}n O’Brien"]),
    ] {
        assert_eq!(found(&admin, &[("filter", filter), ("sort", "name")]).await, expected, "{filter}");
    }
}
