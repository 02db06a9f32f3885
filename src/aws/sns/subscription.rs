//! <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>

use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted,
        immutable,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::{collections::HashMap, time::Duration};

use crate::aws::{
    arn,
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, word},
};

pub(crate) struct Subscription;

/// A subscription: somebody or something that hears what is published on a topic.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The ARN of the topic.
    #[schemars(transform = immutable)]
    topic_arn: String,
    /// How messages arrive.
    #[schemars(transform = immutable)]
    protocol: Protocol,
    /// Where they arrive: the ARN of a queue or function, an address, a number.
    #[schemars(transform = immutable, length(min = 1))]
    endpoint: String,
    /// Whether messages arrive as they were published, without anything around them.
    #[serde(default)]
    raw_message_delivery: bool,
    /// Which messages arrive. When it is removed, all do.
    filter_policy: Option<Json>,
    /// What `filter_policy` looks at.
    #[serde(default)]
    filter_policy_scope: FilterScope,
    /// Where messages go that cannot be delivered. When it is removed, they are lost.
    redrive_policy: Option<RedrivePolicy>,
    /// The ARN of the role that writes to a delivery stream; for `firehose`.
    subscription_role_arn: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    /// In a queue.
    Sqs,
    /// As an event of a function.
    Lambda,
    /// As a mail, once the address has confirmed it.
    Email,
    /// As a mail with JSON in it, once the address has confirmed it.
    EmailJson,
    /// As a text message.
    Sms,
    /// By HTTPS, once the endpoint has confirmed it.
    Https,
    /// By HTTP, once the endpoint has confirmed it.
    Http,
    /// On a mobile device.
    Application,
    /// In a delivery stream.
    Firehose,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum FilterScope {
    /// The attributes of messages.
    #[default]
    MessageAttributes,
    /// Their bodies, which are JSON.
    MessageBody,
}

/// Where messages go that cannot be delivered.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RedrivePolicy {
    /// The ARN of the queue that they go to.
    #[serde(alias = "deadLetterTargetArn")]
    dead_letter_target_arn: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the subscription.
    id: String,
    /// Whether somebody still has to confirm it: nothing arrives before.
    pending_confirmation: bool,
}

impl Resource for Subscription {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "sns.subscription";
    const FACTS: Facts = Facts {
        passing: &[
            // A topic, queue or role that was made a moment ago.
            Passing { during: During::Create, code: "NotFound", message: "Topic does not exist", within: Duration::from_secs(60) },
            Passing { during: During::Any, code: "InvalidParameter", message: "RedrivePolicy", within: Duration::from_secs(60) },
            Passing { during: During::Any, code: "InvalidParameter", message: "SubscriptionRoleArn", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        apart: &["topic_arn", "protocol", "endpoint"],
        forgotten: &[PENDING],
        // Subscribing once more yields the same subscription.
        token: true,
        actions: Actions {
            create: &["sns:Subscribe", "iam:PassRole"],
            read: &["sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"],
            update: &["sns:SetSubscriptionAttributes"],
            delete: &["sns:Unsubscribe"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let text = |property: &str| spec.get(property).and_then(Value::as_text);
        let has = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        arn::TOPIC.check(spec.get("topic_arn"), Path::of("topic_arn"), problems);
        let Some(protocol) = text("protocol") else { return };
        if let Some(endpoint) = text("endpoint") {
            let wanted = match protocol {
                "sqs" | "lambda" | "firehose" | "application" => Some(("arn:", "an ARN")),
                "https" => Some(("https://", "a URL that begins with `https://`")),
                "http" => Some(("http://", "a URL that begins with `http://`")),
                _ => None,
            };
            if let Some((begin, what)) = wanted.filter(|it| !endpoint.starts_with(it.0)) {
                let help = format!("write it as `{begin}…`, or choose another `protocol`");
                problems.error(Path::of("endpoint"), format!("the endpoint of `{protocol}` is {what}"), help);
            }
            if protocol.starts_with("email") && !endpoint.contains('@') {
                problems.error(
                    Path::of("endpoint"),
                    format!("the endpoint of `{protocol}` is an address"),
                    "write it as `name@example.com`",
                );
            }
        }
        match (protocol == "firehose", has("subscription_role_arn")) {
            (true, false) => {
                let help = "write the ARN of a role that may write to the delivery stream";
                problems.error(Path::of("protocol"), "`firehose` without `subscription_role_arn`", help);
            }
            (false, true) => {
                let path = Path::of("subscription_role_arn");
                problems.error(path, format!("`subscription_role_arn` with `{protocol}`"), "it is for `firehose`: remove it");
            }
            _ => {}
        }
        if spec.get("raw_message_delivery") == Some(&Value::Bool(true)) && !["sqs", "http", "https", "firehose"].contains(&protocol) {
            let path = Path::of("raw_message_delivery");
            problems.error(path, format!("`raw_message_delivery` with `{protocol}`"), "it is for `sqs`, `http`, `https` and `firehose`");
        }
        if text("filter_policy_scope") == Some("MessageBody") && !has("filter_policy") {
            problems.error(Path::of("filter_policy_scope"), "the scope of no `filter_policy`", "write one too, or remove it");
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // The lists of all, and of a topic, do not say what is filtered.
        let lives = ids.iter().map(|id| async move {
            let answer = world.sns().get_subscription_attributes().subscription_arn(id.as_str()).send().await.map_err(error);
            unless(answer, GONE)?.map(|it| live(id, &it.attributes.unwrap_or_default())).transpose()
        });
        abreast(lives).await
    }

    /// A topic has one subscription for an endpoint. One that waits to be confirmed has no ARN here: subscribing anew tells it.
    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let spec = find.spec;
        let mut pages = world.sns().list_subscriptions_by_topic().topic_arn(&spec.topic_arn).into_paginator().send();
        while let Some(page) = pages.next().await {
            let Some(page) = unless(page.map_err(error), GONE)? else { return Ok(None) };
            for it in page.subscriptions() {
                let same = it.protocol() == Some(&word(&spec.protocol)) && it.endpoint() == Some(&spec.endpoint);
                let arn = it.subscription_arn().filter(|arn| same && arn.starts_with("arn:")).map(Id::from);
                if let Some(id) = arn.filter(|id| !find.known.contains(id)) {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let mut attributes: HashMap<_, _> =
            settings(spec).into_iter().filter_map(|(_, name, value)| Some((name.to_owned(), value?))).collect();
        if spec.filter_policy.is_none() {
            attributes.retain(|name, _| !name.starts_with("FilterPolicy"));
        }
        if !spec.raw_message_delivery {
            // Some protocols do not know it.
            attributes.remove("RawMessageDelivery");
        }
        let call = world
            .sns()
            .subscribe()
            .topic_arn(&spec.topic_arn)
            .protocol(word(&spec.protocol))
            .endpoint(&spec.endpoint)
            .set_attributes((!attributes.is_empty()).then_some(attributes))
            // One that has to be confirmed would have none otherwise.
            .return_subscription_arn(true);
        let arn = call.send().await.map_err(error)?.subscription_arn;
        arn.map(Id).ok_or_else(|| Error::bug("Subscribe", "the answer has no ARN"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let mut settings = settings(update.to);
        if update.to.filter_policy_scope == FilterScope::MessageBody {
            // What is nested can only be said of bodies.
            settings.swap(0, 1);
        }
        for (_, name, value) in settings.into_iter().filter(|it| update.changes(it.0)) {
            let call = world.sns().set_subscription_attributes().subscription_arn(update.id.as_str()).attribute_name(name);
            let value = value.or_else(|| (name == "FilterPolicy").then(|| "{}".to_owned()));
            call.set_attribute_value(value).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let done = world.sns().unsubscribe().subscription_arn(delete.id.as_str()).send().await.map_err(error);
        match unless(done, GONE) {
            Err(refused) if refused.is(&["InvalidParameter"]) && refused.message.contains("pending confirmation") => {
                let message = "nobody has confirmed it: it cannot be removed, and SNS forgets it within two days or with its topic";
                Err(Error::rejected("Unsubscribe", PENDING, message))
            }
            other => other.map(drop),
        }
    }
}

const GONE: &[&str] = &["NotFound", "NotFoundException"];
const PENDING: &str = "PendingConfirmation";

/// Each property that is an attribute, as SNS takes it; the first two in the order for messages that are filtered by attributes.
fn settings(spec: &Spec) -> Vec<(&'static str, &'static str, Option<String>)> {
    let redrive = |it: &RedrivePolicy| json!({ "deadLetterTargetArn": it.dead_letter_target_arn }).to_string();
    vec![
        ("filter_policy", "FilterPolicy", spec.filter_policy.as_ref().map(|it| document(&infra::resource::Policy(it.clone())))),
        ("filter_policy_scope", "FilterPolicyScope", Some(word(&spec.filter_policy_scope))),
        ("raw_message_delivery", "RawMessageDelivery", Some(spec.raw_message_delivery.to_string())),
        ("redrive_policy", "RedrivePolicy", spec.redrive_policy.as_ref().map(redrive)),
        ("subscription_role_arn", "SubscriptionRoleArn", spec.subscription_role_arn.clone()),
    ]
}

fn live(id: &Id, attributes: &HashMap<String, String>) -> Result<Live<Subscription>> {
    let text = |name: &str| attributes.get(name).map(String::as_str).filter(|it| !it.is_empty());
    let truth = |name: &str| text(name).is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let unreadable = |why: serde_json::Error| {
        Error::rejected("GetSubscriptionAttributes", "Unreadable", format!("a policy that infra does not know: {why}"))
    };
    let filter: Option<Json> = text("FilterPolicy").map(serde_json::from_str).transpose().map_err(unreadable)?;
    let endpoint = text("Endpoint").unwrap_or_default();
    let spec = Spec {
        topic_arn: text("TopicArn").unwrap_or_default().to_owned(),
        protocol: text("Protocol")
            .and_then(meaning)
            .ok_or_else(|| Error::rejected("GetSubscriptionAttributes", "Unreadable", "a protocol that infra does not know"))?,
        endpoint: endpoint.to_owned(),
        raw_message_delivery: truth("RawMessageDelivery"),
        filter_policy: filter.filter(|it| it.as_object().is_none_or(|it| !it.is_empty())),
        filter_policy_scope: text("FilterPolicyScope").and_then(meaning).unwrap_or_default(),
        redrive_policy: text("RedrivePolicy").map(serde_json::from_str).transpose().map_err(unreadable)?,
        subscription_role_arn: text("SubscriptionRoleArn").map(str::to_owned),
    };
    // A password in a URL is not told.
    let unread = if endpoint.contains("****") { vec!["endpoint"] } else { vec![] };
    let outputs = Outputs { id: id.0.clone(), pending_confirmation: truth("PendingConfirmation") };
    Ok(Live { spec, outputs, status: Status::Ready, unread })
}

#[cfg(test)]
mod tests;
