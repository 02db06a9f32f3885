//! Who may write.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use super::*;

const FOLDER: &str = "INFRA_TEST_LOCK_FOLDER";

fn holder(command: &str) -> Holder {
    Holder {
        who: "ann@laptop".to_owned(),
        pid: 4711,
        command: command.to_owned(),
        since: Timestamp::from_second(1_700_000_000).expect("a time in range"),
    }
}

fn store(folder: &Path) -> Store {
    Store::open(folder, "dev", "chat").expect("good names")
}

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let lock = store.lock(&holder("infra apply")).expect("free");
    assert_eq!(lock.previous_holder(), None);
    let error = store.lock(&Holder::here("infra destroy")).expect_err("held");
    assert_eq!(error.to_string(), "the state is locked by ann@laptop (process 4711), which runs `infra apply` since 2023-11-14T22:13:20Z");
    assert_eq!(error.help(), "wait until it is done, or stop process 4711 on laptop: the lock is free the moment it ends");
    // Another stack, and the same in another environment, are free.
    drop(Store::open(folder.path(), "dev", "other").expect("good names").lock(&holder("")).expect("free"));
    drop(Store::open(folder.path(), "prod", "chat").expect("good names").lock(&holder("")).expect("free"));
    drop(lock);
    let lock = store.lock(&holder("infra destroy")).expect("free again");
    assert_eq!(lock.previous_holder(), None, "it gave it back");
    let mode = std::fs::metadata(store.lock_path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_written_there_keeps_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let check = |text: &str, expected: Option<Holder>| {
        std::fs::create_dir_all(folder.path().join("dev")).expect("a folder");
        std::fs::write(store.lock_path(), text).expect("written");
        let lock = store.lock(&holder("infra apply")).expect("free");
        assert_eq!(lock.previous_holder(), expected.as_ref(), "{text}");
    };
    check("", None);
    check("garbage", None);
    check(&serde_json::to_string(&holder("infra plan")).expect("JSON"), Some(holder("infra plan")));
}

#[test]
fn a_holder_that_does_not_say_who_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let lock = store.lock(&holder("infra apply")).expect("free");
    std::fs::write(store.lock_path(), "").expect("written");
    let error = store.lock(&holder("infra apply")).expect_err("held");
    assert_eq!(error.to_string(), "the state is locked by a process that did not say which");
    drop(lock);
}

#[test]
fn a_lock_on_a_removed_file_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("it");
    let file = File::create(&path).expect("a file");
    assert!(is_still_at(&file, &path).expect("it can be looked at"));
    std::fs::remove_file(&path).expect("removed");
    assert!(!is_still_at(&file, &path).expect("it can be looked at"));
    let _other = File::create(&path).expect("a file");
    assert!(!is_still_at(&file, &path).expect("it can be looked at"));
}

#[test]
fn a_killed_process_holds_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path());
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "state::lock::tests::in_another_process", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("another process");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|it| it.ends_with("locked")), "it takes the lock");
    let StoreError::Locked(locked) = store.lock(&holder("infra apply")).expect_err("held") else { panic!("another error") };
    let other = locked.holder.expect("it said who it is");
    assert_eq!((other.pid, other.command.as_str()), (child.id(), "infra apply in another process"));
    child.kill().expect("killed");
    child.wait().expect("dead");
    let lock = store.lock(&holder("infra apply")).expect("free");
    assert_eq!(lock.previous_holder(), Some(&other));
}

#[test]
#[ignore = "the other process of the test above"]
fn in_another_process() {
    let folder = std::env::var(FOLDER).expect("told by the test");
    let _lock = store(Path::new(&folder)).lock(&Holder::here("infra apply in another process")).expect("free");
    let mut stdout = std::io::stdout();
    stdout.write_all(b"locked\n").and_then(|()| stdout.flush()).expect("somebody listens");
    // Until it is killed, or whoever started it has gone.
    std::io::stdin().read_to_end(&mut vec![]).ok();
}
