//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname-apimappings.html>

use aws_sdk_apigatewayv2::types::ApiMapping as Described;
use infra::{
    resource::{
        Actions, After, Create, Delete, Facts, Find, Id, Live, Problems, Resource, Result, Status, Update, Wanted, immutable, ready,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, alike, all, children, join, parts};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct ApiMapping;

/// An API mapping: which stage of which API a domain name leads to.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The domain name.
    #[schemars(transform = immutable, transform = ready)]
    domain_name: String,
    /// The API.
    api_id: String,
    /// The name of the stage.
    #[schemars(length(min = 1, max = 128))]
    stage: String,
    /// What paths begin with that lead there: `orders/v1`. Left out or removed, all that no other mapping has.
    #[serde(default)]
    #[schemars(length(max = 300))]
    api_mapping_key: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The domain name and the id of the mapping: `api.example.com/a1b2c3`.
    id: String,
    /// The id of the mapping within its domain name.
    api_mapping_id: String,
}

impl Resource for ApiMapping {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.api_mapping";
    const FACTS: Facts = Facts {
        passing: &[CONCURRENT],
        gone: GONE,
        apart: &["domain_name", "api_mapping_key"],
        // The stage is often named as a text.
        after: &[After { from: &["api_id"], other: "apigatewayv2.stage", by: "api_id" }],
        actions: Actions {
            create: &["apigateway:POST"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH"],
            delete: &["apigateway:DELETE"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        if let Some(key) = spec.get("api_mapping_key").and_then(Value::as_text)
            && (key.starts_with('/') || key.ends_with('/') || key.contains("//"))
        {
            let help = match key.split('/').filter(|it| !it.is_empty()).collect::<Vec<_>>().join("/") {
                nothing if nothing.is_empty() => "leave it out for all paths".to_owned(),
                key => format!("write `{key}`"),
            };
            problems.error(Path::of("api_mapping_key"), format!("`{key}` has slashes at its ends, or two in a row"), help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let list = async |domain: String| mappings(world, &domain).await;
        let found = children(ids, list, |it| it.api_mapping_id()).await?;
        Ok(ids.iter().zip(found).map(|(id, it)| live(id, it?)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let domain = &find.spec.domain_name;
        alike(&find, domain, mappings(world, domain).await, |it| it.api_mapping_id(), live)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .apigatewayv2()
            .create_api_mapping()
            .domain_name(&spec.domain_name)
            .api_id(&spec.api_id)
            .stage(&spec.stage)
            .set_api_mapping_key((!spec.api_mapping_key.is_empty()).then(|| spec.api_mapping_key.clone()));
        let answer = call.send().await.map_err(error)?;
        join(&spec.domain_name, answer.api_mapping_id())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, to, changed, .. } = update;
        if changed.is_empty() {
            return Ok(());
        }
        let (domain, own) = parts(id)?;
        let call = world
            .apigatewayv2()
            .update_api_mapping()
            .domain_name(domain)
            .api_mapping_id(own)
            // Needed in every update, whatever changes.
            .api_id(&to.api_id)
            .set_stage(update.changes("stage").then(|| to.stage.clone()))
            .set_api_mapping_key(update.changes("api_mapping_key").then(|| to.api_mapping_key.clone()));
        call.send().await.map_err(error).map(drop)
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Ok((domain, own)) = parts(delete.id) else { return Ok(()) };
        let deleted = world.apigatewayv2().delete_api_mapping().domain_name(domain).api_mapping_id(own).send().await.map_err(error);
        unless(deleted, GONE).map(drop)
    }
}

async fn mappings(world: &Aws, domain: &str) -> Result<Vec<Described>> {
    all!(world.apigatewayv2().get_api_mappings().domain_name(domain))
}

fn live(id: &Id, it: Described) -> Option<Live<ApiMapping>> {
    let (domain, own) = super::split(id)?;
    let spec = Spec {
        domain_name: domain.to_owned(),
        api_id: it.api_id?,
        stage: it.stage?,
        // The one for all paths is AWS's `(none)` in other places.
        api_mapping_key: it.api_mapping_key.filter(|it| it != "(none)").unwrap_or_default(),
    };
    let outputs = Outputs { id: id.0.clone(), api_mapping_id: own.to_owned() };
    Some(Live { spec, outputs, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests;
