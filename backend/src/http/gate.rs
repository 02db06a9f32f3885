//! What every request passes through: its id, its line in the log, and the limits on how many, how often and how long.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::error::Refusal;
use super::{ApiError, REQUEST_ID};
use crate::AppState;
use crate::config::Limits;

/// Who a request comes from, where a proxy has said so out of reach of the client: a function's event does.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

type Limiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>;

/// The limits that hold for all requests together, and for each client.
pub struct Gate {
    places: Semaphore,
    limiter: Option<Limiter>,
    seen: AtomicU64,
    trusted_proxies: usize,
    timeout: Duration,
}

/// After so many requests, clients that have not been seen for a while are forgotten.
const SWEEP: u64 = 1024;

impl Gate {
    pub fn new(limits: &Limits) -> Self {
        let quota = |count| {
            // A minute's worth may come at once only up to a third of it.
            let burst = NonZeroU32::new(NonZeroU32::get(count).div_ceil(3)).unwrap_or(count);
            Quota::per_minute(count).allow_burst(burst)
        };
        Self {
            places: Semaphore::new(limits.concurrency.min(Semaphore::MAX_PERMITS)),
            limiter: NonZeroU32::new(limits.requests_per_minute).map(|count| RateLimiter::hashmap(quota(count))),
            seen: AtomicU64::new(0),
            trusted_proxies: limits.trusted_proxies,
            timeout: limits.request_timeout,
        }
    }

    fn allow(&self, client: IpAddr) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.seen.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            limiter.retain_recent();
        }
        limiter.check_key(&network(client)).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(DefaultClock::default().now());
            ApiError::RateLimited(wait.as_secs() + 1)
        })
    }
}

/// Somebody with IPv6 has a whole /64 of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

/// The layer around everything else.
pub(super) async fn pass(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let client = client_address(&request, app.gate.trusted_proxies);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let span = tracing::info_span!("request", request_id = %id, %method, path);
    // The handlers see the id that the answer will carry.
    request.headers_mut().insert(REQUEST_ID, header_value(&id));

    let response = admit(&app, client, route.as_deref(), request, next).instrument(span.clone()).await;
    let mut response = complete(response, &id);
    response.headers_mut().insert(REQUEST_ID, header_value(&id));

    let (status, milliseconds) = (response.status().as_u16(), started.elapsed().as_secs_f64() * 1000.0);
    // A load balancer asks for its health all day long.
    if is_free(&method, route.as_deref()) {
        span.in_scope(|| tracing::debug!(status, milliseconds, client = %client, "answered"));
    } else {
        span.in_scope(|| tracing::info!(status, milliseconds, client = %client, "answered"));
    }
    response
}

async fn admit(app: &AppState, client: IpAddr, route: Option<&str>, request: Request, next: Next) -> Response {
    if is_free(request.method(), route) {
        return next.run(request).await;
    }
    if let Err(error) = app.gate.allow(client) {
        return error.into_response();
    }
    let Ok(_place) = app.gate.places.try_acquire() else {
        return ApiError::Overloaded.into_response();
    };
    match tokio::time::timeout(app.gate.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::TimedOut.into_response(),
    }
}

/// Health must be told even when there is no place left for anything else. Some load balancers ask for the page instead, which costs
/// as little: it is compiled in.
fn is_free(method: &Method, route: Option<&str>) -> bool {
    let is_page = |route: &str| matches!(route, "/" | "/favicon.ico") || route.starts_with("/page/");
    let is_health = |route: &str| matches!(route.trim_start_matches("/api"), "/health" | "/ready");
    method == Method::GET && route.is_some_and(|route| is_health(route) || is_page(route))
}

/// Gives every refusal the one shape, also those that a library made.
fn complete(mut response: Response, id: &str) -> Response {
    let refusal = response.extensions_mut().remove::<Refusal>();
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut whole = refusal.unwrap_or_else(|| Refusal::of_status(status)).body(id).into_response();
    *whole.status_mut() = status;
    for (name, value) in response.headers() {
        if !whole.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            whole.headers_mut().append(name.clone(), value.clone());
        }
    }
    whole
}

/// The caller's own id where it is harmless in a log, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let fits = |text: &&str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits);
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

fn header_value(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).expect("an id has only letters, digits and a few signs")
}

/// The address of the client: what the platform says, else what the nearest proxies say, else the other end of the connection.
fn client_address(request: &Request, trusted_proxies: usize) -> IpAddr {
    if let Some(ClientAddress(address)) = request.extensions().get() {
        return *address;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    forwarded(request.headers(), trusted_proxies).unwrap_or(peer)
}

/// Each proxy adds the address that it saw at the end; what is further left is only what the client claims.
pub(crate) fn forwarded(headers: &HeaderMap, trusted_proxies: usize) -> Option<IpAddr> {
    let from_the_end = trusted_proxies.checked_sub(1)?;
    let all: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    all.iter().rev().nth(from_the_end)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_added_is_believed() {
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "10.9.9.9, 203.0.113.10, 198.51.100.7".parse().unwrap())]);
        let check = |proxies, expected: Option<&str>| assert_eq!(forwarded(&headers, proxies), expected.map(|text| text.parse().unwrap()));
        check(0, None);
        check(1, Some("198.51.100.7"));
        check(2, Some("203.0.113.10"));
        check(4, None);
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        let id = |text: &str| request_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(text).unwrap())]));
        assert_eq!(id("abc-123"), "abc-123");
        for wrong in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(id(wrong).len(), 36, "{wrong}");
        }
    }

    #[test]
    fn a_client_has_its_own_allowance() {
        let limits = crate::config::Config::read(|name| (name == "RATE_LIMIT_PER_MINUTE").then(|| "6".into())).unwrap().limits;
        let gate = Gate::new(&limits);
        let address = |text: &str| text.parse().unwrap();
        assert!(gate.allow(address("203.0.113.1")).is_ok());
        assert!(gate.allow(address("203.0.113.1")).is_ok());
        assert!(matches!(gate.allow(address("203.0.113.1")), Err(ApiError::RateLimited(seconds)) if seconds <= 11));
        assert!(gate.allow(address("203.0.113.2")).is_ok());
        assert!(gate.allow(address("2001:db8::1")).is_ok() && gate.allow(address("2001:db8::2")).is_ok());
        assert!(gate.allow(address("2001:db8::3")).is_err(), "one network, one client");
    }
}
