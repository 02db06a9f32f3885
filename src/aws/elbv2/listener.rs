//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

pub(crate) mod actions;
mod attributes;
mod policies;

use std::{collections::HashMap, time::Duration};

use aws_sdk_elasticloadbalancingv2::types::{Certificate, Listener as Described};
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, kept, ready, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::actions::Action;
use super::{Protocol, attribute, describe, has, list, made_by, retag, wanted_tags};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Listener;

/// A listener: the port that a load balancer takes connections on, and what it does with them.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The ARN of the load balancer.
    #[schemars(transform = immutable)]
    load_balancer_arn: String,
    /// The port.
    #[schemars(range(min = 1, max = 65535))]
    port: i32,
    /// What clients speak.
    protocol: Protocol,
    /// What is done with requests that no rule is about. Exactly one action.
    #[schemars(length(min = 1, max = 1))]
    default_actions: Vec<Action>,
    /// The ARN of the certificate for clients that name no other host; for HTTPS and TLS. It must be issued.
    #[schemars(transform = ready)]
    certificate_arn: Option<String>,
    /// The ARNs of certificates for further hosts; for HTTPS and TLS. They must be issued.
    #[schemars(transform = set, transform = ready)]
    additional_certificate_arns: Option<Vec<String>>,
    /// Which versions of TLS and which ciphers clients may use, `ELBSecurityPolicy-TLS13-1-2-2021-06`. It stays when it is removed.
    #[schemars(transform = kept, regex(pattern = r"ELBSecurityPolicy-[A-Za-z0-9.-]+"))]
    ssl_policy: Option<String>,
    /// Which HTTP clients may choose; for TLS. Left out or removed, it is not asked for.
    alpn_policy: Option<Alpn>,
    /// Which certificates clients show, and what becomes of them; for HTTPS. Left out or removed, none are asked for.
    mutual_authentication: Option<MutualAuthentication>,
    /// After how many idle seconds a connection is closed; for TCP. Left out, 350; when it is removed, it stays.
    #[schemars(transform = kept, range(min = 60, max = 6000))]
    tcp_idle_timeout_seconds: Option<i32>,
    /// Whether answers have the header `Server`; for HTTP and HTTPS. Left out, they have; when it is removed, it stays.
    #[schemars(transform = kept)]
    routing_http_response_server_enabled: Option<bool>,
    /// The header `Strict-Transport-Security` of all answers: that browsers come by HTTPS only: `max-age=31536000`.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_strict_transport_security_header_value: Option<String>,
    /// The header `Access-Control-Allow-Origin` of all answers: from which origin pages may call.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_access_control_allow_origin_header_value: Option<String>,
    /// The header `Access-Control-Allow-Methods` of all answers: with which methods pages of other origins may call.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_access_control_allow_methods_header_value: Option<String>,
    /// The header `Access-Control-Allow-Headers` of all answers: with which headers pages of other origins may call.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_access_control_allow_headers_header_value: Option<String>,
    /// The header `Access-Control-Allow-Credentials` of all answers: whether pages of other origins may send credentials: `true`.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_access_control_allow_credentials_header_value: Option<String>,
    /// The header `Access-Control-Expose-Headers` of all answers: which headers of the answer pages of other origins see.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_access_control_expose_headers_header_value: Option<String>,
    /// The header `Access-Control-Max-Age` of all answers: for how many seconds a browser may keep such an answer.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_access_control_max_age_header_value: Option<String>,
    /// The header `Content-Security-Policy` of all answers: what a page may load.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_content_security_policy_header_value: Option<String>,
    /// The header `X-Content-Type-Options` of all answers: that browsers believe the content type: `nosniff`.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_x_content_type_options_header_value: Option<String>,
    /// The header `X-Frame-Options` of all answers: who may show a page within a frame: `DENY`, `SAMEORIGIN`.
    #[schemars(length(min = 1, max = 1024))]
    routing_http_response_x_frame_options_header_value: Option<String>,
    /// The name of the request header that has the serial number of the client certificate. Left out, `X-Amzn-Mtls-Clientcert-Serial-Number`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name: Option<String>,
    /// The name of the request header that has who issued the client certificate. Left out, `X-Amzn-Mtls-Clientcert-Issuer`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_mtls_clientcert_issuer_header_name: Option<String>,
    /// The name of the request header that has the subject of the client certificate. Left out, `X-Amzn-Mtls-Clientcert-Subject`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_mtls_clientcert_subject_header_name: Option<String>,
    /// The name of the request header that has from when to when the client certificate holds. Left out, `X-Amzn-Mtls-Clientcert-Validity`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_mtls_clientcert_validity_header_name: Option<String>,
    /// The name of the request header that has the client certificate that was verified. Left out, `X-Amzn-Mtls-Clientcert-Leaf`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_mtls_clientcert_leaf_header_name: Option<String>,
    /// The name of the request header that has the whole chain of the client certificate, where it is passed through. Left out, `X-Amzn-Mtls-Clientcert`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_mtls_clientcert_header_name: Option<String>,
    /// The name of the request header that has the version of TLS. Left out, `X-Amzn-Tls-Version`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_tls_version_header_name: Option<String>,
    /// The name of the request header that has the cipher. Left out, `X-Amzn-Tls-Cipher-Suite`; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = HEADER))]
    routing_http_request_x_amzn_tls_cipher_suite_header_name: Option<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

/// How the name of a header looks.
const HEADER: &str = "[A-Za-z0-9_-]{1,40}";

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct MutualAuthentication {
    /// What is done with the certificate that a client shows.
    mode: Mode,
    /// The ARN of the trust store with the authorities that are believed; for `verify`.
    trust_store_arn: Option<String>,
    /// Whether certificates that have expired are good enough; for `verify`.
    #[serde(default)]
    ignore_client_certificate_expiry: bool,
    /// Whether clients are told which authorities are believed; for `verify`.
    #[serde(default)]
    advertise_trust_store_ca_names: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Its whole chain is handed on in a header, whatever it is.
    Passthrough,
    /// It is verified, and who has none that is good is turned away.
    Verify,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Alpn {
    /// HTTP/1 alone.
    #[serde(rename = "HTTP1Only")]
    Http1Only,
    /// HTTP/2 alone.
    #[serde(rename = "HTTP2Only")]
    Http2Only,
    /// Both, HTTP/1 first.
    #[serde(rename = "HTTP2Optional")]
    Http2Optional,
    /// Both, HTTP/2 first.
    #[serde(rename = "HTTP2Preferred")]
    Http2Preferred,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the listener.
    id: String,
    /// The ARN of the listener.
    arn: String,
}

impl Resource for Listener {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "elbv2.listener";
    const FACTS: Facts = Facts {
        passing: &[
            // Not every part of AWS has heard of a fresh certificate.
            Passing { during: During::Any, code: "CertificateNotFound", message: "", within: Duration::from_secs(300) },
            Passing { during: During::Create, code: "LoadBalancerNotFound", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "ListenerNotFound", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Any, code: "TargetGroupNotFound", message: "", within: Duration::from_secs(60) },
            // The listener that had the port, or that sent to the target group, is on its way out.
            Passing { during: During::Any, code: "DuplicateListener", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Create, code: "TargetGroupAssociationLimit", message: "", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        apart: &["load_balancer_arn", "port"],
        actions: Actions {
            create: &["elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags"],
            read: &[
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeListenerAttributes",
                "elasticloadbalancing:DescribeListenerCertificates",
                "elasticloadbalancing:DescribeTags",
            ],
            update: &[
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:ModifyListenerAttributes",
                "elasticloadbalancing:AddListenerCertificates",
                "elasticloadbalancing:RemoveListenerCertificates",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ],
            delete: &["elasticloadbalancing:DeleteListener"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let Some(protocol) = spec.get("protocol").and_then(Value::as_text) else {
            return actions::check(spec, "default_actions", None, problems);
        };
        let here = match spec.get("port") {
            Some(Value::Int(port)) => Some((protocol, *port)),
            _ => None,
        };
        actions::check(spec, "default_actions", here, problems);
        if matches!(protocol, "HTTPS" | "TLS") {
            if !has(spec, "certificate_arn") {
                let help = "write the `certificate_arn` of one that is issued";
                problems.error(Path::default(), format!("an {protocol} listener without a certificate").replace("an TLS", "a TLS"), help);
            }
        } else {
            for property in OF_TLS.iter().filter(|it| has(spec, it)) {
                let help = if protocol == "HTTP" { "remove it, or write `protocol: HTTPS`" } else { "remove it, or write `protocol: TLS`" };
                problems.error(Path::of(property), format!("`{property}` with the protocol {protocol}"), help);
            }
        }
        policies::check(spec, problems);
        if protocol == "HTTPS" && has(spec, "alpn_policy") {
            let help = "remove it: an application load balancer speaks HTTP/2 unless its `routing_http2_enabled` is off";
            problems.error(Path::of("alpn_policy"), "`alpn_policy` with the protocol HTTPS", help);
        }
        attributes::check(spec, protocol, problems);
        if !matches!(protocol, "HTTP" | "HTTPS")
            && let Some(Value::List(actions)) = spec.get("default_actions")
            && let Some(kind) = actions.first().and_then(|it| it.get("type")).and_then(Value::as_text)
            && kind != "forward"
        {
            let help = "write `type: forward`: only HTTP can be answered in another way";
            problems.error(Path::of("default_actions").item(0), format!("an action of type {kind} with the protocol {protocol}"), help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let fetch = |arns| async { all!(world.elbv2().describe_listeners().set_listener_arns(Some(arns))) };
        let found = describe(ids, GONE, fetch, |it: &Described| it.listener_arn()).await?;
        let arns: Vec<Id> = found.iter().flatten().filter_map(|it| it.listener_arn.clone()).map(Id).collect();
        let mut tags = wanted_tags(world, &arns, wanted).await?;
        let more = wanted.has("additional_certificate_arns");
        let more = arns.iter().map(async |arn| if more { additional_certificates(world, arn).await } else { Ok(None) });
        let more = abreast(more).await?;
        let mut more = more.into_iter();
        let attributes = attributes::wanted(wanted);
        let attributes = arns.iter().map(async |arn| if attributes { attributes::read(world, arn).await } else { Ok(None) });
        let mut attributes = abreast(attributes).await?.into_iter();
        let mut live = |it: Described| live(it, tags.next().flatten(), more.next().flatten(), attributes.next().flatten());
        Ok(found.into_iter().map(|it| it.and_then(&mut live)).collect::<Vec<_>>())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let all = async { all!(world.elbv2().describe_listeners().load_balancer_arn(&find.spec.load_balancer_arn)) };
        let found = unless(all.await, &["LoadBalancerNotFound"])?.unwrap_or_default();
        made_by(world, found.into_iter().filter_map(|it| it.listener_arn).map(Id).collect(), find.operation, find.known).await
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .elbv2()
            .create_listener()
            .load_balancer_arn(&spec.load_balancer_arn)
            .port(spec.port)
            .protocol(spec.protocol.into())
            .set_default_actions(actions::write(&spec.default_actions))
            .set_certificates(spec.certificate())
            .set_ssl_policy(spec.ssl_policy.clone())
            .set_alpn_policy(spec.alpn_policy.map(|it| vec![word(&it)]))
            .set_mutual_authentication(spec.mutual_authentication.as_ref().map(attributes::mutual))
            .set_tags(list(spec.tags.0.clone()));
        let made = call.send().await.map_err(error)?.listeners.unwrap_or_default();
        let arn = made.into_iter().find_map(|it| it.listener_arn);
        arn.map(Id).ok_or_else(|| Error::bug("CreateListener", "the answer holds no ARN"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (elbv2, arn) = (world.elbv2(), id.as_str());
        if MODIFIED.iter().any(|it| update.changes(it)) {
            // Without TLS there is no certificate and no policy to send, although AWS may still tell the former ones.
            let tls = matches!(to.protocol, Protocol::Https | Protocol::Tls);
            let alpn = to.alpn_policy.map_or_else(|| "None".to_owned(), |it| word(&it));
            let call = elbv2
                .modify_listener()
                .listener_arn(arn)
                .port(to.port)
                .protocol(to.protocol.into())
                .set_default_actions(actions::write(&to.default_actions))
                .set_certificates(to.certificate().filter(|_| tls))
                .set_ssl_policy(to.ssl_policy.clone().filter(|_| tls))
                .set_mutual_authentication(
                    (to.protocol == Protocol::Https && update.changes("mutual_authentication"))
                        .then(|| to.mutual_authentication.as_ref().map_or_else(attributes::nobody, attributes::mutual)),
                )
                .set_alpn_policy((to.protocol == Protocol::Tls && update.changes("alpn_policy")).then(|| vec![alpn]));
            call.send().await.map_err(error)?;
        }
        if update.changes("additional_certificate_arns") {
            let certificates = |more: &Option<Vec<String>>, less: &Option<Vec<String>>| {
                let less = less.as_deref().unwrap_or_default();
                let list =
                    more.iter().flatten().filter(|it| !less.contains(it)).map(|it| Certificate::builder().certificate_arn(it).build());
                Some(list.collect::<Vec<_>>()).filter(|it| !it.is_empty())
            };
            let (now, wanted) = (&from.additional_certificate_arns, &to.additional_certificate_arns);
            // First what is new, so that no host is without its certificate in between.
            if let Some(new) = certificates(wanted, now) {
                elbv2.add_listener_certificates().listener_arn(arn).set_certificates(Some(new)).send().await.map_err(error)?;
            }
            if let Some(old) = certificates(now, wanted) {
                elbv2.remove_listener_certificates().listener_arn(arn).set_certificates(Some(old)).send().await.map_err(error)?;
            }
        }
        let attributes = attributes::changed(to, update.changed)?;
        if !attributes.is_empty() {
            elbv2.modify_listener_attributes().listener_arn(arn).set_attributes(Some(attributes)).send().await.map_err(error)?;
        }
        retag(world, arn, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.elbv2().delete_listener().listener_arn(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

/// A listener goes with its load balancer.
const GONE: &[&str] = &["ListenerNotFound", "LoadBalancerNotFound"];

/// Properties that one call changes.
const MODIFIED: &[&str] = &["port", "protocol", "default_actions", "certificate_arn", "ssl_policy", "alpn_policy", "mutual_authentication"];
const OF_TLS: &[&str] = &["certificate_arn", "additional_certificate_arns", "ssl_policy", "alpn_policy"];

impl Spec {
    fn certificate(&self) -> Option<Vec<Certificate>> {
        self.certificate_arn.as_ref().map(|it| vec![Certificate::builder().certificate_arn(it).build()])
    }
}

/// All but the one for clients that name no host; nothing where the listener is gone meanwhile.
async fn additional_certificates(world: &Aws, arn: &Id) -> Result<Option<Vec<String>>> {
    let all = async { all!(world.elbv2().describe_listener_certificates().listener_arn(arn.as_str())) };
    let found = unless(all.await, GONE)?;
    Ok(found.map(|it| it.into_iter().filter(|it| it.is_default() != Some(true)).filter_map(|it| it.certificate_arn).collect()))
}

fn live(
    it: Described,
    tags: Option<Tags>,
    more: Option<Vec<String>>,
    attributes: Option<HashMap<String, String>>,
) -> Option<Live<Listener>> {
    let mut unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    if more.is_none() {
        unread.push("additional_certificate_arns");
    }
    if attributes.is_none() {
        unread.extend(attributes::ALL.iter().map(|it| it.0));
    }
    let found = attributes.unwrap_or_default();
    // An empty header is none.
    let text = |key: &str| found.get(key).cloned().filter(|it| !it.is_empty());
    let spec = Spec {
        load_balancer_arn: it.load_balancer_arn.clone()?,
        port: it.port?,
        protocol: meaning(it.protocol()?.as_str())?,
        default_actions: actions::read(it.default_actions()),
        certificate_arn: it.certificates().first().and_then(|it| it.certificate_arn.clone()),
        additional_certificate_arns: more.filter(|it| !it.is_empty()),
        ssl_policy: it.ssl_policy.clone(),
        alpn_policy: it.alpn_policy().first().and_then(|it| meaning(it)),
        mutual_authentication: it.mutual_authentication().and_then(attributes::read_mutual),
        tcp_idle_timeout_seconds: attribute(&found, "tcp.idle_timeout.seconds"),
        routing_http_response_server_enabled: attribute(&found, "routing.http.response.server.enabled"),
        routing_http_response_strict_transport_security_header_value: text("routing.http.response.strict_transport_security.header_value"),
        routing_http_response_access_control_allow_origin_header_value: text(
            "routing.http.response.access_control_allow_origin.header_value",
        ),
        routing_http_response_access_control_allow_methods_header_value: text(
            "routing.http.response.access_control_allow_methods.header_value",
        ),
        routing_http_response_access_control_allow_headers_header_value: text(
            "routing.http.response.access_control_allow_headers.header_value",
        ),
        routing_http_response_access_control_allow_credentials_header_value: text(
            "routing.http.response.access_control_allow_credentials.header_value",
        ),
        routing_http_response_access_control_expose_headers_header_value: text(
            "routing.http.response.access_control_expose_headers.header_value",
        ),
        routing_http_response_access_control_max_age_header_value: text("routing.http.response.access_control_max_age.header_value"),
        routing_http_response_content_security_policy_header_value: text("routing.http.response.content_security_policy.header_value"),
        routing_http_response_x_content_type_options_header_value: text("routing.http.response.x_content_type_options.header_value"),
        routing_http_response_x_frame_options_header_value: text("routing.http.response.x_frame_options.header_value"),
        routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name: text(
            "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        ),
        routing_http_request_x_amzn_mtls_clientcert_issuer_header_name: text(
            "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        ),
        routing_http_request_x_amzn_mtls_clientcert_subject_header_name: text(
            "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        ),
        routing_http_request_x_amzn_mtls_clientcert_validity_header_name: text(
            "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        ),
        routing_http_request_x_amzn_mtls_clientcert_leaf_header_name: text("routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"),
        routing_http_request_x_amzn_mtls_clientcert_header_name: text("routing.http.request.x_amzn_mtls_clientcert.header_name"),
        routing_http_request_x_amzn_tls_version_header_name: text("routing.http.request.x_amzn_tls_version.header_name"),
        routing_http_request_x_amzn_tls_cipher_suite_header_name: text("routing.http.request.x_amzn_tls_cipher_suite.header_name"),
        tags: tags.unwrap_or_default(),
    };
    let arn = it.listener_arn?;
    Some(Live { spec, outputs: Outputs { id: arn.clone(), arn }, status: Status::Ready, unread })
}

#[cfg(test)]
mod tests;
