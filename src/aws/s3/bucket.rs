//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>

mod check;
mod empty;
mod lifecycle;
mod settings;

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::SdkError,
    types::{
        BucketLifecycleConfiguration, BucketLocationConstraint, BucketLoggingStatus, CorsConfiguration, CreateBucketConfiguration,
        NotificationConfiguration, ObjectLockConfiguration, ObjectLockEnabled, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
        ServerSideEncryptionConfiguration, Tag, Tagging, VersioningConfiguration,
    },
};
use futures::try_join;
use infra::{
    resource::{
        Actions, After, Create, Delete, During, Error, ErrorKind, Facts, Find, Id, Live, Obstacle, Passing, Policy, Problems, Resource,
        Result, Status, Tags, Update, Wanted, immutable, late, unique, write_only,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    lifecycle::LifecycleRule,
    settings::{CorsRule, Encryption, Logging, Notification, Ownership, PublicAccessBlock, Replication, Retention, Versioning, Website},
};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, policy, word},
};

pub(crate) struct Bucket;

/// A bucket: where objects are kept.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other bucket of any account has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 3, max = 63), regex(pattern = r"[a-z0-9][a-z0-9.\-]*[a-z0-9]"))]
    bucket_name: Option<String>,
    /// Whether versions of objects can be locked against deletion. It needs versioning.
    #[serde(default)]
    #[schemars(transform = immutable)]
    object_lock_enabled: bool,
    /// How long new versions of objects are locked, where nothing else is said of them. It needs `object_lock_enabled`.
    object_lock_retention: Option<Retention>,
    /// Whether earlier versions of objects are kept.
    #[serde(default)]
    versioning: Versioning,
    /// How new objects are encrypted. Left out or removed, with keys of S3's own.
    #[serde(default)]
    bucket_encryption: Encryption,
    /// What is refused so that nothing becomes public by mistake. Left out or removed, everything.
    #[serde(default)]
    public_access_block_configuration: PublicAccessBlock,
    /// Who owns objects that other accounts upload.
    #[serde(default)]
    object_ownership: Ownership,
    /// What becomes of objects as they age.
    lifecycle_rules: Option<Vec<LifecycleRule>>,
    /// What pages from elsewhere may do with the bucket in a browser.
    cors_rules: Option<Vec<CorsRule>>,
    /// Who may do what with the bucket and its objects. It may refer to what refers to the bucket.
    #[schemars(transform = late)]
    policy_document: Option<Policy>,
    /// Where every access is noted. The bucket there has to allow it in its policy.
    #[schemars(transform = late)]
    logging_configuration: Option<Logging>,
    /// Who is told of what happens to objects. Functions that are told may refer to the bucket.
    #[schemars(transform = late)]
    notification_configuration: Option<Notification>,
    /// Which objects are copied to which other buckets. It needs versioning, there too.
    #[schemars(transform = late)]
    replication_configuration: Option<Replication>,
    /// How the bucket answers as a web site.
    website_configuration: Option<Website>,
    /// Whether everything in the bucket is deleted with it. Otherwise a bucket that is not empty is not deleted.
    #[serde(default)]
    #[schemars(transform = write_only)]
    empty_on_delete: bool,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the bucket.
    id: String,
    /// The ARN of the bucket.
    arn: String,
    /// The name that the bucket answers to, `name.s3.amazonaws.com`.
    bucket_domain_name: String,
    /// The same within the region, for CloudFront and others: `name.s3.eu-central-1.amazonaws.com`.
    regional_domain_name: String,
    /// The id of the Route 53 zone of web sites in buckets of the region, for alias records. Not known of every region.
    hosted_zone_id: Option<String>,
}

impl Resource for Bucket {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "s3.bucket";
    const FACTS: Facts = Facts {
        passing: &[
            // A bucket of the same name was deleted a moment ago, or another call is still being carried out.
            Passing { during: During::Any, code: "OperationAborted", message: "", within: FIVE_MINUTES },
            // A new bucket is not known everywhere at once.
            Passing { during: During::Update, code: "NoSuchBucket", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "MalformedPolicy", message: "Invalid principal in policy", within: TWO_MINUTES },
            // What was blocked until a moment ago.
            Passing { during: During::Update, code: "AccessDenied", message: "BlockPublicPolicy", within: Duration::from_secs(60) },
            // The permission of a function or the policy of a queue is not known everywhere at once.
            Passing { during: During::Update, code: "InvalidArgument", message: "Unable to validate the following", within: TWO_MINUTES },
            // The bucket for the notes gets its policy in the same run.
            Passing { during: During::Update, code: "InvalidTargetBucketForLogging", message: "", within: TWO_MINUTES },
            Passing { during: During::Update, code: "InvalidRequest", message: "bucket must have versioning enabled", within: TWO_MINUTES },
            // Of what is deleted something may still be seen; and what is still being written arrives.
            Passing { during: During::Delete, code: "BucketNotEmpty", message: "", within: FIVE_MINUTES },
        ],
        gone: GONE,
        late_after: &[After { from: &[], other: "lambda.permission", by: "source_arn" }],
        stateful: true,
        actions: Actions {
            create: &["s3:CreateBucket", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketOwnershipControls", "s3:TagResource"],
            read: &[
                "s3:ListBucket",
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetBucketCORS",
                "s3:GetBucketPolicy",
                "s3:GetBucketLogging",
                "s3:GetBucketNotification",
                "s3:GetReplicationConfiguration",
                "s3:GetBucketWebsite",
                "s3:GetBucketTagging",
            ],
            update: &[
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:PutBucketCORS",
                "s3:PutBucketPolicy",
                "s3:DeleteBucketPolicy",
                "s3:PutBucketLogging",
                "s3:PutBucketNotification",
                "s3:PutReplicationConfiguration",
                "iam:PassRole",
                "s3:PutBucketWebsite",
                "s3:DeleteBucketWebsite",
                "s3:GetBucketTagging",
                "s3:PutBucketTagging",
            ],
            delete: &[
                "s3:DeleteBucket",
                "s3:ListBucketVersions",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:BypassGovernanceRetention",
                "s3:ListBucketMultipartUploads",
                "s3:AbortMultipartUpload",
            ],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.bucket_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("policy_document", spec, problems);
        check_name(spec, problems);
        check_locks(spec, problems);
        settings::check(spec, problems);
        check::all(spec, problems);
        check_policy(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let lives = ids.iter().map(|id| async move { Ok(unless(one(world, id.as_str(), wanted).await, GONE)?.flatten()) });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let tags = unless(tags(world, id.as_str()).await, GONE)?.unwrap_or_default();
        Ok(Tags::read(tags).made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        // The first of all regions is the one that cannot be named.
        let region = world.region().filter(|it| *it != "us-east-1").map(BucketLocationConstraint::from);
        let tags = (!spec.tags.0.is_empty()).then(|| spec.tags.0.iter().map(|(key, value)| tag(key, value)).collect());
        let configuration = CreateBucketConfiguration::builder().set_location_constraint(region).set_tags(tags).build();
        let call = world
            .s3()
            .create_bucket()
            .set_bucket(spec.bucket_name.clone())
            .create_bucket_configuration(configuration)
            .object_ownership(ObjectOwnership::from(word(&spec.object_ownership).as_str()))
            .set_object_lock_enabled_for_bucket(spec.object_lock_enabled.then_some(true));
        call.send().await.map_err(error)?;
        Ok(Id(spec.bucket_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        write(world, &update).await?;
        let (set, remove) = update.from.tags.difference(&update.to.tags);
        if !set.is_empty() || !remove.is_empty() {
            retag(world, update.id.as_str(), set, &remove).await?;
        }
        Ok(())
    }

    async fn obstacle(world: &Aws, delete: Delete<'_, Self>, going: &BTreeSet<Id>) -> Result<Option<Obstacle>> {
        let (bucket, spec) = (delete.id.as_str(), delete.spec);
        if spec.empty_on_delete {
            return Ok(None);
        }
        // Of an object that the stack deletes, versions stay.
        let goes = |key: &str| !matches!(spec.versioning, Versioning::Enabled) && going.contains(&Id(format!("{bucket}/{key}")));
        let holds = unless(empty::holds(world, bucket, going.len(), goes).await, GONE)?.unwrap_or_default();
        Ok(holds.then(|| Obstacle {
            what: format!("there are objects in the bucket `{bucket}`, or earlier versions of some"),
            remedy: "delete them, or write `empty_on_delete: true` and apply that first".into(),
        }))
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let (bucket, spec) = (delete.id.as_str(), delete.spec);
        if spec.empty_on_delete {
            unless(empty::empty(world, bucket, spec.object_lock_enabled).await, GONE)?;
        }
        let deleted = unless(world.s3().delete_bucket().bucket(bucket).send().await.map_err(error), GONE).map(drop);
        deleted.map_err(|failed| {
            if spec.empty_on_delete || !failed.is(&["BucketNotEmpty"]) {
                return failed;
            }
            // Under a code of its own, because waiting does not empty it.
            let message = format!(
                "there are objects in the bucket `{bucket}`, or earlier versions of some: delete them, or write \
                 `empty_on_delete: true` and apply that before deleting the bucket"
            );
            Error { code: Some("NotEmpty".into()), message, ..failed }
        })
    }
}

const GONE: &[&str] = &["NoSuchBucket"];
const TWO_MINUTES: Duration = Duration::from_secs(120);
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn check_name(spec: &Value, problems: &mut Problems) {
    let Some(name) = spec.get("bucket_name").and_then(Value::as_text) else { return };
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().find(|it| name.starts_with(**it));
    let reserved = reserved.or_else(|| ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().find(|it| name.ends_with(**it)));
    let why = if name.contains("..") || name.contains(".-") || name.contains("-.") {
        "a dot in a bucket's name stands between letters or digits".to_owned()
    } else if name.parse::<Ipv4Addr>().is_ok() {
        "a bucket's name cannot look like an IP address".to_owned()
    } else if let Some(part) = reserved {
        format!("`{part}` in a bucket's name is reserved")
    } else {
        return;
    };
    problems.error(Path::of("bucket_name"), why, "choose a name of lower-case letters, digits and hyphens");
}

fn check_locks(spec: &Value, problems: &mut Problems) {
    let locks = spec.get("object_lock_enabled");
    let versioning = spec.get("versioning");
    if locks == Some(&Value::Bool(true)) && !versioning.is_some_and(|it| it.has_unknown() || it.as_text() == Some("Enabled")) {
        let help = "write `versioning: Enabled`: S3 locks versions";
        problems.error(Path::of("object_lock_enabled"), "object lock without versioning", help);
    }
    if spec.get("object_lock_retention").is_some_and(|it| !it.is_null()) && locks.is_none_or(|it| it == &Value::Bool(false)) {
        let help = "write `object_lock_enabled: true`, which is possible for new buckets only";
        problems.error(Path::of("object_lock_retention"), "a lock in a bucket without object lock", help);
    }
}

/// A policy for everybody, where such policies are blocked.
fn check_policy(spec: &Value, problems: &mut Problems) {
    let blocks = spec.get("public_access_block_configuration").and_then(|it| it.get("block_public_policy"));
    if blocks.is_some_and(|it| it != &Value::Bool(true)) {
        return;
    }
    let statements = spec.get("policy_document").and_then(|it| it.get("Statement"));
    let list = statements.and_then(Value::as_list).or(statements.map(std::slice::from_ref)).unwrap_or_default();
    let public = |it: &&Value| {
        let principal = it.get("Principal");
        let anybody = principal.and_then(Value::as_text).or_else(|| principal?.get("AWS")?.as_text()) == Some("*");
        anybody && it.get("Effect").and_then(Value::as_text) == Some("Allow") && it.get("Condition").is_none()
    };
    if list.iter().find(public).is_some() {
        let help = "name who is allowed in `Principal`, add a `Condition`, or write \
                    `public_access_block_configuration: { block_public_policy: false, restrict_public_buckets: false }`";
        problems.error(Path::of("policy_document"), "a policy that allows everybody, in a bucket that blocks such policies", help);
    }
}

/// Writes what differs, each by a call of its own.
async fn write(world: &Aws, update: &Update<'_, Bucket>) -> Result<()> {
    let Update { id, to, .. } = update;
    let (s3, bucket) = (world.s3(), id.as_str());
    // As long as there is a replication, versioning cannot be suspended.
    if update.changes("replication_configuration") && to.replication_configuration.is_none() {
        s3.delete_bucket_replication().bucket(bucket).send().await.map_err(error)?;
    }
    if update.changes("object_ownership") {
        let ownership = ObjectOwnership::from(word(&to.object_ownership).as_str());
        let rule = OwnershipControlsRule::builder().object_ownership(ownership).build().map_err(settings::incomplete)?;
        let controls = OwnershipControls::builder().rules(rule).build().map_err(settings::incomplete)?;
        s3.put_bucket_ownership_controls().bucket(bucket).ownership_controls(controls).send().await.map_err(error)?;
    }
    // Before the policy: what this allows, that may need.
    if update.changes("public_access_block_configuration") {
        let block = to.public_access_block_configuration.to_sdk();
        s3.put_public_access_block().bucket(bucket).public_access_block_configuration(block).send().await.map_err(error)?;
    }
    if update.changes("versioning") {
        let versioning = VersioningConfiguration::builder().status(to.versioning.to_sdk()).build();
        s3.put_bucket_versioning().bucket(bucket).versioning_configuration(versioning).send().await.map_err(error)?;
    }
    if update.changes("bucket_encryption") {
        let rules = ServerSideEncryptionConfiguration::builder().rules(to.bucket_encryption.to_sdk()?);
        let rules = rules.build().map_err(settings::incomplete)?;
        s3.put_bucket_encryption().bucket(bucket).server_side_encryption_configuration(rules).send().await.map_err(error)?;
    }
    if update.changes("object_lock_retention") {
        let rule = to.object_lock_retention.as_ref().map(Retention::to_sdk);
        let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).set_rule(rule).build();
        s3.put_object_lock_configuration().bucket(bucket).object_lock_configuration(lock).send().await.map_err(error)?;
    }
    if update.changes("lifecycle_rules") {
        match to.lifecycle_rules.as_deref() {
            None | Some([]) => drop(s3.delete_bucket_lifecycle().bucket(bucket).send().await.map_err(error)?),
            Some(rules) => {
                let rules = rules.iter().map(LifecycleRule::to_sdk).collect::<Result<_>>()?;
                let all = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().map_err(settings::incomplete)?;
                s3.put_bucket_lifecycle_configuration().bucket(bucket).lifecycle_configuration(all).send().await.map_err(error)?;
            }
        }
    }
    if update.changes("cors_rules") {
        match to.cors_rules.as_deref() {
            None | Some([]) => drop(s3.delete_bucket_cors().bucket(bucket).send().await.map_err(error)?),
            Some(rules) => {
                let rules = rules.iter().map(CorsRule::to_sdk).collect::<Result<_>>()?;
                let all = CorsConfiguration::builder().set_cors_rules(Some(rules)).build().map_err(settings::incomplete)?;
                s3.put_bucket_cors().bucket(bucket).cors_configuration(all).send().await.map_err(error)?;
            }
        }
    }
    if update.changes("policy_document") {
        match &to.policy_document {
            None => drop(s3.delete_bucket_policy().bucket(bucket).send().await.map_err(error)?),
            Some(policy) => drop(s3.put_bucket_policy().bucket(bucket).policy(document(policy)).send().await.map_err(error)?),
        }
    }
    if update.changes("logging_configuration") {
        let enabled = to.logging_configuration.as_ref().map(Logging::to_sdk).transpose()?;
        let status = BucketLoggingStatus::builder().set_logging_enabled(enabled).build();
        s3.put_bucket_logging().bucket(bucket).bucket_logging_status(status).send().await.map_err(error)?;
    }
    if update.changes("website_configuration") {
        match &to.website_configuration {
            None => drop(s3.delete_bucket_website().bucket(bucket).send().await.map_err(error)?),
            Some(it) => drop(s3.put_bucket_website().bucket(bucket).website_configuration(it.to_sdk()?).send().await.map_err(error)?),
        }
    }
    if let Some(replication) = to.replication_configuration.as_ref().filter(|_| update.changes("replication_configuration")) {
        let call = s3.put_bucket_replication().bucket(bucket).replication_configuration(replication.to_sdk()?);
        call.send().await.map_err(error)?;
    }
    if update.changes("notification_configuration") {
        let all = to.notification_configuration.as_ref().map(Notification::to_sdk).transpose()?;
        let all = all.unwrap_or_else(|| NotificationConfiguration::builder().build());
        s3.put_bucket_notification_configuration().bucket(bucket).notification_configuration(all).send().await.map_err(error)?;
    }
    Ok(())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().expect("it has a key and a value")
}

/// All tags, AWS's own among them; an error where there is no bucket.
async fn tags(world: &Aws, bucket: &str) -> Result<Vec<(String, String)>> {
    let answer = unless(world.s3().get_bucket_tagging().bucket(bucket).send().await.map_err(error), &["NoSuchTagSet"])?;
    Ok(answer.into_iter().flat_map(|it| it.tag_set).map(|it| (it.key, it.value)).collect())
}

/// One call replaces all tags: those that AWS put there have to be in it.
async fn retag(world: &Aws, bucket: &str, set: Vec<(String, String)>, remove: &[String]) -> Result<()> {
    let mut all = tags(world, bucket).await?;
    all.retain(|(key, _)| !remove.contains(key) && !set.iter().any(|it| it.0 == *key));
    all.extend(set);
    if all.is_empty() {
        return world.s3().delete_bucket_tagging().bucket(bucket).send().await.map_err(error).map(drop);
    }
    let list = all.iter().map(|(key, value)| tag(key, value)).collect();
    let tagging = Tagging::builder().set_tag_set(Some(list)).build().map_err(settings::incomplete)?;
    world.s3().put_bucket_tagging().bucket(bucket).tagging(tagging).send().await.map_err(error).map(drop)
}

/// What a call answers, where it is wanted.
async fn when<T>(wanted: bool, call: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    if wanted { call.await.map(Some) } else { Ok(None) }
}

/// One bucket, with a call for each property that is wanted.
async fn one(world: &Aws, bucket: &str, wanted: &Wanted) -> Result<Option<Live<Bucket>>> {
    let s3 = world.s3();
    match s3.head_bucket().bucket(bucket).send().await.map_err(error) {
        Ok(_) => {}
        Err(failed) => return elsewhere(bucket, failed),
    }
    let versioning = when(wanted.has("versioning"), async {
        match s3.get_bucket_versioning().bucket(bucket).send().await {
            Ok(answer) => Ok(answer.status().and_then(|it| meaning(it.as_str())).unwrap_or_default()),
            Err(failed) => match misnamed(&failed, "GetBucketVersioningResponse") {
                Some(text) if text.contains("<Status>Enabled<") => Ok(Versioning::Enabled),
                Some(_) => Ok(Versioning::Suspended),
                None => Err(error(failed)),
            },
        }
    });
    let encryption = when(wanted.has("bucket_encryption"), async {
        let answer = s3.get_bucket_encryption().bucket(bucket).send().await.map_err(error);
        let answer = unless(answer, &["ServerSideEncryptionConfigurationNotFoundError"])?;
        let rules = answer.and_then(|it| it.server_side_encryption_configuration).map(|it| it.rules);
        Ok(rules.as_deref().and_then(|it| it.first()).map(Encryption::from_sdk).unwrap_or_default())
    });
    let block = when(wanted.has("public_access_block_configuration"), async {
        let answer = s3.get_public_access_block().bucket(bucket).send().await.map_err(error);
        let answer = unless(answer, &["NoSuchPublicAccessBlockConfiguration"])?;
        Ok(PublicAccessBlock::from_sdk(answer.and_then(|it| it.public_access_block_configuration)))
    });
    let ownership = when(wanted.has("object_ownership"), async {
        let answer = s3.get_bucket_ownership_controls().bucket(bucket).send().await.map_err(error);
        let rules = unless(answer, &["OwnershipControlsNotFoundError"])?.and_then(|it| it.ownership_controls).map(|it| it.rules);
        let word = rules.unwrap_or_default().into_iter().next().map(|it| it.object_ownership);
        // A bucket from before there was a choice.
        Ok(word.and_then(|it| meaning(it.as_str())).unwrap_or(Ownership::ObjectWriter))
    });
    let lock = when(wanted.has("object_lock_enabled") || wanted.has("object_lock_retention"), async {
        let answer = s3.get_object_lock_configuration().bucket(bucket).send().await.map_err(error);
        let lock = unless(answer, &["ObjectLockConfigurationNotFoundError"])?.and_then(|it| it.object_lock_configuration);
        let enabled = lock.as_ref().is_some_and(|it| it.object_lock_enabled() == Some(&ObjectLockEnabled::Enabled));
        Ok((enabled, lock.and_then(|it| it.rule).and_then(|it| Retention::from_sdk(it.default_retention?))))
    });
    let lifecycle = when(wanted.has("lifecycle_rules"), async {
        let answer = s3.get_bucket_lifecycle_configuration().bucket(bucket).send().await.map_err(error);
        let rules = unless(answer, &["NoSuchLifecycleConfiguration"])?.and_then(|it| it.rules).unwrap_or_default();
        Ok(rules.into_iter().map(LifecycleRule::from_sdk).collect::<Vec<_>>())
    });
    let cors = when(wanted.has("cors_rules"), async {
        let answer = s3.get_bucket_cors().bucket(bucket).send().await.map_err(error);
        let rules = unless(answer, &["NoSuchCORSConfiguration"])?.and_then(|it| it.cors_rules).unwrap_or_default();
        Ok(rules.into_iter().map(CorsRule::from_sdk).collect::<Vec<_>>())
    });
    let document = when(wanted.has("policy_document"), async {
        let answer = unless(s3.get_bucket_policy().bucket(bucket).send().await.map_err(error), &["NoSuchBucketPolicy"])?;
        Ok(answer.and_then(|it| it.policy).map(|it| policy(&it)))
    });
    let logging = when(wanted.has("logging_configuration"), async {
        let answer = s3.get_bucket_logging().bucket(bucket).send().await.map_err(error)?;
        Ok(answer.logging_enabled.map(Logging::from_sdk))
    });
    let notification = when(wanted.has("notification_configuration"), async {
        match s3.get_bucket_notification_configuration().bucket(bucket).send().await {
            Ok(answer) => Ok(Notification::from_sdk(answer)),
            Err(failed) => misnamed(&failed, "GetBucketNotificationResponse").map(|_| None).ok_or_else(|| error(failed)),
        }
    });
    let replication = when(wanted.has("replication_configuration"), async {
        let answer = s3.get_bucket_replication().bucket(bucket).send().await.map_err(error);
        let answer = unless(answer, &["ReplicationConfigurationNotFoundError"])?;
        Ok(answer.and_then(|it| it.replication_configuration).map(Replication::from_sdk))
    });
    let website = when(wanted.has("website_configuration"), async {
        let answer = unless(s3.get_bucket_website().bucket(bucket).send().await.map_err(error), &["NoSuchWebsiteConfiguration"])?;
        Ok(answer.map(Website::from_sdk))
    });
    let tags = when(wanted.has("tags"), tags(world, bucket));
    let (versioning, encryption, block, ownership, lock, lifecycle, cors) =
        try_join!(versioning, encryption, block, ownership, lock, lifecycle, cors)?;
    let (document, logging, notification, replication, website, tags) =
        try_join!(document, logging, notification, replication, website, tags)?;
    let read = [
        ("object_lock_enabled", lock.is_some()),
        ("object_lock_retention", lock.is_some()),
        ("versioning", versioning.is_some()),
        ("bucket_encryption", encryption.is_some()),
        ("public_access_block_configuration", block.is_some()),
        ("object_ownership", ownership.is_some()),
        ("lifecycle_rules", lifecycle.is_some()),
        ("cors_rules", cors.is_some()),
        ("policy_document", document.is_some()),
        ("logging_configuration", logging.is_some()),
        ("notification_configuration", notification.is_some()),
        ("replication_configuration", replication.is_some()),
        ("website_configuration", website.is_some()),
        ("tags", tags.is_some()),
        ("empty_on_delete", false),
    ];
    let (object_lock_enabled, object_lock_retention) = lock.unwrap_or_default();
    let spec = Spec {
        bucket_name: Some(bucket.to_owned()),
        object_lock_enabled,
        object_lock_retention,
        versioning: versioning.unwrap_or_default(),
        bucket_encryption: encryption.unwrap_or_default(),
        public_access_block_configuration: block.unwrap_or_default(),
        object_ownership: ownership.unwrap_or_default(),
        lifecycle_rules: lifecycle.filter(|it| !it.is_empty()),
        cors_rules: cors.filter(|it| !it.is_empty()),
        policy_document: document.flatten(),
        logging_configuration: logging.flatten(),
        notification_configuration: notification.flatten(),
        replication_configuration: replication.flatten(),
        website_configuration: website.flatten(),
        empty_on_delete: false,
        tags: tags.map(Tags::read).unwrap_or_default(),
    };
    let unread = read.into_iter().filter(|it| !it.1).map(|it| it.0).collect();
    Ok(Some(Live { spec, outputs: outputs(world, bucket), status: Status::Ready, unread }))
}

/// The text of a success whose root has this name. The local cloud gives it to some answers, and the SDK does not take them.
fn misnamed<E>(failed: &SdkError<E, HttpResponse>, root: &str) -> Option<String> {
    let answer = failed.raw_response().filter(|it| it.status().is_success())?;
    let text = String::from_utf8_lossy(answer.body().bytes()?).into_owned();
    text.contains(root).then_some(text)
}

/// Why a bucket does not answer: there is none, or not here. Such an answer has no text of its own.
fn elsewhere(bucket: &str, failed: Error) -> Result<Option<Live<Bucket>>> {
    let status = |number: &str| failed.kind == ErrorKind::Rejected && failed.message.ends_with(number);
    if failed.is(&["NotFound", "NoSuchBucket"]) {
        Ok(None)
    } else if status("status 403") {
        let message = format!("`{bucket}` belongs to another account, or reading it (s3:ListBucket) is not allowed");
        Err(Error { code: Some("AccessDenied".into()), message, ..failed })
    } else if status("status 301") {
        let message = format!("`{bucket}` is in another region: write that as `region` beside the type");
        Err(Error { code: Some("PermanentRedirect".into()), message, ..failed })
    } else {
        Err(failed)
    }
}

fn outputs(world: &Aws, bucket: &str) -> Outputs {
    let region = world.region().unwrap_or("us-east-1");
    let partition = world.partition();
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Outputs {
        id: bucket.to_owned(),
        arn: format!("arn:{partition}:s3:::{bucket}"),
        bucket_domain_name: format!("{bucket}.s3.{suffix}"),
        regional_domain_name: format!("{bucket}.s3.{region}.{suffix}"),
        hosted_zone_id: settings::website_zone(region).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
