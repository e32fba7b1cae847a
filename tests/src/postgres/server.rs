//! One server of ours: its folder, its start, its end.

use super::account::{Account, make_our_folder};
use super::installation::Installation;
use super::place::{base, socket_folder};
use super::profile::Profile;
use super::watchdog::Hold;
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A start, or an end, that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const SUPERUSER: &str = "postgres";

/// A server, running or not. Its folder holds `lock` (who starts it), `alive` (locked while any of its processes lives),
/// `data`, `server.log`, and the folder of the socket where that path is not too long.
#[derive(Debug, Clone)]
pub(super) struct Server {
    profile: Profile,
    account: Account,
    folder: PathBuf,
    run: PathBuf,
    log: PathBuf,
    /// Its data are deleted with its last user.
    passing: bool,
}

impl Server {
    pub(super) fn new(
        profile: Profile,
        folder: PathBuf,
        log: Option<PathBuf>,
        passing: bool,
    ) -> Result<Self> {
        let account = Account::of_server()?;
        sweep_private_folders()?;
        make_our_folder(&folder)?;
        let run = socket_folder(&folder);
        let log = log.unwrap_or_else(|| folder.join("server.log"));
        Ok(Self { profile, account, folder, run, log, passing })
    }

    pub(super) fn admin_url(&self) -> String {
        // The socket's folder stands where other URLs have a host.
        let host: String =
            url::form_urlencoded::byte_serialize(self.run.as_os_str().as_encoded_bytes()).collect();
        format!("postgres://{SUPERUSER}@{}:5432/postgres", host.replace('+', "%20"))
    }

    pub(super) fn log_file(&self) -> &Path {
        &self.log
    }

    pub(super) fn has_ended(&self) -> bool {
        self.run.join("ended").exists()
    }

    /// Joins the server's users where it runs, else starts it.
    pub(super) fn start_or_attach(&self) -> Result<Hold> {
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(alive) = self.lock_alive()? {
                return self.start(alive);
            }
            if let Some(hold) = Hold::join(&self.run)? {
                ensure!(
                    !self.has_ended(),
                    "the server crashed and its users have not noticed: {}",
                    self.log_tail()
                );
                self.wait_until_ready()?;
                return Ok(hold);
            }
            if Instant::now() > end {
                bail!(
                    "the server of {} does not end; stop process {}",
                    self.folder.display(),
                    self.process_id()
                );
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The file whose lock the server's processes share; `None` while there are any.
    fn lock_alive(&self) -> Result<Option<File>> {
        let alive = File::create(self.folder.join("alive"))?;
        match alive.try_lock() {
            Ok(()) => Ok(Some(alive)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    pub(super) fn wait_until_gone(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.lock_alive()?.is_none() {
            ensure!(Instant::now() < end, "process {} does not end: {}", self.process_id(), self.log_tail());
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Deletes what is left of a private server once it has ended.
    pub(super) fn remove(&self) {
        if self.wait_until_gone().is_ok() {
            fs::remove_dir_all(&self.run).ok();
            fs::remove_dir_all(&self.folder).ok();
        }
    }

    fn start(&self, alive: File) -> Result<Hold> {
        let installation = self.find_installation()?;
        match self.start_with(&installation, alive) {
            // Without fsync a crash of the machine can spoil the data, which are only databases of tests.
            Err(_) if !self.profile.durable() && self.data().exists() => {
                self.wait_until_gone()?;
                fs::remove_dir_all(self.data())?;
                let alive = self.lock_alive()?.context("the server is still there")?;
                self.start_with(&installation, alive)
            }
            result => result,
        }
    }

    /// Binaries for the data that there are. Databases of tests are made anew where there are none for them.
    fn find_installation(&self) -> Result<Installation> {
        let found = Installation::find(self.account, self.data_major()?);
        if found.is_ok() || self.profile.durable() || !self.data().exists() {
            return found;
        }
        let other = Installation::find(self.account, None)?;
        fs::remove_dir_all(self.data())?;
        Ok(other)
    }

    fn start_with(&self, installation: &Installation, alive: File) -> Result<Hold> {
        if !self.data().exists() {
            self.make_data(installation)?;
        }
        if self.run.exists() {
            fs::remove_dir_all(&self.run)?;
        }
        self.account.make_folder(&self.run)?;
        let log = OpenOptions::new().create(true).write(true).truncate(true).open(&self.log)?;
        drop(log);
        let log = OpenOptions::new().append(true).open(&self.log)?;
        let data = self.data();
        let leftover = self.passing.then_some(data.as_path());
        let hold = Hold::first(self.account, &self.run, self.command(installation), leftover, alive, log)?;
        self.wait_until_ready()?;
        Ok(hold)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn data_major(&self) -> Result<Option<i32>> {
        match fs::read_to_string(self.data().join("PG_VERSION")) {
            Ok(text) => Ok(Some(text.trim().parse()?)),
            Err(_) => Ok(None),
        }
    }

    /// Made under another name, so that what is half made is never taken for data.
    fn make_data(&self, installation: &Installation) -> Result<()> {
        let unfinished = self.folder.join("data.unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        self.account.make_folder(&unfinished)?;
        // Upper and lower case of all letters where the system knows this name, as it does nearly everywhere.
        let ctype = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };
        let mut output = self.initdb(installation, &unfinished, ctype).output()?;
        if !output.status.success() {
            output = self.initdb(installation, &unfinished, "C").output()?;
        }
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        fs::rename(&unfinished, self.data())?;
        Ok(())
    }

    fn initdb(&self, installation: &Installation, data: &Path, ctype: &str) -> Command {
        let mut command = self.account.command(installation.bin.join("initdb"));
        command
            .args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"])
            .args(["--lc-ctype", ctype])
            .arg("--pgdata")
            .arg(data);
        if !self.profile.durable() {
            command.arg("--no-sync");
        }
        command
    }

    fn command(&self, installation: &Installation) -> Command {
        let mut command = Command::new(installation.bin.join("postgres"));
        command.arg("-D").arg(self.data());
        // No network: there is no port to choose, and who may enter the socket's folder may do everything.
        let socket = format!("unix_socket_directories={}", self.run.display());
        for setting in ["listen_addresses=", "port=5432", "unix_socket_permissions=0700", &socket] {
            command.args(["-c", setting]);
        }
        for setting in self.profile.settings() {
            command.args(["-c", setting]);
        }
        command
    }

    fn wait_until_ready(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.is_ready() {
            ensure!(!self.has_ended(), "PostgreSQL did not start: {}", self.log_tail());
            ensure!(Instant::now() < end, "PostgreSQL is not ready after a minute: {}", self.log_tail());
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The server writes its state to the eighth line of this file (LOCK_FILE_LINE_PM_STATUS in its source). A file that
    /// an earlier server left has another process id in its first line.
    fn is_ready(&self) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        lines.next().is_some_and(|pid| pid.trim() == self.process_id())
            && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    fn process_id(&self) -> String {
        fs::read_to_string(self.run.join("server.pid")).unwrap_or_default().trim().to_owned()
    }

    fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(15)..];
        format!("the end of {} is\n{}", self.log.display(), tail.join("\n"))
    }
}

/// Folders of private servers whose process was killed; the data are already gone.
fn sweep_private_folders() -> Result<()> {
    for entry in fs::read_dir(base()?)?.flatten() {
        let name = entry.file_name();
        let Some(pid) =
            name.to_str().and_then(|name| name.strip_prefix("private-")?.split('-').next()?.parse().ok())
        else {
            continue;
        };
        let alive = entry.path().join("alive");
        let unused = File::open(&alive).is_ok_and(|file| file.try_lock().is_ok());
        if unused && !crate::process::is_running(pid) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
    Ok(())
}
