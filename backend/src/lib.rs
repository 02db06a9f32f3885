//! The chatbot's application: chat and retrieval over HTTP, and the processing of uploaded documents.
//!
//! One program runs in every place: as a plain HTTP server ([`server`]: a container behind a load balancer, a laptop) and as a
//! Lambda function ([`lambda`]: behind an HTTP API, and as the target of a bucket's events). All of them share one [`App`].
//!
//! | module | question it answers |
//! | --- | --- |
//! | [`config`] | what do the environment variables say? |
//! | [`http`] | which request gets which answer? |
//! | [`auth`] | may this caller do that? |
//! | [`bedrock`] | what do the models say? |
//! | [`store`] | what does the database hold? |
//! | [`files`] | where are the bytes of a document? |
//! | [`processor`] | how does a document become searchable text? |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub mod auth;
pub mod aws;
pub mod bedrock;
pub mod config;
pub mod files;
pub mod http;
pub mod lambda;
pub mod logs;
pub mod processor;
pub mod server;
pub mod store;

use config::Config;
use store::{Database, Sessions};

/// Everything that a request may need, shared by all of them.
pub struct App {
    pub config: Config,
    pub aws: aws::Aws,
    pub database: Option<Arc<Database>>,
    pub sessions: Sessions,
    pub models: bedrock::Models,
    pub files: files::Files,
    pub keys: auth::Keys,
    pub gate: http::Gate,
    pub last_look: http::LastLook,
    stopping: AtomicBool,
}

/// What the handlers get as their state.
pub type AppState = Arc<App>;

impl App {
    /// Puts the parts together. Nothing is connected yet: a function must answer `/health` before the database is reached.
    pub fn new(config: Config) -> AppState {
        let aws = aws::Aws::default();
        let database = config.database.clone().map(|settings| Arc::new(Database::new(settings, aws.clone())));
        Arc::new(Self {
            sessions: Sessions::new(database.clone()),
            models: bedrock::Models::new(config.models.clone(), aws.clone()),
            files: files::Files::new(config.storage.clone(), aws.clone()),
            keys: auth::Keys::new(config.signing.clone(), config.key_age, aws.clone()),
            gate: http::Gate::new(&config.limits),
            last_look: http::LastLook::default(),
            stopping: AtomicBool::new(false),
            database,
            aws,
            config,
        })
    }

    /// From now on the readiness answer is no, so that a load balancer sends its requests elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The database, where one is configured.
    pub fn database(&self) -> Result<&Arc<Database>, store::StoreError> {
        self.database.as_ref().ok_or(store::StoreError::NotConfigured)
    }
}
