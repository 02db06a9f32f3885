//! A password of the database that changes while the program runs.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::support::moto;
use crate::support::postgres::{self, execute, number};
use crate::support::server::{Answer, Server};

/// A database, the user to whom it belongs, and the secret with that user's password.
struct Account {
    database: String,
    user: String,
    secret: String,
}

impl Account {
    async fn new(user: &str) -> Self {
        let database = postgres::database().await;
        let account = Self { database, user: user.to_owned(), secret: format!("{user}/database") };
        // The extension is made by who may; on RDS that is the cluster's own user.
        execute(&account.database, &format!("CREATE EXTENSION vector; CREATE ROLE {user} LOGIN")).await;
        execute(&account.database, &format!("ALTER DATABASE {} OWNER TO {user}", account.name())).await;
        account.set_password("the first").await;
        moto::secret(&account.secret, &account.credentials("the first")).await;
        account
    }

    fn name(&self) -> &str {
        self.database.rsplit('/').next().unwrap()
    }

    fn credentials(&self, password: &str) -> serde_json::Value {
        let port = postgres::shared_port();
        json!({ "host": "127.0.0.1", "port": port, "database": self.name(), "username": self.user, "password": password })
    }

    /// Connections that exist stay: only new ones need it.
    async fn set_password(&self, password: &str) {
        execute(&self.database, &format!("ALTER ROLE {} PASSWORD '{password}'", self.user)).await;
    }

    async fn store_password(&self, password: &str) {
        let client = moto::secrets().await;
        client.put_secret_value().secret_id(&self.secret).secret_string(self.credentials(password).to_string()).send().await.unwrap();
    }

    /// Cuts all connections, so that the next use makes a new one.
    async fn cut(&self) {
        let all = format!("FROM pg_stat_activity WHERE usename = '{}'", self.user);
        number(&self.database, &format!("SELECT count(pg_terminate_backend(pid, 30000)) {all}")).await;
        assert_eq!(number(&self.database, &format!("SELECT count(*) {all}")).await, 0, "connections that would not go");
    }

    async fn server(&self) -> Server {
        let url = moto::url().await;
        let settings = [
            ("DB_SECRET_NAME", self.secret.as_str()),
            ("DB_SSL_MODE", "disable"),
            ("DB_CONNECT_TIMEOUT_SECONDS", "20"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url),
            // So that nothing is done with the database but what the test asks for.
            ("PROCESS_UPLOADS", "false"),
        ];
        let server = Server::bare(&settings).await;
        // What it does by itself at the start, with a connection of its own: one that is being made when all others are cut, its
        // password accepted already, would work on.
        server.logged(|line| line["message"] == "the database is ready").await;
        server
    }
}

fn is_reading(line: &Value) -> bool {
    line["message"] == "the database refused its password; reading the secret again"
}

fn readings(server: &Server) -> usize {
    server.log().iter().filter(|line| is_reading(line)).count()
}

/// The log comes through a pipe, later than the answer.
async fn has_read(server: &Server, times: usize) {
    let seen = Cell::new(0);
    let count = |line: &Value| {
        seen.set(seen.get() + usize::from(is_reading(line)));
        seen.get() == times
    };
    server.logged(count).await;
    assert_eq!(readings(server), times);
}

/// Asks for what needs the database. Not `/ready`, which waits only a moment for it.
async fn chat(server: &Server, session: &str) -> Answer {
    server.post("/chat", json!({ "session_id": session, "message": "hi" })).await
}

#[tokio::test]
async fn a_new_password_is_taken_from_the_secret() {
    let account = Account::new("replaced").await;
    let server = account.server().await;
    chat(&server, "s").await.expect(200);

    account.set_password("the second").await;
    account.store_password("the second").await;
    // What is connected works on, and nothing is asked.
    chat(&server, "s").await.expect(200);
    assert_eq!(readings(&server), 0);

    account.cut().await;
    chat(&server, "s").await.expect(200);
    has_read(&server, 1).await;
    assert_eq!(server.get("/sessions/s").await.expect(200)["messages"].as_array().unwrap().len(), 6);
    // And again, with a pool that has been rebuilt once.
    account.set_password("the third").await;
    account.store_password("the third").await;
    account.cut().await;
    chat(&server, "s").await.expect(200);
    has_read(&server, 2).await;
}

#[tokio::test]
async fn a_secret_that_lags_behind() {
    let account = Account::new("lagging").await;
    let server = account.server().await;
    chat(&server, "s").await.expect(200);
    account.set_password("the second").await;
    account.cut().await;
    server.get("/health").await.expect(200);
    server.get("/ready").await.refused(503, "database_unavailable");
    for _ in 0..2 {
        chat(&server, "s").await.refused(503, "database_unavailable");
    }
    server.logged(|line| line.to_string().contains("it refused the user name or the password")).await;
    account.store_password("the second").await;
    chat(&server, "s").await.expect(200);
}

#[tokio::test]
async fn many_requests_at_the_moment_of_rotation() {
    let account = Account::new("busy").await;
    let server = account.server().await;
    chat(&server, "s").await.expect(200);
    account.set_password("the second").await;
    account.store_password("the second").await;
    account.cut().await;
    let sessions: Vec<_> = (0..12).map(|number| format!("s{number}")).collect();
    let answers = futures_util::future::join_all(sessions.iter().map(|session| chat(&server, session))).await;
    // The one connection that the pool had may be handed out before it is seen to be cut.
    let failed: Vec<_> = answers.iter().filter(|it| it.status != 200).collect();
    assert!(failed.len() <= 1, "{failed:?}");
    // Whoever comes second finds what the first has read.
    has_read(&server, 1).await;
}
