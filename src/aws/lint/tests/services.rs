//! Load balancers and the tasks behind them.

use super::{GATEWAY, NAT, NETWORK, PUBLIC, check_findings, lint};

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

/// A service on Fargate behind a load balancer.
fn web(target: &str, network: &str, health: &str) -> String {
    format!(
        "{NETWORK}{GATEWAY}
front: {{ ec2.security_group: {{ vpc_id: '${{vpc.id}}', ingress: [{{ ip_protocol: tcp, from_port: 80, to_port: 80, cidr_ip: 0.0.0.0/0 }}] }} }}
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
fn a_listener_is_let_in_on_by_a_group() {
    let good = web(WEB, "", "") + NAT;
    let wrong = [("listener", "warning[listener-ports]: no group of `balancer` lets anybody in on port 80 of `listener`")];
    let open = "ip_protocol: tcp, from_port: 80, to_port: 80";
    let closed = good.replace(open, "ip_protocol: tcp, from_port: 443, to_port: 443");
    check_findings(&closed, &wrong);
    check_findings(&good.replace(open, "ip_protocol: udp, from_port: 80, to_port: 80"), &wrong);
    check_findings(&good.replace(&format!("ingress: [{{ {open}, cidr_ip: 0.0.0.0/0 }}]"), "description: of the balancer"), &wrong);
    check_findings(&good.replace(open, "ip_protocol: tcp, from_port: 79, to_port: 81"), &[]);
    check_findings(&good.replace(&format!("{open}, cidr_ip: 0.0.0.0/0"), "ip_protocol: '-1', cidr_ip: 10.0.0.0/8"), &[]);
    let rule = |group: &str, port: u16| {
        format!(
            "rule: {{ ec2.security_group_rule: {{ type: ingress, group_id: '{group}', ip_protocol: tcp, from_port: {port}, to_port: {port}, cidr_ip: 10.0.0.0/8 }} }}\n"
        )
    };
    let single =
        closed.replace("ingress: [{ ip_protocol: tcp, from_port: 443, to_port: 443, cidr_ip: 0.0.0.0/0 }]", "description: of the balancer");
    check_findings(&(single.clone() + &rule("${front.id}", 80)), &[]);
    check_findings(&(single.clone() + &rule("${front.id}", 443)), &wrong);
    check_findings(&(single + &rule("sg-1", 80)), &wrong);
    // Groups of others, none at all, and a load balancer of others.
    check_findings(&closed.replace("security_groups: ['${front.id}']", "security_groups: ['${front.id}', sg-1]"), &[]);
    check_findings(&closed.replace(", security_groups: ['${front.id}'] } }", " } }"), &[]);
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/0123456789abcdef";
    check_findings(&closed.replace("load_balancer_arn: '${balancer.arn}'", &format!("load_balancer_arn: '{arn}'")), &[]);
}

#[test]
fn a_service_says_where_tasks_stand_that_have_an_interface() {
    let stack = |mode: &str, service: &str| {
        format!(
            "
task: {{ ecs.task_definition: {{ family: web{mode}, container_definitions: [{{ name: web, image: public.ecr.aws/web, memory: 64 }}] }} }}
service: {{ ecs.service: {{ cluster: web, task_definition: '${{task.arn}}'{service} }} }}
"
        )
    };
    let network = ", network_configuration: { subnets: [subnet-1], security_groups: [sg-1] }";
    let wrong =
        [("service", "error[service-network]: `service` does not say where its tasks stand, each of which has a network interface")];
    check_findings(&stack(", network_mode: awsvpc", ""), &wrong);
    check_findings(&stack(", network_mode: awsvpc", ", network_configuration: null"), &wrong);
    check_findings(&stack(", network_mode: awsvpc", network), &[]);
    check_findings(&stack("", ""), &[]);
    check_findings(&stack(", network_mode: bridge", ""), &[]);
    let wrong = [("service", "error[service-network]: `service` says where its tasks stand, which are in the network of their instance")];
    check_findings(&stack("", network), &wrong);
    check_findings(&stack(", network_mode: host", network), &wrong);
    let elsewhere = "'arn:aws:ecs:eu-central-1:123456789012:task-definition/other:3'";
    check_findings(&stack(", network_mode: awsvpc", "").replace("'${task.arn}'", elsewhere), &[]);
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
