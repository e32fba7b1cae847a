use serde_json::{Value, json};

use super::{breaks, reduced};

fn document() -> Value {
    let list = json!({"type": "array", "items": {"$ref": "#/components/schemas/Thing"}});
    json!({
        "openapi": "3.1.0",
        "paths": {"/things/{id}": {
            "get": {
                "operationId": "list_things", "tags": ["Things"], "security": [{"bearer": []}, {"apiKey": []}],
                "parameters": [
                    {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}},
                    {"name": "sort", "in": "query", "required": false, "schema": {"type": "string", "enum": ["a", "b"]}},
                    {"name": "If-Match", "in": "header", "required": false, "schema": {"type": "string", "maxLength": 9}},
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {"required": true, "schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": list}},
                    },
                    "404": {"$ref": "#/components/responses/NotFound"},
                },
            },
            "put": {
                "operationId": "replace_thing", "tags": ["Things"], "security": [],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingInput"}}}},
                "responses": {"204": {}},
            },
        }},
        "webhooks": {"thing.created": {"post": {
            "operationId": "receive_thing_created", "tags": ["Events"], "security": [],
            "parameters": [{"name": "webhook-id", "in": "header", "required": true, "schema": {"type": "string"}}],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "allOf": [{"$ref": "#/components/schemas/Thing"}, {"required": ["kind"], "properties": {"kind": {"enum": ["x"]}}}],
            }}}},
            "responses": {"2XX": {}},
        }}},
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}, "apiKey": {"type": "apiKey", "name": "K", "in": "header"}},
            "responses": {"NotFound": {"content": {"application/json": {"schema": {"type": "object"}}}}},
            "schemas": {
                "Thing": {"type": "object", "required": ["id", "colour"], "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "colour": {"$ref": "#/components/schemas/Colour"},
                    "size": {"type": ["integer", "null"]},
                    "inner": {"$ref": "#/components/schemas/Thing"},
                }},
                "ThingInput": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 100},
                    "colour": {"oneOf": [{"$ref": "#/components/schemas/Colour"}, {"type": "null"}]},
                    "size": {"type": ["number", "null"], "maximum": 10},
                    "labels": {"type": "array", "items": {"type": "string"}, "maxItems": 5},
                    "place": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                    "description": {"type": "string"},
                    "map": {"type": "object", "additionalProperties": {"type": "string"}},
                }},
                "Colour": {"type": "string", "enum": ["red", "green"]},
            },
        },
    })
}

const GET: &str = "/paths/~1things~1{id}/get";
const PUT: &str = "/paths/~1things~1{id}/put";
const EVENT: &str = "/webhooks/thing.created/post";
const THING: &str = "/components/schemas/Thing";
const INPUT: &str = "/components/schemas/ThingInput";

/// The document with the value at a place changed; null takes the member away.
fn changed(place: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, key) = place.rsplit_once('/').expect("a place");
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
    match (parent, value) {
        (Value::Object(members), Value::Null) => {
            members.remove(key).unwrap_or_else(|| panic!("there is no {place}"));
        }
        (Value::Object(members), value) => {
            members.insert(key.to_owned(), value);
        }
        (Value::Array(items), Value::Null) => {
            items.remove(key.parse().expect("an index"));
        }
        (Value::Array(items), value) if key == "-" => items.push(value),
        (Value::Array(items), value) => items[key.parse::<usize>().expect("an index")] = value,
        (other, _) => panic!("{other}"),
    }
    document
}

#[test]
fn what_clients_sent_and_counted_on_is_missed() {
    for (place, value, says) in [
        (GET.to_owned(), Value::Null, "GET /things/{id}: it is not there any more"),
        (format!("{GET}/operationId"), json!("get_things"), "operation id was \"list_things\""),
        (format!("{GET}/tags"), json!(["Other"]), "tag was [\"Things\"]"),
        (format!("{GET}/security/1"), Value::Null, "does not take {\"apiKey\":[]}"),
        (format!("{PUT}/security"), json!([{"bearer": []}]), "needs a credential now"),
        ("/components/securitySchemes/apiKey/name".to_owned(), json!("L"), "in another way"),
        (format!("{GET}/parameters/1"), Value::Null, "query sort: there is no such parameter"),
        (format!("{GET}/parameters/1/required"), json!(true), "query sort: it is required now"),
        (format!("{GET}/parameters/1/schema/enum"), json!(["a"]), "\"b\" is not accepted"),
        (format!("{GET}/parameters/2/schema/maxLength"), json!(8), "header if-match: its maxLength is 8"),
        (format!("{GET}/parameters/0/schema/format"), Value::Null, "its format was \"uuid\""),
        (
            format!("{GET}/parameters/-"),
            json!({"name": "new", "in": "query", "required": true, "schema": {}}),
            "query new: it is a new parameter that is required",
        ),
        (format!("{GET}/responses/200"), Value::Null, "200: this status is not documented"),
        (format!("{GET}/responses/200/headers/ETag"), Value::Null, "header ETag: there is no such header"),
        (
            format!("{GET}/responses/200/headers/ETag/required"),
            json!(false),
            "header ETag: it may be missing",
        ),
        (format!("{GET}/responses/200/content"), json!({"text/csv": {}}), "not application/json any more"),
        (format!("{GET}/responses/404"), Value::Null, "404: this status is not documented"),
        (
            "/components/responses/NotFound/content/application~1json/schema/type".to_owned(),
            json!("string"),
            "may be of type string",
        ),
        (format!("{THING}/properties/size"), Value::Null, "Thing as an answer.size: there is no such member"),
        (
            format!("{THING}/properties/id/type"),
            json!(["string", "null"]),
            "Thing as an answer.id: it may be null",
        ),
        (
            format!("{THING}/properties/size/type"),
            json!(["number", "null"]),
            "size: it may be of type number",
        ),
        (format!("{THING}/required"), json!(["id"]), "colour: it may be missing"),
        ("/components/schemas/Colour/enum".to_owned(), Value::Null, "no enumeration any more"),
        ("/components/schemas/Colour/enum".to_owned(), json!(["red"]), "\"green\" is not accepted"),
        (format!("{PUT}/requestBody/required"), json!(true), "body: it is required now"),
        (format!("{PUT}/requestBody"), Value::Null, "body: there is none any more"),
        (
            format!("{INPUT}/required"),
            json!(["name", "size"]),
            "ThingInput as a request.size: it is required now",
        ),
        (format!("{INPUT}/properties/name/minLength"), json!(2), "its minLength is 2 now, and was 1"),
        (format!("{INPUT}/properties/name/pattern"), json!("^a"), "its pattern is \"^a\""),
        (format!("{INPUT}/properties/size/type"), json!(["integer", "null"]), "number is not accepted"),
        (format!("{INPUT}/properties/size/type"), json!("number"), "null is not accepted"),
        (format!("{INPUT}/properties/size/maximum"), json!(9), "its maximum is 9"),
        (format!("{INPUT}/properties/size/exclusiveMinimum"), json!(0), "its exclusiveMinimum is 0"),
        (
            format!("{INPUT}/properties/colour"),
            json!({"$ref": "#/components/schemas/Colour"}),
            "null is not accepted",
        ),
        (format!("{INPUT}/properties/labels/maxItems"), json!(4), "its maxItems is 4"),
        (
            format!("{INPUT}/properties/labels/items/type"),
            json!("integer"),
            "labels[]: string is not accepted",
        ),
        (format!("{INPUT}/properties/place/oneOf/1"), Value::Null, "the alternative {\"type\":\"integer\"}"),
        (format!("{INPUT}/properties/description"), Value::Null, "description: there is no such member"),
        (
            format!("{INPUT}/properties/map/additionalProperties"),
            json!(false),
            "map.*: members that are not named",
        ),
        (
            format!("{INPUT}/properties/map/propertyNames"),
            json!({"maxLength": 1}),
            "its propertyNames has changed",
        ),
        (EVENT.to_owned(), Value::Null, "event thing.created: it is not there"),
        (format!("{EVENT}/parameters/0/required"), json!(false), "header webhook-id: it may be missing"),
        (
            format!("{EVENT}/requestBody/content/application~1json/schema/allOf/1/properties/kind/enum"),
            json!(["y"]),
            "none of its values is left",
        ),
    ] {
        // As the baseline is kept, and as it is written.
        for old in [document(), reduced(&document())] {
            let found = breaks(&old, &changed(&place, value.clone()));
            assert!(found.iter().any(|line| line.contains(says)), "{place} = {value}: {found:#?}");
        }
    }
}

#[test]
fn a_renamed_schema_is_missed() {
    let renamed = document().to_string().replace("ThingInput", "NewThing");
    let found = breaks(&document(), &renamed.parse().expect("JSON"));
    assert_eq!(
        found,
        ["ThingInput: there is no such schema any more, and generated types were called by it"]
    );
}

#[test]
fn additions_are_free() {
    assert_eq!(breaks(&document(), &document()), [""; 0]);
    for (place, value) in [
        ("/paths/~1new".to_owned(), json!({"get": {"operationId": "list_new"}})),
        (format!("{GET}/description"), json!("Words.")),
        (
            format!("{GET}/parameters/-"),
            json!({"name": "new", "in": "query", "required": false, "schema": {}}),
        ),
        (format!("{GET}/parameters/1/schema/enum"), json!(["a", "b", "c"])),
        (format!("{GET}/parameters/2/schema/maxLength"), Value::Null),
        (format!("{GET}/responses/207"), json!({})),
        (format!("{GET}/responses/200/headers/New"), json!({"schema": {"type": "string"}})),
        (format!("{THING}/properties/new"), json!({"type": "string"})),
        (format!("{THING}/required"), json!(["id", "colour", "size"])),
        (format!("{THING}/properties/size/type"), json!("integer")),
        ("/components/schemas/Colour/enum".to_owned(), json!(["red", "green", "blue"])),
        (format!("{INPUT}/properties/new"), json!({"type": "string"})),
        (format!("{INPUT}/required"), json!([])),
        (format!("{INPUT}/additionalProperties"), json!(true)),
        (format!("{INPUT}/properties/name/type"), json!(["string", "null"])),
        (format!("{INPUT}/properties/name/maxLength"), json!(101)),
        (format!("{INPUT}/properties/place/oneOf/-"), json!({"type": "boolean"})),
        ("/webhooks/thing.deleted".to_owned(), json!({"post": {"operationId": "receive_thing_deleted"}})),
    ] {
        assert_eq!(breaks(&document(), &changed(&place, value)), [""; 0], "{place}");
    }
}

#[test]
fn the_baseline_has_no_words_and_every_name() {
    let mut document = document();
    document["paths"]["/things/{id}"]["get"]["description"] = json!("Words.");
    let small = reduced(&document);
    assert!(small.pointer(&format!("{INPUT}/properties/description")).is_some(), "a member of that name");
    assert!(!small.to_string().contains("Words."));
    assert_eq!(breaks(&small, &document), [""; 0]);
    assert_eq!(breaks(&document, &small), [""; 0]);
}
