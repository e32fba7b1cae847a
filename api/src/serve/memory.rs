//! Memory that is given back.
//!
//! glibc's `malloc` learns: when a block of several megabytes is freed (one argon2 has 19), it holds blocks of that size from then on,
//! in each of its arenas, and a server that was busy for a minute keeps some 300 MB for good. With any fixed threshold it does not
//! learn, and gives them back at once. That is a variable of the environment, read before `main`; the other ways are unsafe code or
//! another allocator, which has to be built with every installation.

/// Begins the program anew, in the same process, with glibc's own first threshold as a fixed one. Where somebody has set one, or there is
/// another allocator, or it cannot be done, the program goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    use std::os::unix::process::CommandExt;

    const THRESHOLD: &str = "MALLOC_TRIM_THRESHOLD_";
    const OTHERS: [&str; 3] = ["MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD"];
    if [THRESHOLD].iter().chain(&OTHERS).any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // Answers only where it fails.
    let error = command.args(arguments).env(THRESHOLD, "131072").exec();
    tracing::warn!(%error, "freed memory may be kept");
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
