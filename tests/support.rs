//! Projects in temporary folders, and the binary run in them.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

pub(crate) const INFRA: &str = env!("CARGO_BIN_EXE_infra");

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with stack files, and a local cloud of its own that ends with it.
pub(crate) struct Project {
    folder: TempDir,
    cache: TempDir,
}

pub(crate) struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        // Where root runs the tests, the database runs as another user, who has to get through.
        let cache = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o711)).tempdir().unwrap();
        let project = Self { folder: TempDir::new().unwrap(), cache };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// Another with the same files, records included.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(&[]);
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let (from, kind) = entry.map(|it| (it.path(), it.file_type().unwrap())).unwrap();
                let to = copy.path().join(from.strip_prefix(self.path()).unwrap());
                if kind.is_dir() {
                    fs::create_dir(to).unwrap();
                    folders.push(from);
                } else {
                    fs::copy(from, to).unwrap();
                }
            }
        }
        copy
    }

    /// One whose local cloud finds the database's programs installed: once for all tests.
    pub(crate) fn with_database() -> Self {
        let project = Self::new(&[]);
        let installed = installed_database();
        let cache = project.cache.path().join("infra");
        fs::create_dir(&cache).unwrap();
        std::os::unix::fs::symlink(installed, cache.join(installed.file_name().unwrap())).unwrap();
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(INFRA);
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        self.surround(&mut command);
        command
    }

    /// Nothing of the user's own settings, and no credentials.
    pub(crate) fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", path_with_moto())
            .env("HOME", self.cache.path())
            .env("INFRA_CACHE_DIR", self.cache.path().join("infra"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1");
    }

    pub(crate) fn infra(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let folder = self.cache.path().join("infra");
        if ["local.json", "database.json"].iter().any(|it| folder.join(it).exists()) {
            let _ = self.command(&["local", "stop"]).output();
        }
    }
}

pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran { code: output.status.code(), stdout: String::from_utf8(output.stdout).unwrap(), stderr: String::from_utf8(output.stderr).unwrap() }
}

impl Ran {
    /// Asserts the exit code, with all that was said where it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// The PATH of the tests, with a `moto_server` on it: where there is none, `infra` installs one for all tests.
pub(crate) fn path_with_moto() -> OsString {
    static PATH: OnceLock<OsString> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = env::var_os("PATH").unwrap_or_default();
        if env::split_paths(&path).any(|it| it.join("moto_server").is_file()) {
            return path;
        }
        let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("moto");
        for action in [&["start", "--no-database"][..], &["stop"]] {
            let status = Command::new(INFRA).arg("local").args(action).env("INFRA_CACHE_DIR", &cache).status().unwrap();
            assert!(status.success(), "the local cloud cannot be installed");
        }
        let installed = fs::read_dir(&cache).unwrap().map(|it| it.unwrap().path().join("bin")).find(|it| it.join("moto_server").exists());
        let folders = [installed.expect("it was just installed")].into_iter().chain(env::split_paths(&path));
        env::join_paths(folders).unwrap()
    })
    .clone()
}

/// The virtual environment with the database's programs, made by `infra` itself.
fn installed_database() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("local-database");
        let infra = |arguments: &[&str]| {
            let mut command = Command::new(INFRA);
            run(command.arg("local").args(arguments).env("INFRA_CACHE_DIR", &cache).env("PATH", path_with_moto())).exits(0).stdout
        };
        infra(&["start"]);
        let status: serde_json::Value = serde_json::from_str(&infra(&["status", "--json"])).unwrap();
        infra(&["stop"]);
        // Not always in that folder: where only root may look, it is elsewhere.
        let program = Path::new(status["database"]["program"].as_str().unwrap());
        let environment = program.ancestors().find(|it| it.join("finished").exists());
        environment.expect("it was just installed").to_owned()
    })
}
