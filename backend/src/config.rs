//! The environment variables, read once and checked: a wrong value is an error at the start, not a surprise in a request.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What the program was told to do.
#[derive(Clone, Debug)]
pub struct Config {
    pub host: IpAddr,
    pub port: u16,
    pub database: Option<DatabaseSettings>,
    pub signing: Signing,
    /// How long a signing key from the secret is believed before it is read again.
    pub key_age: Duration,
    pub models: ModelSettings,
    pub storage: Storage,
    pub limits: Limits,
    pub cors: Cors,
    /// Where the chat page finds the API when another host serves it.
    pub page_api_url: Option<String>,
    /// Whether `/query` may search the documents.
    pub rag: bool,
    /// Name of the time zone in which questions about the time are answered.
    pub time_zone: String,
    /// Whether this process also turns uploads into chunks; otherwise the bucket's events start another function for that.
    pub process_uploads: bool,
    pub processing: Processing,
    /// Whether this is a Lambda function, which is frozen between two requests.
    pub in_function: bool,
}

#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    pub source: DatabaseSource,
    pub tls: Tls,
    pub connections: usize,
    pub connect_timeout: Duration,
    pub statement_timeout: Duration,
    /// Whether the first use brings the tables up to date; otherwise only `backend migrate` does.
    pub migrate: bool,
    pub dimensions: usize,
}

#[derive(Clone)]
pub enum DatabaseSource {
    Url(String),
    /// The name of a secret with host, port, database, username and password.
    Secret(String),
}

/// Shows where the settings come from, never what they are.
impl std::fmt::Debug for DatabaseSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url(…)"),
            Self::Secret(name) => write!(f, "Secret({name:?})"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    Disable,
    /// Encrypted where the server can.
    Prefer,
    /// Encrypted, but the server's certificate is not checked, as `sslmode=require` of libpq.
    Require,
    /// Encrypted, and the certificate must be for the host and signed by one in this file.
    VerifyFull(PathBuf),
}

#[derive(Clone)]
pub enum Signing {
    /// No key: nobody can upload.
    None,
    Key(String),
    /// The name of a secret with `secret_key` and `algorithm`.
    Secret(String),
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Key(_) => f.write_str("Key(…)"),
            Self::Secret(name) => write!(f, "Secret({name:?})"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// A model id, or the id or ARN of an inference profile.
    pub chat: String,
    pub embedding: String,
    pub family: EmbeddingFamily,
    pub dimensions: usize,
    pub max_tokens: i32,
    pub system_prompt: String,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long all attempts together may take.
    pub timeout: Duration,
}

/// How a request for embeddings must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingFamily {
    CohereV4,
    CohereV3,
    TitanV2,
    TitanV1,
}

#[derive(Clone, Debug)]
pub enum Storage {
    Disk(PathBuf),
    S3 { bucket: String, prefix: String },
}

#[derive(Clone, Debug)]
pub struct Limits {
    pub json_bytes: usize,
    pub upload_bytes: u64,
    pub upload_files: usize,
    pub message_characters: usize,
    pub request_timeout: Duration,
    pub concurrency: usize,
    /// Requests that one client may make in a minute; 0 means no limit.
    pub requests_per_minute: u32,
    /// How many proxies in front of this server add to `x-forwarded-for`; without any, the header is not believed.
    pub trusted_proxies: usize,
    pub shutdown: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    Off,
    Any,
    Origins(Vec<String>),
}

#[derive(Clone, Debug)]
pub struct Processing {
    pub document_bytes: u64,
    pub text_bytes: u64,
    pub chunk_characters: usize,
    pub overlap_characters: usize,
    pub chunks: usize,
    /// Memory and time that reading one document may take: it happens in a process of its own.
    pub reader_memory: u64,
    pub reader_timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name} must be {expected}, not {value:?}")]
    Invalid { name: &'static str, expected: &'static str, value: String },
    #[error("{name} must be set when {because}")]
    Missing { name: &'static str, because: &'static str },
    #[error("{0}")]
    Other(String),
}

impl Config {
    /// Reads the process's environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables from wherever `get` finds them.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let vars = Vars(&get);
        let in_lambda = vars.text("AWS_LAMBDA_RUNTIME_API").is_some();

        let embedding = vars.text("EMBEDDING_MODEL_ID").unwrap_or_else(|| "cohere.embed-v4:0".into());
        let family = embedding_family(vars.text("EMBEDDING_PROVIDER").as_deref(), &embedding)?;
        let dimensions = vars.parsed("EMBEDDING_DIMENSIONS", "a number from 1 to 2000", default_dimensions(family))?;
        if !(1..=2000).contains(&dimensions) {
            return Err(invalid("EMBEDDING_DIMENSIONS", "a number from 1 to 2000", dimensions.to_string()));
        }

        let use_s3 = vars.flag("USE_S3", false)?;
        let storage = if use_s3 {
            let bucket = vars.text("S3_BUCKET").ok_or(ConfigError::Missing { name: "S3_BUCKET", because: "USE_S3 is true" })?;
            Storage::S3 { bucket, prefix: vars.text("S3_PREFIX").unwrap_or_else(|| "uploads/".into()) }
        } else {
            let default = if in_lambda { "/tmp/uploads" } else { "uploads" };
            Storage::Disk(vars.text("UPLOAD_DIR").unwrap_or_else(|| default.into()).into())
        };

        let request_timeout = vars.seconds("REQUEST_TIMEOUT_SECONDS", 29)?;
        let model_timeout = vars.seconds("MODEL_TIMEOUT_SECONDS", 25)?;
        Ok(Self {
            // The second name of each is that of the page's image before this program, whose tasks still say it so.
            host: vars.parsed("HOST", "an IP address", vars.parsed("GRADIO_HOST", "an IP address", IpAddr::V4(Ipv4Addr::UNSPECIFIED))?)?,
            port: vars.parsed("PORT", "a port number", vars.parsed("GRADIO_PORT", "a port number", 8080)?)?,
            database: database(&vars, dimensions, in_lambda)?,
            signing: signing(&vars)?,
            key_age: vars.seconds("SECRET_KEY_MAX_AGE_SECONDS", 300)?,
            models: ModelSettings {
                chat: vars.text("LLM_MODEL_ID").unwrap_or_else(|| "amazon.nova-pro-v1:0".into()),
                embedding,
                family,
                dimensions,
                max_tokens: vars.parsed("LLM_MAX_TOKENS", "a number", 1024)?,
                system_prompt: vars.text("SYSTEM_PROMPT").unwrap_or_else(|| SYSTEM_PROMPT.into()),
                attempt_timeout: model_timeout,
                timeout: model_timeout + model_timeout / 10,
            },
            process_uploads: vars.flag("PROCESS_UPLOADS", !use_s3)?,
            storage,
            limits: Limits {
                json_bytes: vars.parsed("MAX_JSON_BYTES", "a number of bytes", 64 * 1024)?,
                upload_bytes: vars.parsed("MAX_UPLOAD_BYTES", "a number of bytes", 20 * 1024 * 1024)?,
                upload_files: vars.parsed("MAX_UPLOAD_FILES", "a number", 10)?,
                message_characters: vars.parsed("MAX_MESSAGE_CHARACTERS", "a number", 8000)?,
                request_timeout,
                concurrency: vars.parsed("MAX_CONCURRENT_REQUESTS", "a number", 256)?,
                requests_per_minute: vars.parsed("RATE_LIMIT_PER_MINUTE", "a number", 120)?,
                trusted_proxies: vars.parsed("TRUSTED_PROXIES", "a number", 0)?,
                shutdown: vars.seconds("SHUTDOWN_SECONDS", 25)?,
            },
            cors: vars.text("CORS_ORIGINS").map_or(Cors::Off, |list| cors(&list)),
            page_api_url: vars.text("BACKEND_API_URL").map(|url| url.trim_end_matches('/').to_owned()),
            in_function: in_lambda,
            rag: vars.flag("ENABLE_RAG", true)?,
            time_zone: vars.text("TIME_ZONE").unwrap_or_else(|| "Asia/Taipei".into()),
            processing: Processing {
                document_bytes: vars.parsed("MAX_DOCUMENT_BYTES", "a number of bytes", 50 * 1024 * 1024)?,
                text_bytes: vars.parsed("MAX_TEXT_BYTES", "a number of bytes", 20 * 1024 * 1024)?,
                chunk_characters: vars.parsed("CHUNK_CHARACTERS", "a number", 800)?,
                overlap_characters: vars.parsed("CHUNK_OVERLAP_CHARACTERS", "a number", 100)?,
                chunks: vars.parsed("MAX_CHUNKS", "a number", 20_000)?,
                reader_memory: vars.parsed("READER_MEMORY_MB", "a number of megabytes", 512)? * 1024 * 1024,
                reader_timeout: vars.seconds("READER_TIMEOUT_SECONDS", 120)?,
            },
        })
    }
}

const SYSTEM_PROMPT: &str = "You are a helpful assistant of a human resources department. \
Answer in the language of the question; answer Chinese questions in Traditional Chinese. Say so when you do not know.";

fn database(vars: &Vars<'_>, dimensions: usize, in_lambda: bool) -> Result<Option<DatabaseSettings>, ConfigError> {
    let source = match (vars.text("DATABASE_URL"), vars.text("DB_SECRET_NAME")) {
        (Some(url), _) => DatabaseSource::Url(url),
        (None, Some(name)) => DatabaseSource::Secret(name),
        (None, None) => return Ok(None),
    };
    let certificates = vars.text("DB_SSL_ROOT_CERT").map(PathBuf::from);
    const MODES: &str = "disable, prefer, require or verify-full";
    let tls = match (vars.text("DB_SSL_MODE").as_deref(), certificates, &source) {
        (None, Some(file), _) | (Some("verify-full"), Some(file), _) => Tls::VerifyFull(file),
        (None, None, DatabaseSource::Url(_)) | (Some("prefer"), _, _) => Tls::Prefer,
        (None, None, DatabaseSource::Secret(_)) | (Some("require"), _, _) => Tls::Require,
        (Some("disable"), _, _) => Tls::Disable,
        (Some("verify-full"), None, _) => {
            return Err(ConfigError::Missing { name: "DB_SSL_ROOT_CERT", because: "DB_SSL_MODE is verify-full" });
        }
        (Some(other), _, _) => return Err(invalid("DB_SSL_MODE", MODES, other.into())),
    };
    Ok(Some(DatabaseSettings {
        source,
        tls,
        // A function serves one request at a time, and every copy of it takes its own connections from the cluster.
        connections: vars.parsed("DB_CONNECTIONS", "a number", if in_lambda { 2 } else { 16 })?,
        connect_timeout: vars.seconds("DB_CONNECT_TIMEOUT_SECONDS", 5)?,
        statement_timeout: vars.seconds("DB_STATEMENT_TIMEOUT_SECONDS", 20)?,
        migrate: match vars.text("MIGRATE").as_deref() {
            None | Some("auto") => true,
            Some("off") => false,
            Some(other) => return Err(invalid("MIGRATE", "auto or off", other.into())),
        },
        dimensions,
    }))
}

fn cors(list: &str) -> Cors {
    let origins: Vec<_> = list.split(',').map(|origin| origin.trim().trim_end_matches('/')).filter(|origin| !origin.is_empty()).collect();
    // Whoever lets everybody in need not name anybody.
    if origins.contains(&"*") { Cors::Any } else { Cors::Origins(origins.into_iter().map(str::to_owned).collect()) }
}

fn signing(vars: &Vars<'_>) -> Result<Signing, ConfigError> {
    match (vars.text("JWT_SECRET_KEY"), vars.text("APP_SECRET_NAME")) {
        (Some(key), _) if key.len() < 32 => Err(invalid("JWT_SECRET_KEY", "at least 32 bytes long", format!("{} bytes", key.len()))),
        (Some(key), _) => Ok(Signing::Key(key)),
        (None, Some(name)) => Ok(Signing::Secret(name)),
        (None, None) => Ok(Signing::None),
    }
}

/// A model id says what it is; the ARN of an application's own inference profile does not, so there it must be said.
fn embedding_family(provider: Option<&str>, model: &str) -> Result<EmbeddingFamily, ConfigError> {
    let text = provider.unwrap_or(model);
    let families = [
        ("cohere.embed-v4", EmbeddingFamily::CohereV4),
        ("cohere.embed", EmbeddingFamily::CohereV3),
        ("titan-embed-text-v2", EmbeddingFamily::TitanV2),
        ("titan-embed", EmbeddingFamily::TitanV1),
    ];
    families.iter().find(|(part, _)| text.contains(part)).map(|(_, family)| *family).ok_or_else(|| match provider {
        Some(other) => invalid("EMBEDDING_PROVIDER", "cohere.embed-v4, cohere.embed, titan-embed-text-v2 or titan-embed", other.into()),
        None => ConfigError::Missing { name: "EMBEDDING_PROVIDER", because: "EMBEDDING_MODEL_ID does not name a Cohere or Titan model" },
    })
}

fn default_dimensions(family: EmbeddingFamily) -> usize {
    match family {
        EmbeddingFamily::CohereV4 | EmbeddingFamily::TitanV1 => 1536,
        EmbeddingFamily::CohereV3 | EmbeddingFamily::TitanV2 => 1024,
    }
}

fn invalid(name: &'static str, expected: &'static str, value: String) -> ConfigError {
    ConfigError::Invalid { name, expected, value }
}

/// A variable that is set to nothing counts as not set, as most tools that pass them on cannot leave one out.
struct Vars<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parsed<T: FromStr>(&self, name: &'static str, expected: &'static str, default: T) -> Result<T, ConfigError> {
        let Some(value) = self.text(name) else { return Ok(default) };
        value.parse().map_err(|_| invalid(name, expected, value))
    }

    fn seconds(&self, name: &'static str, default: u64) -> Result<Duration, ConfigError> {
        const EXPECTED: &str = "a positive number of seconds";
        let seconds: f64 = self.parsed(name, EXPECTED, default as f64)?;
        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero()).ok_or_else(|| invalid(name, EXPECTED, seconds.to_string()))
    }

    fn flag(&self, name: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.text(name).map(|value| value.to_ascii_lowercase()).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some("false" | "0" | "no" | "off") => Ok(false),
            Some(other) => Err(invalid(name, "true or false", other.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_set_is_a_server_without_database() {
        let config = read(&[]).unwrap();
        assert_eq!(config.port, 8080);
        assert!(config.database.is_none());
        assert!(config.process_uploads);
        assert_eq!(config.models.dimensions, 1536);
    }

    #[test]
    fn the_functions_environment() {
        let config = read(&[
            ("DB_SECRET_NAME", "hr-chatbot/database"),
            ("APP_SECRET_NAME", "hr-chatbot/app-secrets"),
            ("ENABLE_RAG", "true"),
            ("LLM_MODEL_ID", "amazon.nova-pro-v1:0"),
            ("EMBEDDING_MODEL_ID", "cohere.embed-v4:0"),
            ("USE_S3", "true"),
            ("S3_BUCKET", "hr-chatbot-documents"),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ])
        .unwrap();
        let database = config.database.unwrap();
        assert_eq!(database.tls, Tls::Require);
        assert_eq!(database.connections, 2);
        assert!(!config.process_uploads);
    }

    #[test]
    fn wrong_values_are_errors_that_name_the_variable() {
        let check = |vars: &[(&str, &str)], expected: &str| assert_eq!(read(vars).unwrap_err().to_string(), expected);
        check(&[("PORT", "http")], "PORT must be a port number, not \"http\"");
        check(&[("USE_S3", "true")], "S3_BUCKET must be set when USE_S3 is true");
        check(&[("USE_S3", "maybe")], "USE_S3 must be true or false, not \"maybe\"");
        check(&[("REQUEST_TIMEOUT_SECONDS", "0")], "REQUEST_TIMEOUT_SECONDS must be a positive number of seconds, not \"0\"");
        check(&[("REQUEST_TIMEOUT_SECONDS", "nan")], "REQUEST_TIMEOUT_SECONDS must be a positive number of seconds, not \"NaN\"");
        check(&[("JWT_SECRET_KEY", "short")], "JWT_SECRET_KEY must be at least 32 bytes long, not \"5 bytes\"");
        check(&[("EMBEDDING_DIMENSIONS", "4000")], "EMBEDDING_DIMENSIONS must be a number from 1 to 2000, not \"4000\"");
        check(
            &[("EMBEDDING_MODEL_ID", "arn:aws:bedrock:ap-northeast-1:123456789012:application-inference-profile/abc")],
            "EMBEDDING_PROVIDER must be set when EMBEDDING_MODEL_ID does not name a Cohere or Titan model",
        );
    }

    #[test]
    fn where_to_listen() {
        let check = |vars: &[(&str, &str)], expected: &str| {
            let config = read(vars).unwrap();
            assert_eq!(format!("{}:{}", config.host, config.port), expected);
        };
        check(&[], "0.0.0.0:8080");
        check(&[("GRADIO_HOST", "127.0.0.1"), ("GRADIO_PORT", "7860")], "127.0.0.1:7860");
        check(&[("GRADIO_PORT", "7860"), ("PORT", "80"), ("HOST", "::1")], "::1:80");
        assert!(read(&[("GRADIO_PORT", "http")]).is_err());
    }

    #[test]
    fn origins_and_everybody() {
        let check = |list: &str, expected| assert_eq!(read(&[("CORS_ORIGINS", list)]).unwrap().cors, expected, "{list}");
        let some = |list: &[&str]| Cors::Origins(list.iter().map(|it| (*it).to_owned()).collect());
        check("", Cors::Off);
        check("*", Cors::Any);
        check("https://a.example, *", Cors::Any);
        check("https://a.example/, https://b.example,", some(&["https://a.example", "https://b.example"]));
    }

    #[test]
    fn inference_profiles_are_recognised() {
        let check = |model: &str, expected| assert_eq!(embedding_family(None, model).unwrap(), expected);
        check("global.cohere.embed-v4:0", EmbeddingFamily::CohereV4);
        check("cohere.embed-multilingual-v3", EmbeddingFamily::CohereV3);
        check("amazon.titan-embed-text-v2:0", EmbeddingFamily::TitanV2);
        check("amazon.titan-embed-text-v1", EmbeddingFamily::TitanV1);
    }

    #[test]
    fn keys_and_passwords_are_not_shown() {
        let config = read(&[("JWT_SECRET_KEY", &"k".repeat(40)), ("DATABASE_URL", "postgres://u:hidden@h/d")]).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("kkkk") && !shown.contains("hidden"), "{shown}");
    }
}
