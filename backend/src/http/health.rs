//! Whether this process lives, and whether it can do its work: two questions with two answers.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::AppState;
use crate::store::{Database, StoreError};

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(example = "healthy")]
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready`, `not_ready` or `stopping`.
    #[schema(example = "ready")]
    status: &'static str,
    /// `ok`, `not_configured`, `unavailable` or `wrong_schema`.
    #[schema(example = "ok")]
    database: &'static str,
}

/// Says that the process lives. Nothing else is asked, so that a database that is away does not get every copy restarted.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, description = "It lives", body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "healthy" })
}

/// The last look at the database. Everybody may ask, as often as they like, so that one looks for all who wait at that moment: then
/// they take one connection from the requests that have work to do.
#[derive(Default)]
pub struct LastLook(Mutex<Option<(Instant, Result<(), String>)>>);

impl LastLook {
    async fn at(&self, database: &Database) -> Result<(), StoreError> {
        let arrived = Instant::now();
        let mut last = self.0.lock().await;
        let result = match &*last {
            Some((begun, result)) if *begun >= arrived => result.clone(),
            _ => {
                let begun = Instant::now();
                let result = look(database).await;
                *last = Some((begun, result.clone()));
                result
            }
        };
        result.map_err(StoreError::Unavailable)
    }
}

async fn look(database: &Database) -> Result<(), String> {
    let check = async {
        let client = database.connection().await?;
        client.simple_query("SELECT 1").await?;
        Ok::<_, StoreError>(())
    };
    match tokio::time::timeout(Duration::from_secs(3), check).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("it did not answer within three seconds".into()),
    }
}

/// Says whether requests can be answered now.
#[utoipa::path(get, path = "/ready", tag = "health", responses(
    (status = 200, description = "Send requests", body = Readiness),
    (status = 503, description = "Send none: the database is away, or the server is stopping", body = super::ErrorBody),
))]
pub(super) async fn ready(State(app): State<AppState>) -> Result<Json<Readiness>, super::ApiError> {
    if app.is_stopping() {
        return Err(super::ApiError::Overloaded);
    }
    let Some(database) = &app.database else {
        return Ok(Json(Readiness { status: "ready", database: "not_configured" }));
    };
    app.last_look.at(database).await?;
    Ok(Json(Readiness { status: "ready", database: "ok" }))
}
