//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

mod check;
mod containers;
mod volumes;

use std::time::Duration;

use aws_sdk_ecs::{
    operation::describe_task_definition::DescribeTaskDefinitionOutput,
    types::{
        Compatibility as SdkCompatibility, CpuArchitecture, EphemeralStorage as SdkEphemeralStorage, NetworkMode as SdkNetworkMode,
        OsFamily, PidMode as SdkPidMode, RuntimePlatform as SdkRuntimePlatform, TaskDefinition as Described, TaskDefinitionField,
        TaskDefinitionStatus,
    },
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, ready, set,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{containers::Container, volumes::Volume};
use super::{list, retag, tags};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    ec2::made,
    error::error,
    wording::{meaning, word},
};

pub(crate) struct TaskDefinition;

/// A task definition: which containers run together, and with what. Any change registers a new revision of its family; the one
/// before is deregistered once nothing of the stack refers to it any more.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name that all its revisions share. Two task definitions of a stack should not have the same.
    #[schemars(transform = immutable, length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9_-]+"))]
    family: String,
    /// The containers of a task.
    #[schemars(transform = immutable, length(min = 1))]
    container_definitions: Vec<Container>,
    /// How much CPU all containers share: 1024 is one vCPU. Fargate needs it.
    #[schemars(transform = immutable, range(min = 128, max = 196_608))]
    cpu: Option<i32>,
    /// How much memory all containers share, in MiB. Fargate needs it.
    #[schemars(transform = immutable, range(min = 6))]
    memory: Option<i32>,
    /// What network the containers see; `awsvpc` on Fargate.
    #[schemars(transform = immutable)]
    network_mode: Option<NetworkMode>,
    /// What it must be able to run on: AWS refuses what would not work there.
    #[schemars(transform = immutable, transform = set)]
    requires_compatibilities: Option<Vec<Compatibility>>,
    /// The role with which images are pulled, logs written and secrets read before the containers start.
    #[schemars(transform = immutable, transform = ready)]
    execution_role_arn: Option<String>,
    /// The role that the programs in the containers have.
    #[schemars(transform = immutable, transform = ready)]
    task_role_arn: Option<String>,
    /// What processors and system the images are built for; left out, Linux on X86_64.
    #[schemars(transform = immutable)]
    runtime_platform: Option<RuntimePlatform>,
    /// How much disk a task on Fargate has; left out, 20 GiB.
    #[schemars(transform = immutable)]
    ephemeral_storage: Option<EphemeralStorage>,
    /// The volumes that containers mount.
    #[schemars(transform = immutable)]
    volumes: Option<Vec<Volume>>,
    /// Whether the containers see each other's processes; left out, they do not.
    #[schemars(transform = immutable)]
    pid_mode: Option<PidMode>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkMode {
    /// Each task has a network interface of its own.
    Awsvpc,
    /// Docker's own network on the instance.
    Bridge,
    /// The instance's network.
    Host,
    /// None.
    None,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Compatibility {
    /// Instances of one's own.
    Ec2,
    /// AWS's own capacity, without instances.
    Fargate,
    /// Machines outside AWS.
    External,
    /// Instances that AWS manages.
    ManagedInstances,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PidMode {
    /// Those of one task see each other's.
    Task,
    /// They see those of the instance.
    Host,
}

/// What the images are built for.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct RuntimePlatform {
    /// The processors.
    cpu_architecture: Option<Architecture>,
    /// The operating system.
    operating_system_family: Option<OperatingSystem>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Architecture {
    /// Intel and AMD.
    #[serde(rename = "X86_64")]
    X86,
    /// Graviton.
    #[serde(rename = "ARM64")]
    Arm,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OperatingSystem {
    /// Linux.
    Linux,
    /// Windows Server 2019, all of it.
    #[serde(rename = "WINDOWS_SERVER_2019_FULL")]
    WindowsServer2019Full,
    /// Windows Server 2019, without a desktop.
    #[serde(rename = "WINDOWS_SERVER_2019_CORE")]
    WindowsServer2019Core,
    /// Windows Server 2022, all of it.
    #[serde(rename = "WINDOWS_SERVER_2022_FULL")]
    WindowsServer2022Full,
    /// Windows Server 2022, without a desktop.
    #[serde(rename = "WINDOWS_SERVER_2022_CORE")]
    WindowsServer2022Core,
    /// Windows Server 2025, all of it.
    #[serde(rename = "WINDOWS_SERVER_2025_FULL")]
    WindowsServer2025Full,
    /// Windows Server 2025, without a desktop.
    #[serde(rename = "WINDOWS_SERVER_2025_CORE")]
    WindowsServer2025Core,
}

/// The disk of a task.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct EphemeralStorage {
    /// Its size in GiB.
    #[schemars(range(min = 21, max = 200))]
    size_in_gib: i32,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// Its ARN, which ends with its revision.
    id: String,
    /// Its ARN, which ends with its revision.
    arn: String,
    /// The number of this revision of the family.
    revision: i32,
}

impl Resource for TaskDefinition {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ecs.task_definition";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(1), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        passing: &[
            // A role that was made a moment ago.
            Passing { during: During::Create, code: "ClientException", message: "Role is not valid", within: Duration::from_secs(120) },
            Passing {
                during: During::Create,
                code: "ClientException",
                message: "Too many concurrent attempts to create a new revision",
                within: Duration::from_secs(120),
            },
        ],
        // Services run the one before until they are told of the next.
        create_first: true,
        actions: Actions {
            create: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
            read: &["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"],
            update: &["ecs:TagResource", "ecs:UntagResource"],
            delete: &["ecs:DeregisterTaskDefinition"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        check::check(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let lives = ids.iter().map(|id| async move { Ok(describe(world, id.as_str()).await?.and_then(live)) });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let arns = all!(world.ecs().list_task_definitions().family_prefix(&find.spec.family))?;
        let mut unknown: Vec<_> = arns.into_iter().map(Id).filter(|id| !find.known.contains(id)).collect();
        unknown.sort_by_key(|id| std::cmp::Reverse(revision(id.as_str())));
        // What is looked for was just made; others can have registered revisions since, but not many.
        for id in unknown.into_iter().take(LATEST) {
            let Some(answer) = describe(world, id.as_str()).await? else { continue };
            if tags(answer.tags()).made_by(find.operation) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let compatibilities = |list: &Vec<_>| list.iter().map(|it| SdkCompatibility::from(word(it).as_str())).collect();
        let platform = |it: &RuntimePlatform| {
            SdkRuntimePlatform::builder()
                .set_cpu_architecture(it.cpu_architecture.map(|it| CpuArchitecture::from(word(&it).as_str())))
                .set_operating_system_family(it.operating_system_family.map(|it| OsFamily::from(word(&it).as_str())))
                .build()
        };
        let answer = world
            .ecs()
            .register_task_definition()
            .family(&spec.family)
            .set_container_definitions(Some(spec.container_definitions.iter().map(Container::definition).collect()))
            .set_cpu(spec.cpu.map(|it| it.to_string()))
            .set_memory(spec.memory.map(|it| it.to_string()))
            .set_network_mode(spec.network_mode.map(|it| SdkNetworkMode::from(word(&it).as_str())))
            .set_requires_compatibilities(spec.requires_compatibilities.as_ref().map(compatibilities))
            .set_execution_role_arn(spec.execution_role_arn.clone())
            .set_task_role_arn(spec.task_role_arn.clone())
            .set_runtime_platform(spec.runtime_platform.as_ref().map(platform))
            .set_ephemeral_storage(
                spec.ephemeral_storage.as_ref().map(|it| SdkEphemeralStorage::builder().size_in_gib(it.size_in_gib).build()),
            )
            .set_volumes(spec.volumes.as_ref().map(|list| list.iter().map(Volume::definition).collect()))
            .set_pid_mode(spec.pid_mode.map(|it| SdkPidMode::from(word(&it).as_str())))
            .set_tags(list(&spec.tags))
            .send()
            .await
            .map_err(error)?;
        made("RegisterTaskDefinition", answer.task_definition.and_then(|it| it.task_definition_arn))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        retag(world, update.id.as_str(), &update.from.tags, &update.to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let id = delete.id.as_str();
        match world.ecs().deregister_task_definition().task_definition(id).send().await.map_err(error) {
            // Refused as nonexistent, under a code and in words that also mean other things: whether it is gone says a read.
            Err(refused) if refused.is(CLIENT) => match describe(world, id).await?.and_then(live) {
                Some(_) => Err(refused),
                None => Ok(()),
            },
            other => other.map(drop),
        }
    }
}

/// The codes of all refusals that are the caller's fault.
const CLIENT: &[&str] = &["ClientException", "InvalidParameterException"];

/// How many of the newest revisions a search looks at.
const LATEST: usize = 10;

/// Nothing where there is none.
async fn describe(world: &Aws, arn: &str) -> Result<Option<DescribeTaskDefinitionOutput>> {
    let call = world.ecs().describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
    match call.send().await.map_err(error) {
        Ok(answer) => Ok(Some(answer)),
        Err(refused) if is_gone(&refused) => Ok(None),
        Err(other) => Err(other),
    }
}

/// ECS has no code of its own for it.
fn is_gone(refused: &Error) -> bool {
    refused.is(CLIENT) && refused.message.contains("Unable to describe task definition")
}

fn revision(arn: &str) -> u32 {
    arn.rsplit(':').next().and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// A deregistered one can be looked at for ever, and is gone all the same.
fn live(answer: DescribeTaskDefinitionOutput) -> Option<Live<TaskDefinition>> {
    let tags = tags(answer.tags());
    let it = answer.task_definition.filter(|it| it.status().is_none_or(|it| *it == TaskDefinitionStatus::Active))?;
    let arn = it.task_definition_arn.clone().unwrap_or_default();
    let outputs = Outputs { id: arn.clone(), arn, revision: it.revision };
    Some(Live { spec: spec(&it, tags), outputs, status: Status::Ready, unread: vec![] })
}

fn spec(it: &Described, tags: Tags) -> Spec {
    let number = |text: Option<&str>| text.and_then(|it| it.parse().ok());
    let platform = |it: &SdkRuntimePlatform| RuntimePlatform {
        cpu_architecture: it.cpu_architecture().and_then(|it| meaning(it.as_str())),
        operating_system_family: it.operating_system_family().and_then(|it| meaning(it.as_str())),
    };
    let compatibilities: Vec<_> = it.requires_compatibilities().iter().filter_map(|it| meaning(it.as_str())).collect();
    let volumes: Vec<_> = it.volumes().iter().map(Volume::read).collect();
    Spec {
        family: it.family.clone().unwrap_or_default(),
        container_definitions: it.container_definitions().iter().map(Container::read).collect(),
        cpu: number(it.cpu()),
        memory: number(it.memory()),
        network_mode: it.network_mode().and_then(|it| meaning(it.as_str())),
        requires_compatibilities: Some(compatibilities).filter(|it| !it.is_empty()),
        execution_role_arn: it.execution_role_arn.clone(),
        task_role_arn: it.task_role_arn.clone(),
        runtime_platform: it.runtime_platform().map(platform),
        ephemeral_storage: it.ephemeral_storage().map(|it| EphemeralStorage { size_in_gib: it.size_in_gib }),
        volumes: Some(volumes).filter(|it| !it.is_empty()),
        pid_mode: it.pid_mode().and_then(|it| meaning(it.as_str())),
        tags,
    }
}

#[cfg(test)]
mod tests;
