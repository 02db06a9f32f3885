//! Databases. What all types of RDS share: tags, names, windows, final snapshots, and when a database has settled.

mod database;
pub(crate) mod db_cluster;
pub(crate) mod db_cluster_parameter_group;
pub(crate) mod db_instance;
pub(crate) mod db_parameter_group;
pub(crate) mod db_subnet_group;
mod parameter_group;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_rds::{
    primitives::DateTime,
    types::{CloudwatchLogsExportConfiguration, Filter, MasterUserSecret, PendingCloudwatchLogsExports, Tag, VpcSecurityGroupMembership},
};
use infra::{
    diagnostic::Severity,
    resource::{Error, Id, Problem, Problems, Result, Status, TAG_STATE, Tags},
    value::{Path, Value},
};
use jiff::Timestamp;

use super::{
    clients::Aws,
    error::{error, unless},
};

/// A filter takes up to this many names.
const NAMES: usize = 50;

/// How long a database may be too busy for a change.
const BUSY: Duration = Duration::from_secs(1800);
/// How long a role that was made a moment ago may stay unknown.
const ROLE: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);
/// How long a database may take to be made, changed or deleted.
const TWO_HOURS: Duration = Duration::from_secs(7200);
const PROTECTED: &str = "it is protected by `deletion_protection: true`: write `false` and apply that first, and then delete it";

/// The properties of a database that no call of an update is for by itself.
const OPTIONS: &[&str] = &[
    "allow_major_version_upgrade",
    "apply_immediately",
    "delete_automated_backups",
    "final_db_snapshot_identifier",
    "skip_final_snapshot",
    "snapshot_identifier",
];
/// What the name or the ARN of a snapshot looks like; the names of automatic ones begin with `rds:`.
const SNAPSHOT: &str = r"arn:[a-zA-Z0-9:_./-]+|(rds:|awsbackup:)?[A-Za-z](-?[A-Za-z0-9])*";
/// What a role's refusal says.
const ROLE_REFUSED: &str = "IAM role ARN value is invalid or does not include the required permissions";

fn managed() -> String {
    "Managed by infra".to_owned()
}

fn yes() -> bool {
    true
}

fn day() -> i32 {
    1
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// What a create takes.
fn tag_list(tags: &Tags) -> Option<Vec<Tag>> {
    Some(list(tags.0.clone())).filter(|it| !it.is_empty())
}

fn tags(list: &[Tag]) -> Tags {
    Tags::read(list.iter().filter_map(|it| Some((it.key()?.to_owned(), it.value().unwrap_or_default().to_owned()))))
}

/// Nothing where what has the ARN is gone meanwhile.
async fn tags_of(world: &Aws, arn: &str, gone: &[&str]) -> Result<Option<Tags>> {
    let answer = unless(world.rds().list_tags_for_resource().resource_name(arn).send().await.map_err(error), gone)?;
    Ok(answer.map(|it| tags(it.tag_list())))
}

async fn retag(world: &Aws, arn: &str, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if !set.is_empty() {
        world.rds().add_tags_to_resource().resource_name(arn).set_tags(Some(list(set))).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        world.rds().remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
    }
    Ok(())
}

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// What an update says of something that went away before it.
fn lost(action: &'static str, gone: &[&str], id: &Id) -> Error {
    Error::rejected(action, gone.first().copied().unwrap_or_default(), format!("`{id}` is not there"))
}

/// What a delete comes to: gone, or on its way already, is success.
fn deleted<T>(result: Result<T>, gone: &[&str]) -> Result<()> {
    match unless(result, gone) {
        Err(error) if error.message.contains("already being deleted") => Ok(()),
        other => other.map(drop),
    }
}

/// The name of the last snapshot of a database: no other database ever had it, and it stays the same however often the delete is
/// called, so that it is made once.
fn last_snapshot(id: &Id, made: Option<&DateTime>) -> String {
    let made = made.and_then(|it| it.to_millis().ok()).and_then(|it| Timestamp::from_millisecond(it).ok());
    let made = made.map(|it| it.strftime("-%Y%m%d%H%M%S%3f").to_string()).unwrap_or_default();
    format!("{id}-final{made}")
}

/// The status of a database: what AWS calls it, what it is still busy with although it calls it available, and the properties whose
/// changes it has taken and not made.
fn settled(name: &str, failed: &[&str], busy: Option<String>, pending: &[&str]) -> Status {
    match name {
        "deleting" | "delete-precheck" => Status::Deleting(name.to_owned()),
        it if failed.contains(&it) => Status::Failed(name.to_owned()),
        // Its storage gets better for hours, in full use.
        "available" | "storage-config-upgrade" | "storage-initialization" | "storage-optimization" => match (busy, pending) {
            (Some(busy), _) => Status::Pending(busy),
            (None, []) => Status::Ready,
            (None, names) => Status::Pending(format!("{}{}", Status::WAITING, names.join(", "))),
        },
        _ => match STUCK.iter().find(|(stuck, _)| *stuck == name) {
            Some((_, cause)) => Status::UpdateFailed(format!("{name}: {cause}")),
            None => Status::Pending(name.to_owned()),
        },
    }
}

/// States that do not pass by themselves, with what each needs. None means that the data is lost, so that nothing is replaced.
const STUCK: &[(&str, &str)] = &[
    ("failed", "AWS cannot recover it; a backup can be restored"),
    ("inaccessible-encryption-credentials", "its KMS key cannot be used any more; a backup can be restored"),
    ("inaccessible-encryption-credentials-recoverable", "its KMS key cannot be used: enable the key, and start it"),
    ("incompatible-network", "AWS cannot place it in its subnets"),
    ("incompatible-option-group", "its option group does not suit it"),
    ("incompatible-parameters", "its parameter group does not suit it"),
    (STOPPED, "somebody has to start it"),
];
const STOPPED: &str = "stopped";

/// Changes that are left to the maintenance window are not waited for, nor is it that somebody starts what somebody stopped.
fn suffices(status: &Status, apply_immediately: bool) -> bool {
    match status {
        Status::Ready => true,
        Status::Pending(_) => !apply_immediately && !status.waiting().is_empty(),
        // Nothing more becomes of it, and it has what is wanted.
        Status::UpdateFailed(text) => text.starts_with(STOPPED),
        _ => false,
    }
}

/// Whether changes that wait for the window may be made at once from now on. Of what is only being taken over they are not ours.
fn hastens(changed: &BTreeSet<String>, apply_immediately: bool, from: &Tags, to: &Tags) -> bool {
    changed.contains("apply_immediately") && apply_immediately && from.0.get(TAG_STATE) == to.0.get(TAG_STATE)
}

fn busy_groups(groups: &[VpcSecurityGroupMembership]) -> Option<String> {
    let moving = groups.iter().find(|it| it.status().is_some_and(|it| it != "active"))?;
    Some(format!("security group {}: {}", moving.vpc_security_group_id().unwrap_or_default(), moving.status().unwrap_or_default()))
}

fn busy_secret(secret: Option<&MasterUserSecret>) -> Option<String> {
    let status = secret?.secret_status().filter(|it| *it != "active")?;
    Some(format!("secret of the master user: {status}"))
}

fn group_ids(groups: &[VpcSecurityGroupMembership]) -> Vec<String> {
    groups.iter().filter_map(|it| it.vpc_security_group_id.clone()).collect()
}

/// Which logs to begin and to cease exporting.
fn exports(from: &[String], to: &[String]) -> CloudwatchLogsExportConfiguration {
    let without = |list: &[String], others: &[String]| Some(list.iter().filter(|it| !others.contains(it)).cloned().collect());
    CloudwatchLogsExportConfiguration::builder().set_enable_log_types(without(to, from)).set_disable_log_types(without(from, to)).build()
}

/// The logs that are exported once what waits is done.
fn exported(now: &[String], next: Option<&PendingCloudwatchLogsExports>) -> Vec<String> {
    let (more, less) = next.map(|it| (it.log_types_to_enable(), it.log_types_to_disable())).unwrap_or_default();
    let all: BTreeSet<&String> = now.iter().chain(more).filter(|it| !less.contains(it)).collect();
    all.into_iter().cloned().collect()
}

/// Whether a property is written, and not as what leaving it out means.
fn written(spec: &Value, property: &str) -> bool {
    match spec.get(property) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::List(list)) => !list.is_empty(),
        Some(_) => true,
    }
}

/// AWS keeps names in small letters, and then the name would not be the one written.
fn check_name(spec: &Value, property: &str, problems: &mut Problems) {
    if let Some(name) = spec.get(property).and_then(Value::as_text)
        && name.chars().any(char::is_uppercase)
    {
        problems.error(Path::of(property), "a name with capital letters", format!("AWS keeps it as `{}`: write that", name.to_lowercase()));
    }
}

fn check_key(spec: &Value, property: &str, problems: &mut Problems) {
    if let Some(key) = spec.get(property).and_then(Value::as_text)
        && !key.starts_with("arn:")
    {
        problems.error(Path::of(property), "not the ARN of a key", "write `arn:…:kms:…:key/…`, which is what AWS answers with");
    }
}

/// What a database that keeps its own users needs to know of the first of them.
fn check_master(spec: &Value, problems: &mut Problems) {
    let managed = written(spec, "manage_master_user_password");
    // A snapshot has its users.
    let restored = written(spec, "snapshot_identifier");
    if managed && written(spec, "master_user_password") {
        let help = "remove one: with `manage_master_user_password` RDS makes the password and keeps it in Secrets Manager";
        problems.error(Path::of("master_user_password"), "both a password and one that RDS manages", help);
    }
    if !managed && spec.get("manage_master_user_password").is_none_or(|it| !it.has_unknown()) {
        if written(spec, "master_user_secret_kms_key_id") {
            let help = "write `manage_master_user_password: true`, or remove the key";
            problems.error(Path::of("master_user_secret_kms_key_id"), "a key for a secret that RDS does not manage", help);
        }
        if !written(spec, "master_user_password") && !restored {
            warn(problems, "no password for the master user", "AWS makes none without: write `manage_master_user_password: true`");
        }
    }
    if !written(spec, "master_username") && !restored {
        warn(problems, "no name for the master user", "AWS makes none without: write `master_username`");
    }
    let engine = spec.get("engine").and_then(Value::as_text).unwrap_or_default();
    if let Some(name) = spec.get("master_username").and_then(Value::as_text)
        && (name.eq_ignore_ascii_case("rdsadmin") || name.eq_ignore_ascii_case("admin") && engine.contains("postgres"))
    {
        problems.error(Path::of("master_username"), format!("`{name}` is a name that the engine keeps to itself"), "choose another name");
    }
    if let Some(Value::Secret(password)) = spec.get("master_user_password") {
        let text = password.reveal();
        if text.len() < 8 || text.contains(['/', '"', '@', ' ']) || !text.is_ascii() {
            let help = "it takes 8 characters or more, all of them printable ASCII, and none of `/`, `\"`, `@` and the space";
            problems.error(Path::of("master_user_password"), "a password that RDS refuses", help);
        }
    }
}

/// Where it is no error for one that is taken over.
fn warn(problems: &mut Problems, summary: &str, help: &str) {
    let (summary, help) = (summary.to_owned(), Some(help.to_owned()));
    problems.0.push(Problem { severity: Severity::Warning, path: Path::default(), summary, help });
}

fn check_encryption(spec: &Value, problems: &mut Problems) {
    let encrypted = spec.get("storage_encrypted");
    if written(spec, "kms_key_id") && encrypted.is_none_or(|it| matches!(it, Value::Null | Value::Bool(false))) {
        problems.error(Path::of("kms_key_id"), "a key without encryption", "write `storage_encrypted: true`, or remove the key");
    }
    check_key(spec, "kms_key_id", problems);
}

fn check_snapshot(spec: &Value, problems: &mut Problems) {
    if written(spec, "skip_final_snapshot") && written(spec, "final_db_snapshot_identifier") {
        let help = "remove `skip_final_snapshot`, or the name";
        problems.error(Path::of("final_db_snapshot_identifier"), "a name for a snapshot that is not made", help);
    }
}

/// A time of the day or of the week, UTC: `03:00-04:00`, `mon:03:00-mon:04:00`.
const BACKUP_WINDOW: &str = r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d";
const MAINTENANCE_WINDOW: &str =
    r"(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):[0-5]\d-(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):[0-5]\d";

const DAY: u32 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Backups and maintenance must not meet, and both need their time.
fn check_windows(spec: &Value, problems: &mut Problems) {
    let window = |property: &str| window(spec.get(property)?.as_text()?);
    let (backup, maintenance) = (window("preferred_backup_window"), window("preferred_maintenance_window"));
    for (property, window) in [("preferred_backup_window", &backup), ("preferred_maintenance_window", &maintenance)] {
        if window.as_ref().is_some_and(|it| it.len() < 30) {
            problems.error(Path::of(property), "a window that is too short", "it takes 30 minutes or more");
        }
    }
    if let (Some(backup), Some(maintenance)) = (backup, maintenance) {
        let daily: BTreeSet<u32> = backup.iter().map(|it| it % DAY).collect();
        if maintenance.iter().any(|it| daily.contains(&(it % DAY))) {
            problems.error(
                Path::of("preferred_maintenance_window"),
                "maintenance during the time of the backups",
                "choose times that do not meet `preferred_backup_window`",
            );
        }
    }
}

/// The minutes of the week in a window; those of a Monday for one of every day.
fn window(text: &str) -> Option<Vec<u32>> {
    let minute = |text: &str| {
        let parts: Vec<_> = text.split(':').collect();
        let (day, hour, minute) = match parts[..] {
            [hour, minute] => (None, hour, minute),
            [day, hour, minute] => (Some(DAYS.iter().position(|it| *it == day)?), hour, minute),
            _ => return None,
        };
        let time = hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok()?;
        Some((day.and_then(|it| u32::try_from(it).ok()).unwrap_or_default() * DAY + time, day.is_some()))
    };
    let (from, to) = text.split_once('-')?;
    let ((from, weekly), (to, _)) = (minute(from)?, minute(to)?);
    let round = if weekly { 7 * DAY } else { DAY };
    let length = (to + round - from) % round;
    Some((0..length).map(|it| (from + it) % round).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_only_being_taken_over_is_not_hastened() {
        let tags = |state: &str| Tags([(TAG_STATE.to_owned(), state.to_owned())].into());
        let check = |changed: &str, at_once: bool, from: &Tags, expected: bool| {
            assert_eq!(hastens(&[changed.to_owned()].into(), at_once, from, &tags("s")), expected, "{changed} {at_once} {from:?}");
        };
        check("apply_immediately", true, &tags("s"), true);
        check("apply_immediately", false, &tags("s"), false);
        check("multi_az", true, &tags("s"), false);
        check("apply_immediately", true, &Tags::default(), false);
        check("apply_immediately", true, &tags("another"), false);
    }

    #[test]
    fn windows_must_not_meet() {
        for (backup, maintenance, expected) in [
            ("03:00-04:00", "mon:04:00-mon:05:00", vec![]),
            ("03:00-04:00", "mon:03:30-mon:05:00", vec!["maintenance during the time of the backups"]),
            ("23:30-00:30", "sun:23:00-mon:00:10", vec!["maintenance during the time of the backups"]),
            ("03:00-03:10", "mon:04:00-mon:05:00", vec!["a window that is too short"]),
        ] {
            let mut problems = Problems::default();
            let spec = json!({ "preferred_backup_window": backup, "preferred_maintenance_window": maintenance });
            check_windows(&Value::from(spec), &mut problems);
            assert_eq!(problems.0.iter().map(|it| it.summary.as_str()).collect::<Vec<_>>(), expected, "{backup} {maintenance}");
        }
    }

    #[test]
    fn the_last_snapshot_has_one_name_for_each_life() {
        let id = Id::from("orders");
        let (one, other) = (DateTime::from_millis(1_700_000_000_123), DateTime::from_millis(1_700_000_000_124));
        assert_eq!(last_snapshot(&id, Some(&one)), "orders-final-20231114221320123");
        assert_ne!(last_snapshot(&id, Some(&one)), last_snapshot(&id, Some(&other)));
        assert_eq!(last_snapshot(&id, None), "orders-final");
    }

    #[test]
    fn a_database_has_settled_when_nothing_is_left_to_wait_for() {
        let pending = |text: &str| Status::Pending(text.to_owned());
        for (name, busy, changes, expected) in [
            ("available", None, &[][..], Status::Ready),
            ("storage-optimization", None, &[], Status::Ready),
            ("available", Some("secret of the master user: creating"), &[], pending("secret of the master user: creating")),
            ("available", None, &["engine_version", "port"], pending("pending: engine_version, port")),
            ("modifying", None, &["engine_version"], pending("modifying")),
            ("storage-full", None, &[], pending("storage-full")),
            ("storage-initialization", None, &[], Status::Ready),
            ("deleting", None, &[], Status::Deleting("deleting".to_owned())),
            ("restore-error", None, &[], Status::Failed("restore-error".to_owned())),
        ] {
            assert_eq!(settled(name, &["restore-error"], busy.map(str::to_owned), changes), expected, "{name}");
        }
    }

    #[test]
    fn what_does_not_pass_by_itself_is_not_waited_for_and_never_replaced() {
        for name in [
            "failed",
            "inaccessible-encryption-credentials",
            "inaccessible-encryption-credentials-recoverable",
            "incompatible-network",
            "incompatible-option-group",
            "incompatible-parameters",
            "stopped",
        ] {
            let found = settled(name, &[], None, &["engine_version"]);
            let Status::UpdateFailed(why) = found else { panic!("{name}: {found:?}") };
            assert!(why.starts_with(&format!("{name}: ")) && why.len() > name.len() + 2, "{why}");
        }
    }

    #[test]
    fn changes_left_to_the_window_are_not_waited_for() {
        let waiting = settled("available", &[], None, &["engine_version"]);
        assert!(suffices(&waiting, false) && !suffices(&waiting, true));
        let busy = settled("modifying", &[], None, &["engine_version"]);
        assert!(!suffices(&busy, false) && !suffices(&busy, true));
        assert!(suffices(&Status::Ready, false) && suffices(&Status::Ready, true));
    }
}
