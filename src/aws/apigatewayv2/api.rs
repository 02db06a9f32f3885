//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_apigatewayv2::types::{Api as Described, Cors as SdkCors, IpAddressType, ProtocolType};
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, kept, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, all, arn, is_made_by, retag, tags};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Api;

/// An HTTP or WebSocket API: what its integrations, routes and stages belong to.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name. Others may have the same.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// How it is spoken to.
    #[schemars(transform = immutable)]
    protocol_type: Protocol,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    description: String,
    /// Which version of it this is.
    #[serde(default)]
    #[schemars(length(max = 64))]
    version: String,
    /// What web pages from elsewhere may do with an HTTP API. Left out or removed, they may do nothing.
    cors_configuration: Option<Cors>,
    /// How a message to a WebSocket API says which route it takes: `$request.body.action`. It stays when it is removed.
    #[schemars(transform = kept, length(min = 1, max = 1024))]
    route_selection_expression: Option<String>,
    /// Where a request to a WebSocket API has its API key: `$request.header.x-api-key`. It stays when it is removed.
    #[schemars(transform = kept, length(min = 1, max = 1024))]
    api_key_selection_expression: Option<String>,
    /// Whether it answers under its domain names only, and not under the address that AWS gives.
    #[serde(default)]
    disable_execute_api_endpoint: bool,
    /// The kinds of addresses it is reached by. Left out, IPv4; it stays when it is removed.
    #[schemars(transform = kept)]
    ip_address_type: Option<AddressType>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Protocol {
    /// Requests and answers.
    Http,
    /// Connections that stay, with messages both ways.
    Websocket,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressType {
    /// IPv4 alone.
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Cors {
    /// Where the pages come from: `https://example.com`, or `*` for anywhere.
    #[serde(default)]
    #[schemars(transform = set)]
    allow_origins: Vec<String>,
    /// The methods they may call.
    #[serde(default)]
    #[schemars(transform = set)]
    allow_methods: Vec<Method>,
    /// The headers they may send, in small letters, or `*` for any.
    #[serde(default)]
    #[schemars(transform = set)]
    allow_headers: Vec<String>,
    /// The headers of answers that they may see, in small letters, or `*` for any.
    #[serde(default)]
    #[schemars(transform = set)]
    expose_headers: Vec<String>,
    /// Whether they may send cookies and the like.
    #[serde(default)]
    allow_credentials: bool,
    /// For how many seconds a browser remembers all this; -1 for not at all.
    #[schemars(range(min = -1, max = 86400))]
    max_age: Option<i32>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
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
    /// All of them.
    #[serde(rename = "*")]
    Any,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the API.
    id: String,
    /// The ARN of the API.
    arn: String,
    /// The address of the API, to which the stage is added where it is not `$default`: `https://….amazonaws.com` or `wss://…`.
    api_endpoint: String,
    /// What the ARNs of requests begin with: `${api.execution_arn}/*/*` is who invokes a function in a permission for all of them.
    execution_arn: String,
}

impl Resource for Api {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.api";
    const FACTS: Facts = Facts {
        passing: &[
            CONCURRENT,
            // A mapping was deleted a moment ago.
            Passing { during: During::Delete, code: "BadRequestException", message: "API mappings", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        // A mapping holds on to it until it is moved to the next.
        create_first: true,
        actions: Actions {
            create: &["apigateway:POST", "apigateway:TagResource"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH", "apigateway:DELETE", "apigateway:TagResource", "apigateway:UntagResource"],
            delete: &["apigateway:DELETE"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        match spec.get("protocol_type").and_then(Value::as_text) {
            Some("HTTP") => {
                if let Some(expression) = spec.get("route_selection_expression").and_then(Value::as_text)
                    && !["$request.method $request.path", "${request.method} ${request.path}"].contains(&expression)
                {
                    let help = "leave it out: the method and the path of a request say which route it takes";
                    problems.error(Path::of("route_selection_expression"), "an HTTP API with other routes than by method and path", help);
                }
                if written("api_key_selection_expression") {
                    problems.error(Path::of("api_key_selection_expression"), "an HTTP API has no API keys", "remove it");
                }
            }
            Some("WEBSOCKET") => {
                if !written("route_selection_expression") {
                    let help = "write `route_selection_expression: $request.body.action`";
                    problems.error(Path::default(), "a WebSocket API that does not say which route a message takes", help);
                }
                if written("cors_configuration") {
                    let help = "remove it: browsers let any page open a WebSocket";
                    problems.error(Path::of("cors_configuration"), "`cors_configuration` on a WebSocket API", help);
                }
            }
            _ => {}
        }
        if let Some(cors) = spec.get("cors_configuration") {
            check_cors(cors, &Path::of("cors_configuration"), problems);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut found = apis(world, ids).await?;
        if found.is_empty() {
            return Ok(ids.iter().map(|_| None).collect());
        }
        // No answer of API Gateway names the account.
        let account = world.caller().await?.account;
        Ok(ids.iter().map(|id| found.remove(id.as_str()).map(|it| live(world, &account, it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let made = |it: &Described| is_made_by(it.tags(), find.operation);
        let found = all!(world.apigatewayv2().get_apis())?;
        let ids = found.into_iter().filter(made).filter_map(|it| it.api_id.map(Id));
        Ok(ids.filter(|it| !find.known.contains(it)).min())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let call = world
            .apigatewayv2()
            .create_api()
            .name(&spec.name)
            .protocol_type(ProtocolType::from(word(&spec.protocol_type).as_str()))
            .set_description(some(&spec.description))
            .set_version(some(&spec.version))
            .set_cors_configuration(spec.cors_configuration.as_ref().map(cors))
            .set_route_selection_expression(spec.route_selection_expression.clone())
            .set_api_key_selection_expression(spec.api_key_selection_expression.clone())
            .set_disable_execute_api_endpoint(spec.disable_execute_api_endpoint.then_some(true))
            .set_ip_address_type(spec.ip_address_type.map(address_type))
            .set_tags(tags(&spec.tags));
        let answer = call.send().await.map_err(error)?;
        answer.api_id.map(Id).ok_or_else(|| Error::bug("CreateApi", "the answer holds no id"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        if update.changes("cors_configuration") && keeps_less(from.cors_configuration.as_ref(), to.cors_configuration.as_ref()) {
            let deleted = world.apigatewayv2().delete_cors_configuration().api_id(id.as_str()).send().await.map_err(error);
            unless(deleted, GONE)?;
        }
        let set = |it: &String| it != "tags" && (it != "cors_configuration" || to.cors_configuration.is_some());
        if changed.iter().any(set) {
            let text = |property: &str, it: &String| update.changes(property).then(|| it.clone());
            let some = |property: &str, it: &Option<String>| it.clone().filter(|_| update.changes(property));
            let call = world
                .apigatewayv2()
                .update_api()
                .api_id(id.as_str())
                .set_name(text("name", &to.name))
                .set_description(text("description", &to.description))
                .set_version(text("version", &to.version))
                .set_cors_configuration(to.cors_configuration.as_ref().filter(|_| update.changes("cors_configuration")).map(cors))
                .set_route_selection_expression(some("route_selection_expression", &to.route_selection_expression))
                .set_api_key_selection_expression(some("api_key_selection_expression", &to.api_key_selection_expression))
                .set_disable_execute_api_endpoint(update.changes("disable_execute_api_endpoint").then_some(to.disable_execute_api_endpoint))
                .set_ip_address_type(to.ip_address_type.filter(|_| update.changes("ip_address_type")).map(address_type));
            call.send().await.map_err(error)?;
        }
        retag(world, &arn(world, &format!("apis/{id}")), &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.apigatewayv2().delete_api().api_id(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

fn check_cors(cors: &Value, path: &Path, problems: &mut Problems) {
    let texts = |property: &str| cors.get(property).and_then(Value::as_list).unwrap_or_default().iter().map(Value::as_text).enumerate();
    let anywhere = texts("allow_origins").any(|(_, it)| it == Some("*"));
    if anywhere && cors.get("allow_credentials") == Some(&Value::Bool(true)) {
        let help = "name the origins, or leave `allow_credentials` out";
        problems.error(path.key("allow_credentials"), "credentials from anywhere", help);
    }
    for (n, origin) in texts("allow_origins") {
        let Some(origin) = origin.filter(|it| *it != "*") else { continue };
        let at = path.key("allow_origins").item(n);
        match origin.split_once("://") {
            None => problems.error(at, format!("`{origin}` is not an origin"), format!("write `https://{origin}`")),
            Some((scheme, host)) if host.contains('/') => {
                let host = host.split('/').next().unwrap_or_default();
                problems.error(at, format!("the origin `{origin}` has a path"), format!("browsers send none: write `{scheme}://{host}`"));
            }
            Some(_) if origin.chars().any(char::is_uppercase) => {
                let help = format!("browsers send small letters: write `{}`", origin.to_lowercase());
                problems.error(at, format!("the origin `{origin}` has capital letters"), help);
            }
            Some(_) => {}
        }
    }
    for property in ["allow_headers", "expose_headers"] {
        for (n, header) in texts(property) {
            let Some(header) = header.filter(|it| it.chars().any(char::is_uppercase)) else { continue };
            let help = format!("API Gateway keeps the names of headers in small letters: write `{}`", header.to_lowercase());
            problems.error(path.key(property).item(n), format!("the header `{header}` has capital letters"), help);
        }
    }
}

/// Whether something goes that an update cannot take away: what it does not name stays.
fn keeps_less(from: Option<&Cors>, to: Option<&Cors>) -> bool {
    match (from, to) {
        (_, None) => true,
        // Where nothing was said, AWS answers with 0.
        (Some(from), Some(to)) => from.max_age.is_some_and(|it| it != 0) && to.max_age.is_none(),
        (None, Some(_)) => false,
    }
}

fn cors(it: &Cors) -> SdkCors {
    // Empty lists are said too, or else an update would leave what was there.
    SdkCors::builder()
        .set_allow_origins(Some(it.allow_origins.clone()))
        .set_allow_methods(Some(it.allow_methods.iter().map(word).collect()))
        .set_allow_headers(Some(it.allow_headers.clone()))
        .set_expose_headers(Some(it.expose_headers.clone()))
        .allow_credentials(it.allow_credentials)
        .set_max_age(it.max_age)
        .build()
}

fn address_type(it: AddressType) -> IpAddressType {
    IpAddressType::from(word(&it).as_str())
}

/// Those of these APIs that are there, by id.
pub(crate) async fn apis(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let found = match ids {
        [] => vec![],
        // One alone needs no rights on the others.
        [id] => {
            let answer = unless(world.apigatewayv2().get_api().api_id(id.as_str()).send().await.map_err(error), GONE)?;
            answer.map(described).into_iter().collect()
        }
        _ => all!(world.apigatewayv2().get_apis())?,
    };
    Ok(found.into_iter().filter_map(|it| Some((it.api_id.clone()?, it))).collect())
}

/// The answer for one in the form of an item of a list.
fn described(it: aws_sdk_apigatewayv2::operation::get_api::GetApiOutput) -> Described {
    Described::builder()
        .set_api_id(it.api_id)
        .set_api_endpoint(it.api_endpoint)
        .set_api_key_selection_expression(it.api_key_selection_expression)
        .set_cors_configuration(it.cors_configuration)
        .set_description(it.description)
        .set_disable_execute_api_endpoint(it.disable_execute_api_endpoint)
        .set_ip_address_type(it.ip_address_type)
        .set_name(it.name)
        .set_protocol_type(it.protocol_type)
        .set_route_selection_expression(it.route_selection_expression)
        .set_tags(it.tags)
        .set_version(it.version)
        .build()
}

fn live(world: &Aws, account: &str, it: Described) -> Live<Api> {
    let id = it.api_id.unwrap_or_default();
    let outputs = Outputs {
        arn: arn(world, &format!("apis/{id}")),
        api_endpoint: it.api_endpoint.unwrap_or_default(),
        execution_arn: world.arn("execute-api", account, &id),
        id,
    };
    let spec = Spec {
        name: it.name.unwrap_or_default(),
        protocol_type: it.protocol_type.and_then(|it| meaning(it.as_str())).unwrap_or(Protocol::Http),
        description: it.description.unwrap_or_default(),
        version: it.version.unwrap_or_default(),
        cors_configuration: it.cors_configuration.map(|it| Cors {
            allow_origins: it.allow_origins.unwrap_or_default(),
            allow_methods: it.allow_methods.unwrap_or_default().iter().filter_map(|it| meaning(it)).collect(),
            allow_headers: it.allow_headers.unwrap_or_default(),
            expose_headers: it.expose_headers.unwrap_or_default(),
            allow_credentials: it.allow_credentials == Some(true),
            max_age: it.max_age,
        }),
        route_selection_expression: it.route_selection_expression,
        api_key_selection_expression: it.api_key_selection_expression,
        disable_execute_api_endpoint: it.disable_execute_api_endpoint == Some(true),
        ip_address_type: it.ip_address_type.and_then(|it| meaning(it.as_str())),
        tags: Tags::read(it.tags.unwrap_or_default()),
    };
    Live { spec, outputs, status: Status::Ready, unread: vec![] }
}

#[cfg(test)]
mod tests;
