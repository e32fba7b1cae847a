//! A call by openapi-fetch, with the types that openapi-typescript makes of the document.

use serde_json::{Map, Value};

use super::call::{Call, Place};
use super::literal::{Style, literal};

pub(super) fn written(call: &Call) -> String {
    let mut options = Vec::new();
    let mut parameters = Map::new();
    for (key, place) in [("path", Place::Path), ("query", Place::Query), ("header", Place::Header)] {
        let values: Map<String, Value> =
            call.at(place).map(|parameter| (parameter.name.clone(), parameter.value.clone())).collect();
        if !values.is_empty() {
            parameters.insert(key.to_owned(), Value::Object(values));
        }
    }
    if !parameters.is_empty() {
        options.push(format!("  params: {},\n", literal(&Value::Object(parameters), Style::TypeScript, 2)));
    }
    if let Some((_, body)) = &call.body {
        options.push(format!("  body: {},\n", literal(body, Style::TypeScript, 2)));
    }
    if call.sends_file {
        options.push("  body: (await readFile(\"contacts.csv\")) as never,\n".to_owned());
        options.push("  bodySerializer: (body) => body,\n".to_owned());
        options.push("  headers: { \"Content-Type\": \"application/octet-stream\" },\n".to_owned());
    }
    if call.answers_file {
        options.push("  parseAs: \"stream\",\n".to_owned());
    }
    let options = if options.is_empty() { String::new() } else { format!(", {{\n{}}}", options.concat()) };
    let credential = match call.secured {
        true => "\n  headers: { Authorization: `Bearer ${process.env.TENON_API_KEY}` },",
        false => "",
    };
    let reading = if call.sends_file { "import { readFile } from \"node:fs/promises\";\n" } else { "" };
    format!(
        "{reading}import createClient from \"openapi-fetch\";
import type {{ paths }} from \"./schema\";

const tenon = createClient<paths>({{
  baseUrl: process.env.TENON_URL,{credential}
}});
const {{ data, error }} = await tenon.{method}(\"{path}\"{options});
if (error) throw new Error(`${{error.code}}: ${{error.error}}`);",
        method = call.method,
        path = call.path,
    )
}
