//! Uses the PostgreSQL server in a folder until standard input ends: what the harness's own tests start and kill.
#![expect(clippy::print_stdout, reason = "the server's URL is this program's answer")]

use std::io::Read;
use std::path::Path;
use tenon_tests::{Cluster, Profile};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_default();
    let cluster = Cluster::start(Profile::Test, Path::new(&folder)).await?;
    println!("{}", cluster.admin_url());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
