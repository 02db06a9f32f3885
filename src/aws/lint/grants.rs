//! What roles of a stack may do, as far as the stack itself tells it.

use infra::value::{Path, Value};

use super::{Resource, Resources, written};

/// What policies of AWS allow; of any other one nothing is known.
const MANAGED: &[(&str, &[&str])] = &[
    ("AWSLambdaBasicExecutionRole", &["logs:*"]),
    ("AWSLambdaDynamoDBExecutionRole", &["dynamodb:*", "logs:*"]),
    ("AWSLambdaENIManagementAccess", &["ec2:*NetworkInterface*"]),
    ("AWSLambdaKinesisExecutionRole", &["kinesis:*", "logs:*"]),
    ("AWSLambdaSQSQueueExecutionRole", &["sqs:*", "logs:*"]),
    ("AWSLambdaVPCAccessExecutionRole", &["logs:*", "ec2:*NetworkInterface*"]),
    ("AWSXRayDaemonWriteAccess", &["xray:*"]),
    ("AmazonBedrockFullAccess", &["bedrock:*"]),
    ("AmazonDynamoDBReadOnlyAccess", &["dynamodb:*"]),
    ("AmazonECSTaskExecutionRolePolicy", &["ecr:*", "logs:*"]),
    ("AmazonS3FullAccess", &["s3:*"]),
    ("AmazonS3ReadOnlyAccess", &["s3:*"]),
    ("CloudWatchLogsFullAccess", &["logs:*"]),
    ("SecretsManagerReadWrite", &["secretsmanager:*"]),
];

/// The name of an AWS policy in its ARN, which may have parts that are not known.
pub(super) fn managed(arn: &Value) -> Option<&str> {
    let (account, path) = written(arn)?.split_once(":policy/")?;
    account.ends_with(":aws").then(|| path.rsplit('/').next().unwrap_or(path))
}

/// Whether a role may do this, to this secret if one is named; also where it might.
pub(super) fn allows(resources: &Resources<'_>, role: &Resource<'_>, action: &str, secret: Option<&Resource<'_>>) -> bool {
    let attached = match role.get("managed_policy_arns") {
        None => &[][..],
        Some(Value::List(arns)) => arns,
        Some(_) => return true,
    };
    let attached = attached.iter().any(|arn| match resources.own_of(arn, "iam.policy") {
        Some(policy) => {
            policy.get("policy_document").is_none_or(|it| document(resources, policy, it, &Path::of("policy_document"), action, secret))
        }
        None => match managed(arn).and_then(|name| MANAGED.iter().find(|it| it.0 == name)) {
            Some((_, actions)) => actions.iter().any(|it| like(it, action)),
            None => true,
        },
    });
    attached
        || match role.get("policies") {
            None => false,
            Some(Value::Map(policies)) => {
                policies.iter().any(|(name, it)| document(resources, role, it, &Path::of("policies").key(name), action, secret))
            }
            Some(_) => true,
        }
}

fn document(resources: &Resources<'_>, of: &Resource<'_>, it: &Value, at: &Path, action: &str, secret: Option<&Resource<'_>>) -> bool {
    let Some(it) = it.as_map() else { return true };
    let at = at.key("Statement");
    match it.get("Statement") {
        Some(Value::List(all)) => all.iter().enumerate().any(|(n, it)| statement(resources, of, it, &at.item(n), action, secret)),
        Some(it) => statement(resources, of, it, &at, action, secret),
        None => false,
    }
}

fn statement(resources: &Resources<'_>, of: &Resource<'_>, it: &Value, at: &Path, action: &str, secret: Option<&Resource<'_>>) -> bool {
    if it.as_map().is_none() {
        return true;
    }
    if it.get("Effect").and_then(Value::as_text) == Some("Deny") {
        return false;
    }
    let acts = it.get("Action").is_none_or(|it| items(it).iter().any(|it| it.as_text().is_none_or(|it| like(it, action))));
    let Some(secret) = secret.filter(|_| acts) else { return acts };
    it.get("Resource").is_none_or(|it| {
        let at = at.key("Resource");
        let listed = it.as_list().is_some();
        let each = items(it).iter().enumerate();
        each.into_iter().any(|(n, it)| is_of(resources, of, it, &if listed { at.item(n) } else { at.clone() }, secret))
    })
}

fn items(value: &Value) -> &[Value] {
    value.as_list().unwrap_or(std::slice::from_ref(value))
}

/// Whether an ARN in a policy is a secret's; also where it might be.
fn is_of(resources: &Resources<'_>, of: &Resource<'_>, arn: &Value, at: &Path, secret: &Resource<'_>) -> bool {
    if arn.as_text().is_none() {
        if let Some((it, _)) = resources.own(arn) {
            return it.address == secret.address;
        }
        let mentioned = resources.mentioned(of, at);
        if !mentioned.is_empty() {
            return mentioned.iter().any(|it| it.address == secret.address);
        }
    }
    let (Some(arn), Some(name)) = (written(arn), secret.text("name")) else { return true };
    match arn.rsplit_once(":secret:") {
        // AWS puts six characters of its own behind the name.
        Some((_, pattern)) => pattern.contains("${") || like(pattern, &format!("{name}-AbCdEf")),
        None => !arn.starts_with("arn:") || arn.contains("${") || like(arn, &format!("arn:aws:secretsmanager:::secret:{name}-AbCdEf")),
    }
}

/// Whether a text is one that a pattern with `*` and `?` means, in upper or lower case.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    fn rest(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', more)) => (0..=text.len()).any(|n| rest(more, &text[n..])),
            Some((one, more)) => {
                text.split_first().is_some_and(|(it, others)| (*one == b'?' || it.eq_ignore_ascii_case(one)) && rest(more, others))
            }
        }
    }
    rest(pattern.as_bytes(), text.as_bytes())
}

/// The role of the stack that a property names by its ARN.
pub(super) fn role<'r, 'a>(resources: &'r Resources<'a>, of: &Resource<'_>, property: &str) -> Option<&'r Resource<'a>> {
    resources.own_of(of.get(property)?, "iam.role")
}
