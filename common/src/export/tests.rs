//! What is written can be read: CSV with the `csv` crate, NDJSON line by line.

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::rows::Rows;
use super::{Format, Style};
use crate::formula;

/// A record with a member of each kind that records have.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thing {
    name: String,
    note: Option<String>,
    count: i64,
    price: Option<f64>,
    open: bool,
    kind: Kind,
    by: By,
    tags: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    One,
    TheOther,
}

#[derive(Clone, Debug, Serialize)]
struct By {
    r#type: Kind,
    id: Option<String>,
}

const MEMBERS: &[&str] = &["name", "note", "count", "price", "open", "kind", "by", "tags"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[\"',;=+@\\-\t\r\n ab1＝\u{feff}é]{0,12}", ".{0,40}", "[0-9+. -]{1,12}"]
}

fn thing() -> impl Strategy<Value = Thing> {
    let kind = || prop_oneof![Just(Kind::One), Just(Kind::TheOther)];
    let by = (kind(), proptest::option::of(text())).prop_map(|(r#type, id)| By { r#type, id });
    let price = proptest::option::of(proptest::num::f64::NORMAL | proptest::num::f64::ZERO);
    let tags = proptest::collection::vec(text(), 0..3);
    (text(), proptest::option::of(text()), any::<i64>(), price, any::<bool>(), kind(), by, tags).prop_map(
        |(name, note, count, price, open, kind, by, tags)| Thing {
            name,
            note,
            count,
            price,
            open,
            kind,
            by,
            tags,
        },
    )
}

fn written(things: &[Thing], fields: Option<&[&str]>, style: Style) -> Vec<u8> {
    let mut rows = Rows::new(MEMBERS, fields, style);
    things.iter().for_each(|thing| rows.write(thing).expect("a row"));
    rows.take()
}

/// The names and the rows.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut rows: Vec<Vec<String>> =
        reader.records().map(|record| record.expect("a row").iter().map(str::to_owned).collect()).collect();
    (rows.remove(0), rows)
}

/// The value that a cell stands for, in the place of one that it was.
fn value(cell: &str, was: &Value) -> Value {
    match was {
        Value::String(_) => json!(formula::bare(cell)),
        Value::Null => json!(cell.is_empty().then_some(()).map_or(Some(cell), |()| None)),
        Value::Number(number) if number.is_f64() => json!(cell.parse::<f64>().expect("a number")),
        _ => serde_json::from_str(cell).expect("JSON"),
    }
}

proptest! {
    #[test]
    fn csv_reads_back(things in proptest::collection::vec(thing(), 0..6), raw in any::<bool>()) {
        let style = Style { format: Format::Csv, bom: false, raw };
        let (names, rows) = read(&written(&things, None, style));
        prop_assert_eq!(names, MEMBERS);
        prop_assert_eq!(rows.len(), things.len());
        for (row, thing) in rows.iter().zip(&things) {
            let was = serde_json::to_value(thing).expect("JSON");
            for (cell, member) in row.iter().zip(MEMBERS) {
                let was = &was[*member];
                let is = if raw && was.is_string() { json!(cell) } else { value(cell, was) };
                prop_assert_eq!(&is, was, "{}", member);
            }
        }
    }

    #[test]
    fn no_cell_is_a_formula(things in proptest::collection::vec(thing(), 1..4)) {
        let (_, rows) = read(&written(&things, None, Style::of(Format::Csv)));
        for cell in rows.iter().flatten() {
            prop_assert!(cell.starts_with('\'') || !formula::is_formula(cell), "{:?}", cell);
        }
    }

    #[test]
    fn ndjson_is_what_the_record_serializes_to(things in proptest::collection::vec(thing(), 0..4)) {
        let bytes = written(&things, None, Style::of(Format::Ndjson));
        let text = String::from_utf8(bytes).expect("UTF-8");
        let expected: Vec<String> = things.iter().map(|thing| serde_json::to_string(thing).expect("JSON")).collect();
        prop_assert_eq!(text.split_terminator('\n').collect::<Vec<_>>(), expected);
    }
}

fn sample() -> Thing {
    let by = By { r#type: Kind::TheOther, id: None };
    let tags = vec!["a".to_owned(), "b".to_owned()];
    Thing {
        name: "=1".to_owned(),
        note: None,
        count: -1,
        price: Some(1250.0),
        open: true,
        kind: Kind::TheOther,
        by,
        tags,
    }
}

#[test]
fn a_table_is_as_rfc_4180_has_it() {
    let bytes = written(&[sample(), sample()], None, Style { bom: true, ..Style::of(Format::Csv) });
    let line = "'=1,,-1,1250,true,theOther,\"{\"\"type\"\":\"\"theOther\"\",\"\"id\"\":null}\",\"[\"\"a\"\",\"\"b\"\"]\"\r\n";
    let expected = format!("\u{feff}name,note,count,price,open,kind,by,tags\r\n{line}{line}");
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), expected);
}

#[test]
fn some_members_are_written_in_the_records_order() {
    let fields: &[&str] = &["tags", "count"];
    let csv = written(&[sample()], Some(fields), Style::of(Format::Csv));
    assert_eq!(String::from_utf8(csv).expect("UTF-8"), "count,tags\r\n-1,\"[\"\"a\"\",\"\"b\"\"]\"\r\n");
    let ndjson = written(&[sample()], Some(fields), Style::of(Format::Ndjson));
    assert_eq!(String::from_utf8(ndjson).expect("UTF-8"), "{\"count\":-1,\"tags\":[\"a\",\"b\"]}\n");
    // One empty cell is no empty line.
    let alone = written(&[sample()], Some(&["note"]), Style::of(Format::Csv));
    assert_eq!(String::from_utf8(alone).expect("UTF-8"), "note\r\n\"\"\r\n");
}
