//! The rooms of a package and who imports whom: `cargo rooms`. A room is a folder or a file directly below `src`. What is counted are the
//! `crate::…` paths of its files, in `use` items and in code; comments and strings count as little as what the compiler generates.

mod graph;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::checkout;
pub use graph::Graph;

/// The packages that have rooms.
pub const PACKAGES: [&str; 4] = ["api", "common", "worker", "tests"];

/// The rooms of a package of this checkout, by its folder.
///
/// # Errors
/// Where its files cannot be read.
pub fn of_package(folder: &str) -> Result<Graph> {
    of_folder(&checkout::root().join(folder).join("src"))
}

/// The rooms below a folder of sources.
///
/// # Errors
/// Where its files cannot be read.
pub fn of_folder(src: &Path) -> Result<Graph> {
    let mut graph = Graph::default();
    for file in read::files(src)? {
        graph.add(&file);
    }
    graph.forget_strangers();
    Ok(graph)
}

impl fmt::Display for Graph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let floors = self.floors();
        let imports: usize = self.arrows().map(|(_, _, count)| count).sum();
        writeln!(
            formatter,
            "{} rooms on {} floors, {} arrows between them, {imports} imports",
            self.rooms.len(),
            floors.len(),
            self.arrows().count()
        )?;
        for (floor, rooms) in floors.iter().enumerate().rev() {
            writeln!(formatter, "\nfloor {floor}")?;
            for ring in rooms {
                for name in ring {
                    let room = &self.rooms[name];
                    let to = room.imports.iter().map(|(to, count)| format!("{to} {count}"));
                    let to = to.collect::<Vec<_>>().join(", ");
                    let size = format!("{} files, {} lines", room.files, room.lines);
                    writeln!(formatter, "  {name:<16} {size:<24} {}", if to.is_empty() { "-" } else { &to })?;
                }
                if ring.len() > 1 {
                    writeln!(formatter, "    a ring: {}", ring.join(", "))?;
                }
            }
        }
        Ok(())
    }
}
