//! What becomes of objects as they age: in a stack file's words and in S3's.

use std::collections::BTreeMap;

use aws_sdk_s3::types as sdk;
use infra::resource::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::incomplete;
use crate::aws::wording::{meaning, word};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct LifecycleRule {
    /// Its name among the rules of the bucket.
    #[schemars(length(min = 1, max = 255))]
    id: String,
    /// Whether it is carried out.
    #[serde(default)]
    status: Enabled,
    /// What the keys of the objects begin with. Left out, it is for all.
    #[schemars(length(min = 1, max = 1024))]
    prefix: Option<String>,
    /// Tags that the objects have.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// The objects have more bytes than this.
    #[schemars(range(min = 0))]
    object_size_greater_than: Option<i64>,
    /// The objects have fewer bytes than this.
    #[schemars(range(min = 1))]
    object_size_less_than: Option<i64>,
    /// After how many days objects are deleted; with versioning, they get a delete marker.
    #[schemars(range(min = 1))]
    expiration_in_days: Option<i32>,
    /// Whether delete markers are deleted that have no version left.
    #[serde(default)]
    expired_object_delete_marker: bool,
    /// When objects move to cheaper storage.
    #[serde(default)]
    transitions: Vec<Transition>,
    /// When versions are deleted that are not the current one.
    noncurrent_version_expiration: Option<NoncurrentExpiration>,
    /// When versions that are not the current one move to cheaper storage.
    #[serde(default)]
    noncurrent_version_transitions: Vec<NoncurrentTransition>,
    /// After how many days an upload that was begun and not ended is given up.
    #[schemars(range(min = 1))]
    abort_incomplete_multipart_upload_days: Option<i32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Enabled {
    /// It is.
    #[default]
    Enabled,
    /// It is not, for now.
    Disabled,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StorageClass {
    /// For what is read seldom.
    StandardIa,
    /// For what is read seldom, in one availability zone.
    OnezoneIa,
    /// Moves objects by itself, by how often they are read.
    IntelligentTiering,
    /// An archive that is read at once.
    GlacierIr,
    /// An archive that is read after minutes or hours.
    Glacier,
    /// An archive that is read after hours.
    DeepArchive,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Transition {
    /// Where they move.
    storage_class: StorageClass,
    /// After how many days.
    #[schemars(range(min = 0))]
    transition_in_days: i32,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct NoncurrentExpiration {
    /// After how many days without being the current one.
    #[schemars(range(min = 1))]
    noncurrent_days: i32,
    /// How many of them are kept nevertheless.
    #[schemars(range(min = 1, max = 100))]
    newer_noncurrent_versions: Option<i32>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct NoncurrentTransition {
    /// Where they move.
    storage_class: StorageClass,
    /// After how many days without being the current one.
    #[schemars(range(min = 0))]
    transition_in_days: i32,
    /// How many of them stay nevertheless.
    #[schemars(range(min = 1, max = 100))]
    newer_noncurrent_versions: Option<i32>,
}

impl LifecycleRule {
    pub(super) fn to_sdk(&self) -> Result<sdk::LifecycleRule> {
        let class = |it: &StorageClass| sdk::TransitionStorageClass::from(word(it).as_str());
        let transitions = self
            .transitions
            .iter()
            .map(|it| sdk::Transition::builder().storage_class(class(&it.storage_class)).days(it.transition_in_days).build());
        let noncurrent = self.noncurrent_version_transitions.iter().map(|it| {
            let call = sdk::NoncurrentVersionTransition::builder().storage_class(class(&it.storage_class));
            call.noncurrent_days(it.transition_in_days).set_newer_noncurrent_versions(it.newer_noncurrent_versions).build()
        });
        let some = |list: Vec<_>| Some(list).filter(|it| !it.is_empty());
        let expiration = (self.expiration_in_days.is_some() || self.expired_object_delete_marker).then(|| {
            let marker = self.expired_object_delete_marker.then_some(true);
            sdk::LifecycleExpiration::builder().set_days(self.expiration_in_days).set_expired_object_delete_marker(marker).build()
        });
        let of_noncurrent = self.noncurrent_version_expiration.as_ref().map(|it| {
            let it = sdk::NoncurrentVersionExpiration::builder()
                .noncurrent_days(it.noncurrent_days)
                .set_newer_noncurrent_versions(it.newer_noncurrent_versions);
            it.build()
        });
        let uploads = self.abort_incomplete_multipart_upload_days;
        sdk::LifecycleRule::builder()
            .id(&self.id)
            .status(sdk::ExpirationStatus::from(word(&self.status).as_str()))
            .filter(self.filter()?)
            .set_expiration(expiration)
            .set_transitions(some(transitions.collect()))
            .set_noncurrent_version_expiration(of_noncurrent)
            .set_noncurrent_version_transitions(Some(noncurrent.collect::<Vec<_>>()).filter(|it| !it.is_empty()))
            .set_abort_incomplete_multipart_upload(
                uploads.map(|days| sdk::AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build()),
            )
            .build()
            .map_err(incomplete)
    }

    /// One condition stands alone, several in an `And`, and for all objects there is an empty prefix.
    fn filter(&self) -> Result<sdk::LifecycleRuleFilter> {
        let tags = self.tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build().map_err(incomplete));
        let tags = tags.collect::<Result<Vec<_>>>()?;
        let others = [self.prefix.is_some(), self.object_size_greater_than.is_some(), self.object_size_less_than.is_some()];
        let conditions = tags.len() + others.iter().filter(|it| **it).count();
        let filter = sdk::LifecycleRuleFilter::builder();
        if conditions > 1 {
            let and = sdk::LifecycleRuleAndOperator::builder()
                .set_prefix(self.prefix.clone())
                .set_tags(Some(tags).filter(|it| !it.is_empty()))
                .set_object_size_greater_than(self.object_size_greater_than)
                .set_object_size_less_than(self.object_size_less_than);
            return Ok(filter.and(and.build()).build());
        }
        let prefix = self.prefix.clone().or_else(|| (conditions == 0).then(String::new));
        let filter = filter.set_prefix(prefix).set_tag(tags.into_iter().next());
        let filter = filter.set_object_size_greater_than(self.object_size_greater_than);
        Ok(filter.set_object_size_less_than(self.object_size_less_than).build())
    }

    pub(super) fn from_sdk(it: sdk::LifecycleRule) -> Self {
        let filter = it.filter.unwrap_or_else(|| sdk::LifecycleRuleFilter::builder().build());
        let and = filter.and.unwrap_or_else(|| sdk::LifecycleRuleAndOperator::builder().build());
        let tags = filter.tag.into_iter().chain(and.tags.into_iter().flatten());
        // Storage that has no name here is left out, so that the rule differs from what was written.
        let class = |it: Option<&sdk::TransitionStorageClass>| meaning(it?.as_str());
        #[expect(deprecated, reason = "old rules have their prefix there")]
        let prefix = filter.prefix.or(and.prefix).or(it.prefix);
        Self {
            id: it.id.unwrap_or_default(),
            status: meaning(it.status.as_str()).unwrap_or_default(),
            prefix: prefix.filter(|it| !it.is_empty()),
            tags: tags.map(|it| (it.key, it.value)).collect(),
            object_size_greater_than: filter.object_size_greater_than.or(and.object_size_greater_than),
            object_size_less_than: filter.object_size_less_than.or(and.object_size_less_than),
            expiration_in_days: it.expiration.as_ref().and_then(|it| it.days),
            expired_object_delete_marker: it.expiration.and_then(|it| it.expired_object_delete_marker).unwrap_or_default(),
            transitions: (it.transitions.unwrap_or_default().iter())
                .filter_map(|it| {
                    Some(Transition { storage_class: class(it.storage_class())?, transition_in_days: it.days.unwrap_or_default() })
                })
                .collect(),
            noncurrent_version_expiration: it.noncurrent_version_expiration.map(|it| NoncurrentExpiration {
                noncurrent_days: it.noncurrent_days.unwrap_or_default(),
                newer_noncurrent_versions: it.newer_noncurrent_versions,
            }),
            noncurrent_version_transitions: (it.noncurrent_version_transitions.unwrap_or_default().iter())
                .filter_map(|it| {
                    Some(NoncurrentTransition {
                        storage_class: class(it.storage_class())?,
                        transition_in_days: it.noncurrent_days.unwrap_or_default(),
                        newer_noncurrent_versions: it.newer_noncurrent_versions,
                    })
                })
                .collect(),
            abort_incomplete_multipart_upload_days: it.abort_incomplete_multipart_upload.and_then(|it| it.days_after_initiation),
        }
    }
}
