//! Bearer tokens: JSON Web Tokens signed with HS256 and the key from the application's secret.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::AppState;
use crate::aws::{Aws, SecretError};
use crate::config::Signing;
use crate::http::ApiError;

/// How long somebody whose token was refused may wait for a newer key. Whoever has a good token does not wait for that.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no signing key is configured")]
    NotConfigured,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the secret asks for the algorithm {0}, and only HS256 is supported")]
    Algorithm(String),
    #[error("the signing key is shorter than 32 bytes")]
    Short,
}

/// The signing key, read from its secret when first needed.
pub struct Keys {
    signing: Signing,
    aws: Aws,
    /// How long a key from the secret is believed, so that a rotated one takes effect without a restart.
    age: Duration,
    known: RwLock<Option<(Arc<str>, Instant)>>,
    /// When the secret was asked for last, well or not. Held by whoever asks.
    asked: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct AppSecret {
    secret_key: String,
    algorithm: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    sub: String,
    exp: u64,
}

impl Keys {
    pub fn new(signing: Signing, age: Duration, aws: Aws) -> Self {
        Self { signing, aws, age, known: RwLock::default(), asked: Mutex::default() }
    }

    /// The key that is known, where it is not too old.
    fn known(&self) -> Option<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(_, read)| read.elapsed() < self.age).map(|(key, _)| key.clone())
    }

    async fn key(&self) -> Result<Arc<str>, KeyError> {
        let name = match &self.signing {
            Signing::None => return Err(KeyError::NotConfigured),
            Signing::Key(key) => return Ok(key.as_str().into()),
            Signing::Secret(name) => name,
        };
        if let Some(key) = self.known() {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        match self.known() {
            Some(key) => Ok(key),
            None => self.read(name, &mut asked).await,
        }
    }

    /// Another key than the one that refused a token, where the secret has one. A forged token must not make this program ask each
    /// time, nor keep others waiting.
    async fn newer(&self, refused: &str) -> Option<Arc<str>> {
        let Signing::Secret(name) = &self.signing else { return None };
        let search = async {
            let mut asked = self.asked.lock().await;
            if let Some(key) = self.known().filter(|key| **key != *refused) {
                return Some(key);
            }
            let is_fresh = asked.is_some_and(|asked| asked.elapsed() < self.age / 30);
            if is_fresh { None } else { self.read(name, &mut asked).await.ok() }
        };
        tokio::time::timeout(PATIENCE, search).await.ok().flatten()
    }

    async fn read(&self, name: &str, asked: &mut Option<Instant>) -> Result<Arc<str>, KeyError> {
        *asked = Some(Instant::now());
        let secret: AppSecret = self.aws.secret(name).await?;
        match secret.algorithm {
            Some(other) if other != "HS256" => return Err(KeyError::Algorithm(other)),
            _ if secret.secret_key.len() < 32 => return Err(KeyError::Short),
            _ => {}
        }
        let key: Arc<str> = secret.secret_key.into();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some((key.clone(), Instant::now()));
        Ok(key)
    }

    /// Whose token it is.
    async fn subject(&self, token: &str) -> Result<String, ApiError> {
        let key = self.key().await?;
        let mut result = read(token, &key);
        if result.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::InvalidSignature))
            && let Some(newer) = self.newer(&key).await
        {
            result = read(token, &newer);
        }
        result.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => ApiError::TokenExpired,
            _ => ApiError::TokenInvalid,
        })
    }

    /// A token for somebody, for a laptop and for tests: in production another service signs them with the same key.
    pub async fn issue(&self, subject: &str, lifetime: Duration) -> Result<String, KeyError> {
        let key = self.key().await?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let claims = Claims { sub: subject.to_owned(), exp: (now + lifetime).as_secs() };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes()));
        Ok(token.expect("two plain claims can always be signed"))
    }
}

fn read(token: &str, key: &str) -> jsonwebtoken::errors::Result<String> {
    // The header's own word for the algorithm counts for nothing: whatever is not HS256 is refused, `none` first of all.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 5;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "sub"]);
    decode::<Claims>(token, &DecodingKey::from_secret(key.as_bytes()), &validation).map(|data| data.claims.sub)
}

/// A request that came with a valid token, and whose it is.
#[derive(Clone, Debug)]
pub struct Caller(pub String);

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).ok_or(ApiError::TokenMissing)?;
        let text = header.to_str().map_err(|_| ApiError::TokenInvalid)?;
        let (scheme, token) = text.split_once(' ').ok_or(ApiError::TokenInvalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::TokenInvalid);
        }
        app.keys.subject(token.trim()).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn sign(header: &Header, claims: &serde_json::Value, key: &str) -> String {
        encode(header, claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    #[test]
    fn only_a_current_hs256_token_of_this_key_is_believed() {
        let header = Header::new(Algorithm::HS256);
        let claims = |exp: u64| serde_json::json!({ "sub": "amy", "exp": exp });
        let check = |token: &str| read(token, KEY).map_err(|error| format!("{:?}", error.kind()));
        assert_eq!(check(&sign(&header, &claims(4_000_000_000), KEY)), Ok("amy".into()));
        assert_eq!(check(&sign(&header, &claims(1_000_000_000), KEY)), Err("ExpiredSignature".into()));
        assert_eq!(check(&sign(&header, &claims(4_000_000_000), "another key, of enough length too")), Err("InvalidSignature".into()));
        assert_eq!(check(&sign(&Header::new(Algorithm::HS512), &claims(4_000_000_000), KEY)), Err("InvalidAlgorithm".into()));
        assert!(check(&sign(&header, &serde_json::json!({ "sub": "amy" }), KEY)).is_err(), "a token without an end");
        assert!(check(&sign(&header, &serde_json::json!({ "exp": 4_000_000_000_u64 }), KEY)).is_err(), "a token of nobody");
        // {"alg":"none","typ":"JWT"} . {"sub":"amy","exp":4000000000} . nothing
        assert!(check("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhbXkiLCJleHAiOjQwMDAwMDAwMDB9.").is_err());
        assert!(check("").is_err() && check("a.b.c").is_err());
    }
}
