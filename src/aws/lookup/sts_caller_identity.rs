//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{clients::Aws, error::error};

pub(crate) struct CallerIdentity;

/// Who calls AWS. It is found by nothing.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The number of the account.
    account_id: String,
    /// The ARN of the user or of the session of a role.
    arn: String,
    /// The unique id of the user or role.
    user_id: String,
}

impl Lookup for CallerIdentity {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "sts.caller_identity";

    async fn find(world: &Aws, _: &Spec) -> Result<Option<Outputs>> {
        let caller = world.sts().get_caller_identity().send().await.map_err(error)?;
        let all = (caller.account, caller.arn, caller.user_id);
        let (Some(account_id), Some(arn), Some(user_id)) = all else { return Ok(None) };
        Ok(Some(Outputs { account_id, arn, user_id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn says_who_calls() {
        let caller = CallerIdentity::find(&cloud().await, &Spec {}).await.expect("an answer").expect("somebody calls");
        assert_eq!(caller.account_id, "123456789012");
        assert!(caller.arn.starts_with("arn:aws:"), "{}", caller.arn);
    }
}
