//! What is left of a request's body when its answer is there already: an upload that is too large, a token that is wrong.
//!
//! A server that closes the connection on it cuts off a client that is still sending, which then never sees why; and a client that
//! keeps its connection sends the next request into one that is being closed. So the rest is read and thrown away, piece by piece
//! and within bounds. A function has no such connection: its requests arrive whole.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

/// How long the rest may take altogether, and how long nothing of it may come. Whoever is slower loses the connection.
const PATIENCE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(2);

/// A body that is given back when nobody reads it any more.
struct Lent {
    rest: Rest,
    returned: Arc<Mutex<Option<Rest>>>,
}

#[derive(Default)]
struct Rest {
    body: Body,
    /// Whether anything of it was asked for, which is when a client that waits to be asked begins to send.
    begun: bool,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.rest.begun = true;
        Pin::new(&mut self.rest.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.rest.body.is_end_stream()
            && let Ok(mut returned) = self.returned.lock()
        {
            *returned = Some(std::mem::take(&mut self.rest));
        }
    }
}

/// The layer that reads what nobody wanted.
pub(super) async fn read(mut request: Request, next: Next) -> Response {
    let asks = request.headers().contains_key(EXPECT);
    let returned = Arc::new(Mutex::new(None));
    let rest = Rest { body: std::mem::take(request.body_mut()), begun: false };
    *request.body_mut() = Body::new(Lent { rest, returned: returned.clone() });
    let mut response = next.run(request).await;
    let rest = returned.lock().ok().and_then(|mut it| it.take());
    if let Some(rest) = rest {
        // Whoever asks before sending, and was not told to begin, has sent nothing and need not.
        let is_read = if asks && !rest.begun { false } else { to_its_end(rest.body).await };
        if !is_read {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response
}

async fn to_its_end(mut body: Body) -> bool {
    let reading = async {
        loop {
            match tokio::time::timeout(SILENCE, body.frame()).await {
                Ok(Some(Ok(_))) => {}
                Ok(None) => return true,
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false)
}
