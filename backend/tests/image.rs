//! What can be wrong with the image before its compiler runs: files that it names or needs and is not given, a workspace that does not
//! resolve from them, versions that differ.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::process::run;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The instructions of the Dockerfile, each on one line.
fn instructions() -> Vec<String> {
    let whole: String =
        text("backend/Dockerfile").lines().filter(|line| !line.starts_with('#')).map(|line| line.to_owned() + "\n").collect();
    whole.replace("\\\n", " ").lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The files that a build is given: those of the repository, without what is left out for it.
fn context() -> BTreeSet<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let ignored = text("backend/Dockerfile.dockerignore");
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let is_ignored = |path: &Path| {
        ignored.iter().any(|pattern| match pattern.strip_prefix("**/*.") {
            Some(extension) => path.extension().is_some_and(|it| it == extension),
            None if pattern.contains(['*', '?', '!']) => panic!("this test does not know what {pattern} leaves out"),
            None => path.starts_with(pattern),
        })
    };
    let files = listed.split_terminator('\0').map(PathBuf::from);
    files.filter(|path| root().join(path).is_file() && !is_ignored(path)).collect()
}

#[test]
fn what_is_copied_is_there() {
    let (context, instructions) = (context(), instructions());
    let mut copies = 0;
    for (index, line) in instructions.iter().enumerate().filter(|(_, line)| line.starts_with("COPY ")) {
        let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
        words.pop();
        let before = &instructions[..index];
        let stage = words[0].strip_prefix("--from=").map(str::to_owned);
        for source in words.iter().skip(usize::from(stage.is_some())) {
            let is_there = match &stage {
                Some(stage) => {
                    let begin = before.iter().position(|it| it.starts_with("FROM ") && it.ends_with(&format!(" AS {stage}"))).unwrap();
                    before[begin..].iter().any(|it| it.starts_with("RUN ") && it.ends_with(&format!(" {source}")))
                }
                None => *source == "." || context.iter().any(|path| path.starts_with(source)),
            };
            assert!(is_there, "{line}");
            copies += 1;
        }
    }
    assert!(copies >= 2, "{instructions:?}");
}

#[test]
fn the_build_is_given_all_that_it_reads() {
    let context = context();
    let mut included = 0;
    for source in context.iter().filter(|path| path.starts_with("backend/src")) {
        let (folder, source) = (source.parent().unwrap(), text(source.to_str().unwrap()));
        for part in source.split("include_str!(\"").chain(source.split("include_bytes!(\"")).filter(|part| part.starts_with("../")) {
            let path = root().join(folder).join(part.split('"').next().unwrap()).canonicalize().unwrap();
            assert!(context.contains(path.strip_prefix(root().canonicalize().unwrap()).unwrap()), "{} is not given to it", path.display());
            included += 1;
        }
    }
    assert!(included >= 3, "the page is part of the program");

    let folder = tempfile::tempdir().unwrap();
    for path in &context {
        let copy = folder.path().join(path);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(root().join(path), copy).unwrap();
    }
    // Its manifests are whole, and its lock file is right for them.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo).args(["tree", "--locked", "--offline", "-p", "backend", "-e", "normal,build"]).current_dir(folder.path()));
}

#[test]
fn it_is_built_as_the_rest_is() {
    let dockerfile = instructions().join("\n");
    let toolchain = text("rust-toolchain.toml");
    let version = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    for part in [format!("FROM rust:{version}-"), format!("ENV RUSTUP_TOOLCHAIN={version}\n")] {
        assert!(dockerfile.contains(&part), "{part} is not in {dockerfile}");
    }
    let (_, rest) = dockerfile.split_once("--profile ").unwrap();
    let profile = rest.split_whitespace().next().unwrap();
    assert!(text("Cargo.toml").contains(&format!("\n[profile.{profile}]\n")), "{profile}");
    assert!(dockerfile.contains(&format!("cp target/{profile}/backend ")), "{dockerfile}");
}
