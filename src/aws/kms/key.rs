//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>

use std::time::Duration;

use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyState, KeyUsageType, Tag};
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, kept, write_only,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, policy, word},
};

pub(crate) struct Key;

/// A KMS key: what it encrypts or signs can be read or trusted only as long as it exists.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 8192))]
    description: String,
    /// Who may do what with it. Left out, whoever the account's own policies allow.
    #[schemars(transform = kept)]
    key_policy: Option<Policy>,
    /// What kind of key it is.
    #[serde(default)]
    #[schemars(transform = immutable)]
    key_spec: Kind,
    /// What it can be used for.
    #[serde(default)]
    #[schemars(transform = immutable)]
    key_usage: Usage,
    /// Whether there can be copies of it in other regions.
    #[serde(default)]
    #[schemars(transform = immutable)]
    multi_region: bool,
    /// Whether it can be used.
    #[serde(default = "yes")]
    enabled: bool,
    /// Whether its material is renewed from time to time. What was encrypted before can still be read.
    #[serde(default)]
    enable_key_rotation: bool,
    /// After how many days its material is renewed.
    #[serde(default = "year")]
    #[schemars(range(min = 90, max = 2560))]
    rotation_period_in_days: i32,
    /// For how many days it can be had back after it is deleted. Left out, 30.
    #[schemars(transform = write_only, range(min = 7, max = 30))]
    pending_window_in_days: Option<i32>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Kind {
    /// One key of 256 bits for both directions.
    #[default]
    #[serde(rename = "SYMMETRIC_DEFAULT")]
    Symmetric,
    /// RSA with 2048 bits.
    #[serde(rename = "RSA_2048")]
    Rsa2048,
    /// RSA with 3072 bits.
    #[serde(rename = "RSA_3072")]
    Rsa3072,
    /// RSA with 4096 bits.
    #[serde(rename = "RSA_4096")]
    Rsa4096,
    /// The elliptic curve P-256.
    #[serde(rename = "ECC_NIST_P256")]
    EccNistP256,
    /// The elliptic curve P-384.
    #[serde(rename = "ECC_NIST_P384")]
    EccNistP384,
    /// The elliptic curve P-521.
    #[serde(rename = "ECC_NIST_P521")]
    EccNistP521,
    /// The elliptic curve Ed25519.
    #[serde(rename = "ECC_NIST_EDWARDS25519")]
    EccNistEdwards25519,
    /// The elliptic curve secp256k1, as cryptocurrencies use it.
    #[serde(rename = "ECC_SECG_P256K1")]
    EccSecgP256k1,
    /// HMAC with SHA-224.
    #[serde(rename = "HMAC_224")]
    Hmac224,
    /// HMAC with SHA-256.
    #[serde(rename = "HMAC_256")]
    Hmac256,
    /// HMAC with SHA-384.
    #[serde(rename = "HMAC_384")]
    Hmac384,
    /// HMAC with SHA-512.
    #[serde(rename = "HMAC_512")]
    Hmac512,
    /// ML-DSA, which quantum computers do not break, at the lowest level.
    #[serde(rename = "ML_DSA_44")]
    MlDsa44,
    /// ML-DSA at the middle level.
    #[serde(rename = "ML_DSA_65")]
    MlDsa65,
    /// ML-DSA at the highest level.
    #[serde(rename = "ML_DSA_87")]
    MlDsa87,
    /// SM2, in China only.
    #[serde(rename = "SM2")]
    Sm2,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Usage {
    /// To encrypt and decrypt.
    #[default]
    EncryptDecrypt,
    /// To sign, and to check signatures.
    SignVerify,
    /// To make message authentication codes, and to check them.
    GenerateVerifyMac,
    /// To agree with somebody on another key.
    KeyAgreement,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the key.
    id: String,
    /// The same, by the name that other resources have for it.
    key_id: String,
    /// The ARN of the key.
    arn: String,
}

impl Resource for Key {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "kms.key";
    const FACTS: Facts = Facts {
        passing: &[
            // A principal that was made a moment ago.
            Passing { during: During::Create, code: "MalformedPolicyDocumentException", message: "", within: TWO_MINUTES },
            Passing { during: During::Update, code: "MalformedPolicyDocumentException", message: "", within: TWO_MINUTES },
            // A key that was made, or enabled, a moment ago: KMS does not know it everywhere at once.
            Passing { during: During::Update, code: "NotFoundException", message: "", within: Duration::from_secs(30) },
            Passing { during: During::Update, code: "DisabledException", message: "", within: Duration::from_secs(30) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(60),
        stateful: true,
        // A new one has to be there before what uses the old one can let go of it.
        create_first: true,
        actions: Actions {
            create: &["kms:CreateKey", "kms:TagResource", "kms:PutKeyPolicy"],
            read: &["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:ListKeys"],
            update: &[
                "kms:UpdateKeyDescription",
                "kms:PutKeyPolicy",
                "kms:EnableKey",
                "kms:DisableKey",
                "kms:EnableKeyRotation",
                "kms:DisableKeyRotation",
                "kms:TagResource",
                "kms:UntagResource",
            ],
            delete: &["kms:ScheduleKeyDeletion", "kms:DescribeKey"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("key_policy", spec, problems);
        let written = |name: &str| spec.get(name).filter(|it| !it.is_null());
        let text = |name: &str, default: &'static str| match written(name) {
            None => Some(default.to_owned()),
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) => None,
        };
        let kind = text("key_spec", "SYMMETRIC_DEFAULT");
        if let (Some(kind), Some(usage)) = (&kind, text("key_usage", "ENCRYPT_DECRYPT"))
            && !usages(kind).contains(&usage.as_str())
        {
            let property = if written("key_usage").is_some() { "key_usage" } else { "key_spec" };
            let help = format!("`key_usage` can be {} then", usages(kind).join(" or "));
            problems.error(Path::of(property), format!("a key of kind {kind} is not for {usage}"), help);
        }
        let rotates = match written("enable_key_rotation") {
            None => Some(false),
            Some(Value::Bool(it)) => Some(*it),
            Some(_) => None,
        };
        if rotates == Some(true) && kind.as_deref().is_some_and(|it| it != "SYMMETRIC_DEFAULT") {
            let help = "leave out `enable_key_rotation`, or make a new key from time to time";
            problems.error(Path::of("enable_key_rotation"), "only symmetric keys are renewed by KMS", help);
        }
        if rotates == Some(false) && written("rotation_period_in_days").is_some() {
            problems.error(Path::of("rotation_period_in_days"), "the key is never renewed", "write `enable_key_rotation: true` as well");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // There is no call for several.
        let lives = ids.iter().map(|id| one(world, id.as_str(), wanted));
        abreast(lives).await
    }

    /// Looks through the tags of all keys that no state knows: there is no search by tag.
    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let all = all!(world.kms().list_keys().limit(1000))?;
        let ids = all.into_iter().filter_map(|it| it.key_id.map(Id)).filter(|id| !find.known.contains(id));
        let ours = ids.map(|id| async move {
            // Keys that are not ours may forbid it.
            let tags = unless(tags(world, id.as_str()).await, &["AccessDeniedException"])?.flatten().unwrap_or_default();
            Ok(tags.made_by(find.operation).then_some(id))
        });
        let found: Vec<Option<Id>> = abreast(ours).await?;
        for id in found.into_iter().flatten() {
            // One that is deleted still has its tags.
            if describe(world, id.as_str()).await?.is_some() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let answer = world
            .kms()
            .create_key()
            .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
            .set_policy(spec.key_policy.as_ref().map(document))
            .key_spec(KeySpec::from(word(&spec.key_spec).as_str()))
            .key_usage(KeyUsageType::from(word(&spec.key_usage).as_str()))
            .multi_region(spec.multi_region)
            .set_tags(Some(list(spec.tags.0.clone())))
            .send()
            .await
            .map_err(error)?;
        let id = answer.key_metadata.map(|it| Id(it.key_id));
        id.ok_or_else(|| infra::resource::Error::bug("CreateKey", "the answer holds no id"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (kms, key) = (world.kms(), id.as_str());
        if update.changes("description") {
            kms.update_key_description().key_id(key).description(&to.description).send().await.map_err(error)?;
        }
        if update.changes("key_policy")
            && let Some(policy) = &to.key_policy
        {
            kms.put_key_policy().key_id(key).policy_name("default").policy(document(policy)).send().await.map_err(error)?;
        }
        let rotates = update.changes("enable_key_rotation") || (update.changes("rotation_period_in_days") && to.enable_key_rotation);
        // Whether a key is renewed cannot be changed while it is disabled.
        let enables = !from.enabled && (to.enabled || rotates);
        if enables {
            kms.enable_key().key_id(key).send().await.map_err(error)?;
        }
        if rotates && to.enable_key_rotation {
            let call = kms.enable_key_rotation().key_id(key).rotation_period_in_days(to.rotation_period_in_days);
            call.send().await.map_err(error)?;
        } else if rotates {
            kms.disable_key_rotation().key_id(key).send().await.map_err(error)?;
        }
        if !to.enabled && (from.enabled || enables) {
            kms.disable_key().key_id(key).send().await.map_err(error)?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            kms.tag_resource().key_id(key).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            kms.untag_resource().key_id(key).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let call = world.kms().schedule_key_deletion().key_id(delete.id.as_str());
        match call.set_pending_window_in_days(delete.spec.pending_window_in_days).send().await.map_err(error) {
            Err(refused) if refused.is(&["KMSInvalidStateException"]) && refused.message.contains("pending deletion") => Ok(()),
            other => unless(other, GONE).map(drop),
        }
    }
}

const GONE: &[&str] = &["NotFoundException"];
const TWO_MINUTES: Duration = Duration::from_secs(120);

fn yes() -> bool {
    true
}

fn year() -> i32 {
    365
}

/// What a kind of key can be used for.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html>
fn usages(kind: &str) -> &'static [&'static str] {
    match kind {
        "SYMMETRIC_DEFAULT" => &["ENCRYPT_DECRYPT"],
        "RSA_2048" | "RSA_3072" | "RSA_4096" => &["ENCRYPT_DECRYPT", "SIGN_VERIFY"],
        "ECC_NIST_P256" | "ECC_NIST_P384" | "ECC_NIST_P521" => &["SIGN_VERIFY", "KEY_AGREEMENT"],
        "SM2" => &["ENCRYPT_DECRYPT", "SIGN_VERIFY", "KEY_AGREEMENT"],
        hmac if hmac.starts_with("HMAC_") => &["GENERATE_VERIFY_MAC"],
        _ => &["SIGN_VERIFY"],
    }
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().tag_key(key).tag_value(value).build().expect("it has a key and a value");
    tags.into_iter().map(tag).collect()
}

/// Nothing where it is not there, or waits for its end.
async fn describe(world: &Aws, id: &str) -> Result<Option<KeyMetadata>> {
    let answer = unless(world.kms().describe_key().key_id(id).send().await.map_err(error), GONE)?;
    let going = [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion];
    Ok(answer.and_then(|it| it.key_metadata).filter(|it| !it.key_state.as_ref().is_some_and(|it| going.contains(it))))
}

async fn tags(world: &Aws, id: &str) -> Result<Option<Tags>> {
    let found = unless(all!(world.kms().list_resource_tags().key_id(id)), GONE)?;
    Ok(found.map(|it| Tags::read(it.into_iter().map(|it| (it.tag_key, it.tag_value)))))
}

async fn key_policy(world: &Aws, id: &str) -> Result<Option<Policy>> {
    let answer = unless(world.kms().get_key_policy().key_id(id).policy_name("default").send().await.map_err(error), GONE)?;
    Ok(answer.and_then(|it| it.policy).as_deref().map(policy))
}

/// Whether its material is renewed, and after how many days.
async fn rotation(world: &Aws, id: &str) -> Result<Option<(bool, i32)>> {
    let answer = unless(world.kms().get_key_rotation_status().key_id(id).send().await.map_err(error), GONE)?;
    Ok(answer.map(|it| (it.key_rotation_enabled, it.rotation_period_in_days.filter(|_| it.key_rotation_enabled).unwrap_or_else(year))))
}

async fn one(world: &Aws, id: &str, wanted: &Wanted) -> Result<Option<Live<Key>>> {
    let Some(key) = describe(world, id).await? else { return Ok(None) };
    let symmetric = key.key_spec == Some(KeySpec::SymmetricDefault);
    let rotates = wanted.has("enable_key_rotation") || wanted.has("rotation_period_in_days");
    let (policy, rotation, tags) = try_join!(
        async { if wanted.has("key_policy") { key_policy(world, id).await } else { Ok(None) } },
        async {
            match (rotates, symmetric) {
                (true, true) => rotation(world, id).await,
                // Others are never renewed, and asking about it is refused.
                (true, false) => Ok(Some((false, year()))),
                (false, _) => Ok(None),
            }
        },
        async { if wanted.has("tags") { tags(world, id).await } else { Ok(None) } },
    )?;
    let unread = [
        ("pending_window_in_days", true),
        ("key_policy", policy.is_none()),
        ("enable_key_rotation", rotation.is_none()),
        ("rotation_period_in_days", rotation.is_none()),
        ("tags", tags.is_none()),
    ];
    let state = key.key_state.as_ref().map(KeyState::as_str).unwrap_or_default();
    let status = match state {
        "Creating" | "Updating" => Status::Pending(state.to_owned()),
        "Unavailable" => Status::Failed("its key store cannot be reached".to_owned()),
        _ => Status::Ready,
    };
    let (enable_key_rotation, rotation_period_in_days) = rotation.unwrap_or((false, year()));
    let spec = Spec {
        description: key.description.unwrap_or_default(),
        key_policy: policy,
        key_spec: key.key_spec.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        key_usage: key.key_usage.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        multi_region: key.multi_region.unwrap_or_default(),
        enabled: key.enabled,
        enable_key_rotation,
        rotation_period_in_days,
        pending_window_in_days: None,
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs { id: key.key_id.clone(), key_id: key.key_id, arn: key.arn.unwrap_or_default() };
    let unread = unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).collect();
    Ok(Some(Live { spec, outputs, status, unread }))
}

#[cfg(test)]
mod tests;
