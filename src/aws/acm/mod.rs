//! Certificates.

pub(crate) mod certificate;

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, Filters, KeyAlgorithm};
use infra::resource::Result;

use super::{calls::all, clients::Aws};

/// The certificates of this region that are in one of these states.
pub(crate) async fn certificates(world: &Aws, statuses: Vec<CertificateStatus>) -> Result<Vec<CertificateSummary>> {
    // Where it is not asked for them by name, AWS tells only those with short RSA keys.
    let keys = KeyAlgorithm::values().iter().map(|it| KeyAlgorithm::from(*it)).collect();
    let filters = Filters::builder().set_key_types(Some(keys)).build();
    all!(world.acm().list_certificates().set_certificate_statuses(Some(statuses)).includes(filters))
}
