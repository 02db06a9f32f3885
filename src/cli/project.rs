//! The project: its settings and where its stack files are.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use infra::diagnostic::{Source, nearest};
use serde::Deserialize;

use super::{
    failure::{Failure, Result},
    options::Selection,
};

/// `infra.yaml`, where a project wants other settings than the usual ones.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Project {
    /// The folder of the stack files.
    pub stacks: PathBuf,
    /// The folder of states and journals.
    pub state: PathBuf,
    pub defaults: Defaults,
}

/// What options are taken to be where they are not given.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Defaults {
    pub env: Option<String>,
    pub stack: Option<String>,
    pub profile: Option<String>,
}

impl Default for Project {
    fn default() -> Self {
        Self { stacks: "stacks".into(), state: "state".into(), defaults: Defaults::default() }
    }
}

const SETTINGS: &str = "infra.yaml";

impl Project {
    /// The project in the current folder.
    pub(crate) fn open() -> Result<Self> {
        match fs::read_to_string(SETTINGS) {
            Ok(text) if text.trim().is_empty() => Ok(Self::default()),
            Ok(text) => serde_yaml::from_str(&text).map_err(|error| {
                Failure::invalid(format!("{SETTINGS}: {error}"))
                    .help("it may hold `stacks`, `state` and `defaults` (`env`, `stack`, `profile`)")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::invalid(format!("{SETTINGS} cannot be read: {error}"))),
        }
    }

    /// The texts of the stack files that are meant, in the order of their names.
    pub(crate) fn sources(&self, selection: &Selection) -> Result<Vec<Arc<Source>>> {
        let paths = match selection.stack.as_ref().or(self.defaults.stack.as_ref()) {
            Some(name) => vec![self.find(name)?],
            None => self.files()?,
        };
        if paths.is_empty() {
            return Err(Failure::invalid(format!("there is no stack file in {}/", self.stacks.display()))
                .help("write one, e.g. stacks/network.yaml, or name a file with --stack")
                .help("`-C DIR` works in another folder"));
        }
        paths.iter().map(|path| read(path)).collect()
    }

    /// The file of one stack: by its name, or by its path where the text is one.
    fn find(&self, name: &str) -> Result<PathBuf> {
        if name.ends_with(".yaml") || name.ends_with(".yml") || name.contains('/') {
            return Ok(name.into());
        }
        let files = self.files()?;
        // What the files call their stacks, and then what they are called themselves.
        if let Some(path) = files.iter().find(|it| calls_itself(it, name)).or_else(|| files.iter().find(|it| stem(it) == name)) {
            return Ok(path.clone());
        }
        let failure = Failure::invalid(format!("there is no stack `{name}` in {}/", self.stacks.display()));
        let names: Vec<_> = files.iter().map(|it| stem(it)).collect();
        Err(match nearest(name, names.iter().copied()) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => failure.help("there is none at all; a path that ends in .yaml names a file elsewhere"),
            None => failure.help(format!("there are: {}", names.join(", "))),
        })
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let cannot = |error: io::Error| Failure::invalid(format!("the folder {}/ cannot be read: {error}", self.stacks.display()));
        let entries = match fs::read_dir(&self.stacks) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(cannot(error)),
        };
        let mut files = vec![];
        for entry in entries {
            let path = entry.map_err(cannot)?.path();
            if path.extension().is_some_and(|it| it == "yaml" || it == "yml") && path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

/// Whether a file names its stack so, as far as that can be told without reading it as YAML.
fn calls_itself(path: &Path, name: &str) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let said = text.lines().find_map(|line| line.strip_prefix("stack:"));
    said.is_some_and(|it| it.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']) == name)
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|it| it.to_str()).unwrap_or_default()
}

fn read(path: &Path) -> Result<Arc<Source>> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::invalid(format!("there is no file {shown}")).help("--stack takes the name of a stack or the path of its file")
        }
        _ => Failure::invalid(format!("{shown} cannot be read: {error}")),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|it| **it == b'\n').count() + 1;
        Failure::invalid(format!("{shown}, line {line}: this is no UTF-8 text")).help("save the file as UTF-8")
    })?;
    Ok(Arc::new(Source::new(shown, text)))
}
