use calamine::{Data, Reader, Xlsx};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn sheet(raw: bool, most: u32) -> Sheet {
    let column = |name, kind| Column { name, kind };
    let columns = vec![
        column("text", Some(Kind::Text)),
        column("at", Some(Kind::Instant)),
        column("day", Some(Kind::Date)),
        column("other", None),
    ];
    Sheet { name: "sheet", columns, raw, most }
}

fn written(wanted: &Sheet, records: &[Value]) -> Result<Vec<Vec<Data>>> {
    let (pages, read) = mpsc::channel(2);
    let page: String = records.iter().map(|record| format!("{record}\n")).collect();
    pages.try_send(Some(page.into_bytes())).expect("room");
    pages.try_send(None).expect("room");
    let mut workbook: Xlsx<_> = Xlsx::new(std::io::BufReader::new(write(wanted, read)?)).expect("a workbook");
    let range = workbook.worksheet_range("sheet").expect("a sheet");
    Ok(range.rows().map(<[Data]>::to_vec).collect())
}

#[test]
fn a_cell_is_what_its_member_is() {
    let records = [
        json!({"text": "=1+1", "at": "2026-01-31T12:30:15.250Z", "day": "2026-02-28", "other": 12.5}),
        json!({"text": "", "at": "1900-02-28T00:00:00Z", "day": "soon", "other": true}),
        json!({"text": null, "at": null, "day": null, "other": [1, {"a": "=2"}]}),
        json!({"text": "2026-02-28", "at": null, "day": null, "other": 9_007_199_254_740_993_i64}),
    ];
    let rows = written(&sheet(false, 10), &records).expect("written");
    let text = |text: &str| Data::String(text.to_owned());
    assert_eq!(rows[0], ["text", "at", "day", "other"].map(text));
    let [Data::String(formula), Data::DateTime(at), Data::DateTime(day), Data::Float(number)] = &rows[1][..]
    else {
        panic!("{:?}", rows[1]);
    };
    assert_eq!((formula.as_str(), *number), ("=1+1", 12.5));
    assert_eq!(at.to_ymd_hms_milli(), (2026, 1, 31, 12, 30, 15, 250));
    assert_eq!(day.to_ymd_hms_milli(), (2026, 2, 28, 0, 0, 0, 0));
    assert_eq!(rows[2], [Data::Empty, text("1900-02-28T00:00:00Z"), text("soon"), Data::Bool(true)]);
    assert_eq!(rows[3][3], text("[1,{\"a\":\"=2\"}]"));
    assert_eq!((&rows[4][0], &rows[4][3]), (&text("2026-02-28"), &text("9007199254740993")));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let record = json!({"text": "one", "at": null, "day": null, "other": null});
    let code = |refused: Result<Vec<Vec<Data>>>| match refused {
        Err(Error::File(code, message)) => (code, message),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        written(&sheet(false, 4), &[record.clone(), record.clone(), record.clone()]).expect("all").len(),
        4
    );
    let (code_of_rows, message) = code(written(&sheet(false, 4), &vec![record; 4]));
    assert_eq!(code_of_rows, "TOO_MANY_ROWS");
    assert!(message.contains("at most 3 rows"), "{message}");
    let longest = json!({"text": "x".repeat(32_767)});
    assert_eq!(written(&sheet(false, 4), std::slice::from_ref(&longest)).expect("it fits").len(), 2);
    let (code, message) = code(written(&sheet(false, 4), &[longest, json!({"text": "x".repeat(32_768)})]));
    assert_eq!(code, "CELL_TOO_LONG");
    assert!(message.contains("text of row 2"), "{message}");
}

#[test]
fn a_workbook_that_is_given_up_is_none() {
    let (pages, read) = mpsc::channel(1);
    pages.try_send(Some(b"{\"text\":\"one\"}\n".to_vec())).expect("room");
    drop(pages);
    assert!(write(&sheet(false, 10), read).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn texts_come_out_as_they_went_in(texts in prop::collection::vec("['=+@_x0041 <&>\\-\"]{1,9}|[^\u{0}\r\n\u{fffe}\u{ffff}]{1,20}", 1..20), raw: bool) {
        let records: Vec<Value> = texts.iter().map(|text| json!({"text": text})).collect();
        let rows = written(&sheet(raw, 100), &records).expect("written");
        for (row, text) in rows[1..].iter().zip(&texts) {
            let Data::String(cell) = &row[0] else { panic!("{row:?} of {text:?}") };
            prop_assert_eq!(if raw { cell } else { formula::bare(cell) }, text);
        }
    }
}
