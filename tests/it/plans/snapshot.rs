//! Plans as they are written down, a file for each query.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use sqlx::PgConnection;

use super::text::Plan;

/// Has the files written anew.
const WRITE: &str = "TENON_WRITE_PLANS";

/// The files of one test.
pub(super) struct Snapshots {
    folder: PathBuf,
    /// `PostgreSQL 15`: another one plans otherwise.
    server: String,
    seen: BTreeSet<String>,
    differences: Vec<String>,
    /// Files of another PostgreSQL, which are not compared.
    others: usize,
    write: bool,
}

impl Snapshots {
    pub(super) async fn open(folder: &str, connection: &mut PgConnection) -> Self {
        let version: i32 =
            sqlx::query_scalar("select current_setting('server_version_num')::integer / 10000")
                .fetch_one(connection)
                .await
                .expect("a version");
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("it/plans/snapshots");
        Self {
            folder: root.join(folder),
            server: format!("PostgreSQL {version}"),
            seen: BTreeSet::new(),
            differences: Vec::new(),
            others: 0,
            write: std::env::var_os(WRITE).is_some(),
        }
    }

    /// Compares a query's plans with the file of its name, or writes that.
    pub(super) fn compare(&mut self, name: &str, asked: &str, first: &[Plan], settled: &[Plan]) {
        let file = self.folder.join(format!("{name}.txt"));
        assert!(self.seen.insert(name.to_owned()), "two queries have the name {name}");
        let mut found = format!("{asked}\n{}\n", self.server);
        for plan in first {
            found += &format!("\n{}", plan.text());
        }
        if first != settled {
            found += "\nOnce the connection has settled on a plan:\n";
            for plan in settled {
                found += &format!("\n{}", plan.text());
            }
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        let same_server = written.lines().nth(1).is_none_or(|server| server == self.server);
        if self.write {
            fs::create_dir_all(&self.folder).expect("a folder");
            fs::write(&file, &found).expect("written");
        } else if !same_server {
            self.others += 1;
        } else if written != found {
            self.differences.push(format!("=== {name}: written down\n{written}\n=== {name}: found\n{found}"));
        }
    }

    /// Fails where something differs, or a file is of no query.
    #[expect(clippy::print_stderr, reason = "what was not compared is said")]
    pub(super) fn end(self) {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match (self.seen.contains(&name), self.write) {
                (true, _) => {}
                (false, true) => fs::remove_file(&file).expect("removed"),
                (false, false) => panic!("{} is of no query", file.display()),
            }
        }
        if self.others > 0 {
            eprintln!(
                "{} plans were written down with another server than {}: not compared",
                self.others, self.server
            );
        }
        assert!(
            self.differences.is_empty(),
            "{} plans are not what is written down; if that is meant, {WRITE}=1 writes them anew:\n{}",
            self.differences.len(),
            self.differences.join("\n")
        );
    }
}
