//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>

use std::time::Duration;

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput;
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable, kept, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GONE, TWO_MINUTES, list, tags};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct OidcProvider;

/// An OpenID Connect provider: somebody else, such as GitHub Actions, whose identities roles can trust.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Where the provider is: `https://token.actions.githubusercontent.com`. An account has one of each.
    #[schemars(transform = immutable, transform = unique, length(min = 9, max = 255), regex(pattern = r"https://\S+"))]
    url: String,
    /// For whom its tokens may be meant: `sts.amazonaws.com`.
    #[serde(default)]
    #[schemars(transform = set, length(max = 100), inner(length(min = 1, max = 255)))]
    client_id_list: Vec<String>,
    /// The SHA-1 fingerprints of the certificates that vouch for the provider's keys. Left out, IAM finds them out by itself,
    /// and for the well-known providers it needs none. They stay when they are removed.
    #[schemars(transform = set, transform = kept, length(max = 5), inner(regex(pattern = "[0-9A-Fa-f]{40}")))]
    thumbprint_list: Option<Vec<String>>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The URL of the provider without `https://`, as the conditions of trust policies name it.
    id: String,
    /// The ARN of the provider.
    arn: String,
}

impl Resource for OidcProvider {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "iam.oidc_provider";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        passing: &[Passing { during: During::Any, code: "ConcurrentModification", message: "", within: TWO_MINUTES }],
        gone: GONE,
        visible_within: TWO_MINUTES,
        actions: Actions {
            create: &["iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"],
            read: &["iam:GetOpenIDConnectProvider"],
            update: &[
                "iam:AddClientIDToOpenIDConnectProvider",
                "iam:RemoveClientIDFromOpenIDConnectProvider",
                "iam:UpdateOpenIDConnectProviderThumbprint",
                "iam:TagOpenIDConnectProvider",
                "iam:UntagOpenIDConnectProvider",
            ],
            delete: &["iam:DeleteOpenIDConnectProvider"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        Some(id(&spec.url))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        if let Some(url) = spec.get("url").and_then(Value::as_text)
            && let Some(mark) = url.find(['?', '#'])
        {
            problems.error(Path::of("url"), "more than an address", format!("end it before `{}`", &url[mark..]));
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // The list of all has nothing but their ARNs.
        let lives = ids.iter().map(|id| async move {
            let arn = arn(world, id).await?;
            let call = world.iam().get_open_id_connect_provider().open_id_connect_provider_arn(&arn);
            Ok(unless(call.send().await.map_err(error), GONE)?.map(|it| live(id, arn, it)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let id = id(&find.spec.url);
        if find.known.contains(&id) {
            return Ok(None);
        }
        let call = world.iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn(world, &id).await?);
        let answer = unless(call.send().await.map_err(error), GONE)?;
        let ours = answer.is_some_and(|it| tags(it.tags()).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .iam()
            .create_open_id_connect_provider()
            .url(&spec.url)
            .set_client_id_list((!spec.client_id_list.is_empty()).then(|| spec.client_id_list.clone()))
            .set_thumbprint_list(spec.thumbprint_list.clone())
            .set_tags(Some(list(spec.tags.0.clone())));
        call.send().await.map_err(error)?;
        Ok(id(&spec.url))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (iam, arn) = (world.iam(), arn(world, id).await?);
        if update.changes("client_id_list") {
            for client in to.client_id_list.iter().filter(|it| !from.client_id_list.contains(it)) {
                // Adding what is there already is a success.
                let call = iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(&arn).client_id(client);
                call.send().await.map_err(error)?;
            }
            for client in from.client_id_list.iter().filter(|it| !to.client_id_list.contains(it)) {
                let call = iam.remove_client_id_from_open_id_connect_provider().open_id_connect_provider_arn(&arn).client_id(client);
                call.send().await.map_err(error)?;
            }
        }
        if let (true, Some(thumbprints)) = (update.changes("thumbprint_list"), &to.thumbprint_list) {
            let call = iam.update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(&arn);
            call.set_thumbprint_list(Some(thumbprints.clone())).send().await.map_err(error)?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            let call = iam.tag_open_id_connect_provider().open_id_connect_provider_arn(&arn).set_tags(Some(list(set)));
            call.send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            let call = iam.untag_open_id_connect_provider().open_id_connect_provider_arn(&arn).set_tag_keys(Some(remove));
            call.send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let call = world.iam().delete_open_id_connect_provider().open_id_connect_provider_arn(arn(world, delete.id).await?);
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

fn id(url: &str) -> Id {
    Id(url.trim_start_matches("https://").to_owned())
}

async fn arn(world: &Aws, id: &Id) -> Result<String> {
    let caller = world.caller().await?;
    Ok(format!("arn:{}:iam::{}:oidc-provider/{id}", caller.partition, caller.account))
}

fn live(id: &Id, arn: String, it: GetOpenIdConnectProviderOutput) -> Live<OidcProvider> {
    let tags = tags(it.tags());
    let spec = Spec {
        // IAM leaves the scheme out.
        url: format!("https://{id}"),
        client_id_list: it.client_id_list.unwrap_or_default(),
        thumbprint_list: it.thumbprint_list,
        tags,
    };
    Live { spec, outputs: Outputs { id: id.0.clone(), arn }, status: Status::Ready, unread: vec![] }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use infra::resource::{AnyResource as _, AnyUpdate};
    use serde_json::json;

    use super::OidcProvider;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn a_url_is_no_more_than_an_address() {
        for (url, expected) in [
            ("https://token.actions.githubusercontent.com", vec![]),
            ("https://oidc.example.com/id/1", vec![]),
            ("https://oidc.example.com/?a=b", vec!["more than an address"]),
        ] {
            assert_eq!(complaints::<OidcProvider>(json!({ "url": url })), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn new_clients_come_before_old_ones_go() {
        let wire = Wire::scripted(&[
            ("GetCallerIdentity", CALLER),
            ("AddClientIDToOpenIDConnectProvider", Answer::Xml("")),
            ("RemoveClientIDFromOpenIDConnectProvider", Answer::Xml("")),
        ])
        .await;
        let spec = |clients: &[&str]| json!({ "url": "https://oidc.example.com", "client_id_list": clients });
        let changed = BTreeSet::from(["client_id_list".to_owned()]);
        let (id, from, to) = ("oidc.example.com".into(), spec(&["a", "b"]), spec(&["b", "c"]));
        OidcProvider.update(&wire.world, AnyUpdate { id: &id, from: &from, to: &to, changed: &changed }).await.expect("update");
        let arn = "OpenIDConnectProviderArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Aoidc-provider%2Foidc.example.com";
        assert_eq!(
            wire.said(&["OpenIDConnectProviderArn", "ClientID"])[1..],
            [
                format!("AddClientIDToOpenIDConnectProvider {arn} ClientID=c"),
                format!("RemoveClientIDFromOpenIDConnectProvider {arn} ClientID=a")
            ]
        );
    }

    const CALLER: Answer = Answer::Xml(
        "<GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>A</UserId>\
         </GetCallerIdentityResult>",
    );

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "iam.oidc_provider",
            changes: &["thumbprint_list: [0123456789abcdef0123456789abcdef01234567]"],
            replacements: &["url: https://oidc.example.com/another"],
            // The emulator does not know the calls that add and remove clients.
            untried: &["client_id_list"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
