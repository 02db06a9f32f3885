//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html>

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::{AuthorizationType, ParameterConstraints, Route as Described};
use infra::{
    resource::{Actions, Create, Delete, Facts, Find, Id, Live, Problems, Resource, Result, Status, Update, Wanted, immutable, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, alike, all, children, join, parts};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Route;

/// A route of an API: which requests or messages lead to which integration.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The API that it belongs to.
    #[schemars(transform = immutable)]
    api_id: String,
    /// What takes it. In HTTP APIs a method and a path, `GET /pets/{id}` or `ANY /{proxy+}`; in WebSocket APIs `$connect`,
    /// `$disconnect` or what a message says; in both `$default`, for all that takes no other.
    #[schemars(length(min = 1, max = 1024))]
    route_key: String,
    /// Where it leads: `integrations/<id>`, which is an integration's output `target`. Left out or removed, nowhere.
    #[schemars(length(max = 128), regex(pattern = r"integrations/[^/]+"))]
    target: Option<String>,
    /// Who may take it.
    #[serde(default)]
    authorization_type: Authorization,
    /// The id of the authorizer that decides, for `JWT` and `CUSTOM`.
    #[schemars(length(min = 1))]
    authorizer_id: Option<String>,
    /// What a token has to allow, for `JWT`.
    #[serde(default)]
    #[schemars(transform = set)]
    authorization_scopes: Vec<String>,
    /// Whether a request needs an API key; in WebSocket APIs.
    #[serde(default)]
    api_key_required: bool,
    /// What it is called in generated programs.
    #[serde(default)]
    #[schemars(length(max = 64))]
    operation_name: String,
    /// The parameters of requests by name, `route.request.querystring.room`; in WebSocket APIs.
    #[serde(default)]
    request_parameters: BTreeMap<String, Parameter>,
    /// Which responses go back to who sent a message: `$default`. In WebSocket APIs; left out or removed, none does.
    #[schemars(length(min = 1))]
    route_response_selection_expression: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Authorization {
    /// Everybody.
    #[default]
    None,
    /// Whom policies of IAM allow it.
    AwsIam,
    /// Whom a function allows it.
    Custom,
    /// Who has a token that says so; in HTTP APIs.
    Jwt,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Parameter {
    /// Whether a request needs it.
    required: bool,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ids of the API and of the route: `a1b2c3/d4e5f6`.
    id: String,
    /// The id of the route within its API.
    route_id: String,
}

impl Resource for Route {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.route";
    const FACTS: Facts = Facts {
        passing: &[CONCURRENT],
        gone: GONE,
        apart: &["api_id", "route_key"],
        actions: Actions {
            create: &["apigateway:POST"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH", "apigateway:DELETE"],
            delete: &["apigateway:DELETE"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        if let Some(key) = spec.get("route_key").and_then(Value::as_text) {
            check_key(key, problems);
        }
        let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        let authorization = match spec.get("authorization_type") {
            None | Some(Value::Null) => "NONE",
            Some(Value::Text(it)) => it,
            Some(_) => return,
        };
        match authorization {
            "JWT" | "CUSTOM" if !written("authorizer_id") => {
                let help = "write `authorizer_id`";
                problems.error(Path::of("authorization_type"), format!("authorization by {authorization} without an authorizer"), help);
            }
            "NONE" | "AWS_IAM" if written("authorizer_id") => {
                let help = "write `authorization_type: JWT` or `CUSTOM`, or remove it";
                problems.error(Path::of("authorizer_id"), format!("an authorizer that {authorization} does not ask"), help);
            }
            _ => {}
        }
        let scopes = spec.get("authorization_scopes").and_then(Value::as_list).is_some_and(|it| !it.is_empty());
        if authorization != "JWT" && scopes {
            let help = "only tokens have scopes: write `authorization_type: JWT`, or remove it";
            problems.error(Path::of("authorization_scopes"), format!("scopes with authorization by {authorization}"), help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let list = async |api: String| routes(world, &api).await;
        let found = children(ids, list, |it| it.route_id()).await?;
        Ok(ids.iter().zip(found).map(|(id, it)| live(id, it?)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let api = &find.spec.api_id;
        alike(&find, api, routes(world, api).await, |it| it.route_id(), live)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .apigatewayv2()
            .create_route()
            .api_id(&spec.api_id)
            .route_key(&spec.route_key)
            .set_target(spec.target.clone())
            .authorization_type(authorization(spec.authorization_type))
            .set_authorizer_id(spec.authorizer_id.clone())
            .set_authorization_scopes((!spec.authorization_scopes.is_empty()).then(|| spec.authorization_scopes.clone()))
            .set_api_key_required(spec.api_key_required.then_some(true))
            .set_operation_name((!spec.operation_name.is_empty()).then(|| spec.operation_name.clone()))
            .set_request_parameters((!spec.request_parameters.is_empty()).then(|| parameters(spec).collect()))
            .set_route_response_selection_expression(spec.route_response_selection_expression.clone());
        let answer = call.send().await.map_err(error)?;
        join(&spec.api_id, answer.route_id())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        if changed.is_empty() {
            return Ok(());
        }
        let (api, own) = parts(id)?;
        // An update adds parameters and takes none away.
        for name in from.request_parameters.keys().filter(|it| !to.request_parameters.contains_key(*it)) {
            let call = world.apigatewayv2().delete_route_request_parameter().api_id(api).route_id(own).request_parameter_key(name);
            unless(call.send().await.map_err(error), GONE)?;
        }
        if to.request_parameters.is_empty() && changed.iter().all(|it| it == "request_parameters") {
            return Ok(());
        }
        // What is not said stays; nothing is said by an empty text.
        let text = |property: &str, it: &Option<String>| update.changes(property).then(|| it.clone().unwrap_or_default());
        let authorizes = update.changes("authorization_type") || update.changes("authorizer_id");
        let call = world
            .apigatewayv2()
            .update_route()
            .api_id(api)
            .route_id(own)
            .set_route_key(update.changes("route_key").then(|| to.route_key.clone()))
            .set_target(text("target", &to.target))
            // An authorizer alone is not taken.
            .set_authorization_type(authorizes.then(|| authorization(to.authorization_type)))
            .set_authorizer_id(text("authorizer_id", &to.authorizer_id))
            .set_authorization_scopes(update.changes("authorization_scopes").then(|| to.authorization_scopes.clone()))
            .set_api_key_required(update.changes("api_key_required").then_some(to.api_key_required))
            .set_operation_name(update.changes("operation_name").then(|| to.operation_name.clone()))
            .set_request_parameters(update.changes("request_parameters").then(|| parameters(to).collect()))
            .set_route_response_selection_expression(text("route_response_selection_expression", &to.route_response_selection_expression));
        call.send().await.map_err(error).map(drop)
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Ok((api, own)) = parts(delete.id) else { return Ok(()) };
        unless(world.apigatewayv2().delete_route().api_id(api).route_id(own).send().await.map_err(error), GONE).map(drop)
    }
}

/// The methods that a route of an HTTP API can name.
const METHODS: &[&str] = &["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// A key with a method or a slash is one of an HTTP API; in WebSocket APIs any text will do.
fn check_key(key: &str, problems: &mut Problems) {
    let mut refuse = |summary: String, help: String| problems.error(Path::of("route_key"), summary, help);
    let Some((method, path)) = key.split_once(' ') else {
        if key.starts_with('/') {
            refuse(format!("the route `{key}` has no method"), format!("write `ANY {key}`"));
        } else if key.starts_with('$') && !["$default", "$connect", "$disconnect"].contains(&key) {
            refuse(format!("there is no route `{key}`"), "write `$default`, `$connect` or `$disconnect`".to_owned());
        } else if METHODS.contains(&key) {
            refuse(format!("the route `{key}` has no path"), format!("write `{key} /{{proxy+}}` for all paths"));
        }
        return;
    };
    let upper = method.to_uppercase();
    let known = METHODS.contains(&upper.as_str());
    if path.starts_with('/') && upper != method && known {
        return refuse(format!("the method of the route `{key}` is not in capital letters"), format!("write `{upper} {path}`"));
    }
    if path.starts_with('/') && !known {
        return refuse(format!("the route `{key}` has no method that there is"), format!("it begins with one of {}", METHODS.join(", ")));
    }
    if known && !path.starts_with('/') {
        return refuse(format!("the path of the route `{key}` does not begin with a slash"), format!("write `{upper} /{path}`"));
    }
    let mut segments = path.split('/').rev();
    segments.next();
    if let Some(greedy) = segments.find(|it| it.ends_with("+}")) {
        refuse(format!("`{greedy}` in the middle of the route `{key}`"), "what takes the rest of a path stands at its end".to_owned());
    }
    if let Some(nameless) = path.split('/').find(|it| ["{}", "{+}"].contains(it)) {
        refuse(format!("`{nameless}` in the route `{key}` has no name"), "write `{id}` for a part, `{proxy+}` for the rest".to_owned());
    }
}

fn authorization(it: Authorization) -> AuthorizationType {
    AuthorizationType::from(word(&it).as_str())
}

fn parameters(spec: &Spec) -> impl Iterator<Item = (String, ParameterConstraints)> {
    spec.request_parameters.iter().map(|(name, it)| (name.clone(), ParameterConstraints::builder().required(it.required).build()))
}

async fn routes(world: &Aws, api: &str) -> Result<Vec<Described>> {
    all!(world.apigatewayv2().get_routes().api_id(api))
}

fn live(id: &Id, it: Described) -> Option<Live<Route>> {
    let (api, own) = super::split(id)?;
    // What was taken away may come back as an empty text.
    let some = |text: Option<String>| text.filter(|it| !it.is_empty());
    let spec = Spec {
        api_id: api.to_owned(),
        route_key: it.route_key.unwrap_or_default(),
        target: some(it.target),
        authorization_type: it.authorization_type.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        authorizer_id: some(it.authorizer_id),
        authorization_scopes: it.authorization_scopes.unwrap_or_default(),
        api_key_required: it.api_key_required == Some(true),
        operation_name: it.operation_name.unwrap_or_default(),
        request_parameters: it
            .request_parameters
            .unwrap_or_default()
            .into_iter()
            .map(|(name, it)| (name, Parameter { required: it.required == Some(true) }))
            .collect(),
        route_response_selection_expression: some(it.route_response_selection_expression),
    };
    let outputs = Outputs { id: id.0.clone(), route_id: own.to_owned() };
    Some(Live { spec, outputs, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests;
