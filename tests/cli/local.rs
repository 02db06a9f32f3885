//! The local cloud: one for all commands, until it is stopped.

use std::{
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value as Json, json};

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
    assert_eq!(status(&project), json!({ "running": false, "database": { "running": false } }));
    project.infra(&["local", "stop"]).exits(0);

    let url = project.infra(&["local", "start", "--no-database"]).exits(0).stdout;
    let first = status(&project);
    assert_eq!(first["url"], url.trim());
    assert_eq!(project.infra(&["local", "start", "--no-database"]).exits(0).stdout, url, "the second start finds it");
    assert_eq!(status(&project)["instance"], first["instance"]);

    project.infra(&["local", "stop"]).exits(0);
    assert_eq!(status(&project)["running"], false);
    assert!(TcpStream::connect(("127.0.0.1", port(&url))).is_err(), "nobody listens any more");

    project.infra(&["local", "start", "--no-database"]).exits(0);
    assert_ne!(status(&project)["instance"], first["instance"], "what was in the first is gone");
}

#[test]
fn several_commands_at_once_start_one() {
    let project = Project::new(&[]);
    let children: Vec<_> = (0..4)
        .map(|_| project.command(&["local", "start", "--no-database"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
        .collect();
    let urls: Vec<_> = children.into_iter().map(|it| String::from_utf8(it.wait_with_output().unwrap().stdout).unwrap()).collect();
    assert!(urls[0].starts_with("http://127.0.0.1:"));
    assert!(urls.iter().all(|it| *it == urls[0]), "{urls:?}");
}

#[test]
fn one_that_died_is_replaced() {
    let project = Project::new(&[]);
    project.infra(&["local", "start", "--no-database"]).exits(0);
    let dead = status(&project);
    assert!(Command::new("sh").args(["-c", &format!("kill -KILL {}", dead["pid"])]).status().unwrap().success());
    project.infra(&["local", "start", "--no-database"]).exits(0);
    let new = status(&project);
    assert_eq!(new["running"], true);
    assert_ne!(new["instance"], dead["instance"]);
}

#[test]
fn a_program_that_does_not_start_is_told_with_where_to_look() {
    let project = Project::new(&[("bin/moto_server", "#!/bin/sh\necho broken >&2\nexit 7\n")]);
    let program = project.path().join("bin/moto_server");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = project.command(&["local", "start", "--no-database"]);
    command.env("PATH", project.path().join("bin"));
    let ran = crate::support::run(&mut command).exits(1);
    assert!(ran.stderr.contains("its program ended with exit status: 7"), "{}", ran.stderr);
    assert!(ran.stderr.contains("local.log"), "{}", ran.stderr);
    assert_eq!(status(&project)["running"], false);
}

#[test]
fn without_python_it_says_what_to_install() {
    let project = Project::new(&[("bin/nothing", "")]);
    let mut command = project.command(&["local", "start", "--no-database"]);
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
    let mut command = project.command(&["local", "start", "--no-database"]);
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
    command.args(["-c", r#"exec 9>held; "$0" local start --no-database"#, crate::support::INFRA]).current_dir(project.path());
    project.surround(&mut command);
    crate::support::run(&mut command).exits(0);
    let pid = &status(&project)["pid"];
    let held = std::fs::canonicalize(project.path().join("held")).unwrap();
    let open: Vec<_> =
        std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(|it| std::fs::read_link(it.unwrap().path()).ok()).collect();
    assert!(!open.is_empty());
    assert!(!open.contains(&held), "{open:?}");
}

/// A program that runs with the local cloud's variables.
fn with_it(project: &Project, script: &str) -> crate::support::Ran {
    project.infra(&["local", "run", "sh", "-c", script])
}

/// What SQL answers, through the client that comes with the server.
fn sql(project: &Project, statements: &str) -> String {
    let database = &status(project)["database"];
    let client = Path::new(database["program"].as_str().unwrap()).with_file_name("psql");
    let script = format!("'{}' -X -q -A -t -v ON_ERROR_STOP=1 \"$DATABASE_URL\" -c \"{statements}\"", client.display());
    with_it(project, &script).exits(0).stdout.trim().to_owned()
}

fn kill(pid: &Json) {
    assert!(Command::new("sh").args(["-c", &format!("kill -KILL {pid}")]).status().unwrap().success());
}

#[test]
fn the_database_keeps_what_is_stored_until_a_fresh_start() {
    let project = Project::with_database();
    let url = project.infra(&["local", "start"]).exits(0).stdout;
    assert!(url.starts_with("http://127.0.0.1:") && url.lines().count() == 1, "only the emulator's URL, for scripts: {url}");
    let first = status(&project)["database"].clone();
    assert_eq!(first["running"], true);
    assert!(first["postgresql"].as_str().unwrap().starts_with("18."), "{first}");

    sql(&project, "CREATE EXTENSION vector; CREATE TABLE t (v vector(3)); INSERT INTO t VALUES ('[1,2,3]'), ('[-1,0,0]')");
    let nearest = "SELECT v FROM t ORDER BY v <=> '[2,4,6]' LIMIT 1";
    assert_eq!(sql(&project, nearest), "[1,2,3]");
    assert_eq!(sql(&project, "SELECT lower('ÄÉ'), count(*) FROM t"), "äé|2");

    project.infra(&["local", "start"]).exits(0);
    assert_eq!(status(&project)["database"], first, "the second start finds it");

    let ran = project.infra(&["local", "stop"]).exits(0);
    assert!(ran.stderr.contains("what is stored in it stays"), "{}", ran.stderr);
    assert_eq!(status(&project)["database"], json!({ "running": false }));
    assert!(TcpStream::connect(("127.0.0.1", database_port(&first))).is_err(), "nobody listens any more");

    project.infra(&["local", "start"]).exits(0);
    assert_eq!(sql(&project, nearest), "[1,2,3]");

    project.infra(&["local", "start", "--fresh"]).exits(0);
    assert_eq!(sql(&project, "SELECT count(*) FROM pg_tables WHERE tablename = 't'"), "0");
}

fn database_port(database: &Json) -> u16 {
    let address = database["address"].as_str().unwrap();
    address.strip_prefix("postgres://postgres@127.0.0.1:").unwrap().strip_suffix("/postgres").unwrap().parse().unwrap()
}

#[test]
fn a_database_that_died_is_replaced_and_nothing_is_lost() {
    let project = Project::with_database();
    project.infra(&["local", "start"]).exits(0);
    let before = status(&project);
    sql(&project, "CREATE TABLE t AS SELECT 7 AS n");
    kill(&before["database"]["pid"]);
    let dead = status(&project);
    assert_eq!(dead["database"], json!({ "running": false }));
    assert_eq!(dead["instance"], before["instance"], "the emulator is none the worse");
    project.infra(&["local", "start"]).exits(0);
    assert_eq!(sql(&project, "SELECT n FROM t"), "7");
    assert_eq!(status(&project)["instance"], before["instance"]);
}

#[test]
fn several_commands_at_once_start_one_database() {
    let project = Project::with_database();
    let children: Vec<_> =
        (0..3).map(|_| project.command(&["local", "start"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let pid = status(&project)["database"]["pid"].clone();
    assert_eq!(sql(&project, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'checkpointer'"), "1");
    assert_eq!(status(&project)["database"]["pid"], pid);
}

#[test]
fn the_password_is_not_shown_and_needed() {
    let project = Project::with_database();
    project.infra(&["local", "start"]).exits(0);
    let url = project.infra(&["local", "env", "DATABASE_URL"]).exits(0).stdout;
    let password = url.strip_prefix("postgres://postgres:").unwrap().split('@').next().unwrap();
    for arguments in [&["local", "status"][..], &["local", "status", "--json"], &["local", "start"]] {
        let ran = project.infra(arguments).exits(0);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(password), "{arguments:?}");
    }
    let database = status(&project)["database"].clone();
    let client = Path::new(database["program"].as_str().unwrap()).with_file_name("psql");
    for password in ["", "wrong"] {
        let mut command = Command::new(&client);
        project.surround(&mut command);
        command.args(["-w", "-c", "SELECT 1"]).arg(database["address"].as_str().unwrap()).env("PGPASSWORD", password);
        let ran = crate::support::run(&mut command).exits(2);
        assert!(ran.stderr.contains("password"), "{}", ran.stderr);
    }
}

#[test]
fn the_emulator_does_without_the_database() {
    // A Python that can make no virtual environment.
    let project = Project::new(&[("bin/python3", "#!/bin/sh\necho 'No module named venv' >&2\nexit 1\n")]);
    std::fs::set_permissions(project.path().join("bin/python3"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = crate::support::path_with_moto();
    let path = std::env::join_paths([project.path().join("bin")].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let infra = |arguments: &[&str]| crate::support::run(project.command(arguments).env("PATH", &path));

    let ran = infra(&["local", "start"]).exits(1);
    assert!(ran.stdout.starts_with("http://127.0.0.1:"), "{}", ran.stdout);
    assert!(ran.stderr.contains("the local database cannot be installed: Python's venv module is not there"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`infra local start --no-database` does without"), "{}", ran.stderr);
    let now = status(&project);
    assert_eq!([&now["running"], &now["database"]["running"]], [true, false]);

    infra(&["local", "start", "--no-database"]).exits(0);
    let ran = infra(&["local", "env"]).exits(0);
    assert!(ran.stdout.contains("export AWS_ENDPOINT_URL='http://127.0.0.1:"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("DATABASE_URL"), "{}", ran.stdout);
    assert!(ran.stderr.contains("the local database does not run"), "{}", ran.stderr);
    infra(&["local", "env", "DATABASE_URL"]).exits(1);
    let ran = infra(&["local", "run", "true"]).exits(1);
    assert!(ran.stderr.contains("cannot be installed"), "{}", ran.stderr);
}

#[test]
fn environments_need_no_database() {
    let project = Project::new(&[(
        "stacks/logs.yaml",
        "stack: logs\nregion: eu-central-1\nresources:\n  one:\n    logs.log_group: { log_group_name: one }\n",
    )]);
    let ran = project.infra(&["apply", "--env", "local", "--yes"]).exits(0);
    assert!(!ran.stderr.to_lowercase().contains("postgres"), "{}", ran.stderr);
    assert_eq!(status(&project)["database"], json!({ "running": false }));
}

#[test]
fn programs_find_it_by_variables() {
    let project = Project::with_database();
    let ran = project.infra(&["local", "env"]).exits(1);
    assert!(ran.stderr.contains("the local cloud does not run"), "{}", ran.stderr);

    let show = "echo $AWS_ENDPOINT_URL $AWS_REGION $AWS_ACCESS_KEY_ID-$AWS_SESSION_TOKEN $DATABASE_URL";
    let mut command = project.command(&["local", "run", "--", "sh", "-c", show]);
    // Whatever the user has set for AWS itself.
    command.env("AWS_REGION", "eu-west-1").env("AWS_SESSION_TOKEN", "of another key").env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let ran = crate::support::run(&mut command).exits(0).stdout;
    let now = status(&project);
    let url = project.infra(&["local", "env", "DATABASE_URL"]).exits(0).stdout;
    assert_eq!(ran, format!("{} eu-west-1 local- {url}", now["url"].as_str().unwrap()), "and it was started for it");

    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("eval \"$('{}' local env)\" && {show}", crate::support::INFRA)]).current_dir(project.path());
    project.surround(&mut shell);
    assert_eq!(crate::support::run(&mut shell).exits(0).stdout, ran.replace("eu-west-1", "us-east-1"));

    with_it(&project, "exit 7").exits(7);
    let ran = project.infra(&["local", "run", "no-such-program"]).exits(1);
    assert!(ran.stderr.contains("cannot run no-such-program"), "{}", ran.stderr);
    let ran = project.infra(&["local", "env", "DATABASE"]).exits(3);
    assert!(ran.stderr.contains("DATABASE_URL"), "{}", ran.stderr);
    project.infra(&["local", "run"]).exits(3);
    project.infra(&["local", "start", "--fresh", "--no-database"]).exits(3);
}
