//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html>

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_apigatewayv2::types::{
    AccessLogSettings, Api, LoggingLevel, ProtocolType, RouteSettings as SdkRouteSettings, Stage as Described,
};
use infra::{
    resource::{
        Actions, After, Create, Delete, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, kept,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, all, api::apis, arn, children, is_made_by, join, parts, retag, siblings, tags, with_removals};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Stage;

/// A stage of an API: what callers reach of it, and under which limits.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The API that it belongs to.
    #[schemars(transform = immutable)]
    api_id: String,
    /// Its name, which stands in the address of what it serves. `$default` of an HTTP API does not.
    #[schemars(transform = immutable, length(min = 1, max = 128), regex(pattern = r"\$default|[A-Za-z0-9_-]+"))]
    stage_name: String,
    /// Whether changes of the API reach callers by themselves. Without it nothing is served until somebody makes a deployment.
    #[serde(default)]
    auto_deploy: bool,
    /// What it is for. It stays when it is removed.
    // An update with an empty text leaves it.
    #[schemars(transform = kept, length(min = 1, max = 1024))]
    description: Option<String>,
    /// Where each request is written down. Left out or removed, nowhere.
    access_log_settings: Option<AccessLog>,
    /// What holds for all routes. Left out, the limits of the account; it stays when it is removed.
    #[schemars(transform = kept)]
    default_route_settings: Option<RouteSettings>,
    /// What holds for single routes, by their keys.
    #[serde(default)]
    route_settings: BTreeMap<String, RouteSettings>,
    /// Variables that integrations can refer to, by name.
    #[serde(default)]
    stage_variables: BTreeMap<String, String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct AccessLog {
    /// The ARN of the log group, or of a Firehose stream named `amazon-apigateway-…`.
    destination_arn: String,
    /// What a line says, in one line: `$context.requestId $context.status`, or JSON with such variables.
    #[schemars(length(min = 1, max = 3072))]
    format: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct RouteSettings {
    /// How many requests at once are let through.
    #[schemars(range(min = 0))]
    throttling_burst_limit: Option<i32>,
    /// How many requests a second are let through.
    #[schemars(range(min = 0.0))]
    throttling_rate_limit: Option<f64>,
    /// Whether each route has metrics of its own, which cost extra.
    #[serde(default)]
    detailed_metrics_enabled: bool,
    /// What is logged of what happens; in WebSocket APIs.
    logging_level: Option<Level>,
    /// Whether the whole of each message is logged too; in WebSocket APIs.
    data_trace_enabled: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    /// What fails.
    Error,
    /// Everything.
    Info,
    /// Nothing.
    Off,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the API and the name of the stage: `a1b2c3/prod`.
    id: String,
    /// The ARN of the stage.
    arn: String,
    /// The address of what it serves, without a slash at its end.
    invoke_url: String,
    /// What the ARNs of requests to it begin with: `${stage.execution_arn}/*` is who invokes a function in a permission for these.
    execution_arn: String,
}

impl Resource for Stage {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.stage";
    const FACTS: Facts = Facts {
        passing: &[
            CONCURRENT,
            // A mapping was deleted, or led elsewhere, a moment ago.
            Passing { during: During::Delete, code: "BadRequestException", message: "API mappings", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        apart: &["api_id", "stage_name"],
        after: &[
            // A WebSocket API without routes cannot be deployed, and each route that comes later is one more deployment.
            After { from: &["api_id"], other: "apigatewayv2.route", by: "api_id" },
            // A function has to let the API in before anybody calls.
            After { from: &["api_id"], other: "lambda.permission", by: "source_arn" },
        ],
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
        for (name, value) in spec.get("stage_variables").and_then(Value::as_map).into_iter().flatten() {
            let at = Path::of("stage_variables").key(name);
            if name.is_empty() || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') {
                let help = "names have letters, digits and underscores only";
                problems.error(at.clone(), format!("`{name}` cannot be the name of a stage variable"), help);
            }
            let Some(value) = value.as_text() else { continue };
            if value.is_empty() {
                problems.error(at, format!("the stage variable `{name}` is empty"), "API Gateway has no empty ones: remove it");
            } else if let Some(wrong) = value.chars().find(|it| !(it.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(*it))) {
                let help = "values have letters, digits and `-._~:/?#&=,` only";
                problems.error(at, format!("`{wrong}` in the stage variable `{name}`"), help);
            }
        }
        if let Some(format) = spec.get("access_log_settings").and_then(|it| it.get("format")).and_then(Value::as_text)
            && format.contains('\n')
        {
            let help = "write it in one line, or with `>-` before it, which joins lines";
            problems.error(Path::of("access_log_settings").key("format"), "the format of a log line has a line break", help);
        }
        if let Some(destination) = spec.get("access_log_settings").and_then(|it| it.get("destination_arn")).and_then(Value::as_text) {
            let at = Path::of("access_log_settings").key("destination_arn");
            if !destination.starts_with("arn:") {
                let help = "write the ARN of a log group: its output `arn`";
                problems.error(at, format!("`{destination}` is not an ARN"), help);
            } else if let Some(short) = destination.strip_suffix(":*") {
                problems.error(at, "API Gateway keeps it without `:*` at its end", format!("write `{short}`"));
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let list = async |api: String| stages(world, &api).await;
        let found = children(ids, list, |it| it.stage_name()).await?;
        // The API says where its stages are.
        let there = ids.iter().zip(&found).filter(|(_, it)| it.is_some()).filter_map(|(id, _)| Some(super::split(id)?.0.into()));
        let parents: Vec<Id> = there.collect::<BTreeSet<_>>().into_iter().collect();
        if parents.is_empty() {
            return Ok(ids.iter().map(|_| None).collect());
        }
        let parents = apis(world, &parents).await?;
        let account = world.caller().await?.account;
        Ok(ids.iter().zip(found).map(|(id, it)| live(world, &account, &parents, id, it?)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let (api, name) = (&find.spec.api_id, &find.spec.stage_name);
        let made = |it: &Described| it.stage_name() == Some(name) && is_made_by(it.tags(), find.operation);
        let id = join(api, Some(name))?;
        let there = siblings(stages(world, api).await)?.iter().any(made);
        Ok(Some(id).filter(|id| there && !find.known.contains(id)))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .apigatewayv2()
            .create_stage()
            .api_id(&spec.api_id)
            .stage_name(&spec.stage_name)
            .auto_deploy(spec.auto_deploy)
            .set_description(spec.description.clone())
            .set_access_log_settings(spec.access_log_settings.as_ref().map(access_log))
            .set_default_route_settings(spec.default_route_settings.as_ref().map(settings))
            .set_route_settings((!spec.route_settings.is_empty()).then(|| all_settings(spec)))
            .set_stage_variables((!spec.stage_variables.is_empty()).then(|| spec.stage_variables.clone().into_iter().collect()))
            .set_tags(tags(&spec.tags));
        let answer = call.send().await.map_err(error)?;
        join(&spec.api_id, answer.stage_name())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        let (api, name) = parts(id)?;
        if update.changes("access_log_settings") && to.access_log_settings.is_none() {
            let call = world.apigatewayv2().delete_access_log_settings().api_id(api).stage_name(name);
            unless(call.send().await.map_err(error), GONE)?;
        }
        // An update adds to what a route has and takes nothing away.
        let less = from.route_settings.iter().filter(|(route, it)| loses(it, to.route_settings.get(*route)));
        for (route, _) in less.filter(|_| update.changes("route_settings")) {
            let call = world.apigatewayv2().delete_route_settings().api_id(api).stage_name(name).route_key(route);
            unless(call.send().await.map_err(error), GONE)?;
        }
        let sent = |it: &String| match it.as_str() {
            "tags" => false,
            "access_log_settings" => to.access_log_settings.is_some(),
            "route_settings" => !to.route_settings.is_empty(),
            _ => true,
        };
        if changed.iter().any(sent) {
            let variables = || with_removals(from.stage_variables.keys(), &to.stage_variables);
            let call = world
                .apigatewayv2()
                .update_stage()
                .api_id(api)
                .stage_name(name)
                .set_auto_deploy(update.changes("auto_deploy").then_some(to.auto_deploy))
                .set_description(to.description.clone().filter(|_| update.changes("description")))
                .set_access_log_settings(to.access_log_settings.as_ref().filter(|_| update.changes("access_log_settings")).map(access_log))
                .set_default_route_settings(
                    to.default_route_settings.as_ref().filter(|_| update.changes("default_route_settings")).map(settings),
                )
                .set_route_settings((update.changes("route_settings") && !to.route_settings.is_empty()).then(|| all_settings(to)))
                .set_stage_variables(update.changes("stage_variables").then(variables));
            call.send().await.map_err(error)?;
        }
        retag(world, &stage_arn(world, api, name), &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Ok((api, name)) = parts(delete.id) else { return Ok(()) };
        unless(world.apigatewayv2().delete_stage().api_id(api).stage_name(name).send().await.map_err(error), GONE).map(drop)
    }
}

/// Whether a route has something that it is to have no longer.
fn loses(from: &RouteSettings, to: Option<&RouteSettings>) -> bool {
    to.is_none_or(|to| {
        (from.throttling_burst_limit.is_some() && to.throttling_burst_limit.is_none())
            || (from.throttling_rate_limit.is_some() && to.throttling_rate_limit.is_none())
            // What a WebSocket API answers with where nothing was said is nothing to lose.
            || (from.logging_level.is_some_and(|it| it != Level::Off) && to.logging_level.is_none())
            || (from.data_trace_enabled == Some(true) && to.data_trace_enabled.is_none())
    })
}

fn access_log(it: &AccessLog) -> AccessLogSettings {
    AccessLogSettings::builder().destination_arn(&it.destination_arn).format(&it.format).build()
}

fn settings(it: &RouteSettings) -> SdkRouteSettings {
    SdkRouteSettings::builder()
        .set_throttling_burst_limit(it.throttling_burst_limit)
        .set_throttling_rate_limit(it.throttling_rate_limit)
        .detailed_metrics_enabled(it.detailed_metrics_enabled)
        // An HTTP API takes neither of these.
        .set_logging_level(it.logging_level.map(|it| LoggingLevel::from(word(&it).as_str())))
        .set_data_trace_enabled(it.data_trace_enabled)
        .build()
}

fn all_settings(spec: &Spec) -> HashMap<String, SdkRouteSettings> {
    spec.route_settings.iter().map(|(route, it)| (route.clone(), settings(it))).collect()
}

fn settings_of(it: &SdkRouteSettings) -> RouteSettings {
    RouteSettings {
        throttling_burst_limit: it.throttling_burst_limit(),
        throttling_rate_limit: it.throttling_rate_limit(),
        detailed_metrics_enabled: it.detailed_metrics_enabled() == Some(true),
        logging_level: it.logging_level().and_then(|it| meaning(it.as_str())),
        data_trace_enabled: it.data_trace_enabled(),
    }
}

async fn stages(world: &Aws, api: &str) -> Result<Vec<Described>> {
    all!(world.apigatewayv2().get_stages().api_id(api))
}

fn stage_arn(world: &Aws, api: &str, name: &str) -> String {
    arn(world, &format!("apis/{api}/stages/{name}"))
}

fn live(world: &Aws, account: &str, parents: &HashMap<String, Api>, id: &Id, it: Described) -> Option<Live<Stage>> {
    let (api, name) = super::split(id)?;
    // Gone between the two reads, and its stages with it.
    let parent = parents.get(api)?;
    let endpoint = parent.api_endpoint().unwrap_or_default();
    let bare = name == "$default" && parent.protocol_type() != Some(&ProtocolType::Websocket);
    let outputs = Outputs {
        id: id.0.clone(),
        arn: stage_arn(world, api, name),
        invoke_url: if bare { endpoint.to_owned() } else { format!("{endpoint}/{name}") },
        execution_arn: world.arn("execute-api", account, &format!("{api}/{name}")),
    };
    let log = |it: AccessLogSettings| Some(AccessLog { destination_arn: it.destination_arn?, format: it.format? });
    let spec = Spec {
        api_id: api.to_owned(),
        stage_name: name.to_owned(),
        auto_deploy: it.auto_deploy == Some(true),
        description: it.description.clone(),
        access_log_settings: it.access_log_settings.clone().and_then(log),
        default_route_settings: it.default_route_settings().map(settings_of),
        route_settings: it.route_settings().into_iter().flatten().map(|(route, it)| (route.clone(), settings_of(it))).collect(),
        stage_variables: it.stage_variables.unwrap_or_default().into_iter().collect(),
        tags: Tags::read(it.tags.unwrap_or_default()),
    };
    Some(Live { spec, outputs, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests;
