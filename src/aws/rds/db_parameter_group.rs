//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html>

use super::parameter_group::parameter_group;

parameter_group! {
    /// A DB parameter group: how the engine of a DB instance is set.
    DbParameterGroup = "rds.db_parameter_group",
    /// The engine and its major version: `postgres17`.
    family,
    name: db_parameter_group_name, set_db_parameter_group_name,
    answer: db_parameter_groups, db_parameter_group_arn,
    calls: create_db_parameter_group,
        describe_db_parameter_groups,
        describe_db_parameters,
        modify_db_parameter_group,
        reset_db_parameter_group,
        delete_db_parameter_group,
    actions: "DBParameterGroup", "DBParameters",
    gone: &["DBParameterGroupNotFound"],
}

#[cfg(test)]
mod tests {
    use crate::aws::conformance::Conformance;

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "rds.db_parameter_group",
            changes: &["parameters: { log_min_duration_statement: '250', max_connections: '200' }"],
            replacements: &["db_parameter_group_name: another", "family: postgres16", "description: Another"],
            // The emulator does not reset: what is removed has a test of its own.
            untried: &["parameters"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
