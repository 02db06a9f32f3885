//! An emulator, a proxy before it, and `infra` run through both.

use std::{
    fs,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    emulator::{Emulator, Inventory},
    proxy::{Fault, Proxy, Seen, Strike},
};
use crate::support::{INFRA, Project, Ran, root, run};

/// Far longer than any run takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// Seconds after which `infra` no longer waits for an answer that does not come; longer than the emulator takes for any that does.
const CALL_TIMEOUT: &str = "5";

pub(crate) struct Bench {
    emulator: Emulator,
    proxy: Proxy,
}

impl Bench {
    /// With nothing in the cloud.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// With what is made first in the cloud, which `reset` leads back to.
    pub(crate) fn with(make: impl FnOnce(&Self)) -> Self {
        let emulator = Emulator::start();
        // The first calls make it load its services, which takes as long as all others together.
        emulator.inventory("us-east-1");
        let proxy = Proxy::before(emulator.port);
        let bench = Self { emulator, proxy };
        make(&bench);
        bench.emulator.keep();
        bench
    }

    /// Of the emulator itself, past the proxy.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.emulator.port)
    }

    /// The cloud as it was at the start.
    pub(crate) fn reset(&self) {
        self.emulator.back();
    }

    pub(crate) fn inventory(&self, region: &str) -> Inventory {
        self.emulator.inventory(region)
    }

    /// Runs `infra` in the environment `local`; what it called, with what was to happen at one of its calls.
    pub(crate) fn struck(&self, project: &Project, arguments: &[&str], plan: Option<(usize, Strike)>) -> (Ran, Seen) {
        self.proxy.begin(plan);
        let mut command = project.command(arguments);
        command.env("INFRA_ENV", "local").env("AWS_ENDPOINT_URL", self.proxy.url());
        match plan {
            Some((_, Strike::Fault(Fault::Timeout))) => _ = command.env("INFRA_CALL_TIMEOUT", CALL_TIMEOUT),
            // Only the signal ends the wait.
            Some((_, Strike::Twice)) => _ = command.env("INFRA_CALL_TIMEOUT", "3600"),
            _ => {}
        }
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let process = child.id();
        self.proxy.watch(process);
        let (send, receive) = mpsc::channel();
        thread::spawn(move || send.send(child.wait_with_output().unwrap()));
        let output = receive.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            // It is still ours: nobody has waited for its end.
            let _ = kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), Signal::KILL);
            let output = receive.recv().unwrap();
            panic!("infra {arguments:?} does not end: {}", String::from_utf8_lossy(&output.stderr));
        });
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }, self.proxy.settle())
    }

    pub(crate) fn infra(&self, project: &Project, arguments: &[&str]) -> Ran {
        self.struck(project, arguments, None).0
    }

    /// Runs `infra` where no file can become larger than so many blocks of 512 bytes, which to it is a disk that is full.
    pub(crate) fn without_space(&self, project: &Project, arguments: &[&str], blocks: u32) -> Ran {
        // Without the trap the process would be ended by a signal instead of hearing of it.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, INFRA]).args(arguments).current_dir(project.path()).stdin(Stdio::null());
        project.surround(&mut command);
        self.proxy.begin(None);
        run(command.env("INFRA_ENV", "local").env("AWS_ENDPOINT_URL", self.proxy.url()))
    }
}

/// A project of one stack file of this repository.
pub(crate) fn project_of(path: &str) -> Project {
    let text = fs::read_to_string(root().join(path)).unwrap();
    Project::new(&[(&format!("stacks/{}", path.rsplit('/').next().unwrap()), &text)])
}
