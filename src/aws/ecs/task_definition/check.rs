//! What AWS would refuse of a task definition, or accept and then never start.

use std::collections::{BTreeMap, BTreeSet};

use infra::{
    resource::Problems,
    value::{Path, Value},
};

/// How much memory Fargate has for so much CPU: the least, the most, and the steps between them, in MiB.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html>
const FARGATE: &[(i64, i64, i64, i64)] = &[
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// What log drivers Fargate has.
const FARGATE_DRIVERS: &[&str] = &["awslogs", "awsfirelens", "splunk"];

pub(super) fn check(spec: &Value, problems: &mut Problems) {
    let compatibilities = spec.get("requires_compatibilities").and_then(Value::as_list).unwrap_or_default();
    let fargate = compatibilities.iter().any(|it| it.as_text() == Some("FARGATE"));
    if fargate {
        on_fargate(spec, problems);
    }
    let Some(containers) = spec.get("container_definitions").and_then(Value::as_list) else { return };
    together(spec, containers, problems);
    for (number, container) in containers.iter().enumerate() {
        let path = Path::of("container_definitions").item(number);
        alone(spec, container, &path, problems);
        waits(container, containers, &path, problems);
        mounts(spec, container, &path, problems);
        if fargate {
            container_on_fargate(spec, container, &path, problems);
        }
    }
    volumes(spec, fargate, problems);
}

/// Whether nothing is written there; what is not known yet may be anything.
fn missing(of: &Value, property: &str) -> bool {
    of.get(property).is_none_or(Value::is_null)
}

fn number(of: &Value, property: &str) -> Option<i64> {
    match of.get(property) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

fn text<'a>(of: &'a Value, property: &str) -> Option<&'a str> {
    of.get(property).and_then(Value::as_text)
}

fn items<'a>(of: &'a Value, property: &str) -> &'a [Value] {
    of.get(property).and_then(Value::as_list).unwrap_or_default()
}

fn on_fargate(spec: &Value, problems: &mut Problems) {
    let mode = text(spec, "network_mode");
    if missing(spec, "network_mode") || mode.is_some_and(|it| it != "awsvpc") {
        let path = if mode.is_some() { Path::of("network_mode") } else { Path::default() };
        problems.error(path, "a task on Fargate has a network interface of its own", "write `network_mode: awsvpc`");
    }
    let sizes = FARGATE.iter().map(|it| it.0.to_string()).collect::<Vec<_>>().join(", ");
    for property in ["cpu", "memory"] {
        if missing(spec, property) {
            let help = format!("write `cpu` as one of {sizes}, and a `memory` that fits");
            problems.error(Path::default(), format!("a task on Fargate without `{property}`"), help);
        }
    }
    if let Some(cpu) = number(spec, "cpu") {
        match FARGATE.iter().find(|it| it.0 == cpu) {
            None => problems.error(Path::of("cpu"), format!("Fargate has no tasks of {cpu} CPU units"), format!("choose one of {sizes}")),
            Some(&(_, least, most, step)) => {
                if let Some(memory) = number(spec, "memory").filter(|it| !fits(*it, least, most, step)) {
                    // The smallest step of all is not taken between 1024 and 2048.
                    let choices = if cpu == 256 { "512, 1024 or 2048".to_owned() } else { format!("{least} to {most} in steps of {step}") };
                    let summary = format!("Fargate has no tasks of {cpu} CPU units with {memory} MiB");
                    problems.error(Path::of("memory"), summary, format!("for this `cpu`, choose {choices}"));
                }
            }
        }
    }
    if text(spec, "pid_mode") == Some("host") {
        problems.error(Path::of("pid_mode"), "a task on Fargate sees no other processes", "write `pid_mode: task`, or remove it");
    }
}

fn fits(memory: i64, least: i64, most: i64, step: i64) -> bool {
    (least..=most).contains(&memory) && (memory - least) % step == 0 && !(step == 512 && memory == 1536)
}

/// What holds for all containers of a task.
fn together(spec: &Value, containers: &[Value], problems: &mut Problems) {
    let path = Path::of("container_definitions");
    let essential = |it: &Value| !matches!(it.get("essential"), Some(Value::Bool(false)));
    if !containers.is_empty() && !containers.iter().any(essential) {
        problems.error(path.clone(), "a task without an essential container", "leave `essential` out where the work is done");
    }
    let mut names = BTreeSet::new();
    let mut ports: BTreeMap<(i64, &str), &str> = BTreeMap::new();
    let awsvpc = text(spec, "network_mode") == Some("awsvpc");
    for (n, container) in containers.iter().enumerate() {
        let name = text(container, "name").unwrap_or_default();
        if !name.is_empty() && !names.insert(name) {
            problems.error(path.item(n).key("name"), format!("a second container named `{name}`"), "give each a name of its own");
        }
        for (number_of, mapping) in items(container, "port_mappings").iter().enumerate().filter(|_| awsvpc) {
            let Some(port) = number(mapping, "container_port") else { continue };
            let at = path.item(n).key("port_mappings").item(number_of);
            if let Some(other) = ports.insert((port, text(mapping, "protocol").unwrap_or("tcp")), name) {
                let summary = format!("port {port} is `{other}`'s already");
                problems.error(at.key("container_port"), summary, "containers of one task share its addresses: choose another port");
            }
            if number(mapping, "host_port").is_some_and(|it| it != port) {
                let help = "remove it: in network mode `awsvpc` there is no other port";
                problems.error(at.key("host_port"), "`host_port` is not the port of the container", help);
            }
        }
    }
    for (property, what) in [("cpu", "CPU units"), ("memory_reservation", "MiB"), ("memory", "MiB")] {
        let whole = number(spec, if property == "cpu" { "cpu" } else { "memory" });
        let parts: Vec<_> = containers.iter().filter_map(|it| number(it, property)).collect();
        let sum: i64 = parts.iter().sum();
        // Limits of memory may overlap; only one alone can be too much.
        let used = if property == "memory" { parts.iter().max().copied().unwrap_or_default() } else { sum };
        if let Some(whole) = whole.filter(|it| used > *it) {
            let summary = format!("containers ask for {used} {what} of the task's {whole}");
            problems.error(path.clone(), summary, format!("raise the task's size, or lower their `{property}`"));
        }
    }
}

/// What holds for a container by itself.
fn alone(spec: &Value, container: &Value, path: &Path, problems: &mut Problems) {
    if missing(spec, "memory") && missing(container, "memory") && missing(container, "memory_reservation") {
        let help = "write `memory` for the task, or `memory` or `memory_reservation` for the container";
        problems.error(path.clone(), "a container without memory", help);
    }
    if let (Some(limit), Some(kept)) = (number(container, "memory"), number(container, "memory_reservation"))
        && kept > limit
    {
        let summary = "more memory is kept for the container than it may use";
        problems.error(path.key("memory_reservation"), summary, "raise `memory`, or lower `memory_reservation`");
    }
    let names =
        |property: &str| container.get(property).and_then(Value::as_map).map(|it| it.keys().collect::<Vec<_>>()).unwrap_or_default();
    let secrets = names("secrets");
    for name in names("environment").into_iter().filter(|it| secrets.contains(it)) {
        let summary = format!("`{name}` is in `environment` and in `secrets`");
        problems.error(path.key("environment").key(name), summary, "remove it from one of them");
    }
    if let Some(log) = container.get("log_configuration").filter(|it| text(it, "log_driver") == Some("awslogs")) {
        let options = log.get("options");
        let known = options.is_none_or(|it| it.is_null() || it.as_map().is_some());
        for option in ["awslogs-group", "awslogs-region"] {
            if known && options.is_none_or(|it| missing(it, option)) {
                let help = "CloudWatch Logs needs `awslogs-group`, `awslogs-region` and, on Fargate, `awslogs-stream-prefix`";
                problems.error(path.key("log_configuration"), format!("the log driver `awslogs` without `{option}`"), help);
            }
        }
    }
}

fn waits(container: &Value, containers: &[Value], path: &Path, problems: &mut Problems) {
    let known = containers.iter().all(|it| text(it, "name").is_some());
    for (n, dependency) in items(container, "depends_on").iter().enumerate() {
        let Some(name) = text(dependency, "container_name").filter(|_| known) else { continue };
        let at = path.key("depends_on").item(n);
        let Some(other) = containers.iter().find(|it| text(it, "name") == Some(name)) else {
            problems.error(at.key("container_name"), format!("there is no container `{name}` to wait for"), "name one of this task");
            continue;
        };
        if text(container, "name") == Some(name) {
            problems.error(at.key("container_name"), "the container waits for itself", "name another one of this task");
        }
        match text(dependency, "condition") {
            Some("HEALTHY") if missing(other, "health_check") => {
                let help = format!("give `{name}` a `health_check`, or write `condition: START`");
                problems.error(at.key("condition"), format!("`{name}` never becomes healthy"), help);
            }
            Some("COMPLETE" | "SUCCESS") if !matches!(other.get("essential"), Some(Value::Bool(false) | Value::Unknown(_))) => {
                let help = format!("write `essential: false` for `{name}`");
                problems.error(at.key("condition"), format!("the task ends when `{name}` does"), help);
            }
            _ => {}
        }
    }
}

fn mounts(spec: &Value, container: &Value, path: &Path, problems: &mut Problems) {
    let volumes: Option<Vec<_>> = items(spec, "volumes").iter().map(|it| text(it, "name")).collect();
    let known = spec.get("volumes").is_none_or(|it| it.is_null() || it.as_list().is_some());
    for (n, mount) in items(container, "mount_points").iter().enumerate() {
        if let (Some(name), Some(volumes)) = (text(mount, "source_volume"), volumes.as_ref().filter(|_| known))
            && !volumes.contains(&name)
        {
            let at = path.key("mount_points").item(n).key("source_volume");
            problems.error(at, format!("there is no volume `{name}`"), "name it in `volumes`: a name is enough for an empty one");
        }
    }
}

fn container_on_fargate(spec: &Value, container: &Value, path: &Path, problems: &mut Problems) {
    if container.get("privileged") == Some(&Value::Bool(true)) {
        problems.error(path.key("privileged"), "a privileged container on Fargate", "remove it: Fargate has none");
    }
    let log = container.get("log_configuration");
    let driver = log.and_then(|it| text(it, "log_driver"));
    if let Some(driver) = driver.filter(|it| !FARGATE_DRIVERS.contains(it)) {
        let at = path.key("log_configuration").key("log_driver");
        problems.error(at, format!("Fargate has no log driver `{driver}`"), format!("choose one of {}", FARGATE_DRIVERS.join(", ")));
    }
    let options = log.and_then(|it| it.get("options")).and_then(Value::as_map);
    if driver == Some("awslogs") && options.is_some_and(|it| !it.contains_key("awslogs-stream-prefix")) {
        let summary = "the log driver `awslogs` on Fargate without `awslogs-stream-prefix`";
        problems.error(path.key("log_configuration"), summary, "write it: log streams are named `PREFIX/CONTAINER/TASK`");
    }
    let secrets = container.get("secrets").and_then(Value::as_map).is_some_and(|it| !it.is_empty());
    if missing(spec, "execution_role_arn") && (driver == Some("awslogs") || secrets || is_private(container)) {
        let what = if secrets {
            "read its secrets"
        } else if driver == Some("awslogs") {
            "write its log"
        } else {
            "pull its image"
        };
        let help = "name a role with the policy `AmazonECSTaskExecutionRolePolicy` in `execution_role_arn`";
        problems.error(path.clone(), format!("Fargate has no role with which to {what}"), help);
    }
    let sized = container.get("linux_parameters").filter(|it| !missing(it, "shared_memory_size"));
    if sized.is_some() {
        let at = path.key("linux_parameters").key("shared_memory_size");
        problems.error(at, "`shared_memory_size` on Fargate", "remove it: Fargate does not take it");
    }
}

/// Whether the image stands in an ECR registry of an account.
fn is_private(container: &Value) -> bool {
    text(container, "image").is_some_and(|it| it.contains(".dkr.ecr."))
}

fn volumes(spec: &Value, fargate: bool, problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (n, volume) in items(spec, "volumes").iter().enumerate() {
        let path = Path::of("volumes").item(n);
        if let Some(name) = text(volume, "name")
            && !names.insert(name)
        {
            problems.error(path.key("name"), format!("a second volume named `{name}`"), "give each a name of its own");
        }
        if fargate && volume.get("host").is_some_and(|it| !missing(it, "source_path")) {
            problems.error(path.key("host"), "a folder of the instance on Fargate", "there is no instance: use EFS, or remove `host`");
        }
        let Some(efs) = volume.get("efs_volume_configuration").filter(|it| !it.is_null()) else { continue };
        let access = efs.get("authorization_config").filter(|it| !it.is_null());
        let encrypted = efs.get("transit_encryption").is_some_and(|it| it.as_text() != Some("DISABLED") && !it.is_null());
        if access.is_some() && !encrypted {
            let help = "write `transit_encryption: ENABLED` beside it";
            problems.error(path.key("efs_volume_configuration"), "`authorization_config` without encryption on the way", help);
        }
        let point = access.is_some_and(|it| !missing(it, "access_point_id"));
        if point && text(efs, "root_directory").is_some_and(|it| it != "/") {
            let at = path.key("efs_volume_configuration").key("root_directory");
            problems.error(at, "`root_directory` beside an access point", "remove it: the access point has a folder of its own");
        }
    }
}
