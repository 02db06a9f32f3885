use std::{
    collections::{BTreeMap, BTreeSet},
    fs, path,
    sync::Arc,
};

use infra::{
    address::Address,
    diagnostic::{Diagnostic, Severity, Source},
    stack::{Scope, Settings, parse, resolve},
    value::Value,
};

use super::{RULES, check};
use crate::aws::{TYPES, types};

/// Nothing is there yet: all outputs are unknown.
struct Nothing;

impl Scope for Nothing {
    fn field(&self, target: &Address, field: &str) -> Value {
        Value::unknown(format!("{target}.{field}"))
    }
}

/// The findings in some resources of a stack file, one line each.
fn lint(resources: &str) -> Vec<String> {
    let indented: String = resources.lines().map(|line| format!("  {line}\n")).collect();
    lint_file("stack.yaml", format!("stack: test\nregion: eu-central-1\nvars: {{ where: vpc-9 }}\nresources:\n{indented}"))
}

fn lint_file(path: &str, text: String) -> Vec<String> {
    let catalog = types().catalog;
    let (file, problems) = parse(Arc::new(Source { path: path.into(), text }), &catalog);
    assert!(problems.is_empty(), "{problems:#?}");
    let settings = Settings { environment: "default".into(), ..Settings::default() };
    let (stack, problems) = resolve(&file.expect("a stack"), &settings, &catalog, &BTreeMap::new());
    assert!(problems.is_empty(), "{problems:#?}");
    let stack = stack.expect("a stack");
    let found = check(&stack, &|address| stack.resources.get(address).map(|it| it.evaluate(&Nothing).0));
    found.iter().map(line).collect()
}

fn line(it: &Diagnostic) -> String {
    assert!(it.labels.iter().all(|it| !it.place.span.is_empty()), "{}: a label without a place", it.summary);
    assert!(!it.labels.is_empty() && !it.help.is_empty(), "{}: no place or no help", it.summary);
    let severity = if it.severity == Severity::Error { "error" } else { "warning" };
    format!("{severity}[{}]: {}", it.check.expect("every finding names its rule"), it.summary)
}

#[test]
fn every_file_is_in_the_list_and_the_list_is_sorted() {
    let folder = path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/lint");
    let files = fs::read_dir(folder).expect("the folder is there").map(|it| it.expect("an entry").path());
    let names = files.map(|it| it.file_stem().and_then(|it| it.to_str()).expect("a name").replace('_', "-"));
    let files: BTreeSet<_> = names.filter(|it| it != "mod" && it != "tests").collect();
    assert_eq!(RULES.iter().map(|it| it.name.to_owned()).collect::<Vec<_>>(), files.into_iter().collect::<Vec<_>>());
}

#[test]
fn subnets_lie_within_their_vpc_and_apart() {
    let stack = "
vpc: { ec2.vpc: { cidr_block: 10.0.0.0/24 } }
other: { ec2.vpc: { cidr_block: 10.0.0.0/24 } }
a: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/25 } }
b: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.128/25 } }
c: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.192/26 } }
d: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/25 } }
e: { ec2.subnet: { vpc_id: '${other.id}', cidr_block: 10.0.0.0/25 } }
f: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.9.0.0/16 } }
g: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.9.3.0/24 } }
h: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.9.5.0/24 } }
i: { ec2.subnet: { vpc_id: vpc-2, cidr_block: 10.9.5.0/24 } }
j: { ec2.subnet: { vpc_id: vpc-2, cidr_block: '${i.cidr_block}' } }
";
    let expected = [
        "error[subnet-outside-vpc]: subnet `d` lies outside its VPC",
        "error[subnet-overlap]: subnets `b` and `c` overlap",
        "error[subnet-overlap]: subnets `f` and `g` overlap",
        "error[subnet-overlap]: subnets `f` and `h` overlap",
    ];
    assert_eq!(lint(stack), expected);
    let suppress = |stack: &str, names: &[(&str, &str)]| {
        let line = |line: &str| match names.iter().find(|(name, _)| line.starts_with(&format!("{name}: {{"))) {
            Some((_, rule)) => line.replacen("{", &format!("{{ suppress: [{{ check: {rule}, reason: on purpose }}],"), 1) + "\n",
            None => line.to_owned() + "\n",
        };
        stack.lines().map(line).collect::<String>()
    };
    let all = [("d", "subnet-outside-vpc"), ("c", "subnet-overlap"), ("g", "subnet-overlap"), ("h", "subnet-overlap")];
    assert_eq!(lint(&suppress(stack, &all)), Vec::<String>::new());
    assert_eq!(lint(&suppress(stack, &[("d", "subnet-overlap"), ("a", "subnet-overlap")])), expected, "each by its own name, where it is");
}

#[test]
fn listed_rules_and_single_ones_do_not_mix() {
    let stack = "
listed: { ec2.security_group: { vpc_id: vpc-1, ingress: [] } }
free: { ec2.security_group: { vpc_id: vpc-1, ingress: null } }
one: { ec2.security_group_rule: { type: ingress, group_id: '${listed.id}', ip_protocol: '-1', cidr_ip: 10.0.0.0/8 } }
two: { ec2.security_group_rule: { type: egress, group_id: '${listed.id}', ip_protocol: '-1', cidr_ip: 10.0.0.0/8 } }
three: { ec2.security_group_rule: { type: ingress, group_id: '${free.id}', ip_protocol: '-1', cidr_ip: 10.0.0.0/8 } }
four: { ec2.security_group_rule: { type: ingress, group_id: sg-1, ip_protocol: '-1', cidr_ip: 10.0.0.0/8 } }
";
    assert_eq!(lint(stack), ["error[mixed-rules]: `listed` has its ingress rules listed, and `one` adds one"]);
}

#[test]
fn private_dns_needs_the_names_of_the_vpc_and_one_endpoint() {
    let endpoint = |name: &str, vpc: &str, service: &str, private: bool| {
        format!(
            "{name}: {{ ec2.vpc_endpoint: {{ vpc_id: '{vpc}', service_name: {service}, vpc_endpoint_type: Interface, subnet_ids: [subnet-1], private_dns_enabled: {private} }} }}\n"
        )
    };
    let vpcs = "
good: { ec2.vpc: { cidr_block: 10.0.0.0/16, enable_dns_hostnames: true } }
plain: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }
off: { ec2.vpc: { cidr_block: 10.0.0.0/16, enable_dns_support: false } }
";
    for (endpoints, expected) in [
        (endpoint("a", "${good.id}", "logs", true), vec![]),
        (endpoint("a", "${plain.id}", "logs", false), vec![]),
        (endpoint("a", "vpc-1", "logs", true), vec![]),
        (
            endpoint("a", "${plain.id}", "logs", true),
            vec!["error[endpoint-dns]: `a` has private DNS, and `plain` has not `enable_dns_hostnames`"],
        ),
        (
            endpoint("a", "${off.id}", "logs", true),
            vec![
                "error[endpoint-dns]: `a` has private DNS, and `off` has not `enable_dns_support`",
                "error[endpoint-dns]: `a` has private DNS, and `off` has not `enable_dns_hostnames`",
            ],
        ),
        (endpoint("a", "${good.id}", "logs", true) + &endpoint("b", "${good.id}", "ecr", true), vec![]),
        (endpoint("a", "${good.id}", "logs", true) + &endpoint("b", "${good.id}", "logs", false), vec![]),
        (endpoint("a", "${good.id}", "logs", true) + &endpoint("b", "vpc-1", "logs", true), vec![]),
        (
            endpoint("a", "vpc-1", "logs", true) + &endpoint("b", "vpc-1", "logs", true),
            vec!["error[duplicate-private-dns]: `a` and `b` both claim the DNS name of `logs`"],
        ),
    ] {
        assert_eq!(lint(&format!("{vpcs}{endpoints}")), expected, "{endpoints}");
    }
}

#[test]
fn logins_and_databases_are_not_open_to_the_world() {
    for (rule, expected) in [
        ("ip_protocol: tcp, from_port: 443, to_port: 443, cidr_ip: 0.0.0.0/0", None),
        ("ip_protocol: tcp, from_port: 22, to_port: 22, cidr_ip: 203.0.113.0/24", None),
        ("ip_protocol: udp, from_port: 0, to_port: 65535, cidr_ip: 0.0.0.0/0", None),
        ("ip_protocol: tcp, from_port: 22, to_port: 22, cidr_ip: 0.0.0.0/0", Some("22 (SSH)")),
        ("ip_protocol: '6', from_port: 5000, to_port: 6000, cidr_ipv6: '::/0'", Some("5432 (PostgreSQL)")),
        ("ip_protocol: '-1', cidr_ip: 0.0.0.0/0", Some("22 (SSH), 3306 (MySQL), 3389 (Remote Desktop), 5432 (PostgreSQL)")),
    ] {
        let expected = |name: &str| -> Vec<String> {
            expected.map(|ports| format!("warning[open-to-world]: `{name}` lets the whole world in on port {ports}")).into_iter().collect()
        };
        let group = format!("group: {{ ec2.security_group: {{ vpc_id: vpc-1, ingress: [{{ {rule} }}] }} }}");
        assert_eq!(lint(&group), expected("group"), "{rule}");
        let single = format!("rule: {{ ec2.security_group_rule: {{ type: ingress, group_id: sg-1, {rule} }} }}");
        assert_eq!(lint(&single), expected("rule"), "{rule}");
        let out = format!("rule: {{ ec2.security_group_rule: {{ type: egress, group_id: sg-1, {rule} }} }}");
        assert_eq!(lint(&out), Vec::<String>::new(), "what goes out: {rule}");
    }
}

#[test]
fn a_nat_gateway_needs_a_way_out() {
    let base = "
vpc: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }
other: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }
subnet: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/24 } }
";
    let public = "nat: { ec2.nat_gateway: { subnet_id: '${subnet.id}', allocation_id: eipalloc-1 } }\n";
    let private = "nat: { ec2.nat_gateway: { subnet_id: '${subnet.id}', connectivity_type: private } }\n";
    let elsewhere = "nat: { ec2.nat_gateway: { subnet_id: subnet-1, allocation_id: eipalloc-1 } }\n";
    let gateway = |vpc: &str| format!("gateway: {{ ec2.internet_gateway: {{ vpc_id: '{vpc}' }} }}\n");
    let complaint = "error[nat-needs-gateway]: `nat` stands in a VPC without an internet gateway";
    for (rest, expected) in [
        (public.to_owned(), vec![complaint]),
        (public.to_owned() + &gateway("${other.id}"), vec![complaint]),
        (public.to_owned() + &gateway("${vpc.id}"), vec![]),
        (public.to_owned() + &gateway("${vars.where}"), vec![complaint]),
        (public.to_owned() + &gateway("${[vpc.id, other.id][0]}"), vec![]),
        (private.to_owned(), vec![]),
        (elsewhere.to_owned(), vec![]),
    ] {
        assert_eq!(lint(&format!("{base}{rest}")), expected, "{rest}");
    }
}

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
            "integration_type: AWS_PROXY, integration_subtype: SQS-SendMessage, credentials_arn: 'arn:a'".to_owned(),
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
fn a_load_balancer_needs_zones_and_a_way_out() {
    let base = "
vpc: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }
a: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/24, availability_zone: eu-central-1a } }
b: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24, availability_zone: eu-central-1b } }
same: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.2.0/24, availability_zone: eu-central-1a } }
some: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.3.0/24 } }
";
    let balancer = |scheme: &str, one: &str, other: &str| {
        format!("lb: {{ elbv2.load_balancer: {{ scheme: {scheme}, subnets: ['${{{one}.id}}', '${{{other}.id}}'] }} }}\n")
    };
    let gateway = "gateway: { ec2.internet_gateway: { vpc_id: '${vpc.id}' } }\n";
    let no_way_out = "error[balancer-needs-gateway]: `lb` faces the internet in a VPC without an internet gateway";
    let one_zone = "error[balancer-zones]: `lb` stands in two subnets of eu-central-1a";
    for (rest, expected) in [
        (balancer("internet-facing", "a", "b") + gateway, vec![]),
        (balancer("internet-facing", "a", "b"), vec![no_way_out]),
        (balancer("internal", "a", "b"), vec![]),
        (balancer("internal", "a", "some"), vec![]),
        (balancer("internal", "a", "same"), vec![one_zone]),
        (balancer("internet-facing", "a", "same"), vec![no_way_out, one_zone]),
        ("lb: { elbv2.load_balancer: { subnets: [subnet-1, subnet-2] } }\n".to_owned(), vec![]),
    ] {
        assert_eq!(lint(&format!("{base}{rest}")), expected, "{rest}");
    }
}

#[test]
fn a_subnet_group_has_two_zones() {
    let base = "
a: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.0.0.0/24, availability_zone: eu-central-1a } }
b: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.0.1.0/24, availability_zone: eu-central-1b } }
same: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.0.2.0/24, availability_zone: eu-central-1a } }
some: { ec2.subnet: { vpc_id: vpc-1, cidr_block: 10.0.3.0/24 } }
zoned:
  for_each: { x: 10.0.4.0/24, y: 10.0.5.0/24 }
  ec2.subnet: { vpc_id: vpc-1, cidr_block: '${each.value}', availability_zone: eu-central-1c }
";
    let one_zone = |zone: &str| vec![format!("error[subnet-group-zones]: all subnets of `group` are in {zone}")];
    for (subnets, expected) in [
        ("['${a.id}', '${b.id}']", vec![]),
        ("['${a.id}', '${same.id}']", one_zone("eu-central-1a")),
        ("['${a.id}', '${same.id}', '${b.id}']", vec![]),
        ("['${a.id}', '${some.id}']", vec![]),
        ("['${a.id}', subnet-1]", vec![]),
        ("[subnet-1, subnet-2]", vec![]),
        ("'${zoned.map(it, it.id)}'", one_zone("eu-central-1c")),
    ] {
        let group = format!("group: {{ rds.db_subnet_group: {{ db_subnet_group_description: a, subnet_ids: {subnets} }} }}\n");
        assert_eq!(lint(&format!("{base}{group}")), expected, "{subnets}");
    }
}

#[test]
fn a_serverless_member_has_a_capacity() {
    let cluster = |rest: &str| {
        format!(
            "cluster: {{ rds.db_cluster: {{ engine: aurora-postgresql, master_username: a, manage_master_user_password: true{rest} }} }}\n"
        )
    };
    let member = |class: &str, of: &str| {
        format!(
            "member: {{ rds.db_instance: {{ db_instance_class: {class}, engine: aurora-postgresql, db_cluster_identifier: '{of}' }} }}\n"
        )
    };
    let scaling = ", serverless_v2_scaling_configuration: { min_capacity: 0.5, max_capacity: 4 }";
    let wrong = "error[serverless-capacity]: `member` is serverless, and `cluster` does not say how it scales";
    for (stack, expected) in [
        (cluster("") + &member("db.serverless", "${cluster.id}"), vec![wrong]),
        (cluster(scaling) + &member("db.serverless", "${cluster.id}"), vec![]),
        (cluster("") + &member("db.t4g.medium", "${cluster.id}"), vec![]),
        (cluster("") + &member("db.serverless", "another"), vec![]),
    ] {
        assert_eq!(lint(&stack), expected, "{stack}");
    }
}

#[test]
fn a_port_and_a_priority_are_taken_once() {
    let action = "[{ type: fixed-response, fixed_response_config: { status_code: '404' } }]";
    let listener = |name: &str, port: u16, balancer: &str| {
        let to = format!("load_balancer_arn: '{balancer}', port: {port}, protocol: HTTP");
        format!("{name}: {{ elbv2.listener: {{ {to}, default_actions: {action} }} }}\n")
    };
    let rule = |name: &str, priority: u16| {
        let conditions = "conditions: [{ field: path-pattern, values: ['/a'] }]";
        let to = format!("listener_arn: '${{one.arn}}', priority: {priority}, {conditions}");
        format!("{name}: {{ elbv2.listener_rule: {{ {to}, actions: {action} }} }}\n")
    };
    let base = "
lb: { elbv2.load_balancer: { scheme: internal, subnets: [subnet-1, subnet-2] } }
lb2: { elbv2.load_balancer: { scheme: internal, subnets: [subnet-1, subnet-2] } }
"
    .to_owned()
        + &listener("one", 80, "${lb.arn}");
    for (rest, expected) in [
        (listener("two", 81, "${lb.arn}"), vec![]),
        (listener("two", 80, "${lb2.arn}"), vec![]),
        (listener("two", 80, "arn:aws:elasticloadbalancing:x"), vec![]),
        (listener("two", 80, "${lb.arn}"), vec!["error[duplicate-listener]: `one` and `two` both take port 80 of `lb`"]),
        (rule("a", 1) + &rule("b", 2), vec![]),
        (rule("a", 1) + &rule("b", 1), vec!["error[duplicate-listener]: `a` and `b` both take priority 1 of `one`"]),
    ] {
        assert_eq!(lint(&format!("{base}{rest}")), expected, "{rest}");
    }
}

#[test]
fn nothing_is_found_in_the_examples() {
    for resource in TYPES {
        let path = format!("examples/{}.yaml", resource.name().replace('.', "/"));
        let text = fs::read_to_string(path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).expect("every type has an example");
        assert_eq!(lint_file(&path, text), Vec::<String>::new(), "{path}");
    }
}
