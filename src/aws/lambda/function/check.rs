//! What Lambda refuses in a function and no schema can say.

use infra::{
    resource::Problems,
    value::{Path, Value},
};

use crate::aws::arn;

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
pub(super) const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// How many bytes all names and values of an environment may have together.
const ENVIRONMENT: usize = 4096;

pub(super) fn all(spec: &Value, problems: &mut Problems) {
    code(spec, problems);
    environment(spec, problems);
    for (n, layer) in spec.get("layers").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        arn::LAYER.check(Some(layer), Path::of("layers").item(n), problems);
    }
    if let Some(target) = spec.get("dead_letter_config").and_then(|it| it.get("target_arn")).and_then(Value::as_text)
        && !["sqs", "sns"].contains(&target.split(':').nth(2).unwrap_or_default())
    {
        let at = Path::of("dead_letter_config").key("target_arn");
        problems.error(at, "not the ARN of a queue or topic", "give the ARN of an SQS queue or an SNS topic");
    }
    if let Some(logging) = spec.get("logging_config")
        && !has(logging, "log_format", |it| *it != Value::from("Text"))
    {
        for level in ["application_log_level", "system_log_level"].into_iter().filter(|it| is_set(logging, it)) {
            let at = Path::of("logging_config").key(level);
            problems.error(at, "only JSON lines have a level", "write `log_format: JSON`, or leave the level out");
        }
    }
}

fn code(spec: &Value, problems: &mut Problems) {
    // Of code that is not known yet nothing can be said.
    let Some(code) = spec.get("code").filter(|it| it.as_map().is_some()) else { return };
    let at = |property: &str| Path::of("code").key(property);
    let in_s3 = is_set(code, "s3_bucket") || is_set(code, "s3_key");
    match (is_set(code, "image_uri"), is_set(code, "zip_file"), in_s3) {
        (true, false, false) | (false, true, false) | (false, false, true) => {}
        (false, false, false) => {
            let help = "write `image_uri`, `zip_file`, or `s3_bucket` and `s3_key`";
            return problems.error(Path::of("code"), "there is no code", help);
        }
        _ => {
            let help = "keep one of `image_uri`, `zip_file`, and `s3_bucket` with `s3_key`";
            return problems.error(Path::of("code"), "the code is given in several ways", help);
        }
    }
    if in_s3 {
        for missing in ["s3_bucket", "s3_key"].into_iter().filter(|it| !is_set(code, it)) {
            problems.error(Path::of("code"), format!("`{missing}` is missing"), "an archive in S3 has a bucket and a key");
        }
    } else if is_set(code, "s3_object_version") {
        problems.error(at("s3_object_version"), "there is no archive in S3", "write `s3_bucket` and `s3_key` too, or leave it out");
    }
    if let Some(image) = code.get("image_uri").and_then(Value::as_text).filter(|it| !it.contains(".dkr.ecr.") && !it.contains(".dkr-ecr."))
    {
        let help = "push it to a repository in ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG`, the `repository_uri` of an \
                    `ecr.repository` and a tag";
        problems.error(at("image_uri"), format!("`{image}` is no image in ECR, and Lambda takes no other"), help);
    }
    if let Some(Value::Secret(archive)) = code.get("zip_file")
        && !archive.stands_in()
        && !is_base64(archive.reveal())
    {
        let help = "write `${file_base64(\"function.zip\")}`, or the archive in base64 without line breaks";
        problems.error(at("zip_file"), "no archive in base64", help);
    }
    let image = is_set(code, "image_uri");
    if image && is_set(code, "sha256") {
        problems.error(at("sha256"), "an image has no archive", "write the image's digest in `image_uri`: `…@sha256:…`");
    }
    for property in ["handler", "runtime"] {
        if image && is_set(spec, property) {
            let help = "leave it out; see `image_config` for what an image runs";
            problems.error(Path::of(property), format!("an image has no {property}"), help);
        } else if !image && !is_set(spec, property) {
            let help = if property == "handler" { "write what is called: `index.handler`" } else { "write what runs it: `python3.13`" };
            problems.error(Path::default(), format!("a zip archive needs a {property}"), help);
        }
    }
    if image && has(spec, "layers", |it| it.as_list().is_none_or(|it| !it.is_empty())) {
        problems.error(Path::of("layers"), "an image has no layers of Lambda's", "put into the image what the layers hold");
    }
    if !image && is_set(spec, "image_config") {
        problems.error(Path::of("image_config"), "a zip archive is no image", "leave it out; `handler` says what is called");
    }
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && digits.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/".contains(&it))
}

fn environment(spec: &Value, problems: &mut Problems) {
    let Some(environment) = spec.get("environment").and_then(Value::as_map) else { return };
    let mut size = 0;
    for (name, value) in environment.iter().filter(|(_, it)| !it.is_null()) {
        let at = Path::of("environment").key(name);
        if RESERVED.contains(&name.as_str()) {
            let help = format!("Lambda sets it itself; choose another name than any of {}", RESERVED.join(", "));
            problems.error(at, format!("`{name}` is Lambda's own"), help);
        } else if !(name.len() > 1
            && name.starts_with(|it: char| it.is_ascii_alphabetic())
            && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_'))
        {
            let help = "use two or more letters, digits and underscores, a letter first";
            problems.error(at, "Lambda takes no variable of this name", help);
        }
        size += name.len() + value.as_text().map_or(0, str::len);
    }
    if size > ENVIRONMENT {
        let help = "keep large values in Secrets Manager or S3, and their names here";
        problems.error(Path::of("environment"), format!("the environment has {size} bytes, and {ENVIRONMENT} are possible"), help);
    }
}

fn is_set(of: &Value, property: &str) -> bool {
    has(of, property, |_| true)
}

fn has(of: &Value, property: &str, is: impl Fn(&Value) -> bool) -> bool {
    of.get(property).is_some_and(|it| !it.is_null() && is(it))
}
