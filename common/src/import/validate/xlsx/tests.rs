use proptest::prelude::*;
use rust_xlsxwriter::{Format, Workbook, Worksheet};

use super::*;
use crate::import::reader::csv::Dialect;
use crate::import::reader::{Cell, Layout, Reader};

/// The rows of a workbook, the names among them, and what else is said of it.
async fn read(workbook: &mut Workbook, sheet: Option<&str>) -> Result<(Vec<Vec<Cell>>, Written)> {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::open(&folder.path().to_string_lossy()).expect("a storage");
    let mut upload = storage.upload("from").await?;
    upload.write(workbook.save_to_buffer().expect("a workbook").into()).await?;
    upload.finish().await?;
    let written = to_csv(&storage, "from", "to", sheet.map(str::to_owned), 1 << 30).await?;
    let layout = Layout::Csv(Dialect { typed: true, ..Dialect::parted_by(b',') });
    let mut reader = Reader::new(storage.clone(), "to".to_owned(), written.bytes, &layout, &[], (0, 1));
    let mut rows = Vec::new();
    while let Some(row) = reader.row().await? {
        assert_eq!(row.broken, None);
        rows.push(row.cells);
    }
    Ok((rows, written))
}

fn texts(sheet: &mut Worksheet, row: u32, texts: &[&str]) {
    for (column, text) in (0..).zip(texts) {
        sheet.write_string(row, column, *text).expect("written");
    }
}

fn row(cells: &[&str]) -> Vec<Cell> {
    cells
        .iter()
        .map(|cell| if cell.is_empty() { Cell::Empty } else { Cell::Text((*cell).to_owned()) })
        .collect()
}

#[tokio::test]
async fn each_row_has_its_own_width_and_what_stands_beside_the_table_is_told_of() {
    let mut workbook = Workbook::new();
    let painted = Format::new().set_bold();
    let sheet = workbook.add_worksheet();
    texts(sheet, 1, &["Name", "Title", "Phone"]);
    sheet.write_blank(1, 3, &painted).expect("painted");
    texts(sheet, 2, &["Ada", "Countess", "1"]);
    for column in 3..600 {
        sheet.write_blank(2, column, &painted).expect("painted");
    }
    texts(sheet, 4, &["Grace"]);
    sheet.write_string(4, 6, "call her back").expect("written");
    texts(sheet, 5, &[" ", "", " "]);
    sheet.write_string(6, 700, "a remark for itself").expect("written");
    texts(sheet, 7, &["Jean", "", "2"]);
    let (rows, written) = read(&mut workbook, None).await.expect("a table");
    assert_eq!(
        rows,
        [
            row(&["Name", "Title", "Phone"]),
            row(&["Ada", "Countess", "1"]),
            row(&["Grace"]),
            row(&["Jean", "", "2"]),
        ]
    );
    let beside = |place, values| Ignored { column: column_name(place), values };
    assert_eq!(written.beside, [beside(6, 1), beside(700, 1)]);
}

#[tokio::test]
async fn a_number_of_more_digits_than_a_workbook_keeps_is_told_from_one_that_is_exact() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    texts(sheet, 0, &["Name", "Id"]);
    for (row, number) in [(1, 12_345_678_901_234_568.0), (2, 123_456_789_012_345.0), (3, 0.5)] {
        sheet.write_string(row, 0, "Ada").expect("written");
        sheet.write_number(row, 1, number).expect("written");
    }
    let (rows, _) = read(&mut workbook, None).await.expect("a table");
    let numbers: Vec<&str> = rows[1..].iter().map(|row| row[1].text()).collect();
    assert_eq!(numbers, ["1.2345678901234568e16", "123456789012345", "0.5"]);
}

#[tokio::test]
async fn the_first_sheet_with_rows_is_read_or_the_one_that_is_asked_for() {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("Cover").expect("named");
    let hidden = workbook.add_worksheet().set_name("Lists").expect("named").set_hidden(true);
    texts(hidden, 0, &["codes"]);
    for name in ["People", "Old"] {
        let sheet = workbook.add_worksheet().set_name(name).expect("named");
        texts(sheet, 0, &["Name"]);
        texts(sheet, 1, &[name]);
    }
    let (rows, written) = read(&mut workbook, None).await.expect("a table");
    assert_eq!((rows[1].clone(), written.sheet.as_str()), (row(&["People"]), "People"));
    assert_eq!(written.other_sheets, ["Cover", "Old", "Lists"]);
    let (rows, _) = read(&mut workbook, Some("Old")).await.expect("a table");
    assert_eq!(rows[1], row(&["Old"]));
    let code = async |workbook: &mut Workbook, sheet| match read(workbook, Some(sheet)).await.map(|_| ()) {
        Err(Error::File(code, message)) => (code, message),
        other => panic!("{other:?}"),
    };
    let (unknown, message) = code(&mut workbook, "people").await;
    assert!(unknown == "UNKNOWN_SHEET" && message.contains("\"People\""), "{message}");
    assert_eq!(code(&mut workbook, "Cover").await.0, "EMPTY_FILE");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What is written into a workbook is read again: texts as texts, numbers as numbers.
    #[test]
    fn what_is_written_is_read(
        table in prop::collection::vec(prop::collection::vec(prop_oneof![
            "x[a-z \",\nä€🙂]{0,8}".prop_map(Cell::Text),
            (-1_000_000i32..1_000_000).prop_map(|n| Cell::Number((f64::from(n) / 64.0).to_string())),
            Just(Cell::Empty),
        ], 3), 0..12),
    ) {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        texts(sheet, 0, &["a", "b", "c"]);
        for (at, cells) in (1..).zip(&table) {
            for (column, cell) in (0..).zip(cells) {
                match cell {
                    Cell::Text(text) => sheet.write_string(at, column, text),
                    Cell::Number(number) => sheet.write_number(at, column, number.parse::<f64>().expect("a number")),
                    _ => sheet.write_blank(at, column, &Format::new().set_italic()),
                }.expect("written");
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (mut rows, _) = runtime.block_on(read(&mut workbook, None)).expect("a table");
        rows.remove(0);
        rows.iter_mut().for_each(|row| row.resize(3, Cell::Empty));
        let said = table.into_iter().filter(|row| row.iter().any(|cell| *cell != Cell::Empty));
        prop_assert_eq!(rows, said.collect::<Vec<_>>());
    }
}
