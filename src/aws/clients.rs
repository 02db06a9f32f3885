//! The AWS clients: one set per region and role, made when first asked for.

use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, default_provider::region::DefaultRegionChain, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ec2::config::SharedHttpClient;
use aws_smithy_http_client::{ConnectorBuilder, proxy::ProxyConfig, tls};
use futures::FutureExt as _;
use infra::{
    resource::{Location, World},
    stack::Caller,
};
use tokio::sync::OnceCell;

/// The region of the local cloud where nothing names one.
const LOCAL_REGION: &str = "us-east-1";

/// What decides which cloud is called, and as whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    /// Of the AWS configuration files; what `AWS_PROFILE` says where there is none.
    pub(crate) profile: Option<String>,
    /// What the environment and the profile say where there is none.
    pub(crate) region: Option<String>,
    /// The local cloud. Nothing in the environment leads a call elsewhere then.
    pub(crate) endpoint: Option<Endpoint>,
}

/// An emulator of AWS on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
}

/// AWS, or the local cloud, seen from one region and through one role. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Aws {
    shared: Arc<Shared>,
    clients: Arc<Clients>,
}

struct Shared {
    base: SdkConfig,
    /// It is the local cloud.
    local: bool,
    places: Mutex<HashMap<Location, Arc<Clients>>>,
}

/// One client per service, each made when first asked for, and an accessor for each.
///
/// The endpoint is set on the service's own configuration, because a variable like `AWS_ENDPOINT_URL_EC2` would win over
/// one that is set for all.
macro_rules! clients {
    ($($name:ident: $service:ident,)*) => {
        struct Clients {
            location: Location,
            settings: SdkConfig,
            caller: OnceCell<Caller>,
            $($name: OnceLock<$service::Client>,)*
        }

        impl Clients {
            fn new(settings: SdkConfig, location: Location) -> Self {
                Self { location, settings, caller: OnceCell::new(), $($name: OnceLock::new(),)* }
            }
        }

        impl Aws {
            $(pub(crate) fn $name(&self) -> &$service::Client {
                self.clients.$name.get_or_init(|| {
                    let config = &self.clients.settings;
                    let mut builder = $service::config::Builder::from(config);
                    if config.service_config().is_none() {
                        builder.set_endpoint_url(config.endpoint_url().map(str::to_owned));
                    }
                    $service::Client::from_conf(builder.build())
                })
            })*
        }
    };
}

clients! {
    acm: aws_sdk_acm,
    apigatewayv2: aws_sdk_apigatewayv2,
    application_autoscaling: aws_sdk_applicationautoscaling,
    budgets: aws_sdk_budgets,
    cloudtrail: aws_sdk_cloudtrail,
    cloudwatch: aws_sdk_cloudwatch,
    config: aws_sdk_config,
    ec2: aws_sdk_ec2,
    ecr: aws_sdk_ecr,
    ecs: aws_sdk_ecs,
    elbv2: aws_sdk_elasticloadbalancingv2,
    iam: aws_sdk_iam,
    kms: aws_sdk_kms,
    lambda: aws_sdk_lambda,
    logs: aws_sdk_cloudwatchlogs,
    rds: aws_sdk_rds,
    route53: aws_sdk_route53,
    s3: aws_sdk_s3,
    secretsmanager: aws_sdk_secretsmanager,
    sns: aws_sdk_sns,
    sqs: aws_sdk_sqs,
    sts: aws_sdk_sts,
    wafv2: aws_sdk_wafv2,
}

impl Aws {
    /// Reads what the machine says of AWS. It calls nobody, unless the region is not said anywhere:
    /// then the machine is asked whether it is one of AWS's own.
    pub(crate) async fn connect(config: Config) -> Self {
        let base = match &config.endpoint {
            Some(endpoint) => local(endpoint, config.region.clone()),
            None => remote(&config).await,
        };
        Self::new(base, config.endpoint.is_some())
    }

    fn new(base: SdkConfig, local: bool) -> Self {
        let location = Location { region: base.region().map(ToString::to_string), role: None };
        let clients = Arc::new(Clients::new(base.clone(), location.clone()));
        Self { shared: Arc::new(Shared { base, local, places: Mutex::new(HashMap::from([(location, clients.clone())])) }), clients }
    }

    /// Whether this is the emulator on this machine, which keeps what it is told and runs nothing.
    pub(crate) fn is_local(&self) -> bool {
        self.shared.local
    }

    /// The same, taken for AWS itself.
    #[cfg(test)]
    pub(crate) fn taken_for_aws(&self) -> Self {
        let shared = Shared { base: self.shared.base.clone(), places: Mutex::default(), local: false };
        Self { shared: Arc::new(shared), clients: self.clients.clone() }
    }

    /// The region of all calls; none where nothing says one.
    pub(crate) fn region(&self) -> Option<&str> {
        self.clients.location.region.as_deref()
    }

    /// Who calls, once it has been asked: the same for all calls from one place.
    pub(super) fn known_caller(&self) -> &OnceCell<Caller> {
        &self.clients.caller
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub(crate) fn partition(&self) -> &'static str {
        match self.region() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The ARN of something in this region: `resource` is `vpc/vpc-1`.
    pub(crate) fn arn(&self, service: &str, account: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{account}:{resource}", self.partition(), self.region().unwrap_or_default())
    }
}

impl World for Aws {
    fn at(&self, location: &Location) -> Self {
        let here = &self.clients.location;
        let location = Location {
            region: location.region.clone().or_else(|| here.region.clone()),
            role: location.role.clone().or_else(|| here.role.clone()),
        };
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = places.entry(location).or_insert_with_key(|location| {
            let config = self.shared.base.to_builder().region(location.region.clone().map(Region::new)).build();
            let config = match &location.role {
                Some(role) => assume(config, role),
                None => config,
            };
            Arc::new(Clients::new(config, location.clone()))
        });
        Self { shared: self.shared.clone(), clients: clients.clone() }
    }
}

/// AWS itself, or wherever `AWS_ENDPOINT_URL` leads.
async fn remote(config: &Config) -> SdkConfig {
    // The local cloud's client apart, everything shares this one, so that TLS is set up once.
    let http = aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|it| it.sleep_impl()));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    });
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone());
    if let Some(profile) = &config.profile {
        // As with the AWS CLI, a profile that is named goes before keys in the environment.
        let region = match &config.region {
            Some(it) => Some(Region::new(it.clone())),
            None => DefaultRegionChain::builder().profile_name(profile).build().region().await,
        };
        let here = ProviderConfig::without_region().with_http_client(http.clone()).with_region(region);
        let provider = ProfileFileCredentialsProvider::builder().configure(&here).profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(provider);
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    // Only now, so that whoever provides credentials keeps its own retries.
    manners(loader.load().await)
}

/// The local cloud: nothing is read from the environment, neither endpoints and credentials nor proxies.
fn local(endpoint: &Endpoint, region: Option<String>) -> SdkConfig {
    let http: SharedHttpClient = aws_smithy_http_client::Builder::new().build_http();
    let credentials = Credentials::new("local", "local", None, None, "the local cloud");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(&endpoint.url)
        .region(Region::new(region.unwrap_or_else(|| LOCAL_REGION.to_owned())))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    // Taking on a role asks for a clock, which otherwise only a client sets by itself.
    config.set_time_source(Some(Default::default()));
    manners(config.build())
}

/// The engine alone retries, and no call hangs.
fn manners(config: SdkConfig) -> SdkConfig {
    let call = call_timeout().unwrap_or(USUAL_CALL_TIMEOUT);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5).min(call))
        .read_timeout(Duration::from_secs(30).min(call))
        .operation_attempt_timeout(call);
    config
        .into_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(20)).build())
        .build()
}

const USUAL_CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a call may take: `INFRA_CALL_TIMEOUT` says it in seconds.
///
/// # Errors
/// What it says, where that is no number from 1 to 3600.
pub(crate) fn call_timeout() -> Result<Duration, String> {
    match env::var("INFRA_CALL_TIMEOUT") {
        Ok(text) if !text.is_empty() => text.parse().ok().filter(|it| (1..=3600).contains(it)).map(Duration::from_secs).ok_or(text),
        _ => Ok(USUAL_CALL_TIMEOUT),
    }
}

/// The same through a role. Taking it on is a read that may be repeated, so that the SDK does.
fn assume(config: SdkConfig, role: &str) -> SdkConfig {
    let patient = config.to_builder().retry_config(RetryConfig::standard()).build();
    let provider = AssumeRoleProvider::builder(role).session_name("infra").configure(&patient).build();
    let provider = provider.now_or_never().expect("it only waits where it has to load a configuration first");
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use aws_credential_types::provider::ProvideCredentials as _;

    use super::*;

    fn place(region: Option<&str>, role: Option<&str>) -> Location {
        Location { region: region.map(str::to_owned), role: role.map(str::to_owned) }
    }

    async fn anywhere(region: Option<&str>) -> Aws {
        let endpoint = Some(Endpoint { url: "http://127.0.0.1:9".into() });
        Aws::connect(Config { region: region.map(str::to_owned), endpoint, ..Config::default() }).await
    }

    #[tokio::test]
    async fn another_place_is_the_same_world_with_clients_of_its_own() {
        let here = anywhere(Some("eu-central-1")).await;
        let there = here.at(&place(Some("us-east-1"), None));
        assert_eq!((here.region(), there.region()), (Some("eu-central-1"), Some("us-east-1")));
        assert!(here.is_local() && there.is_local());
        let assumed = there.at(&place(None, Some("arn:aws:iam::123456789012:role/other")));
        assert_eq!(assumed.region(), Some("us-east-1"), "a place says only what differs");
        let same = |one: &Aws, other: &Aws| Arc::ptr_eq(&one.clients, &other.clients);
        assert!(same(&here, &here.at(&Location::default())), "nothing differs");
        assert!(same(&there, &here.at(&place(Some("us-east-1"), None))), "made once");
        assert!(!same(&there, &assumed));
    }

    #[tokio::test]
    async fn arns_name_the_partition_of_the_region() {
        for (region, expected) in [
            (None, "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"),
            (Some("eu-central-1"), "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1"),
            (Some("cn-north-1"), "arn:aws-cn:ec2:cn-north-1:123456789012:vpc/vpc-1"),
            (Some("us-gov-west-1"), "arn:aws-us-gov:ec2:us-gov-west-1:123456789012:vpc/vpc-1"),
        ] {
            assert_eq!(anywhere(region).await.arn("ec2", "123456789012", "vpc/vpc-1"), expected);
        }
    }

    /// Another test of this same program, under an environment in which every variable leads elsewhere.
    #[test]
    fn nothing_in_the_environment_leads_out_of_the_local_cloud() {
        let nowhere = "http://127.0.0.1:9";
        let mut child = Command::new(env::current_exe().expect("this program"));
        child.args(["--exact", "aws::lookup::sts_caller_identity::tests::says_who_calls", "aws::clients::tests::a_role_is_local_too"]);
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
            child.env(name, nowhere);
        }
        child.env_remove("NO_PROXY").env_remove("no_proxy");
        child.env("AWS_PROFILE", "nobody").env("AWS_USE_FIPS_ENDPOINT", "true").env("AWS_USE_DUALSTACK_ENDPOINT", "true");
        let output = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("2 passed"), "{said}");
    }

    #[test]
    fn elsewhere_the_environment_is_honoured() {
        let mut child = Command::new(env::current_exe().expect("this program"));
        child.args(["--ignored", "--exact", "aws::clients::tests::the_environment_says_where"]);
        child.env("AWS_ENDPOINT_URL", crate::aws::conformance::url()).env("AWS_REGION", "eu-west-1");
        child.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "secret").env_remove("AWS_PROFILE");
        let output = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[tokio::test]
    #[ignore = "the test above runs it, with the environment that it needs"]
    async fn the_environment_says_where() {
        let world = Aws::connect(Config::default()).await;
        assert_eq!(world.region(), Some("eu-west-1"));
        assert!(!world.is_local(), "another emulator may run what it is told");
        let caller = world.sts().get_caller_identity().send().await.expect("an answer");
        assert_eq!(caller.account(), Some("123456789012"));
        let zones = world.at(&place(Some("us-east-1"), None)).ec2().describe_availability_zones().send().await.expect("an answer");
        assert!(zones.availability_zones().iter().all(|it| it.region_name() == Some("us-east-1")));
    }

    #[test]
    fn a_profile_that_is_named_goes_before_keys_in_the_environment() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config");
        let text = "[profile other]\nregion = eu-west-3\naws_access_key_id = from-the-profile\naws_secret_access_key = secret\n";
        std::fs::write(&file, text).expect("written");
        let mut child = Command::new(env::current_exe().expect("this program"));
        child.args(["--ignored", "--exact", "aws::clients::tests::the_profile_says_who"]);
        child.env("AWS_CONFIG_FILE", &file).env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none"));
        child.env("AWS_ACCESS_KEY_ID", "from-the-environment").env("AWS_SECRET_ACCESS_KEY", "secret");
        child.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
        let output = child.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[tokio::test]
    #[ignore = "the test above runs it, with the files that it needs"]
    async fn the_profile_says_who() {
        let key = async |profile: Option<&str>| {
            let world = Aws::connect(Config { profile: profile.map(str::to_owned), ..Config::default() }).await;
            let provider = world.shared.base.credentials_provider().expect("somebody provides credentials");
            (provider.provide_credentials().await.map(|it| it.access_key_id().to_owned()).ok(), world.region().map(str::to_owned))
        };
        assert_eq!(key(None).await.0.as_deref(), Some("from-the-environment"));
        assert_eq!(key(Some("other")).await, (Some("from-the-profile".to_owned()), Some("eu-west-3".to_owned())));
        assert_eq!(key(Some("nobody")).await.0, None);
    }

    #[tokio::test]
    async fn a_role_is_local_too() {
        let world = crate::aws::conformance::cloud().await.at(&place(None, Some("arn:aws:iam::123456789012:role/deployer")));
        let caller = world.sts().get_caller_identity().send().await.expect("an answer");
        assert!(caller.arn().is_some_and(|it| it.contains("assumed-role/deployer/infra")), "{caller:?}");
    }
}
