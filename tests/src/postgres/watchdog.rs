//! Users of a server, counted by the kernel: each holds a FIFO open, and at its end the watchdog stops the server.

use super::account::Account;
use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

const SCRIPT: &str = include_str!("watchdog.sh");

/// One user of a server. The server stays up while any user's process is alive and holds one.
#[derive(Debug)]
pub(super) struct Hold {
    run: PathBuf,
    users: File,
}

impl Hold {
    /// Starts the server under a new watchdog, as its first user. `alive` is locked by the caller.
    pub(super) fn first(
        account: Account,
        run: &Path,
        server: Command,
        leftover: Option<&Path>,
        alive: File,
        log: File,
    ) -> Result<Self> {
        let fifo = run.join("users");
        mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR).with_context(|| format!("making {}", fifo.display()))?;
        // Opened for reading first, since opening for writing fails without a reader, and given to the watchdog open, so
        // that it sees our end even if that comes before its start.
        let reader = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&fifo)?;
        let users = open_for_writing(&fifo)?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::empty()))?;
        let script = run.join("watchdog.sh");
        fs::write(&script, SCRIPT)?;
        // Root's file, to be read by the server's user whatever our umask is.
        fs::set_permissions(&script, fs::Permissions::from_mode(0o644))?;
        account
            .command("sh")
            .arg(script)
            .arg(run)
            .arg(leftover.unwrap_or(Path::new("")))
            .arg(server.get_program())
            .args(server.get_args())
            .stdin(reader)
            .stdout(alive)
            .stderr(log)
            // Ctrl-C in a terminal reaches the API and the worker, which still need their database, and not this.
            .process_group(0)
            .spawn()
            .context("starting the server's watchdog")?;
        Ok(Self { run: run.to_owned(), users })
    }

    /// Joins the users of a running server; `None` where it is about to end, or has.
    pub(super) fn join(run: &Path) -> Result<Option<Self>> {
        let users = match open_for_writing(&run.join("users")) {
            Ok(users) => users,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => return Ok(None),
            Err(error) => return Err(error).context("joining the server's users"),
        };
        let hold = Self { run: run.to_owned(), users };
        let word = hex::encode(rand::random::<[u8; 8]>());
        let answer = run.join(format!("hello.{word}"));
        if !hold.say(&word)? {
            return Ok(None);
        }
        while !answer.exists() {
            // An empty word is no question; it fails when nobody reads any more.
            if !run.join("users").exists() || !hold.say("")? {
                return Ok(None);
            }
            sleep(Duration::from_millis(5));
        }
        fs::remove_file(answer)?;
        Ok(Some(hold))
    }

    /// False where nobody listens.
    fn say(&self, word: &str) -> Result<bool> {
        match (&self.users).write_all(format!("{word}\n").as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            // The watchdog is slow, and there.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error).context("speaking to the server's watchdog"),
        }
    }

    /// Ends the last use, in good order, keeping the data.
    pub(super) fn stop(self) -> Result<()> {
        self.say("keep")?;
        Ok(())
    }

    /// Ends the server without a checkpoint, keeping the data.
    pub(super) fn stop_at_once(self) -> Result<()> {
        self.signal(Signal::SIGQUIT)
    }

    /// Kills the server, keeping the data. Its other processes notice at once and end too.
    pub(super) fn kill(self) -> Result<()> {
        self.signal(Signal::SIGKILL)
    }

    fn signal(self, signal: Signal) -> Result<()> {
        self.say("keep")?;
        let pid = fs::read_to_string(self.run.join("server.pid"))?.trim().parse()?;
        ensure!(pid > 1, "the server's process id is {pid}");
        kill(Pid::from_raw(pid), signal).context("ending the server")
    }
}

fn open_for_writing(fifo: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(fifo)
}
