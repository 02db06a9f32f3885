//! <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>

use std::time::Duration;

use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted, immutable,
        ready, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::few_abreast,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Association;

/// That a web ACL protects a load balancer, an API or the like, which can have one.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The ARN of what is protected: of a load balancer, of a stage of a REST API.
    #[schemars(transform = immutable, transform = unique, transform = ready, length(min = 20, max = 2048))]
    resource_arn: String,
    /// The ARN of the web ACL.
    #[schemars(length(min = 20, max = 2048))]
    web_acl_arn: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of what is protected.
    id: String,
}

impl Resource for Association {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "wafv2.association";
    const FACTS: Facts = Facts {
        passing: &[
            // A new load balancer or web ACL is not known everywhere at once.
            Passing { during: During::Any, code: "WAFUnavailableEntityException", message: "", within: FIVE_MINUTES },
            Passing { during: During::Create, code: "WAFNonexistentItemException", message: "", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        actions: Actions {
            create: &["wafv2:AssociateWebACL", "elasticloadbalancing:SetWebACL", "apigateway:SetWebACL"],
            read: &["wafv2:GetWebACLForResource", "wafv2:GetWebACL"],
            update: &["wafv2:AssociateWebACL", "wafv2:GetWebACLForResource", "elasticloadbalancing:SetWebACL", "apigateway:SetWebACL"],
            delete: &["wafv2:DisassociateWebACL", "elasticloadbalancing:SetWebACL", "apigateway:SetWebACL"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        Some(Id(spec.resource_arn.clone())).filter(|it| !it.0.is_empty())
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let arn = |name: &str| spec.get(name).and_then(Value::as_text).unwrap_or_default();
        let resource = arn("resource_arn");
        if resource.contains(":cloudfront:") {
            let help = "write the ARN of the web ACL as the distribution's `web_acl_id` instead";
            problems.error(Path::of("resource_arn"), "a distribution says itself which web ACL protects it", help);
        } else if resource.contains(":apigateway:") && resource.contains("/apis/") {
            let help = "put a distribution with a web ACL before it, or make it a REST API";
            problems.error(Path::of("resource_arn"), "WAF does not protect HTTP and WebSocket APIs", help);
        } else if resource.contains(":elasticloadbalancing:") && resource.contains("loadbalancer/net/") {
            let help = "protect an Application Load Balancer, or put a distribution with a web ACL before it";
            problems.error(Path::of("resource_arn"), "WAF does not protect Network Load Balancers", help);
        }
        if arn("web_acl_arn").contains(":global/webacl/") {
            let help = "use one with `scope: REGIONAL`, in the region of what it protects";
            problems.error(Path::of("web_acl_arn"), "a web ACL for CloudFront protects nothing else", help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let lives = ids.iter().map(|id| async {
            let Some(web_acl_arn) = protecting(world, id).await? else { return Ok(None) };
            let spec = Spec { resource_arn: id.0.clone(), web_acl_arn };
            Ok(Some(Live { spec, outputs: Outputs { id: id.0.clone() }, status: Status::Ready, unread: vec![] }))
        });
        few_abreast(lives).await
    }

    /// There are no tags: it was not protected before, so that what we wanted is what we did.
    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let id = Id(find.spec.resource_arn.clone());
        if find.known.contains(&id) {
            return Ok(None);
        }
        Ok((protecting(world, &id).await?.as_ref() == Some(&find.spec.web_acl_arn)).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let Spec { resource_arn, web_acl_arn } = create.spec;
        world.wafv2().associate_web_acl().resource_arn(resource_arn).web_acl_arn(web_acl_arn).send().await.map_err(error)?;
        Ok(Id(resource_arn.clone()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Spec { resource_arn, web_acl_arn } = update.to;
        if !update.changes("web_acl_arn") || protecting(world, update.id).await?.as_ref() == Some(web_acl_arn) {
            return Ok(());
        }
        // It takes the place of the other one, without a moment between them.
        world.wafv2().associate_web_acl().resource_arn(resource_arn).web_acl_arn(web_acl_arn).send().await.map_err(error).map(drop)
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.wafv2().disassociate_web_acl().resource_arn(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["WAFNonexistentItemException"];
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// The ARN of the web ACL that protects it, if there is one.
async fn protecting(world: &Aws, id: &Id) -> Result<Option<String>> {
    let answer = world.wafv2().get_web_acl_for_resource().resource_arn(id.as_str()).send().await.map_err(error);
    Ok(unless(answer, GONE)?.and_then(|it| it.web_acl).map(|it| it.arn))
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate};
    use serde_json::json;

    use super::Association;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn only_some_things_can_be_protected() {
        let balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/a/0123456789abcdef";
        let acl = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/1";
        for (resource, acl, expected) in [
            (balancer, acl, vec![]),
            ("arn:aws:apigateway:eu-central-1::/restapis/a/stages/prod", acl, vec![]),
            (balancer, "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/1", vec!["a web ACL for CloudFront protects nothing else"]),
            ("arn:aws:cloudfront::123456789012:distribution/E1", acl, vec!["a distribution says itself which web ACL protects it"]),
            ("arn:aws:apigateway:eu-central-1::/apis/a/stages/$default", acl, vec!["WAF does not protect HTTP and WebSocket APIs"]),
            (
                "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/a/0123456789abcdef",
                acl,
                vec!["WAF does not protect Network Load Balancers"],
            ),
        ] {
            assert_eq!(complaints::<Association>(json!({ "resource_arn": resource, "web_acl_arn": acl })), expected);
        }
    }

    #[tokio::test]
    async fn another_web_acl_takes_the_place_of_the_first() {
        let wire = Wire::scripted(&[
            (
                "GetWebACLForResource",
                Answer::Say(
                    200,
                    r#"{ "WebACL": { "Name": "a", "Id": "1", "ARN": "arn:one", "DefaultAction": { "Allow": {} },
                         "VisibilityConfig": { "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "a" } } }"#,
                ),
            ),
            ("AssociateWebACL", Answer::Say(200, "{}")),
        ])
        .await;
        let spec = |acl: &str| json!({ "resource_arn": "arn:resource", "web_acl_arn": acl });
        let changed = ["web_acl_arn".to_owned()].into();
        let (one, two) = (spec("arn:one"), spec("arn:two"));
        let update = async |from, to| {
            let update = AnyUpdate { id: &"arn:resource".into(), from, to, changed: &changed };
            Association.update(&wire.world, update).await.expect("update");
        };
        update(&one, &two).await;
        assert_eq!(wire.asked()[1], r#"AssociateWebACL {"WebACLArn":"arn:two","ResourceArn":"arn:resource"}"#);
        update(&two, &one).await;
        assert_eq!(wire.calls(), 3, "it is so already");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "wafv2.association",
            replacements: &["resource_arn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/other/0123456789abcdef"],
            // With the emulator the second web ACL does not take the place of the first: both protect.
            untried: &["web_acl_arn"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
