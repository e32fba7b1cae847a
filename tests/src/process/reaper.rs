//! Children that end with us, even if we are killed: a shell that holds their process ids and waits for our end.

use anyhow::{Context, Result};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

const SCRIPT: &str = r#"
children=
while read -r verb pid; do
    others=
    for child in $children; do [ "$child" = "$pid" ] || others="$others $child"; done
    children=$others
    [ "$verb" = forget ] || children="$children $pid"
done
[ -z "$children" ] || kill -KILL $children
"#;

static REAPER: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Kills the child when this process has gone.
pub(crate) fn watch(child: u32) -> Result<()> {
    let mut reaper = REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    let stdin = match reaper.as_mut() {
        Some(stdin) => stdin,
        None => reaper.insert(start()?),
    };
    writeln!(stdin, "watch {child}").context("the reaper of children has gone")
}

/// The child has ended and was waited for: its id may be another's soon.
pub(crate) fn forget(child: u32) {
    if let Some(stdin) = REAPER.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        // Without a reaper there is nothing to forget.
        writeln!(stdin, "forget {child}").ok();
    }
}

fn start() -> Result<ChildStdin> {
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, "tenon-reaper"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C must not end it before us.
        .process_group(0)
        .spawn()
        .context("starting the reaper of children")?;
    shell.stdin.take().context("the reaper has no input")
}
