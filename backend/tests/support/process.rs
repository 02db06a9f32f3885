//! Processes that live as long as the test run and not longer, and what they need installed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs a program beneath a shell that ends it as soon as this process is gone, however that happens: the shell waits for its
/// input, whose other end only this process holds.
pub struct Guarded {
    shell: Child,
    input: Option<ChildStdin>,
}

/// Files that whoever started the tests left open, such as locks, are none of its business.
/// PostgreSQL ends at once on the first signal; the others do not hear it, as a shell makes its background deaf to it.
const GUARD: &str = r#"exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; "$@" </dev/null 2>&1 & pid=$!; cat >/dev/null; exec 2>&-; kill -INT $pid; kill -TERM $pid; wait $pid"#;

impl Guarded {
    /// Starts a program and waits for the line that says that it is ready.
    pub fn start(program: &Path, arguments: &[String], user: Option<u32>, ready: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).arg(program).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        command.envs([("MOTO_IAM_LOAD_MANAGED_POLICIES", "false"), ("LC_ALL", "C")]).current_dir("/");
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut shell = command.spawn().unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let input = shell.stdin.take();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let mut said = String::new();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.contains(ready) => break,
                Some(Ok(line)) => said.push_str(&(line + "\n")),
                _ => panic!("{} ended before it was ready:\n{said}", program.display()),
            }
        }
        // Whatever it says from now on must not block it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { shell, input }
    }

    /// Ends it and waits until it has ended.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

/// A port that nobody listens on at this moment, and that nobody is given who asks for any: a server that is stopped for a while can
/// have it again.
pub fn free_port() -> u16 {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Several runs at once begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let number = begin.wrapping_add(NUMBER.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let port = 20_000 + u16::try_from(number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The folder of a virtual environment with one package in it, made on first use.
pub fn environment(name: &str, requirement: &str, parent: &Path) -> PathBuf {
    std::fs::create_dir_all(parent).unwrap();
    let lock = File::create(parent.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = parent.join(name);
    let mark = folder.join("complete");
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == requirement) {
        return folder;
    }
    eprintln!("installing {requirement} into {} (once)", folder.display());
    let _ = std::fs::remove_dir_all(&folder);
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", requirement]));
    std::fs::write(mark, requirement).unwrap();
    folder
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
