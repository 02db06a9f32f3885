//! One emulator for all tests of the process, which ends with it.

use std::{
    env,
    io::Read as _,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use crate::aws::{Aws, Config, Endpoint};

/// The emulator, seen from one region.
pub(crate) async fn cloud() -> Aws {
    cloud_at(url().to_owned()).await
}

/// The same behind another address.
pub(super) async fn cloud_at(url: String) -> Aws {
    let endpoint = Some(Endpoint { url });
    Aws::connect(Config { region: Some("eu-central-1".into()), endpoint, ..Config::default() }).await
}

/// Where it listens.
pub(crate) fn url() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(start);
    &URL
}

/// Starts another one; where it listens.
pub(super) fn start() -> String {
    let server = env::var("INFRA_TEST_MOTO").unwrap_or_else(|_| "moto_server".into());
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    // The shell ends the server when the pipe to it closes, which is when this process ends, however it does.
    let script = r#""$0" -H 127.0.0.1 -p "$1" >/dev/null & server=$!; cat >/dev/null; kill "$server""#;
    let mut child = Command::new("sh")
        .args(["-c", script, &server, &port.to_string()])
        .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        // A certificate is issued when it is looked at.
        .env("MOTO_ACM_VALIDATION_WAIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    // The pipe stays open as long as the process lives.
    std::mem::forget(child.stdin.take());
    wait(&mut child, &server, port);
    format!("http://127.0.0.1:{port}")
}

fn wait(child: &mut Child, server: &str, port: u16) {
    let mut stderr = child.stderr.take().expect("it is piped");
    let (send, receive) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            // Whoever no longer listens does not need it.
            let _ = send.send(String::from_utf8_lossy(&buffer[..read]).into_owned());
        }
    });
    let began = Instant::now();
    let mut said = String::new();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        said.extend(receive.try_iter());
        assert!(
            !said.contains("not found") && began.elapsed() < Duration::from_secs(60),
            "the emulator `{server}` does not start: install it with `pip install 'moto[server]'`, \
             or name its path in INFRA_TEST_MOTO. It said: {said}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}
