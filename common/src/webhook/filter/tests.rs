//! What is read, what is refused and where, and what filters say of bodies.

mod properties;

use serde_json::{Value as Json, json};

use super::body::folded;
use super::fields::{Form, data};
use super::*;

/// A contact that was changed.
fn contact() -> Json {
    json!({
        "id": "evt_01JCF0Q6M8R2W9Z4T7K3N5P1XV", "type": "contact.updated", "event": "contact.updated",
        "timestamp": "2026-02-03T10:00:00.000Z", "tenantId": "0192f0c1-0000-7000-8000-000000000001", "apiVersion": "2026-01-01",
        "sequence": "0000018c", "object": {"type": "contact", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "version": 7},
        "actor": {"type": "apiKey", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60"}, "changedFields": ["email", "title"],
        "previous": {"email": "old@navy.example", "title": null}, "bulk": null,
        "data": {
            "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "name": "Zoë Straße", "email": "Grace@Navy.example", "phone": "+14155550101",
            "company": null, "title": "Admiral", "version": 7, "createdAt": "2026-02-01T00:00:00.000Z",
            "createdBy": {"type": "user", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e61"},
        },
    })
}

fn body(json: &Json) -> Body {
    Body::read(json.to_string().as_bytes()).expect("a body")
}

fn all(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn judged(filter: &str, json: &Json) -> Option<bool> {
    let read = Filter::check(filter, &all(&["*"])).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
    read.judge(&body(json))
}

#[test]
fn fields_are_compared_as_lists_compare_them() {
    for (filter, holds) in [
        ("type = contact.updated and event in (contact.created, contact.updated)", true),
        ("object.type = contact and object.version >= 7", true),
        ("object.id = 0192F0C1-7B7A-7C3E-9D55-0A1B2C3D4E5F", true),
        ("actor.id = 0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e61", false),
        ("changedFields any (email, phone)", true),
        ("changedFields all (email, phone)", false),
        ("changedFields all (email, title)", true),
        ("changedFields none (phone)", true),
        ("not changedFields any (\"email\")", false),
        ("data.email = GRACE@navy.example", true),
        ("data.phone = \"+1 (415) 555-0101\"", true),
        ("data.name contains strasse and data.name startsWith zoe", true),
        ("data.name = \"zoë straße\"", false),
        ("data.company is null and data.title is not null", true),
        ("data.company = Acme", false),
        ("data.company != Acme and data.company not in (Acme)", true),
        ("not data.company = Acme", true),
        ("data.company contains a", false),
        ("data.createdAt >= 2026-02-01 and timestamp < 2026-02-04", true),
        ("data.createdAt between 2026-01-01 and 2026-01-31T23:59:59Z", false),
        ("data.createdBy.type = user", true),
        ("previous.email = OLD@navy.example", true),
        ("previous.title is null", true),
        // What the update did not change has no earlier value.
        ("previous.name = Zoë", false),
        ("previous.name is null", true),
        ("previous is not null and bulk is null", true),
        ("bulk.importId = 0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e61", false),
        ("bulk.importId is null", true),
    ] {
        assert_eq!(judged(filter, &contact()), Some(holds), "{filter}");
    }
}

#[test]
fn lists_within_objects_numbers_and_what_clients_have_put_there() {
    let deal = json!({"type": "lead.created", "previous": null, "data": {"value": 1250.5, "expectedCloseDate": "2026-03-01", "stages": [
        {"name": "New", "displayOrder": 1}, {"name": "Won", "displayOrder": 2}
    ], "links": [], "settings": {"timeZone": "Europe/Vienna", "limits": {"days": 30, "strict": true}, "tags": ["a", "b"]}}});
    for (filter, holds) in [
        ("data.value = 1250.5 and data.value > 1250 and data.value < 1250.501", true),
        ("data.expectedCloseDate = 2026-03-01 and data.expectedCloseDate > 2026-02-28", true),
        ("data.stages.name any (Won) and data.stages.name none (Lost)", true),
        ("data.stages.displayOrder all (1, 2)", true),
        ("data.links.id any (0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e61)", false),
        ("data.links.type none (contact)", true),
        ("previous.value = 3", false),
        ("previous is null", true),
        ("data.settings.timeZone startsWith europe", true),
        ("data.settings.limits.days >= 30 and data.settings.limits.days < 30.5", true),
        ("data.settings.limits.strict = true", true),
        ("data.settings.tags any (b)", true),
        ("data.settings.nothing is null and not data.settings.nothing.of.it = 3", true),
    ] {
        assert_eq!(judged(filter, &deal), Some(holds), "{filter}");
    }
}

#[test]
fn what_has_gone_or_is_of_another_kind_cannot_be_judged_and_decides_nothing_where_others_do() {
    let unknown =
        ["data.status = won", "data.status != won", "data.status is null", "not data.status in (won)"];
    for filter in unknown {
        assert_eq!(judged(filter, &contact()), None, "{filter}");
    }
    assert_eq!(judged("object.type = lead and data.status = won", &contact()), Some(false));
    assert_eq!(judged("object.type = contact or data.status = won", &contact()), Some(true));
    assert_eq!(judged("object.type = contact and data.status = won", &contact()), None);
    for (filter, broken) in [
        ("data.name = Zoë", json!(7)),
        ("data.name contains Zoë", json!(["Zoë"])),
        ("data.version > 1", json!("2")),
        ("data.version > 1", json!(2.5)),
        ("data.createdAt > 2026-01-01", json!("yesterday")),
        ("data.createdBy.id is null", json!("user:1")),
        ("changedFields any (email)", json!("email")),
        ("changedFields any (email)", json!([1])),
    ] {
        let mut contact = contact();
        let path = filter.split(' ').next().unwrap_or_default().replace('.', "/");
        let path = path.trim_end_matches("/id");
        *contact.pointer_mut(&format!("/{path}")).expect("a member") = broken.clone();
        assert_eq!(judged(filter, &contact), None, "{filter} of {broken}");
        let read = Filter::kept(filter).expect("a filter");
        assert_eq!(read.unjudged(&body(&contact)).as_deref(), filter.split(' ').next(), "{filter}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    for (filter, events, at, says) in [
        (
            "data.emial = a",
            "contact.*",
            1,
            "None of the events has a field \"data.emial\"; data has: company,",
        ),
        ("type = contact.created and data.status = won", "contact.created", 28, "data.status"),
        ("previous.status = won", "contact.*", 1, "previous has: company,"),
        ("data.nothing = 1", "*", 1, "GET /api/v1/event-types"),
        ("name = Ada", "*", 1, "there are: id, type, event"),
        ("data. = a", "*", 1, "\"data.\""),
        ("data.email.x = a", "*", 1, "data.email.x"),
        ("object..id is null", "*", 1, "object..id"),
        ("data.settings..x = a", "*", 1, "data.settings..x"),
        ("changedFields = email", "*", 1, "use any, all or none"),
        ("data.name any (a)", "*", 1, "use in or not in"),
        ("data.createdBy = a", "*", 1, "one of its members"),
        ("data = a", "*", 1, "one of its members"),
        ("data.version contains 1", "*", 1, "is for texts"),
        ("object.id < 0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "*", 1, "with an order"),
        ("object.id = a", "*", 1, "object.id =: expected an id, found \"a\""),
        ("timestamp > yesterday", "*", 1, "expected an instant"),
        ("data.value = 1.2345", "*", 1, "3 digits"),
        ("data.name contains \"\"", "*", 1, "not empty"),
        ("type = ", "*", 8, "a value"),
        ("type like a", "*", 6, "an operator"),
    ] {
        let error = Filter::check(filter, &all(&[events])).expect_err(filter);
        assert_eq!(error.place, Place::Character(at), "{filter}: {error}");
        assert!(error.message.contains(says), "{filter}: {error}");
    }
    let deep = format!("{}type = a", "not ".repeat(6));
    for filter in [&deep, &vec!["type = a"; 51].join(" or "), &format!("type = {}", "a".repeat(4096))] {
        assert!(Filter::check(filter, &all(&["*"])).is_err());
    }
}

/// So a filter means the same whatever events it is over.
#[test]
fn a_member_of_one_name_is_of_one_form_wherever_it_is() {
    let mut known: Vec<(&str, Form)> = Vec::new();
    for kind in EntityKind::ALL {
        for (name, form) in data(kind) {
            match known.iter().find(|(known, _)| *known == name) {
                Some((_, other)) => assert_eq!(*other, form, "{name} of {kind:?}"),
                None => known.push((name, form)),
            }
        }
    }
    assert!(known.len() > 80);
}

#[test]
fn every_kind_of_event_has_members() {
    for event in crate::event::CATALOGUE {
        assert!(data(event.object).iter().any(|(name, _)| *name == "id"), "{}", event.name);
    }
}

#[test]
fn texts_are_folded_as_the_database_folds_them() {
    for (text, expected) in [
        ("José", "jose"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Łukasz", "lukasz"),
        ("й", "и"),
        ("Þór", "thor"),
        ("İı", "ii"),
    ] {
        assert_eq!(folded(text), expected);
    }
}
