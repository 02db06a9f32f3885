//! The names of what an endpoint leads to.

use infra::{diagnostic::nearest, resource::Problems, value::Path};

/// Those that routes lead to.
const BY_ROUTES: &[&str] = &["s3", "dynamodb", "s3express"];

/// What services are called behind their region. AWS adds to them all the time: a name that is not among them may be right.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>
#[rustfmt::skip]
const SERVICES: &[&str] = &[
    "access-analyzer", "account", "acm", "acm-pca", "airflow.api", "airflow.env", "airflow.ops", "analytics-omics", "app-integrations",
    "appconfig", "appconfigdata", "application-autoscaling", "application-signals", "appmesh", "appmesh-envoy-management", "apprunner",
    "apprunner.requests", "appstream.api", "appstream.streaming", "appsync", "appsync-api", "apptest", "aps", "aps-workspaces",
    "arc-zonal-shift", "artifact", "athena", "auditmanager", "autoscaling", "autoscaling-plans", "awsconnector", "b2bi", "backup",
    "backup-gateway", "backupsearch", "batch", "bcm-data-exports", "bcm-pricing-calculator", "bedrock", "bedrock-agent",
    "bedrock-agent-runtime", "bedrock-agentcore", "bedrock-agentcore-control", "bedrock-agentcore.gateway", "bedrock-data-automation",
    "bedrock-data-automation-runtime", "bedrock-mantle", "bedrock-runtime", "billing", "billingconductor", "braket", "budgets", "cases",
    "cassandra", "cassandra-streams", "ce", "cleanrooms", "cleanrooms-ml", "clouddirectory", "cloudcontrolapi", "cloudformation",
    "cloudhsmv2", "cloudtrail", "cloudtrail-data", "codeartifact.api", "codeartifact.repositories", "codebuild", "codecommit",
    "codeconnections.api", "codedeploy", "codedeploy-commands-secure", "codeguru-profiler", "codeguru-reviewer", "codepipeline",
    "codestar-connections.api", "cognito-identity", "cognito-idp", "comprehend", "comprehendmedical", "compute-optimizer", "config",
    "connect-campaigns", "console", "control-storage-omics", "controltower", "cost-optimization-hub", "data-servicediscovery", "databrew",
    "dataexchange", "datasync", "datazone", "deadline.management", "deadline.scheduling", "detective", "devops-guru",
    "dicom-medical-imaging", "directconnect", "discovery", "dms", "drs", "ds", "ds-data", "dsql", "dynamodb", "dynamodb-streams", "ebs",
    "ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "eks", "eks-auth", "elastic-inference.runtime",
    "elasticache", "elasticbeanstalk", "elasticbeanstalk-health", "elasticfilesystem", "elasticloadbalancing", "elasticmapreduce", "email",
    "email-smtp", "emr-containers", "emr-serverless", "emr-serverless-services.livy", "emrwal.prod", "entityresolution", "es", "events",
    "evidently", "evidently-dataplane", "evs", "execute-api", "finspace", "finspace-api", "fis", "forecast", "forecastquery",
    "frauddetector", "freetier", "fsx", "gameliftstreams", "geo.geofencing", "geo.maps", "geo.metadata", "geo.places", "geo.routes",
    "geo.tracking", "git-codecommit", "glue", "glue.dashboard", "grafana", "grafana-workspace", "greengrass", "groundstation", "guardduty",
    "guardduty-data", "healthlake", "identitystore", "imagebuilder", "inspector-scan", "inspector2", "internetmonitor", "invoicing",
    "iot.credentials", "iot.data", "iot.fleethub.api", "iotfleetwise", "iotroborunner", "iotsitewise.api", "iotsitewise.data",
    "iottwinmaker.api", "iottwinmaker.data", "iotwireless.api", "kafka", "kendra", "kendra-ranking", "kinesis-firehose", "kinesis-streams",
    "kinesisanalytics", "kms", "lakeformation", "lambda", "launchwizard", "license-manager", "license-manager-linux-subscriptions",
    "license-manager-user-subscriptions", "logs", "lookoutequipment", "lookoutmetrics", "lookoutvision", "lorawan.cups", "lorawan.lns",
    "m2", "macie2", "managedblockchain-query", "mediaconnect", "medical-imaging", "memory-db", "memorydb", "mgn",
    "migrationhub-orchestrator", "migrationhub-strategy", "models-v2-lex", "monitoring", "neptune-graph", "neptune-graph-data",
    "network-firewall", "networkflowmonitor", "networkflowmonitorreports", "networkmonitor", "nimble", "notebook", "oam",
    "observabilityadmin", "odb", "organizations", "osis", "outposts", "panorama", "payment-cryptography.controlplane",
    "payment-cryptography.dataplane", "pca-connector-ad", "pca-connector-scep", "pcs", "personalize", "personalize-events",
    "personalize-runtime", "pi", "pinpoint", "pinpoint-sms-voice-v2", "pipes", "pipes-data", "polly", "pricing.api", "private-networks",
    "profile", "proton", "q", "qapps", "qbusiness", "qldb.session", "quicksight-website", "ram", "rbin", "rds", "rds-data", "redshift",
    "redshift-data", "redshift-serverless", "refactor-spaces", "rekognition", "repostspace", "resiliencehub", "resource-explorer-2",
    "resource-groups", "robomaker", "rolesanywhere", "route53profiles", "route53resolver", "rum", "rum-dataplane", "runtime-medical-imaging",
    "runtime-v2-lex", "s3", "s3-outposts", "s3express", "s3tables", "s3vectors", "sagemaker.api", "sagemaker.featurestore-runtime",
    "sagemaker.metrics", "sagemaker.runtime", "savingsplans", "scheduler", "schemas", "secretsmanager", "security-ir", "securityhub",
    "securitylake", "serverlessrepo", "servicecatalog", "servicecatalog-appregistry", "servicediscovery", "servicequotas", "signer",
    "signer-verification", "signin", "simspaceweaver", "sms", "sms-voice", "snow-device-management", "sns", "social-messaging", "sqs",
    "ssm", "ssm-contacts", "ssm-guiconnect", "ssm-incidents", "ssm-quicksetup", "ssmmessages", "sso", "states", "storage-omics",
    "storagegateway", "sts", "studio", "support", "swf", "sync-states", "synthetics", "tagging", "tags-omics", "tax", "textract",
    "thinclient.api", "timestream-influxdb", "tnb", "transcribe", "transcribestreaming", "transfer", "transfer.server", "transform",
    "translate", "trustedadvisor", "user-subscriptions", "verifiedpermissions", "voiceid", "vpc-lattice", "wafv2", "wellarchitected",
    "wisdom", "workflows-omics", "workspaces", "workspaces-instances", "workspaces-web", "xray",
];

/// The region and the service of a name as `com.amazonaws.eu-central-1.s3`; nothing for names that are made up in another way.
pub(crate) fn parts(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix("com.amazonaws.").or_else(|| name.strip_prefix("cn.com.amazonaws."))?;
    let (region, service) = rest.split_once('.')?;
    (region.contains('-') && region.ends_with(|it: char| it.is_ascii_digit())).then_some((region, service))
}

/// The service that was probably meant by one that is not known.
pub(crate) fn meant(service: &str) -> Option<&'static str> {
    let service = service.strip_suffix("-fips").unwrap_or(service);
    if is_known(service) {
        return None;
    }
    // A new one is more probable than a slip where there is little to tell them by.
    nearest(service, SERVICES.iter().copied()).filter(|it| service.len() > 3 && it.len().abs_diff(service.len()) <= 2)
}

fn is_known(service: &str) -> bool {
    SERVICES.contains(&service)
}

/// What is wrong with a name whatever the region is.
pub(super) fn check(name: &str, kind: Option<&str>, problems: &mut Problems) {
    let at = || Path::of("service_name");
    let whole = |service: &str| format!("com.amazonaws.${{aws.region}}.{service}");
    if name.matches('.').count() < 2 {
        let help = match (is_known(name), nearest(name, SERVICES.iter().copied())) {
            (true, _) => format!("write `{}`", whole(name)),
            (false, Some(near)) => format!("did you mean `{}`?", whole(near)),
            (false, None) => format!("write `{}`, or the name of a service of somebody's own", whole("SERVICE")),
        };
        return problems.error(at(), format!("`{name}` is not the whole name of a service"), help);
    }
    let ends: Vec<_> = name.splitn(3, '.').collect();
    let begin = format!("{}.{}", ends[0], ends[1]);
    if begin != "com.amazonaws" && nearest(&begin, ["com.amazonaws"]).is_some() {
        let help = format!("did you mean `com.amazonaws.{}`?", ends[2]);
        return problems.error(at(), format!("the names of AWS's services do not begin with `{begin}`"), help);
    }
    let by_interface = name.contains(".vpce-svc-") || parts(name).is_some_and(|(_, it)| is_known(it) && !BY_ROUTES.contains(&it));
    if kind == Some("Gateway") && by_interface {
        let help = format!("write `vpc_endpoint_type: Interface` and `subnet_ids`; routes lead to {} only", BY_ROUTES.join(", "));
        problems.error(at(), "no routes lead to this service", help);
    }
}
