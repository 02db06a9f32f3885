//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html>

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_apigatewayv2::types::{ConnectionType, Integration as Described, IntegrationType, TlsConfigInput};
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted, immutable,
        kept, ready,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, alike, all, children, join, parts, with_removals};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Integration;

/// What stands behind routes of an API: a function, an HTTP address, a load balancer within a VPC, or an action of AWS.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The API that it belongs to.
    #[schemars(transform = immutable)]
    api_id: String,
    /// How a request is passed on.
    // API Gateway does not turn one kind into another.
    #[schemars(transform = immutable)]
    integration_type: Type,
    /// The action of AWS that a request becomes: `SQS-SendMessage`. With `AWS_PROXY` in HTTP APIs, instead of `integration_uri`.
    #[schemars(transform = immutable, length(min = 1, max = 128))]
    integration_subtype: Option<String>,
    /// Where requests go. For a function, its ARN or its invocation ARN; a WebSocket API takes the latter only. For an address,
    /// the whole of it. Behind a VPC link, the ARN of the load balancer's listener.
    #[schemars(length(min = 1, max = 2048))]
    integration_uri: Option<String>,
    /// The HTTP method of requests to an address, `ANY` for that of the request. It stays when it is removed.
    #[schemars(transform = kept)]
    integration_method: Option<Method>,
    /// The form of what a function gets and answers.
    #[serde(default)]
    payload_format_version: Payload,
    /// For how many milliseconds an answer is waited for: up to 30000 in HTTP APIs and 29000 in WebSocket APIs, which is also what
    /// leaving it out means. It stays when it is removed.
    #[schemars(transform = kept, range(min = 50, max = 30000))]
    timeout_in_millis: Option<i32>,
    /// Which way requests go.
    #[serde(default)]
    connection_type: Connection,
    /// The VPC link they go through.
    #[schemars(transform = ready, length(min = 1, max = 1024))]
    connection_id: Option<String>,
    /// The ARN of the role that API Gateway takes on for it. Left out or removed, what it calls has to let API Gateway in.
    #[schemars(regex(pattern = r"arn:[a-z-]+:iam::([0-9]{12}|\*):(role|user|group)/.+"))]
    credentials_arn: Option<String>,
    /// What the request gets besides, or what the action of AWS takes, by name: `overwrite:path: $request.path.proxy`.
    #[serde(default)]
    request_parameters: BTreeMap<String, String>,
    /// How the other end proves who it is. With it, requests through a VPC link go by HTTPS; it stays when it is removed.
    #[schemars(transform = kept)]
    tls_config: Option<TlsConfig>,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    description: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Type {
    /// To a function, or with `integration_subtype` to an action of AWS.
    AwsProxy,
    /// To an HTTP address as it came.
    HttpProxy,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// That of the request.
    Any,
    /// Reads.
    Get,
    /// Reads the headers alone.
    Head,
    /// Sends something new.
    Post,
    /// Replaces something.
    Put,
    /// Changes a part of something.
    Patch,
    /// Removes.
    Delete,
    /// Asks what is possible.
    Options,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Payload {
    /// That of REST APIs; the only one for anything but functions.
    #[default]
    #[serde(rename = "1.0")]
    One,
    /// The shorter one, for functions behind HTTP APIs.
    #[serde(rename = "2.0")]
    Two,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Connection {
    /// Through the internet, or within AWS.
    #[default]
    Internet,
    /// Through a VPC link.
    VpcLink,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct TlsConfig {
    /// The name that its certificate must have.
    #[schemars(length(min = 1, max = 512))]
    server_name_to_verify: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ids of the API and of the integration: `a1b2c3/d4e5f6`.
    id: String,
    /// The id of the integration within its API.
    integration_id: String,
    /// What a route that leads here has as its `target`: `integrations/d4e5f6`.
    target: String,
}

impl Resource for Integration {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.integration";
    const FACTS: Facts = Facts {
        passing: &[
            CONCURRENT,
            // A route was deleted, or led elsewhere, a moment ago.
            Passing { during: During::Delete, code: "ConflictException", message: REFERENCED, within: Duration::from_secs(60) },
            Passing { during: During::Delete, code: "BadRequestException", message: REFERENCED, within: Duration::from_secs(60) },
        ],
        gone: GONE,
        // A route holds on to it until it is led to the next.
        create_first: true,
        actions: Actions {
            create: &["apigateway:POST", "iam:PassRole"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH", "iam:PassRole"],
            delete: &["apigateway:DELETE"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        let text = |property: &str| spec.get(property).and_then(Value::as_text);
        let kind = text("integration_type");
        match (kind, written("integration_subtype"), written("integration_uri")) {
            (Some("AWS_PROXY"), true, true) => {
                let help = "an action of AWS has no URI: remove one of the two";
                problems.error(Path::of("integration_uri"), "both `integration_uri` and `integration_subtype`", help);
            }
            (Some("AWS_PROXY"), false, false) => {
                let help = "write `integration_uri` with a function's ARN, or `integration_subtype` with an action of AWS";
                problems.error(Path::default(), "an integration that leads nowhere", help);
            }
            (Some("AWS_PROXY"), true, _) if !written("credentials_arn") => {
                let help = "write `credentials_arn` with the ARN of a role that may do it";
                problems.error(Path::of("integration_subtype"), "an action of AWS without a role", help);
            }
            (Some("HTTP_PROXY"), true, _) => {
                let help = "remove it, or write `integration_type: AWS_PROXY`";
                problems.error(Path::of("integration_subtype"), "`integration_subtype` on an integration of type HTTP_PROXY", help);
            }
            (Some("HTTP_PROXY"), _, false) => {
                problems.error(Path::default(), "an integration that leads nowhere", "write `integration_uri`");
            }
            _ => {}
        }
        if let (Some("AWS_PROXY"), Some(uri)) = (kind, text("integration_uri"))
            && !uri.starts_with("arn:")
        {
            let help = "write a function's ARN, or `integration_type: HTTP_PROXY`";
            problems.error(Path::of("integration_uri"), format!("`{uri}` is not the ARN of a function"), help);
        }
        if text("payload_format_version") == Some("2.0") && (kind == Some("HTTP_PROXY") || written("integration_subtype")) {
            let help = "leave it out: only functions take version 2.0";
            problems.error(Path::of("payload_format_version"), "version 2.0 on something that is no function", help);
        }
        check_way(spec, kind, problems);
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let list = async |api: String| integrations(world, &api).await;
        let found = children(ids, list, |it| it.integration_id()).await?;
        Ok(ids.iter().zip(found).map(|(id, it)| live(id, it?)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let api = &find.spec.api_id;
        alike(&find, api, integrations(world, api).await, |it| it.integration_id(), live)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .apigatewayv2()
            .create_integration()
            .api_id(&spec.api_id)
            .integration_type(spec.kind())
            .set_integration_subtype(spec.integration_subtype.clone())
            .set_integration_uri(spec.integration_uri.clone())
            .set_integration_method(spec.integration_method.as_ref().map(word))
            .payload_format_version(word(&spec.payload_format_version))
            .set_timeout_in_millis(spec.timeout_in_millis)
            .connection_type(ConnectionType::from(word(&spec.connection_type).as_str()))
            .set_connection_id(spec.connection_id.clone())
            .set_credentials_arn(spec.credentials_arn.clone())
            .set_request_parameters(some(spec.request_parameters.clone()))
            .set_tls_config(spec.tls_config.as_ref().map(tls_config))
            .set_description((!spec.description.is_empty()).then(|| spec.description.clone()));
        let answer = call.send().await.map_err(error)?;
        join(&spec.api_id, answer.integration_id())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        if changed.is_empty() {
            return Ok(());
        }
        let (api, own) = parts(id)?;
        // What is not said stays; nothing is said by an empty text.
        let text = |property: &str, it: &Option<String>| update.changes(property).then(|| it.clone().unwrap_or_default());
        let call = world
            .apigatewayv2()
            .update_integration()
            .api_id(api)
            .integration_id(own)
            // Without these two it is not taken for what it is.
            .integration_type(to.kind())
            .set_integration_subtype(to.integration_subtype.clone())
            .set_integration_uri(text("integration_uri", &to.integration_uri))
            .set_integration_method(to.integration_method.as_ref().filter(|_| update.changes("integration_method")).map(word))
            .set_payload_format_version(update.changes("payload_format_version").then(|| word(&to.payload_format_version)))
            .set_timeout_in_millis(to.timeout_in_millis.filter(|_| update.changes("timeout_in_millis")))
            .set_connection_type(update.changes("connection_type").then(|| ConnectionType::from(word(&to.connection_type).as_str())))
            .set_connection_id(text("connection_id", &to.connection_id))
            .set_credentials_arn(text("credentials_arn", &to.credentials_arn))
            // All of them: what an action of AWS needs has to be there in every call.
            .set_request_parameters(
                update.changes("request_parameters").then(|| with_removals(from.request_parameters.keys(), &to.request_parameters)),
            )
            .set_tls_config(to.tls_config.as_ref().filter(|_| update.changes("tls_config")).map(tls_config))
            .set_description(update.changes("description").then(|| to.description.clone()));
        call.send().await.map_err(error).map(drop)
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Ok((api, own)) = parts(delete.id) else { return Ok(()) };
        let deleted = world.apigatewayv2().delete_integration().api_id(api).integration_id(own).send().await.map_err(error);
        unless(deleted, GONE).map(drop)
    }
}

/// "Cannot delete Integration because it is referenced by the following Routes …".
const REFERENCED: &str = "referenced by the following Routes";

impl Spec {
    fn kind(&self) -> IntegrationType {
        IntegrationType::from(word(&self.integration_type).as_str())
    }
}

/// What belongs to the way through a VPC link, and to it alone.
fn check_way(spec: &Value, kind: Option<&str>, problems: &mut Problems) {
    let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
    let way = spec.get("connection_type");
    if way.and_then(Value::as_text) == Some("VPC_LINK") {
        if !written("connection_id") {
            problems.error(Path::of("connection_type"), "a VPC link that is not named", "write `connection_id: ${link.id}`");
        }
        if kind == Some("AWS_PROXY") {
            let help = "write `integration_type: HTTP_PROXY` with a listener's ARN as `integration_uri`";
            problems.error(Path::of("connection_type"), "a function behind a VPC link", help);
        }
        if kind == Some("HTTP_PROXY") && !written("integration_method") {
            let help = "write `integration_method: ANY`";
            problems.error(Path::of("connection_type"), "an integration through a VPC link without a method", help);
        }
    } else if way.is_none_or(|it| it.is_null() || it.as_text() == Some("INTERNET")) {
        for property in ["connection_id", "tls_config"].into_iter().filter(|it| written(it)) {
            let help = "write `connection_type: VPC_LINK`, or remove it";
            problems.error(Path::of(property), format!("`{property}` without a VPC link"), help);
        }
    }
}

/// Nothing rather than an empty map.
fn some(map: BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.into_iter().collect())
}

fn tls_config(it: &TlsConfig) -> TlsConfigInput {
    TlsConfigInput::builder().server_name_to_verify(&it.server_name_to_verify).build()
}

async fn integrations(world: &Aws, api: &str) -> Result<Vec<Described>> {
    all!(world.apigatewayv2().get_integrations().api_id(api))
}

fn live(id: &Id, it: Described) -> Option<Live<Integration>> {
    let (api, own) = super::split(id)?;
    // What was taken away may come back as an empty text.
    let some = |text: Option<String>| text.filter(|it| !it.is_empty());
    let spec = Spec {
        api_id: api.to_owned(),
        // The other kinds are for WebSocket APIs that translate messages.
        integration_type: it.integration_type.and_then(|it| meaning(it.as_str())).unwrap_or(Type::AwsProxy),
        integration_subtype: it.integration_subtype,
        integration_uri: some(it.integration_uri),
        integration_method: it.integration_method.and_then(|it| meaning(&it)),
        payload_format_version: it.payload_format_version.and_then(|it| meaning(&it)).unwrap_or_default(),
        timeout_in_millis: it.timeout_in_millis,
        connection_type: it.connection_type.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        connection_id: some(it.connection_id),
        credentials_arn: some(it.credentials_arn),
        request_parameters: it.request_parameters.unwrap_or_default().into_iter().collect(),
        tls_config: it.tls_config.and_then(|it| it.server_name_to_verify).map(|name| TlsConfig { server_name_to_verify: name }),
        description: it.description.unwrap_or_default(),
    };
    let outputs = Outputs { id: id.0.clone(), integration_id: own.to_owned(), target: format!("integrations/{own}") };
    Some(Live { spec, outputs, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests;
