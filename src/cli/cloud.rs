//! Which cloud an environment means, and whether it can be reached.

use std::{collections::BTreeMap, env};

use infra::{
    report::Shell,
    resource::{Error, ErrorKind, Location, World as _},
    stack::Caller,
    state,
};

use super::failure::{Failure, Result};
use crate::{
    aws::{Aws, Config, Endpoint, call_timeout},
    local::LocalCloud,
};

/// The environment that every stack has without declaring it.
pub(crate) const LOCAL: &str = "local";

/// A cloud that answers.
pub(crate) struct Cloud {
    pub aws: Aws,
    pub caller: Caller,
    /// Where AWS's own endpoints are not used.
    pub endpoint: Option<state::Endpoint>,
    /// Whether its region is that of the configuration, not one that was asked for.
    pub usual_region: bool,
}

/// Finds the cloud of an environment; starts the local one where it does not run.
pub(crate) async fn connect(shell: &mut Shell, environment: &str, region: Option<&str>, profile: Option<&str>) -> Result<Cloud> {
    if let Err(said) = call_timeout() {
        return Err(
            Failure::invalid(format!("INFRA_CALL_TIMEOUT is no number of seconds: {said}")).help("write one from 1 to 3600, or unset it")
        );
    }
    let endpoint = endpoint(shell, environment)?;
    let emulator = endpoint.as_ref().filter(|_| environment == LOCAL).map(|it| Endpoint { url: it.url.clone() });
    let aws = Aws::connect(Config { profile: profile.map(str::to_owned), region: region.map(str::to_owned), endpoint: emulator }).await;
    if aws.region().is_none() {
        return Err(Failure::invalid("no region: neither the stack file nor the AWS configuration names one")
            .help("write `region:` at the top of the stack file, or set AWS_REGION"));
    }
    let caller = aws.caller().await.map_err(|error| unreachable(error, endpoint.as_ref(), environment, profile))?;
    Ok(Cloud { aws, caller, endpoint, usual_region: region.is_none() })
}

impl Cloud {
    /// The cloud as a stack of this region sees it.
    pub(crate) fn in_region(&self, region: Option<&str>) -> Aws {
        self.aws.at(&Location { region: region.map(str::to_owned), role: None })
    }
}

/// Where calls go, if not to AWS itself.
fn endpoint(shell: &mut Shell, environment: &str) -> Result<Option<state::Endpoint>> {
    let named = env::var("AWS_ENDPOINT_URL").ok().filter(|it| !it.is_empty());
    if let Some(url) = named.as_ref().filter(|it| !it.starts_with("http://") && !it.starts_with("https://")) {
        return Err(Failure::invalid(format!("AWS_ENDPOINT_URL is no URL: {url}")).help("write e.g. http://127.0.0.1:5000, or unset it"));
    }
    if named.is_some() || environment != LOCAL {
        return Ok(named.map(|url| state::Endpoint { url, instance: None }));
    }
    let cloud = LocalCloud::of_user()?;
    let before = cloud.status()?.map(|it| it.instance);
    let emulator = cloud.ensure(&mut |text| shell.status("Local cloud", text))?;
    if before.as_ref() != Some(&emulator.instance) {
        shell.status("Local cloud", &format!("moto started at {}; it runs until `infra local stop`", emulator.url()));
    }
    Ok(Some(state::Endpoint { url: emulator.url(), instance: Some(emulator.instance) }))
}

/// Why nobody could be asked who we are, and what to do about it.
fn unreachable(error: Error, endpoint: Option<&state::Endpoint>, environment: &str, profile: Option<&str>) -> Failure {
    let place = endpoint.map_or("AWS", |it| &it.url);
    let kind = error.kind;
    let code = error.code.clone().unwrap_or_default();
    let failure = Failure::failed(error);
    match kind {
        ErrorKind::Credentials if code.contains("Expired") || code == "TokenRefreshRequired" => failure
            .while_doing(format!("{place} refuses the credentials: they have expired"))
            .help("get new ones, e.g. with `aws sso login`, then run the same command again"),
        ErrorKind::Credentials if code.is_empty() && profile.is_some() => failure
            .while_doing(format!("the profile `{}` gives no AWS credentials", profile.unwrap_or_default()))
            .help("`aws configure list-profiles` lists those that there are; `aws sso login --profile NAME` logs in")
            .help("`--env local` needs no account"),
        ErrorKind::Credentials if code.is_empty() => failure
            .while_doing("there are no AWS credentials")
            .help("log in with `aws sso login`, name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            .help("`--env local` needs no account"),
        ErrorKind::Credentials => failure
            .while_doing(format!("{place} refuses the credentials"))
            .help("`aws sts get-caller-identity` uses the same ones; --profile names others"),
        ErrorKind::Unreachable | ErrorKind::Unanswered if endpoint.is_some() => {
            let failure = failure.while_doing(format!("nobody answers at {place}"));
            match (environment, env::var_os("AWS_ENDPOINT_URL").is_some()) {
                (LOCAL, false) => failure.help("`infra local stop`, then run the same command again"),
                _ => failure.help("start what should answer there, or unset AWS_ENDPOINT_URL"),
            }
        }
        ErrorKind::Unreachable | ErrorKind::Unanswered => {
            failure.while_doing("AWS cannot be reached").help("check the network, a proxy (HTTPS_PROXY) and the region's name")
        }
        _ => failure
            .while_doing(format!("{place} does not say who we are"))
            .help("`aws sts get-caller-identity` asks the same; set AWS_ENDPOINT_URL only to what answers like AWS"),
    }
}

/// The environment that is meant, out of those that the stack files declare: of each file its path and its environments.
pub(crate) fn environment(asked: Option<&str>, usual: Option<&str>, declared: &BTreeMap<String, Vec<String>>) -> Result<String> {
    let chosen = asked.filter(|it| !it.is_empty()).or(usual);
    let mut all: Vec<&str> = declared.values().flatten().map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    let Some(chosen) = chosen else {
        return match all[..] {
            [] => Ok("default".to_owned()),
            [only] => Ok(only.to_owned()),
            _ => Err(Failure::invalid("no environment is named, and there are several")
                .help(format!("choose one with --env NAME or INFRA_ENV: {}", with_local(&all)))),
        };
    };
    if chosen == LOCAL || (chosen == "default" && all.is_empty()) {
        return Ok(chosen.to_owned());
    }
    for (path, environments) in declared {
        if environments.is_empty() && chosen == "default" || environments.iter().any(|it| it == chosen) {
            continue;
        }
        let failure = Failure::invalid(format!("{path} declares no environment `{chosen}`"));
        let near = infra::diagnostic::nearest(chosen, environments.iter().map(String::as_str).chain([LOCAL]));
        return Err(match near {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help(format!("there are: {}", with_local(&environments.iter().map(String::as_str).collect::<Vec<_>>()))),
        });
    }
    Ok(chosen.to_owned())
}

fn with_local(names: &[&str]) -> String {
    let names = if names.is_empty() { &["default"] } else { names };
    let own = names.contains(&LOCAL);
    names.iter().copied().chain((!own).then_some(LOCAL)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_the_one_named_or_the_only_one() {
        let check = |asked: Option<&str>, usual: Option<&str>, declared: &[&str], expected: Result<&str, &str>| {
            let declared = BTreeMap::from([("stacks/a.yaml".to_owned(), declared.iter().map(ToString::to_string).collect())]);
            let got = environment(asked, usual, &declared).map_err(|it| it.help.join("\n"));
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{asked:?} {usual:?} {declared:?}");
        };
        check(None, None, &[], Ok("default"));
        check(None, None, &["dev"], Ok("dev"));
        check(Some(""), None, &["dev"], Ok("dev"));
        check(None, Some("dev"), &["dev", "prod"], Ok("dev"));
        check(Some("prod"), Some("dev"), &["dev", "prod"], Ok("prod"));
        check(Some("local"), None, &["dev", "prod"], Ok("local"));
        check(Some("local"), None, &[], Ok("local"));
        check(None, None, &["dev", "prod"], Err("choose one with --env NAME or INFRA_ENV: dev, prod, local"));
        check(Some("prd"), None, &["dev", "prod"], Err("did you mean `prod`?"));
        check(Some("somewhere"), None, &["dev"], Err("there are: dev, local"));
        check(Some("default"), None, &["dev"], Err("there are: dev, local"));
        check(Some("prod"), None, &[], Err("there are: default, local"));
    }
}
