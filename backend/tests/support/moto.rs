//! S3 and Secrets Manager, as moto has them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;

use super::process::{Guarded, environment, free_port};

static MOTO: LazyLock<Moto> = LazyLock::new(|| {
    let port = free_port();
    let arguments = ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
    Moto { url: format!("http://127.0.0.1:{port}"), _server: Guarded::start(&program(), &arguments, None, "Running on") }
});

struct Moto {
    url: String,
    _server: Guarded,
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("moto_server")).find(|file| file.exists());
    found.unwrap_or_else(|| environment("moto", "moto[server]==5.2.1", Path::new(env!("CARGO_TARGET_TMPDIR"))).join("bin/moto_server"))
}

/// Where moto listens.
pub async fn url() -> String {
    tokio::task::spawn_blocking(|| MOTO.url.clone()).await.unwrap()
}

async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("ap-northeast-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url().await)
        .load()
        .await
}

pub async fn s3() -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config().await).force_path_style(true).build())
}

pub async fn secrets() -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(&config().await)
}

/// A bucket with versions, as the documents' bucket is.
pub async fn bucket(name: &str) -> aws_sdk_s3::Client {
    use aws_sdk_s3::types::{BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration};
    let client = s3().await;
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::ApNortheast1).build();
    client.create_bucket().bucket(name).create_bucket_configuration(place).send().await.unwrap();
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(name).versioning_configuration(versions).send().await.unwrap();
    client
}

/// The keys of all objects that are in a bucket now.
pub async fn keys(bucket: &str) -> Vec<String> {
    let listed = s3().await.list_objects_v2().bucket(bucket).send().await.unwrap();
    listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

pub async fn secret(name: &str, value: &serde_json::Value) {
    secrets().await.create_secret().name(name).secret_string(value.to_string()).send().await.unwrap();
}
