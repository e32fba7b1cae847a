//! Plans as text: what is done, by which index, under which conditions. No costs, no values.

use std::fmt::Write;

use serde_json::Value;

/// Tables that grow with a tenant: a hot query reads none of them as a whole.
const LARGE: [&str; 6] = ["contacts", "companies", "leads", "deliveries", "delivery_attempts", "jobs"];

/// A node's conditions, in the order in which they are shown.
const CONDITIONS: [&str; 14] = [
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Order By",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
];

/// A statement's plan.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// As it was sent, or as it stands in a function.
    pub(super) statement: String,
    plan: Value,
    text: String,
}

/// Two statements with one plan are one.
impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Plan {
    /// The plan that a notice of auto_explain tells.
    pub(super) fn parse(notice: &str) -> Option<Self> {
        let (_, json) = notice.split_once("plan:\n")?;
        let mut told: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {notice}"));
        let statement = told["Query Text"].as_str().unwrap_or_default().to_owned();
        let plan = told["Plan"].take();
        let mut text =
            format!("-- {}\n", statement.split_whitespace().next().unwrap_or_default().to_lowercase());
        write_node(&mut text, &plan, 0);
        Some(Self { statement, plan, text })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it looks up a credential: that is believed for seconds, and so is part of a request or not.
    pub(super) fn is_of_a_credential(&self) -> bool {
        ["tenon.find_access(", "tenon.check_api_key(", "wanted_user", "wanted_public_id"]
            .iter()
            .any(|word| self.statement.contains(word))
    }

    /// Whether it asks the catalogue alone: sqlx does, for types that are new to a connection.
    pub(super) fn is_of_the_catalogue(&self) -> bool {
        let mut relations = Vec::new();
        let mut nodes = vec![&self.plan];
        while let Some(node) = nodes.pop() {
            relations.extend(node["Relation Name"].as_str());
            nodes.extend(node["Plans"].as_array().into_iter().flatten());
        }
        !relations.is_empty() && relations.iter().all(|name| name.starts_with("pg_"))
    }

    /// No large table is read as a whole.
    #[track_caller]
    pub(super) fn assert_reads_by_index(&self, query: &str) {
        let mut nodes = vec![&self.plan];
        while let Some(node) = nodes.pop() {
            let relation = node["Relation Name"].as_str().unwrap_or_default();
            let large = LARGE.contains(&relation) || relation.starts_with("events");
            // An empty partition has no index to be read by that would be cheaper.
            let empty = node["Plan Rows"].as_i64().unwrap_or_default() <= 1 && relation.starts_with("events");
            assert!(
                node["Node Type"] != "Seq Scan" || !large || empty,
                "{query} reads all of {relation}:\n{}\n{}",
                self.statement,
                self.text
            );
            nodes.extend(node["Plans"].as_array().into_iter().flatten());
        }
    }
}

fn write_node(text: &mut String, node: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let part = |name: &str| node[name].as_str().unwrap_or_default();
    let mut line = match part("Subplan Name") {
        "" => String::new(),
        name => format!("{}: ", without_values(name)),
    };
    line += part("Node Type");
    for (name, before) in [
        ("Operation", " "),
        ("Strategy", " "),
        ("Join Type", " "),
        ("Index Name", " using "),
        ("Relation Name", " on "),
        ("Function Name", " on "),
        ("CTE Name", " on "),
    ] {
        // What an operation or a strategy is by default says nothing.
        if !part(name).is_empty() && !["Plain", "Inner"].contains(&part(name)) {
            line += &format!("{before}{}", month(part(name)));
        }
    }
    if part("Scan Direction") == "Backward" {
        line += " backward";
    }
    // Writing into a string does not fail.
    let _ = writeln!(text, "{indent}{line}");
    for name in CONDITIONS {
        let condition = match &node[name] {
            Value::String(condition) => condition.clone(),
            Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => continue,
        };
        let _ = writeln!(text, "{indent}    {name}: {}", month(&without_values(&condition)));
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        write_node(text, child, depth + 1);
    }
}

/// Quoted values with their casts, and parameters, as `?`.
fn without_values(condition: &str) -> String {
    let mut out = String::with_capacity(condition.len());
    let mut rest = condition;
    while let Some(at) = rest.find(['\'', '$']) {
        out.push_str(&rest[..at]);
        let quoted = rest[at..].starts_with('\'');
        rest = &rest[at + 1..];
        rest = if quoted { after_quote(rest) } else { rest.trim_start_matches(|c: char| c.is_ascii_digit()) };
        rest = after_cast(rest);
        out.push('?');
    }
    out + rest
}

/// What follows a quoted value; a quote that is twice there is part of it.
fn after_quote(mut rest: &str) -> &str {
    loop {
        let Some(end) = rest.find('\'') else { return "" };
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => rest = more,
            None => return rest,
        }
    }
}

/// What follows `::timestamp with time zone`, `::uuid[]`, …
fn after_cast(rest: &str) -> &str {
    let Some(cast) = rest.strip_prefix("::") else { return rest };
    ["timestamp with time zone", "\"char\"", "pg_snapshot"]
        .iter()
        .find_map(|name| cast.strip_prefix(name))
        .unwrap_or_else(|| {
            cast.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        })
        .trim_start_matches("[]")
}

/// Partitions are named for their months, which pass.
fn month(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("events_2") {
        let name = rest[at..]
            .char_indices()
            .take_while(|(index, c)| *index < 14 && (c.is_ascii_alphanumeric() || *c == '_'));
        let end = at + name.count();
        out.push_str(&rest[..at]);
        out.push_str("events_MONTH");
        rest = &rest[end..];
    }
    out + rest
}

#[test]
fn values_are_left_out() {
    for (condition, expected) in [
        ("(tenant_id = '0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f'::uuid)", "(tenant_id = ?)"),
        ("((name = 'it''s'::text) AND (id = $3))", "((name = ?) AND (id = ?))"),
        ("(id = ANY ('{a,b}'::uuid[]))", "(id = ANY (?))"),
        ("(at > '2026-01-01 00:00:00+00'::timestamp with time zone)", "(at > ?)"),
        ("(tenon.rank() >= 3)", "(tenon.rank() >= 3)"),
    ] {
        assert_eq!(without_values(condition), expected);
    }
    assert_eq!(month("events_2026_11_pkey on events_2026_12 e"), "events_MONTH_pkey on events_MONTH e");
}
