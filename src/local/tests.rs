//! What needs no emulator: which process is ours, and what a record is worth.

use std::{io::Write as _, net::TcpListener, process::Child, thread, time::Instant};

use super::{server::free_port, *};

fn cloud() -> (tempfile::TempDir, LocalCloud) {
    let folder = tempfile::tempdir().unwrap();
    let cloud = LocalCloud::new(folder.path().to_owned());
    (folder, cloud)
}

/// A process that lives until it is ended, recorded as the emulator.
fn sleeper(cloud: &LocalCloud) -> (Child, Emulator) {
    let child = process::detached(Path::new("sleep")).arg("600").spawn().unwrap();
    let emulator = Emulator {
        instance: "one".to_owned(),
        process: Process { pid: child.id(), identity: process::identity(child.id()).unwrap() },
        port: 1,
        since: Timestamp::now(),
        program: "sleep".into(),
        version: None,
    };
    cloud.emulator().write(&emulator).unwrap();
    (child, emulator)
}

#[test]
fn a_recorded_process_is_known_and_ended() {
    let (_folder, cloud) = cloud();
    let (mut child, emulator) = sleeper(&cloud);
    assert_eq!(cloud.status().unwrap(), Some(emulator.clone()));
    assert_eq!(cloud.stop(&mut |_| {}).unwrap(), Some(emulator));
    assert!(!child.wait().unwrap().success(), "a signal ended it");
    assert_eq!(cloud.status().unwrap(), None);
    assert!(!cloud.emulator().record().exists());
}

#[test]
fn a_process_id_that_was_given_out_again_is_neither_used_nor_ended() {
    let (_folder, cloud) = cloud();
    let (mut child, emulator) = sleeper(&cloud);
    let process = Process { identity: "another boot/1".to_owned(), ..emulator.process };
    cloud.emulator().write(&Emulator { process, ..emulator }).unwrap();
    assert_eq!(cloud.status().unwrap(), None);
    assert_eq!(cloud.stop(&mut |_| {}).unwrap(), None);
    assert_eq!(child.try_wait().unwrap(), None, "it still runs");
    abandon(&mut child);
}

#[test]
fn an_ended_process_is_nobody() {
    let (_folder, cloud) = cloud();
    let (mut child, _) = sleeper(&cloud);
    process::kill(child.id()).unwrap();
    // Also while nobody has fetched its exit status.
    let until = Instant::now() + PATIENCE;
    while cloud.status().unwrap().is_some() {
        assert!(Instant::now() < until);
        thread::yield_now();
    }
    child.wait().unwrap();
    assert_eq!(cloud.status().unwrap(), None);
}

#[test]
fn a_record_that_nobody_understands_names_no_process() {
    let (folder, cloud) = cloud();
    fs::write(folder.path().join("local.json"), "{\"pid\": 1}").unwrap();
    assert_eq!(cloud.status().unwrap(), None);
    assert_eq!(cloud.stop(&mut |_| {}).unwrap(), None);
}

#[test]
fn process_ids_that_mean_many_are_refused() {
    for pid in [0, 1, u32::MAX] {
        assert!(process::kill(pid).is_err(), "{pid}");
    }
}

#[test]
fn only_moto_answers() {
    // Nobody listens on a port that was free a moment ago.
    assert!(!http::answers(free_port().unwrap()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        for answer in ["HTTP/1.1 404 NOT FOUND\r\n\r\n", "HTTP/1.1 201 CREATED\r\n\r\n{}", ""] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 64];
            let _ = io::Read::read(&mut stream, &mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    assert_eq!([http::answers(port), http::answers(port), http::answers(port)], [false, true, false]);
    server.join().unwrap();
}
