//! <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_lambda::types::FunctionUrlAuthType;
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted, immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{CONFLICT, GONE, by_function};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Permission;

/// A permission for a service or an account to call a function.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name or ARN of the function, with `:` and an alias or version where only that may be called.
    #[schemars(
        transform = immutable,
        length(min = 1, max = 200),
        regex(pattern = r"((arn:[a-z-]+:lambda:[a-z0-9-]+:)?\d{12}:function:)?[a-zA-Z0-9_-]+(:(\$LATEST|[a-zA-Z0-9_-]+))?")
    )]
    function_name: String,
    /// The name of this permission among those of the function. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 100), regex(pattern = r"[a-zA-Z0-9_-]+"))]
    statement_id: Option<String>,
    /// What is allowed.
    #[serde(default = "invoke")]
    #[schemars(transform = immutable, length(min = 1, max = 256), regex(pattern = r"lambda:[*]|lambda:[a-zA-Z]+|[*]"))]
    action: String,
    /// Who may do it: a service, `apigateway.amazonaws.com`; an account's number; the ARN of a role or user; or `*`.
    #[schemars(transform = immutable, length(min = 1, max = 256))]
    principal: String,
    /// The ARN of what calls on behalf of the service, such as a bucket or an API. May end with `*`.
    #[schemars(transform = immutable, length(min = 12, max = 1024), regex(pattern = r"arn:[a-zA-Z0-9-]+:[a-zA-Z0-9-]+:.*"))]
    source_arn: Option<String>,
    /// The account that owns what calls, for sources whose ARN does not tell, such as buckets.
    #[schemars(transform = immutable, regex(pattern = r"\d{12}"))]
    source_account: Option<String>,
    /// The organisation whose accounts may do it. Only with the principal `*`.
    #[schemars(transform = immutable, regex(pattern = r"o-[a-z0-9]{10,32}"))]
    principal_org_id: Option<String>,
    /// What an Alexa skill has to show.
    #[schemars(transform = immutable, length(min = 1, max = 256), regex(pattern = r"[a-zA-Z0-9._-]+"))]
    event_source_token: Option<String>,
    /// How callers of the function's own address prove who they are. Only with `lambda:InvokeFunctionUrl`.
    #[schemars(transform = immutable)]
    function_url_auth_type: Option<AuthType>,
    /// Whether it is allowed through the function's own address only.
    #[schemars(transform = immutable)]
    invoked_via_function_url: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AuthType {
    /// With credentials of AWS.
    AwsIam,
    /// Not at all: everybody may call.
    None,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The function and the name of the permission, with `/` between them.
    id: String,
}

impl Resource for Permission {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "lambda.permission";
    const FACTS: Facts = Facts {
        passing: &[
            // The policy of a function is changed by one at a time.
            Passing { during: During::Any, code: CONFLICT, message: "", within: Duration::from_secs(120) },
            Passing { during: During::Any, code: "PreconditionFailedException", message: "", within: Duration::from_secs(120) },
            // A function or principal that was made a moment ago.
            Passing { during: During::Create, code: GONE[0], message: "Function not found", within: Duration::from_secs(30) },
            Passing {
                during: During::Create,
                code: "InvalidParameterValueException",
                message: "The provided principal was invalid",
                within: Duration::from_secs(120),
            },
        ],
        gone: GONE,
        actions: Actions {
            create: &["lambda:AddPermission"],
            read: &["lambda:GetPolicy"],
            update: &[],
            delete: &["lambda:RemovePermission"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        // The name alone is not enough, and the function may not be known yet.
        let statement = spec.statement_id.as_deref().filter(|_| !spec.function_name.is_empty())?;
        Some(Id(format!("{}/{statement}", spec.function_name)))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let text = |property: &str| spec.get(property).and_then(Value::as_text);
        let has = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        if let Some(number) = text("principal").and_then(account_of_root) {
            let help = format!("write `{number}`, which means the same");
            problems.error(Path::of("principal"), "an account is named by its number", help);
        }
        if let Some(nobody) = text("principal").filter(|it| !may_be_principal(it)) {
            let help =
                format!("write a service as `{}.amazonaws.com`, an account's number of 12 digits, an ARN, or `*`", nobody.to_lowercase());
            problems.error(Path::of("principal"), format!("`{nobody}` is nobody who could call"), help);
        }
        if has("principal_org_id") && text("principal").is_some_and(|it| it != "*") {
            let help = "write `principal: \"*\"`, or leave `principal_org_id` out";
            problems.error(Path::of("principal_org_id"), "an organisation stands for all its accounts", help);
        }
        if has("function_url_auth_type") && text("action").unwrap_or("lambda:InvokeFunction") == "lambda:InvokeFunction" {
            let help = "write `action: lambda:InvokeFunctionUrl`, or leave `function_url_auth_type` out";
            problems.error(Path::of("function_url_auth_type"), "calls of the function itself do not go through its address", help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // One policy has all permissions of a function.
        let functions: Vec<_> = by_function(ids, '/').into_keys().collect();
        let policies = abreast(functions.iter().map(|function| statements(world, function))).await?;
        let policies: HashMap<&str, HashMap<String, Json>> = functions.into_iter().zip(policies).collect();
        let find = |id: &Id| {
            let (function, name) = id.as_str().rsplit_once('/')?;
            Some(live(id, function, name, policies.get(function)?.get(name)?))
        };
        Ok(ids.iter().map(find).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .lambda()
            .add_permission()
            .function_name(&spec.function_name)
            .set_statement_id(spec.statement_id.clone())
            .action(&spec.action)
            .principal(&spec.principal)
            .set_source_arn(spec.source_arn.clone())
            .set_source_account(spec.source_account.clone())
            .set_principal_org_id(spec.principal_org_id.clone())
            .set_event_source_token(spec.event_source_token.clone())
            .set_function_url_auth_type(spec.function_url_auth_type.map(|it| FunctionUrlAuthType::from(word(&it).as_str())))
            .set_invoked_via_function_url(spec.invoked_via_function_url);
        call.send().await.map_err(error)?;
        Ok(Self::locate(spec).unwrap_or_else(|| Id(spec.function_name.clone())))
    }

    async fn update(_: &Aws, _: Update<'_, Self>) -> Result<()> {
        // Whatever changes needs another one.
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some((function, name)) = delete.id.as_str().rsplit_once('/') else { return Ok(()) };
        let call = world.lambda().remove_permission().function_name(function).statement_id(name);
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

fn invoke() -> String {
    "lambda:InvokeFunction".to_owned()
}

/// A service, an account, an ARN, everybody, or the id of a role or user that is gone.
fn may_be_principal(text: &str) -> bool {
    let account = text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit());
    let id = text.len() >= 16 && text.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    account || id || text == "*" || text.starts_with("arn:") || text.contains('.')
}

/// The number of the account whose root this is.
fn account_of_root(arn: &str) -> Option<&str> {
    let (head, number) = arn.strip_suffix(":root")?.rsplit_once(':')?;
    (head.starts_with("arn:") && head.ends_with(":iam:")).then_some(number)
}

/// The statements of a function's policy by their names; none where there is no policy or no function.
async fn statements(world: &Aws, function: &str) -> Result<HashMap<String, Json>> {
    let answer = unless(world.lambda().get_policy().function_name(function).send().await.map_err(error), GONE)?;
    let text = answer.and_then(|it| it.policy).unwrap_or_default();
    let policy: Json = serde_json::from_str(&text).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    Ok(statements.into_iter().filter_map(|it| Some((it["Sid"].as_str()?.to_owned(), it))).collect())
}

fn live(id: &Id, function: &str, name: &str, statement: &Json) -> Live<Permission> {
    let principal = match &statement["Principal"] {
        Json::Object(kinds) => kinds.values().find_map(Json::as_str).unwrap_or_default(),
        other => other.as_str().unwrap_or_default(),
    };
    let condition = |wanted: &str| {
        let operators = statement["Condition"].as_object().into_iter().flat_map(|it| it.values());
        let mut keys = operators.filter_map(Json::as_object).flatten();
        keys.find(|(key, _)| key.eq_ignore_ascii_case(wanted)).and_then(|(_, value)| match value {
            Json::Bool(it) => Some(it.to_string()),
            other => other.as_str().map(str::to_owned),
        })
    };
    let spec = Spec {
        function_name: function.to_owned(),
        statement_id: Some(name.to_owned()),
        action: statement["Action"].as_str().unwrap_or_default().to_owned(),
        principal: account_of_root(principal).unwrap_or(principal).to_owned(),
        source_arn: condition("AWS:SourceArn"),
        source_account: condition("AWS:SourceAccount"),
        principal_org_id: condition("aws:PrincipalOrgID"),
        event_source_token: condition("lambda:EventSourceToken"),
        function_url_auth_type: condition("lambda:FunctionUrlAuthType").and_then(|it| meaning(&it)),
        invoked_via_function_url: condition("lambda:InvokedViaFunctionUrl").map(|it| it == "true"),
    };
    Live { spec, outputs: Outputs { id: id.0.clone() }, status: Status::Ready, unread: vec![] }
}

#[cfg(test)]
mod tests;
