//! `cargo rooms`: the rooms of each package, who imports whom, and where that goes round in a ring. `cargo rooms FOLDER…` does the same for
//! other folders of sources: those of another checkout, say.
#![expect(clippy::print_stdout, reason = "the rooms are this program's answer")]

use std::path::PathBuf;

use tenon_tests::{checkout, rooms};

fn main() {
    let mut folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        folders.extend(rooms::PACKAGES.map(|package| checkout::root().join(package).join("src")));
    }
    for folder in folders {
        match rooms::of_folder(&folder) {
            Ok(graph) => println!("== {}: {graph}", folder.display()),
            Err(error) => {
                eprintln!("cargo rooms: {error:#}");
                std::process::exit(1);
            }
        }
    }
}
