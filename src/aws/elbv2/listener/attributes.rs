//! The attributes of a listener, which have calls of their own, and whose certificates it asks for.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_elasticloadbalancingv2::types::{AdvertiseTrustStoreCaNamesEnum, ListenerAttribute, MutualAuthenticationAttributes};
use infra::{
    resource::{Id, Problems, Result, Wanted},
    value::{Path, Value},
};

use super::{
    super::{has, plain_attributes},
    GONE, Mode, MutualAuthentication, Spec,
};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

/// Properties that are one attribute each.
pub(super) const ALL: &[(&str, &str)] = &[
    ("tcp_idle_timeout_seconds", "tcp.idle_timeout.seconds"),
    ("routing_http_response_server_enabled", "routing.http.response.server.enabled"),
    ("routing_http_response_strict_transport_security_header_value", "routing.http.response.strict_transport_security.header_value"),
    ("routing_http_response_access_control_allow_origin_header_value", "routing.http.response.access_control_allow_origin.header_value"),
    ("routing_http_response_access_control_allow_methods_header_value", "routing.http.response.access_control_allow_methods.header_value"),
    ("routing_http_response_access_control_allow_headers_header_value", "routing.http.response.access_control_allow_headers.header_value"),
    (
        "routing_http_response_access_control_allow_credentials_header_value",
        "routing.http.response.access_control_allow_credentials.header_value",
    ),
    (
        "routing_http_response_access_control_expose_headers_header_value",
        "routing.http.response.access_control_expose_headers.header_value",
    ),
    ("routing_http_response_access_control_max_age_header_value", "routing.http.response.access_control_max_age.header_value"),
    ("routing_http_response_content_security_policy_header_value", "routing.http.response.content_security_policy.header_value"),
    ("routing_http_response_x_content_type_options_header_value", "routing.http.response.x_content_type_options.header_value"),
    ("routing_http_response_x_frame_options_header_value", "routing.http.response.x_frame_options.header_value"),
    (
        "routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name",
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
    ),
    ("routing_http_request_x_amzn_mtls_clientcert_issuer_header_name", "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name"),
    ("routing_http_request_x_amzn_mtls_clientcert_subject_header_name", "routing.http.request.x_amzn_mtls_clientcert_subject.header_name"),
    (
        "routing_http_request_x_amzn_mtls_clientcert_validity_header_name",
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
    ),
    ("routing_http_request_x_amzn_mtls_clientcert_leaf_header_name", "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"),
    ("routing_http_request_x_amzn_mtls_clientcert_header_name", "routing.http.request.x_amzn_mtls_clientcert.header_name"),
    ("routing_http_request_x_amzn_tls_version_header_name", "routing.http.request.x_amzn_tls_version.header_name"),
    ("routing_http_request_x_amzn_tls_cipher_suite_header_name", "routing.http.request.x_amzn_tls_cipher_suite.header_name"),
];

/// Whether a read has to ask for them: they cost a call each listener.
pub(super) fn wanted(wanted: &Wanted) -> bool {
    ALL.iter().any(|(property, _)| wanted.has(property))
}

/// Nothing where the listener is gone meanwhile.
pub(super) async fn read(world: &Aws, arn: &Id) -> Result<Option<HashMap<String, String>>> {
    let found = unless(world.elbv2().describe_listener_attributes().listener_arn(arn.as_str()).send().await.map_err(error), GONE)?;
    Ok(found.map(|it| it.attributes.unwrap_or_default().into_iter().filter_map(|it| Some((it.key?, it.value?))).collect()))
}

/// The attributes to send: what changes, and an empty one for a header that is removed.
pub(super) fn changed(to: &Spec, changed: &BTreeSet<String>) -> Result<Vec<ListenerAttribute>> {
    let mut sent = plain_attributes(to, ALL, changed)?;
    let set: BTreeSet<&str> = sent.iter().map(|(key, _)| *key).collect();
    let gone = ALL.iter().filter(|(property, key)| changed.contains(*property) && property.ends_with(VALUE) && !set.contains(key));
    let gone: Vec<_> = gone.map(|(_, key)| (*key, String::new())).collect();
    sent.extend(gone);
    Ok(sent.into_iter().map(|(key, value)| ListenerAttribute::builder().key(key).value(value).build()).collect())
}

/// How the properties end that can be unset.
const VALUE: &str = "_header_value";

pub(super) fn mutual(it: &MutualAuthentication) -> MutualAuthenticationAttributes {
    let verify = it.mode == Mode::Verify;
    let advertise =
        if it.advertise_trust_store_ca_names { AdvertiseTrustStoreCaNamesEnum::On } else { AdvertiseTrustStoreCaNamesEnum::Off };
    MutualAuthenticationAttributes::builder()
        .mode(word(&it.mode))
        .set_trust_store_arn(it.trust_store_arn.clone())
        .set_ignore_client_certificate_expiry(verify.then_some(it.ignore_client_certificate_expiry))
        .set_advertise_trust_store_ca_names(verify.then_some(advertise))
        .build()
}

/// No certificates are asked for.
pub(super) fn nobody() -> MutualAuthenticationAttributes {
    MutualAuthenticationAttributes::builder().mode("off").build()
}

pub(super) fn read_mutual(it: &MutualAuthenticationAttributes) -> Option<MutualAuthentication> {
    Some(MutualAuthentication {
        // Nothing where it is off.
        mode: it.mode().and_then(meaning)?,
        trust_store_arn: it.trust_store_arn.clone(),
        ignore_client_certificate_expiry: it.ignore_client_certificate_expiry == Some(true),
        advertise_trust_store_ca_names: it.advertise_trust_store_ca_names == Some(AdvertiseTrustStoreCaNamesEnum::On),
    })
}

/// What does not go with this protocol.
pub(super) fn check(spec: &Value, protocol: &str, problems: &mut Problems) {
    let http = matches!(protocol, "HTTP" | "HTTPS");
    for (property, key) in ALL.iter().filter(|(property, _)| has(spec, property)) {
        if key.starts_with("routing.http.") != http || (key.starts_with("tcp.") && protocol != "TCP") {
            let help = if http { "remove it: it is for TCP" } else { "remove it: it is for an application load balancer" };
            let help = if key.starts_with("tcp.") { "remove it: it is for TCP" } else { help };
            problems.error(Path::of(property), format!("`{property}` with the protocol {protocol}"), help);
        }
    }
    let Some(mutual) = spec.get("mutual_authentication").filter(|it| !it.is_null()) else { return };
    let path = Path::of("mutual_authentication");
    if protocol != "HTTPS" {
        let help = "remove it, or write `protocol: HTTPS`";
        problems.error(path, format!("`mutual_authentication` with the protocol {protocol}"), help);
        return;
    }
    match mutual.get("mode").and_then(Value::as_text) {
        Some("verify") if !has(mutual, "trust_store_arn") => {
            let help = "write `trust_store_arn`, or `mode: passthrough`";
            problems.error(path, "certificates are verified against nothing", help);
        }
        Some("passthrough") => {
            for part in ["trust_store_arn", "ignore_client_certificate_expiry", "advertise_trust_store_ca_names"] {
                if has(mutual, part) && !matches!(mutual.get(part), Some(Value::Bool(false))) {
                    let help = "remove it, or write `mode: verify`";
                    problems.error(path.key(part), format!("`{part}` where certificates are passed through"), help);
                }
            }
        }
        _ => {}
    }
}
