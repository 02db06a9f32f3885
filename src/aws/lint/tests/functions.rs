//! Functions, and the APIs and buckets that call them.

use super::{GATEWAY, NAT, NETWORK, NETWORK_POLICY, PUBLIC, check_findings, function, lint, role};

#[test]
fn an_api_has_one_route_for_each_key() {
    let stack = "
api: { apigatewayv2.api: { name: api, protocol_type: HTTP } }
other: { apigatewayv2.api: { name: other, protocol_type: HTTP } }
a: { apigatewayv2.route: { api_id: '${api.id}', route_key: GET /pets } }
b: { apigatewayv2.route: { api_id: '${api.id}', route_key: POST /pets } }
c: { apigatewayv2.route: { api_id: '${other.id}', route_key: GET /pets } }
d: { apigatewayv2.route: { api_id: '${api.id}', route_key: GET /pets } }
e: { apigatewayv2.route: { api_id: a1b2c3, route_key: GET /pets } }
f: { apigatewayv2.route: { api_id: a1b2c3, route_key: GET /pets } }
";
    assert_eq!(
        lint(stack),
        ["error[duplicate-route]: `a` and `d` both take `GET /pets`", "error[duplicate-route]: `e` and `f` both take `GET /pets`"]
    );
}

#[test]
fn parts_of_an_api_are_of_its_kind() {
    let base = "
http: { apigatewayv2.api: { name: http, protocol_type: HTTP } }
socket: { apigatewayv2.api: { name: socket, protocol_type: WEBSOCKET, route_selection_expression: $request.body.action } }
";
    let function = "integration_type: AWS_PROXY, integration_uri";
    let whole =
        "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:a/invocations";
    let bare = "arn:aws:lambda:eu-central-1:123456789012:function:a";
    for (api, thing, properties, expected) in [
        ("http", "integration", format!("{function}: {bare}, timeout_in_millis: 30000"), None),
        ("socket", "integration", format!("{function}: {whole}, timeout_in_millis: 29000"), None),
        ("socket", "integration", format!("{function}: {bare}"), Some("the ARN of a function itself")),
        ("socket", "integration", format!("{function}: {whole}, timeout_in_millis: 30000"), Some("a timeout of 30000 ms")),
        (
            "socket",
            "integration",
            "integration_type: AWS_PROXY, integration_subtype: SQS-SendMessage, credentials_arn: 'arn:aws:iam::123456789012:role/r'"
                .to_owned(),
            Some("an action of AWS"),
        ),
        (
            "socket",
            "integration",
            "integration_type: HTTP_PROXY, integration_method: ANY, integration_uri: 'arn:a', connection_type: VPC_LINK, connection_id: a"
                .to_owned(),
            Some("a VPC link"),
        ),
        ("http", "route", "route_key: GET /pets".to_owned(), None),
        ("http", "route", "route_key: $default, api_key_required: false, request_parameters: {}".to_owned(), None),
        ("http", "route", "route_key: $connect".to_owned(), Some("the key `$connect`")),
        ("http", "route", "route_key: pets".to_owned(), Some("the key `pets`")),
        ("http", "route", "route_key: GET /pets, api_key_required: true".to_owned(), Some("`api_key_required`")),
        ("socket", "route", "route_key: $connect, api_key_required: true".to_owned(), None),
        ("socket", "route", "route_key: $connect, authorization_type: JWT, authorizer_id: a".to_owned(), Some("authorization by JWT")),
        ("socket", "stage", "stage_name: prod, default_route_settings: { logging_level: INFO }".to_owned(), None),
        ("http", "stage", "stage_name: prod, default_route_settings: { throttling_burst_limit: 1 }".to_owned(), None),
        ("http", "stage", "stage_name: prod, default_route_settings: { logging_level: INFO }".to_owned(), Some("`logging_level`")),
        (
            "http",
            "stage",
            "stage_name: prod, route_settings: { 'GET /pets': { data_trace_enabled: true } }".to_owned(),
            Some("`data_trace_enabled`"),
        ),
    ] {
        let kind = if api == "http" { "an HTTP API" } else { "a WebSocket API" };
        let expected: Vec<_> =
            expected.map(|it| format!("error[api-protocol]: `part` has {it}, and `{api}` is {kind}")).into_iter().collect();
        let part = format!("part: {{ apigatewayv2.{thing}: {{ api_id: '${{{api}.id}}', {properties} }} }}");
        assert_eq!(lint(&format!("{base}{part}")), expected, "{part}");
    }
}

#[test]
fn a_function_in_a_vpc_may_make_its_interfaces() {
    let wrong = [("worker", "error[function-role-network]: `worker` stands in a VPC, and its role may not use ec2:CreateNetworkInterface")];
    let policies = |statement: &str| {
        format!("policies: {{ network: {{ Version: '2012-10-17', Statement: [{{ Effect: Allow, Resource: '*', {statement} }}] }} }}")
    };
    for (rest, expected) in [
        ("description: nothing".to_owned(), &wrong[..]),
        ("managed_policy_arns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']".to_owned(), &wrong),
        (policies("Action: 'ec2:CreateVpc'"), &wrong),
        (
            policies("Action: ['ec2:CreateNetworkInterface']"),
            &[("worker", "error[function-role-network]: `worker` stands in a VPC, and its role may not use ec2:DescribeNetworkInterfaces")],
        ),
        (policies("Action: 'ec2:*NetworkInterface*'"), &[]),
        (policies("Action: ['EC2:CREATENETWORKINTERFACE', 'ec2:DescribeNetwork*', 'ec2:Delete*']"), &[]),
        (policies("NotAction: 'iam:*'"), &[]),
        (format!("managed_policy_arns: [{NETWORK_POLICY}]"), &[]),
        ("managed_policy_arns: ['arn:${aws.partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole']".to_owned(), &[]),
        ("managed_policy_arns: ['arn:${aws.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']".to_owned(), &wrong),
        // What nobody knows here.
        ("managed_policy_arns: ['arn:aws:iam::123456789012:policy/ours']".to_owned(), &[]),
        ("managed_policy_arns: ['arn:aws:iam::aws:policy/AnythingNew']".to_owned(), &[]),
    ] {
        check_findings(&format!("{NETWORK}{}{}", role(&rest), function("{}")), expected);
    }
    // A policy of the stack, a function outside of any VPC, a role that the stack does not have.
    let policy = |action: &str| {
        format!(
            "policy: {{ iam.policy: {{ policy_document: {{ Version: '2012-10-17', Statement: [{{ Effect: Allow, Resource: '*', Action: '{action}' }}] }} }} }}\n"
        )
    };
    let attached = role("managed_policy_arns: ['${policy.arn}']");
    check_findings(&format!("{NETWORK}{}{attached}{}", policy("ec2:*"), function("{}")), &[]);
    check_findings(&format!("{NETWORK}{}{attached}{}", policy("sqs:*"), function("{}")), &wrong);
    check_findings(
        &format!(
            "{}worker: {{ lambda.function: {{ role: '${{role.arn}}', code: {{ image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a }} }} }}\n",
            role("path: /")
        ),
        &[],
    );
    let other = function("{}").replace("${role.arn}", "arn:aws:iam::123456789012:role/other");
    check_findings(&format!("{NETWORK}{other}"), &[]);
}

#[test]
fn a_function_in_a_vpc_reaches_what_it_uses() {
    let base = format!(
        "{NETWORK}{}bucket: {{ s3.bucket: {{ bucket_name: shop-documents }} }}\n",
        role(&format!("managed_policy_arns: [{NETWORK_POLICY}, 'arn:aws:iam::aws:policy/SecretsManagerReadWrite']"))
    ) + "secret: { secretsmanager.secret: { name: shop/database, secret_string: a } }\n";
    let endpoint = |service: &str, rest: &str| {
        format!("endpoint: {{ ec2.vpc_endpoint: {{ vpc_id: '${{vpc.id}}', service_name: '{service}', {rest} }} }}\n")
    };
    let interface = |service: &str| endpoint(service, "vpc_endpoint_type: Interface, subnet_ids: ['${a.id}']");
    let wrong = |what: &str| format!("warning[function-reach]: `worker` cannot reach {what} from its VPC");
    let (secrets, bedrock, s3) = (wrong("Secrets Manager"), wrong("Bedrock"), wrong("S3"));
    for (environment, rest, expected) in [
        ("{ LEVEL: info, MODEL: amazon, BUCKET: another-documents }", String::new(), None),
        ("{ DB: shop/database }", String::new(), Some(&secrets)),
        ("{ DB: '${secret.arn}' }", GATEWAY.to_owned() + PUBLIC, Some(&secrets)),
        ("{ DB: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:x' }", String::new(), Some(&secrets)),
        ("{ DB: shop/database }", NAT.to_owned(), None),
        ("{ DB: shop/database }", interface("com.amazonaws.eu-central-1.secretsmanager"), None),
        ("{ DB: shop/database }", interface("com.amazonaws.${aws.region}.secretsmanager"), None),
        ("{ DB: shop/database }", interface("com.amazonaws.eu-central-1.logs"), Some(&secrets)),
        ("{ DB: shop/database }", interface("com.amazonaws.eu-central-1.secretsmanager").replace("${vpc.id}", "vpc-9"), Some(&secrets)),
        ("{ MODEL: 'amazon.nova-pro-v1:0' }", String::new(), Some(&bedrock)),
        ("{ MODEL: 'eu.anthropic.claude-sonnet-4-20250514-v1:0' }", String::new(), Some(&bedrock)),
        ("{ MODEL: 'amazon.nova-pro-v1:0' }", interface("com.amazonaws.eu-central-1.bedrock-runtime"), None),
        ("{ BUCKET: shop-documents }", String::new(), Some(&s3)),
        ("{ BUCKET: '${bucket.id}' }", String::new(), Some(&s3)),
        ("{ BUCKET: 's3://${bucket.id}/uploads' }", String::new(), Some(&s3)),
        ("{ BUCKET: '${bucket.id}' }", endpoint("com.amazonaws.eu-central-1.s3", "route_table_ids: [rtb-1]"), None),
        (
            "{ BUCKET: '${bucket.id}' }",
            GATEWAY.to_owned() + PUBLIC + &endpoint("com.amazonaws.eu-central-1.s3", "route_table_ids: ['${table.id}']"),
            None,
        ),
        (
            "{ BUCKET: '${bucket.id}' }",
            GATEWAY.to_owned() + PUBLIC + &endpoint("com.amazonaws.eu-central-1.s3", "route_table_ids: [rtb-1]"),
            Some(&s3),
        ),
        (
            "{ BUCKET: '${bucket.id}' }",
            "other: { ec2.route_table: { vpc_id: '${vpc.id}' } }\n".to_owned()
                + &endpoint("com.amazonaws.eu-central-1.s3", "route_table_ids: ['${other.id}']"),
            Some(&s3),
        ),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|it| ("worker", it.as_str())).collect();
        check_findings(&format!("{base}{}{rest}", function(environment)), &expected);
    }
    check_findings(
        &format!("{base}{}", function("{ DB: shop/database, BUCKET: '${bucket.id}' }")),
        &[("worker", &s3), ("worker", &secrets)],
    );
    let elsewhere = function("{ DB: shop/database }").replace("'${a.id}', '${b.id}'", "subnet-1");
    check_findings(&format!("{base}{elsewhere}"), &[]);
}

#[test]
fn an_api_waits_as_long_as_its_function_works() {
    let stack = |kind: &str, timeout: i64, rest: &str| {
        format!(
            "
api: {{ apigatewayv2.api: {{ name: api, {kind} }} }}
worker: {{ lambda.function: {{ role: 'arn:aws:iam::123456789012:role/r', code: {{ image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a }}, timeout: {timeout} }} }}
part: {{ apigatewayv2.integration: {{ api_id: '${{api.id}}', integration_type: AWS_PROXY, integration_uri: '${{worker.invoke_arn}}'{rest} }} }}
"
        )
    };
    let http = "protocol_type: HTTP";
    let socket = "protocol_type: WEBSOCKET, route_selection_expression: $request.body.action";
    for (kind, timeout, rest, expected) in [
        (http, 30, "", None),
        (http, 60, "", Some("`worker` may take 60 s, and its API waits 30 s")),
        (http, 30, ", timeout_in_millis: 2500", Some("`worker` may take 30 s, and its API waits 2.5 s")),
        (http, 2, ", timeout_in_millis: 2500", None),
        (socket, 29, "", None),
        (socket, 30, "", Some("`worker` may take 30 s, and its API waits 29 s")),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|it| format!("warning[integration-timeout]: {it}")).collect();
        let stack = stack(kind, timeout, rest);
        assert_eq!(lint(&stack), expected, "{stack}");
        let suppressed = stack.replace("worker: {", "worker: { suppress: [{ check: integration-timeout, reason: on purpose }],");
        assert_eq!(lint(&suppressed), Vec::<String>::new());
    }
}

#[test]
fn a_bucket_may_call_whom_it_notifies() {
    let stack = |permission: &str| {
        format!(
            "
worker: {{ lambda.function: {{ function_name: reader, role: 'arn:aws:iam::123456789012:role/r', code: {{ image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a }} }} }}
bucket: {{ s3.bucket: {{ notification_configuration: {{ lambda_configurations: [{{ function: '${{worker.arn}}', events: ['s3:ObjectCreated:*'] }}] }} }} }}
{permission}
"
        )
    };
    let permission = |function: &str, principal: &str| {
        format!("permission: {{ lambda.permission: {{ function_name: '{function}', principal: {principal} }} }}")
    };
    let wrong = [("bucket", "error[notification-permission]: `bucket` notifies `worker` without a permission to")];
    check_findings(&stack(""), &wrong);
    check_findings(&stack(&permission("${worker.id}", "apigateway.amazonaws.com")), &wrong);
    check_findings(&stack(&permission("another", "s3.amazonaws.com")), &wrong);
    check_findings(&stack(&permission("${worker.id}", "s3.amazonaws.com")), &[]);
    check_findings(&stack(&permission("reader", "s3.amazonaws.com")), &[]);
    check_findings(&stack("").replace("${worker.arn}", "arn:aws:lambda:eu-central-1:123456789012:function:other"), &[]);
}
