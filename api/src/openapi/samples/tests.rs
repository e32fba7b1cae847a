use serde_json::{Value, json};

fn sample(language: &str) -> String {
    let mut document = json!({
        "paths": {"/api/things/{id}": {"patch": {
            "operationId": "update_thing", "tags": ["Small things"], "security": [{"bearer": []}],
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}},
                {"name": "moveTo", "in": "query", "required": true, "schema": {"type": "string", "example": "a b"}},
                {"name": "shade", "in": "query", "required": true, "schema": {"$ref": "#/components/schemas/Shade"}},
                {"name": "size", "in": "query", "required": true, "schema": {"type": "string", "enum": ["s", "m"]}},
                {"name": "colour", "in": "query", "required": false, "schema": {"type": "string"}},
                {"name": "If-Match", "in": "header", "required": false, "schema": {"type": "string"}},
            ],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingPatch"}}}},
        }}},
        "components": {"schemas": {
            "Shade": {"type": "string", "enum": ["light", "dark"]},
            "ThingPatch": {"type": "object", "properties": {"name": {"type": "string"}}},
            "ThingInput": {"type": "object", "example": {"id": null, "name": "It's"}},
        }},
    });
    super::add(&mut document);
    let samples = document["paths"]["/api/things/{id}"]["patch"]["x-codeSamples"].as_array().cloned();
    let found = samples.into_iter().flatten().find(|sample| sample["lang"] == language);
    found.and_then(|sample| sample["source"].as_str().map(str::to_owned)).unwrap_or_default()
}

#[test]
fn a_call_of_the_shell_is_quoted_and_encoded() {
    assert_eq!(
        sample("Shell"),
        r#"curl --fail-with-body -X PATCH "$TENON_URL/api/things/0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f?moveTo=a%20b&shade=light&size=s" \
  -H "Authorization: Bearer $TENON_API_KEY" \
  -H 'If-Match: "v1"' \
  -H 'Content-Type: application/json' \
  -d '{"name": "It'\''s"}'"#
    );
}

#[test]
fn a_call_of_typescript_has_its_parameters_by_place() {
    let source = sample("TypeScript");
    assert!(source.contains("headers: { Authorization: `Bearer ${process.env.TENON_API_KEY}` }"), "{source}");
    assert!(
        source.contains(
            r#"await tenon.PATCH("/api/things/{id}", {
  params: {
    path: { id: "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f" },
    query: { moveTo: "a b", shade: "light", size: "s" },
    header: { "If-Match": "\"v1\"" },
  },
  body: { name: "It's" },
});"#
        ),
        "{source}"
    );
}

#[test]
fn a_call_of_python_names_module_model_and_arguments() {
    let source = sample("Python");
    for line in [
        "from uuid import UUID",
        "from tenon_client.api.small_things import update_thing",
        "from tenon_client.models import ThingPatch",
        "  UUID(\"0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f\"),",
        "  body=ThingPatch.from_dict({\"name\": \"It's\"}),",
        "  move_to=\"a b\",",
        "from tenon_client.models import Shade",
        "  shade=Shade(\"light\"),",
        "  size=UpdateThingSize(\"s\"),",
        "  if_match=\"\\\"v1\\\"\",",
    ] {
        assert!(source.lines().any(|found| found == line), "{line} in {source}");
    }
}

#[test]
fn a_call_of_rust_is_built_of_its_parameters() {
    let source = sample("Rust");
    for line in [
        "let answer = tenon.update_thing()",
        "  .id(\"0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f\".parse::<uuid::Uuid>()?)",
        "  .move_to(\"a b\")",
        "  .body(serde_json::from_value::<types::ThingPatch>(serde_json::json!({\"name\": \"It's\"}))?)",
    ] {
        assert!(source.lines().any(|found| found == line), "{line} in {source}");
    }
}

#[test]
fn long_literals_go_over_lines_and_a_value_fits_its_schema() {
    let components = json!({"schemas": {
        "Batch": {"required": ["items"], "properties": {
            "items": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/Item"}]}},
        }},
        "Item": {"type": "object", "required": ["id", "at", "kind", "n", "on", "more"], "properties": {
            "id": {"type": "string", "format": "uuid"}, "at": {"type": "string", "format": "date-time"},
            "kind": {"$ref": "#/components/schemas/Kind"}, "n": {"type": "number"}, "on": {"type": "boolean"},
            "more": {"type": "object"}, "other": {"type": "string"},
        }},
        "Kind": {"type": "string", "enum": ["call", "note"]},
        "Search": {"properties": {"q": {"type": "string"}, "filter": {"$ref": "#/x"}, "limit": {"type": "integer"}}},
    }});
    let batch = super::values::of_component("Batch", &components);
    let item = json!({
        "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "at": "2026-01-31T12:00:00Z", "kind": "call", "n": 1.5,
        "on": true, "more": {},
    });
    assert_eq!(batch, json!({"items": [item]}));
    let search = super::values::of_component("Search", &components);
    assert_eq!(search["limit"], 50);
    assert_eq!(search["filter"]["op"], ">=");
    let written = super::literal::literal(&batch, super::literal::Style::Json, 0);
    assert!(written.lines().count() > 6, "{written}");
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap_or_default(), batch);
    let python = super::literal::literal(&batch, super::literal::Style::Python, 0);
    assert!(python.contains("\"on\": True,"), "{python}");
}
