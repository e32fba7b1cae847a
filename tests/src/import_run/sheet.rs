//! The file: its rows by their numbers, and what should become of each.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The columns of the file.
const HEADER: &str = "externalId,name,email,phone,company,title\n";

/// Rows `1..=rows`, all with this title. Of each hundred five are bad.
pub(super) fn file(rows: u64, title: &str) -> String {
    let mut file = String::with_capacity(usize::try_from(rows * 96).unwrap_or_default());
    file.push_str(HEADER);
    for row in 1..=rows {
        let (name, email, phone) = match fault(row) {
            Some("REQUIRED") => (String::new(), email(row), phone(row)),
            Some("INVALID_EMAIL") => (name(row), format!("p{row}@@example.com"), phone(row)),
            Some("INVALID_PHONE") => (name(row), email(row), "12".to_owned()),
            Some("DUPLICATE") => (name(row), email(row - 1), phone(row)),
            _ => (name(row), email(row), phone(row)),
        };
        let too_many = if fault(row) == Some("WRONG_CELL_COUNT") { ",more" } else { "" };
        // A string takes whatever is written to it.
        let _ = writeln!(
            file,
            "{},{name},{email},{phone},Company {},{title}{too_many}",
            external_id(row),
            row % 5_000
        );
    }
    file
}

/// What is wrong with a row, as the import's report names it.
fn fault(row: u64) -> Option<&'static str> {
    match row % 100 {
        3 => Some("REQUIRED"),
        17 => Some("INVALID_EMAIL"),
        31 => Some("INVALID_PHONE"),
        53 => Some("WRONG_CELL_COUNT"),
        71 => Some("DUPLICATE"),
        _ => None,
    }
}

/// The bad rows of a file and what is wrong with them.
pub(super) fn faults(rows: u64) -> BTreeMap<u64, String> {
    (1..=rows).filter_map(|row| Some((row, fault(row)?.to_owned()))).collect()
}

/// How many rows of a file are good.
pub(super) fn good(rows: u64) -> u64 {
    (1..=rows).filter(|row| fault(*row).is_none()).count() as u64
}

/// The `externalId`s of the good rows.
pub(super) fn good_ids(rows: u64) -> impl Iterator<Item = String> {
    (1..=rows).filter(|row| fault(*row).is_none()).map(external_id)
}

fn external_id(row: u64) -> String {
    format!("crm-{row}")
}

fn name(row: u64) -> String {
    format!("Person {row}")
}

fn email(row: u64) -> String {
    format!("p{row}@example{}.com", row % 997)
}

fn phone(row: u64) -> String {
    format!("+1415{:07}", row % 10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_rows_in_a_hundred_are_bad_one_of_each_kind() {
        assert_eq!((good(1_000), faults(1_000).len(), good_ids(100).count()), (950, 50, 95));
        let file = file(200, "x");
        assert_eq!(file.lines().count(), 201);
        assert_eq!(file.lines().filter(|line| line.ends_with(",more")).count(), 2);
    }
}
