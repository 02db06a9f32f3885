//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Secret;

/// An existing secret: where it is, and never what it holds.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// Its name, or its whole ARN.
    #[schemars(length(min = 1, max = 2048))]
    secret_id: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the secret, with the six characters at its end.
    id: String,
    /// The same.
    arn: String,
    /// Its name.
    name: String,
    /// The KMS key that it is encrypted with, where it is not the account's own for Secrets Manager.
    kms_key_id: Option<String>,
}

impl Lookup for Secret {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "secretsmanager.secret";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let answer = world.secretsmanager().describe_secret().secret_id(&spec.secret_id).send().await.map_err(error);
        // One that is deleted and waits for its end cannot be read by anyone.
        let found = unless(answer, &["ResourceNotFoundException"])?.filter(|it| it.deleted_date.is_none());
        let outputs = found.and_then(|it| {
            let kms_key_id = it.kms_key_id.filter(|it| !it.is_empty());
            Some(Outputs { id: it.arn.clone()?, arn: it.arn?, name: it.name?, kms_key_id })
        });
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn it_is_found_by_name_or_arn_until_it_is_deleted() {
        let world = cloud().await;
        let find = async |secret_id: &str| Secret::find(&world, &Spec { secret_id: secret_id.to_owned() }).await.expect("an answer");
        assert!(find("looked-up").await.is_none());
        let made = world.secretsmanager().create_secret().name("looked-up").secret_string("never shown").send().await.expect("a secret");
        let arn = made.arn.expect("an ARN");
        for id in ["looked-up", &arn] {
            let found = find(id).await.expect("it is there");
            assert_eq!((found.id, found.arn, found.name), (arn.clone(), arn.clone(), "looked-up".to_owned()));
        }
        world.secretsmanager().delete_secret().secret_id("looked-up").recovery_window_in_days(7).send().await.expect("deleted");
        assert!(find("looked-up").await.is_none());
    }
}
