//! `cargo rooms`.
#![expect(clippy::print_stdout, reason = "the rooms are this command's answer")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tenon_tests::{checkout, rooms};

/// The rooms of each package, who imports whom, and where that goes round in a ring.
#[derive(Args)]
pub(super) struct Options {
    /// Folders of sources to look at instead: those of another checkout, say.
    folders: Vec<PathBuf>,
}

/// Prints them.
pub(super) fn print(options: &Options) -> Result<()> {
    let own = || rooms::PACKAGES.map(|package| checkout::root().join(package).join("src")).to_vec();
    let folders = if options.folders.is_empty() { own() } else { options.folders.clone() };
    for folder in folders {
        println!("== {}: {}", folder.display(), rooms::of_folder(&folder)?);
    }
    Ok(())
}
