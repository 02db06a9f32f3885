use infra::{
    diagnostic::{Diagnostic, Place},
    resource::Secret,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources};

/// What stands in the file is read by everybody who reads the file, and so is an environment by everybody who may look at it.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for resource in &resources.0 {
        match resource.type_name {
            "rds.db_cluster" | "rds.db_instance" => {
                if let Some(Value::Secret(secret)) = resource.get("master_user_password") {
                    let help =
                        "generate it: `${SECRET.generated.password}` of a `secretsmanager.secret`, or `manage_master_user_password: true`";
                    look(resource, &Path::of("master_user_password"), secret.reveal(), help, found);
                }
            }
            "lambda.function" => variables(resources, resource, resource.get("environment"), &Path::of("environment"), found),
            "ecs.task_definition" => {
                for (n, it) in resource.get("container_definitions").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
                    let at = Path::of("container_definitions").item(n).key("environment");
                    variables(resources, resource, it.get("environment"), &at, found);
                }
            }
            _ => {}
        }
    }
}

fn variables(resources: &Resources<'_>, resource: &Resource<'_>, environment: Option<&Value>, at: &Path, found: &mut Vec<Finding>) {
    for (name, value) in environment.and_then(Value::as_map).into_iter().flatten() {
        let Some(text) = value.as_text() else { continue };
        // The name of a secret, and what is no secret by its look.
        let harmless = text.starts_with("arn:")
            || text.bytes().all(|it| it.is_ascii_digit())
            || matches!(text, "true" | "false")
            || resources.named(value, "secretsmanager.secret", "name").is_some();
        if Secret::is_named(name) && !harmless || is_secret(text) {
            let help = "keep it in a `secretsmanager.secret`, and tell of it by its name or ARN";
            look(resource, &at.key(name), text, help, found);
        }
    }
}

/// Whether a text is a secret by its look: keys, and addresses with a password in them.
fn is_secret(text: &str) -> bool {
    let key = |it: &str| it.len() == 20 && it.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    let password = || {
        let (_, rest) = text.split_once("://")?;
        let (user, _) = rest.split(['/', '?']).next()?.rsplit_once('@')?;
        user.split_once(':').filter(|(_, it)| !it.is_empty())
    };
    text.starts_with("AKIA") && key(text) || text.contains("PRIVATE KEY-----") || password().is_some()
}

fn look(resource: &Resource<'_>, at: &Path, text: &str, help: &str, found: &mut Vec<Finding>) {
    let place = resource.place(at);
    // What comes from the command line stands in no file.
    if text.len() >= 4 && place.source.text.contains(text) {
        hide(&place, text);
        let diagnostic = Diagnostic::warning(format!("a secret of `{}` stands in the stack file in plain text", resource.address))
            .at(&place, format!("`{at}`"))
            .help(help);
        found.push(resource.finding(diagnostic));
    }
}

/// It is not shown where it stands: at the place, or wherever an expression there takes it from.
fn hide(place: &Place, text: &str) {
    if place.source.text[place.span.clone()].contains(text) {
        return place.hide();
    }
    for (start, _) in place.source.text.match_indices(text) {
        Place { source: place.source.clone(), span: start..start + text.len() }.hide();
    }
}
