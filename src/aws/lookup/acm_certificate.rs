//! <https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html>

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary};
use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::single;
use crate::aws::{acm::certificates, clients::Aws};

pub(crate) struct Certificate;

/// A certificate that is issued, requested from AWS or brought along.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// The name that it is for, `www.example.com` or `*.example.com`: the first of its names.
    domain_name: String,
    /// Whether the newest is taken where there are several.
    #[serde(default)]
    most_recent: bool,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the certificate.
    arn: String,
    /// Up to when it is valid.
    not_after: Option<String>,
}

impl Lookup for Certificate {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "acm.certificate";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let mut found = certificates(world, vec![CertificateStatus::Issued]).await?;
        found.retain(|it| it.domain_name() == Some(&spec.domain_name));
        if spec.most_recent {
            let since = |it: &CertificateSummary| it.issued_at.or(it.imported_at).or(it.created_at).map(|it| it.secs());
            found = found.into_iter().max_by_key(since).into_iter().collect();
        }
        let Some(found) = single("ListCertificates", found, |it| it.certificate_arn())? else { return Ok(None) };
        let not_after = found.not_after.map(|it| it.to_string());
        Ok(found.certificate_arn.map(|arn| Outputs { arn, not_after }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn the_one_that_is_issued_is_found_and_nothing_ambiguous() {
        let world = cloud().await;
        let domain = "lookup.example.org";
        let named = |most_recent| Spec { domain_name: domain.into(), most_recent };
        assert!(Certificate::find(&world, &named(false)).await.expect("an answer").is_none());
        let request = async || {
            let made = world.acm().request_certificate().domain_name(domain).send().await.expect("a certificate");
            made.certificate_arn.expect("its ARN")
        };
        let first = request().await;
        let found = Certificate::find(&world, &named(false)).await.expect("an answer").expect("a certificate");
        assert_eq!(found.arn, first);
        assert!(found.not_after.is_some_and(|it| it.starts_with("20")));
        request().await;
        let error = Certificate::find(&world, &named(false)).await.err().expect("two are too many");
        assert!(error.message.starts_with("2 match: arn:"), "{error}");
        assert!(Certificate::find(&world, &named(true)).await.expect("an answer").is_some());
    }
}
