//! <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_sns::types::Tag;
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, late, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, policy, word},
};

pub(crate) struct Topic;

/// A topic: what is published on it goes to all that have subscribed.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other topic of the account has in the region; that of a FIFO topic ends in `.fifo`. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 256), regex(pattern = r"[A-Za-z0-9_-]+(\.fifo)?"))]
    topic_name: Option<String>,
    /// What it is called in mails and text messages.
    #[serde(default)]
    #[schemars(length(max = 100))]
    display_name: String,
    /// Whether messages arrive in the order in which they were published, and each once.
    #[serde(default)]
    #[schemars(transform = immutable)]
    fifo_topic: bool,
    /// Whether two messages with the same content count as one; for FIFO topics.
    #[serde(default)]
    content_based_deduplication: bool,
    /// The id, ARN or alias of the KMS key that messages are encrypted with. When it is removed, they no longer are.
    kms_master_key_id: Option<String>,
    /// Who may do what with it. Left out or removed, its own account.
    #[schemars(transform = late)]
    policy: Option<Policy>,
    /// With which hash messages to HTTP endpoints are signed.
    #[serde(default)]
    signature_version: SignatureVersion,
    /// Whether X-Ray sees what goes through it.
    #[serde(default)]
    tracing_config: Tracing,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum SignatureVersion {
    /// SHA-1.
    #[default]
    #[serde(rename = "1")]
    Sha1,
    /// SHA-256.
    #[serde(rename = "2")]
    Sha256,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Tracing {
    /// Where the publisher traces already.
    #[default]
    PassThrough,
    /// Always, as far as it samples.
    Active,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the topic.
    id: String,
    /// The ARN of the topic.
    arn: String,
}

impl Resource for Topic {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "sns.topic";
    const FACTS: Facts = Facts {
        passing: &[
            // Its principals were made a moment ago.
            Passing { during: During::Update, code: "InvalidParameter", message: "PrincipalNotFound", within: Duration::from_secs(120) },
            Passing { during: During::Any, code: "ConcurrentAccess", message: "", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        actions: Actions {
            create: &["sns:CreateTopic", "sns:TagResource"],
            read: &["sns:GetTopicAttributes", "sns:ListTagsForResource"],
            update: &["sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"],
            delete: &["sns:DeleteTopic"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.topic_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("policy", spec, problems);
        let name = spec.get("topic_name").filter(|it| !it.is_null());
        let fifo = match spec.get("fifo_topic") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return,
        };
        match (fifo, name, name.and_then(Value::as_text).map(|it| it.ends_with(".fifo"))) {
            (true, None, _) => {
                problems.error(Path::of("fifo_topic"), "a FIFO topic without a name", "write `topic_name`, which ends in `.fifo`");
            }
            (true, _, Some(false)) => {
                problems.error(Path::of("topic_name"), "the name of a FIFO topic ends in `.fifo`", "add it, or leave `fifo_topic` out");
            }
            (false, _, Some(true)) => {
                problems.error(Path::of("topic_name"), "only the name of a FIFO topic ends in `.fifo`", "write `fifo_topic: true` too");
            }
            _ => {}
        }
        if !fifo && spec.get("content_based_deduplication") == Some(&Value::Bool(true)) {
            let path = Path::of("content_based_deduplication");
            problems.error(path, "`content_based_deduplication` on a topic that is not FIFO", "write `fifo_topic: true` too, or remove it");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // The list of all has nothing but their ARNs.
        let lives = ids.iter().map(|id| async move { unless(read(world, id, wanted).await, GONE) });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let tags = unless(tags(world, &arn(world, &id).await?).await, GONE)?;
        Ok(tags.is_some_and(|it| it.made_by(find.operation)).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let mut attributes: HashMap<String, String> = HashMap::new();
        if spec.fifo_topic {
            attributes.insert("FifoTopic".to_owned(), "true".to_owned());
        }
        for (property, name, value) in settings(spec) {
            // What is as it would be anyway is left out, for the regions that do not know it.
            let idle = ["", "false", "1", "PassThrough"].contains(&value.as_str());
            if property != "policy" && !idle {
                attributes.insert(name.to_owned(), value);
            }
        }
        let name = spec.topic_name.clone().unwrap_or_default();
        let call = world.sns().create_topic().name(&name).set_tags(Some(list(spec.tags.0.clone())));
        call.set_attributes((!attributes.is_empty()).then_some(attributes)).send().await.map_err(error)?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (sns, arn) = (world.sns(), arn(world, id).await?);
        for (_, name, value) in settings(to).into_iter().filter(|it| update.changes(it.0)) {
            let value = if name == "Policy" && value.is_empty() { default_policy(world, &arn).await? } else { value };
            sns.set_topic_attributes().topic_arn(&arn).attribute_name(name).attribute_value(value).send().await.map_err(error)?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            sns.tag_resource().resource_arn(&arn).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            sns.untag_resource().resource_arn(&arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.sns().delete_topic().topic_arn(arn(world, delete.id).await?).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"];

/// Each property that is an attribute, as SNS takes it: nothing takes it away.
fn settings(spec: &Spec) -> Vec<(&'static str, &'static str, String)> {
    let mut settings = vec![
        ("display_name", "DisplayName", spec.display_name.clone()),
        ("kms_master_key_id", "KmsMasterKeyId", spec.kms_master_key_id.clone().unwrap_or_default()),
        ("policy", "Policy", spec.policy.as_ref().map(document).unwrap_or_default()),
        ("signature_version", "SignatureVersion", word(&spec.signature_version)),
        ("tracing_config", "TracingConfig", word(&spec.tracing_config)),
    ];
    if spec.fifo_topic {
        settings.push(("content_based_deduplication", "ContentBasedDeduplication", spec.content_based_deduplication.to_string()));
    }
    settings
}

/// The policy that SNS itself gives a topic has this name.
const DEFAULT_POLICY: &str = "__default_policy_ID";

/// A topic cannot be without a policy: this is the one that SNS gives to a new one.
async fn default_policy(world: &Aws, arn: &str) -> Result<String> {
    let account = world.caller().await?.account;
    let actions = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    let policy = json!({
        "Version": "2008-10-17",
        "Id": DEFAULT_POLICY,
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": actions,
            "Resource": arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } },
        }],
    });
    Ok(policy.to_string())
}

async fn arn(world: &Aws, id: &Id) -> Result<String> {
    let caller = world.caller().await?;
    Ok(world.arn("sns", &caller.account, id.as_str()))
}

async fn tags(world: &Aws, arn: &str) -> Result<Tags> {
    let answer = world.sns().list_tags_for_resource().resource_arn(arn).send().await.map_err(error)?;
    Ok(Tags::read(answer.tags.unwrap_or_default().into_iter().map(|it| (it.key, it.value))))
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().expect("it has a key and a value");
    tags.into_iter().map(tag).collect()
}

/// An error with a code of [`GONE`] where it is not there.
async fn read(world: &Aws, id: &Id, wanted: &Wanted) -> Result<Live<Topic>> {
    let arn = arn(world, id).await?;
    let attributes = async { world.sns().get_topic_attributes().topic_arn(&arn).send().await.map_err(error) };
    let tags = async { if wanted.has("tags") { tags(world, &arn).await.map(Some) } else { Ok(None) } };
    let (attributes, tags) = try_join!(attributes, tags)?;
    let attributes = attributes.attributes.unwrap_or_default();
    let text = |name: &str| attributes.get(name).map(String::as_str).filter(|it| !it.is_empty());
    let truth = |name: &str| text(name).is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let spec = Spec {
        topic_name: Some(id.0.clone()),
        display_name: text("DisplayName").unwrap_or_default().to_owned(),
        fifo_topic: truth("FifoTopic"),
        content_based_deduplication: truth("ContentBasedDeduplication"),
        kms_master_key_id: text("KmsMasterKeyId").map(str::to_owned),
        policy: text("Policy").map(policy).filter(|it| it.0.get("Id").is_none_or(|it| it != DEFAULT_POLICY)),
        signature_version: text("SignatureVersion").and_then(meaning).unwrap_or_default(),
        tracing_config: text("TracingConfig").and_then(meaning).unwrap_or_default(),
        tags: tags.clone().unwrap_or_default(),
    };
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    Ok(Live { spec, outputs: Outputs { id: id.0.clone(), arn: arn.clone() }, status: Status::Ready, unread })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use infra::resource::{AnyResource as _, AnyUpdate, Describe as _, Wanted};
    use serde_json::json;

    use super::Topic;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance, cloud,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn only_fifo_topics_have_the_name_and_the_properties_of_one() {
        for (spec, expected) in [
            (json!({ "topic_name": "a" }), vec![]),
            (json!({ "topic_name": "a.fifo", "fifo_topic": true, "content_based_deduplication": true }), vec![]),
            (json!({ "fifo_topic": true }), vec!["a FIFO topic without a name"]),
            (json!({ "topic_name": "a", "fifo_topic": true }), vec!["the name of a FIFO topic ends in `.fifo`"]),
            (json!({ "topic_name": "a.fifo" }), vec!["only the name of a FIFO topic ends in `.fifo`"]),
            (json!({ "content_based_deduplication": true }), vec!["`content_based_deduplication` on a topic that is not FIFO"]),
        ] {
            assert_eq!(complaints::<Topic>(spec.clone()), expected, "{spec}");
        }
    }

    const CALLER: (&str, Answer) = (
        "GetCallerIdentity",
        Answer::Xml(
            "<GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>A</UserId>\
             </GetCallerIdentityResult>",
        ),
    );

    /// What the emulator does not keep.
    #[tokio::test]
    async fn each_attribute_is_a_call_and_all_are_read_at_once() {
        let wire = Wire::scripted(&[
            CALLER,
            ("SetTopicAttributes", Answer::Xml("")),
            (
                "GetTopicAttributes",
                Answer::Xml(
                    "<GetTopicAttributesResult><Attributes><entry><key>SignatureVersion</key><value>2</value></entry>\
                     <entry><key>TracingConfig</key><value>Active</value></entry></Attributes></GetTopicAttributesResult>",
                ),
            ),
        ])
        .await;
        let (from, to) = (json!({}), json!({ "signature_version": "2", "tracing_config": "Active" }));
        let changed = BTreeSet::from(["signature_version".to_owned(), "tracing_config".to_owned()]);
        let update = AnyUpdate { id: &"alarms".into(), from: &from, to: &to, changed: &changed };
        Topic.update(&wire.world, update).await.expect("update");
        let said = wire.said(&["AttributeName", "AttributeValue"]);
        let expected = [
            "SetTopicAttributes AttributeName=SignatureVersion AttributeValue=2",
            "SetTopicAttributes AttributeName=TracingConfig AttributeValue=Active",
        ];
        assert_eq!(said[1..], expected);
        let live = Topic.read(&wire.world, &["alarms".into()], &Wanted::default()).await.expect("read").pop().flatten().expect("there");
        assert_eq!((&live.spec["signature_version"], &live.spec["tracing_config"]), (&json!("2"), &json!("Active")));
        assert_eq!(wire.said(&[])[3..], ["GetTopicAttributes"], "who calls is asked once");
    }

    #[tokio::test]
    async fn a_fifo_topic_is_made_and_changed() {
        let world = cloud().await;
        let spec = json!({ "topic_name": "ordered.fifo", "fifo_topic": true });
        let id = Topic.create(&world, &spec, "0123456789abcdef0123456789abcdef").await.expect("create");
        let mut to = spec.clone();
        to["content_based_deduplication"] = json!(true);
        let changed = BTreeSet::from(["content_based_deduplication".to_owned()]);
        Topic.update(&world, AnyUpdate { id: &id, from: &spec, to: &to, changed: &changed }).await.expect("update");
        let live = Topic.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read").pop().flatten().expect("there");
        assert_eq!((&live.spec["fifo_topic"], &live.spec["content_based_deduplication"]), (&json!(true), &json!(true)));
        Topic.delete(&world, &id, &spec).await.expect("delete");
    }

    /// Making it would succeed: it has to be noticed before that it is somebody else's.
    #[tokio::test]
    async fn a_name_that_is_taken_is_noticed() {
        let world = cloud().await;
        world.sns().create_topic().name("taken").send().await.expect("a topic");
        let id = Topic.locate(&json!({ "topic_name": "taken" })).expect("a spec").expect("the name decides it");
        let found = Topic.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read");
        assert!(found[0].is_some());
        let ours = Topic.find(&world, "0123456789abcdef0123456789abcdef", &json!({ "topic_name": "taken" }), &BTreeSet::new()).await;
        assert_eq!(ours.expect("find"), None, "nothing says that it is ours");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "sns.topic",
            changes: &[
                "display_name: Other alarms",
                "kms_master_key_id: alias/aws/sns",
                "kms_master_key_id: null",
                "policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { Service: cloudwatch.amazonaws.com }, Action: 'sns:Publish', Resource: '*' }] }",
                "policy: null",
            ],
            replacements: &["topic_name: example-another"],
            untried: &[
                // For FIFO topics only, which a change of a single property does not make: see above.
                "fifo_topic",
                "content_based_deduplication",
                // The emulator does not keep them.
                "signature_version",
                "tracing_config",
            ],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
