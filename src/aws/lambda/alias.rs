//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_lambda::{
    operation::get_provisioned_concurrency_config::GetProvisionedConcurrencyConfigOutput,
    types::{AliasConfiguration, AliasRoutingConfiguration, ProvisionedConcurrencyStatusEnum},
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted,
        immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONFLICT, GONE, by_function, invoke_arn};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Alias;

/// A name that leads to a published version of a function, and can be led to another.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name of the function.
    #[schemars(transform = immutable, length(min = 1, max = 200))]
    function_name: String,
    /// Its name among the aliases of the function. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 128), regex(pattern = r"[a-zA-Z0-9_-]+"))]
    name: Option<String>,
    /// The version that it leads to: `${function.version}`, a number, or `$LATEST` for the one that still changes.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"\$LATEST|[0-9]+"))]
    function_version: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 256))]
    description: String,
    /// Another version that takes a share of the calls, from 0 to 1.
    #[serde(default)]
    routing_config: BTreeMap<String, f64>,
    /// How many environments are kept ready for calls, at a price. Left out or removed, none.
    #[schemars(range(min = 1))]
    provisioned_concurrent_executions: Option<i32>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The function and the name of the alias, with `:` between them: what may be called in place of a function.
    id: String,
    /// The ARN of the alias.
    arn: String,
    /// The ARN under which an integration of API Gateway calls it.
    invoke_arn: String,
}

impl Resource for Alias {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "lambda.alias";
    const FACTS: Facts = Facts {
        // Environments that are kept ready are made first.
        timeout: Durations { create: Duration::from_secs(2700), update: Duration::from_secs(2700), ..Facts::DEFAULT.timeout },
        passing: &[
            Passing { during: During::Create, code: CONFLICT, message: "cannot be performed at this time", within: TEN_MINUTES },
            Passing { during: During::Update, code: CONFLICT, message: "", within: TEN_MINUTES },
            Passing { during: During::Delete, code: CONFLICT, message: "", within: TEN_MINUTES },
            // A function or version that was made a moment ago.
            Passing { during: During::Create, code: GONE[0], message: "Function not found", within: Duration::from_secs(30) },
        ],
        gone: GONE,
        actions: Actions {
            create: &["lambda:CreateAlias"],
            read: &["lambda:ListAliases", "lambda:GetProvisionedConcurrencyConfig"],
            update: &["lambda:UpdateAlias", "lambda:PutProvisionedConcurrencyConfig", "lambda:DeleteProvisionedConcurrencyConfig"],
            delete: &["lambda:DeleteAlias"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        // The name alone is not enough, and the function may not be known yet.
        let name = spec.name.as_deref().filter(|_| !spec.function_name.is_empty())?;
        Some(Id(format!("{}:{name}", spec.function_name)))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        if let Some(name) = spec.get("name").and_then(Value::as_text).filter(|it| it.bytes().all(|it| it.is_ascii_digit())) {
            let help = format!("numbers are versions: write `v{name}`, for instance");
            problems.error(Path::of("name"), "a name of digits alone", help);
        }
        let version = spec.get("function_version").and_then(Value::as_text);
        if version == Some("$LATEST") && spec.get("provisioned_concurrent_executions").is_some_and(|it| !it.is_null()) {
            let help = "publish versions, and lead the alias to one: `${function.version}`";
            problems.error(Path::of("provisioned_concurrent_executions"), "nothing is kept ready of a version that still changes", help);
        }
        let Some(routes) = spec.get("routing_config").and_then(Value::as_map).filter(|it| !it.is_empty()) else { return };
        let at = Path::of("routing_config");
        if version == Some("$LATEST") || routes.contains_key("$LATEST") {
            problems.error(at.clone(), "only published versions share calls", "publish versions, and name two of them");
        }
        if routes.len() > 1 {
            problems.error(at.clone(), "an alias leads to two versions at most", "keep one version beside `function_version`");
        }
        for (other, share) in routes {
            let share = match share {
                Value::Int(it) => *it as f64,
                Value::Float(it) => *it,
                _ => continue,
            };
            if !(0.0..=1.0).contains(&share) {
                problems.error(at.key(other), "not a share of calls", "write a number from 0 to 1");
            }
            if Some(other.as_str()) == version {
                problems.error(at.key(other), "the alias leads there already", "name another version than `function_version`");
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let functions: Vec<_> = by_function(ids, ':').into_keys().collect();
        let lists = abreast(functions.iter().map(|function| aliases(world, function))).await?;
        let found: HashMap<&str, HashMap<String, AliasConfiguration>> = functions.into_iter().zip(lists).collect();
        let found = &found;
        let lives = ids.iter().map(|id| async move {
            let Some((function, name)) = id.as_str().rsplit_once(':') else { return Ok(None) };
            let Some(alias) = found.get(function).and_then(|it| it.get(name)) else { return Ok(None) };
            // One call for each.
            let ready = wanted.has("provisioned_concurrent_executions");
            let kept = if ready { Some(kept_ready(world, function, name).await?) } else { None };
            Ok(Some(live(id, function, alias, kept)))
        });
        abreast(lives).await
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .lambda()
            .create_alias()
            .function_name(&spec.function_name)
            .set_name(spec.name.clone())
            .function_version(&spec.function_version)
            .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
            .set_routing_config((!spec.routing_config.is_empty()).then(|| routing(spec)));
        call.send().await.map_err(error)?;
        Ok(Self::locate(spec).unwrap_or_else(|| Id(spec.function_name.clone())))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, to, .. } = update;
        let Some((function, name)) = id.as_str().rsplit_once(':') else { return Ok(()) };
        let lambda = world.lambda();
        if ["function_version", "description", "routing_config"].iter().any(|it| update.changes(it)) {
            let call = lambda
                .update_alias()
                .function_name(function)
                .name(name)
                .function_version(&to.function_version)
                .description(&to.description)
                .routing_config(routing(to));
            call.send().await.map_err(error)?;
        }
        if update.changes("provisioned_concurrent_executions") {
            match to.provisioned_concurrent_executions {
                Some(many) => {
                    let call = lambda.put_provisioned_concurrency_config().function_name(function).qualifier(name);
                    call.provisioned_concurrent_executions(many).send().await.map_err(error)?;
                }
                None => {
                    let call = lambda.delete_provisioned_concurrency_config().function_name(function).qualifier(name);
                    unless(call.send().await.map_err(error), GONE)?;
                }
            }
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some((function, name)) = delete.id.as_str().rsplit_once(':') else { return Ok(()) };
        unless(world.lambda().delete_alias().function_name(function).name(name).send().await.map_err(error), GONE).map(drop)
    }
}

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// The code for: nothing is kept ready.
const NONE_KEPT: &str = "ProvisionedConcurrencyConfigNotFoundException";

fn routing(spec: &Spec) -> AliasRoutingConfiguration {
    let weights = spec.routing_config.iter().map(|(version, share)| (version.clone(), *share)).collect();
    AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build()
}

/// The aliases of a function by name; none where there is no function.
async fn aliases(world: &Aws, function: &str) -> Result<HashMap<String, AliasConfiguration>> {
    let found = unless(all!(world.lambda().list_aliases().function_name(function)), GONE)?.unwrap_or_default();
    Ok(found.into_iter().filter_map(|it| Some((it.name.clone()?, it))).collect())
}

/// How far along the environments are that are to be kept ready; nothing where none are.
async fn kept_ready(world: &Aws, function: &str, name: &str) -> Result<Option<GetProvisionedConcurrencyConfigOutput>> {
    let call = world.lambda().get_provisioned_concurrency_config().function_name(function).qualifier(name);
    match unless(call.send().await.map_err(error), &[NONE_KEPT, GONE[0]]) {
        // An emulator that does not know the call keeps nothing ready.
        Err(refused) if refused.code.is_none() && refused.message == "HTTP status 404" => Ok(None),
        other => other,
    }
}

fn live(id: &Id, function: &str, it: &AliasConfiguration, kept: Option<Option<GetProvisionedConcurrencyConfigOutput>>) -> Live<Alias> {
    let unread = if kept.is_none() { vec!["provisioned_concurrent_executions"] } else { vec![] };
    let kept = kept.flatten();
    let status = match kept.as_ref().and_then(|it| it.status()) {
        Some(state @ ProvisionedConcurrencyStatusEnum::InProgress) => Status::Pending(state.as_str().to_owned()),
        Some(ProvisionedConcurrencyStatusEnum::Failed) => {
            let why = kept.as_ref().and_then(|it| it.status_reason()).unwrap_or("no reason is given");
            Status::UpdateFailed(format!("nothing is kept ready: {why}"))
        }
        _ => Status::Ready,
    };
    // What failed is to be asked for again.
    let failed = matches!(status, Status::UpdateFailed(_));
    let arn = it.alias_arn.clone().unwrap_or_default();
    let spec = Spec {
        function_name: function.to_owned(),
        name: it.name.clone(),
        function_version: it.function_version.clone().unwrap_or_default(),
        description: it.description.clone().unwrap_or_default(),
        routing_config: it
            .routing_config
            .as_ref()
            .and_then(|it| it.additional_version_weights())
            .map(|it| it.iter().map(|(version, share)| (version.clone(), *share)).collect())
            .unwrap_or_default(),
        provisioned_concurrent_executions: kept.filter(|_| !failed).and_then(|it| it.requested_provisioned_concurrent_executions),
    };
    Live { spec, outputs: Outputs { id: id.0.clone(), invoke_arn: invoke_arn(&arn), arn }, status, unread }
}

#[cfg(test)]
mod tests;
