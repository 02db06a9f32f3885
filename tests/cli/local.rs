//! The local cloud: one for all commands, until it is stopped.

use std::{net::TcpStream, process::Command};

use serde_json::Value as Json;

use crate::support::Project;

fn status(project: &Project) -> Json {
    serde_json::from_str(&project.infra(&["local", "status", "--json"]).exits(0).stdout).unwrap()
}

fn port(url: &str) -> u16 {
    url.trim().rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn it_lives_between_commands_until_it_is_stopped() {
    let project = Project::new(&[]);
    assert_eq!(status(&project), serde_json::json!({ "running": false }));
    project.infra(&["local", "stop"]).exits(0);

    let url = project.infra(&["local", "start"]).exits(0).stdout;
    let first = status(&project);
    assert_eq!(first["url"], url.trim());
    assert_eq!(project.infra(&["local", "start"]).exits(0).stdout, url, "the second start finds it");
    assert_eq!(status(&project)["instance"], first["instance"]);

    project.infra(&["local", "stop"]).exits(0);
    assert_eq!(status(&project)["running"], false);
    assert!(TcpStream::connect(("127.0.0.1", port(&url))).is_err(), "nobody listens any more");

    project.infra(&["local", "start"]).exits(0);
    assert_ne!(status(&project)["instance"], first["instance"], "what was in the first is gone");
}

#[test]
fn several_commands_at_once_start_one() {
    let project = Project::new(&[]);
    let children: Vec<_> = (0..4)
        .map(|_| {
            project.command(&["local", "start"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    let urls: Vec<_> = children.into_iter().map(|it| String::from_utf8(it.wait_with_output().unwrap().stdout).unwrap()).collect();
    assert!(urls[0].starts_with("http://127.0.0.1:"));
    assert!(urls.iter().all(|it| *it == urls[0]), "{urls:?}");
}

#[test]
fn one_that_died_is_replaced() {
    let project = Project::new(&[]);
    project.infra(&["local", "start"]).exits(0);
    let dead = status(&project);
    assert!(Command::new("sh").args(["-c", &format!("kill -KILL {}", dead["pid"])]).status().unwrap().success());
    project.infra(&["local", "start"]).exits(0);
    let new = status(&project);
    assert_eq!(new["running"], true);
    assert_ne!(new["instance"], dead["instance"]);
}

#[test]
fn a_program_that_does_not_start_is_told_with_where_to_look() {
    let project = Project::new(&[("bin/moto_server", "#!/bin/sh\necho broken >&2\nexit 7\n")]);
    let program = project.path().join("bin/moto_server");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = project.command(&["local", "start"]);
    command.env("PATH", project.path().join("bin"));
    let ran = crate::support::run(&mut command).exits(1);
    assert!(ran.stderr.contains("its program ended with exit status: 7"), "{}", ran.stderr);
    assert!(ran.stderr.contains("local.log"), "{}", ran.stderr);
    assert_eq!(status(&project)["running"], false);
}

#[test]
fn without_python_it_says_what_to_install() {
    let project = Project::new(&[("bin/nothing", "")]);
    let mut command = project.command(&["local", "start"]);
    command.env("PATH", project.path().join("bin"));
    let ran = crate::support::run(&mut command).exits(1);
    assert!(ran.stderr.contains("there is no python3"), "{}", ran.stderr);
    assert!(ran.stderr.contains("apt-get install python3 python3-venv"), "{}", ran.stderr);
}

#[test]
fn without_the_venv_module_it_says_what_to_install() {
    let python = "#!/bin/sh\necho 'The virtual environment was not created successfully because ensurepip is not available.' >&2\nexit 1\n";
    let project = Project::new(&[("bin/python3", python)]);
    std::fs::set_permissions(project.path().join("bin/python3"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = project.command(&["local", "start"]);
    command.env("PATH", project.path().join("bin"));
    let ran = crate::support::run(&mut command).exits(1);
    assert!(ran.stderr.contains("apt-get install python3-venv"), "{}", ran.stderr);
}

/// A caller's lock must not stay held until the local cloud ends.
#[test]
#[cfg(target_os = "linux")]
fn it_does_not_hold_on_to_files_of_its_caller() {
    let project = Project::new(&[("held", "")]);
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec 9>held; "$0" local start"#, crate::support::INFRA]).current_dir(project.path());
    project.surround(&mut command);
    crate::support::run(&mut command).exits(0);
    let pid = &status(&project)["pid"];
    let held = std::fs::canonicalize(project.path().join("held")).unwrap();
    let open: Vec<_> =
        std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(|it| std::fs::read_link(it.unwrap().path()).ok()).collect();
    assert!(!open.is_empty());
    assert!(!open.contains(&held), "{open:?}");
}
