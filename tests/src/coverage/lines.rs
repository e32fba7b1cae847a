//! The lines that were run: read from the counters, and from the maps of the code that the compiler put into the programs.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use llvm_profparser::{CoverageMapping, merge_profiles};

use crate::checkout;

/// The packages whose lines count.
const PACKAGES: [&str; 3] = ["api", "common", "worker"];

/// Of each file, by its path in the checkout: the lines on which code begins, and whether some of it was run.
pub(super) type Lines = BTreeMap<PathBuf, BTreeMap<usize, bool>>;

/// Reads them.
pub(super) fn read(profiles: &[PathBuf], programs: &[PathBuf]) -> Result<Lines> {
    let counted = merge_profiles(profiles).context("the counters cannot be read")?;
    let mut lines = Lines::new();
    for program in programs {
        // One at a time: a program's map takes some hundred megabytes.
        let program = std::slice::from_ref(program);
        let mapping = CoverageMapping::new(program, &counted, false)?;
        let report = mapping.generate_subreport(|paths| paths.iter().any(|path| own(path).is_some()))?;
        for (path, regions) in &report.files {
            let Some(path) = own(path) else { continue };
            let file = lines.entry(path).or_default();
            for (place, count) in &regions.hits {
                *file.entry(place.line_start).or_default() |= *count > 0;
            }
        }
    }
    for (path, file) in &mut lines {
        let text = fs::read_to_string(checkout::root().join(path))?;
        let written = written_lines(&text);
        file.retain(|line, _| written.contains(line));
    }
    lines.retain(|_, file| !file.is_empty());
    Ok(lines)
}

/// Its path in the checkout, where it is a file of the product's.
fn own(path: &Path) -> Option<PathBuf> {
    let path = path.strip_prefix(checkout::root()).unwrap_or(path);
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    let package = parts.next()?;
    let is_source = PACKAGES.contains(&&*package) && parts.next()? == "src";
    let is_test = parts.any(|part| part == "tests" || part == "tests.rs");
    (path.is_relative() && is_source && !is_test).then(|| path.to_owned())
}

/// The lines of a file that count: not those of its own module of tests, which stands at its end, nor attributes, of which what a macro
/// makes is said to be a part.
fn written_lines(text: &str) -> HashSet<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    let written = lines.iter().take(tests.unwrap_or(lines.len())).enumerate();
    written.filter(|(_, line)| !line.trim_start().starts_with("#[")).map(|(index, _)| index + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_product_count() {
        let root = checkout::root();
        let file = PathBuf::from("common/src/queue/fetcher.rs");
        assert_eq!(own(&root.join(&file)), Some(file.clone()));
        assert_eq!(own(&file), Some(file));
        for other in [
            "tests/src/app.rs",
            "common/src/tasks/tests.rs",
            "common/tests/a.rs",
            "/rustc/library/std/src/lib.rs",
        ] {
            assert_eq!(own(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn modules_of_tests_and_what_macros_make_do_not_count() {
        let written = |text| {
            let mut lines: Vec<usize> = written_lines(text).into_iter().collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(written("fn one() {}\n\n#[cfg(test)]\nmod tests {\n"), [1, 2]);
        assert_eq!(written("    #[derive(Debug)]\nstruct One;\n#[cfg(test)]\nfn one() {}\n"), [2, 4]);
    }
}
