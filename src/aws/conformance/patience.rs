//! What AWS says while it does not know everything everywhere yet, in its own words, and what waits for what although no property
//! says so: for what no emulator shows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use infra::{
    address::Address,
    diagnostic::Source,
    graph,
    resource::{During, Error},
    stack::{Settings, parse, resolve},
    state::State,
};

use crate::aws::{TYPES, types};

/// Each of these passes by itself, and in any case within so many seconds; at another time it is an error.
#[test]
fn what_passes_by_itself_is_known_by_the_words_that_aws_has_for_it() {
    use During::{Create, Delete, Update};
    const ROLE: &str = "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING";
    const GROUP: &str = "One or more database instances are still members of this parameter group example";
    const DEPENDS: &str = "The resource 'x' has dependencies and cannot be deleted.";
    for (type_name, during, code, message, within) in [
        ("application_autoscaling.target", Create, "ValidationException", "ECS service doesn't exist: service/a/b", 60),
        ("cloudtrail.trail", Create, "InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is detected for bucket: a", 120),
        ("cloudtrail.trail", Update, "InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust relationships", 120),
        ("config.recorder", Create, "InvalidRoleException", "Invalid role", 120),
        ("config.recorder", Update, "InsufficientDeliveryPolicyException", "Insufficient delivery policy to s3 bucket: a", 120),
        ("config.rule", Create, "InsufficientPermissionsException", "The AWS Lambda function permissions are insufficient", 120),
        ("ec2.eip", Delete, "AuthFailure", "You do not have permission to access the specified resource.", 1200),
        ("ec2.eip", Delete, "InvalidIPAddress.InUse", "Address 203.0.113.1 is in use.", 1200),
        ("ec2.flow_log", Create, "InvalidParameter", "Unable to assume given IAM role", 120),
        ("ec2.internet_gateway", Update, "InvalidInternetGatewayID.NotFound", "The internetGateway ID 'igw-1' does not exist", 300),
        ("ec2.internet_gateway", Update, "DependencyViolation", "Network vpc-1 has some mapped public address(es).", 1200),
        ("ec2.internet_gateway", Delete, "DependencyViolation", DEPENDS, 1200),
        ("ec2.nat_gateway", Create, "InvalidAllocationID.NotFound", "The allocation ID 'eipalloc-1' does not exist", 60),
        ("ec2.security_group", Delete, "DependencyViolation", DEPENDS, 2700),
        ("ec2.subnet", Delete, "DependencyViolation", DEPENDS, 2700),
        ("ecs.cluster", Delete, "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.", 600),
        ("ecs.cluster", Delete, "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.", 600),
        ("kms.key", Create, "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.", 120),
        ("kms.key", Update, "NotFoundException", "Key 'arn:aws:kms:eu-central-1:123456789012:key/a' does not exist", 30),
        ("kms.key", Update, "DisabledException", "arn:aws:kms:eu-central-1:123456789012:key/a is disabled.", 30),
        ("rds.db_cluster", Create, "InvalidParameterValue", ROLE, 300),
        ("rds.db_cluster", Update, "InvalidDBClusterStateFault", "Cluster example cannot be modified, try your request later", 300),
        ("rds.db_cluster_parameter_group", Delete, "InvalidDBParameterGroupState", GROUP, 180),
        ("rds.db_instance", Create, "InvalidParameterValue", ROLE, 300),
        ("rds.db_instance", Update, "InvalidParameterValue", ROLE, 300),
        ("rds.db_instance", Update, "InvalidDBInstanceState", "Database instance is not in available state.", 300),
        ("rds.db_parameter_group", Delete, "InvalidDBParameterGroupState", GROUP, 180),
        ("rds.db_subnet_group", Delete, "InvalidDBSubnetGroupStateFault", "Cannot delete the subnet group 'a' because it is in use", 300),
        ("route53.hosted_zone", Delete, "KeySigningKeyInParentDSRecord", "Due to DNS lookup failure we could not determine", 300),
        ("s3.bucket", Create, "OperationAborted", "A conflicting conditional operation is currently in progress", 300),
        ("s3.bucket", Delete, "OperationAborted", "A conflicting conditional operation is currently in progress", 300),
        ("s3.bucket", Update, "NoSuchBucket", "The specified bucket does not exist", 60),
        ("s3.bucket", Update, "MalformedPolicy", "Invalid principal in policy", 120),
        ("s3.object", Create, "NoSuchBucket", "The specified bucket does not exist", 60),
        (
            "secretsmanager.secret",
            Update,
            "MalformedPolicyDocumentException",
            "This resource policy contains an unsupported principal.",
            120,
        ),
        ("sns.topic", Update, "InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound", 120),
        ("wafv2.association", Create, "WAFUnavailableEntityException", "AWS WAF couldn't retrieve the resource that you requested.", 300),
        ("wafv2.web_acl", Create, "WAFUnavailableEntityException", "AWS WAF couldn't retrieve the resource that you requested.", 300),
        ("wafv2.web_acl", Delete, "WAFAssociatedItemException", "AWS WAF couldn't perform the operation", 300),
    ] {
        let resource = TYPES.iter().find(|it| it.name() == type_name).unwrap_or_else(|| panic!("there is no {type_name}"));
        let passes = |code: &'static str, message: &str| resource.facts().passes(&Error::rejected("Call", code, message), during);
        let patience = passes(code, message).unwrap_or_else(|| panic!("{type_name}: `{code}: {message}` passes"));
        assert!(patience >= Duration::from_secs(within), "{type_name}: `{code}` only for {patience:?}");
        assert_eq!(passes("AccessDeniedForGood", message), None, "{type_name}");
    }
}

/// The needs of the last resource, without those that its properties say.
fn waits(resources: &str) -> Vec<String> {
    let indented: String = resources.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!("stack: test\nregion: eu-central-1\nresources:\n{indented}");
    let catalog = types().catalog;
    let (file, problems) = parse(Arc::new(Source::new("stack.yaml", text)), &catalog);
    assert!(problems.is_empty(), "{problems:#?}");
    let settings = Settings { environment: "default".into(), ..Settings::default() };
    let (stack, problems) = resolve(&file.expect("a stack"), &settings, &catalog, &BTreeMap::new());
    assert!(problems.is_empty(), "{problems:#?}");
    let stack = stack.expect("a stack");
    let state = State::new("test", "default");
    let (graph, problems) = graph::build(Some(&stack), &state, &catalog);
    assert!(problems.is_empty(), "{problems:#?}");
    let last = graph.find(&Address::new("last")).expect("the last one");
    let needs = graph.nodes[last].needs.iter().filter(|it| matches!(it.why, graph::Why::Implied));
    needs.map(|it| graph.nodes[it.to].address.as_str().to_owned()).collect()
}

#[test]
fn what_no_property_says_is_waited_for() {
    const NETWORK: &str = "
vpc: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }
subnet: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/24 } }
other: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24 } }
group: { rds.db_subnet_group: { db_subnet_group_description: a, subnet_ids: ['${subnet.id}', '${other.id}'] } }
gateway: { ec2.internet_gateway: { vpc_id: '${vpc.id}' } }
foreign: { ec2.internet_gateway: { vpc_id: vpc-1 } }
";
    const API: &str = "
api: { apigatewayv2.api: { name: a, protocol_type: HTTP } }
handler: { lambda.function: { role: 'arn:aws:iam::123456789012:role/a', code: { image_uri: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1' } } }
permission: { lambda.permission: { function_name: '${handler.id}', principal: apigateway.amazonaws.com, source_arn: '${api.execution_arn}/*' } }
";
    const SCALING: &str = "
cluster: { ecs.cluster: {} }
service: { ecs.service: { cluster: '${cluster.id}', task_definition: 'arn:aws:ecs:eu-central-1:123456789012:task-definition/a:1' } }
target: { application_autoscaling.target: { service_namespace: ecs, scalable_dimension: 'ecs:service:DesiredCount', resource_id: '${service.resource_id}', min_capacity: 1, max_capacity: 2 } }
";
    const WEB: &str = "last: { lambda.function: { function_name: web, role: 'arn:aws:iam::123456789012:role/a', code: { image_uri: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1' } } }";
    const TRACKING: &str =
        "{ target_value: 60, predefined_metric_specification: { predefined_metric_type: ECSServiceAverageCPUUtilization } }";
    let policy = format!(
        "last: {{ application_autoscaling.policy: {{ policy_name: a, service_namespace: ecs, \
         scalable_dimension: 'ecs:service:DesiredCount', resource_id: '${{service.resource_id}}', \
         target_tracking_scaling_policy_configuration: {TRACKING} }} }}"
    );
    for (base, last, expected) in [
        (NETWORK, "last: { ec2.nat_gateway: { subnet_id: '${subnet.id}', allocation_id: eipalloc-1 } }", "gateway"),
        (NETWORK, "last: { elbv2.load_balancer: { subnets: ['${subnet.id}', '${other.id}'] } }", "gateway"),
        (
            NETWORK,
            "last: { rds.db_instance: { db_instance_class: db.t4g.micro, engine: postgres, allocated_storage: 20, master_username: a, \
             manage_master_user_password: true, publicly_accessible: true, db_subnet_group_name: '${group.id}' } }",
            "gateway",
        ),
        (API, "last: { apigatewayv2.stage: { api_id: '${api.id}', stage_name: a } }", "permission"),
        (SCALING, &policy, "target"),
        ("lines: { logs.log_group: { log_group_name: /aws/lambda/web } }\n", WEB, "lines"),
    ] {
        assert_eq!(waits(&format!("{base}{last}\n")), [expected], "{last}");
    }
}
