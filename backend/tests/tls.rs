//! Encryption on the way to the database: certificates that are trusted, and all others.

use crate::support::postgres;
use crate::support::server::Server;
use crate::support::tls::{Authority, Front};

const NEVER: i32 = 4000;

/// The program, with a database of its own behind this port.
async fn server(port: u16, changes: &[(&str, &str)]) -> Server {
    let database = postgres::database().await;
    let url = format!("postgres://postgres@127.0.0.1:{port}/{}", database.rsplit('/').next().unwrap());
    let mut all = vec![("DATABASE_URL", url.as_str()), ("DB_CONNECT_TIMEOUT_SECONDS", "2")];
    all.extend(changes);
    Server::bare(&all).await
}

async fn front(authority: &Authority, name: &str, last_year: i32) -> Front {
    // The first to ask for it starts it.
    postgres::database().await;
    Front::start(postgres::shared_port(), authority, name, last_year).await
}

#[tokio::test]
async fn a_certificate_that_is_trusted() {
    let authority = Authority::new("ours");
    let front = front(&authority, "127.0.0.1", NEVER).await;
    // Naming who is trusted is enough: it is checked then.
    for mode in ["", "verify-full"] {
        let before = front.encrypted();
        let server = server(front.port, &[("DB_SSL_ROOT_CERT", authority.path()), ("DB_SSL_MODE", mode)]).await;
        assert_eq!(server.get("/ready").await.expect(200)["database"], "ok");
        assert!(front.encrypted() > before);
    }
}

#[tokio::test]
async fn certificates_that_are_refused() {
    let (ours, other, impostor) = (Authority::new("ours"), Authority::new("other"), Authority::new("ours"));
    // Who signed it, for which name, until when; what the log says of it.
    let cases = [
        (&other, "127.0.0.1", NEVER, "UnknownIssuer"),
        (&impostor, "127.0.0.1", NEVER, "BadSignature"),
        (&ours, "database.example.com", NEVER, "not valid for name"),
        (&ours, "127.0.0.1", 2020, "certificate expired"),
    ];
    for (signer, name, last_year, reason) in cases {
        let front = front(signer, name, last_year).await;
        let server = server(front.port, &[("DB_SSL_ROOT_CERT", ours.path())]).await;
        server.get("/ready").await.refused(503, "database_unavailable");
        let said = format!("{:?}", server.log());
        assert!(said.contains(reason), "{reason}: {said}");
        assert_eq!(front.encrypted(), 0, "{reason}: not even the name of the user was sent");
    }
}

#[tokio::test]
async fn what_each_mode_insists_on() {
    let authority = Authority::new("ours");
    // Unchecked, so any certificate does; the server that cannot encrypt is the package's own.
    let encrypting = front(&authority, "somebody.else", 2020).await.port;
    let plain = postgres::shared_port();
    let cases = [
        ("require", encrypting, true),
        ("prefer", encrypting, true),
        ("disable", encrypting, false),
        ("require", plain, false),
        ("prefer", plain, true),
        ("disable", plain, true),
    ];
    for (mode, port, works) in cases {
        let server = server(port, &[("DB_SSL_MODE", mode)]).await;
        let answer = server.get("/ready").await;
        assert_eq!(answer.status == 200, works, "{mode}: {}", answer.body);
        if !works {
            answer.refused(503, "database_unavailable");
        }
    }
}

#[tokio::test]
async fn a_file_of_certificates_that_cannot_be_used() {
    let authority = Authority::new("ours");
    let front = front(&authority, "127.0.0.1", NEVER).await;
    let empty = tempfile::NamedTempFile::new().unwrap();
    for (path, reason) in [("/nowhere/certificates.pem", "cannot be read"), (empty.path().to_str().unwrap(), "there are none")] {
        let server = server(front.port, &[("DB_SSL_ROOT_CERT", path)]).await;
        server.get("/ready").await.refused(503, "database_unavailable");
        server.logged(|line| line.to_string().contains(reason)).await;
    }
}
