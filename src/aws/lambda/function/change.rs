//! From what a function is to what it should be, one call after another.
//!
//! Lambda makes one change at a time and takes a while for each, and nothing here waits. So each try looks at what there is and does
//! what comes next; where that has to wait, it fails as AWS would, and the engine tries again. What is done already is not done again.

use std::collections::HashMap;

use aws_sdk_lambda::types::{
    ApplicationLogLevel, Architecture, DeadLetterConfig, Environment, EphemeralStorage, ImageConfig, LastUpdateStatus, LogFormat,
    LoggingConfig, Runtime, SystemLogLevel, TracingConfig, TracingMode, VpcConfig,
};
use infra::resource::{Error, ErrorKind, Id, Result, Status, Update};

use super::{CONFLICT, Function, GONE, Spec, get, spec, status};
use crate::aws::{
    clients::Aws,
    error::error,
    lambda::{conflict, left, tag},
    wording::word,
};

const CONFIGURE: &str = "UpdateFunctionConfiguration";

/// Makes what is there equal to what is wanted, as far as it can be now.
pub(super) async fn apply(world: &Aws, update: &Update<'_, Function>) -> Result<()> {
    if update.changed.is_empty() {
        return Ok(());
    }
    let Update { id, from, to, .. } = *update;
    let name = id.as_str();
    let Some(now) = get(world, id).await? else { return Err(Error::rejected("GetFunction", GONE[0], "the function is not there")) };
    let there = spec(&now)?;
    let configuration = now.configuration.as_ref();

    // What needs no waiting comes first: nothing after it is repeated once its last call was taken.
    let (set, remove) = left(&there.tags, &from.tags, &to.tags);
    tag(world, configuration.and_then(|it| it.function_arn()).unwrap_or_default(), set, remove).await?;
    if update.changes("reserved_concurrent_executions") && there.reserved_concurrent_executions != to.reserved_concurrent_executions {
        match to.reserved_concurrent_executions {
            Some(many) => {
                let call = world.lambda().put_function_concurrency().function_name(name).reserved_concurrent_executions(many);
                call.send().await.map_err(error)?;
            }
            None => _ = world.lambda().delete_function_concurrency().function_name(name).send().await.map_err(error)?,
        }
    }

    let state = configuration.map_or(Status::Ready, status);
    let different: Vec<&str> = differences(&there, to).into_iter().filter(|it| update.changes(it)).collect();
    let code = (update.changes("code") || update.changes("architectures"))
        && (matches!(state, Status::UpdateFailed(_)) || runs_other_code(&there, to)?);
    let publish = to.publish == Some(true);
    // An unchanged function is not published again, so that this may be repeated.
    let publish_alone = publish && !code && (update.changes("publish") || CONFIGURATION.iter().any(|it| update.changes(it)));
    if different.is_empty() && !code && !publish_alone {
        return Ok(());
    }
    if let Status::Pending(state) | Status::Deleting(state) = &state {
        return Err(conflict(CONFIGURE, state));
    }
    if !different.is_empty() {
        let under_way = configure(world, name, &different, to).await?;
        if under_way && (code || publish_alone) {
            return Err(conflict(CONFIGURE, "the configuration changes first"));
        }
    }
    if code {
        let call = world
            .lambda()
            .update_function_code()
            .function_name(name)
            .set_image_uri(to.code.image_uri.clone())
            .set_s3_bucket(to.code.s3_bucket.clone())
            .set_s3_key(to.code.s3_key.clone())
            .set_s3_object_version(to.code.s3_object_version.clone())
            .set_zip_file(to.code.archive()?.map(Into::into))
            .set_architectures(Some(architectures(to)))
            .publish(publish);
        call.send().await.map_err(error)?;
    } else if publish_alone {
        world.lambda().publish_version().function_name(name).send().await.map_err(error)?;
    }
    Ok(())
}

/// The properties that one call changes together.
const CONFIGURATION: &[&str] = &[
    "role",
    "description",
    "handler",
    "runtime",
    "image_config",
    "memory_size",
    "timeout",
    "ephemeral_storage",
    "environment",
    "kms_key_arn",
    "vpc_config",
    "layers",
    "tracing_config",
    "dead_letter_config",
    "logging_config",
];

/// Those of [`CONFIGURATION`] that are not as they should be.
fn differences(there: &Spec, to: &Spec) -> Vec<&'static str> {
    let there_own = there.function_name.as_deref().map(own_log_group);
    let logging = {
        let (there, to) = (&there.logging_config, &to.logging_config);
        there.log_format == to.log_format
            && (to.application_log_level.is_none() || there.application_log_level == to.application_log_level)
            && (to.system_log_level.is_none() || there.system_log_level == to.system_log_level)
            && (there.log_group == to.log_group || (to.log_group.is_none() && there.log_group == there_own))
    };
    let network = there.vpc_config
        == to.vpc_config.clone().map(|mut it| {
            it.subnet_ids.sort();
            it.security_group_ids.sort();
            it
        });
    let same = [
        there.role == to.role,
        there.description == to.description,
        there.handler == to.handler,
        there.runtime == to.runtime,
        there.image_config == to.image_config,
        there.memory_size == to.memory_size,
        there.timeout == to.timeout,
        there.ephemeral_storage == to.ephemeral_storage,
        there.environment == to.environment,
        there.kms_key_arn == to.kms_key_arn,
        network,
        there.layers == to.layers,
        there.tracing_config == to.tracing_config,
        there.dead_letter_config == to.dead_letter_config,
        logging,
    ];
    CONFIGURATION.iter().zip(same).filter(|(_, same)| !same).map(|(name, _)| *name).collect()
}

/// The log group that a function has by itself.
fn own_log_group(name: &str) -> String {
    format!("/aws/lambda/{name}")
}

/// Whether other code is wanted than what runs. Of an archive in S3 nobody knows.
fn runs_other_code(there: &Spec, to: &Spec) -> Result<bool> {
    let same = match (&to.code.image_uri, to.code.hash()?) {
        (Some(image), _) => there.code.image_uri.as_ref() == Some(image),
        (None, Some(hash)) => there.code.sha256 == Some(hash),
        (None, None) => false,
    };
    Ok(!same || there.architectures != to.architectures)
}

/// Changes the configuration; tells whether that goes on after the answer.
async fn configure(world: &Aws, name: &str, different: &[&str], to: &Spec) -> Result<bool> {
    let has = |property: &str| different.contains(&property);
    // A key that is set without the environment is lost, and so it is the other way round.
    let encrypted = has("environment") || has("kms_key_arn");
    let nothing = super::ImageConfig::default();
    let call = world
        .lambda()
        .update_function_configuration()
        .function_name(name)
        .set_role(has("role").then(|| to.role.clone()))
        .set_description(has("description").then(|| to.description.clone()))
        .set_handler(to.handler.clone().filter(|_| has("handler")))
        .set_runtime(to.runtime.as_deref().filter(|_| has("runtime")).map(Runtime::from))
        .set_image_config(has("image_config").then(|| image_config(to.image_config.as_ref().unwrap_or(&nothing))))
        .set_memory_size(has("memory_size").then_some(to.memory_size))
        .set_timeout(has("timeout").then_some(to.timeout))
        .set_ephemeral_storage(has("ephemeral_storage").then(|| ephemeral_storage(to)))
        .set_environment(encrypted.then(|| environment(to)))
        .set_kms_key_arn(encrypted.then(|| to.kms_key_arn.clone().unwrap_or_default()))
        .set_vpc_config(has("vpc_config").then(|| to.vpc_config.as_ref().map_or_else(no_network, vpc_config)))
        .set_layers(has("layers").then(|| to.layers.clone()))
        .set_tracing_config(has("tracing_config").then(|| tracing_config(to)))
        .set_dead_letter_config(
            has("dead_letter_config").then(|| dead_letter_config(to.dead_letter_config.as_ref().map_or("", |it| &it.target_arn))),
        )
        .set_logging_config(has("logging_config").then(|| logging_config(to, Some(name))));
    let answer = call.send().await.map_err(error)?;
    Ok(answer.last_update_status == Some(LastUpdateStatus::InProgress))
}

/// Takes a function that is about to go out of its network. Fails as long as that takes.
pub(super) async fn leave_network(world: &Aws, id: &Id) -> Result<()> {
    let Some(now) = get(world, id).await? else { return Ok(()) };
    let Some(configuration) = now.configuration else { return Ok(()) };
    match status(&configuration) {
        Status::Pending(state) => return Err(conflict(CONFIGURE, &state)),
        // It has none, or none that could be given back like this.
        Status::Failed(_) | Status::UpdateFailed(_) | Status::Deleting(_) => return Ok(()),
        Status::Ready => {}
    }
    if configuration.vpc_config.is_none_or(|it| it.subnet_ids().is_empty()) {
        return Ok(());
    }
    let call = world.lambda().update_function_configuration().function_name(id.as_str()).vpc_config(no_network());
    match call.send().await.map_err(error) {
        Ok(answer) if answer.last_update_status == Some(LastUpdateStatus::InProgress) => {
            Err(conflict(CONFIGURE, "it leaves its network first"))
        }
        // It can go nevertheless, only its interfaces stay for a while: its role may be unusable already.
        Err(refused) if refused.kind == ErrorKind::Rejected && !refused.is(&[CONFLICT]) => {
            tracing::debug!(%refused, function = %id, "it stays in its network until it is gone");
            Ok(())
        }
        other => other.map(drop),
    }
}

pub(super) fn architectures(spec: &Spec) -> Vec<Architecture> {
    spec.architectures.iter().map(|it| Architecture::from(word(it).as_str())).collect()
}

pub(super) fn image_config(it: &super::ImageConfig) -> ImageConfig {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    ImageConfig::builder()
        .set_command(list(&it.command))
        .set_entry_point(list(&it.entry_point))
        .set_working_directory(it.working_directory.clone())
        .build()
}

pub(super) fn ephemeral_storage(spec: &Spec) -> EphemeralStorage {
    EphemeralStorage::builder().size(spec.ephemeral_storage).build().expect("it has a size")
}

pub(super) fn environment(spec: &Spec) -> Environment {
    let variables: HashMap<_, _> = spec.environment.clone().into_iter().collect();
    Environment::builder().set_variables(Some(variables)).build()
}

pub(super) fn vpc_config(it: &super::VpcConfig) -> VpcConfig {
    VpcConfig::builder()
        .set_subnet_ids(Some(it.subnet_ids.clone()))
        .set_security_group_ids(Some(it.security_group_ids.clone()))
        .ipv6_allowed_for_dual_stack(it.ipv6_allowed_for_dual_stack)
        .build()
}

fn no_network() -> VpcConfig {
    VpcConfig::builder().set_subnet_ids(Some(vec![])).set_security_group_ids(Some(vec![])).build()
}

pub(super) fn tracing_config(spec: &Spec) -> TracingConfig {
    TracingConfig::builder().mode(TracingMode::from(word(&spec.tracing_config.mode).as_str())).build()
}

pub(super) fn dead_letter_config(target: &str) -> DeadLetterConfig {
    DeadLetterConfig::builder().target_arn(target).build()
}

/// With the name of a function that exists, its own log group where no other is wanted.
pub(super) fn logging_config(spec: &Spec, name: Option<&str>) -> LoggingConfig {
    let it = &spec.logging_config;
    LoggingConfig::builder()
        .log_format(LogFormat::from(word(&it.log_format).as_str()))
        .set_application_log_level(it.application_log_level.map(|it| ApplicationLogLevel::from(word(&it).as_str())))
        .set_system_log_level(it.system_log_level.map(|it| SystemLogLevel::from(word(&it).as_str())))
        .set_log_group(it.log_group.clone().or_else(|| name.map(own_log_group)))
        .build()
}
