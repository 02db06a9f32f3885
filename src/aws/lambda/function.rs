//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>

mod change;
mod check;

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_lambda::{
    operation::get_function::GetFunctionOutput,
    types::{FunctionCode, FunctionConfiguration, LastUpdateStatus, PackageType, Runtime, State},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Namesake, Passing, Problems, Resource, Result, Secret,
        Status, Tags, Update, Wanted, immutable, ready, set, unique, volatile, write_only,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{CONFLICT, GONE, invoke_arn};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::meaning,
};

pub(crate) struct Function;

/// A function: code that runs when it is called.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other function of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 64), regex(pattern = r"[a-zA-Z0-9_-]+"))]
    function_name: Option<String>,
    /// What it runs: a container image, or a zip archive that is given here or lies in S3.
    code: Code,
    /// The ARN of the role that it runs as, which has all its policies by then.
    #[schemars(transform = ready, regex(pattern = r"arn:[a-z-]+:iam::\d{12}:role/[a-zA-Z0-9+=,.@_/-]+"))]
    role: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 256))]
    description: String,
    /// What is called in a zip archive, `index.handler`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"[^\s]+"))]
    handler: Option<String>,
    /// What runs a zip archive, `python3.13` or `provided.al2023`.
    #[schemars(regex(
        pattern = r"nodejs\d+(\.\d+|\.x)?|python\d+\.\d+|java\d+(\.al\d+)?|dotnet(core)?\d+(\.\d+)?|ruby\d+\.\d+|go1\.x|provided(\.al\d+)?"
    ))]
    runtime: Option<String>,
    /// What the image runs in place of what it says itself. Removed, it runs what it says itself.
    image_config: Option<ImageConfig>,
    /// The instructions that the code is made of.
    #[serde(default = "x86")]
    #[schemars(length(min = 1, max = 1))]
    architectures: Vec<Architecture>,
    /// How many megabytes of memory it has, and its share of processors with them.
    #[serde(default = "memory")]
    #[schemars(range(min = 128, max = 10240))]
    memory_size: i32,
    /// After how many seconds it is stopped.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 900))]
    timeout: i32,
    /// How many megabytes it has in `/tmp`.
    #[serde(default = "storage")]
    #[schemars(range(min = 512, max = 10240))]
    ephemeral_storage: i32,
    /// Its environment variables by name.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// The ARN of the KMS key that the environment is encrypted with. Left out or removed, Lambda uses a key of its own.
    #[schemars(regex(pattern = r"arn:[a-z-]+:kms:.+"))]
    kms_key_arn: Option<String>,
    /// The network that it has an interface in. Left out or removed, it has none and reaches the internet only.
    vpc_config: Option<VpcConfig>,
    /// The ARNs of the layers that lie beneath its code, with their versions.
    #[serde(default)]
    #[schemars(length(max = 5))]
    layers: Vec<String>,
    /// How calls are traced with X-Ray.
    #[serde(default)]
    tracing_config: TracingConfig,
    /// Where an event goes that it failed on too often. Left out or removed, such an event is lost.
    dead_letter_config: Option<DeadLetterConfig>,
    /// What its log looks like and where it goes.
    #[serde(default)]
    logging_config: LoggingConfig,
    /// How many calls can run at once, set apart for it from the account's. Left out or removed, it takes from what is left.
    #[schemars(range(min = 0))]
    reserved_concurrent_executions: Option<i32>,
    /// Whether each change is published as a version that stays as it is, for aliases to lead to.
    #[schemars(transform = write_only)]
    publish: Option<bool>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Code {
    /// The container image in ECR, with its tag or digest.
    image_uri: Option<String>,
    /// The bucket that the archive lies in.
    #[schemars(transform = write_only, length(min = 3, max = 63), regex(pattern = r"[0-9A-Za-z._-]*[0-9A-Za-z_-]"))]
    s3_bucket: Option<String>,
    /// The key of the archive in the bucket.
    #[schemars(transform = write_only, length(min = 1, max = 1024))]
    s3_key: Option<String>,
    /// The version of the archive in the bucket.
    #[schemars(transform = write_only, length(min = 1, max = 1024))]
    s3_object_version: Option<String>,
    /// The archive itself in base64: `${file_base64("function.zip")}`. Too long to be shown, so that it is treated as a secret.
    zip_file: Option<Secret>,
    /// The SHA-256 hash of the archive in base64: with it, code that somebody else replaced is noticed, and so is a new archive in S3
    /// under the same key.
    #[schemars(regex(pattern = r"[A-Za-z0-9+/]{43}="))]
    sha256: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct ImageConfig {
    /// The arguments that its program gets.
    #[serde(default)]
    #[schemars(length(max = 1500))]
    command: Vec<String>,
    /// The program, with the arguments that come first.
    #[serde(default)]
    #[schemars(length(max = 1500))]
    entry_point: Vec<String>,
    /// The folder that it runs in.
    #[schemars(length(min = 1, max = 1000))]
    working_directory: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Architecture {
    /// Of Intel and AMD, 64 bits.
    #[serde(rename = "x86_64")]
    X86,
    /// Of ARM, 64 bits: AWS's Graviton.
    #[serde(rename = "arm64")]
    Arm,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct VpcConfig {
    /// The subnets that it has interfaces in.
    #[schemars(transform = set, length(min = 1, max = 16))]
    subnet_ids: Vec<String>,
    /// The security groups of its interfaces.
    #[schemars(transform = set, length(min = 1, max = 5))]
    security_group_ids: Vec<String>,
    /// Whether it may send IPv6 traffic out of subnets that have both kinds of addresses.
    #[serde(default)]
    ipv6_allowed_for_dual_stack: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct TracingConfig {
    /// Which calls are traced.
    #[serde(default)]
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Mode {
    /// Some of all calls.
    Active,
    /// Those that the caller traces.
    #[default]
    PassThrough,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct DeadLetterConfig {
    /// The ARN of an SQS queue or an SNS topic.
    target_arn: String,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct LoggingConfig {
    /// How a line of the log is written.
    #[serde(default)]
    log_format: Format,
    /// The least important lines of the function's own that are kept. Only with JSON.
    application_log_level: Option<ApplicationLevel>,
    /// The least important lines of Lambda's that are kept. Only with JSON.
    system_log_level: Option<SystemLevel>,
    /// The log group; otherwise the one called `/aws/lambda/` and the function's name, which Lambda makes by itself on the first call
    /// where there is none. A group of the stack that has this name as text is there first; any other is referred to here.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"[.\-_/#A-Za-z0-9]+"))]
    log_group: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Format {
    /// As plain text.
    #[default]
    Text,
    /// As JSON.
    #[serde(rename = "JSON")]
    Json,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ApplicationLevel {
    /// All that the function says, however small.
    Trace,
    /// What helps to find faults, and worse.
    Debug,
    /// What normally happens, and worse.
    Info,
    /// What may be wrong, and worse.
    Warn,
    /// What failed, and worse.
    Error,
    /// What ended the function.
    Fatal,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum SystemLevel {
    /// What helps to find faults, and worse.
    Debug,
    /// What normally happens, and worse.
    Info,
    /// What may be wrong, and worse.
    Warn,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the function.
    id: String,
    /// The ARN of the function, without a version.
    arn: String,
    /// The ARN under which an integration of API Gateway calls it.
    invoke_arn: String,
    /// The SHA-256 hash of the code that it runs, as Lambda has it.
    #[schemars(transform = volatile)]
    code_sha256: Option<String>,
    /// The number of the version that was published last. Only with `publish`.
    #[schemars(transform = volatile)]
    version: Option<String>,
}

impl Resource for Function {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "lambda.function";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(20), update: Duration::from_secs(10), delete: Duration::from_secs(5) },
        timeout: Durations { create: Duration::from_secs(1200), update: TEN_MINUTES, delete: Duration::from_secs(7200) },
        passing: &[
            // What IAM and KMS know of a fresh role is not known everywhere at once.
            invalid("role defined for the function cannot be assumed", TWO_MINUTES),
            invalid("execution role does not have permissions", TWO_MINUTES),
            invalid("KMS key is invalid for CreateGrant", TWO_MINUTES),
            // Network interfaces are made for all functions of the account at one pace.
            invalid("throttled by EC2", Duration::from_secs(14 * 60)),
            // Another change is under way; the same code at a create also means that there is one of this name.
            Passing { during: During::Create, code: CONFLICT, message: "cannot be performed at this time", within: TEN_MINUTES },
            Passing { during: During::Update, code: CONFLICT, message: "", within: TEN_MINUTES },
            Passing { during: During::Delete, code: CONFLICT, message: "", within: TEN_MINUTES },
            // CloudFront takes its copies back in its own time.
            Passing {
                during: During::Delete,
                code: "InvalidParameterValueException",
                message: "because it is a replicated function",
                within: Duration::from_secs(7200),
            },
        ],
        gone: GONE,
        // The first call of a function makes its log group where there is none, and the last one makes it again.
        namesakes: &[Namesake { name: "function_name", before: "/aws/lambda/", other: "logs.log_group", by: "log_group_name" }],
        actions: Actions {
            create: &[
                "lambda:CreateFunction",
                "lambda:TagResource",
                "iam:PassRole",
                "lambda:GetLayerVersion",
                "s3:GetObject",
                "s3:GetObjectVersion",
                "ecr:GetRepositoryPolicy",
                "ecr:SetRepositoryPolicy",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
            ],
            read: &["lambda:GetFunction", "lambda:ListTags", "lambda:ListVersionsByFunction", "kms:Decrypt"],
            update: &[
                "lambda:GetFunction",
                "lambda:UpdateFunctionConfiguration",
                "lambda:UpdateFunctionCode",
                "lambda:PublishVersion",
                "lambda:PutFunctionConcurrency",
                "lambda:DeleteFunctionConcurrency",
                "lambda:TagResource",
                "lambda:UntagResource",
                "iam:PassRole",
            ],
            delete: &["lambda:DeleteFunction", "lambda:GetFunction", "lambda:UpdateFunctionConfiguration"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.function_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check::all(spec, problems);
    }

    fn replaces(from: &Spec, to: &Spec) -> Option<&'static str> {
        // Where the code was not read, nothing is known of its kind.
        let kind = |it: &Code| (*it != Code::default()).then_some(it.image_uri.is_some());
        let changes = kind(&from.code).zip(kind(&to.code)).is_some_and(|(from, to)| from != to);
        changes.then_some("a function of a zip archive cannot become one of an image, nor the other way round")
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // `ListFunctions` tells of fifty at once, but neither whether they can be used nor their image and tags.
        let lives = ids.iter().map(|id| async move {
            let Some(now) = get(world, id).await? else { return Ok(None) };
            let version = if wanted.has("publish") { published(world, id).await? } else { None };
            live(now, version).map(Some)
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let tags = get(world, &id).await?.and_then(|it| it.tags).unwrap_or_default();
        Ok(Tags::read(tags).made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let code = &spec.code;
        let parts = FunctionCode::builder()
            .set_image_uri(code.image_uri.clone())
            .set_s3_bucket(code.s3_bucket.clone())
            .set_s3_key(code.s3_key.clone())
            .set_s3_object_version(code.s3_object_version.clone())
            .set_zip_file(code.archive()?.map(Into::into));
        let package = if code.image_uri.is_some() { PackageType::Image } else { PackageType::Zip };
        let call = world
            .lambda()
            .create_function()
            .set_function_name(spec.function_name.clone())
            .code(parts.build())
            .package_type(package)
            .role(&spec.role)
            .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
            .set_handler(spec.handler.clone())
            .set_runtime(spec.runtime.as_deref().map(Runtime::from))
            .set_image_config(spec.image_config.as_ref().map(change::image_config))
            .set_architectures(Some(change::architectures(spec)))
            .memory_size(spec.memory_size)
            .timeout(spec.timeout)
            .ephemeral_storage(change::ephemeral_storage(spec))
            .set_environment((!spec.environment.is_empty()).then(|| change::environment(spec)))
            .set_kms_key_arn(spec.kms_key_arn.clone())
            .set_vpc_config(spec.vpc_config.as_ref().map(change::vpc_config))
            .set_layers((!spec.layers.is_empty()).then(|| spec.layers.clone()))
            .tracing_config(change::tracing_config(spec))
            .set_dead_letter_config(spec.dead_letter_config.as_ref().map(|it| change::dead_letter_config(&it.target_arn)))
            // The default is left out for the regions that know no formats.
            .set_logging_config((spec.logging_config != LoggingConfig::default()).then(|| change::logging_config(spec, None)))
            .set_publish(spec.publish)
            .set_tags((!spec.tags.0.is_empty()).then(|| spec.tags.0.clone().into_iter().collect()));
        call.send().await.map_err(error)?;
        Ok(Id(spec.function_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        change::apply(world, &update).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        // The network interfaces of a function may stay for more than half an hour after it and hold its subnets and groups; those of
        // a function that is taken out of its network go at once.
        if delete.spec.vpc_config.is_some() {
            change::leave_network(world, delete.id).await?;
        }
        unless(world.lambda().delete_function().function_name(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const TWO_MINUTES: Duration = Duration::from_secs(120);
const TEN_MINUTES: Duration = Duration::from_secs(600);

const fn invalid(message: &'static str, within: Duration) -> Passing {
    Passing { during: During::Any, code: "InvalidParameterValueException", message, within }
}

fn x86() -> Vec<Architecture> {
    vec![Architecture::X86]
}

fn memory() -> i32 {
    128
}

fn three() -> i32 {
    3
}

fn storage() -> i32 {
    512
}

impl Code {
    /// The archive's bytes, where it is given.
    fn archive(&self) -> Result<Option<Vec<u8>>> {
        let bytes = self.zip_file.as_ref().map(|it| STANDARD.decode(it.reveal().trim()));
        bytes.transpose().map_err(|_| Error::rejected("CreateFunction", "InvalidZipFileException", "`code.zip_file` is not base64"))
    }

    /// What Lambda answers with as the hash of this code, where that is known.
    fn hash(&self) -> Result<Option<String>> {
        Ok(self.archive()?.map(|it| STANDARD.encode(Sha256::digest(it))).or_else(|| self.sha256.clone()))
    }
}

/// All that is known of a function, in one call.
async fn get(world: &Aws, id: &Id) -> Result<Option<GetFunctionOutput>> {
    unless(world.lambda().get_function().function_name(id.as_str()).send().await.map_err(error), GONE)
}

/// The number of the version that was published last.
async fn published(world: &Aws, id: &Id) -> Result<Option<String>> {
    let all = unless(all!(world.lambda().list_versions_by_function().function_name(id.as_str())), GONE)?.unwrap_or_default();
    Ok(all.into_iter().filter_map(|it| it.version?.parse::<u64>().ok()).max().map(|it| it.to_string()))
}

fn live(now: GetFunctionOutput, version: Option<String>) -> Result<Live<Function>> {
    let status = now.configuration.as_ref().map_or(Status::Ready, status);
    let spec = spec(&now)?;
    // What the last change left is not certain, so that another has to be made.
    let unread = if matches!(status, Status::UpdateFailed(_)) { vec!["publish", "code"] } else { vec!["publish"] };
    let it = now.configuration.unwrap_or(FunctionConfiguration::builder().build());
    let arn = it.function_arn.unwrap_or_default();
    let outputs = Outputs {
        id: it.function_name.unwrap_or_default(),
        invoke_arn: invoke_arn(&arn),
        arn,
        code_sha256: it.code_sha256.filter(|it| !it.is_empty()),
        version,
    };
    Ok(Live { spec, outputs, status, unread })
}

fn status(it: &FunctionConfiguration) -> Status {
    let told = |state: &str, code: Option<&str>, reason: Option<&str>| {
        let parts = [Some(state), code, reason];
        parts.into_iter().flatten().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(": ")
    };
    let of_state = |state: &State| told(state.as_str(), it.state_reason_code().map(|it| it.as_str()), it.state_reason());
    let of_update = |state: &LastUpdateStatus| {
        let code = it.last_update_status_reason_code().map(|it| it.as_str());
        told(&format!("update {state}"), code, it.last_update_status_reason())
    };
    match (it.state(), it.last_update_status()) {
        (Some(state @ State::Failed), _) => Status::Failed(of_state(state)),
        (Some(state @ State::Deleting), _) => Status::Deleting(of_state(state)),
        (Some(state @ State::Pending), _) => Status::Pending(of_state(state)),
        (_, Some(update @ LastUpdateStatus::InProgress)) => Status::Pending(of_update(update)),
        (_, Some(update @ LastUpdateStatus::Failed)) => Status::UpdateFailed(of_update(update)),
        // An inactive one has not been called for long; the next call wakes it.
        _ => Status::Ready,
    }
}

/// As a person would write it.
fn spec(now: &GetFunctionOutput) -> Result<Spec> {
    // Where something cannot be told, nothing can be said of what would have to change.
    let untold = |code: Option<&str>, message: Option<&str>| {
        Error::rejected("GetFunction", code.unwrap_or("AccessDeniedException"), message.unwrap_or("a part of the answer is missing"))
    };
    if let Some(refused) = &now.tags_error {
        return Err(untold(Some(&refused.error_code), Some(&refused.message)));
    }
    let it = now.configuration.clone().unwrap_or(FunctionConfiguration::builder().build());
    let environment = it.environment.unwrap_or(aws_sdk_lambda::types::EnvironmentResponse::builder().build());
    if let Some(refused) = environment.error {
        return Err(untold(refused.error_code(), refused.message()));
    }
    let image = it.package_type == Some(PackageType::Image);
    let code = Code {
        image_uri: now.code.as_ref().and_then(|it| it.image_uri.clone()),
        sha256: it.code_sha256.filter(|it| !image && !it.is_empty()),
        ..Code::default()
    };
    let sorted = |list: Option<Vec<String>>| {
        let mut list = list.unwrap_or_default();
        list.sort();
        list
    };
    let vpc_config = it.vpc_config.filter(|it| !it.subnet_ids().is_empty()).map(|it| VpcConfig {
        subnet_ids: sorted(it.subnet_ids),
        security_group_ids: sorted(it.security_group_ids),
        ipv6_allowed_for_dual_stack: it.ipv6_allowed_for_dual_stack.unwrap_or(false),
    });
    let image_config = it.image_config_response.and_then(|it| it.image_config).map(|it| ImageConfig {
        command: it.command.unwrap_or_default(),
        entry_point: it.entry_point.unwrap_or_default(),
        working_directory: it.working_directory.filter(|it| !it.is_empty()),
    });
    let logging = it.logging_config;
    let architectures: Vec<_> = it.architectures.unwrap_or_default().iter().filter_map(|it| meaning(it.as_str())).collect();
    Ok(Spec {
        function_name: it.function_name,
        code,
        role: it.role.unwrap_or_default(),
        description: it.description.unwrap_or_default(),
        handler: it.handler.filter(|it| !it.is_empty()),
        runtime: it.runtime.map(|it| it.as_str().to_owned()),
        image_config: image_config.filter(|it| *it != ImageConfig::default()),
        architectures: if architectures.is_empty() { x86() } else { architectures },
        memory_size: it.memory_size.unwrap_or_else(memory),
        timeout: it.timeout.unwrap_or_else(three),
        ephemeral_storage: it.ephemeral_storage.map_or_else(storage, |it| it.size),
        environment: environment.variables.unwrap_or_default().into_iter().collect(),
        kms_key_arn: it.kms_key_arn.filter(|it| !it.is_empty()),
        vpc_config,
        layers: it.layers.unwrap_or_default().into_iter().filter_map(|it| it.arn).collect(),
        tracing_config: TracingConfig { mode: it.tracing_config.and_then(|it| meaning(it.mode?.as_str())).unwrap_or_default() },
        dead_letter_config: it
            .dead_letter_config
            .and_then(|it| it.target_arn)
            .filter(|it| !it.is_empty())
            .map(|target_arn| DeadLetterConfig { target_arn }),
        logging_config: logging.map_or_else(LoggingConfig::default, |it| LoggingConfig {
            log_format: it.log_format.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
            application_log_level: it.application_log_level.and_then(|it| meaning(it.as_str())),
            system_log_level: it.system_log_level.and_then(|it| meaning(it.as_str())),
            log_group: it.log_group,
        }),
        reserved_concurrent_executions: now.concurrency.as_ref().and_then(|it| it.reserved_concurrent_executions),
        publish: None,
        tags: Tags::read(now.tags.clone().unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests;
