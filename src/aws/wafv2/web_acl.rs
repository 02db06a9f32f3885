//! <https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html>

mod matching;
mod rule;
mod statement;

use std::time::Duration;

use aws_sdk_wafv2::{
    Client,
    types::{self as sdk, Tag},
};
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Location, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, World as _, immutable, kept, set, unique, volatile,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    rule::{DefaultAction, Rule, Visibility},
    statement::incomplete,
};
use crate::aws::{
    calls::few_abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct WebAcl;

/// A web ACL: which requests get through to an application, and which do not.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other web ACL of its scope has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 128), regex(pattern = r"[\w\-]+"))]
    name: Option<String>,
    /// What it can protect.
    #[schemars(transform = immutable)]
    scope: Scope,
    /// What is done with requests that no rule decides on.
    default_action: DefaultAction,
    /// The rules, each at its priority.
    #[serde(default)]
    #[schemars(transform = set)]
    rules: Vec<Rule>,
    /// What it is for.
    #[schemars(
        transform = kept,
        length(min = 3, max = 256),
        regex(pattern = r"[\w+=:#@/\-,.][\w+=:#@/\-,.\s]+[\w+=:#@/\-,.]")
    )]
    description: Option<String>,
    /// What is seen of it in CloudWatch.
    visibility_config: Visibility,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Scope {
    /// Load balancers, REST APIs and the like, of its region.
    Regional,
    /// CloudFront's distributions. Such a web ACL is in `us-east-1`, whatever the region of its stack is.
    Cloudfront,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// What it is told from all others by: `name|id|scope`.
    id: String,
    /// The ARN of the web ACL.
    arn: String,
    /// How much of what a web ACL may do its rules take up.
    #[schemars(transform = volatile)]
    capacity: i64,
    /// What the labels of its rules begin with.
    label_namespace: Option<String>,
}

impl Resource for WebAcl {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "wafv2.web_acl";
    const FACTS: Facts = Facts {
        passing: &[
            // A new set of addresses, group of rules or tag is not known everywhere at once.
            Passing { during: During::Any, code: "WAFUnavailableEntityException", message: "", within: FIVE_MINUTES },
            Passing { during: During::Any, code: "WAFOptimisticLockException", message: "", within: Duration::from_secs(60) },
            // What it protected lets go of it a while after it was told to.
            Passing { during: During::Delete, code: "WAFAssociatedItemException", message: "", within: FIVE_MINUTES },
        ],
        gone: GONE,
        apart: &["name", "scope"],
        // It cannot go before what it protects has been given the next one.
        create_first: true,
        actions: Actions {
            create: &["wafv2:CreateWebACL", "wafv2:TagResource", "wafv2:ListWebACLs", "wafv2:ListTagsForResource"],
            read: &["wafv2:GetWebACL", "wafv2:ListTagsForResource"],
            update: &["wafv2:UpdateWebACL", "wafv2:GetWebACL", "wafv2:TagResource", "wafv2:UntagResource"],
            delete: &["wafv2:DeleteWebACL", "wafv2:GetWebACL"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        rule::check(spec.get("rules").and_then(Value::as_list).unwrap_or_default(), problems);
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let lives = ids.iter().map(|id| async {
            let Some(key) = Key::parse(id) else { return Ok(None) };
            let Some((it, _)) = key.get(world).await? else { return Ok(None) };
            let tags = if wanted.has("tags") { unless(tags(&key.client(world), &it.arn).await, GONE)? } else { None };
            Ok(Some(live(id, &key, &it, tags)))
        });
        few_abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let (client, scope) = (client(world, find.spec.scope), find.spec.scope);
        let mut from = None;
        loop {
            let page = client.list_web_acls().scope(scope.to_sdk()).limit(100).set_next_marker(from).send().await.map_err(error)?;
            let all = page.web_acls.unwrap_or_default();
            // WAF goes on with a marker until a page is empty.
            let more = page.next_marker.filter(|_| !all.is_empty());
            if let Some(it) = all.into_iter().find(|it| it.name == find.spec.name) {
                let tags = unless(tags(&client, it.arn().unwrap_or_default()).await, GONE)?.unwrap_or_default();
                let ours = tags.made_by(find.operation);
                let key = Key { name: it.name.unwrap_or_default(), id: it.id.unwrap_or_default(), scope };
                return Ok(Some(key.id()).filter(|id| ours && !find.known.contains(id)));
            }
            if more.is_none() {
                return Ok(None);
            }
            from = more;
        }
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let list = tag_list(spec.tags.0.iter())?;
        let call = client(world, spec.scope)
            .create_web_acl()
            .set_name(spec.name.clone())
            .scope(spec.scope.to_sdk())
            .default_action(spec.default_action.to_sdk())
            .set_rules(Some(spec.rules.iter().map(Rule::to_sdk).collect::<Result<_>>()?))
            .set_description(spec.description.clone())
            .visibility_config(spec.visibility_config.to_sdk()?)
            .set_tags((!list.is_empty()).then_some(list));
        let made = call.send().await.map_err(error)?.summary;
        let id = made.and_then(|it| it.id).unwrap_or_default();
        Ok(Key { name: spec.name.clone().unwrap_or_default(), id, scope: spec.scope }.id())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Some(key) = Key::parse(update.id) else { return Ok(()) };
        let (set, remove) = update.from.tags.difference(&update.to.tags);
        if update.changed.iter().any(|it| it != "tags") {
            let written = key.write(world, &update).await;
            match written {
                // Somebody else wrote meanwhile: once more, upon what is there now.
                Err(failed) if failed.is(&["WAFOptimisticLockException"]) => key.write(world, &update).await?,
                other => other?,
            }
        }
        if set.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let Some((it, _)) = key.get(world).await? else { return Err(gone("TagResource")) };
        let client = key.client(world);
        if !set.is_empty() {
            let list = tag_list(set.iter().map(|(key, value)| (key, value)))?;
            client.tag_resource().resource_arn(&it.arn).set_tags(Some(list)).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            client.untag_resource().resource_arn(&it.arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(key) = Key::parse(delete.id) else { return Ok(()) };
        let Some((_, token)) = key.get(world).await? else { return Ok(()) };
        let call = key.client(world).delete_web_acl().name(&key.name).id(&key.id).scope(key.scope.to_sdk()).lock_token(token);
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["WAFNonexistentItemException"];
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// Rules that Shield Advanced adds by itself begin with this.
const SHIELD: &str = "ShieldMitigationRuleGroup_";

fn gone(action: &'static str) -> infra::resource::Error {
    infra::resource::Error::rejected(action, GONE[0], "the web ACL is not there")
}

impl Scope {
    fn to_sdk(self) -> sdk::Scope {
        sdk::Scope::from(word(&self).as_str())
    }
}

/// What is CloudFront's is kept in one region.
fn client(world: &Aws, scope: Scope) -> Client {
    match scope {
        Scope::Regional => world.wafv2().clone(),
        Scope::Cloudfront => world.at(&Location { region: Some("us-east-1".into()), role: None }).wafv2().clone(),
    }
}

/// All that a call needs to name a web ACL.
struct Key {
    name: String,
    id: String,
    scope: Scope,
}

impl Key {
    fn parse(id: &Id) -> Option<Self> {
        let mut parts = id.as_str().split('|');
        let (name, id, scope) = (parts.next()?.to_owned(), parts.next()?.to_owned(), meaning(parts.next()?)?);
        Some(Self { name, id, scope })
    }

    fn id(&self) -> Id {
        Id(format!("{}|{}|{}", self.name, self.id, word(&self.scope)))
    }

    fn client(&self, world: &Aws) -> Client {
        client(world, self.scope)
    }

    /// The web ACL, and the token for its next change.
    async fn get(&self, world: &Aws) -> Result<Option<(sdk::WebAcl, String)>> {
        let call = self.client(world).get_web_acl().name(&self.name).id(&self.id).scope(self.scope.to_sdk());
        let answer = unless(call.send().await.map_err(error), GONE)?;
        Ok(answer.and_then(|it| Some((it.web_acl?, it.lock_token.unwrap_or_default()))))
    }

    /// One call replaces everything: what is not ours to say stays as it is.
    async fn write(&self, world: &Aws, update: &Update<'_, WebAcl>) -> Result<()> {
        let to = update.to;
        let Some((live, token)) = self.get(world).await? else { return Err(gone("UpdateWebACL")) };
        let mut rules = to.rules.iter().map(Rule::to_sdk).collect::<Result<Vec<_>>>()?;
        rules.extend(live.rules.into_iter().flatten().filter(|it| it.name.starts_with(SHIELD)));
        // An action that stays may have more to it than can be written here.
        let default = live.default_action.filter(|_| !update.changes("default_action")).unwrap_or_else(|| to.default_action.to_sdk());
        self.client(world)
            .update_web_acl()
            .name(&self.name)
            .id(&self.id)
            .scope(self.scope.to_sdk())
            .lock_token(token)
            .default_action(default)
            .set_rules(Some(rules))
            .set_description(to.description.clone())
            .visibility_config(to.visibility_config.to_sdk()?)
            .set_custom_response_bodies(live.custom_response_bodies)
            .set_captcha_config(live.captcha_config)
            .set_challenge_config(live.challenge_config)
            .set_token_domains(live.token_domains)
            .set_association_config(live.association_config)
            .set_data_protection_config(live.data_protection_config)
            .set_on_source_d_do_s_protection_config(live.on_source_d_do_s_protection_config)
            .set_application_config(live.application_config)
            .set_monetization_config(live.monetization_config)
            .send()
            .await
            .map_err(error)
            .map(drop)
    }
}

fn tag_list<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> Result<Vec<Tag>> {
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(incomplete)).collect()
}

async fn tags(client: &Client, arn: &str) -> Result<Tags> {
    let answer = client.list_tags_for_resource().resource_arn(arn).limit(100).send().await.map_err(error)?;
    let list = answer.tag_info_for_resource.and_then(|it| it.tag_list).unwrap_or_default();
    Ok(Tags::read(list.into_iter().map(|it| (it.key, it.value))))
}

fn live(id: &Id, key: &Key, it: &sdk::WebAcl, tags: Option<Tags>) -> Live<WebAcl> {
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    let spec = Spec {
        name: Some(it.name.clone()),
        scope: key.scope,
        default_action: DefaultAction::from_sdk(it.default_action()),
        rules: it.rules().iter().filter(|it| !it.name.starts_with(SHIELD)).map(Rule::from_sdk).collect(),
        description: it.description.clone().filter(|it| !it.is_empty()),
        visibility_config: Visibility::from_sdk(it.visibility_config()),
        tags: tags.unwrap_or_default(),
    };
    let (arn, capacity, label_namespace) = (it.arn.clone(), it.capacity, it.label_namespace.clone());
    Live { spec, outputs: Outputs { id: id.0.clone(), arn, capacity, label_namespace }, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests;
