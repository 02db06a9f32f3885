//! Processes as the system knows them: which one it is, and how it is ended.

use std::{
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// A program that outlives whoever starts it: in a process group of its own, so that Ctrl-C for us is none for it, and without
/// the files that we were given, so that a lock or a pipe of our caller does not stay open until it ends.
pub(super) fn detached(program: &Path) -> Command {
    // The standard library cannot close what was inherited. A shell can, as far as descriptors of one digit go, and then becomes
    // the program: the process stays the same.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec "$0" "$@""#]).arg(program).process_group(0);
    command
}

/// What tells this process from every other that had or will have the same id; nothing when it has ended.
#[cfg(target_os = "linux")]
pub(super) fn identity(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may hold any character, so count from behind it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // Field 22 of the line; the state is field 3.
    let started = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}/{started}", boot.trim()))
}

/// What tells this process from every other that had or will have the same id; nothing when it has ended.
#[cfg(not(target_os = "linux"))]
pub(super) fn identity(pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).env("LC_ALL", "C").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, started) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Ends a process and the group that it leads: first asks, with this signal, then insists.
pub(super) fn end(pid: u32, ask: Signal, grace: Duration, alive: &dyn Fn() -> bool) -> io::Result<()> {
    signal(pid, ask)?;
    let until = Instant::now() + grace;
    while alive() {
        if Instant::now() > until {
            signal(pid, Signal::KILL)?;
        }
        thread::sleep(super::LOOK);
        if Instant::now() > until + grace {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("process {pid} does not end")));
        }
    }
    Ok(())
}

/// Ends a process and the group that it leads, at once.
pub(super) fn kill(pid: u32) -> io::Result<()> {
    signal(pid, Signal::KILL)
}

fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    // 0 and 1 would mean our own group and every process.
    let group = i32::try_from(pid).ok().filter(|it| *it > 1).and_then(Pid::from_raw);
    let group = group.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process id"))?;
    match kill_process_group(group, signal) {
        Err(rustix::io::Errno::SRCH) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
