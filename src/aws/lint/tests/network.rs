//! What stands in a network, and how it is reached.

use super::{NETWORK, NETWORK_POLICY, check_findings, function, lint, role};

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
            "{name}: {{ ec2.vpc_endpoint: {{ vpc_id: '{vpc}', service_name: com.amazonaws.eu-central-1.{service}, vpc_endpoint_type: Interface, subnet_ids: [subnet-1], private_dns_enabled: {private} }} }}\n"
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
        (endpoint("a", "${good.id}", "logs", true) + &endpoint("b", "${good.id}", "ecr.api", true), vec![]),
        (endpoint("a", "${good.id}", "logs", true) + &endpoint("b", "${good.id}", "logs", false), vec![]),
        (endpoint("a", "${good.id}", "logs", true) + &endpoint("b", "vpc-1", "logs", true), vec![]),
        (
            endpoint("a", "vpc-1", "logs", true) + &endpoint("b", "vpc-1", "logs", true),
            vec!["error[duplicate-private-dns]: `a` and `b` both claim the DNS name of `com.amazonaws.eu-central-1.logs`"],
        ),
    ] {
        assert_eq!(lint(&format!("{vpcs}{endpoints}")), expected, "{endpoints}");
    }
}

#[test]
fn an_endpoint_leads_to_a_service_of_its_region() {
    let endpoint = |options: &str, name: &str| {
        format!(
            "a: {{ {options}ec2.vpc_endpoint: {{ vpc_id: vpc-1, service_name: '{name}', vpc_endpoint_type: Interface, subnet_ids: [subnet-1] }} }}\n"
        )
    };
    let elsewhere = |own: &str, other: &str| format!("error[endpoint-service]: `a` stands in {own}, and its service in {other}");
    let unknown = |it: &str| format!("warning[endpoint-service]: `a` leads to `{it}`, which is no service that is known");
    for (options, name, expected) in [
        ("", "com.amazonaws.eu-central-1.secretsmanager", vec![]),
        ("", "com.amazonaws.${aws.region}.ecr.dkr", vec![]),
        ("", "com.amazonaws.eu-central-1.kms-fips", vec![]),
        ("", "com.amazonaws.eu-central-1.something-quite-new", vec![]),
        ("", "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0", vec![]),
        ("", "com.amazonaws.s3-global.accesspoint", vec![]),
        ("region: us-east-1, ", "com.amazonaws.us-east-1.logs", vec![]),
        ("", "com.amazonaws.us-east-1.logs", vec![elsewhere("eu-central-1", "us-east-1")]),
        ("region: us-east-1, ", "com.amazonaws.eu-central-1.logs", vec![elsewhere("us-east-1", "eu-central-1")]),
        ("", "com.amazonaws.eu-central-1.secretmanager", vec![unknown("secretmanager")]),
        ("", "com.amazonaws.eu-central-2.bedrock-runtim", vec![elsewhere("eu-central-1", "eu-central-2"), unknown("bedrock-runtim")]),
    ] {
        let expected: Vec<_> = expected.iter().map(|it| ("a", it.as_str())).collect();
        check_findings(&endpoint(options, name), &expected);
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
fn a_subnet_has_one_route_table_and_a_vpc_one_main_table() {
    let check = |tables: &str, expected: &[(&str, &str)]| check_findings(&format!("{NETWORK}{tables}"), expected);
    let table = |name: &str, rest: &str| format!("{name}: {{ ec2.route_table: {{ vpc_id: '${{vpc.id}}', {rest} }} }}\n");
    check(&(table("one", "main: true, subnet_ids: ['${a.id}']") + &table("two", "main: false, subnet_ids: ['${b.id}', subnet-9]")), &[]);
    check(
        &(table("one", "main: true") + &table("two", "main: true")),
        &[("two", "error[duplicate-table]: `one` and `two` both are the main table of their VPC")],
    );
    check(
        &(table("one", "subnet_ids: ['${a.id}', subnet-9]") + &table("two", "subnet_ids: ['${b.id}', subnet-9, '${a.id}']")),
        &[
            ("two", "error[duplicate-table]: `one` and `two` both are the route table of `a`"),
            ("two", "error[duplicate-table]: `one` and `two` both are the route table of `subnet-9`"),
        ],
    );
}
