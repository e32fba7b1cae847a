//! What bounds a worker's memory.

use serde_json::json;

use super::{Setting, ask, exported, stands};
use crate::exports::fill;

#[tokio::test]
async fn a_file_takes_no_more_memory_for_more_records() {
    let setting = Setting::start().await;
    let admin = &setting.admin;
    fill(&mut setting.app.connect().await, setting.acme.id.0, 100_000).await;
    let mib = |name: &str| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", setting.worker.id()));
        let status = status.expect("the process's memory");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    };
    for format in ["ndjson", "xlsx"] {
        exported(admin, json!({"object": "contacts", "format": format, "filter": "title = Founder"})).await;
    }
    let before = mib("VmRSS:");
    for format in ["ndjson", "xlsx"] {
        let export = ask(admin, json!({"object": "contacts", "format": format})).await;
        let export = stands(admin, &export, "succeeded").await;
        assert_eq!(export["rows"], 100_000);
        let grown = mib("VmHWM:") - before;
        eprintln!("{format}: {grown} MiB more than {before} for {} bytes", export["bytes"]);
        assert!(grown <= 48, "{grown} MiB more for {export}");
    }
}
