//! Where the programs come from: the PATH, or a virtual environment that is made once.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Context as _, Error, Result};

/// The version that is installed where none is on the PATH.
const MOTO_VERSION: &str = "5.2.1";

/// The emulator's program.
pub(super) struct Program {
    pub path: PathBuf,
    /// Whether `infra` installed it, which then knows its version.
    own: bool,
}

impl Program {
    /// The version of moto that it runs, as the Python beside it says.
    pub(super) fn version(&self) -> Option<String> {
        if self.own {
            return Some(MOTO_VERSION.to_owned());
        }
        let python = self.path.with_file_name("python3");
        let output = Command::new(python).args(["-c", "import importlib.metadata as m; print(m.version('moto'))"]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    }
}

pub(super) fn find_or_install(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Program> {
    if let Some(path) = on_path("moto_server") {
        return Ok(Program { path, own: false });
    }
    let home = folder.join(format!("moto-{MOTO_VERSION}"));
    let program = |home: &Path| Some(home.join("bin").join("moto_server"));
    let moto = Package {
        what: "the local cloud",
        requirement: format!("moto[server]=={MOTO_VERSION}"),
        announcement: format!(
            "installing moto {MOTO_VERSION}, the emulator behind the local cloud, into {} (once, about half a minute)",
            home.display()
        ),
        otherwise: ", or put a moto_server on the PATH",
        log: folder.join("install.log"),
    };
    let path = moto.environment(&home, &program, say)?;
    Ok(Program { path, own: true })
}

/// A package of the Python Package Index that is installed once, in a virtual environment of its own.
pub(super) struct Package {
    /// What needs it.
    pub what: &'static str,
    /// As pip wants it.
    pub requirement: String,
    /// What is said before it is installed.
    pub announcement: String,
    /// What else a person may do, beginning with a comma.
    pub otherwise: &'static str,
    /// Where all goes that the installation says.
    pub log: PathBuf,
}

impl Package {
    /// The program in the environment, which is made where it is not there or not whole.
    pub(super) fn environment(
        &self,
        home: &Path,
        program: &dyn Fn(&Path) -> Option<PathBuf>,
        say: &mut dyn FnMut(&str),
    ) -> Result<PathBuf> {
        // Written last: without it the installation was not finished.
        let finished = home.join("finished");
        let found = || program(home).filter(|it| it.exists());
        // Its Python may have left the machine since, and the link to it leads nowhere.
        if finished.exists()
            && home.join("bin").join("python3").exists()
            && let Some(path) = found()
        {
            return Ok(path);
        }
        self.install(home, say)?;
        let path = found().ok_or_else(|| self.failed(format!("{} has no such program", self.requirement), "report it".to_owned()))?;
        fs::write(&finished, b"").on("writing", &finished)?;
        say("installed");
        Ok(path)
    }

    fn install(&self, home: &Path, say: &mut dyn FnMut(&str)) -> Result<()> {
        match fs::remove_dir_all(home) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).on("removing", home),
            _ => {}
        }
        let log = &self.log;
        let otherwise = self.otherwise;
        say(&self.announcement);
        run(Command::new("python3").args(["-m", "venv"]).arg(home), log).map_err(|why| match why {
            Failure::Missing => self.failed(
                "there is no python3".to_owned(),
                "install Python 3.10 or newer with its venv module, e.g. `apt-get install python3 python3-venv`".to_owned(),
            ),
            Failure::Said(text) if text.contains("ensurepip") || text.contains("No module named venv") => self.failed(
                "Python's venv module is not there".to_owned(),
                format!("install it, e.g. `apt-get install python3-venv`{otherwise}"),
            ),
            Failure::Said(text) => {
                self.failed(format!("`python3 -m venv` failed: {}", tail(&text)), format!("see {}{otherwise}", log.display()))
            }
        })?;
        let pip = home.join("bin").join("python3");
        let wanted = &self.requirement;
        let arguments = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", wanted];
        run(Command::new(&pip).args(arguments), log).map_err(|why| {
            let text = match why {
                Failure::Missing => format!("there is no {}", pip.display()),
                Failure::Said(text) => tail(&text),
            };
            self.failed(
                format!("`pip install {wanted}` failed: {text}"),
                format!("it needs Python 3.10 or newer and a package index (PIP_INDEX_URL); see {}{otherwise}", log.display()),
            )
        })
    }

    fn failed(&self, why: String, help: String) -> Error {
        Error::Install { what: self.what, why, help }
    }
}

pub(super) enum Failure {
    /// There is no such program.
    Missing,
    /// All that it said.
    Said(String),
}

/// Runs a command to its end; all that it says goes to the log.
pub(super) fn run(command: &mut Command, log: &Path) -> Result<(), Failure> {
    let output = command.stdin(std::process::Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Missing,
        _ => Failure::Said(error.to_string()),
    })?;
    let said = [output.stdout, output.stderr].concat();
    // The log only helps; what matters of it is also in the error.
    let _ = fs::write(log, &said);
    if output.status.success() { Ok(()) } else { Err(Failure::Said(String::from_utf8_lossy(&said).into_owned())) }
}

/// The last line that says something.
pub(super) fn tail(text: &str) -> String {
    text.lines().rev().map(str::trim).find(|it| !it.is_empty()).unwrap_or("it said nothing").to_owned()
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // An entry that is not absolute would make it depend on where the user stands.
    env::split_paths(&path).filter(|it| it.is_absolute()).map(|it| it.join(name)).find(|it| is_executable(it))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}
