//! The containers of a task definition, as they are written and as ECS has them.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    ApplicationProtocol, ContainerCondition, ContainerDefinition, ContainerDependency, FirelensConfiguration, FirelensConfigurationType,
    HealthCheck as SdkHealthCheck, KernelCapabilities, KeyValuePair, LinuxParameters as SdkLinuxParameters,
    LogConfiguration as SdkLogConfiguration, LogDriver as SdkLogDriver, PortMapping as SdkPortMapping, RepositoryCredentials,
    Secret as SdkSecret, TransportProtocol, Ulimit as SdkUlimit, UlimitName as SdkUlimitName,
};
use infra::resource::{ready, set};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{super::some, volumes::MountPoint};
use crate::aws::wording::{meaning, word};

/// One container of a task.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Container {
    /// Its name, which no other container of the task has.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9_-]+"))]
    name: String,
    /// Its image: `repository:tag` or `repository@sha256:…`.
    #[schemars(length(min = 1, max = 255))]
    image: String,
    /// The secret with the user and password of a registry that is not ECR.
    repository_credentials: Option<String>,
    /// Its share of the task's CPU: 1024 is one vCPU. Left out, what the others leave.
    #[schemars(range(min = 1, max = 196_608))]
    cpu: Option<i32>,
    /// The memory in MiB beyond which it is killed. Left out, the task's.
    #[schemars(range(min = 6))]
    memory: Option<i32>,
    /// The memory in MiB that is kept for it.
    #[schemars(range(min = 6))]
    memory_reservation: Option<i32>,
    /// Whether the task ends when it does.
    #[serde(default = "yes")]
    essential: bool,
    /// The ports that it listens on.
    port_mappings: Option<Vec<PortMapping>>,
    /// Its environment, by name.
    environment: Option<BTreeMap<String, String>>,
    /// Variables of its environment whose values stand in a secret or parameter: by name the ARN of that, for secrets also
    /// `ARN:key::` for one key of a JSON secret.
    #[schemars(transform = ready)]
    secrets: Option<BTreeMap<String, String>>,
    /// Where what it writes to its standard output goes.
    log_configuration: Option<LogConfiguration>,
    /// What tells whether it works.
    health_check: Option<HealthCheck>,
    /// What is run, in place of what the image says.
    command: Option<Vec<String>>,
    /// What runs the command, in place of what the image says.
    entry_point: Option<Vec<String>>,
    /// The containers that it waits for before it starts.
    #[schemars(transform = set)]
    depends_on: Option<Vec<Dependency>>,
    /// Where volumes appear in it.
    mount_points: Option<Vec<MountPoint>>,
    /// How much of what it may use.
    #[schemars(transform = set)]
    ulimits: Option<Vec<Ulimit>>,
    /// What it may do with the kernel.
    linux_parameters: Option<LinuxParameters>,
    /// That it passes on the logs of the others, as a log router.
    firelens_configuration: Option<Firelens>,
    /// Whether it can write only to its volumes.
    #[serde(default)]
    readonly_root_filesystem: bool,
    /// Whether it may do on the instance what root may; not on Fargate.
    #[serde(default)]
    privileged: bool,
    /// The user that it runs as: a name or number, and `:` and a group.
    user: Option<String>,
    /// The folder that the command starts in.
    working_directory: Option<String>,
    /// For how many seconds containers that depend on it wait for it to start.
    #[schemars(range(min = 2, max = 120))]
    start_timeout: Option<i32>,
    /// How many seconds it has between being asked to stop and being killed; left out, 30.
    #[schemars(range(min = 0, max = 120))]
    stop_timeout: Option<i32>,
    /// Labels for Docker.
    docker_labels: Option<BTreeMap<String, String>>,
}

/// A port that a container listens on.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct PortMapping {
    /// The port in the container.
    #[schemars(range(min = 1, max = 65_535))]
    container_port: i32,
    /// The port of the task or instance. Left out, the same in network mode `awsvpc`, and a free one of the instance otherwise.
    #[schemars(range(min = 0, max = 65_535))]
    host_port: Option<i32>,
    /// How it is spoken to.
    #[serde(default)]
    protocol: Transport,
    /// A name for Service Connect.
    name: Option<String>,
    /// What is spoken on it, for Service Connect.
    app_protocol: Option<Application>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// Streams.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Application {
    /// HTTP.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
}

/// Where the log goes.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct LogConfiguration {
    /// What takes it there.
    log_driver: LogDriver,
    /// What that needs to know, by name: `awslogs-group`, `awslogs-region` and `awslogs-stream-prefix`.
    options: Option<BTreeMap<String, String>>,
    /// Options whose values stand in a secret or parameter: by name the ARN of that.
    secret_options: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogDriver {
    /// CloudWatch Logs.
    Awslogs,
    /// A log router in the same task.
    Awsfirelens,
    /// Splunk.
    Splunk,
    /// Fluentd; not on Fargate.
    Fluentd,
    /// Graylog; not on Fargate.
    Gelf,
    /// The instance's journal; not on Fargate.
    Journald,
    /// Files on the instance; not on Fargate.
    JsonFile,
    /// The instance's syslog; not on Fargate.
    Syslog,
}

/// What tells whether a container works.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct HealthCheck {
    /// What is run in it: `[CMD-SHELL, "curl -f http://localhost/ || exit 1"]`.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// Every how many seconds; left out, 30.
    #[schemars(range(min = 5, max = 300))]
    interval: Option<i32>,
    /// After how many seconds it counts as failed; left out, 5.
    #[schemars(range(min = 2, max = 120))]
    timeout: Option<i32>,
    /// After how many failures the container counts as broken; left out, 3.
    #[schemars(range(min = 1, max = 10))]
    retries: Option<i32>,
    /// For how many seconds after the start failures do not count; left out, none.
    #[schemars(range(min = 0, max = 300))]
    start_period: Option<i32>,
}

/// A container that another waits for.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Dependency {
    /// Its name.
    container_name: String,
    /// How far it has to be.
    condition: Condition,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Condition {
    /// It has started.
    Start,
    /// It has ended.
    Complete,
    /// It has ended without an error.
    Success,
    /// Its health check succeeds.
    Healthy,
}

/// How much of something a container may use.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Ulimit {
    /// Of what.
    name: UlimitName,
    /// What it has to start with.
    soft_limit: i32,
    /// What it can raise that to.
    hard_limit: i32,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UlimitName {
    /// Open files, the only one on Fargate.
    Nofile,
    /// Processes.
    Nproc,
    /// The size of core dumps.
    Core,
    /// Seconds of CPU.
    Cpu,
    /// The size of the data segment.
    Data,
    /// The size of files.
    Fsize,
    /// Locks of files.
    Locks,
    /// Memory that is not swapped.
    Memlock,
    /// Bytes in message queues.
    Msgqueue,
    /// Priority.
    Nice,
    /// Memory that is resident.
    Rss,
    /// Real-time priority.
    Rtprio,
    /// CPU time of a real-time process between two calls that block.
    Rttime,
    /// Signals that wait.
    Sigpending,
    /// The size of the stack.
    Stack,
}

/// What a container may do with the kernel.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct LinuxParameters {
    /// Whether a small init process takes care of signals and dead children; execute command works better with it.
    #[serde(default)]
    init_process_enabled: bool,
    /// The size of `/dev/shm` in MiB; not on Fargate.
    shared_memory_size: Option<i32>,
    /// Capabilities beyond or below Docker's usual ones.
    capabilities: Option<Capabilities>,
}

/// Capabilities of the kernel.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Capabilities {
    /// Those that it gets; on Fargate only `SYS_PTRACE`.
    #[schemars(transform = set)]
    add: Option<Vec<String>>,
    /// Those that it loses; `ALL` for all.
    #[schemars(transform = set)]
    drop: Option<Vec<String>>,
}

/// A log router.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Firelens {
    /// Which one.
    r#type: Router,
    /// What it needs to know, by name.
    options: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Router {
    /// Fluent Bit.
    Fluentbit,
    /// Fluentd.
    Fluentd,
}

fn yes() -> bool {
    true
}

impl Container {
    pub(super) fn definition(&self) -> ContainerDefinition {
        let variable = |(name, value): (&String, &String)| KeyValuePair::builder().name(name).value(value).build();
        let credentials =
            |it: &String| RepositoryCredentials::builder().credentials_parameter(it).build().expect("it has the ARN of a secret");
        let router = |it: &Firelens| {
            FirelensConfiguration::builder()
                .r#type(FirelensConfigurationType::from(word(&it.r#type).as_str()))
                .set_options(it.options.clone().map(|it| it.into_iter().collect()))
                .build()
                .expect("it has a type")
        };
        ContainerDefinition::builder()
            .name(&self.name)
            .image(&self.image)
            .set_repository_credentials(self.repository_credentials.as_ref().map(credentials))
            .set_cpu(self.cpu)
            .set_memory(self.memory)
            .set_memory_reservation(self.memory_reservation)
            .essential(self.essential)
            .set_port_mappings(self.port_mappings.as_ref().map(|list| list.iter().map(PortMapping::definition).collect()))
            .set_environment(self.environment.as_ref().map(|map| map.iter().map(variable).collect()))
            .set_secrets(self.secrets.as_ref().map(secrets))
            .set_log_configuration(self.log_configuration.as_ref().map(LogConfiguration::definition))
            .set_health_check(self.health_check.as_ref().map(HealthCheck::definition))
            .set_command(self.command.clone())
            .set_entry_point(self.entry_point.clone())
            .set_depends_on(self.depends_on.as_ref().map(|list| list.iter().map(Dependency::definition).collect()))
            .set_mount_points(self.mount_points.as_ref().map(|list| list.iter().map(MountPoint::definition).collect()))
            .set_ulimits(self.ulimits.as_ref().map(|list| list.iter().map(Ulimit::definition).collect()))
            .set_linux_parameters(self.linux_parameters.as_ref().map(LinuxParameters::definition))
            .set_firelens_configuration(self.firelens_configuration.as_ref().map(router))
            // Windows does not take these two at all.
            .set_readonly_root_filesystem(self.readonly_root_filesystem.then_some(true))
            .set_privileged(self.privileged.then_some(true))
            .set_user(self.user.clone())
            .set_working_directory(self.working_directory.clone())
            .set_start_timeout(self.start_timeout)
            .set_stop_timeout(self.stop_timeout)
            .set_docker_labels(self.docker_labels.clone().map(|it| it.into_iter().collect()))
            .build()
    }

    /// AWS tells of all that is empty, and of no CPU as 0: both mean that nothing is written.
    pub(super) fn read(it: &ContainerDefinition) -> Self {
        let variable = |it: &KeyValuePair| Some((it.name.clone()?, it.value.clone().unwrap_or_default()));
        Self {
            name: it.name.clone().unwrap_or_default(),
            image: it.image.clone().unwrap_or_default(),
            repository_credentials: it.repository_credentials().map(|it| it.credentials_parameter.clone()),
            cpu: Some(it.cpu).filter(|it| *it != 0),
            memory: it.memory,
            memory_reservation: it.memory_reservation,
            essential: it.essential.unwrap_or(true),
            port_mappings: each(it.port_mappings(), PortMapping::read),
            environment: filled(it.environment().iter().filter_map(variable).collect()),
            secrets: told(it.secrets()),
            log_configuration: it.log_configuration().map(LogConfiguration::read),
            health_check: it.health_check().map(HealthCheck::read),
            command: some(it.command()),
            entry_point: some(it.entry_point()),
            depends_on: each(it.depends_on(), Dependency::read),
            mount_points: each(it.mount_points(), MountPoint::read),
            ulimits: each(it.ulimits(), Ulimit::read),
            linux_parameters: it.linux_parameters().map(LinuxParameters::read),
            firelens_configuration: it.firelens_configuration().map(|it| Firelens {
                r#type: meaning(it.r#type().as_str()).unwrap_or(Router::Fluentbit),
                options: it.options.clone().and_then(|it| filled(it.into_iter().collect())),
            }),
            readonly_root_filesystem: it.readonly_root_filesystem.unwrap_or_default(),
            privileged: it.privileged.unwrap_or_default(),
            user: it.user.clone(),
            working_directory: it.working_directory.clone(),
            start_timeout: it.start_timeout,
            stop_timeout: it.stop_timeout,
            docker_labels: it.docker_labels.clone().and_then(|it| filled(it.into_iter().collect())),
        }
    }
}

impl PortMapping {
    fn definition(&self) -> SdkPortMapping {
        SdkPortMapping::builder()
            .container_port(self.container_port)
            .set_host_port(self.host_port)
            .protocol(TransportProtocol::from(word(&self.protocol).as_str()))
            .set_name(self.name.clone())
            .set_app_protocol(self.app_protocol.map(|it| ApplicationProtocol::from(word(&it).as_str())))
            .build()
    }

    fn read(it: &SdkPortMapping) -> Self {
        Self {
            container_port: it.container_port.unwrap_or_default(),
            host_port: it.host_port,
            protocol: it.protocol().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
            name: it.name.clone(),
            app_protocol: it.app_protocol().and_then(|it| meaning(it.as_str())),
        }
    }
}

impl LogConfiguration {
    fn definition(&self) -> SdkLogConfiguration {
        SdkLogConfiguration::builder()
            .log_driver(SdkLogDriver::from(word(&self.log_driver).as_str()))
            .set_options(self.options.clone().map(|it| it.into_iter().collect()))
            .set_secret_options(self.secret_options.as_ref().map(secrets))
            .build()
            .expect("it has a driver")
    }

    fn read(it: &SdkLogConfiguration) -> Self {
        Self {
            log_driver: meaning(it.log_driver().as_str()).unwrap_or(LogDriver::Awslogs),
            options: it.options.clone().and_then(|it| filled(it.into_iter().collect())),
            secret_options: told(it.secret_options()),
        }
    }
}

impl HealthCheck {
    fn definition(&self) -> SdkHealthCheck {
        SdkHealthCheck::builder()
            .set_command(Some(self.command.clone()))
            .set_interval(self.interval)
            .set_timeout(self.timeout)
            .set_retries(self.retries)
            .set_start_period(self.start_period)
            .build()
            .expect("it has a command")
    }

    fn read(it: &SdkHealthCheck) -> Self {
        Self { command: it.command.clone(), interval: it.interval, timeout: it.timeout, retries: it.retries, start_period: it.start_period }
    }
}

impl Dependency {
    fn definition(&self) -> ContainerDependency {
        let condition = ContainerCondition::from(word(&self.condition).as_str());
        ContainerDependency::builder().container_name(&self.container_name).condition(condition).build().expect("it has both")
    }

    fn read(it: &ContainerDependency) -> Self {
        Self { container_name: it.container_name.clone(), condition: meaning(it.condition().as_str()).unwrap_or(Condition::Start) }
    }
}

impl Ulimit {
    fn definition(&self) -> SdkUlimit {
        let name = SdkUlimitName::from(word(&self.name).as_str());
        SdkUlimit::builder().name(name).soft_limit(self.soft_limit).hard_limit(self.hard_limit).build().expect("it has a name")
    }

    fn read(it: &SdkUlimit) -> Self {
        Self { name: meaning(it.name().as_str()).unwrap_or(UlimitName::Nofile), soft_limit: it.soft_limit, hard_limit: it.hard_limit }
    }
}

impl LinuxParameters {
    fn definition(&self) -> SdkLinuxParameters {
        let capabilities = |it: &Capabilities| KernelCapabilities::builder().set_add(it.add.clone()).set_drop(it.drop.clone()).build();
        SdkLinuxParameters::builder()
            .init_process_enabled(self.init_process_enabled)
            .set_shared_memory_size(self.shared_memory_size)
            .set_capabilities(self.capabilities.as_ref().map(capabilities))
            .build()
    }

    fn read(it: &SdkLinuxParameters) -> Self {
        let capabilities = |it: &KernelCapabilities| Capabilities { add: some(it.add()), drop: some(it.drop()) };
        Self {
            init_process_enabled: it.init_process_enabled.unwrap_or_default(),
            shared_memory_size: it.shared_memory_size,
            capabilities: it.capabilities().map(capabilities),
        }
    }
}

fn secrets(map: &BTreeMap<String, String>) -> Vec<SdkSecret> {
    let secret = |(name, from)| SdkSecret::builder().name(name).value_from(from).build().expect("it has a name and a source");
    map.iter().map(secret).collect()
}

/// In whatever order AWS tells them.
fn told(list: &[SdkSecret]) -> Option<BTreeMap<String, String>> {
    filled(list.iter().map(|it| (it.name.clone(), it.value_from.clone())).collect())
}

fn filled(map: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!map.is_empty()).then_some(map)
}

fn each<T, U>(list: &[T], read: impl Fn(&T) -> U) -> Option<Vec<U>> {
    (!list.is_empty()).then(|| list.iter().map(read).collect())
}
