//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_ecs::types::{
    Cluster as Described, ClusterConfiguration, ClusterField, ClusterSetting, ClusterSettingName, ExecuteCommandConfiguration,
    ExecuteCommandLogConfiguration, ExecuteCommandLogging,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, kept, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Strategy, check_provider, check_strategy, list, retag, some, strategy, strategy_of, tags};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Cluster;

/// A cluster: what services and their tasks belong to. On Fargate it is no more than that, and free of charge.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other cluster of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9_-]+"))]
    cluster_name: Option<String>,
    /// What tasks may run on: `FARGATE`, `FARGATE_SPOT`, or the names of capacity providers of your own.
    #[schemars(transform = set)]
    capacity_providers: Option<Vec<String>>,
    /// Where the tasks of services that do not say it themselves run.
    #[schemars(transform = set)]
    default_capacity_provider_strategy: Option<Vec<Strategy>>,
    /// Whether CloudWatch gathers metrics of services and tasks, at a price. Left out, what the account is set to.
    #[schemars(transform = kept)]
    container_insights: Option<Insights>,
    /// What happens to the sessions of people who run commands in its containers.
    #[serde(default)]
    execute_command_configuration: ExecuteCommand,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Insights {
    /// Only the metrics that every service has.
    Disabled,
    /// Metrics of clusters, services and tasks.
    Enabled,
    /// Metrics down to the single container.
    Enhanced,
}

/// What happens to sessions.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct ExecuteCommand {
    /// Where what is typed and shown is written to.
    #[serde(default)]
    logging: Logging,
    /// The KMS key that encrypts what goes between the person and the container, beyond TLS.
    kms_key_id: Option<String>,
    /// The places that `logging: OVERRIDE` writes to.
    log_configuration: Option<LogConfiguration>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Logging {
    /// Where the container writes its log, if that is CloudWatch Logs.
    #[default]
    Default,
    /// Nowhere.
    None,
    /// To what `log_configuration` says.
    Override,
}

/// Where sessions are written to.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct LogConfiguration {
    /// A log group.
    cloud_watch_log_group_name: Option<String>,
    /// Whether sessions are only written if the log group is encrypted with a key of the account.
    #[serde(default)]
    cloud_watch_encryption_enabled: bool,
    /// A bucket.
    s3_bucket_name: Option<String>,
    /// Whether sessions are only written if the bucket is encrypted.
    #[serde(default)]
    s3_encryption_enabled: bool,
    /// What the keys in the bucket begin with.
    s3_key_prefix: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the cluster.
    id: String,
    /// The ARN of the cluster.
    arn: String,
}

impl Resource for Cluster {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ecs.cluster";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(5), delete: Duration::from_secs(2) },
        timeout: Durations { create: Duration::from_secs(600), update: Duration::from_secs(600), delete: Duration::from_secs(600) },
        passing: &[
            // The role that ECS makes for itself with the first cluster of an account.
            Passing {
                during: During::Create,
                code: "InvalidParameterException",
                message: "Unable to assume the service linked role",
                within: Duration::from_secs(120),
            },
            Passing { during: During::Any, code: "UpdateInProgressException", message: "", within: TEN_MINUTES },
            // What was just taken off it takes its time to go.
            Passing { during: During::Delete, code: "ClusterContainsServicesException", message: "", within: TEN_MINUTES },
            Passing { during: During::Delete, code: "ClusterContainsTasksException", message: "", within: TEN_MINUTES },
            Passing { during: During::Delete, code: "ClusterContainsContainerInstancesException", message: "", within: TEN_MINUTES },
            Passing { during: During::Delete, code: "ClusterContainsCapacityProviderException", message: "", within: TEN_MINUTES },
            // A capacity provider that some service still runs on.
            Passing { during: During::Update, code: "ResourceInUseException", message: "", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        mends: true,
        actions: Actions {
            create: &["ecs:CreateCluster", "ecs:TagResource", "iam:CreateServiceLinkedRole"],
            read: &["ecs:DescribeClusters"],
            update: &[
                "ecs:UpdateCluster",
                "ecs:PutClusterCapacityProviders",
                "ecs:DescribeClusters",
                "ecs:TagResource",
                "ecs:UntagResource",
            ],
            delete: &["ecs:DeleteCluster"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.cluster_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_strategy(spec, "default_capacity_provider_strategy", problems);
        let providers = match spec.get("capacity_providers") {
            None | Some(Value::Null) => Some(&[][..]),
            other => other.and_then(Value::as_list),
        };
        for (number, provider) in providers.unwrap_or_default().iter().enumerate() {
            check_provider(Some(provider), Path::of("capacity_providers").item(number), problems);
        }
        let strategy = spec.get("default_capacity_provider_strategy").and_then(Value::as_list).unwrap_or_default();
        for (number, item) in strategy.iter().enumerate() {
            let (Some(name), Some(providers)) = (item.get("capacity_provider").and_then(Value::as_text), providers) else { continue };
            let texts: Option<Vec<_>> = providers.iter().map(Value::as_text).collect();
            if texts.is_some_and(|it| !it.contains(&name)) {
                let path = Path::of("default_capacity_provider_strategy").item(number).key("capacity_provider");
                problems.error(path, format!("`{name}` is none of the cluster's capacity providers"), "name it in `capacity_providers`");
            }
        }
        let Some(sessions) = spec.get("execute_command_configuration") else { return };
        let overrides = sessions.get("logging").and_then(Value::as_text) == Some("OVERRIDE");
        let known = sessions.get("logging").is_none_or(|it| it.is_null() || it.as_text().is_some());
        let places = sessions.get("log_configuration").filter(|it| !it.is_null());
        if overrides && places.is_none() {
            let help = "name a log group or a bucket in `log_configuration`";
            problems.error(Path::of("execute_command_configuration"), "`logging: OVERRIDE` without a place to write to", help);
        }
        if known && !overrides && places.is_some() {
            let path = Path::of("execute_command_configuration").key("log_configuration");
            problems.error(path, "`log_configuration` is not used", "write `logging: OVERRIDE` beside it, or remove it");
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut found = clusters(world, ids).await?;
        Ok(ids.iter().map(|id| found.remove(id.as_str()).map(live)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = clusters(world, std::slice::from_ref(&id)).await?;
        let ours = found.get(id.as_str()).is_some_and(|it| tags(it.tags()).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let sessions = (spec.execute_command_configuration != ExecuteCommand::default()).then(|| configuration(spec));
        let call = world
            .ecs()
            .create_cluster()
            .set_cluster_name(spec.cluster_name.clone())
            .set_capacity_providers(spec.capacity_providers.clone())
            .set_default_capacity_provider_strategy(strategy(spec.default_capacity_provider_strategy.as_ref()))
            .set_settings(settings(spec))
            .set_configuration(sessions)
            .set_tags(list(&spec.tags));
        call.send().await.map_err(error)?;
        Ok(Id(spec.cluster_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (settings_change, sessions_change) = (update.changes("container_insights"), update.changes("execute_command_configuration"));
        if settings_change || sessions_change {
            let call = world
                .ecs()
                .update_cluster()
                .cluster(id.as_str())
                .set_settings(settings(to).filter(|_| settings_change))
                .set_configuration(sessions_change.then(|| configuration(to)));
            call.send().await.map_err(error)?;
        }
        let providers = update.changes("capacity_providers") || update.changes("default_capacity_provider_strategy");
        // Nothing changes where the capacity providers could not be attached: that is tried again.
        if providers || update.changed.is_empty() {
            let call = world
                .ecs()
                .put_cluster_capacity_providers()
                .cluster(id.as_str())
                .set_capacity_providers(Some(to.capacity_providers.clone().unwrap_or_default()))
                .set_default_capacity_provider_strategy(Some(strategy(to.default_capacity_provider_strategy.as_ref()).unwrap_or_default()));
            call.send().await.map_err(error)?;
        }
        if from.tags != to.tags {
            let found = clusters(world, std::slice::from_ref(id)).await?;
            let Some(arn) = found.get(id.as_str()).and_then(Described::cluster_arn) else {
                return Err(Error::rejected("TagResource", "ClusterNotFoundException", "the cluster is not there"));
            };
            retag(world, arn, &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.ecs().delete_cluster().cluster(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["ClusterNotFoundException"];
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A call takes up to this many names.
const NAMES: usize = 100;

/// Those of these clusters that are there, by name. A deleted one is told of for a while longer and is gone all the same.
async fn clusters(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let fields = [ClusterField::Attachments, ClusterField::Configurations, ClusterField::Settings, ClusterField::Tags];
    let calls = ids.chunks(NAMES).map(|ids| {
        let call = world
            .ecs()
            .describe_clusters()
            .set_clusters(Some(ids.iter().map(|it| it.0.clone()).collect()))
            .set_include(Some(fields.to_vec()));
        async move { call.send().await.map_err(error) }
    });
    let answers = abreast(calls).await?;
    let there = answers.into_iter().flat_map(|it| it.clusters.unwrap_or_default()).filter(|it| it.status() != Some("INACTIVE"));
    Ok(there.filter_map(|it| Some((it.cluster_name.clone()?, it))).collect())
}

fn settings(spec: &Spec) -> Option<Vec<ClusterSetting>> {
    let insights = |it| ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(word(&it)).build();
    spec.container_insights.map(|it| vec![insights(it)])
}

fn configuration(spec: &Spec) -> ClusterConfiguration {
    let it = &spec.execute_command_configuration;
    let log = |it: &LogConfiguration| {
        ExecuteCommandLogConfiguration::builder()
            .set_cloud_watch_log_group_name(it.cloud_watch_log_group_name.clone())
            .cloud_watch_encryption_enabled(it.cloud_watch_encryption_enabled)
            .set_s3_bucket_name(it.s3_bucket_name.clone())
            .s3_encryption_enabled(it.s3_encryption_enabled)
            .set_s3_key_prefix(it.s3_key_prefix.clone())
            .build()
    };
    let sessions = ExecuteCommandConfiguration::builder()
        .logging(ExecuteCommandLogging::from(word(&it.logging).as_str()))
        .set_kms_key_id(it.kms_key_id.clone())
        .set_log_configuration(it.log_configuration.as_ref().map(log));
    ClusterConfiguration::builder().execute_command_configuration(sessions.build()).build()
}

fn sessions(it: &ExecuteCommandConfiguration) -> ExecuteCommand {
    let log = |it: &ExecuteCommandLogConfiguration| LogConfiguration {
        cloud_watch_log_group_name: it.cloud_watch_log_group_name.clone(),
        cloud_watch_encryption_enabled: it.cloud_watch_encryption_enabled,
        s3_bucket_name: it.s3_bucket_name.clone(),
        s3_encryption_enabled: it.s3_encryption_enabled,
        s3_key_prefix: it.s3_key_prefix.clone(),
    };
    ExecuteCommand {
        logging: it.logging().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        kms_key_id: it.kms_key_id.clone(),
        log_configuration: it.log_configuration().map(log),
    }
}

fn live(it: Described) -> Live<Cluster> {
    let status = match (it.status(), it.attachments_status()) {
        (Some("DEPROVISIONING"), _) => Status::Deleting("DEPROVISIONING".to_owned()),
        (Some("FAILED"), _) => Status::Failed("its capacity providers could not be set up".to_owned()),
        (_, Some("UPDATE_FAILED")) => Status::Failed("its capacity providers could not be attached".to_owned()),
        (Some("ACTIVE"), Some("UPDATE_IN_PROGRESS")) => Status::Pending("capacity providers: UPDATE_IN_PROGRESS".to_owned()),
        (Some("ACTIVE"), _) => Status::Ready,
        (other, _) => Status::Pending(other.unwrap_or("PROVISIONING").to_owned()),
    };
    let insights = it.settings().iter().find(|it| it.name() == Some(&ClusterSettingName::ContainerInsights));
    let configured = it.configuration().and_then(ClusterConfiguration::execute_command_configuration);
    let spec = Spec {
        cluster_name: it.cluster_name.clone(),
        capacity_providers: some(it.capacity_providers()),
        default_capacity_provider_strategy: strategy_of(it.default_capacity_provider_strategy()),
        container_insights: insights.and_then(|it| meaning(it.value()?)),
        execute_command_configuration: configured.map(sessions).unwrap_or_default(),
        tags: tags(it.tags()),
    };
    let outputs = Outputs { id: it.cluster_name.clone().unwrap_or_default(), arn: it.cluster_arn.clone().unwrap_or_default() };
    Live { spec, outputs, status, unread: vec![] }
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, Status, Wanted};
    use serde_json::json;

    use super::Cluster;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[tokio::test]
    async fn a_deleted_one_is_gone_and_one_that_attaches_is_waited_for() {
        let answer = r#"{"clusters": [
            {"clusterName": "a", "status": "INACTIVE"},
            {"clusterName": "b", "status": "ACTIVE", "attachmentsStatus": "UPDATE_IN_PROGRESS"},
            {"clusterName": "c", "status": "ACTIVE", "attachmentsStatus": "UPDATE_COMPLETE"},
            {"clusterName": "d", "status": "PROVISIONING"},
            {"clusterName": "e", "status": "ACTIVE", "attachmentsStatus": "UPDATE_FAILED"}
        ], "failures": [{"arn": "f", "reason": "MISSING"}]}"#;
        let wire = Wire::answering(Answer::Say(200, answer)).await;
        let ids = ["a", "b", "c", "d", "e", "f"].map(Into::into);
        let read = Cluster.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
        let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
        let pending = |text: &str| Some(Status::Pending(text.into()));
        let failed = Some(Status::Failed("its capacity providers could not be attached".into()));
        let attaching = pending("capacity providers: UPDATE_IN_PROGRESS");
        assert_eq!(statuses, [None, attaching, Some(Status::Ready), pending("PROVISIONING"), failed, None]);
        assert_eq!(wire.calls(), 1, "one call for all");
    }

    #[test]
    fn strategies_and_sessions_must_fit() {
        let with =
            |strategy: serde_json::Value| json!({ "capacity_providers": ["FARGATE"], "default_capacity_provider_strategy": strategy });
        let sessions = |it: serde_json::Value| json!({ "execute_command_configuration": it });
        for (spec, expected) in [
            (with(json!([{ "capacity_provider": "FARGATE", "weight": 1 }])), vec![]),
            (with(json!([{ "capacity_provider": "FARGATE" }])), vec!["a strategy in which nothing has a weight"]),
            (
                with(json!([{ "capacity_provider": "FARGATE_SPOT", "weight": 1 }])),
                vec!["default_capacity_provider_strategy[0].capacity_provider: `FARGATE_SPOT` is none of the cluster's capacity providers"],
            ),
            (sessions(json!({ "logging": "NONE" })), vec![]),
            (sessions(json!({ "logging": "OVERRIDE" })), vec!["`logging: OVERRIDE` without a place to write to"]),
            (
                sessions(json!({ "log_configuration": { "s3_bucket_name": "logs" } })),
                vec!["execute_command_configuration.log_configuration: `log_configuration` is not used"],
            ),
        ] {
            assert_eq!(complaints::<Cluster>(spec), expected);
        }
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "ecs.cluster",
            changes: &[
                "capacity_providers: [FARGATE, FARGATE_SPOT, own]",
                "default_capacity_provider_strategy: [{ capacity_provider: FARGATE_SPOT, weight: 3 }]",
                "default_capacity_provider_strategy: null",
                "capacity_providers: null",
                "container_insights: enhanced",
                "execute_command_configuration: { logging: OVERRIDE, log_configuration: { s3_bucket_name: example, s3_key_prefix: exec } }",
                "execute_command_configuration: null",
            ],
            replacements: &["cluster_name: example-another"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
