use std::{
    collections::{BTreeMap, BTreeSet},
    fs, path,
    sync::Arc,
};

use infra::{
    diagnostic::{Diagnostic, Severity, Source},
    stack::{Settings, parse, resolve},
};

use super::{RULES, check};
use crate::aws::{TYPES, types};

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
    let found = check(&stack);
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
    let files: BTreeSet<_> = names.filter(|it| !["grants", "mod", "network", "tests", "usage"].contains(&it.as_str())).collect();
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

/// The findings in a stack, each at the resource where it can be suppressed.
fn check_findings(stack: &str, expected: &[(&str, &str)]) {
    assert_eq!(lint(stack), expected.iter().map(|it| it.1).collect::<Vec<_>>(), "{stack}");
    let suppress = |line: &str| {
        let of = expected.iter().filter(|(name, _)| line.starts_with(&format!("{name}: {{")));
        let rule = |it: &str| it.split_once('[').and_then(|it| it.1.split_once(']')).expect("a rule").0.to_owned();
        let rules: BTreeSet<_> = of.map(|(_, line)| rule(line)).collect();
        let checks: Vec<_> = rules.iter().map(|it| format!("{{ check: {it}, reason: on purpose }}")).collect();
        let written = format!("{{ suppress: [{}],", checks.join(", "));
        if checks.is_empty() { format!("{line}\n") } else { line.replacen('{', &written, 1) + "\n" }
    };
    let suppressed: String = stack.lines().map(suppress).collect();
    assert_eq!(lint(&suppressed), Vec::<String>::new(), "{suppressed}");
}

/// A VPC with two subnets and nothing else.
const NETWORK: &str = "
vpc: { ec2.vpc: { cidr_block: 10.0.0.0/16, enable_dns_hostnames: true } }
a: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/24, availability_zone: eu-central-1a } }
b: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24, availability_zone: eu-central-1b } }
";
const GATEWAY: &str = "gateway: { ec2.internet_gateway: { vpc_id: '${vpc.id}' } }\n";
const NAT: &str = "table: { ec2.route_table: { vpc_id: '${vpc.id}', subnet_ids: ['${a.id}', '${b.id}'], routes: [{ destination_cidr_block: 0.0.0.0/0, nat_gateway_id: nat-1 }] } }\n";
const PUBLIC: &str = "table: { ec2.route_table: { vpc_id: '${vpc.id}', subnet_ids: ['${a.id}', '${b.id}'], routes: [{ destination_cidr_block: 0.0.0.0/0, gateway_id: '${gateway.id}' }] } }\n";

#[test]
fn a_public_database_needs_a_way_and_a_name() {
    let database = |public: &str| {
        format!(
            "
subnets: {{ rds.db_subnet_group: {{ subnet_ids: ['${{a.id}}', '${{b.id}}'] }} }}
cluster: {{ rds.db_cluster: {{ engine: aurora-postgresql, db_subnet_group_name: '${{subnets.id}}', manage_master_user_password: true, master_username: postgres }} }}
member: {{ rds.db_instance: {{ engine: aurora-postgresql, db_cluster_identifier: '${{cluster.id}}', db_instance_class: db.t4g.medium, publicly_accessible: {public} }} }}
"
        )
    };
    let nameless = NETWORK.replace(", enable_dns_hostnames: true", "");
    let mute = NETWORK.replace("enable_dns_hostnames: true", "enable_dns_support: false");
    let no_way = ("member", "error[database-needs-gateway]: `member` is public in a VPC without an internet gateway");
    let no_names = ("member", "error[database-needs-gateway]: `member` is public, and `vpc` has not `enable_dns_hostnames`");
    let no_dns = ("member", "error[database-needs-gateway]: `member` is public, and `vpc` has not `enable_dns_support`");
    check_findings(&format!("{NETWORK}{GATEWAY}{}", database("true")), &[]);
    check_findings(&format!("{NETWORK}{}", database("false")), &[]);
    check_findings(&format!("{NETWORK}{}", database("true")), &[no_way]);
    check_findings(&format!("{nameless}{GATEWAY}{}", database("true")), &[no_names]);
    check_findings(&format!("{nameless}{}", database("true")), &[no_way, no_names]);
    check_findings(&format!("{mute}{GATEWAY}{}", database("true")), &[no_dns, no_names]);
    // The cluster by its name, and a network that the stack does not have.
    let named = database("true").replace("'${cluster.id}'", "shop").replace("db_cluster: {", "db_cluster: { db_cluster_identifier: shop,");
    check_findings(&format!("{NETWORK}{named}"), &[no_way]);
    check_findings(&database("true").replace("'${a.id}', '${b.id}'", "subnet-1, subnet-2"), &[]);
    check_findings(&format!("{NETWORK}{}", database("true")).replace("'${vpc.id}'", "vpc-1"), &[]);
}

#[test]
fn a_serverless_member_needs_a_scale() {
    let stack = |scale: &str, class: &str, cluster: &str| {
        format!(
            "
cluster: {{ rds.db_cluster: {{ db_cluster_identifier: shop, engine: aurora-postgresql, manage_master_user_password: true, master_username: postgres{scale} }} }}
member: {{ rds.db_instance: {{ engine: aurora-postgresql, db_cluster_identifier: '{cluster}', db_instance_class: {class} }} }}
"
        )
    };
    let scale = ", serverless_v2_scaling_configuration: { min_capacity: 0.5, max_capacity: 2 }";
    let wrong = [("member", "error[serverless-scaling]: `member` is serverless in a cluster that does not say how far it scales")];
    check_findings(&stack("", "db.serverless", "${cluster.id}"), &wrong);
    check_findings(&stack("", "db.serverless", "shop"), &wrong);
    check_findings(&stack(scale, "db.serverless", "${cluster.id}"), &[]);
    check_findings(&stack("", "db.r8g.large", "${cluster.id}"), &[]);
    check_findings(&stack("", "db.serverless", "another"), &[]);
}

#[test]
fn subnets_of_a_database_have_two_zones() {
    let group = |other: &str| {
        format!(
            "{NETWORK}same: {{ ec2.subnet: {{ vpc_id: '${{vpc.id}}', cidr_block: 10.0.2.0/24, availability_zone: eu-central-1a }} }}
some: {{ ec2.subnet: {{ vpc_id: '${{vpc.id}}', cidr_block: 10.0.3.0/24 }} }}
group: {{ rds.db_subnet_group: {{ subnet_ids: ['${{a.id}}', '{other}'] }} }}\n"
        )
    };
    check_findings(&group("${same.id}"), &[("group", "error[one-zone]: `group` stands in one availability zone only")]);
    for other in ["${b.id}", "${some.id}", "subnet-1"] {
        check_findings(&group(other), &[]);
    }
}

const TRUST: &str = "assume_role_policy_document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: 'sts:AssumeRole' }] }";
const NETWORK_POLICY: &str = "'arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole'";

fn role(rest: &str) -> String {
    format!("role: {{ iam.role: {{ {TRUST}, {rest} }} }}\n")
}

/// A function in the VPC with this environment.
fn function(environment: &str) -> String {
    format!(
        "group: {{ ec2.security_group: {{ vpc_id: '${{vpc.id}}' }} }}
worker: {{ lambda.function: {{ role: '${{role.arn}}', code: {{ image_uri: a }}, environment: {environment}, vpc_config: {{ subnet_ids: ['${{a.id}}', '${{b.id}}'], security_group_ids: ['${{group.id}}'] }} }} }}\n"
    )
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
        &format!("{}worker: {{ lambda.function: {{ role: '${{role.arn}}', code: {{ image_uri: a }} }} }}\n", role("path: /")),
        &[],
    );
    let other = function("{}").replace("${role.arn}", "arn:aws:iam::123456789012:role/other");
    check_findings(&format!("{NETWORK}{other}"), &[]);
}

#[test]
fn a_function_may_read_the_secrets_it_is_told_of() {
    let secret = "secret: { secretsmanager.secret: { name: shop/database, secret_string: a } }\n";
    let wrong = [("worker", "warning[function-role-secret]: `worker` is told of `secret`, and its role may not read it")];
    let function = |value: &str| {
        format!("worker: {{ lambda.function: {{ role: '${{role.arn}}', code: {{ image_uri: a }}, environment: {{ DB: '{value}' }} }} }}\n")
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
fn an_endpoint_lets_its_callers_in() {
    let base = |rules: &str| {
        format!(
            "{NETWORK}{}secret: {{ secretsmanager.secret: {{ name: shop/database, secret_string: a }} }}\n",
            role(&format!("managed_policy_arns: [{NETWORK_POLICY}, 'arn:aws:iam::aws:policy/SecretsManagerReadWrite']"))
        ) + &function("{ DB: shop/database }")
            + &format!("inner: {{ ec2.security_group: {{ vpc_id: '${{vpc.id}}', ingress: {rules} }} }}\n")
            + "endpoint: { ec2.vpc_endpoint: { vpc_id: '${vpc.id}', service_name: com.amazonaws.eu-central-1.secretsmanager, vpc_endpoint_type: Interface, subnet_ids: ['${a.id}'], security_group_ids: ['${inner.id}'] } }\n"
    };
    let wrong = [("endpoint", "warning[endpoint-ports]: `endpoint` does not let `worker` in on port 443")];
    let https = |from: &str| format!("[{{ ip_protocol: tcp, from_port: 443, to_port: 443, {from} }}]");
    for (rules, expected) in [
        ("[]".to_owned(), &wrong[..]),
        (https("source_security_group_id: '${inner.id}'"), &wrong),
        (https("source_security_group_id: sg-1"), &wrong),
        (https("cidr_ip: 192.168.0.0/16"), &wrong),
        ("[{ ip_protocol: tcp, from_port: 5432, to_port: 5432, source_security_group_id: '${group.id}' }]".to_owned(), &wrong),
        ("[{ ip_protocol: udp, from_port: 443, to_port: 443, source_security_group_id: '${group.id}' }]".to_owned(), &wrong),
        (https("source_security_group_id: '${group.id}'"), &[]),
        (https("cidr_ip: 10.0.0.0/16"), &[]),
        (https("cidr_ip: '${vpc.cidr_block}'"), &[]),
        (https("source_prefix_list_id: pl-1"), &[]),
        ("[{ ip_protocol: '-1', cidr_ip: 10.0.0.0/8 }]".to_owned(), &[]),
    ] {
        check_findings(&base(&rules), expected);
    }
    let single = "rule: { ec2.security_group_rule: { type: ingress, group_id: '${inner.id}', ip_protocol: tcp, from_port: 443, to_port: 443, source_security_group_id: '${group.id}' } }\n";
    check_findings(&(base("null") + single), &[]);
    check_findings(&(base("null") + &single.replace("443", "80")), &wrong);
    check_findings(&base("[]").replace("'${inner.id}'] } }", "sg-1] } }"), &[]);
}

#[test]
fn an_api_waits_as_long_as_its_function_works() {
    let stack = |kind: &str, timeout: i64, rest: &str| {
        format!(
            "
api: {{ apigatewayv2.api: {{ name: api, {kind} }} }}
worker: {{ lambda.function: {{ role: 'arn:aws:iam::123456789012:role/r', code: {{ image_uri: a }}, timeout: {timeout} }} }}
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
worker: {{ lambda.function: {{ function_name: reader, role: 'arn:aws:iam::123456789012:role/r', code: {{ image_uri: a }} }} }}
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

#[test]
fn a_role_trusts_who_takes_it_on() {
    let function = "worker: { lambda.function: { role: '${role.arn}', code: { image_uri: a } } }\n";
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

/// A service on Fargate behind a load balancer.
fn web(target: &str, network: &str, health: &str) -> String {
    format!(
        "{NETWORK}{GATEWAY}
front: {{ ec2.security_group: {{ vpc_id: '${{vpc.id}}', ingress: [{{ ip_protocol: tcp, from_port: 443, to_port: 443, cidr_ip: 0.0.0.0/0 }}] }} }}
back: {{ ec2.security_group: {{ vpc_id: '${{vpc.id}}', ingress: [{{ ip_protocol: tcp, from_port: 7860, to_port: 7860, source_security_group_id: '${{front.id}}' }}] }} }}
balancer: {{ elbv2.load_balancer: {{ subnets: ['${{a.id}}', '${{b.id}}'], security_groups: ['${{front.id}}'] }} }}
targets: {{ elbv2.target_group: {{ target_type: ip, protocol: HTTP, port: 7860, vpc_id: '${{vpc.id}}'{health} }} }}
listener: {{ elbv2.listener: {{ load_balancer_arn: '${{balancer.arn}}', port: 80, protocol: HTTP, default_actions: [{{ type: forward, target_group_arn: '${{targets.arn}}' }}] }} }}
task: {{ ecs.task_definition: {{ family: web, requires_compatibilities: [FARGATE], network_mode: awsvpc, cpu: 256, memory: 512, execution_role_arn: 'arn:aws:iam::123456789012:role/r', container_definitions: [{{ name: web, image: 'public.ecr.aws/web', port_mappings: [{{ container_port: 7860 }}] }}] }} }}
service: {{ ecs.service: {{ cluster: web, task_definition: '${{task.arn}}', launch_type: FARGATE, load_balancers: [{{ target_group_arn: '${{targets.arn}}', {target} }}], network_configuration: {{ subnets: ['${{a.id}}', '${{b.id}}'], security_groups: ['${{back.id}}']{network} }} }} }}
"
    )
}

const WEB: &str = "container_name: web, container_port: 7860";

#[test]
fn a_service_leads_to_a_port_of_a_container_and_lets_the_balancer_in() {
    let good = web(WEB, "", "") + NAT;
    check_findings(&good, &[]);
    let wrong = [("service", "error[container-of-task]: `service` leads to the container `wbe`, which `task` does not have")];
    check_findings(&good.replace(WEB, "container_name: wbe, container_port: 7860"), &wrong);
    let wrong = [
        ("service", "error[container-of-task]: `service` leads to port 80 of the container `web`, which does not have it"),
        ("service", "warning[service-ports]: `service` does not let `balancer` in on port 80"),
    ];
    check_findings(&good.replace(WEB, "container_name: web, container_port: 80"), &wrong);
    let wrong = [("service", "warning[service-ports]: `service` does not let `balancer` in on port 7860")];
    check_findings(&good.replace("source_security_group_id: '${front.id}'", "source_security_group_id: '${back.id}'"), &wrong);
    check_findings(&good.replace("from_port: 7860, to_port: 7860", "from_port: 80, to_port: 80"), &wrong);
    check_findings(&good.replace("source_security_group_id: '${front.id}'", "cidr_ip: 10.0.0.0/16"), &[]);
    check_findings(&good.replace("security_groups: ['${back.id}']", "security_groups: [sg-1]"), &[]);
    check_findings(
        &good
            .replace("task_definition: '${task.arn}'", "task_definition: 'arn:aws:ecs:eu-central-1:123456789012:task-definition/other:3'")
            .replace(WEB, "container_name: x, container_port: 7860"),
        &[],
    );
}

#[test]
fn a_health_check_asks_where_somebody_answers() {
    let wrong = [("targets", "warning[health-check-port]: `targets` checks on port 8080, which no container of `service` has")];
    check_findings(&(web(WEB, "", ", health_check_port: '8080'") + NAT), &wrong);
    for health in [", health_check_port: traffic-port", ", health_check_port: '7860'"] {
        check_findings(&(web(WEB, "", health) + NAT), &[]);
    }
}

#[test]
fn a_target_group_of_a_service_has_a_listener() {
    let stack = web(WEB, "", "") + NAT;
    let fixed = "default_actions: [{ type: fixed-response, fixed_response_config: { status_code: '404' } }]";
    let alone = stack.replace("default_actions: [{ type: forward, target_group_arn: '${targets.arn}' }]", fixed);
    check_findings(&alone, &[("service", "error[unused-target-group]: no listener leads to `targets`, which `service` is put into")]);
    let rule = "rule: { elbv2.listener_rule: { listener_arn: '${listener.arn}', priority: 1, conditions: [{ field: path-pattern, values: ['/a'] }], actions: [{ type: forward, target_group_arn: '${targets.arn}' }] } }\n";
    check_findings(&(alone.clone() + rule), &[]);
    let closed = (alone + rule).replace("source_security_group_id: '${front.id}'", "source_security_group_id: '${back.id}'");
    check_findings(&closed, &[("service", "warning[service-ports]: `service` does not let `balancer` in on port 7860")]);
    check_findings(
        &stack.replace("load_balancers: [{ target_group_arn: '${targets.arn}'", "load_balancers: [{ target_group_arn: 'arn:aws:x'"),
        &[],
    );
}

#[test]
fn a_task_reaches_its_image_and_its_log() {
    let wrong = |what: &str| format!("warning[task-reach]: the tasks of `service` cannot reach {what}");
    let check = |stack: &str, expected: Option<&str>| {
        let expected = expected.map(wrong);
        let expected: Vec<_> = expected.iter().map(|it| ("service", it.as_str())).collect();
        check_findings(stack, &expected);
    };
    let public = ", assign_public_ip: ENABLED";
    check(&web(WEB, "", ""), Some("the registry of its image"));
    check(&web(WEB, public, ""), Some("the registry of its image"));
    check(&(web(WEB, public, "") + PUBLIC), None);
    check(&(web(WEB, "", "") + PUBLIC), Some("the registry of its image"));
    check(&(web(WEB, "", "") + NAT), None);
    let private = web(WEB, "", "").replace("public.ecr.aws/web", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:1");
    check(&private, Some("ecr.api, ecr.dkr, s3"));
    let own = web(WEB, "", "").replace("public.ecr.aws/web", "${images.repository_uri}:1")
        + "images: { ecr.repository: { repository_name: web } }\n";
    check(&own, Some("ecr.api, ecr.dkr, s3"));
    let endpoint = |name: &str, service: &str| {
        format!(
            "{name}: {{ ec2.vpc_endpoint: {{ vpc_id: '${{vpc.id}}', service_name: com.amazonaws.eu-central-1.{service}, vpc_endpoint_type: Interface, subnet_ids: ['${{a.id}}'] }} }}\n"
        )
    };
    let some = private + &endpoint("api", "ecr.api") + &endpoint("dkr", "ecr.dkr");
    check(&some, Some("s3"));
    let whole = some
        + "table: { ec2.route_table: { vpc_id: '${vpc.id}', subnet_ids: ['${a.id}', '${b.id}'] } }\ns3: { ec2.vpc_endpoint: { vpc_id: '${vpc.id}', service_name: com.amazonaws.eu-central-1.s3, route_table_ids: ['${table.id}'] } }\n";
    check(&whole, None);
    let logs = "container_definitions: [{ log_configuration: { log_driver: awslogs, options: { awslogs-group: a, awslogs-region: eu-central-1, awslogs-stream-prefix: a } },";
    let whole = whole.replace("container_definitions: [{", logs);
    check(&whole, Some("logs"));
    check(&(whole + &endpoint("logs", "logs")), None);
    check(&web(WEB, "", "").replace("'${a.id}', '${b.id}'], security_groups: ['${back.id}']", "subnet-1], security_groups: [sg-1]"), None);
}

#[test]
fn secrets_are_not_written_in_plain_text() {
    let function = |environment: &str| {
        format!(
            "worker: {{ lambda.function: {{ role: 'arn:aws:iam::123456789012:role/r', code: {{ image_uri: a }}, environment: {{ {environment} }} }} }}\n"
        )
    };
    let wrong = |name: &'static str| (name, format!("warning[plain-secret]: a secret of `{name}` stands in the stack file in plain text"));
    for (environment, plain) in [
        ("DB_PASSWORD: hunter2222", true),
        ("password: hunter2222", true),
        ("OPENAI_API_KEY: sk-abcdef", true),
        ("URL: 'postgres://shop:hunter2222@db:5432/shop'", true),
        ("KEY_ID: AKIAIOSFODNN7EXAMPLE", true),
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

#[test]
fn nothing_is_found_in_the_examples() {
    let mut all = vec![];
    for resource in TYPES {
        let path = format!("examples/{}.yaml", resource.name().replace('.', "/"));
        let text = fs::read_to_string(path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).expect("every type has an example");
        all.extend(lint_file(&path, text).into_iter().map(|it| format!("{path}: {it}")));
    }
    assert_eq!(all, Vec::<String>::new());
}
