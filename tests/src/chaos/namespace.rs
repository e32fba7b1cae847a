//! A network of a program's own: a namespace of Linux, joined to this machine by two ends of a wire that can delay, lose, and be pulled.

use nix::unistd::geteuid;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Duration;
use tokio::time::sleep;

use crate::Program;
use crate::process::is_running;

const PREFIX: &str = "tenon-chaos-";
/// The wire's end inside.
const INSIDE: &str = "tenon0";

/// It is taken down with this value, or by the next run.
pub(super) struct Namespace {
    name: String,
    /// The wire's end outside.
    outside: String,
    host: Ipv4Addr,
    guest: Ipv4Addr,
}

impl Namespace {
    /// A new one, or why there is none.
    pub(super) fn make() -> Result<Self, String> {
        if !cfg!(target_os = "linux") || !geteuid().is_root() {
            return Err("network namespaces need Linux, and root".to_owned());
        }
        sweep()?;
        let pid = std::process::id();
        // Of the addresses for measurements (RFC 2544), which are nobody's; four of them to each process.
        let [.., third, fourth] = (pid % 0x4000 * 4).to_be_bytes();
        let (host, guest) =
            (Ipv4Addr::new(198, 18, third, fourth + 1), Ipv4Addr::new(198, 18, third, fourth + 2));
        let namespace = Self { name: format!("{PREFIX}{pid}"), outside: format!("tenon{pid}"), host, guest };
        namespace.build()?;
        Ok(namespace)
    }

    fn build(&self) -> Result<(), String> {
        let Self { name, outside, host, guest } = self;
        ip(&format!("netns add {name}"))?;
        ip(&format!("link add {outside} type veth peer name {INSIDE} netns {name}"))?;
        ip(&format!("address add {host}/30 dev {outside}"))?;
        ip(&format!("link set {outside} up"))?;
        ip(&format!("-n {name} address add {guest}/30 dev {INSIDE}"))?;
        ip(&format!("-n {name} link set {INSIDE} up"))?;
        ip(&format!("-n {name} link set lo up"))
    }

    /// This machine's address on the wire.
    pub(super) fn host(&self) -> IpAddr {
        self.host.into()
    }

    /// For `TENON_WEBHOOK_ALLOWED_SUBNETS`.
    pub(super) fn subnet(&self) -> String {
        format!("{}/32", self.host)
    }

    /// A program that has no other network.
    pub(super) fn of(&self, program: Program) -> Program {
        program.through(["ip", "netns", "exec", &self.name])
    }

    /// Both ends delay and lose by chance, or why they do not.
    pub(super) fn disturb(&self, netem: &str) -> Result<(), String> {
        let Self { name, outside, .. } = self;
        run("tc", &format!("qdisc replace dev {outside} root netem {netem}"))?;
        run("tc", &format!("-n {name} qdisc replace dev {INSIDE} root netem {netem}"))
    }

    /// No more.
    pub(super) fn calm(&self) -> Result<(), String> {
        let Self { name, outside, .. } = self;
        run("tc", &format!("qdisc delete dev {outside} root"))?;
        run("tc", &format!("-n {name} qdisc delete dev {INSIDE} root"))
    }

    /// Nothing passes for this long, and nobody is told.
    pub(super) async fn pull(&self, time: Duration) -> Result<(), String> {
        ip(&format!("link set {} down", self.outside))?;
        sleep(time).await;
        ip(&format!("link set {} up", self.outside))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What is not there need not be removed, and what stays is swept by the next run.
        ip(&format!("link delete {}", self.outside)).ok();
        ip(&format!("netns delete {}", self.name)).ok();
    }
}

/// Those of runs that were killed.
fn sweep() -> Result<(), String> {
    for line in run_for_text("ip", "netns list")?.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let Some(pid) = name.strip_prefix(PREFIX).and_then(|pid| pid.parse().ok()) else { continue };
        if !is_running(pid) {
            ip(&format!("link delete tenon{pid}")).ok();
            ip(&format!("netns delete {name}"))?;
        }
    }
    Ok(())
}

fn ip(arguments: &str) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    run_for_text(program, arguments).map(drop)
}

fn run_for_text(program: &str, arguments: &str) -> Result<String, String> {
    let output = Command::new(program).args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("{program} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {arguments}: {}", said.lines().next().unwrap_or("it failed")))
}
