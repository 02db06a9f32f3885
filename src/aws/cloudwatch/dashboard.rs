//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>

use infra::{
    resource::{Actions, Create, Delete, Facts, Id, Live, Problems, Resource, Result, Status, Update, Wanted, immutable, unique},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Dashboard;

/// A page of graphs and texts.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other dashboard of the account has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9_-]+"))]
    dashboard_name: Option<String>,
    /// What stands on it, as YAML or JSON text: `widgets` and more.
    ///
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
    dashboard_body: Json,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the dashboard.
    id: String,
    /// The ARN of the dashboard.
    arn: String,
}

impl Resource for Dashboard {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "cloudwatch.dashboard";
    const FACTS: Facts = Facts {
        gone: GONE,
        actions: Actions {
            create: &["cloudwatch:PutDashboard"],
            read: &["cloudwatch:GetDashboard"],
            update: &["cloudwatch:PutDashboard"],
            delete: &["cloudwatch:DeleteDashboards"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.dashboard_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let at = Path::of("dashboard_body");
        let help = "write `widgets:` with a list of them, as YAML or as JSON text";
        match spec.get("dashboard_body") {
            Some(Value::Text(text)) if !serde_json::from_str(text).is_ok_and(|it: Json| it.is_object()) => {
                problems.error(at, "the body is not a JSON object", help);
            }
            Some(Value::Map(body)) if body.get("widgets").is_some_and(|it| matches!(it, Value::Map(_) | Value::Text(_))) => {
                problems.error(at.key("widgets"), "not a list of widgets", help);
            }
            Some(Value::List(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_)) => {
                problems.error(at, "the body is not a JSON object", help);
            }
            _ => {}
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // No call tells the bodies of several.
        let calls = ids.iter().map(|id| one(world, id));
        abreast(calls).await
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let name = create.spec.dashboard_name.clone().unwrap_or_default();
        put(world, &name, create.spec).await?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changes("dashboard_body") { put(world, update.id.as_str(), update.to).await } else { Ok(()) }
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.cloudwatch().delete_dashboards().dashboard_names(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["ResourceNotFound", "ResourceNotFoundException", "DashboardNotFoundError"];

/// Makes a dashboard or puts another in its place. What AWS remarks on one that it takes is of no consequence.
async fn put(world: &Aws, name: &str, spec: &Spec) -> Result<()> {
    let body = spec.dashboard_body.as_str().map_or_else(|| spec.dashboard_body.to_string(), str::to_owned);
    let answer = world.cloudwatch().put_dashboard().dashboard_name(name).dashboard_body(body).send().await.map_err(error)?;
    for remark in answer.dashboard_validation_messages() {
        tracing::debug!(dashboard = name, at = remark.data_path(), remark = remark.message(), "taken, with a remark");
    }
    Ok(())
}

async fn one(world: &Aws, id: &Id) -> Result<Option<Live<Dashboard>>> {
    let answer = unless(world.cloudwatch().get_dashboard().dashboard_name(id.as_str()).send().await.map_err(error), GONE)?;
    Ok(answer.map(|it| {
        let body = it.dashboard_body.unwrap_or_default();
        let spec = Spec {
            dashboard_name: it.dashboard_name.or_else(|| Some(id.0.clone())),
            dashboard_body: serde_json::from_str(&body).unwrap_or(Json::from(body)),
        };
        let outputs = Outputs { id: id.0.clone(), arn: it.dashboard_arn.unwrap_or_default() };
        Live { spec, outputs, status: Status::Ready, unread: vec![] }
    }))
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
    use serde_json::json;

    use super::Dashboard;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire, refused},
        },
    };

    #[test]
    fn a_body_is_an_object_with_widgets() {
        for (body, expected) in [
            (json!({ "widgets": [] }), vec![]),
            (json!(r#"{ "widgets": [] }"#), vec![]),
            (json!("widgets"), vec!["the body is not a JSON object"]),
            (json!([]), vec!["the body is not a JSON object"]),
            (json!({ "widgets": {} }), vec!["dashboard_body.widgets: not a list of widgets"]),
        ] {
            assert_eq!(complaints::<Dashboard>(json!({ "dashboard_body": body })), expected, "{body}");
        }
    }

    #[tokio::test]
    async fn what_is_gone_is_not_there_and_remarks_are_no_refusal() {
        const GONE: Answer = refused!("ResourceNotFound", "Dashboard a does not exist");
        let wire = Wire::scripted(&[
            ("GetDashboard", GONE),
            ("DeleteDashboards", GONE),
            (
                "PutDashboard",
                Answer::Xml(
                    "<PutDashboardResult><DashboardValidationMessages><member><DataPath>/widgets/0</DataPath>\
                     <Message>unknown</Message></member></DashboardValidationMessages></PutDashboardResult>",
                ),
            ),
        ])
        .await;
        assert_eq!(Dashboard.read(&wire.world, &["a".into()], &Wanted::default()).await.expect("read"), [None]);
        let spec = json!({ "dashboard_name": "a", "dashboard_body": { "widgets": [] } });
        Dashboard.delete(&wire.world, &"a".into(), &spec).await.expect("gone already");
        let changed = ["dashboard_body".to_owned()].into();
        let update = AnyUpdate { id: &"a".into(), from: &spec, to: &spec, changed: &changed };
        Dashboard.update(&wire.world, update).await.expect("taken");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "cloudwatch.dashboard",
            changes: &[
                "dashboard_body: { widgets: [{ type: text, x: 0, y: 0, width: 6, height: 2, properties: { markdown: Another } }] }",
                "dashboard_body: '{ \"widgets\": [] }'",
            ],
            replacements: &["dashboard_name: example-another"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
