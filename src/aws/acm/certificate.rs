//! <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>

mod records;

use std::time::Duration;

use aws_sdk_acm::types::{
    CertificateDetail, CertificateExport, CertificateOptions, CertificateStatus, DomainStatus, KeyAlgorithm as SdkKeyAlgorithm, Tag,
    ValidationMethod as SdkValidationMethod,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::certificates;
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Certificate;

/// A public certificate, which shows to clients that a server may speak for a name. AWS issues it once it is shown that the names
/// are yours; for CloudFront it has to be in us-east-1.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name that it is for: `www.example.com`, or `*.example.com` for all beneath one.
    #[schemars(transform = immutable, length(min = 1, max = 253), regex(pattern = r"(\*\.)?([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}"))]
    domain_name: String,
    /// Further names.
    #[schemars(transform = immutable, transform = set, length(max = 100))]
    subject_alternative_names: Option<Vec<String>>,
    /// How you show that the names are yours.
    #[serde(default)]
    #[schemars(transform = immutable)]
    validation_method: ValidationMethod,
    /// The hosted zone of its names, in this account: the records that show that they are yours are written there, and taken away with
    /// the certificate unless another one needs them. Left out, they are yours to write, from `domain_validation_options`. When it is
    /// removed, so are the records, and the certificate is not renewed.
    #[schemars(length(min = 1, max = 32), regex(pattern = "[A-Z0-9]+"))]
    hosted_zone_id: Option<String>,
    /// What kind of key it has.
    #[serde(default)]
    #[schemars(transform = immutable)]
    key_algorithm: KeyAlgorithm,
    /// Whether it can be taken out of AWS together with its key, which costs money.
    #[serde(default)]
    #[schemars(transform = immutable)]
    certificate_export: Export,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ValidationMethod {
    /// By records in DNS. It is renewed for as long as they are there.
    #[default]
    Dns,
    /// By answering a mail, each year again.
    Email,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum KeyAlgorithm {
    /// RSA with 2048 bits, which everything understands.
    #[default]
    #[serde(rename = "RSA_2048")]
    Rsa2048,
    /// ECDSA on P-256: smaller and faster.
    #[serde(rename = "EC_prime256v1")]
    EcPrime256v1,
    /// ECDSA on P-384.
    #[serde(rename = "EC_secp384r1")]
    EcSecp384r1,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Export {
    /// It cannot.
    #[default]
    Disabled,
    /// It can.
    Enabled,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the certificate.
    id: String,
    /// The ARN of the certificate. It may not be issued yet.
    arn: String,
    /// The records that show that the names are yours, each once.
    domain_validation_options: Option<Vec<Record>>,
}

#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Record {
    /// The name that it is for, and the wildcard beneath that.
    domain_name: String,
    /// The name of the record, with a dot at its end.
    resource_record_name: String,
    /// The type of the record: `CNAME`.
    resource_record_type: String,
    /// The value of the record.
    resource_record_value: String,
}

impl Resource for Certificate {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "acm.certificate";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(180), update: Duration::from_secs(2), delete: Duration::from_secs(2) },
        timeout: Durations { create: Duration::from_secs(4500), update: Duration::from_secs(4500), delete: Duration::from_secs(1800) },
        passing: &[
            // It takes a moment until AWS tells the records.
            Passing { during: During::Update, code: UNTOLD, message: "", within: Duration::from_secs(300) },
            Passing { during: During::Update, code: GONE[0], message: "", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "InvalidStateException", message: "", within: Duration::from_secs(60) },
            // What used it was deleted a moment ago; CloudFront and API Gateway are slow to let go.
            Passing { during: During::Delete, code: "ResourceInUseException", message: "", within: Duration::from_secs(1200) },
        ],
        gone: GONE,
        token: true,
        visible_within: Duration::from_secs(120),
        create_first: true,
        actions: Actions {
            create: &["acm:RequestCertificate", "acm:AddTagsToCertificate"],
            read: &["acm:DescribeCertificate", "acm:ListTagsForCertificate", "acm:ListCertificates", "route53:ListResourceRecordSets"],
            update: &[
                "acm:DescribeCertificate",
                "acm:AddTagsToCertificate",
                "acm:RemoveTagsFromCertificate",
                "route53:ChangeResourceRecordSets",
                "route53:ListResourceRecordSets",
            ],
            delete: &[
                "acm:DeleteCertificate",
                "acm:DescribeCertificate",
                "acm:ListCertificates",
                "ec2:DescribeRegions",
                "route53:ChangeResourceRecordSets",
                "route53:ListResourceRecordSets",
            ],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let names = spec.get("subject_alternative_names").and_then(Value::as_list).unwrap_or_default();
        let domain = spec.get("domain_name");
        for (number, name) in names.iter().enumerate() {
            let path = Path::of("subject_alternative_names").item(number);
            if name.as_text().is_some() && Some(name) == domain {
                problems.error(path, "the certificate is for this name already", "leave it out: it is the `domain_name`");
            } else if let Some(text) = name.as_text() {
                if is_name(text) {
                    lowercase(text, path, problems);
                } else {
                    let help = "write it as `www.example.com`, or `*.example.com` for all names with one more part";
                    problems.error(path, format!("`{text}` is no name in the DNS"), help);
                }
            }
        }
        if let Some(text) = domain.and_then(Value::as_text) {
            lowercase(text, Path::of("domain_name"), problems);
        }
        if spec.get("validation_method").and_then(Value::as_text) == Some("EMAIL")
            && spec.get("hosted_zone_id").is_some_and(|it| !it.is_null())
        {
            let help = "remove it, or write `validation_method: DNS`";
            problems.error(Path::of("hosted_zone_id"), "a hosted zone where mails are answered", help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let one = async |id: &Id| {
            let Some(it) = certificate(world, id.as_str()).await? else { return Ok(None) };
            // One call for each.
            let told = wanted.has("tags") || wanted.has("hosted_zone_id");
            let tags = if told { tags(world, id.as_str()).await? } else { None };
            let mut zone = tags.as_ref().and_then(|it| it.0.get(TAG_ZONE)).cloned();
            if let (true, Some(there), Some(records)) = (wanted.has("hosted_zone_id"), &zone, records::of(&it))
                && !records::are_there(world, there, &records).await?
            {
                zone = None;
            }
            Ok(live(it, tags, zone, wanted))
        };
        abreast(ids.iter().map(one)).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        for found in certificates(world, vec![]).await? {
            let Some(arn) = found.certificate_arn.clone().map(Id) else { continue };
            if found.domain_name() == Some(&find.spec.domain_name) && !find.known.contains(&arn) {
                let tags = tags(world, arn.as_str()).await?.unwrap_or_default();
                if tags.made_by(find.operation) {
                    return Ok(Some(arn));
                }
            }
        }
        Ok(None)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let export = (spec.certificate_export == Export::Enabled).then_some(CertificateExport::Enabled);
        let answer = world
            .acm()
            .request_certificate()
            .domain_name(&spec.domain_name)
            .set_subject_alternative_names(spec.subject_alternative_names.clone().filter(|it| !it.is_empty()))
            .validation_method(SdkValidationMethod::from(word(&spec.validation_method).as_str()))
            .key_algorithm(SdkKeyAlgorithm::from(word(&spec.key_algorithm).as_str()))
            .set_options(export.map(|it| CertificateOptions::builder().export(it).build()))
            .idempotency_token(create.token)
            .set_tags(list(spec.tags.0.clone()))
            .send()
            .await
            .map_err(error)?;
        answer.certificate_arn.map(Id).ok_or_else(|| Error::bug("RequestCertificate", "the answer holds no ARN"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (acm, arn) = (world.acm(), id.as_str());
        if update.changes("hosted_zone_id") {
            let found = certificate(world, arn).await?.ok_or_else(|| Error::rejected("DescribeCertificate", GONE[0], "it is not there"))?;
            let Some(records) = records::of(&found) else {
                return Err(Error::rejected("DescribeCertificate", UNTOLD, "AWS has not told the records yet"));
            };
            match &to.hosted_zone_id {
                Some(zone) => {
                    records::write(world, zone, &records).await?;
                    let tag = list([(TAG_ZONE.to_owned(), zone.clone())]);
                    acm.add_tags_to_certificate().certificate_arn(arn).set_tags(tag).send().await.map_err(error)?;
                }
                None => untag(world, arn, &[TAG_ZONE.to_owned()]).await?,
            }
            if let Some(old) = from.hosted_zone_id.as_ref().filter(|it| to.hosted_zone_id.as_ref() != Some(it)) {
                records::remove(world, old, &records, arn).await?;
            }
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            acm.add_tags_to_certificate().certificate_arn(arn).set_tags(list(set)).send().await.map_err(error)?;
        }
        untag(world, arn, &remove).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let arn = delete.id.as_str();
        let Some(found) = certificate(world, arn).await? else { return Ok(()) };
        let records = delete.spec.hosted_zone_id.as_ref().zip(records::of(&found));
        // Once it is gone nobody knows its records, so that they go first; yet not while it cannot go, because it needs them until then.
        // The local cloud lets a certificate go that is in use, and takes it for used long after.
        let used = !found.in_use_by().is_empty() && !world.is_local();
        if let (false, Some((zone, records))) = (used, &records) {
            records::remove(world, zone, records, arn).await?;
        }
        unless(world.acm().delete_certificate().certificate_arn(arn).send().await.map_err(error), GONE)?;
        if let (true, Some((zone, records))) = (used, &records) {
            records::remove(world, zone, records, arn).await?;
        }
        Ok(())
    }
}

const GONE: &[&str] = &["ResourceNotFoundException"];
/// The records are to be written and not known yet.
const UNTOLD: &str = "ValidationRecordsPending";
/// On the certificate: the hosted zone that its records were written into. No one else tells.
const TAG_ZONE: &str = "infra:hosted-zone";

/// Whether a text is parts with dots between them, the first of which may be `*`.
fn is_name(text: &str) -> bool {
    let parts: Vec<_> = text.strip_prefix("*.").unwrap_or(text).split('.').collect();
    let formed = |it: &&str| (1..64).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    parts.len() > 1 && text.len() <= 253 && parts.iter().all(formed)
}

fn lowercase(name: &str, path: Path, problems: &mut Problems) {
    let lower = name.to_lowercase();
    if lower != name {
        problems.error(path, "AWS writes names in small letters", format!("write `{lower}`"));
    }
}

/// Nothing where there are none, because an empty list is refused.
fn list(tags: impl IntoIterator<Item = (String, String)>) -> Option<Vec<Tag>> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().expect("it has a key");
    let list: Vec<_> = tags.into_iter().map(tag).collect();
    (!list.is_empty()).then_some(list)
}

async fn untag(world: &Aws, arn: &str, keys: &[String]) -> Result<()> {
    if !keys.is_empty() {
        let tags = keys.iter().map(|it| Tag::builder().key(it).build().expect("it has a key")).collect();
        world.acm().remove_tags_from_certificate().certificate_arn(arn).set_tags(Some(tags)).send().await.map_err(error)?;
    }
    Ok(())
}

/// Nothing where it is gone.
async fn certificate(world: &Aws, arn: &str) -> Result<Option<CertificateDetail>> {
    let found = unless(world.acm().describe_certificate().certificate_arn(arn).send().await.map_err(error), GONE)?;
    let found = found.and_then(|it| it.certificate);
    // One that was not validated in three days stays in the list, and nothing can come of it.
    Ok(found.filter(|it| it.status() != Some(&CertificateStatus::ValidationTimedOut)))
}

/// Nothing where it is gone meanwhile.
async fn tags(world: &Aws, arn: &str) -> Result<Option<Tags>> {
    let found = unless(world.acm().list_tags_for_certificate().certificate_arn(arn).send().await.map_err(error), GONE)?;
    Ok(found.map(|it| Tags::read(it.tags.unwrap_or_default().into_iter().map(|it| (it.key, it.value.unwrap_or_default())))))
}

fn status(it: &CertificateDetail) -> Status {
    let status = it.status().map_or("PENDING_VALIDATION", CertificateStatus::as_str);
    let because = |reason: Option<&str>| reason.map_or_else(|| status.to_owned(), |reason| format!("{status}: {reason}"));
    match it.status() {
        Some(CertificateStatus::Issued) => Status::Ready,
        Some(CertificateStatus::PendingValidation) | None => {
            let waiting = it.domain_validation_options().iter().filter(|it| it.validation_status() != Some(&DomainStatus::Success));
            let names: Vec<_> = waiting.map(|it| it.domain_name()).collect();
            Status::Pending(if names.is_empty() { status.to_owned() } else { format!("{status} of {}", names.join(", ")) })
        }
        Some(CertificateStatus::Revoked) => Status::Failed(because(it.revocation_reason().map(|it| it.as_str()))),
        Some(_) => Status::Failed(because(it.failure_reason().map(|it| it.as_str()))),
    }
}

fn live(it: CertificateDetail, tags: Option<Tags>, zone: Option<String>, wanted: &Wanted) -> Option<Live<Certificate>> {
    let mut unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    // Whether the records are there was looked at only where it was asked for.
    if tags.is_none() || !wanted.has("hosted_zone_id") {
        unread.push("hosted_zone_id");
    }
    let mut tags = tags.unwrap_or_default();
    tags.0.remove(TAG_ZONE);
    let status = status(&it);
    let records = records::of(&it);
    let by = it.domain_validation_options().iter().find_map(|it| it.validation_method().cloned());
    let export = it.options().and_then(|it| it.export()).and_then(|it| meaning(it.as_str()));
    let domain_name = it.domain_name?;
    // The name itself is always among them.
    let more: Vec<_> = it.subject_alternative_names.unwrap_or_default().into_iter().filter(|it| *it != domain_name).collect();
    let spec = Spec {
        subject_alternative_names: Some(more).filter(|it| !it.is_empty()),
        validation_method: by.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        hosted_zone_id: zone,
        // `RSA-2048` in an answer is `RSA_2048` in a request.
        key_algorithm: it.key_algorithm.as_ref().and_then(|it| meaning(&it.as_str().replace('-', "_"))).unwrap_or_default(),
        certificate_export: export.unwrap_or_default(),
        tags,
        domain_name,
    };
    let arn = it.certificate_arn?;
    Some(Live { spec, outputs: Outputs { id: arn.clone(), arn, domain_validation_options: records }, status, unread })
}

#[cfg(test)]
mod tests;
