//! Taking everything out of a bucket.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use infra::resource::{Error, Result};

use super::settings::incomplete;
use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

/// Whether there is anything in a bucket beside the latest versions of what goes, of which there are no more than this.
pub(super) async fn holds(world: &Aws, bucket: &str, going: usize, goes: impl Fn(&str) -> bool) -> Result<bool> {
    let most = i32::try_from(going + 1).unwrap_or(PAGE).min(PAGE);
    let page = world.s3().list_object_versions().bucket(bucket).max_keys(most).send().await.map_err(error)?;
    let stays = |key: Option<&str>| !key.is_some_and(&goes);
    Ok(!page.delete_markers().is_empty() || page.versions().iter().any(|it| stays(it.key())))
}

/// What a list has at most.
const PAGE: i32 = 1000;

/// Deletes all versions of all objects with their delete markers, and what was begun to be uploaded.
///
/// A lock in governance mode is passed over; one in compliance mode and a legal hold cannot be, and end it.
pub(super) async fn empty(world: &Aws, bucket: &str, locks: bool) -> Result<()> {
    // Always from the beginning: what was listed is gone then.
    loop {
        let page = world.s3().list_object_versions().bucket(bucket).send().await.map_err(error)?;
        let more = page.is_truncated == Some(true);
        let versions = page.versions.unwrap_or_default().into_iter().map(|it| (it.key, it.version_id));
        let markers = page.delete_markers.unwrap_or_default().into_iter().map(|it| (it.key, it.version_id));
        // A page holds no more than one call can delete.
        let all = versions.chain(markers).filter_map(|(key, version)| {
            let it = ObjectIdentifier::builder().key(key?).set_version_id(version);
            Some(it.build().map_err(incomplete))
        });
        let all = all.collect::<Result<Vec<_>>>()?;
        if !all.is_empty() {
            delete(world, bucket, locks, all).await?;
        }
        if !more {
            break;
        }
    }
    uploads(world, bucket).await
}

async fn delete(world: &Aws, bucket: &str, locks: bool, all: Vec<ObjectIdentifier>) -> Result<()> {
    let all = Delete::builder().set_objects(Some(all)).quiet(true).build().map_err(incomplete)?;
    let call = world.s3().delete_objects().bucket(bucket).delete(all).set_bypass_governance_retention(locks.then_some(true));
    let failed = call.send().await.map_err(error)?.errors.unwrap_or_default();
    let Some(first) = failed.first() else { return Ok(()) };
    let keys: Vec<_> = failed.iter().take(3).map(|it| format!("`{}`", it.key().unwrap_or_default())).collect();
    let message = format!(
        "{} of the objects in `{bucket}` cannot be deleted, {} among them: {}",
        failed.len(),
        keys.join(", "),
        first.message().unwrap_or_default()
    );
    Err(Error::rejected("DeleteObjects", first.code().unwrap_or("Unknown"), message))
}

/// Parts that were uploaded count as no objects, and cost all the same.
async fn uploads(world: &Aws, bucket: &str) -> Result<()> {
    loop {
        let page = world.s3().list_multipart_uploads().bucket(bucket).send().await.map_err(error)?;
        let more = page.is_truncated == Some(true);
        for upload in page.uploads.unwrap_or_default() {
            let call = world.s3().abort_multipart_upload().bucket(bucket).set_key(upload.key).set_upload_id(upload.upload_id);
            unless(call.send().await.map_err(error), &["NoSuchUpload"])?;
        }
        if !more {
            return Ok(());
        }
    }
}
