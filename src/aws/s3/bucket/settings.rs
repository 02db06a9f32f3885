//! What can be set of a bucket: in a stack file's words and in S3's.

use aws_sdk_s3::{
    operation::{
        get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput, get_bucket_website::GetBucketWebsiteOutput,
    },
    types as sdk,
};
use infra::{
    resource::{Error, Problems, Result, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lifecycle::{Enabled, StorageClass};
use crate::aws::wording::{meaning, word};

/// Something that the schema requires is not there.
pub(super) fn incomplete(missing: aws_sdk_s3::error::BuildError) -> Error {
    Error::bug("s3.bucket", missing.to_string())
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Versioning {
    /// Every version of an object is kept, deleted ones too.
    Enabled,
    /// None is kept from now on; earlier ones stay.
    #[default]
    Suspended,
}

impl Versioning {
    pub(super) fn to_sdk(self) -> sdk::BucketVersioningStatus {
        sdk::BucketVersioningStatus::from(word(&self).as_str())
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Ownership {
    /// The owner of the bucket, always: only policies say who may do what.
    #[default]
    BucketOwnerEnforced,
    /// The owner of the bucket, where the upload says so.
    BucketOwnerPreferred,
    /// The account that uploads it.
    ObjectWriter,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize, Default)]
pub(crate) struct Encryption {
    /// The kind of encryption.
    #[serde(default)]
    sse_algorithm: Algorithm,
    /// The id or ARN of the KMS key. Left out, S3's own key in KMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_master_key_id: Option<String>,
    /// Whether KMS is asked once for many objects, which costs less.
    #[serde(default)]
    bucket_key_enabled: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Algorithm {
    /// With keys of S3's own.
    #[default]
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key in KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// Twice, with a key in KMS.
    #[serde(rename = "aws:kms:dsse")]
    Dsse,
}

impl Encryption {
    pub(super) fn to_sdk(&self) -> Result<sdk::ServerSideEncryptionRule> {
        let default = sdk::ServerSideEncryptionByDefault::builder()
            .sse_algorithm(sdk::ServerSideEncryption::from(word(&self.sse_algorithm).as_str()))
            .set_kms_master_key_id(self.kms_master_key_id.clone())
            .build()
            .map_err(incomplete)?;
        let rule = sdk::ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default);
        Ok(rule.bucket_key_enabled(self.bucket_key_enabled).build())
    }

    pub(super) fn from_sdk(it: &sdk::ServerSideEncryptionRule) -> Self {
        let default = it.apply_server_side_encryption_by_default();
        Self {
            sse_algorithm: default.and_then(|it| meaning(it.sse_algorithm().as_str())).unwrap_or_default(),
            kms_master_key_id: default.and_then(|it| it.kms_master_key_id.clone()),
            bucket_key_enabled: it.bucket_key_enabled().unwrap_or_default(),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct PublicAccessBlock {
    /// Whether ACLs that allow everybody are refused.
    #[serde(default = "yes")]
    block_public_acls: bool,
    /// Whether policies that allow everybody are refused.
    #[serde(default = "yes")]
    block_public_policy: bool,
    /// Whether ACLs that allow everybody have no effect.
    #[serde(default = "yes")]
    ignore_public_acls: bool,
    /// Whether a policy that allows everybody works for AWS services and the owner's account only.
    #[serde(default = "yes")]
    restrict_public_buckets: bool,
}

fn yes() -> bool {
    true
}

impl Default for PublicAccessBlock {
    fn default() -> Self {
        Self { block_public_acls: true, block_public_policy: true, ignore_public_acls: true, restrict_public_buckets: true }
    }
}

impl PublicAccessBlock {
    pub(super) fn to_sdk(&self) -> sdk::PublicAccessBlockConfiguration {
        sdk::PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.block_public_acls)
            .block_public_policy(self.block_public_policy)
            .ignore_public_acls(self.ignore_public_acls)
            .restrict_public_buckets(self.restrict_public_buckets)
            .build()
    }

    /// Where nothing is set, nothing is blocked.
    pub(super) fn from_sdk(it: Option<sdk::PublicAccessBlockConfiguration>) -> Self {
        let says = |what: fn(&sdk::PublicAccessBlockConfiguration) -> Option<bool>| it.as_ref().and_then(what).unwrap_or_default();
        Self {
            block_public_acls: says(|it| it.block_public_acls),
            block_public_policy: says(|it| it.block_public_policy),
            ignore_public_acls: says(|it| it.ignore_public_acls),
            restrict_public_buckets: says(|it| it.restrict_public_buckets),
        }
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Retention {
    /// How strong the lock is.
    mode: RetentionMode,
    /// For how many days. Either these or years.
    #[schemars(range(min = 1))]
    days: Option<i32>,
    /// For how many years. Either these or days.
    #[schemars(range(min = 1))]
    years: Option<i32>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RetentionMode {
    /// Who has a special permission may delete all the same.
    Governance,
    /// Nobody can delete before its end.
    Compliance,
}

impl Retention {
    pub(super) fn to_sdk(&self) -> sdk::ObjectLockRule {
        let default = sdk::DefaultRetention::builder()
            .mode(sdk::ObjectLockRetentionMode::from(word(&self.mode).as_str()))
            .set_days(self.days)
            .set_years(self.years);
        sdk::ObjectLockRule::builder().default_retention(default.build()).build()
    }

    pub(super) fn from_sdk(it: sdk::DefaultRetention) -> Option<Self> {
        let mode = meaning(it.mode()?.as_str())?;
        Some(Self { mode, days: it.days.filter(|it| *it > 0), years: it.years.filter(|it| *it > 0) })
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct CorsRule {
    /// Its name.
    #[schemars(length(min = 1, max = 255))]
    id: Option<String>,
    /// Where the pages come from: `https://example.com`, or `*`.
    #[schemars(transform = set, length(min = 1))]
    allowed_origins: Vec<String>,
    /// What they may do.
    #[schemars(transform = set, length(min = 1))]
    allowed_methods: Vec<Method>,
    /// Which headers they may send.
    #[serde(default)]
    #[schemars(transform = set)]
    allowed_headers: Vec<String>,
    /// Which headers of the answer they may see.
    #[serde(default)]
    #[schemars(transform = set)]
    exposed_headers: Vec<String>,
    /// For how many seconds a browser need not ask again.
    #[schemars(range(min = 0))]
    max_age: Option<i32>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Method {
    /// Read.
    Get,
    /// Read without the contents.
    Head,
    /// Upload.
    Put,
    /// Upload with a form.
    Post,
    /// Delete.
    Delete,
}

impl CorsRule {
    pub(super) fn to_sdk(&self) -> Result<sdk::CorsRule> {
        let some = |list: &[String]| Some(list.to_vec()).filter(|it| !it.is_empty());
        sdk::CorsRule::builder()
            .set_id(self.id.clone())
            .set_allowed_origins(Some(self.allowed_origins.clone()))
            .set_allowed_methods(Some(self.allowed_methods.iter().map(word).collect()))
            .set_allowed_headers(some(&self.allowed_headers))
            .set_expose_headers(some(&self.exposed_headers))
            .set_max_age_seconds(self.max_age)
            .build()
            .map_err(incomplete)
    }

    pub(super) fn from_sdk(it: sdk::CorsRule) -> Self {
        Self {
            id: it.id.filter(|it| !it.is_empty()),
            allowed_origins: it.allowed_origins,
            allowed_methods: it.allowed_methods.iter().filter_map(|it| meaning(it)).collect(),
            allowed_headers: it.allowed_headers.unwrap_or_default(),
            exposed_headers: it.expose_headers.unwrap_or_default(),
            max_age: it.max_age_seconds,
        }
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Logging {
    /// The name of the bucket where the notes go.
    #[schemars(regex(pattern = r"[A-Za-z0-9._-]{3,255}"))]
    destination_bucket_name: String,
    /// What their keys begin with.
    #[serde(default)]
    log_file_prefix: String,
}

impl Logging {
    pub(super) fn to_sdk(&self) -> Result<sdk::LoggingEnabled> {
        let it = sdk::LoggingEnabled::builder().target_bucket(&self.destination_bucket_name).target_prefix(&self.log_file_prefix);
        it.build().map_err(incomplete)
    }

    pub(super) fn from_sdk(it: sdk::LoggingEnabled) -> Self {
        Self { destination_bucket_name: it.target_bucket, log_file_prefix: it.target_prefix }
    }
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Notification {
    /// Functions that are called. Each needs a `lambda.permission` for S3 with the bucket as its source.
    #[serde(default)]
    #[schemars(transform = set)]
    lambda_configurations: Vec<ToFunction>,
    /// Queues that get a message. Each has to allow it in its policy.
    #[serde(default)]
    #[schemars(transform = set)]
    queue_configurations: Vec<ToQueue>,
    /// Topics that get a message. Each has to allow it in its policy.
    #[serde(default)]
    #[schemars(transform = set)]
    topic_configurations: Vec<ToTopic>,
    /// Whether EventBridge is told of everything.
    #[serde(default)]
    event_bridge_enabled: bool,
}

/// The three kinds differ in the name of one property only.
macro_rules! told {
    ($name:ident, $to:ident, $doc:literal, $sdk:ident, $arn:ident) => {
        #[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
        pub(crate) struct $name {
            #[doc = $doc]
            $to: String,
            /// What it is told of: `s3:ObjectCreated:*`.
            #[schemars(transform = set, length(min = 1), inner(regex(pattern = r"s3:[A-Za-z:*]+")))]
            events: Vec<String>,
            /// What the keys of the objects begin with.
            #[schemars(length(min = 1, max = 1024))]
            prefix: Option<String>,
            /// What the keys of the objects end with.
            #[schemars(length(min = 1, max = 1024))]
            suffix: Option<String>,
        }

        impl $name {
            fn to_sdk(&self) -> Result<sdk::$sdk> {
                sdk::$sdk::builder()
                    .$arn(&self.$to)
                    .set_events(Some(self.events.iter().map(|it| sdk::Event::from(it.as_str())).collect()))
                    .set_filter(filter(self.prefix.as_deref(), self.suffix.as_deref()))
                    .build()
                    .map_err(incomplete)
            }

            fn from_sdk(it: sdk::$sdk) -> Self {
                let part = |name| part(it.filter.as_ref(), name);
                let (prefix, suffix) = (part("prefix"), part("suffix"));
                Self { $to: it.$arn, events: it.events.iter().map(|it| it.as_str().to_owned()).collect(), prefix, suffix }
            }
        }
    };
}

told!(ToFunction, function, "The ARN of the function.", LambdaFunctionConfiguration, lambda_function_arn);
told!(ToQueue, queue, "The ARN of the queue.", QueueConfiguration, queue_arn);
told!(ToTopic, topic, "The ARN of the topic.", TopicConfiguration, topic_arn);

fn filter(prefix: Option<&str>, suffix: Option<&str>) -> Option<sdk::NotificationConfigurationFilter> {
    let rule = |name: &str, value: &str| sdk::FilterRule::builder().name(sdk::FilterRuleName::from(name)).value(value).build();
    let rules: Vec<_> = [("prefix", prefix), ("suffix", suffix)].into_iter().filter_map(|(name, it)| Some(rule(name, it?))).collect();
    let key = (!rules.is_empty()).then(|| sdk::S3KeyFilter::builder().set_filter_rules(Some(rules)).build())?;
    Some(sdk::NotificationConfigurationFilter::builder().key(key).build())
}

/// S3 gives the names of the rules back with a capital letter.
fn part(filter: Option<&sdk::NotificationConfigurationFilter>, name: &str) -> Option<String> {
    let rules = filter?.key()?.filter_rules();
    let named = |it: &&sdk::FilterRule| it.name().is_some_and(|it| it.as_str().eq_ignore_ascii_case(name));
    rules.iter().find(named)?.value().filter(|it| !it.is_empty()).map(str::to_owned)
}

impl Notification {
    pub(super) fn to_sdk(&self) -> Result<sdk::NotificationConfiguration> {
        let event_bridge = self.event_bridge_enabled.then(|| sdk::EventBridgeConfiguration::builder().build());
        Ok(sdk::NotificationConfiguration::builder()
            .set_lambda_function_configurations(Some(self.lambda_configurations.iter().map(ToFunction::to_sdk).collect::<Result<_>>()?))
            .set_queue_configurations(Some(self.queue_configurations.iter().map(ToQueue::to_sdk).collect::<Result<_>>()?))
            .set_topic_configurations(Some(self.topic_configurations.iter().map(ToTopic::to_sdk).collect::<Result<_>>()?))
            .set_event_bridge_configuration(event_bridge)
            .build())
    }

    /// Nothing where nobody is told.
    pub(super) fn from_sdk(it: GetBucketNotificationConfigurationOutput) -> Option<Self> {
        let all = Self {
            lambda_configurations: it.lambda_function_configurations.into_iter().flatten().map(ToFunction::from_sdk).collect(),
            queue_configurations: it.queue_configurations.into_iter().flatten().map(ToQueue::from_sdk).collect(),
            topic_configurations: it.topic_configurations.into_iter().flatten().map(ToTopic::from_sdk).collect(),
            event_bridge_enabled: it.event_bridge_configuration.is_some(),
        };
        let lists = [all.lambda_configurations.len(), all.queue_configurations.len(), all.topic_configurations.len()];
        (all.event_bridge_enabled || lists.iter().any(|it| *it > 0)).then_some(all)
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Replication {
    /// The ARN of the role that S3 copies with.
    role: String,
    /// What is copied where.
    #[schemars(transform = set, length(min = 1))]
    rules: Vec<ReplicationRule>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct ReplicationRule {
    /// Its name among the rules of the bucket.
    #[schemars(length(min = 1, max = 255))]
    id: String,
    /// Which rule counts where several are for the same object: the one with the highest number.
    #[serde(default)]
    #[schemars(range(min = 0))]
    priority: i32,
    /// Whether it is carried out.
    #[serde(default)]
    status: Enabled,
    /// What the keys of the objects begin with. Left out, all are copied.
    #[schemars(length(min = 1, max = 1024))]
    prefix: Option<String>,
    /// Whether delete markers are copied.
    #[serde(default)]
    delete_marker_replication: bool,
    /// The ARN of the bucket that the copies go to.
    destination_bucket: String,
    /// The account that owns that bucket, where it is to own the copies.
    destination_account: Option<String>,
    /// How the copies are stored. Left out, as the originals.
    destination_storage_class: Option<StorageClass>,
    /// The ARN of the KMS key that copies of encrypted objects are encrypted with. Left out, what is encrypted with KMS is not copied.
    replica_kms_key_id: Option<String>,
}

impl Replication {
    pub(super) fn to_sdk(&self) -> Result<sdk::ReplicationConfiguration> {
        let rules = self.rules.iter().map(ReplicationRule::to_sdk).collect::<Result<_>>()?;
        sdk::ReplicationConfiguration::builder().role(&self.role).set_rules(Some(rules)).build().map_err(incomplete)
    }

    pub(super) fn from_sdk(it: sdk::ReplicationConfiguration) -> Self {
        Self { role: it.role, rules: it.rules.into_iter().map(ReplicationRule::from_sdk).collect() }
    }
}

impl ReplicationRule {
    fn to_sdk(&self) -> Result<sdk::ReplicationRule> {
        let destination = sdk::Destination::builder()
            .bucket(&self.destination_bucket)
            .set_account(self.destination_account.clone())
            .set_access_control_translation(self.destination_account.as_ref().map(|_| translation()).transpose()?)
            .set_storage_class(self.destination_storage_class.map(|it| sdk::StorageClass::from(word(&it).as_str())))
            .set_encryption_configuration(
                (self.replica_kms_key_id.as_ref()).map(|it| sdk::EncryptionConfiguration::builder().replica_kms_key_id(it).build()),
            );
        let markers = if self.delete_marker_replication { "Enabled" } else { "Disabled" };
        let markers = sdk::DeleteMarkerReplication::builder().status(sdk::DeleteMarkerReplicationStatus::from(markers)).build();
        sdk::ReplicationRule::builder()
            .id(&self.id)
            .priority(self.priority)
            .status(sdk::ReplicationRuleStatus::from(word(&self.status).as_str()))
            .filter(sdk::ReplicationRuleFilter::builder().prefix(self.prefix.clone().unwrap_or_default()).build())
            .delete_marker_replication(markers)
            .set_source_selection_criteria(self.replica_kms_key_id.as_ref().map(|_| encrypted()).transpose()?)
            .destination(destination.build().map_err(incomplete)?)
            .build()
            .map_err(incomplete)
    }

    fn from_sdk(it: sdk::ReplicationRule) -> Self {
        let destination = it.destination.as_ref();
        let markers = it.delete_marker_replication.and_then(|it| it.status);
        Self {
            priority: it.priority.unwrap_or_default(),
            status: meaning(it.status.as_str()).unwrap_or_default(),
            prefix: it.filter.and_then(|it| it.prefix.or(it.and?.prefix)).filter(|it| !it.is_empty()),
            delete_marker_replication: markers == Some(sdk::DeleteMarkerReplicationStatus::Enabled),
            destination_bucket: destination.map(|it| it.bucket.clone()).unwrap_or_default(),
            destination_account: destination.and_then(|it| it.account.clone()),
            destination_storage_class: destination.and_then(|it| meaning(it.storage_class.as_ref()?.as_str())),
            replica_kms_key_id: destination.and_then(|it| it.encryption_configuration.as_ref()?.replica_kms_key_id.clone()),
            id: it.id.unwrap_or_default(),
        }
    }
}

fn translation() -> Result<sdk::AccessControlTranslation> {
    sdk::AccessControlTranslation::builder().owner(sdk::OwnerOverride::Destination).build().map_err(incomplete)
}

fn encrypted() -> Result<sdk::SourceSelectionCriteria> {
    let objects = sdk::SseKmsEncryptedObjects::builder().status(sdk::SseKmsEncryptedObjectsStatus::Enabled).build().map_err(incomplete)?;
    Ok(sdk::SourceSelectionCriteria::builder().sse_kms_encrypted_objects(objects).build())
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Website {
    /// The end of the keys that a folder's address stands for: `index.html`.
    #[schemars(length(min = 1))]
    index_document: Option<String>,
    /// The key of the page that is shown for errors.
    #[schemars(length(min = 1))]
    error_document: Option<String>,
    /// The host that everybody is sent on to, instead of being answered.
    redirect_all_requests_to_host_name: Option<String>,
}

impl Website {
    pub(super) fn to_sdk(&self) -> Result<sdk::WebsiteConfiguration> {
        let index = self.index_document.as_ref().map(|it| sdk::IndexDocument::builder().suffix(it).build().map_err(incomplete));
        let page = self.error_document.as_ref().map(|it| sdk::ErrorDocument::builder().key(it).build().map_err(incomplete));
        let host = self.redirect_all_requests_to_host_name.as_ref();
        let redirect = host.map(|it| sdk::RedirectAllRequestsTo::builder().host_name(it).build().map_err(incomplete));
        Ok(sdk::WebsiteConfiguration::builder()
            .set_index_document(index.transpose()?)
            .set_error_document(page.transpose()?)
            .set_redirect_all_requests_to(redirect.transpose()?)
            .build())
    }

    pub(super) fn from_sdk(it: GetBucketWebsiteOutput) -> Self {
        Self {
            index_document: it.index_document.map(|it| it.suffix),
            error_document: it.error_document.map(|it| it.key),
            redirect_all_requests_to_host_name: it.redirect_all_requests_to.map(|it| it.host_name),
        }
    }
}

/// What the schema cannot say.
pub(super) fn check(spec: &Value, problems: &mut Problems) {
    let has = |of: &Value, name: &str| of.get(name).is_some_and(|it| !it.is_null());
    let encryption = Path::of("bucket_encryption");
    if let Some(it) = spec.get("bucket_encryption")
        && has(it, "kms_master_key_id")
        && it.get("sse_algorithm").is_none_or(|it| it.as_text() == Some("AES256"))
    {
        problems.error(encryption, "a KMS key for encryption without KMS", "write `sse_algorithm: aws:kms` beside it");
    }
    if let Some(it) = spec.get("object_lock_retention")
        && has(it, "days") == has(it, "years")
    {
        let help = "write either `days` or `years`";
        problems.error(Path::of("object_lock_retention"), "a lock is for a number of days or of years", help);
    }
    if let Some(it) = spec.get("website_configuration")
        && has(it, "redirect_all_requests_to_host_name") == has(it, "index_document")
    {
        let help = "write either `index_document` or `redirect_all_requests_to_host_name`";
        problems.error(Path::of("website_configuration"), "a web site has an index document or sends everybody on", help);
    }
    let mut seen = vec![];
    for (n, rule) in spec.get("lifecycle_rules").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        let path = Path::of("lifecycle_rules").item(n);
        let actions = [
            "expiration_in_days",
            "expired_object_delete_marker",
            "transitions",
            "noncurrent_version_expiration",
            "noncurrent_version_transitions",
            "abort_incomplete_multipart_upload_days",
        ];
        if !actions.iter().any(|it| has(rule, it)) {
            let help = format!("write one of {}", actions.map(|it| format!("`{it}`")).join(", "));
            problems.error(path.clone(), "a rule that does nothing", help);
        }
        if has(rule, "expiration_in_days") && rule.get("expired_object_delete_marker") == Some(&Value::Bool(true)) {
            let help = "write two rules: S3 takes only one of these in each";
            problems.error(path.clone(), "`expiration_in_days` beside `expired_object_delete_marker`", help);
        }
        let id = rule.get("id").and_then(Value::as_text);
        if id.is_some() && seen.contains(&id) {
            problems.error(path.key("id"), "another rule has this id", "give each rule an id of its own");
        }
        seen.push(id);
    }
}

/// <https://docs.aws.amazon.com/general/latest/gr/s3.html#s3_website_region_endpoints>
pub(super) fn website_zone(region: &str) -> Option<&'static str> {
    Some(match region {
        "ap-east-1" => "ZNB98KWMFR0R6",
        "ap-northeast-1" => "Z2M4EHUR26P7ZW",
        "ap-northeast-2" => "Z3W03O7B5YMIYP",
        "ap-northeast-3" => "Z2YQB5RD63NC85",
        "ap-south-1" => "Z11RGJOFQNVJUP",
        "ap-southeast-1" => "Z3O0J2DXBE1FTB",
        "ap-southeast-2" => "Z1WCIGYICN2BYD",
        "ca-central-1" => "Z1QDHH18159H29",
        "eu-central-1" => "Z21DNDUVLTQW6Q",
        "eu-north-1" => "Z3BAZG2TWCNX0D",
        "eu-west-1" => "Z1BKCTXD74EZPE",
        "eu-west-2" => "Z3GKZC51ZF0DB4",
        "eu-west-3" => "Z3R1K369G5AVDG",
        "me-south-1" => "Z1MPMWCPA7YB62",
        "sa-east-1" => "Z7KQH4QJS55SO",
        "us-east-1" => "Z3AQBSTGFYJSTF",
        "us-east-2" => "Z2O1EMRO9K5GLX",
        "us-gov-west-1" => "Z31GFT0UA1I2HV",
        "us-west-1" => "Z2F56UZL2M1ACD",
        "us-west-2" => "Z3BJ6K6RIION7M",
        _ => return None,
    })
}
