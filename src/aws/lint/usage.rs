//! What functions use of AWS, as their environment tells it.

use infra::value::{Path, Value};

use super::{Resource, Resources};

/// A service that a variable names a part of.
pub(super) struct Usage<'r, 'a> {
    /// As endpoints call it.
    pub(super) service: &'static str,
    pub(super) variable: &'r str,
    /// The secret of the stack.
    pub(super) secret: Option<&'r Resource<'a>>,
}

/// Who makes the models of Bedrock.
const MAKERS: &[&str] = &["ai21.", "amazon.", "anthropic.", "cohere.", "deepseek.", "meta.", "mistral.", "stability."];
/// What stands before the maker where a model answers from several regions.
const REGIONS: &[&str] = &["us.", "eu.", "apac.", "jp.", "au.", "global.", "us-gov."];

pub(super) fn of_function<'r, 'a>(resources: &'r Resources<'a>, function: &'r Resource<'a>) -> Vec<Usage<'r, 'a>> {
    let variables = function.get("environment").and_then(Value::as_map).into_iter().flatten();
    variables
        .filter_map(|(variable, value)| {
            let own = match resources.own(value) {
                // The content itself needs nobody to be asked.
                Some((_, "generated")) => return None,
                Some((it, _)) => Some(it),
                None => of_text(resources, function, variable, value),
            };
            match own.map(|it| it.type_name) {
                Some("secretsmanager.secret") => Some(Usage { service: "secretsmanager", variable, secret: own }),
                Some("s3.bucket") => Some(Usage { service: "s3", variable, secret: None }),
                _ => {
                    let text = value.as_text()?;
                    let service = if is_arn_of(text, "secretsmanager") {
                        "secretsmanager"
                    } else if is_model(text) {
                        "bedrock-runtime"
                    } else if text.starts_with("s3://") || is_arn_of(text, "s3") {
                        "s3"
                    } else {
                        return None;
                    };
                    Some(Usage { service, variable, secret: None })
                }
            }
        })
        .collect()
}

/// The secret or bucket of the stack that a text names.
fn of_text<'r, 'a>(resources: &'r Resources<'a>, function: &Resource<'_>, variable: &str, value: &Value) -> Option<&'r Resource<'a>> {
    if value.as_text().is_some() {
        let secret = resources.named(value, "secretsmanager.secret", "name");
        return secret.or_else(|| resources.named(value, "s3.bucket", "bucket_name"));
    }
    // A text that is made of one, such as `s3://${bucket.id}/documents`.
    let at = Path::of("environment").key(variable);
    let mentioned = resources.mentioned(function, &at).into_iter().find(|it| it.type_name == "s3.bucket");
    mentioned.filter(|_| matches!(value, Value::Unknown(it) if it.expression.starts_with("s3://")))
}

fn is_arn_of(text: &str, service: &str) -> bool {
    let mut parts = text.split(':');
    parts.next() == Some("arn") && parts.nth(1) == Some(service)
}

/// Whether a text is the id of a model, such as `amazon.nova-pro-v1:0`.
fn is_model(text: &str) -> bool {
    let bare = REGIONS.iter().find_map(|it| text.strip_prefix(it)).unwrap_or(text);
    let Some(name) = MAKERS.iter().find_map(|it| bare.strip_prefix(it)) else { return false };
    let version = name.rsplit_once("-v").map(|(_, it)| it);
    version.is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit()) && it.bytes().all(|it| it.is_ascii_digit() || it == b':'))
}
