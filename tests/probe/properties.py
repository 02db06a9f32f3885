"""By type, where AWS's answers have each property of a stack file.

Each function asks AWS about one resource and returns its properties in the form of a stack file: one line a property, with the field of the
answer that has it. What is not in there counts as not found.
"""

import json
import re

# What the emulator's answers cannot show: by type and path of the property why, and the test that sees on the wire what is sent.
DELETES = "says what infra does when it deletes"
NOT_KEPT = {
    "acm.certificate": {
        "hosted_zone_id": ("AWS is not told; its validation record is looked for in that zone instead",
                           "src/aws/acm/certificate/tests.rs", "it_writes_its_records_and_takes_them_away_with_nothing_else"),
    },
    "budgets.budget": {
        "notifications_with_subscribers.subscribers": ("the emulator fails when it is asked who is told",
                                                       "src/aws/budgets/budget/tests.rs", "notifications_are_made_anew"),
    },
    "ecr.repository": {
        "empty_on_delete": (DELETES, "src/aws/ecr/repository/tests.rs", "images_are_deleted_with_it_only_when_that_is_written"),
    },
    "rds.db_cluster": {
        "master_user_password": ("no answer has it, nor has AWS's", "src/aws/rds/db_cluster/tests.rs", "a_password_is_changed_or_given_over"),
        "skip_final_snapshot": (DELETES, "src/aws/rds/db_cluster/tests.rs", "a_last_snapshot_is_made_unless_told_otherwise"),
    },
    "s3.bucket": {
        "bucket_encryption": ("AWS gives it to every new bucket, so that it is not sent, and the emulator gives it to none",
                              "src/aws/s3/bucket/tests.rs", "conforms"),
        "empty_on_delete": (DELETES, "src/aws/s3/bucket/tests.rs", "only_what_is_to_be_emptied_is_emptied"),
    },
    "secretsmanager.secret": {
        "force_delete_without_recovery": (DELETES, "src/aws/secretsmanager/secret/tests.rs", "what_can_be_had_back_is_gone_and_its_name_is_taken"),
    },
}


def snake(value):
    """AWS's names as a stack file writes them."""
    if isinstance(value, dict):
        return {re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key).lower(): snake(it) for key, it in value.items()}
    return [snake(it) for it in value] if isinstance(value, list) else value


def fields(answer, *names):
    """Those that are named alike."""
    known = snake(answer)
    return {name: known.get(name) for name in names}


def tags(pairs):
    return {it.get("Key", it.get("key")): it.get("Value", it.get("value")) for it in pairs or []}


def one(found):
    assert len(found) == 1, f"{len(found)} of it: {found}"
    return found[0]


def document(text):
    return json.loads(text) if isinstance(text, str) else text


# ---- EC2


def vpc(aws, it):
    found = one(aws.ec2.describe_vpcs(VpcIds=[it.id])["Vpcs"])

    def attribute(name):
        return aws.ec2.describe_vpc_attribute(VpcId=it.id, Attribute=name[0].lower() + name[1:])[name]["Value"]

    return {
        "cidr_block": found["CidrBlock"],
        "enable_dns_support": attribute("EnableDnsSupport"),
        "enable_dns_hostnames": attribute("EnableDnsHostnames"),
        "instance_tenancy": found["InstanceTenancy"],
        "tags": tags(found["Tags"]),
    }


def subnet(aws, it):
    found = one(aws.ec2.describe_subnets(SubnetIds=[it.id])["Subnets"])
    return {**fields(found, "vpc_id", "availability_zone", "cidr_block", "map_public_ip_on_launch"), "tags": tags(found["Tags"])}


def internet_gateway(aws, it):
    found = one(aws.ec2.describe_internet_gateways(InternetGatewayIds=[it.id])["InternetGateways"])
    return {"vpc_id": one(found["Attachments"])["VpcId"], "tags": tags(found["Tags"])}


def route_table(aws, it):
    found = one(aws.ec2.describe_route_tables(RouteTableIds=[it.id])["RouteTables"])
    # Those of the VPC itself and of gateway endpoints are not the table's to write.
    routes = [route for route in found["Routes"] if route.get("GatewayId") != "local" and not route.get("GatewayId", "").startswith("vpce-")]
    return {
        "vpc_id": found["VpcId"],
        "routes": [fields(route, "destination_cidr_block", "gateway_id") for route in routes],
        "subnet_ids": [association["SubnetId"] for association in found["Associations"]],
        "tags": tags(found["Tags"]),
    }


def security_group(aws, it):
    found = one(aws.ec2.describe_security_groups(GroupIds=[it.id])["SecurityGroups"])

    def rules(permissions, side):
        # One entry of the answer is several rules: one for each peer.
        for it in permissions:
            ports = fields(it, "ip_protocol", "from_port", "to_port")
            for peer in it["IpRanges"]:
                yield {**ports, "cidr_ip": peer["CidrIp"], "description": peer.get("Description")}
            for peer in it["UserIdGroupPairs"]:
                yield {**ports, side: peer["GroupId"], "description": peer.get("Description")}

    return {
        "group_name": found["GroupName"],
        "description": found["Description"],
        "vpc_id": found["VpcId"],
        "ingress": list(rules(found["IpPermissions"], "source_security_group_id")),
        "egress": list(rules(found["IpPermissionsEgress"], "destination_security_group_id")),
        "tags": tags(found["Tags"]),
    }


def vpc_endpoint(aws, it):
    found = one(aws.ec2.describe_vpc_endpoints(VpcEndpointIds=[it.id])["VpcEndpoints"])
    named = fields(found, "service_name", "vpc_endpoint_type", "vpc_id", "subnet_ids", "route_table_ids", "private_dns_enabled")
    return {**named, "security_group_ids": [group["GroupId"] for group in found.get("Groups", [])], "tags": tags(found["Tags"])}


def flow_log(aws, it):
    found = one(aws.ec2.describe_flow_logs(FlowLogIds=[it.id])["FlowLogs"])
    named = fields(found, "resource_id", "traffic_type", "log_group_name", "deliver_logs_permission_arn", "log_destination_type")
    # Its type is not in the answer, but in the id that it is for.
    return {**named, "resource_type": {"vpc": "VPC"}.get(found["ResourceId"].split("-")[0]), "tags": tags(found["Tags"])}


# ---- IAM, logs, secrets


def role(aws, it):
    found = aws.iam.get_role(RoleName=it.id)["Role"]
    names = aws.iam.list_role_policies(RoleName=it.id)["PolicyNames"]
    return {
        "role_name": found["RoleName"],
        "description": found.get("Description"),
        "assume_role_policy_document": found["AssumeRolePolicyDocument"],
        "managed_policy_arns": [one["PolicyArn"] for one in aws.iam.list_attached_role_policies(RoleName=it.id)["AttachedPolicies"]],
        "policies": {name: aws.iam.get_role_policy(RoleName=it.id, PolicyName=name)["PolicyDocument"] for name in names},
        "max_session_duration": found["MaxSessionDuration"],
        "tags": tags(found["Tags"]),
    }


def log_group(aws, it):
    groups = aws.logs.describe_log_groups(logGroupNamePrefix=it.id)["logGroups"]
    found = one([group for group in groups if group["logGroupName"] == it.id])
    return {
        "log_group_name": found["logGroupName"],
        "retention_in_days": found["retentionInDays"],
        "tags": aws.logs.list_tags_for_resource(resourceArn=found["arn"].removesuffix(":*"))["tags"],
    }


def secret(aws, it):
    found = aws.secretsmanager.describe_secret(SecretId=it.id)
    parts = json.loads(aws.secretsmanager.get_secret_value(SecretId=it.id)["SecretString"])
    generated = it.expected["generate"]
    aws.secrets.update(parts[name] for name in generated)
    return {
        "name": found["Name"],
        "description": found["Description"],
        "values": aws.hashed({name: value for name, value in parts.items() if name not in generated}),
        "generate": {name: shape(parts[name], rule) for name, rule in generated.items()},
        "tags": tags(found["Tags"]),
    }


def shape(text, rule):
    """What can be said of a generated text, in the words of the rule that made it: no text of it is ever shown."""
    if "bytes" in rule:
        import base64

        return {"bytes": len(base64.b64decode(text, validate=True))}
    excluded = rule["exclude_characters"]
    return {"length": len(text), "exclude_characters": excluded if not set(text) & set(excluded) else "some of them are in it"}


# ---- RDS


def db_subnet_group(aws, it):
    found = one(aws.rds.describe_db_subnet_groups(DBSubnetGroupName=it.id)["DBSubnetGroups"])
    return {
        "db_subnet_group_name": found["DBSubnetGroupName"],
        "db_subnet_group_description": found["DBSubnetGroupDescription"],
        "subnet_ids": [subnet["SubnetIdentifier"] for subnet in found["Subnets"]],
        "tags": tags(aws.rds.list_tags_for_resource(ResourceName=found["DBSubnetGroupArn"])["TagList"]),
    }


def db_cluster(aws, it):
    found = one(aws.rds.describe_db_clusters(DBClusterIdentifier=it.id)["DBClusters"])
    same = ["db_cluster_identifier", "engine", "engine_version", "database_name", "master_username", "storage_encrypted"]
    return {
        **fields(found, *same, "backup_retention_period", "deletion_protection", "engine_mode"),
        "serverless_v2_scaling_configuration": snake(found["ServerlessV2ScalingConfiguration"]),
        "db_subnet_group_name": found["DBSubnetGroup"],
        "vpc_security_group_ids": [group["VpcSecurityGroupId"] for group in found["VpcSecurityGroups"]],
        "enable_iam_database_authentication": found["IAMDatabaseAuthenticationEnabled"],
        "tags": tags(found["TagList"]),
    }


def db_instance(aws, it):
    found = one(aws.rds.describe_db_instances(DBInstanceIdentifier=it.id)["DBInstances"])
    same = ["db_instance_identifier", "db_cluster_identifier", "engine", "db_instance_class", "publicly_accessible", "multi_az"]
    return {**fields(found, *same), "tags": tags(found["TagList"])}


# ---- Images, documents, functions


def repository(aws, it):
    found = one(aws.ecr.describe_repositories(repositoryNames=[it.id])["repositories"])
    return {
        "repository_name": found["repositoryName"],
        "scan_on_push": found["imageScanningConfiguration"]["scanOnPush"],
        "encryption_type": found["encryptionConfiguration"]["encryptionType"],
        "image_tag_mutability": found["imageTagMutability"],
        "lifecycle_policy": json.loads(aws.ecr.get_lifecycle_policy(repositoryName=it.id)["lifecyclePolicyText"]),
        "tags": tags(aws.ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]),
    }


def bucket(aws, it):
    def asked(call, key):
        """What was never written is an error to AWS."""
        try:
            return getattr(aws.s3, call)(Bucket=it.id)[key]
        except (aws.s3.exceptions.ClientError, KeyError):
            return None

    return {
        "bucket_name": one([each["Name"] for each in aws.s3.list_buckets()["Buckets"] if each["Name"] == it.id]),
        "versioning": asked("get_bucket_versioning", "Status"),
        "notification_configuration": {
            "event_bridge_enabled": asked("get_bucket_notification_configuration", "EventBridgeConfiguration") is not None,
            "lambda_configurations": [
                {
                    "function": each["LambdaFunctionArn"],
                    "events": each["Events"],
                    **{rule["Name"].lower(): rule["Value"] for rule in each["Filter"]["Key"]["FilterRules"]},
                }
                for each in asked("get_bucket_notification_configuration", "LambdaFunctionConfigurations") or []
            ]
        },
        "lifecycle_rules": [
            {"id": rule["ID"], "status": rule["Status"], "expiration_in_days": rule["Expiration"]["Days"],
             "expired_object_delete_marker": rule["Expiration"].get("ExpiredObjectDeleteMarker", False)}
            for rule in asked("get_bucket_lifecycle_configuration", "Rules") or []
        ],
        "policy_document": document(asked("get_bucket_policy", "Policy")),
        "public_access_block_configuration": snake(asked("get_public_access_block", "PublicAccessBlockConfiguration")),
        "object_ownership": one(asked("get_bucket_ownership_controls", "OwnershipControls")["Rules"])["ObjectOwnership"],
        "tags": tags(asked("get_bucket_tagging", "TagSet")),
    }


def function(aws, it):
    answer = aws.lambda_.get_function(FunctionName=it.id)
    found = answer["Configuration"]
    return {
        **fields(found, "function_name", "description", "role", "architectures", "memory_size", "timeout"),
        "code": {"image_uri": answer["Code"]["ImageUri"]},
        "ephemeral_storage": found["EphemeralStorage"]["Size"],
        "vpc_config": fields(found["VpcConfig"], "subnet_ids", "security_group_ids", "ipv6_allowed_for_dual_stack"),
        "environment": found["Environment"]["Variables"],
        "tracing_config": snake(found["TracingConfig"]),
        "tags": answer["Tags"],
    }


def permission(aws, it):
    name, statement = it.id.rsplit("/", 1)
    policy = json.loads(aws.lambda_.get_policy(FunctionName=name)["Policy"])
    found = one([each for each in policy["Statement"] if each["Sid"] == statement])
    condition = found.get("Condition", {})
    return {
        "function_name": found["Resource"].rsplit(":", 1)[1],
        "statement_id": found["Sid"],
        "action": found["Action"],
        "principal": found["Principal"]["Service"],
        "source_arn": condition.get("ArnLike", {}).get("AWS:SourceArn"),
        "source_account": condition.get("StringEquals", {}).get("AWS:SourceAccount"),
    }


# ---- The API


def api(aws, it):
    found = aws.apigatewayv2.get_api(ApiId=it.id)
    return {**fields(found, "name", "protocol_type"), "cors_configuration": snake(found["CorsConfiguration"]), "tags": found["Tags"]}


def integration(aws, it):
    parent, identity = it.id.split("/")
    found = aws.apigatewayv2.get_integration(ApiId=parent, IntegrationId=identity)
    return {"api_id": parent, **fields(found, "integration_type", "integration_uri", "payload_format_version", "connection_type")}


def route(aws, it):
    parent, identity = it.id.split("/")
    return {"api_id": parent, **fields(aws.apigatewayv2.get_route(ApiId=parent, RouteId=identity), "route_key", "target", "authorization_type")}


def stage(aws, it):
    parent, name = it.id.split("/")
    found = aws.apigatewayv2.get_stage(ApiId=parent, StageName=name)
    settings = fields(found["DefaultRouteSettings"], "throttling_burst_limit", "throttling_rate_limit", "detailed_metrics_enabled")
    return {"api_id": parent, **fields(found, "stage_name", "auto_deploy"), "default_route_settings": settings, "tags": found["Tags"]}


# ---- The web interface


def hosted_zone(aws, it):
    found = aws.route53.get_hosted_zone(Id=it.id)["HostedZone"]
    its_tags = aws.route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=it.id)["ResourceTagSet"]["Tags"]
    return {"name": found["Name"].removesuffix("."), "tags": tags(its_tags)}


def record(aws, it):
    zone, name, kind = it.id.split("/")
    records = aws.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    found = one([each for each in records if each["Name"] == f"{name}." and each["Type"] == kind])
    target = snake(found["AliasTarget"])
    return {
        "hosted_zone_id": zone,
        "name": found["Name"].removesuffix("."),
        "type": found["Type"],
        "alias_target": {**target, "dns_name": target["dns_name"].removesuffix(".")},
    }


def certificate(aws, it):
    found = aws.acm.describe_certificate(CertificateArn=it.id)["Certificate"]
    options = one(found["DomainValidationOptions"])
    # That it wrote its record where it was told to is what the zone is for.
    zone = it.expected["hosted_zone_id"]
    wanted = options["ResourceRecord"]
    names = [each["Name"].removesuffix(".") for each in aws.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]]
    assert wanted["Name"].removesuffix(".") in names, "its validation record is not in its zone"
    return {
        "domain_name": found["DomainName"],
        "validation_method": options["ValidationMethod"],
        "tags": tags(aws.acm.list_tags_for_certificate(CertificateArn=it.id)["Tags"]),
    }


def attributes(pairs):
    """Attributes of load balancers and target groups, as a stack file has them."""
    values = {"true": True, "false": False}
    return {it["Key"].replace(".", "_"): values.get(it["Value"], int(it["Value"]) if it["Value"].isdigit() else it["Value"]) for it in pairs}


def balanced_tags(aws, arn):
    return tags(one(aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"])["Tags"])


def load_balancer(aws, it):
    found = one(aws.elbv2.describe_load_balancers(Names=[it.id])["LoadBalancers"])
    arn = found["LoadBalancerArn"]
    settings = attributes(aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"])
    return {
        "name": found["LoadBalancerName"],
        "scheme": found["Scheme"],
        "type": found["Type"],
        "subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
        "security_groups": found["SecurityGroups"],
        "deletion_protection_enabled": settings["deletion_protection_enabled"],
        "tags": balanced_tags(aws, arn),
    }


def target_group(aws, it):
    found = one(aws.elbv2.describe_target_groups(Names=[it.id])["TargetGroups"])
    arn = found["TargetGroupArn"]
    settings = attributes(aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"])
    return {
        "name": found["TargetGroupName"],
        **fields(found, "target_type", "protocol", "port", "vpc_id", "health_check_path", "health_check_interval_seconds"),
        "deregistration_delay_timeout_seconds": settings["deregistration_delay_timeout_seconds"],
        "tags": balanced_tags(aws, arn),
    }


def listener(aws, it):
    found = one(aws.elbv2.describe_listeners(ListenerArns=[it.id])["Listeners"])
    certificates = [each["CertificateArn"] for each in found.get("Certificates", [])]
    return {
        **fields(found, "load_balancer_arn", "port", "protocol", "ssl_policy"),
        "certificate_arn": one(certificates) if certificates else None,
        "default_actions": snake(found["DefaultActions"]),
        "tags": balanced_tags(aws, it.id),
    }


def ecs_cluster(aws, it):
    found = one(aws.ecs.describe_clusters(clusters=[it.id], include=["TAGS", "SETTINGS", "CONFIGURATIONS"])["clusters"])
    same = fields(found, "cluster_name", "capacity_providers", "default_capacity_provider_strategy")
    return {**same, "tags": tags(found["tags"])}


def task_definition(aws, it):
    answer = aws.ecs.describe_task_definition(taskDefinition=it.id, include=["TAGS"])
    found = answer["taskDefinition"]
    containers = []
    for container in found["containerDefinitions"]:
        logs = container["logConfiguration"]
        containers.append({
            **fields(container, "name", "image", "essential"),
            "port_mappings": snake(container["portMappings"]),
            "environment": {each["name"]: each["value"] for each in container["environment"]},
            "log_configuration": {"log_driver": logs["logDriver"], "options": logs["options"]},
            # False where the answer has nothing is what AWS says of them.
            "privileged": container.get("privileged", False),
            "readonly_root_filesystem": container.get("readonlyRootFilesystem", False),
        })
    return {
        **fields(found, "family", "requires_compatibilities", "network_mode", "execution_role_arn", "runtime_platform"),
        "cpu": int(found["cpu"]),
        "memory": int(found["memory"]),
        "container_definitions": containers,
        "tags": tags(answer["tags"]),
    }


def service(aws, it):
    cluster, name = it.expected["cluster"], it.expected["service_name"]
    found = one(aws.ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])["services"])
    same = ["service_name", "task_definition", "capacity_provider_strategy", "load_balancers", "health_check_grace_period_seconds"]
    return {
        **fields(found, *same, "deployment_configuration"),
        "cluster": found["clusterArn"].rsplit("/", 1)[1],
        "network_configuration": snake(found["networkConfiguration"]["awsvpcConfiguration"]),
        "tags": tags(found["tags"]),
    }


def scaling_target(aws, it):
    call = aws.application_autoscaling.describe_scalable_targets
    found = one(call(ServiceNamespace=it.expected["service_namespace"], ResourceIds=[it.expected["resource_id"]])["ScalableTargets"])
    return fields(found, "service_namespace", "resource_id", "scalable_dimension", "min_capacity", "max_capacity")


def scaling_policy(aws, it):
    call = aws.application_autoscaling.describe_scaling_policies
    name = it.expected["policy_name"]
    policies = call(ServiceNamespace=it.expected["service_namespace"])["ScalingPolicies"]
    found = one([each for each in policies if each["PolicyName"] == name])
    same = ["policy_name", "policy_type", "service_namespace", "resource_id", "scalable_dimension"]
    return fields(found, *same, "target_tracking_scaling_policy_configuration")


def association(aws, it):
    found = aws.wafv2.get_web_acl_for_resource(ResourceArn=it.expected["resource_arn"])["WebACL"]
    return {"resource_arn": it.expected["resource_arn"], "web_acl_arn": found["ARN"]}


def web_acl(aws, it):
    name, identity, scope = it.id.split("|")
    found = aws.wafv2.get_web_acl(Name=name, Id=identity, Scope=scope)["WebACL"]
    rules = []
    for rule in found["Rules"]:
        known = snake(rule)
        for one_of in ("action", "override_action"):
            if one_of in known:
                known[one_of] = one(list(known[one_of]))
        rules.append(known)
    return {
        "name": found["Name"],
        "scope": scope,
        "default_action": one(list(found["DefaultAction"])).lower(),
        "visibility_config": snake(found["VisibilityConfig"]),
        "rules": rules,
        "tags": tags(aws.wafv2.list_tags_for_resource(ResourceARN=found["ARN"])["TagInfoForResource"]["TagList"]),
    }


# ---- What watches


def topic(aws, it):
    arn = it.outputs["arn"]
    found = aws.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    return {"topic_name": found["TopicArn"].rsplit(":", 1)[1], "tags": tags(aws.sns.list_tags_for_resource(ResourceArn=arn)["Tags"])}


def subscription(aws, it):
    return fields(aws.sns.get_subscription_attributes(SubscriptionArn=it.id)["Attributes"], "topic_arn", "protocol", "endpoint")


def alarm(aws, it):
    found = one(aws.cloudwatch.describe_alarms(AlarmNames=[it.id])["MetricAlarms"])
    same = ["alarm_name", "namespace", "metric_name", "statistic", "period", "evaluation_periods", "comparison_operator", "threshold"]
    return {
        **fields(found, *same, "treat_missing_data", "alarm_actions", "actions_enabled"),
        "dimensions": {each["Name"]: each["Value"] for each in found["Dimensions"]},
        "tags": tags(aws.cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]),
    }


def trail(aws, it):
    found = aws.cloudtrail.get_trail(Name=it.id)["Trail"]
    selectors = aws.cloudtrail.get_event_selectors(TrailName=it.id)["EventSelectors"]
    its_tags = aws.cloudtrail.list_tags(ResourceIdList=[found["TrailARN"]])["ResourceTagList"]
    return {
        "trail_name": found["Name"],
        "s3_bucket_name": found["S3BucketName"],
        "is_multi_region_trail": found["IsMultiRegionTrail"],
        "enable_log_file_validation": found["LogFileValidationEnabled"],
        "event_selectors": snake(selectors),
        "is_logging": aws.cloudtrail.get_trail_status(Name=it.id)["IsLogging"],
        "tags": tags(one(its_tags)["TagsList"]),
    }


def recorder(aws, it):
    found = one(aws.config.describe_configuration_recorders(ConfigurationRecorderNames=[it.id])["ConfigurationRecorders"])
    channel = one(aws.config.describe_delivery_channels()["DeliveryChannels"])
    group = fields(found["recordingGroup"], "all_supported", "resource_types")
    return {
        "name": found["name"],
        "role_arn": found["roleARN"],
        "recording_group": {**group, "include_global_resource_types": found["recordingGroup"]["includeGlobalResourceTypes"]},
        "delivery_channel": {
            "s3_bucket_name": channel["s3BucketName"],
            "delivery_frequency": channel["configSnapshotDeliveryProperties"]["deliveryFrequency"],
        },
        "recording": one(aws.config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"])["recording"],
    }


def budget(aws, it):
    found = aws.budgets.describe_budget(AccountId=aws.account, BudgetName=it.id)["Budget"]
    told = []
    for notification in aws.budgets.describe_notifications_for_budget(AccountId=aws.account, BudgetName=it.id)["Notifications"]:
        told.append(fields(notification, "threshold", "threshold_type", "comparison_operator", "notification_type"))
    return {
        "budget_name": found["BudgetName"],
        "budget_limit": {"amount": float(found["BudgetLimit"]["Amount"]), "unit": found["BudgetLimit"]["Unit"]},
        "cost_filters": found["CostFilters"],
        "notifications_with_subscribers": told,
    }


TYPES = {
    "acm.certificate": certificate,
    "apigatewayv2.api": api,
    "apigatewayv2.integration": integration,
    "apigatewayv2.route": route,
    "apigatewayv2.stage": stage,
    "application_autoscaling.policy": scaling_policy,
    "application_autoscaling.target": scaling_target,
    "budgets.budget": budget,
    "cloudtrail.trail": trail,
    "cloudwatch.alarm": alarm,
    "config.recorder": recorder,
    "ec2.flow_log": flow_log,
    "ec2.internet_gateway": internet_gateway,
    "ec2.route_table": route_table,
    "ec2.security_group": security_group,
    "ec2.subnet": subnet,
    "ec2.vpc": vpc,
    "ec2.vpc_endpoint": vpc_endpoint,
    "ecr.repository": repository,
    "ecs.cluster": ecs_cluster,
    "ecs.service": service,
    "ecs.task_definition": task_definition,
    "elbv2.listener": listener,
    "elbv2.load_balancer": load_balancer,
    "elbv2.target_group": target_group,
    "iam.role": role,
    "lambda.function": function,
    "lambda.permission": permission,
    "logs.log_group": log_group,
    "rds.db_cluster": db_cluster,
    "rds.db_instance": db_instance,
    "rds.db_subnet_group": db_subnet_group,
    "route53.hosted_zone": hosted_zone,
    "route53.record": record,
    "s3.bucket": bucket,
    "secretsmanager.secret": secret,
    "sns.subscription": subscription,
    "sns.topic": topic,
    "wafv2.association": association,
    "wafv2.web_acl": web_acl,
}
