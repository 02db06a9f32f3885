//! What listeners and their rules do with a request.

use aws_sdk_elasticloadbalancingv2::types::{
    Action as SdkAction, ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig, RedirectActionConfig,
    RedirectActionStatusCodeEnum, TargetGroupStickinessConfig, TargetGroupTuple,
};
use infra::{
    resource::{Problems, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::has;
use crate::aws::wording::{meaning, word};

/// What is done with a request.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Action {
    /// What kind of action it is.
    r#type: Kind,
    /// The ARN of the target group; to forward to one.
    target_group_arn: Option<String>,
    /// The target groups; to forward to several, or to keep clients with the one they got.
    forward_config: Option<Forward>,
    /// Where to redirect.
    redirect_config: Option<Redirect>,
    /// What to answer.
    fixed_response_config: Option<FixedResponse>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A target answers it.
    Forward,
    /// The client is sent elsewhere.
    Redirect,
    /// The load balancer answers it itself.
    FixedResponse,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
struct Forward {
    /// The target groups, up to five.
    #[schemars(transform = set, length(min = 1, max = 5))]
    target_groups: Vec<Weighted>,
    /// For how many seconds a client stays with the target group that it got. Left out, each request may go to any.
    #[schemars(range(min = 1, max = 604_800))]
    stickiness_duration_seconds: Option<i32>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
struct Weighted {
    /// The ARN of the target group.
    target_group_arn: String,
    /// Its share, compared to the weights of the others.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 999))]
    weight: i32,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
struct Redirect {
    /// `HTTP`, `HTTPS`, or the one of the request.
    #[serde(default = "protocol")]
    #[schemars(regex(pattern = r"HTTPS?|#\{protocol\}"))]
    protocol: String,
    /// The host, in which `#{host}` stands for that of the request.
    #[serde(default = "host")]
    #[schemars(length(min = 1, max = 128))]
    host: String,
    /// The port, or that of the request.
    #[serde(default = "port")]
    #[schemars(regex(pattern = r"[1-9][0-9]{0,4}|#\{port\}"))]
    port: String,
    /// The path with its slash, in which `#{host}`, `#{path}` and `#{port}` stand for those of the request.
    #[serde(default = "path")]
    #[schemars(length(min = 1, max = 128))]
    path: String,
    /// The query without its question mark, in which `#{query}` and the others stand for those of the request.
    #[serde(default = "query")]
    #[schemars(length(max = 128))]
    query: String,
    /// Whether it is for good.
    status_code: RedirectCode,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RedirectCode {
    /// For good: clients remember it.
    #[serde(rename = "HTTP_301")]
    Permanent,
    /// For now.
    #[serde(rename = "HTTP_302")]
    Found,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
struct FixedResponse {
    /// The code: 2xx, 4xx or 5xx.
    #[schemars(regex(pattern = r"[245][0-9]{2}"))]
    status_code: String,
    /// What kind of text the body is.
    content_type: Option<ContentType>,
    /// The body.
    #[schemars(length(max = 1024))]
    message_body: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
enum ContentType {
    /// Plain text.
    #[serde(rename = "text/plain")]
    Plain,
    /// A style sheet.
    #[serde(rename = "text/css")]
    Css,
    /// A page.
    #[serde(rename = "text/html")]
    Html,
    /// A script.
    #[serde(rename = "application/javascript")]
    Script,
    /// Data.
    #[serde(rename = "application/json")]
    Json,
}

const PROTOCOL: &str = "#{protocol}";
const HOST: &str = "#{host}";
const PORT: &str = "#{port}";
const PATH: &str = "/#{path}";
const QUERY: &str = "#{query}";

fn one() -> i32 {
    1
}

fn protocol() -> String {
    PROTOCOL.to_owned()
}

fn host() -> String {
    HOST.to_owned()
}

fn port() -> String {
    PORT.to_owned()
}

fn path() -> String {
    PATH.to_owned()
}

fn query() -> String {
    QUERY.to_owned()
}

/// As AWS takes them.
pub(crate) fn write(actions: &[Action]) -> Option<Vec<SdkAction>> {
    let write = |it: &Action| {
        let kind = ActionTypeEnum::from(word(&it.r#type).as_str());
        SdkAction::builder()
            .r#type(kind)
            .set_target_group_arn(it.target_group_arn.clone())
            .set_forward_config(it.forward_config.as_ref().map(Forward::write))
            .set_redirect_config(it.redirect_config.as_ref().map(Redirect::write))
            .set_fixed_response_config(it.fixed_response_config.as_ref().map(FixedResponse::write))
            .build()
    };
    Some(actions.iter().map(write).collect())
}

/// As AWS gives them. Of one target group it always tells both ways of writing it; kinds that cannot be written here are left out,
/// so that they show as different.
pub(crate) fn read(actions: &[SdkAction]) -> Vec<Action> {
    let read = |it: &SdkAction| {
        let r#type: Kind = meaning(it.r#type()?.as_str())?;
        let mut action =
            Action { r#type, target_group_arn: None, forward_config: None, redirect_config: None, fixed_response_config: None };
        match r#type {
            Kind::Forward => match it.forward_config().and_then(Forward::read) {
                Some(Forward { target_groups, stickiness_duration_seconds: None }) if target_groups.len() == 1 => {
                    action.target_group_arn = target_groups.into_iter().next().map(|it| it.target_group_arn);
                }
                Some(forward) => action.forward_config = Some(forward),
                None => action.target_group_arn = it.target_group_arn.clone(),
            },
            Kind::Redirect => action.redirect_config = Some(Redirect::read(it.redirect_config()?)?),
            Kind::FixedResponse => action.fixed_response_config = Some(FixedResponse::read(it.fixed_response_config()?)),
        }
        Some(action)
    };
    actions.iter().filter_map(read).collect()
}

impl Forward {
    fn write(&self) -> ForwardActionConfig {
        let group = |it: &Weighted| TargetGroupTuple::builder().target_group_arn(&it.target_group_arn).weight(it.weight).build();
        let sticky = TargetGroupStickinessConfig::builder()
            .enabled(self.stickiness_duration_seconds.is_some())
            .set_duration_seconds(self.stickiness_duration_seconds);
        ForwardActionConfig::builder()
            .set_target_groups(Some(self.target_groups.iter().map(group).collect()))
            .target_group_stickiness_config(sticky.build())
            .build()
    }

    /// Nothing where it names no target groups.
    fn read(it: &ForwardActionConfig) -> Option<Self> {
        let sticky = it.target_group_stickiness_config().filter(|it| it.enabled() == Some(true));
        let groups = it.target_groups().iter();
        let groups = groups.map(|it| Weighted {
            target_group_arn: it.target_group_arn().unwrap_or_default().to_owned(),
            weight: it.weight().unwrap_or_else(one),
        });
        let target_groups: Vec<_> = groups.collect();
        let forward = Self { target_groups, stickiness_duration_seconds: sticky.and_then(|it| it.duration_seconds()) };
        (!forward.target_groups.is_empty()).then_some(forward)
    }
}

impl Redirect {
    fn write(&self) -> RedirectActionConfig {
        RedirectActionConfig::builder()
            .protocol(&self.protocol)
            .host(&self.host)
            .port(&self.port)
            .path(&self.path)
            .query(&self.query)
            .status_code(RedirectActionStatusCodeEnum::from(word(&self.status_code).as_str()))
            .build()
    }

    fn read(it: &RedirectActionConfig) -> Option<Self> {
        Some(Self {
            protocol: it.protocol.clone().unwrap_or_else(protocol),
            host: it.host.clone().unwrap_or_else(host),
            port: it.port.clone().unwrap_or_else(port),
            path: it.path.clone().unwrap_or_else(path),
            query: it.query.clone().unwrap_or_else(query),
            status_code: meaning(it.status_code()?.as_str())?,
        })
    }
}

impl FixedResponse {
    fn write(&self) -> FixedResponseActionConfig {
        FixedResponseActionConfig::builder()
            .status_code(&self.status_code)
            .set_content_type(self.content_type.map(|it| word(&it)))
            .set_message_body(self.message_body.clone())
            .build()
    }

    fn read(it: &FixedResponseActionConfig) -> Self {
        Self {
            status_code: it.status_code.clone().unwrap_or_default(),
            content_type: it.content_type().and_then(meaning),
            message_body: it.message_body.clone().filter(|it| !it.is_empty()),
        }
    }
}

/// What actions must hold. `here` is the protocol and port that requests come by, where they are known.
pub(crate) fn check(spec: &Value, property: &str, here: Option<(&str, i64)>, problems: &mut Problems) {
    let Some(Value::List(actions)) = spec.get(property) else { return };
    for (number, action) in actions.iter().enumerate() {
        let path = Path::of(property).item(number);
        let Some(kind) = action.get("type").and_then(Value::as_text) else { continue };
        let fitting: &[&str] = match kind {
            "forward" => &["target_group_arn", "forward_config"],
            "redirect" => &["redirect_config"],
            "fixed-response" => &["fixed_response_config"],
            _ => continue,
        };
        let written = CONFIGS.iter().filter(|it| has(action, it));
        let (right, wrong): (Vec<_>, Vec<_>) = written.partition(|it| fitting.contains(*it));
        for foreign in wrong {
            let help = format!("remove it, or write another `type`: it goes with {}", fitting.join(" or "));
            problems.error(path.key(foreign), format!("`{foreign}` in an action of type {kind}"), help);
        }
        match right.len() {
            0 => {
                problems.error(
                    path.clone(),
                    format!("an action of type {kind} without its details"),
                    format!("write `{}`", fitting.join("` or `")),
                );
            }
            2 => problems.error(path.clone(), "target groups are written twice", "keep `target_group_arn` or `forward_config`"),
            _ => {}
        }
        if let Some(forward) = action.get("forward_config")
            && let Some(Value::List(groups)) = forward.get("target_groups")
            && groups.len() == 1
            && !has(forward, "stickiness_duration_seconds")
        {
            problems.error(path.key("forward_config"), "a forward to one target group", "write its `target_group_arn` in place of this");
        }
        if let Some(redirect) = action.get("redirect_config") {
            check_redirect(redirect, &path.key("redirect_config"), here, problems);
        }
    }
}

const CONFIGS: &[&str] = &["target_group_arn", "forward_config", "redirect_config", "fixed_response_config"];

fn check_redirect(redirect: &Value, path: &Path, here: Option<(&str, i64)>, problems: &mut Problems) {
    let part = |name: &str, same: &'static str| match redirect.get(name) {
        None | Some(Value::Null) => Some(same.to_owned()),
        Some(Value::Text(text)) => Some(text.clone()),
        Some(Value::Int(number)) => Some(number.to_string()),
        Some(_) => None,
    };
    if let Some(to) = redirect.get("path").and_then(Value::as_text)
        && !to.starts_with('/')
    {
        problems.error(path.key("path"), "a path begins with a slash", format!("write `/{to}`"));
    }
    let parts = (part("protocol", PROTOCOL), part("port", PORT), part("host", HOST), part("path", PATH), part("query", QUERY));
    let (Some(protocol), Some(port), Some(host), Some(to), Some(query)) = parts else { return };
    let same_place = (host.as_str(), to.as_str(), query.as_str()) == (HOST, PATH, QUERY);
    let same_protocol = protocol == PROTOCOL || here.is_some_and(|it| it.0 == protocol);
    let same_port = port == PORT || here.is_some_and(|it| it.1.to_string() == port);
    if same_place && same_protocol && same_port {
        problems.error(
            path.clone(),
            "a redirect to itself",
            "change the protocol, the port, the host or the path: clients would go in circles",
        );
    }
}
