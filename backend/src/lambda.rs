//! The Lambda function: one program for all of its roles, told apart by what the event looks like.
//!
//! An HTTP API's or a load balancer's event is a request for the same router that the server has; a bucket's event goes to the
//! processor; and `{"command": "migrate"}`, which only somebody who may invoke the function can send, brings the database
//! up to date from inside its network.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Adapter, RequestExt as _};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower::{Service as _, ServiceExt as _};

use crate::AppState;
use crate::http::{self, ClientAddress};
use crate::processor::{self, S3Event};
use crate::store::migrations;

/// A function that is ended in the middle of a document cannot say so: this much of its time is left for that.
const FAREWELL: Duration = Duration::from_secs(3);

/// Answers events until the platform ends the process.
pub async fn run(app: AppState) -> Result<(), Error> {
    let router = http::router(app.clone());
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let (app, router) = (app.clone(), router.clone());
        // Boxed: as one type, all that an answer may wait for is more than the compiler follows.
        async move { Box::pin(answer(&app, router, event)).await }
    }))
    .await
}

/// What tells the kinds of events apart.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "Records", default)]
    records: Vec<Origin>,
    #[serde(rename = "Event")]
    test: Option<String>,
    command: Option<String>,
}

#[derive(Deserialize)]
struct Origin {
    #[serde(rename = "eventSource", default)]
    source: String,
}

async fn answer(app: &AppState, router: axum::Router, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Error> {
    let text = event.payload.get();
    let shape: Shape = serde_json::from_str(text)?;
    if shape.records.iter().any(|record| record.source == "aws:s3") || shape.test.as_deref() == Some("s3:TestEvent") {
        let deadline = event.context.deadline();
        let event: S3Event = serde_json::from_str(text)?;
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let outcomes = processor::handle(app, &event, left.saturating_sub(FAREWELL)).await?;
        return Ok(json!({ "outcomes": outcomes.iter().map(|outcome| format!("{outcome:?}")).collect::<Vec<_>>() }));
    }
    match shape.command.as_deref() {
        Some("migrate") => {
            let database = app.database()?;
            let done = migrations::run(&mut *database.connect().await?, database.settings().dimensions).await?;
            Ok(json!({ "migrations": done }))
        }
        Some(other) => Err(format!("there is no command {other:?}").into()),
        None => {
            let request: LambdaRequest = serde_json::from_str(text)?;
            let proxies = app.config.limits.trusted_proxies;
            let service = router.map_request(move |request| identify(request, proxies));
            let mut adapter = Adapter::from(service);
            let response = adapter.call(LambdaEvent::new(request, event.context)).await.map_err(|never| match never {})?;
            Ok(serde_json::to_value(response)?)
        }
    }
}

/// The platform knows who the client is, and has an id for the request.
fn identify(mut request: lambda_http::Request, proxies: usize) -> lambda_http::Request {
    let parsed = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<IpAddr>().ok());
    let (address, id) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => (parsed(&context.http.source_ip), context.request_id.clone()),
        Some(RequestContext::ApiGatewayV1(context)) => (parsed(&context.identity.source_ip), context.request_id.clone()),
        // A load balancer tells it like any proxy, and nobody but one can send such an event.
        Some(RequestContext::Alb(_)) => (http::forwarded(request.headers(), proxies.max(1)), None),
        _ => (None, None),
    };
    if let Some(address) = address {
        request.extensions_mut().insert(ClientAddress(address));
    }
    if let Some(id) = id.and_then(|id| id.parse().ok()) {
        request.headers_mut().entry(http::REQUEST_ID).or_insert(id);
    }
    request
}
