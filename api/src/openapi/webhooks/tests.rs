use super::*;

fn event(name: &'static str, data_schema_ref: &'static str) -> EventDescription {
    let example = json!({"id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "version": 3});
    EventDescription { name, summary: "A contact was created", data_schema_ref, example }
}

fn document() -> Value {
    json!({"tags": [{"name": "Contacts"}], "components": {"schemas": {"Contact": {"type": "object"}}}})
}

#[test]
fn an_event_is_a_post_with_all_its_headers() {
    let mut document = document();
    add_webhooks(&mut document, &[event("contact.created", "Contact")]).unwrap();
    let post = &document["webhooks"]["contact.created"]["post"];
    assert_eq!(post["operationId"], "receive_contact_created");
    let names: Vec<&str> = post["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["$ref"].as_str().unwrap().trim_start_matches('#'))
        .map(|pointer| document.pointer(pointer).unwrap()["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "X-Webhook-Signature",
            "X-Webhook-Attempt",
            "X-Webhook-Endpoint",
            "X-Webhook-Delivery",
            "X-Webhook-Event",
            "X-Webhook-Replay",
            "traceparent",
            "User-Agent",
        ]
    );
    assert_eq!(document["tags"][1]["name"], "Events");
}

#[test]
fn the_body_is_the_common_one_with_its_own_type_and_data() {
    let mut document = document();
    add_webhooks(&mut document, &[event("lead.moved_to_stage", "Contact")]).unwrap();
    let body = &document["components"]["schemas"]["LeadMovedToStageEvent"]["allOf"];
    assert_eq!(body[0]["$ref"], "#/components/schemas/WebhookEvent");
    assert_eq!(body[1]["properties"]["type"]["enum"], json!(["lead.moved_to_stage"]));
    assert_eq!(body[1]["properties"]["data"]["$ref"], "#/components/schemas/Contact");
    let content = &document["webhooks"]["lead.moved_to_stage"]["post"]["requestBody"]["content"];
    assert_eq!(
        content["application/json"]["example"]["object"],
        json!({"type": "lead", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "version": 3})
    );
}

#[test]
fn an_event_whose_data_nobody_describes_is_refused() {
    let refused = add_webhooks(&mut document(), &[event("company.created", "Company")]);
    assert_eq!(refused, Err(DocumentError(vec!["company.created: there is no schema Company".to_owned()])));
}

#[test]
fn without_events_nothing_is_added() {
    let mut unchanged = document();
    add_webhooks(&mut unchanged, &[]).unwrap();
    assert_eq!(unchanged, document());
}
