//! The bytes of the documents: in a bucket, or on this server's disk.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::aws::Aws;
use crate::config::Storage;
use crate::store::documents::Place;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file is not there any more")]
    Gone,
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the files cannot be reached: {0}")]
    Unavailable(String),
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound { Self::Gone } else { Self::Unavailable(error.to_string()) }
    }
}

/// How the name of a file begins that is being received.
const PARTIAL: &str = ".partial-";

pub struct Files {
    storage: Storage,
    aws: Aws,
}

impl Files {
    pub fn new(storage: Storage, aws: Aws) -> Self {
        Self { storage, aws }
    }

    /// Where a new document's bytes will be. Its id is in the name, so that two files of one name do not meet.
    pub fn place(&self, id: Uuid, filename: &str) -> Place {
        match &self.storage {
            Storage::Disk(_) => Place { bucket: String::new(), key: id.to_string() },
            Storage::S3 { bucket, prefix } => Place { bucket: bucket.clone(), key: format!("{prefix}{id}/{filename}") },
        }
    }

    /// A file to receive an upload in. It is on the same disk as the final one, so that moving it there is one step.
    pub async fn scratch(&self) -> Result<NamedTempFile, FileError> {
        match &self.storage {
            Storage::Disk(folder) => {
                tokio::fs::create_dir_all(folder).await?;
                Ok(tempfile::Builder::new().prefix(PARTIAL).tempfile_in(folder)?)
            }
            Storage::S3 { .. } => Ok(NamedTempFile::new()?),
        }
    }

    /// Stores a received file whole or not at all, and returns the version of the object where there is such a thing.
    pub async fn store(&self, file: NamedTempFile, place: &Place, content_type: &str) -> Result<Option<String>, FileError> {
        match &self.storage {
            Storage::Disk(folder) => {
                let target = folder.join(&place.key);
                let folder = folder.clone();
                let persist = move || -> std::io::Result<()> {
                    file.as_file().sync_all()?;
                    file.persist(target).map_err(|error| error.error)?;
                    std::fs::File::open(folder)?.sync_all()
                };
                tokio::task::spawn_blocking(persist).await.map_err(|error| FileError::Unavailable(error.to_string()))??;
                Ok(None)
            }
            Storage::S3 { .. } => {
                let body = ByteStream::from_path(file.path()).await.map_err(|error| FileError::Unavailable(error.to_string()))?;
                let client = self.aws.s3().await;
                let put = client.put_object().bucket(&place.bucket).key(&place.key).content_type(content_type).body(body);
                let answer = put.send().await.map_err(|error| s3_error(&error))?;
                Ok(version(answer.version_id(), answer.e_tag()))
            }
        }
    }

    /// Copies an object as it is now into a file of its own, a piece at a time.
    pub async fn fetch(&self, place: &Place, limit: u64) -> Result<Fetched, FileError> {
        if place.bucket.is_empty() {
            let Storage::Disk(folder) = &self.storage else { return Err(FileError::Gone) };
            let path = folder.join(&place.key);
            let size = tokio::fs::metadata(&path).await?.len();
            return if size > limit {
                Err(FileError::TooLarge(limit))
            } else {
                Ok(Fetched { path: FetchedPath::InPlace(path), size, version: None })
            };
        }
        let client = self.aws.s3().await;
        // Never a version by its id: that would need another permission than to read, and what is not current is not wanted.
        let get = client.get_object().bucket(&place.bucket).key(&place.key);
        let mut answer = get.send().await.map_err(|error| s3_error(&error))?;
        let version = version(answer.version_id(), answer.e_tag());
        if answer.content_length().is_some_and(|length| u64::try_from(length).is_ok_and(|length| length > limit)) {
            return Err(FileError::TooLarge(limit));
        }
        let scratch = NamedTempFile::new()?;
        let mut file = tokio::fs::File::from_std(scratch.reopen()?);
        let mut size = 0;
        while let Some(piece) = answer.body.try_next().await.map_err(|error| FileError::Unavailable(error.to_string()))? {
            size += piece.len() as u64;
            if size > limit {
                return Err(FileError::TooLarge(limit));
            }
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        Ok(Fetched { path: FetchedPath::Scratch(scratch), size, version })
    }

    /// The object as it is in the bucket at this moment, whatever versions of it there were. A file on disk is taken on trust: it
    /// has no versions, and another server's disk may have it.
    pub async fn look(&self, place: &Place) -> Result<Option<Found>, FileError> {
        if place.bucket.is_empty() {
            return Ok(Some(Found { size: None, version: None }));
        }
        let result = self.aws.s3().await.head_object().bucket(&place.bucket).key(&place.key).send().await;
        match result.map_err(|error| s3_error(&error)) {
            Ok(answer) => Ok(Some(Found { size: answer.content_length(), version: version(answer.version_id(), answer.e_tag()) })),
            Err(FileError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of what uploads have put on the disk, whole or not, before so long a time. Nothing else in the folder is touched.
    pub async fn older_than(&self, age: Duration) -> Result<Vec<String>, FileError> {
        let Storage::Disk(folder) = &self.storage else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        let mut entries = match tokio::fs::read_dir(folder).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
            result => result?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_upload = name.starts_with(PARTIAL) || name.parse::<Uuid>().is_ok();
            // Another server may have taken it away in the meantime.
            let is_old = async || Some(entry.metadata().await.ok()?.modified().ok()?.elapsed().ok()? > age);
            if is_upload && is_old().await == Some(true) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Removes a file; that there is none is success.
    pub async fn remove(&self, place: &Place) -> Result<(), FileError> {
        let result = match (&self.storage, place.bucket.is_empty()) {
            (Storage::Disk(folder), true) => tokio::fs::remove_file(folder.join(&place.key)).await.map_err(FileError::from),
            (Storage::S3 { .. }, true) => Ok(()),
            (_, false) => {
                let delete = self.aws.s3().await.delete_object().bucket(&place.bucket).key(&place.key);
                delete.send().await.map(|_| ()).map_err(|error| s3_error(&error))
            }
        };
        match result {
            Err(FileError::Gone) => Ok(()),
            other => other,
        }
    }
}

/// What is known of an object without its bytes.
pub struct Found {
    pub size: Option<i64>,
    pub version: Option<String>,
}

/// What tells one content of a key from another: the version id, else, in a bucket without versions, the entity tag.
fn version(id: Option<&str>, tag: Option<&str>) -> Option<String> {
    let id = id.filter(|id| !id.is_empty() && *id != "null");
    id.or(tag).map(|version| version.trim_matches('"').to_owned())
}

/// A document's bytes as a file to read; a copy goes away when this is dropped.
pub struct Fetched {
    path: FetchedPath,
    pub size: u64,
    pub version: Option<String>,
}

enum FetchedPath {
    InPlace(PathBuf),
    Scratch(NamedTempFile),
}

impl Fetched {
    pub fn path(&self) -> &Path {
        match &self.path {
            FetchedPath::InPlace(path) => path,
            FetchedPath::Scratch(file) => file.path(),
        }
    }
}

fn s3_error<E>(error: &SdkError<E>) -> FileError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    // HEAD has no body and so no code. A missing bucket is a mistake in the configuration, not a missing file.
    match (status, code) {
        (_, "NoSuchKey" | "NoSuchVersion") | (Some(404), "" | "NotFound") => FileError::Gone,
        _ => FileError::Unavailable(DisplayErrorContext(error).to_string()),
    }
}
