//! What a file imports of its own package.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file of a room.
pub(super) struct File {
    pub(super) room: String,
    pub(super) lines: usize,
    /// How often it names each of the package's rooms.
    pub(super) named: BTreeMap<String, usize>,
}

/// Programs' own files: they put the package together, and are no room of it.
const NO_ROOMS: [&str; 3] = ["lib", "main", "bin"];

/// The files below `src`.
pub(super) fn files(src: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.extend(file(src, &path)?);
            }
        }
    }
    Ok(files)
}

fn file(src: &Path, path: &PathBuf) -> Result<Option<File>> {
    let inside = path.strip_prefix(src)?.with_extension("");
    let Some(room) = inside.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned())
    else {
        return Ok(None);
    };
    if NO_ROOMS.contains(&room.as_str()) {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Some(File { room, lines: text.lines().count(), named: named(&text) }))
}

/// The rooms that a text names by `crate::room` or `crate::{room, …}`.
pub(super) fn named(text: &str) -> BTreeMap<String, usize> {
    let code = without_comments(text);
    let mut named = BTreeMap::new();
    for (at, root) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$') {
            continue;
        }
        for room in firsts(&code[at + root.len()..]) {
            *named.entry(room).or_default() += 1;
        }
    }
    named
}

/// The first segment of a path, or of each path of a group.
fn firsts(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return identifier(path).into_iter().collect() };
    let mut firsts = Vec::new();
    let (mut depth, mut begins) = (0_usize, true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !letter.is_whitespace() => {
                firsts.extend(identifier(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    firsts
}

fn identifier(text: &str) -> Option<String> {
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Lines without what follows `//`: enough for sources without `/*`, and addresses in strings only lose their ends.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}
