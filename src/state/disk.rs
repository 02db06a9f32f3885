//! The few things done to files, in one place, so that a test can stop each of them half-way.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Each either has its effect on the disk when it returns, or fails; a crash may come in the middle.
pub(super) trait Disk: Send + Sync {
    /// The content; nothing where there is no such file.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Makes a new file that only its owner can read. The folder is not synced yet.
    fn write_new(&self, path: &Path, content: &[u8]) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// No error where there is no such file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder that only its owner can look into, with all above it.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
}

/// The real one.
pub(super) struct LocalDisk;

impl Disk for LocalDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        absent_is_none(std::fs::read(path))
    }

    fn write_new(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        absent_is_none(std::fs::remove_file(path)).map(drop)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        match File::open(path)?.sync_all() {
            // Some filesystems cannot, and then need not.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            other => other,
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        self.make_folder(parent)?;
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            other => other?,
        }
        self.sync_folder(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
    }
}

/// Puts a whole file in the place of another: at every instant the old one or the new one is there.
pub(super) fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    // Only one process writes here at a time, so what a crash leaves of this file is overwritten and not piled up.
    let new = with_suffix(path, ".new");
    disk.remove(&new)?;
    let written = disk.write_new(&new, content).and_then(|()| disk.rename(&new, path));
    if written.is_err() {
        // Nothing half-written stays behind; that it could not be written is what matters, not whether this works.
        disk.remove(&new).ok();
    }
    written?;
    disk.sync_folder(folder(path))
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
