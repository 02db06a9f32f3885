//! What is secret stands in no file and in nothing that is said.

use std::{fs, path::Path, process::Command};

use crate::{
    matrix::Bench,
    support::{Project, Ran, path_with_moto, run},
};

const STACK: &str = "stack: keeper
region: eu-central-1

vars:
  key: none
  pin: 0
  used: ${vars.key}
  size: small

resources:
  members:
    secretsmanager.secret:
      generate:
        password: {}
      values:
        api_key: ${vars.key}
        pin: ${vars.pin}
      force_delete_without_recovery: true
  text:
    secretsmanager.secret:
      description: ${vars.size}
      secret_string: ${vars.used}
      force_delete_without_recovery: true
";

/// Every file below a folder that holds one of the texts.
fn files_with(folder: &Path, texts: &[&str], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_with(&path, texts, found);
        } else if texts.iter().any(|it| String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(it)) {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn what_a_secret_is_made_of_is_neither_shown_nor_recorded() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/keeper.yaml", STACK)]);
    let texts = ["first-of-all-keys", "second-of-all-keys", "918273", "817263"];
    let hidden = |ran: Ran| {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!texts.iter().any(|it| said.contains(it)), "{said}");
        let mut found = vec![];
        files_with(project.path(), &texts, &mut found);
        assert_eq!(found, Vec::<String>::new());
        said
    };
    let with = |arguments: &[&str], n: usize| {
        let vars = [format!("key={}", texts[n]), format!("pin={}", texts[2 + n])];
        let all = [arguments, &["--var", &vars[0], "--var", &vars[1]]].concat();
        bench.infra(&project, &all)
    };
    let said = hidden(with(&["plan", "--out", "saved.plan", "--var", "size=large"], 0).exits(0));
    assert!(said.contains("`infra apply saved.plan --var key=… --var pin=…` does exactly this"), "{said}");
    hidden(with(&["plan", "--json"], 0).exits(0));

    // What the plan file does not hold is given again.
    let said = hidden(bench.infra(&project, &["apply", "saved.plan"]).exits(3));
    assert!(said.contains("the plan does not hold the value of `key`"), "{said}");
    let said = hidden(with(&["apply", "saved.plan"], 1).exits(3));
    assert!(said.contains("`key` is not what it was when the plan was made"), "{said}");
    let said = hidden(with(&["apply", "saved.plan", "--var", "size=tiny"], 0).exits(3));
    assert!(said.contains("what `size` is, the plan says itself"), "{said}");
    let said = hidden(with(&["apply", "saved.plan"], 0).exits(0));
    assert!(said.contains("2 created"), "{said}");

    hidden(with(&["plan", "--detailed-exitcode", "--var", "size=large"], 0).exits(0));
    // Other values are noticed by their hashes.
    let said = hidden(with(&["plan", "--detailed-exitcode", "--var", "size=large"], 1).exits(2));
    assert!(said.contains("2 to update") && said.contains("(secret)"), "{said}");
    hidden(with(&["apply", "--yes", "--json", "--var", "size=large"], 1).exits(0));
    hidden(with(&["plan", "--detailed-exitcode", "--var", "size=large"], 1).exits(0));
    hidden(bench.infra(&project, &["state", "show", "members", "--json"]).exits(0));
    hidden(with(&["destroy", "--yes"], 1).exits(0));
}

const GENERATED: &str = "stack: keeper
region: eu-central-1

resources:
  members:
    secretsmanager.secret:
      name: members
      generate:
        password: {}
      force_delete_without_recovery: true
  topic:
    sns.topic:
      display_name: ${members.generated.password}
";

/// What is in the secret, as somebody else reads it.
fn password(bench: &Bench) -> String {
    let script = "import boto3, json, sys
client = boto3.client('secretsmanager', endpoint_url=sys.argv[1], region_name='eu-central-1',
                      aws_access_key_id='local', aws_secret_access_key='local')
print(json.loads(client.get_secret_value(SecretId='members')['SecretString'])['password'])";
    let ran = run(Command::new("python3").args(["-c", script, &bench.url()]).env("PATH", path_with_moto())).exits(0);
    ran.stdout.trim().to_owned()
}

#[test]
fn what_is_generated_is_told_to_nobody_however_much_is_logged() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/keeper.yaml", GENERATED)]);
    let traced = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        run(command.env("INFRA_ENV", "local").env("AWS_ENDPOINT_URL", bench.url()).env("INFRA_LOG", "trace"))
    };
    let applied = traced(&["apply", "--yes"]).exits(0);
    // The cloud shows it with the topic's name.
    let planned = traced(&["plan", "--detailed-exitcode"]).exits(0);
    let text = password(&bench);
    assert!(text.len() >= 16, "{text}");
    for ran in [applied, planned] {
        assert!(ran.stderr.contains("TRACE") && ran.stderr.contains("DEBUG aws_"), "something is logged");
        assert!(!ran.stdout.contains(&text) && !ran.stderr.contains(&text));
    }
    let mut found = vec![];
    files_with(project.path(), &[&text], &mut found);
    assert_eq!(found, Vec::<String>::new());
}

/// In the file it stands in clear all the same; but what a CI job prints is read by more people than that.
#[test]
fn what_is_wrong_with_a_secret_is_told_without_it() {
    for (password, storage, said) in [
        ("master_user_password: hunter2", "20", "a password that RDS refuses"),
        ("master_user_password: \"hunter2 and a space\"", "20", "a password that RDS refuses"),
        ("master_user_password: hunter2hunter2", "much", "a whole number is wanted"),
        ("master_user_password: hunter2hunter2", "20", "plain-secret"),
        ("master_user_password: \"${vars.word}\"", "20", "plain-secret"),
        ("master_user_pasword: hunter2hunter2", "20", "did you mean `master_user_password`?"),
        ("master_user_password: \"hunter2${vars.wrd}\"", "20", "did you mean `word`?"),
        ("master_user_password: [hunter2hunter2]", "20", "text is wanted"),
        ("master_user_password: { is: hunter2hunter2 }", "20", "text is wanted"),
        ("master_user_password: \"${keys.values.word}\"", "much", "a whole number is wanted"),
    ] {
        let file = format!(
            "stack: s
region: eu-central-1
vars: {{ word: hunter2hunter2 }}
resources:
  keys:
    secretsmanager.secret: {{ values: {{ word: hunter2hunter2 }}, recovery_window_in_days: {storage} }}
  db:
    rds.db_instance: {{ engine: postgres, db_instance_class: db.t4g.micro, master_username: head,
      {password}, allocated_storage: {storage} }}
"
        );
        let project = Project::new(&[("stacks/s.yaml", &file)]);
        for arguments in [&["validate"][..], &["validate", "--json"]] {
            let ran = project.infra(arguments);
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert!(told.contains(said) && !told.contains("hunter2"), "{told}");
        }
    }
}
