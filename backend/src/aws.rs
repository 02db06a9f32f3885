//! The AWS clients, each made on first use: loading the trusted certificates costs more than the whole rest of the start.

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

/// Clients that share one configuration, one set of credentials and one connection pool.
#[derive(Clone, Default)]
pub struct Aws(Arc<Inner>);

#[derive(Default)]
struct Inner {
    config: OnceCell<SdkConfig>,
    s3: OnceCell<aws_sdk_s3::Client>,
    secrets: OnceCell<aws_sdk_secretsmanager::Client>,
}

/// A secret that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret {name}: {reason}")]
    Unavailable { name: String, reason: String },
    #[error("the secret {name} does not hold what is expected of it")]
    Malformed { name: String },
}

impl Aws {
    /// What all clients share: region, credentials, timeouts.
    pub async fn config(&self) -> &SdkConfig {
        let load = || {
            let timeouts =
                TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_attempt_timeout(Duration::from_secs(20));
            aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts.build()).load()
        };
        self.0.config.get_or_init(load).await
    }

    pub async fn s3(&self) -> &aws_sdk_s3::Client {
        let make = || async {
            // An emulator has one host name for all buckets.
            let elsewhere = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
            let config = aws_sdk_s3::config::Builder::from(self.config().await).force_path_style(elsewhere).build();
            aws_sdk_s3::Client::from_conf(config)
        };
        self.0.s3.get_or_init(make).await
    }

    /// Reads a secret that holds a JSON document.
    pub async fn secret<T: DeserializeOwned>(&self, name: &str) -> Result<T, SecretError> {
        let client = self.0.secrets.get_or_init(|| async { aws_sdk_secretsmanager::Client::new(self.config().await) }).await;
        let answer = client
            .get_secret_value()
            .secret_id(name)
            .send()
            .await
            .map_err(|error| SecretError::Unavailable { name: name.to_owned(), reason: DisplayErrorContext(&error).to_string() })?;
        // What serde says of a wrong document may quote it, so it is not passed on.
        serde_json::from_str(answer.secret_string().unwrap_or_default()).map_err(|_| SecretError::Malformed { name: name.to_owned() })
    }
}
