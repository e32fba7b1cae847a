//! What the kernel says of processes and of the machine (Linux's /proc).

use anyhow::{Context, Result};
use std::fs;

/// Milliseconds of a tick of /proc: Linux shows 100 ticks a second to programs, whatever its own clock.
const TICK_MS: f64 = 10.0;

/// A process's line in /proc/<pid>/stat.
#[derive(Debug, Clone)]
pub(super) struct Stat {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) name: String,
    /// Processor time of its own, in milliseconds.
    pub(super) own_ms: f64,
    /// That of children that have ended and were waited for.
    pub(super) waited_ms: f64,
}

/// All processes.
pub(super) fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(stat).collect()
}

/// One process, while it is there.
pub(super) fn stat(pid: u32) -> Option<Stat> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `1 (name) S 0 …`; the name may hold anything, also brackets.
fn parse(pid: u32, text: &str) -> Option<Stat> {
    let (begin, end) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text.get(end + 2..)?.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(Stat {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        name: text.get(begin + 1..end)?.to_owned(),
        own_ms: (ticks(11)? + ticks(12)?) * TICK_MS,
        waited_ms: (ticks(13)? + ticks(14)?) * TICK_MS,
    })
}

/// The machine's processor time that was used, and that was not, in milliseconds over all processors.
pub(super) fn machine_ms() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|field| field.parse().ok())
        .collect();
    let idle = fields.get(3)? + fields.get(4)?;
    let busy: f64 = fields.iter().sum::<f64>() - idle;
    Some((busy * TICK_MS, idle * TICK_MS))
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(super) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Resident memory of a process, in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// VmRSS.
    pub(crate) now: f64,
    /// VmHWM: the most since the start, or since [`reset_peak`].
    pub(crate) peak: f64,
}

/// The memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let mib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib: f64 = line?.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib / 1024.0)
    };
    let found = mib("VmRSS").zip(mib("VmHWM")).context("/proc tells no memory")?;
    Ok(Memory { now: found.0, peak: found.1 })
}

/// Lets the peak begin anew at what is used now. For processes of the same user.
pub(crate) fn reset_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("resetting the peak of memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let line = "7 (a) (b) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 20 10 20 0 1 0 5 0 0";
        let stat = parse(7, line).unwrap();
        assert_eq!(
            (stat.parent, stat.name.as_str(), stat.own_ms, stat.waited_ms),
            (3, "a) (b", 2000.0, 300.0)
        );
    }
}
