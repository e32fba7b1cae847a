//! Records with values of all sorts, the same in every run.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

/// Texts of which files are afraid.
const AWKWARD: [&str; 26] = [
    "Ada \"the Countess\" Lovelace",
    "a,b;c|d",
    "=HYPERLINK(\"http://example.com\",\"click\")",
    "+A1+B1",
    "+1",
    "-1",
    "|calc",
    "-2+3",
    "@SUM(A1:A9)",
    "'=1+1",
    "''=1+1",
    "'tis",
    "\"",
    "\"\"",
    "\u{feff}=1+1",
    "Zoë Ωμέγα 中文 👩‍👩‍👧 e\u{301}",
    "\u{202e}reversed",
    "_x000D_ _x005F_",
    "&amp; <b>",
    "NULL",
    "true",
    "1e5",
    "007",
    "2026-11-28",
    "[]",
    "{\"a\":1}",
];

/// Ways to write telephone numbers.
const PHONES: [&str; 6] = [
    "+44 (0)20 7946 0958",
    "+1 (415) 555-0123",
    "0049 30/901820",
    "+1234567890",
    "+14155550124",
    "+1 415 555 0125 ext. 5",
];

/// The records that activities are linked with, by kind.
#[derive(Default)]
pub(super) struct Linkable(Vec<(&'static str, String)>);

impl Linkable {
    pub(super) fn add(&mut self, kind: &'static str, records: &[Value]) {
        let ids = records.iter().take(20).map(|record| (kind, tenon_tests::factory::id(record).to_owned()));
        self.0.extend(ids);
    }
}

/// What makes values.
pub(super) struct Values(TestRunner);

impl Values {
    pub(super) fn new() -> Self {
        Self(TestRunner::deterministic())
    }

    fn one<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).expect("a value").current()
    }

    pub(super) fn records(&mut self, object: &str, count: usize, linkable: &Linkable) -> Vec<Value> {
        (0..count).map(|number| self.record(object, number, linkable)).collect()
    }

    fn record(&mut self, object: &str, number: usize, linkable: &Linkable) -> Value {
        let external_id = proptest::option::of(text(20).prop_map(move |text| format!("{text}/{number}")));
        let external_id = json!(self.one(external_id));
        let mut fields: HashMap<&str, Value> = match object {
            "contacts" => self.contact(number),
            "companies" => self.company(number),
            "leads" => self.lead(),
            _ => self.activity(linkable),
        };
        fields.insert("externalId", external_id);
        fields.retain(|_, value| !value.is_null());
        Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    }

    fn contact(&mut self, number: usize) -> HashMap<&'static str, Value> {
        let email = self.one(any::<bool>()).then(|| format!("O'Neil+{number}@Example.com"));
        HashMap::from([
            ("name", json!(self.one(text(100)))),
            ("email", json!(email)),
            ("phone", json!(self.one(proptest::option::of(proptest::sample::select(&PHONES[..]))))),
            ("company", json!(self.one(proptest::option::of(text(100))))),
            ("title", json!(self.one(proptest::option::of(text(100))))),
            ("lifecycle", json!(self.one(proptest::option::of(text(50))))),
        ])
    }

    fn company(&mut self, number: usize) -> HashMap<&'static str, Value> {
        let website = format!("https://example.com/{number}?q=a,b;c'\"x\"&y==");
        HashMap::from([
            ("name", json!(self.one(text(100)))),
            ("website", json!(self.one(any::<bool>()).then_some(website))),
            ("employees", json!(self.one(proptest::option::of(0..10_000_000)))),
            ("domain", json!(format!("bücher{number}.example"))),
        ])
    }

    fn lead(&mut self) -> HashMap<&'static str, Value> {
        let currencies = vec![("EUR", 100.0), ("JPY", 1.0), ("KWD", 1000.0)];
        let money = (0..999_999_999_999_999_i64, proptest::sample::select(currencies));
        let money = self.one(proptest::option::of(money)).map(|(minor, (currency, units))| {
            #[expect(clippy::cast_precision_loss, reason = "at most 15 digits")]
            let value = minor as f64 / units;
            (value, currency)
        });
        let statuses = vec!["new", "contacted", "qualified", "lost"];
        let day =
            (1900..2200, 1..=12, 1..=28).prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"));
        HashMap::from([
            ("title", json!(self.one(text(100)))),
            ("status", json!(self.one(proptest::sample::select(statuses)))),
            ("value", json!(money.map(|(value, _)| value))),
            ("currency", json!(money.map(|(_, currency)| currency))),
            ("expectedCloseDate", json!(self.one(proptest::option::of(day)))),
        ])
    }

    fn activity(&mut self, linkable: &Linkable) -> HashMap<&'static str, Value> {
        let kinds = vec!["note", "call", "task", "email", "meeting"];
        let links = proptest::sample::subsequence(linkable.0.clone(), 0..4);
        let links: Vec<Value> =
            self.one(links).into_iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
        HashMap::from([
            ("kind", json!(self.one(proptest::sample::select(kinds)))),
            ("subject", json!(self.one(text(200)))),
            ("body", json!(self.one(proptest::option::of(lines())))),
            ("occurredAt", json!(self.one(proptest::option::of(instant())))),
            ("dueAt", json!(self.one(proptest::option::of(instant())))),
            ("completedAt", json!(self.one(proptest::option::of(instant())))),
            ("links", json!(links)),
        ])
    }
}

/// A text that is kept as it is: of one line, with no more characters than that.
fn text(most: usize) -> impl Strategy<Value = String> {
    let awkward = proptest::sample::select(&AWKWARD[..]).prop_map(str::to_owned);
    let any = prop_oneof![
        3 => awkward,
        2 => "[\"',;=+@|\\-a-zé ＝\u{feff}\u{301}0-9.]{1,20}",
        2 => "\\PC{1,20}",
        1 => proptest::collection::vec(Just('😀'), 1..=50).prop_map(|faces| faces.into_iter().collect()),
    ];
    any.prop_filter("a text", |text| is_seen(text))
        .prop_map(move |text| text.chars().take(most).collect::<String>())
        .prop_filter("a text still", |text| is_seen(text))
}

/// Whether something of a text is to be seen: blanks, the mark of an encoding, fillers and variations are not.
fn is_seen(text: &str) -> bool {
    let unseen = |c: char| {
        let is_filler = matches!(
            c,
            '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' | '\u{fe00}'
                ..='\u{fe0f}'
        );
        c.is_whitespace() || is_filler || ('\u{e0000}'..='\u{e0fff}').contains(&c)
    };
    !text.chars().all(unseen)
}

/// A text of many lines; sometimes as long as may be.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![text(200), Just("\r".to_owned()), Just("\t".to_owned())];
    let lines = proptest::collection::vec((line, prop_oneof!["\n", "\r\n", "\n\n", " "]), 1..12)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + &end).collect::<String>());
    prop_oneof![
        9 => lines.prop_filter("a text", |lines| is_seen(lines)),
        1 => Just("Zoë\r\n😀\"".repeat(2_500)),
    ]
}

/// An instant to the millisecond.
fn instant() -> impl Strategy<Value = String> {
    let day = (1900..2200, 1..=12, 1..=28);
    let time = prop_oneof![Just((0, 0, 0, 0)), (0..24, 0..60, 0..60, 0..1000)];
    (day, time).prop_map(|((year, month, day), (hour, minute, second, milli))| {
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    })
}
