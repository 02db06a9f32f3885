//! Options that several commands share.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, ValueEnum};

/// What every command takes.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// Work as if started in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub folder: Option<PathBuf>,
    /// When to use colour: on a terminal without NO_COLOR, or as said
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// Which stacks, for which environment.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Selection {
    /// The environment; `local` is the local cloud [default: the only one declared]
    #[arg(long, value_name = "NAME", env = "INFRA_ENV", hide_env_values = true)]
    pub env: Option<String>,
    /// Only this stack: its name, or the path of its file [default: every file in stacks/]
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    /// Set a variable of the stack file; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, String)>,
    /// The AWS profile to take credentials and region from
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

impl Selection {
    /// The variables by name; of several with the same name the last counts.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        self.vars.iter().cloned().collect()
    }
}

/// Which resources of a stack.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Limits {
    /// Only this resource and what it needs; may be repeated
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<String>,
    /// Not this resource, nor what needs it; may be repeated
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub excludes: Vec<String>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

impl From<Color> for infra::report::Color {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}
