//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames.html>

use std::time::Duration;

use aws_sdk_apigatewayv2::{
    operation::get_domain_name::GetDomainNameOutput as Described,
    types::{
        DomainNameConfiguration, DomainNameStatus, EndpointType, IpAddressType, MutualTlsAuthenticationInput, RoutingMode, SecurityPolicy,
    },
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, Error, Facts, Find, Id, Live, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, kept, ready, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, api::AddressType, arn, is_made_by, retag, tags};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct DomainName;

/// A domain name of one's own, under which APIs are reached.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name, in small letters: `api.example.com`, or `*.example.com`.
    #[schemars(
        transform = immutable,
        transform = unique,
        length(min = 1, max = 512),
        regex(pattern = r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+")
    )]
    domain_name: String,
    /// The ARN of the certificate for it, which is in the same region and issued.
    #[schemars(transform = ready)]
    certificate_arn: String,
    /// The oldest TLS that callers may use.
    #[serde(default)]
    security_policy: Policy,
    /// The kinds of addresses it is reached by. Left out, IPv4; it stays when it is removed.
    #[schemars(transform = kept)]
    ip_address_type: Option<AddressType>,
    /// The ARN of a public certificate that proves whose the name is, where the other is imported or private and callers have
    /// certificates too. It stays when it is removed.
    #[schemars(transform = kept, transform = ready)]
    ownership_verification_certificate_arn: Option<String>,
    /// Which certificates of callers are trusted. Left out or removed, callers need none.
    mutual_tls_authentication: Option<MutualTls>,
    /// How a request finds its API.
    #[serde(default)]
    routing_mode: Routing,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Policy {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "TLS_1_2")]
    Tls12,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct MutualTls {
    /// Where the certificates are that are trusted: `s3://bucket/key`.
    #[schemars(length(max = 2048), regex(pattern = r"s3://[^/]+/.+"))]
    truststore_uri: String,
    /// The version of that object, where it has versions.
    #[schemars(length(min = 1, max = 64))]
    truststore_version: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::enum_variant_names, reason = "they are AWS's own words")]
pub(crate) enum Routing {
    /// By API mappings.
    #[default]
    ApiMappingOnly,
    /// By routing rules, and where none fits, by API mappings.
    RoutingRuleThenApiMapping,
    /// By routing rules.
    RoutingRuleOnly,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The domain name.
    id: String,
    /// The ARN of the domain name.
    arn: String,
    /// AWS's name for it, which an alias record has as its target.
    regional_domain_name: Option<String>,
    /// The hosted zone of that name, which an alias record needs too.
    regional_hosted_zone_id: Option<String>,
}

impl Resource for DomainName {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.domain_name";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(10), update: Duration::from_secs(60), delete: Duration::from_secs(5) },
        timeout: Durations { create: Duration::from_secs(1200), update: Duration::from_secs(3600), delete: Duration::from_secs(1200) },
        passing: &[CONCURRENT],
        gone: GONE,
        actions: Actions {
            create: &["apigateway:POST", "apigateway:TagResource"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH", "apigateway:TagResource", "apigateway:UntagResource"],
            delete: &["apigateway:DELETE"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        Some(Id(spec.domain_name.clone()))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        for property in ["certificate_arn", "ownership_verification_certificate_arn"] {
            if let Some(certificate) = spec.get(property).and_then(Value::as_text)
                && !certificate.starts_with("arn:")
            {
                let help = "write `arn:…:acm:…:certificate/…`, which is the certificate's output `arn`";
                problems.error(Path::of(property), format!("`{certificate}` is not the ARN of a certificate"), help);
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // A list of all would take more calls than the few that one stack has.
        let found = ids.iter().map(|id| async move { Ok(domain_name(world, id).await?.map(|it| live(world, it))) });
        abreast(found).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let id = Id(find.spec.domain_name.clone());
        let made = |it: &Described| is_made_by(it.tags(), find.operation);
        let there = domain_name(world, &id).await?.is_some_and(|it| made(&it));
        Ok(Some(id).filter(|id| there && !find.known.contains(id)))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .apigatewayv2()
            .create_domain_name()
            .domain_name(&spec.domain_name)
            .domain_name_configurations(configuration(spec))
            .set_mutual_tls_authentication(spec.mutual_tls_authentication.as_ref().map(|it| mutual_tls(None, it)))
            // The default is left out for the regions that know no rules.
            .set_routing_mode((spec.routing_mode != Routing::default()).then(|| routing(spec.routing_mode)))
            .set_tags(tags(&spec.tags));
        let answer = call.send().await.map_err(error)?;
        answer.domain_name.map(Id).ok_or_else(|| Error::bug("CreateDomainName", "the answer holds no name"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        if changed.iter().any(|it| it != "tags") {
            let mutual = match &to.mutual_tls_authentication {
                Some(it) => mutual_tls(from.mutual_tls_authentication.as_ref(), it),
                // That is how API Gateway is told to trust nobody's any longer.
                None => MutualTlsAuthenticationInput::builder().truststore_uri("").build(),
            };
            let call = world
                .apigatewayv2()
                .update_domain_name()
                .domain_name(id.as_str())
                // The whole of it in every update, or else it is taken for another kind.
                .domain_name_configurations(configuration(to))
                .set_mutual_tls_authentication(update.changes("mutual_tls_authentication").then_some(mutual))
                .set_routing_mode(update.changes("routing_mode").then(|| routing(to.routing_mode)));
            call.send().await.map_err(error)?;
        }
        retag(world, &arn(world, &format!("domainnames/{id}")), &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.apigatewayv2().delete_domain_name().domain_name(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

fn configuration(spec: &Spec) -> DomainNameConfiguration {
    DomainNameConfiguration::builder()
        .certificate_arn(&spec.certificate_arn)
        // The only kind that HTTP and WebSocket APIs have.
        .endpoint_type(EndpointType::Regional)
        .security_policy(SecurityPolicy::from(word(&spec.security_policy).as_str()))
        .set_ip_address_type(spec.ip_address_type.map(|it| IpAddressType::from(word(&it).as_str())))
        .set_ownership_verification_certificate_arn(spec.ownership_verification_certificate_arn.clone())
        .build()
}

fn mutual_tls(from: Option<&MutualTls>, to: &MutualTls) -> MutualTlsAuthenticationInput {
    // A version that is no longer named is taken away by an empty one.
    let named_before = from.is_some_and(|it| it.truststore_version.is_some());
    MutualTlsAuthenticationInput::builder()
        .truststore_uri(&to.truststore_uri)
        .set_truststore_version(to.truststore_version.clone().or_else(|| named_before.then(String::new)))
        .build()
}

fn routing(it: Routing) -> RoutingMode {
    RoutingMode::from(word(&it).as_str())
}

async fn domain_name(world: &Aws, id: &Id) -> Result<Option<Described>> {
    unless(world.apigatewayv2().get_domain_name().domain_name(id.as_str()).send().await.map_err(error), GONE)
}

fn live(world: &Aws, it: Described) -> Live<DomainName> {
    let configuration = it.domain_name_configurations().first();
    let message = configuration.and_then(|it| it.domain_name_status_message()).filter(|it| !it.is_empty());
    let status = match configuration.and_then(|it| it.domain_name_status()) {
        None | Some(DomainNameStatus::Available) => Status::Ready,
        Some(other) => Status::Pending([Some(other.as_str()), message].into_iter().flatten().collect::<Vec<_>>().join(": ")),
    };
    let text = |of: fn(&DomainNameConfiguration) -> Option<&str>| configuration.and_then(of).map(str::to_owned);
    let trust = it.mutual_tls_authentication().and_then(|it| {
        let truststore_uri = it.truststore_uri().filter(|it| !it.is_empty())?.to_owned();
        let truststore_version = it.truststore_version().filter(|it| !it.is_empty()).map(str::to_owned);
        Some(MutualTls { truststore_uri, truststore_version })
    });
    let outputs = Outputs {
        arn: arn(world, &format!("domainnames/{}", it.domain_name().unwrap_or_default())),
        id: it.domain_name.clone().unwrap_or_default(),
        regional_domain_name: text(DomainNameConfiguration::api_gateway_domain_name),
        regional_hosted_zone_id: text(DomainNameConfiguration::hosted_zone_id),
    };
    let spec = Spec {
        domain_name: it.domain_name.clone().unwrap_or_default(),
        certificate_arn: text(DomainNameConfiguration::certificate_arn).unwrap_or_default(),
        security_policy: configuration.and_then(|it| it.security_policy()).and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        ip_address_type: configuration.and_then(|it| it.ip_address_type()).and_then(|it| meaning(it.as_str())),
        ownership_verification_certificate_arn: text(DomainNameConfiguration::ownership_verification_certificate_arn),
        mutual_tls_authentication: trust,
        routing_mode: it.routing_mode().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        tags: Tags::read(it.tags.unwrap_or_default()),
    };
    Live { spec, outputs, status, unread: vec![] }
}

#[cfg(test)]
mod tests;
