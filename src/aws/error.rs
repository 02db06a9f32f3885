//! What the SDK says of a failed call, in the engine's terms.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ConnectorError, ProvideErrorMetadata, SdkError},
    operation::RequestId as _,
};
use infra::resource::{Error, ErrorKind, Result};

/// Refused for the rate, and not executed.
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A fault of AWS or of the way there, whatever the status; it may have been executed.
const UNAVAILABLE: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];

/// The credentials are missing, wrong or expired. Lacking a permission is not among them.
const CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorizedForSourceException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// Turns the SDK's error into the engine's: `.send().await.map_err(error)?`.
pub(crate) fn error<E>(failed: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let action = action::<E>();
    let request_id = failed.request_id().map(str::to_owned);
    let (kind, code, message) = match &failed {
        SdkError::ServiceError(context) => {
            let (status, meta) = (context.raw().status().as_u16(), context.err().meta());
            let code = meta.code().map(str::to_owned);
            let message = meta.message().filter(|it| !it.is_empty()).map_or_else(|| format!("HTTP status {status}"), str::to_owned);
            match &code {
                // A success that the SDK cannot read is an error of the service to it.
                None if context.raw().status().is_success() => (ErrorKind::Unanswered, None, unreadable(status, context.err())),
                _ => (refusal(status, code.as_deref(), &message), code, message),
            }
        }
        SdkError::ResponseError(context) => {
            let status = context.raw().status().as_u16();
            let kind = if context.raw().status().is_success() { ErrorKind::Unanswered } else { refusal(status, None, "") };
            (kind, None, unreadable(status, &failed))
        }
        SdkError::TimeoutError(_) => (ErrorKind::Unanswered, None, chain(&failed)),
        SdkError::DispatchFailure(context) => (context.as_connector_error().map_or(ErrorKind::Unanswered, dispatch), None, chain(&failed)),
        // Nothing was sent. Credentials are looked for before the endpoint, and a missing region is noticed only there.
        _ => (if lacks_credentials(&failed) { ErrorKind::Credentials } else { ErrorKind::Rejected }, None, chain(&failed)),
    };
    Error { action, kind, code, message, request_id }
}

/// Takes a refusal with one of these codes for success: what was to be undone is not there any more.
pub(crate) fn unless<T>(result: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.kind == ErrorKind::Rejected && error.is(codes) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The operation of an error type: `CreateVpc` of `CreateVpcError`.
fn action<E>() -> &'static str {
    let name = std::any::type_name::<E>();
    let name = name.rsplit("::").next().unwrap_or(name);
    name.strip_suffix("Error").unwrap_or(name)
}

fn refusal(status: u16, code: Option<&str>, message: &str) -> ErrorKind {
    let code = code.unwrap_or_default();
    if THROTTLED.contains(&code) || status == 429 {
        ErrorKind::Throttled
    } else if UNAVAILABLE.contains(&code) || status >= 500 {
        ErrorKind::Unavailable
    } else if CREDENTIALS.contains(&code) || (code == "AuthFailure" && message.contains("access credentials")) {
        // EC2 says AuthFailure of credentials and of things that belong to somebody else alike.
        ErrorKind::Credentials
    } else {
        ErrorKind::Rejected
    }
}

/// A call that got no answer: did it leave this machine?
fn dispatch(failed: &ConnectorError) -> ErrorKind {
    if lacks_credentials(failed) {
        return ErrorKind::Credentials;
    }
    // The SDK does not tell a connection that could not be made from one that broke, except in the texts of its causes.
    let never_connected = causes(failed).any(|cause| {
        let refused = cause.downcast_ref::<std::io::Error>().is_some_and(|it| it.kind() == std::io::ErrorKind::ConnectionRefused);
        let text = cause.to_string();
        refused || text.contains("client error (Connect)") || text.contains("dns error") || text.starts_with("HTTP connect timeout")
    });
    if never_connected { ErrorKind::Unreachable } else { ErrorKind::Unanswered }
}

fn lacks_credentials(failed: &(dyn std::error::Error + 'static)) -> bool {
    // Where nothing at all provides credentials the SDK has no type of error for it.
    causes(failed).any(|cause| cause.is::<CredentialsError>() || cause.to_string().contains("no identity resolver"))
}

fn unreadable(status: u16, failed: &(dyn std::error::Error + 'static)) -> String {
    format!("an answer that cannot be read (HTTP status {status}): {}", chain(failed))
}

fn causes<'a>(failed: &'a (dyn std::error::Error + 'static)) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(failed), |it: &&'a (dyn std::error::Error + 'static)| (*it).source())
}

/// What all causes say, each once. The SDK's causes show nothing of the request.
fn chain(failed: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = vec![];
    for text in causes(failed).map(ToString::to_string) {
        if !texts.iter().any(|it| it.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests;
