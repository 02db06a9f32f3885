//! What the README says holds: the tour, the table of types, the variables.

use std::{collections::BTreeSet, fs, process::Command};

use crate::{
    support::{INFRA, Project, root, run},
    tidy::tracked,
};

/// Every ```` ```console ```` block: each `$ ` line is run, in order, in a copy of the project. The lines below it, up to the next, are
/// what it says; `...` stands for lines that are left out and `[..]` for a part of one.
#[test]
fn the_tour_can_be_followed() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let steps = steps(&readme);
    assert!(steps.len() >= 5, "{} steps", steps.len());
    let stack = fs::read_to_string(root().join("stacks/hr-chatbot.yaml")).unwrap();
    let project = Project::new(&[("stacks/hr-chatbot.yaml", &stack)]);
    // As if it were installed.
    let bin = project.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(INFRA, bin.join("infra")).unwrap();
    for step in steps {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("PATH={}:$PATH; exec 2>&1; {}", bin.display(), step.command)).current_dir(project.path());
        project.surround(&mut command);
        let ran = run(&mut command);
        assert_eq!(ran.code, Some(step.code), "$ {}\n{}", step.command, ran.stdout);
        if !step.output.is_empty() {
            snapbox::assert_data_eq!(ran.stdout, snapbox::Data::text(step.output));
        }
    }
}

struct Step {
    command: String,
    output: String,
    /// Written as `? 2` at the end of the output.
    code: i32,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = vec![];
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match (line.strip_prefix("$ "), line.strip_prefix("? "), steps.last_mut()) {
                (Some(command), ..) => steps.push(Step { command: command.to_owned(), output: String::new(), code: 0 }),
                (None, Some(code), Some(step)) => step.code = code.parse().unwrap(),
                (None, None, Some(step)) => step.output.push_str(&format!("{line}\n")),
                (None, _, None) => panic!("a console block begins with `$ `, not with {line:?}"),
            }
        }
    }
    steps
}

/// The table of types has a row for each folder of examples, and in it each example.
#[test]
fn every_type_is_named() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let names = |path: &str| {
        let entries = fs::read_dir(root().join(path)).unwrap().map(|it| it.unwrap().path());
        let mut names: Vec<_> = entries.map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    for service in names("examples") {
        let types: Vec<_> = names(&format!("examples/{service}")).iter().map(|it| format!("`{it}`")).collect();
        let row = format!("| `{service}` | {} |", types.join(", "));
        assert!(readme.contains(&row), "the README lacks {row}");
    }
}

/// The page on stack files: its example is valid for each environment, and all that a file can have is in it.
#[test]
fn the_language_is_told() {
    let page = fs::read_to_string(root().join("stacks/README.md")).unwrap();
    let example = page.split("```").find_map(|it| it.strip_prefix("yaml\n")).unwrap();
    let ran = Project::new(&[("stacks/shop.yaml", example)]).infra(&["validate"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("stacks/shop.yaml is valid for dev, prod, local\n", ""));
    for it in infra::stack::FUNCTIONS {
        let row = format!("| `{}` | {} |", it.signature, it.doc);
        assert!(page.contains(&row), "stacks/README.md lacks {row}");
    }
    let schema = Project::new(&[]).infra(&["schema"]).exits(0).stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let keys = schema["properties"].as_object().unwrap().keys();
    for key in keys {
        assert!(example.lines().any(|it| it.starts_with(&format!("{key}:"))), "the example lacks `{key}`");
    }
    let beside = schema["properties"]["resources"]["additionalProperties"]["properties"].as_object().unwrap();
    for option in beside.keys().filter(|it| !it.contains('.')) {
        assert!(page.contains(&format!("`{option}")), "stacks/README.md lacks {option}");
    }
    for (path, _) in tracked(&["src/aws/lookup/*_*.rs"]) {
        let name = path.file_stem().unwrap().to_str().unwrap().replacen('_', ".", 1);
        assert!(page.contains(&format!("| `{name}` | ")), "stacks/README.md lacks {name}");
    }
}

/// Each variable that the program reads is in the README and in the help.
#[test]
fn every_variable_is_explained() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let help = Project::new(&[]).infra(&["--help"]).exits(0).stdout;
    let sources = tracked(&["src/main.rs", "src/cli/*.rs", "src/local/*.rs", "src/aws/clients.rs"]);
    let words = sources.iter().flat_map(|(_, text)| text.split(|it: char| !it.is_ascii_uppercase() && it != '_'));
    let variables: BTreeSet<_> = words.filter(|it| it.len() > 6 && it.starts_with("INFRA_")).collect();
    assert!(variables.contains("INFRA_LOG"), "{variables:?}");
    for name in variables {
        assert!(readme.contains(&format!("| `{name}` |")), "the README lacks {name}");
        assert!(help.contains(name), "the help lacks {name}");
    }
}
