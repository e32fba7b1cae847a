use ::csv::{QuoteStyle, WriterBuilder};
use proptest::prelude::*;

use super::*;

/// The rows of a file that comes in pieces, with the byte at which each ends, and the line of a quote that is open at the end.
type Rows = (Vec<(usize, Vec<Cell>, Option<&'static str>)>, Option<u64>);

fn rows_of(pieces: &[&[u8]], dialect: Dialect, width: usize) -> Rows {
    let mut parser = Parser::new(dialect, width, 1);
    let (mut found, mut at, mut rest) = (Vec::new(), 0, Vec::new());
    for (index, piece) in pieces.iter().enumerate() {
        rest.extend_from_slice(piece);
        loop {
            let parsed = parser.parse(&rest, index + 1 == pieces.len());
            let (Parsed::Row(used, ..) | Parsed::More(used) | Parsed::OpenQuote(used, _)) = &parsed;
            at += used;
            rest.drain(..*used);
            match parsed {
                Parsed::Row(_, cells, broken) => found.push((at, cells, broken.map(|(code, _)| code))),
                Parsed::More(_) => break,
                Parsed::OpenQuote(_, line) => return (found, Some(line)),
            }
        }
    }
    (found, None)
}

fn rows(pieces: &[&[u8]], width: usize) -> Vec<(usize, Vec<Cell>, Option<&'static str>)> {
    rows_of(pieces, Dialect::parted_by(b','), width).0
}

/// The texts of a file's cells, with what is wrong with each row.
fn read(file: &str, width: usize) -> Vec<(Vec<String>, Option<&'static str>)> {
    let texts = |cells: Vec<Cell>| cells.iter().map(|cell| cell.text().to_owned()).collect();
    rows(&[file.as_bytes()], width).into_iter().map(|(_, cells, broken)| (texts(cells), broken)).collect()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn rows_are_read_from_any_place_where_one_begins() {
    let file = b"a,b\r\n1,\"x\r\n\"\"y\"\"\"\r\n\r\n2,\n3,4,5\n'=1+1,\xff\n6";
    let all = rows(&[file], 2);
    let read: Vec<_> = all.iter().map(|(_, cells, broken)| (cells.clone(), *broken)).collect();
    assert_eq!(
        read,
        [
            (vec![text("a"), text("b")], None),
            (vec![text("1"), text("x\r\n\"y\"")], None),
            (vec![text("2"), Cell::Empty], None),
            (vec![text("3"), text("4"), text("5")], Some("WRONG_CELL_COUNT")),
            (vec![text("=1+1"), text("\u{10ffff}")], Some("INVALID_TEXT")),
            (vec![text("6"), Cell::Empty], None),
        ]
    );
    for (place, (at, ..)) in all.iter().enumerate() {
        let rest = rows(&[&file[*at..]], 2).into_iter().map(|(_, cells, broken)| (cells, broken));
        assert_eq!(rest.collect::<Vec<_>>(), read[place + 1..], "from {at}");
    }
    assert_eq!(Cell::of_text("'=1+1"), text("=1+1"));
    assert_eq!(Cell::of_text("'s"), text("'s"));
}

#[test]
fn a_file_that_ends_within_a_quote_says_where_it_was_opened() {
    for (file, line) in [
        ("kind,body\nnote,\"x\nnote,lost\n", Some(2)),
        ("kind,body\r\nnote,\"a\r\nb\"\r\nnote,\"x", Some(4)),
        ("a\rb,\"", Some(2)),
        ("a,\"b\"\"", Some(1)),
        ("a,\"b\"", None),
        ("a,b\"", None),
    ] {
        assert_eq!(rows_of(&[file.as_bytes()], Dialect::parted_by(b','), 2).1, line, "{file:?}");
    }
}

#[test]
fn text_behind_a_closing_quote_refuses_its_row_and_no_other() {
    let refused = Some("TEXT_BEHIND_QUOTE");
    for (row, cells) in [
        (r#""Ada \"Countess\" L",x"#, [r#""Ada \"Countess\" L""#, "x"]),
        (r#""Ada"  Lovelace,x"#, [r#""Ada"  Lovelace"#, "x"]),
        (r#""a""b" c"d,x"#, [r#""a""b" c"d"#, "x"]),
        (r#"x, "the great" Lovelace"#, ["x", r#""the great" Lovelace"#]),
    ] {
        let cells: Vec<String> = cells.map(str::to_owned).to_vec();
        let good = |a: &str, b: &str| (vec![a.to_owned(), b.to_owned()], None);
        let file = format!("a,b\n{row}\n1,2\n");
        assert_eq!(read(&file, 2), [good("a", "b"), (cells, refused), good("1", "2")], "{row}");
    }
    // Blanks around quotes are none of the cell's, and a quote within a cell without quotes is a character.
    let good = vec![(vec!["a, b".to_owned(), "5\" disk".to_owned()], None)];
    assert_eq!(read("  \"a, b\"  ,5\" disk\n", 2), good);
}

#[test]
fn a_backslash_makes_quotes_characters_where_the_file_is_written_so() {
    let dialect = Dialect { backslash: true, ..Dialect::parted_by(b',') };
    let file = br#""Ada \"Countess\" L","C:\\x\y",\N"#;
    let (found, open) = rows_of(&[file], dialect, 3);
    assert_eq!(
        (found[0].1.clone(), found[0].2, open),
        (vec![text("Ada \"Countess\" L"), text("C:\\x\\y"), text("\\N")], None, None)
    );
}

#[test]
fn rows_have_the_columns_of_the_file_and_rows_of_nothing_are_none() {
    let row = |cells: [&str; 3]| (cells.map(str::to_owned).to_vec(), None);
    let file = "Name,Title,Phone\nX, \n ,\u{a0},\t\n,,\n\"\",,,,\n  \nY,a,b,, ,\nZ\n";
    let wanted =
        [row(["Name", "Title", "Phone"]), row(["X", "", ""]), row(["Y", "a", "b"]), row(["Z", "", ""])];
    assert_eq!(read(file, 3), wanted);
}

#[test]
fn cells_without_quotes_are_numbers_in_what_is_made_of_a_workbook() {
    let dialect = Dialect { typed: true, ..Dialect::parted_by(b',') };
    let (found, _) = rows_of(&[b"\"1.250\",1.250,,\"\"\n"], dialect, 4);
    assert_eq!(found[0].1, [text("1.250"), Cell::Number("1.250".to_owned()), Cell::Empty, Cell::Empty]);
}

/// Cells with all that has a meaning in a table, none of them blank or safe from spreadsheets.
fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec("x[a-z \"\\\\,;|\t'\r\nä€🙂]{0,12}", 3), 1..20)
}

proptest! {
    /// What a standard writer writes, in whatever dialect, is read again, in whatever pieces it comes.
    #[test]
    fn what_is_written_is_read(
        table in table(), delimiter in prop::sample::select(b",;\t|".to_vec()), always: bool, returns: bool, cut in 0usize..2000,
    ) {
        let style = if always { QuoteStyle::Always } else { QuoteStyle::Necessary };
        let end = if returns { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') };
        let mut writer = WriterBuilder::new().delimiter(delimiter).quote_style(style).terminator(end).from_writer(Vec::new());
        for row in &table {
            writer.write_record(row).expect("written");
        }
        let file = writer.into_inner().expect("written");
        let cut = cut.min(file.len());
        let (read, open) = rows_of(&[&file[..cut], &file[cut..]], Dialect::parted_by(delimiter), 3);
        let cells: Vec<Vec<String>> =
            read.iter().map(|(_, cells, _)| cells.iter().map(|cell| cell.text().to_owned()).collect()).collect();
        prop_assert_eq!(&cells, &table);
        prop_assert_eq!(read.iter().find_map(|(.., broken)| *broken).or(open.map(|_| "open")), None);
    }

    #[test]
    fn what_is_written_with_backslashes_is_read(table in table(), cut in 0usize..2000) {
        let dialect = Dialect { backslash: true, ..Dialect::parted_by(b',') };
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('\\', "\\\\").replace('"', "\\\""));
        let lines = table.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n");
        let file = lines.collect::<String>().into_bytes();
        let cut = cut.min(file.len());
        let (read, _) = rows_of(&[&file[..cut], &file[cut..]], dialect, 3);
        let cells: Vec<Vec<String>> =
            read.iter().map(|(_, cells, _)| cells.iter().map(|cell| cell.text().to_owned()).collect()).collect();
        prop_assert_eq!(&cells, &table);
    }

    #[test]
    fn no_bytes_are_too_odd(file in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..300, backslash: bool) {
        let cut = cut.min(file.len());
        let dialect = Dialect { backslash, ..Dialect::parted_by(b',') };
        let in_two = rows_of(&[&file[..cut], &file[cut..]], dialect, 0);
        prop_assert_eq!(in_two, rows_of(&[&file], dialect, 0));
    }

    /// The same, of files that are nearly tables.
    #[test]
    fn no_quotes_are_too_odd(file in "[a,\"\\\\ \r\n]{0,60}", cut in 0usize..60, backslash: bool, width in 0usize..4) {
        let file = file.into_bytes();
        let cut = cut.min(file.len());
        let dialect = Dialect { backslash, ..Dialect::parted_by(b',') };
        let in_two = rows_of(&[&file[..cut], &file[cut..]], dialect, width);
        prop_assert_eq!(in_two, rows_of(&[&file], dialect, width));
    }
}
