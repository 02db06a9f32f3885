//! Databases and where they stand.

use super::{GATEWAY, NETWORK, check_findings};

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

#[test]
fn the_key_of_a_last_snapshot_stays() {
    let stack = |options: &str, key: &str, rest: &str| {
        format!(
            "
key: {{ {options}kms.key: {{ description: of the database }} }}
name: {{ kms.alias: {{ alias_name: alias/database, target_key_id: '${{key.id}}' }} }}
cluster: {{ rds.db_cluster: {{ engine: aurora-postgresql, manage_master_user_password: true, master_username: postgres, storage_encrypted: true, kms_key_id: '{key}'{rest} }} }}
"
        )
    };
    let wrong = [("cluster", "warning[snapshot-key]: the last snapshot of `cluster` is encrypted with `key`, which goes with the stack")];
    check_findings(&stack("", "${key.arn}", ""), &wrong);
    check_findings(&stack("lifecycle: { retain: false }, ", "${key.arn}", ", skip_final_snapshot: false"), &wrong);
    check_findings(&stack("", "${key.arn}", ", skip_final_snapshot: true"), &[]);
    check_findings(&stack("lifecycle: { retain: true }, ", "${key.arn}", ""), &[]);
    check_findings(&stack("", "${name.arn}", ""), &wrong);
    check_findings(&stack("", "arn:aws:kms:eu-central-1:123456789012:key/a", ""), &[]);
    let instance = stack("", "${key.arn}", ", db_instance_class: db.t4g.micro, allocated_storage: 20")
        .replace("rds.db_cluster", "rds.db_instance")
        .replace("engine: aurora-postgresql", "engine: postgres");
    check_findings(&instance, &wrong);
    check_findings(&stack("", "${key.arn}", "").replace("\ncluster: {", "\ncluster: { lifecycle: { retain: true },"), &[]);
}
