//! Lists and searches.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client};

use super::{ALL, Resource, header, start};

async fn list(client: &Client, of: Resource, parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    client.get(&format!("{}?{query}", of.path())).await
}

/// The numbers of the records that an answer has, in its order.
fn numbers(answer: &Answer, of: Resource) -> Vec<u32> {
    let records = answer.json()["data"].as_array().cloned().expect("a list");
    let number = |record: &Value| {
        let text = record[of.text].as_str().and_then(|text| text.rsplit(' ').next());
        text.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number: {record}"))
    };
    records.iter().map(number).collect()
}

#[tokio::test]
async fn every_list_is_filtered_searched_sorted_and_counted() {
    let (_app, admin) = start().await;
    for of in ALL {
        for number in 0..5 {
            of.create(&admin, number).await;
        }
        let found =
            async |parameters: &[(&str, &str)]| numbers(&list(&admin, of, parameters).await.status(200), of);
        assert_eq!(found(&[]).await, [4, 3, 2, 1, 0], "{of:?}");
        assert_eq!(found(&[("sort", of.text)]).await, [0, 1, 2, 3, 4], "{of:?}");
        let third = (of.body)(3);
        let id = third["externalId"].as_str().expect("an external id");
        assert_eq!(found(&[("externalId", id)]).await, [3], "{of:?}");
        assert_eq!(found(&[("filter", &format!("externalId = {id:?}"))]).await, [3], "{of:?}");
        let ends = format!("{} startsWith \"{}\"", of.text, third[of.text].as_str().expect("a text"));
        assert_eq!(found(&[("filter", &ends)]).await, [3], "{of:?}");
        let word = third[of.text].as_str().expect("a text").to_uppercase();
        assert_eq!(found(&[("q", &word)]).await, [3], "{of:?}");
        if let Some((field, value)) = of.shared {
            assert_eq!(found(&[(field, value), ("sort", "createdAt")]).await, [0, 1, 2, 3, 4], "{of:?}");
            assert_eq!(found(&[("filter", &format!("{field} != {value}"))]).await, [0_u32; 0], "{of:?}");
        }
        let counted = list(&admin, of, &[("limit", "2"), ("count", "exact")]).await.status(200);
        assert_eq!(counted.json()["pagination"]["total"], 5, "{of:?}");
        let none = list(&admin, of, &[("page", "1"), ("count", "none")]).await.status(200);
        assert_eq!(none.json()["pagination"]["total"], Value::Null, "{of:?}");
    }
}

#[tokio::test]
async fn every_list_is_paged_by_cursor_and_cut() {
    let (_app, admin) = start().await;
    for of in ALL {
        for number in 0..5 {
            of.create(&admin, number).await;
        }
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..3 {
            let mut asked = vec![("limit", "2"), ("sort", of.text)];
            asked.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = list(&admin, of, &asked).await.status(200);
            seen.extend(numbers(&page, of));
            cursor = page.json()["pagination"]["nextCursor"].as_str().map(str::to_owned);
            let link = header(&page, "link");
            assert_eq!(
                link.map(|link| link.contains(&format!("sort={}&", of.text))),
                cursor.as_ref().map(|_| true)
            );
        }
        assert_eq!((seen, cursor), (vec![0, 1, 2, 3, 4], None), "{of:?}");
        let cut = list(&admin, of, &[("fields", &format!("id,{}", of.text))]).await.status(200).json();
        let members: Vec<String> = cut["data"][0].as_object().expect("a record").keys().cloned().collect();
        let mut expected = ["id", of.text];
        expected.sort_unstable();
        assert_eq!(members, expected, "{of:?}");
        assert!(cut.get("included").is_none(), "{of:?}");
    }
}

#[tokio::test]
async fn every_list_shows_what_is_deleted_where_that_is_asked_for() {
    let (_app, admin) = start().await;
    for of in ALL {
        let gone = of.create(&admin, 0).await;
        let kept = of.create(&admin, 1).await;
        let last: Value =
            admin.with_header("prefer", "return=representation").delete(&of.of(&gone)).await.ok();
        let since = last["updatedAt"].as_str().expect("an instant");
        for (asked, expected) in [
            (vec![], vec![1]),
            (vec![("deleted", "include")], vec![1, 0]),
            (vec![("deleted", "only")], vec![0]),
            (vec![("deleted", "only"), ("updatedSince", since)], vec![0]),
            (vec![("deleted", "include"), ("updatedSince", "2100-01-01T00:00:00Z")], vec![]),
        ] {
            let answer = list(&admin, of, &asked).await.status(200);
            assert_eq!(numbers(&answer, of), expected, "{of:?} {asked:?}");
        }
        assert_eq!(kept["deletedAt"], Value::Null);
    }
}

#[tokio::test]
async fn every_search_answers_what_its_list_answers() {
    let (_app, admin) = start().await;
    for of in ALL {
        for number in 0..3 {
            of.create(&admin, number).await;
        }
        let third = (of.body)(2);
        let filter = json!({"or": [
            {"field": "externalId", "op": "=", "value": third["externalId"]},
            {"field": of.text, "op": "contains", "value": (of.body)(0)[of.text]},
        ]});
        let body = json!({"filter": filter, "sort": [format!("-{}", of.text)], "limit": 1, "count": "exact"});
        let search = format!("{}/search", of.path());
        let first = admin.post(&search, body.clone()).await.status(200);
        assert_eq!(
            (numbers(&first, of), &first.json()["pagination"]["total"]),
            (vec![2], &json!(2)),
            "{of:?}"
        );
        let mut rest = body;
        rest["cursor"] = first.json()["pagination"]["nextCursor"].clone();
        assert_eq!(numbers(&admin.post(&search, rest).await.status(200), of), [0], "{of:?}");
    }
}

#[tokio::test]
async fn what_a_list_does_not_know_is_named() {
    let (_app, admin) = start().await;
    for of in ALL {
        for (parameter, value, code, field) in [
            ("colour", "red", "VALIDATION_ERROR", "colour"),
            ("filter", "colour = red", "INVALID_FILTER", "filter"),
            ("sort", "colour", "INVALID_SORT", "sort"),
            ("fields", "colour", "VALIDATION_ERROR", "fields"),
            ("deleted", "maybe", "VALIDATION_ERROR", "deleted"),
            ("include", "colour", "VALIDATION_ERROR", "include"),
        ] {
            let refused = list(&admin, of, &[(parameter, value)]).await.refused(400, code).json();
            assert!(refused["details"][field].is_string(), "{of:?} {parameter}: {refused}");
        }
    }
}
