//! The records that show that the names of a certificate belong to whoever requested it. For one name in one account they are always
//! the same, whatever the certificate and its region.

use std::collections::BTreeSet;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, CertificateType, ValidationMethod};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use infra::resource::{Location, Result, World as _};

use super::{super::certificates, Record};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
};

/// For how many seconds others may remember the records.
const TTL: i64 = 300;

/// All records, each once: a name and the wildcard beneath it share one. Nothing as long as AWS has not told them all, and where
/// there are none to be told.
pub(super) fn of(certificate: &CertificateDetail) -> Option<Vec<Record>> {
    let mut records: Vec<Record> = vec![];
    for option in certificate.domain_validation_options() {
        if option.validation_method().is_some_and(|it| *it != ValidationMethod::Dns) {
            continue;
        }
        let told = option.resource_record()?;
        if !records.iter().any(|it| it.resource_record_name == told.name) {
            records.push(Record {
                domain_name: beneath(&option.domain_name).to_owned(),
                resource_record_name: told.name.clone(),
                resource_record_type: told.r#type.as_str().to_owned(),
                resource_record_value: told.value.clone(),
            });
        }
    }
    records.sort_by(|a, b| a.domain_name.cmp(&b.domain_name));
    (!records.is_empty()).then_some(records)
}

/// Writes all of them, whatever stands in their place: only ACM uses their names.
pub(super) async fn write(world: &Aws, zone: &str, records: &[Record]) -> Result<()> {
    let sets = records.iter().map(|record| {
        let value = ResourceRecord::builder().value(&record.resource_record_value).build().expect("it has a value");
        let set = ResourceRecordSet::builder()
            .name(&record.resource_record_name)
            .r#type(RrType::from(record.resource_record_type.as_str()))
            .ttl(TTL)
            .resource_records(value);
        set.build().expect("it has a name and a type")
    });
    change(world, zone, ChangeAction::Upsert, sets.collect()).await
}

/// Whether all of them stand in the zone.
pub(super) async fn are_there(world: &Aws, zone: &str, records: &[Record]) -> Result<bool> {
    Ok(present(world, zone, records).await?.len() == records.len())
}

/// Removes those that stand in the zone exactly as they were written, but for those that another certificate needs too.
pub(super) async fn remove(world: &Aws, zone: &str, records: &[Record], arn: &str) -> Result<()> {
    let mut present = present(world, zone, records).await?;
    if present.is_empty() {
        return Ok(());
    }
    let needed = needed_by_others(world, arn).await?;
    present.retain(|set| {
        let record = records.iter().find(|it| same_name(&it.resource_record_name, set.name()));
        record.is_some_and(|it| !needed.contains(&it.domain_name))
    });
    // Somebody was faster.
    unless(change(world, zone, ChangeAction::Delete, present).await, &["InvalidChangeBatch", "NoSuchHostedZone"]).map(drop)
}

async fn change(world: &Aws, zone: &str, action: ChangeAction, sets: Vec<ResourceRecordSet>) -> Result<()> {
    if sets.is_empty() {
        return Ok(());
    }
    let change = |set| Change::builder().action(action.clone()).resource_record_set(set).build().expect("it has an action");
    let batch = ChangeBatch::builder().set_changes(Some(sets.into_iter().map(change).collect())).build().expect("it has changes");
    world.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await.map_err(error).map(drop)
}

/// Those of the records that stand in the zone, as they stand there; none where there is no such zone.
async fn present(world: &Aws, zone: &str, records: &[Record]) -> Result<Vec<ResourceRecordSet>> {
    let mut present = vec![];
    for record in records {
        // The first one from this name and type on: it, if it is there.
        let call = world
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .start_record_name(&record.resource_record_name)
            .start_record_type(RrType::from(record.resource_record_type.as_str()))
            .max_items(1);
        let Some(answer) = unless(call.send().await.map_err(error), &["NoSuchHostedZone"])? else { return Ok(vec![]) };
        let same = |set: &ResourceRecordSet| {
            let values = set.resource_records();
            same_name(set.name(), &record.resource_record_name)
                && set.r#type().as_str() == record.resource_record_type
                && matches!(values, [it] if same_name(it.value(), &record.resource_record_value))
        };
        present.extend(answer.resource_record_sets.into_iter().filter(same));
    }
    Ok(present)
}

/// Names mean the same with or without a dot at their end and in letters of any size.
fn same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    plain(one) == plain(other)
}

/// The name that decides the record: that of a wildcard is the name it stands beneath.
fn beneath(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}

/// The names of all other certificates of the account that are validated by such records or are renewed by them, in all regions.
async fn needed_by_others(world: &Aws, arn: &str) -> Result<BTreeSet<String>> {
    let regions = world.ec2().describe_regions().send().await.map_err(error)?.regions.unwrap_or_default();
    let regions = regions.into_iter().filter_map(|it| it.region_name);
    let in_region = |region: String| async move {
        let elsewhere = world.region() != Some(&region);
        let there = world.at(&Location { region: Some(region), role: None });
        match certificates(&there, vec![CertificateStatus::PendingValidation, CertificateStatus::Issued]).await {
            // An organisation that keeps its accounts out of a region has none there.
            Err(denied) if elsewhere && denied.is(&["AccessDeniedException", "AccessDenied"]) => Ok(vec![]),
            other => other,
        }
    };
    let found: Vec<Vec<CertificateSummary>> = abreast(regions.map(in_region)).await?;
    let mut names = BTreeSet::new();
    for other in found.into_iter().flatten() {
        if other.certificate_arn() == Some(arn) || other.r#type().is_some_and(|it| *it != CertificateType::AmazonIssued) {
            continue;
        }
        let all = other.subject_alternative_name_summaries().iter().chain(&other.domain_name);
        names.extend(all.map(|it| beneath(it).to_owned()));
    }
    Ok(names)
}
