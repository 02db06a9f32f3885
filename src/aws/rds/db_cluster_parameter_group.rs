//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBClusterParameterGroup.html>

use super::parameter_group::parameter_group;

parameter_group! {
    /// A DB cluster parameter group: how the engine of a DB cluster is set.
    DbClusterParameterGroup = "rds.db_cluster_parameter_group",
    /// The engine and its major version: `aurora-postgresql17`.
    family,
    name: db_cluster_parameter_group_name, set_db_cluster_parameter_group_name,
    answer: db_cluster_parameter_groups, db_cluster_parameter_group_arn,
    calls: create_db_cluster_parameter_group,
        describe_db_cluster_parameter_groups,
        describe_db_cluster_parameters,
        modify_db_cluster_parameter_group,
        reset_db_cluster_parameter_group,
        delete_db_cluster_parameter_group,
    actions: "DBClusterParameterGroup", "DBClusterParameters",
    gone: &["DBParameterGroupNotFound", "DBClusterParameterGroupNotFound"],
}

#[cfg(test)]
mod tests {
    use crate::aws::conformance::Conformance;

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "rds.db_cluster_parameter_group",
            changes: &["parameters: { timezone: Asia/Tokyo, rds.force_ssl: '0' }"],
            replacements: &["db_cluster_parameter_group_name: another", "family: aurora-postgresql16", "description: Another"],
            // The emulator does not reset: what is removed has a test of its own.
            untried: &["parameters"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
