//! Roles, and the secrets that they may read.

use super::{check_findings, role};

#[test]
fn a_function_may_read_the_secrets_it_is_told_of() {
    let secret = "secret: { secretsmanager.secret: { name: shop/database, secret_string: a } }\n";
    let wrong = [("worker", "warning[function-role-secret]: `worker` is told of `secret`, and its role may not read it")];
    let function = |value: &str| {
        format!(
            "worker: {{ lambda.function: {{ role: '${{role.arn}}', code: {{ image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a }}, environment: {{ DB: '{value}' }} }} }}\n"
        )
    };
    let reads = |resource: &str| {
        role(&format!(
            "policies: {{ secrets: {{ Version: '2012-10-17', Statement: {{ Effect: Allow, Action: ['secretsmanager:GetSecretValue'], Resource: {resource} }} }} }}"
        ))
    };
    for (resource, expected) in [
        ("['${secret.arn}']", &[][..]),
        ("'${secret.id}'", &[]),
        ("'*'", &[]),
        ("'arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/*'", &[]),
        ("'arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/database-??????'", &[]),
        ("'arn:${aws.partition}:secretsmanager:${aws.region}:${aws.account_id}:secret:shop/*'", &[]),
        ("'arn:${aws.partition}:secretsmanager:${aws.region}:${aws.account_id}:secret:bank/*'", &wrong),
        ("'arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/database'", &wrong),
        ("['arn:aws:secretsmanager:eu-central-1:123456789012:secret:bank/*', '${other.arn}']", &wrong),
        ("'${other.arn}*'", &wrong),
    ] {
        let other = "other: { secretsmanager.secret: { name: bank/database, secret_string: a } }\n";
        for value in ["shop/database", "${secret.arn}", "${secret.id}"] {
            check_findings(&format!("{secret}{other}{}{}", reads(resource), function(value)), expected);
        }
    }
    let none = role("managed_policy_arns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']");
    check_findings(&format!("{secret}{none}{}", function("shop/database")), &wrong);
    check_findings(&format!("{secret}{none}{}", function("shop/elsewhere")), &[]);
    let managed = role("managed_policy_arns: ['arn:aws:iam::aws:policy/SecretsManagerReadWrite']");
    check_findings(&format!("{secret}{managed}{}", function("shop/database")), &[]);
    let open = secret.replace("secret_string: a", "secret_string: a, resource_policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: '*' }] }");
    check_findings(&format!("{open}{none}{}", function("shop/database")), &[]);
}

#[test]
fn a_role_trusts_who_takes_it_on() {
    let function =
        "worker: { lambda.function: { role: '${role.arn}', code: { image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a } } }\n";
    let task = "task: { ecs.task_definition: { family: web, task_role_arn: '${role.arn}', container_definitions: [{ name: web, image: a, memory: 64 }] } }\n";
    let of = |principal: &str| {
        format!(
            "role: {{ iam.role: {{ assume_role_policy_document: {{ Version: '2012-10-17', Statement: [{{ Effect: Allow, Principal: {principal}, Action: 'sts:AssumeRole' }}] }} }} }}\n"
        )
    };
    let wrong = |name: &'static str| (name, format!("error[role-trust]: `{name}` cannot take on its role `role`"));
    for (principal, user, right) in [
        ("{ Service: lambda.amazonaws.com }", function, true),
        ("{ Service: [edgelambda.amazonaws.com, lambda.amazonaws.com] }", function, true),
        ("'*'", function, true),
        ("{ Service: ecs-tasks.amazonaws.com }", function, false),
        ("{ AWS: '123456789012' }", function, false),
        ("{ Service: ecs-tasks.amazonaws.com }", task, true),
        ("{ Service: lambda.amazonaws.com }", task, false),
    ] {
        let (name, line) = wrong(if user == function { "worker" } else { "task" });
        let expected: Vec<_> = (!right).then_some((name, line.as_str())).into_iter().collect();
        check_findings(&(of(principal) + user), &expected);
    }
}

#[test]
fn secrets_are_not_written_in_plain_text() {
    let function = |environment: &str| {
        format!(
            "worker: {{ lambda.function: {{ role: 'arn:aws:iam::123456789012:role/r', code: {{ image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a }}, environment: {{ {environment} }} }} }}\n"
        )
    };
    let wrong = |name: &'static str| (name, format!("warning[plain-secret]: a secret of `{name}` stands in the stack file in plain text"));
    for (environment, plain) in [
        ("DB_PASSWORD: hunter2222", true),
        ("password: hunter2222", true),
        ("OPENAI_API_KEY: sk-abcdef", true),
        ("URL: 'postgres://shop:hunter2222@db:5432/shop'", true),
        (concat!("KEY_ID: AKIA", "ABCDEFGHABCDEFGH"), true),
        ("DB_PASSWORD: '${vars.where}'", true),
        ("DB_SECRET_NAME: shop/database", false),
        ("APP_SECRET: shop/database", false),
        ("DB_PASSWORD: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:x'", false),
        ("MAX_TOKEN: '100'", false),
        ("DB_PASSWORD: ''", false),
        ("URL: 'https://example.com/a@b:c'", false),
        ("DB_PASSWORD: '${secret.generated.password}'", false),
    ] {
        let secret = "secret: { secretsmanager.secret: { name: shop/database, generate: { password: { length: 20 } } } }\n";
        let (name, line) = wrong("worker");
        let expected: Vec<_> = plain.then_some((name, line.as_str())).into_iter().collect();
        check_findings(&(secret.to_owned() + &function(environment)), &expected);
    }
    let cluster = |password: &str| {
        format!(
            "secret: {{ secretsmanager.secret: {{ generate: {{ password: {{ length: 20 }} }} }} }}
cluster: {{ rds.db_cluster: {{ engine: aurora-postgresql, master_username: postgres, master_user_password: '{password}' }} }}\n"
        )
    };
    let (name, line) = wrong("cluster");
    check_findings(&cluster("hunter2222"), &[(name, &line)]);
    check_findings(&cluster("${secret.generated.password}"), &[]);
    let (name, line) = wrong("task");
    let task = "task: { ecs.task_definition: { family: web, container_definitions: [{ name: web, image: a, memory: 64, environment: { TOKEN: abcdefgh } }] } }\n";
    check_findings(task, &[(name, &line)]);
}

#[test]
fn roles_may_not_do_everything() {
    for (arn, name) in [
        ("arn:aws:iam::aws:policy/AmazonBedrockFullAccess", Some("AmazonBedrockFullAccess")),
        ("arn:${aws.partition}:iam::aws:policy/AmazonS3FullAccess", Some("AmazonS3FullAccess")),
        ("arn:aws:iam::aws:policy/AdministratorAccess", Some("AdministratorAccess")),
        ("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", None),
        ("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", None),
        ("arn:aws:iam::123456789012:policy/OursFullAccess", None),
    ] {
        let expected = name.map(|it| format!("warning[full-access]: `role` has the policy `{it}`"));
        let expected: Vec<_> = expected.iter().map(|it| ("role", it.as_str())).collect();
        check_findings(&role(&format!("managed_policy_arns: ['{arn}']")), &expected);
    }
}

#[test]
fn a_part_of_a_secret_is_one_that_it_generates() {
    let stack = |generate: &str, password: &str| {
        format!(
            "secret: {{ secretsmanager.secret: {{ {generate}values: {{ user: a }} }} }}
cluster: {{ rds.db_cluster: {{ engine: aurora-postgresql, master_username: postgres, master_user_password: '{password}' }} }}\n"
        )
    };
    let wrong = [("cluster", "error[generated-part]: there is no `pasword` in it")];
    let generate = "generate: { password: { length: 20 } }, ";
    check_findings(&stack(generate, "${secret.generated.pasword}"), &wrong);
    check_findings(&stack("", "${secret.generated.pasword}"), &wrong);
    check_findings(&stack(generate, "${secret.generated.password}"), &[]);
    check_findings(&stack(generate, "${secret.generated[\"password\"]}"), &[]);
    let several = stack("for_each: [x], ", "${secret[\"x\"].generated.pasword}")
        .replace("{ secretsmanager.secret: { for_each: [x], ", "{ for_each: [x], secretsmanager.secret: { generate: { password: {} }, ");
    check_findings(&several, &wrong);
}
