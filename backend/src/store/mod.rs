//! PostgreSQL with pgvector: the connection, and what is kept in it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts,
};
use serde::Deserialize;
use tokio::sync::{Mutex, RwLock};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use crate::aws::{Aws, SecretError};
use crate::config::{DatabaseSettings, DatabaseSource, Tls};

pub mod documents;
pub mod migrations;
mod sessions;
mod tls;

pub use sessions::{Role, Sessions, Turn};

/// After so long without use a connection is looked at before it is used again. Under load none rests so long.
const RESTED: Duration = Duration::from_millis(100);
/// How long a connection that rested may take to say that it is there.
const LIFE_SIGN: Duration = Duration::from_secs(1);

/// One connection, given back to the pool when dropped.
pub type Connection = Object;

/// What can go wrong between this program and its database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no database is configured")]
    NotConfigured,
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    #[error("the database took too long")]
    Slow,
    #[error("another operation is working on the same thing")]
    Busy,
    #[error("the database's tables do not fit this program: {0}")]
    Schema(String),
    #[error("the database refused a statement")]
    Statement(#[source] tokio_postgres::Error),
}

impl StoreError {
    /// Whether the same thing may succeed a little later.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Slow | Self::Busy)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code() else {
            // Without a code the server has not answered: the connection is gone, or was never made.
            let lost = error.is_closed() || std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>());
            return if lost { Self::Unavailable(told(&error)) } else { Self::Statement(error) };
        };
        match state {
            state if *state == SqlState::QUERY_CANCELED => Self::Slow,
            state if *state == SqlState::LOCK_NOT_AVAILABLE => Self::Busy,
            // Class 08 is connections, 53 resources (too many connections), 57P the server's own coming and going.
            state if ["08", "53", "57P"].iter().any(|class| state.code().starts_with(class)) => Self::Unavailable(told(&error)),
            state if state.code().starts_with("28") => Self::Unavailable("it refused the user name or the password".into()),
            state if *state == SqlState::INVALID_CATALOG_NAME => Self::Unavailable("there is no database of that name".into()),
            state if *state == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Unavailable("it is a read-only replica".into()),
            _ => Self::Statement(error),
        }
    }
}

impl From<SecretError> for StoreError {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The database: connected on first use, brought up to date on first use, and connected again with the secret's new
/// password when the old one is refused.
pub struct Database {
    settings: DatabaseSettings,
    aws: Aws,
    pool: RwLock<Option<Arc<Pool>>>,
    migrated: Mutex<bool>,
    ready: std::sync::atomic::AtomicBool,
}

#[derive(Deserialize)]
struct Credentials {
    host: String,
    #[serde(default)]
    port: Option<Port>,
    #[serde(alias = "dbname")]
    database: Option<String>,
    username: String,
    password: String,
}

/// Secrets written by hand have the port as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

impl Database {
    pub fn new(settings: DatabaseSettings, aws: Aws) -> Self {
        Self { settings, aws, pool: RwLock::default(), migrated: Mutex::default(), ready: false.into() }
    }

    pub fn settings(&self) -> &DatabaseSettings {
        &self.settings
    }

    /// A connection to a database whose tables are up to date.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let mut connection = self.connect().await?;
        if !self.ready.load(std::sync::atomic::Ordering::Acquire) {
            let mut migrated = self.migrated.lock().await;
            if !*migrated {
                if self.settings.migrate {
                    migrations::run(&mut connection, self.settings.dimensions).await?;
                } else {
                    migrations::check(&connection, self.settings.dimensions).await?;
                }
                *migrated = true;
                self.ready.store(true, std::sync::atomic::Ordering::Release);
            }
        }
        Ok(connection)
    }

    /// A connection, whatever the tables look like.
    pub async fn connect(&self) -> Result<Connection, StoreError> {
        let used = self.pool().await?;
        match used.get().await {
            Err(PoolError::Backend(error)) if self.may_be_rotated(&error) => {
                self.forget(&used).await;
                self.pool().await?.get().await.map_err(pool_error)
            }
            result => result.map_err(pool_error),
        }
    }

    /// Of many who were refused at the same time the first makes place for a new pool, and the others use that one.
    async fn forget(&self, pool: &Arc<Pool>) {
        let mut slot = self.pool.write().await;
        if slot.as_ref().is_some_and(|it| Arc::ptr_eq(it, pool)) {
            tracing::warn!("the database refused its password; reading the secret again");
            *slot = None;
        }
    }

    fn may_be_rotated(&self, error: &tokio_postgres::Error) -> bool {
        matches!(self.settings.source, DatabaseSource::Secret(_)) && error.code().is_some_and(|state| state.code().starts_with("28"))
    }

    async fn pool(&self) -> Result<Arc<Pool>, StoreError> {
        if let Some(pool) = &*self.pool.read().await {
            return Ok(pool.clone());
        }
        let mut slot = self.pool.write().await;
        if let Some(pool) = &*slot {
            return Ok(pool.clone());
        }
        let pool = Arc::new(self.build(self.target().await?)?);
        Ok(slot.insert(pool).clone())
    }

    /// Where to connect and as whom.
    async fn target(&self) -> Result<Config, StoreError> {
        let mut config = match &self.settings.source {
            DatabaseSource::Url(url) => url.parse::<Config>().map_err(|_| StoreError::Unavailable("DATABASE_URL cannot be read".into()))?,
            DatabaseSource::Secret(name) => {
                let found: Credentials = self.aws.secret(name).await?;
                let malformed = || StoreError::from(SecretError::Malformed { name: name.clone() });
                let port = match found.port {
                    None => 5432,
                    Some(Port::Number(port)) => port,
                    Some(Port::Text(text)) => text.parse().map_err(|_| malformed())?,
                };
                let mut config = Config::new();
                config.host(found.host).port(port).user(found.username).password(found.password);
                config.dbname(found.database.ok_or_else(malformed)?);
                config
            }
        };
        if config.get_application_name().is_none() {
            config.application_name("backend");
        }
        // Without keep-alive a connection that a firewall dropped would be found out only by a request's timeout.
        config.connect_timeout(self.settings.connect_timeout).keepalives_idle(Duration::from_secs(60));
        // Removed chunks stay in the index until the database tidies up: it must look further than them. A pgvector that cannot,
        // before 0.8, does not mind the setting.
        let timeout = self.settings.statement_timeout.as_millis();
        let own = format!("-c statement_timeout={timeout} -c hnsw.iterative_scan=strict_order");
        // What the address asks for comes last, and so counts.
        config.options(config.get_options().map_or(own.clone(), |asked| format!("{own} {asked}")));
        Ok(config)
    }

    fn build(&self, mut config: Config) -> Result<Pool, StoreError> {
        let checked = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &self.settings.tls {
            Tls::Disable => Manager::from_config(config.ssl_mode(SslMode::Disable).clone(), NoTls, checked),
            Tls::Prefer => Manager::from_config(config, tls::connector(&self.settings.tls)?, checked),
            Tls::Require | Tls::VerifyFull(_) => {
                Manager::from_config(config.ssl_mode(SslMode::Require).clone(), tls::connector(&self.settings.tls)?, checked)
            }
        };
        let wait = Some(self.settings.connect_timeout);
        Pool::builder(manager)
            .max_size(self.settings.connections)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .pre_recycle(Hook::async_fn(|client, metrics| Box::pin(still_there(client, metrics))))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

/// A connection may have died unseen: a function is frozen between two requests, and a firewall forgets without a word.
async fn still_there(client: &ClientWrapper, metrics: &Metrics) -> Result<(), HookError> {
    if metrics.last_used() < RESTED {
        return Ok(());
    }
    match tokio::time::timeout(LIFE_SIGN, client.simple_query("")).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(HookError::Backend(error)),
        Err(_) => Err(HookError::message("it gave no sign of life")),
    }
}

/// What the error says, and what it says of its causes: why a certificate is refused is one of these.
fn told(error: &tokio_postgres::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |it| it.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn pool_error(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => match StoreError::from(error) {
            // Whatever went wrong while connecting, there is no connection.
            StoreError::Statement(error) => StoreError::Unavailable(told(&error)),
            other => other,
        },
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Unavailable("all connections are in use".into()),
        other => StoreError::Unavailable(other.to_string()),
    }
}
