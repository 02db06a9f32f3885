//! The plain HTTP server: a container, a laptop.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::middleware::from_fn;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{AppState, http, processor};

mod rest;

/// How long a connection may be without a request. Longer than the 60 s of a load balancer: where the server is the first to
/// close, a request may just be on its way.
const IDLE: Duration = Duration::from_secs(75);
/// Connections at one time; further ones wait until they are accepted.
const CONNECTIONS: usize = 4096;

/// Serves until the process is asked to end, then lets the requests under way finish.
pub async fn run(app: AppState) -> std::io::Result<()> {
    let address = SocketAddr::new(app.config.host, app.config.port);
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "listening");
    let background = tokio::spawn({
        let app = app.clone();
        async move {
            prepare(&app).await;
            processor::resume(&app).await;
        }
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let asked = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve(&app, listener, asked).await;
    background.abort();
    Ok(())
}

/// Brings the database up to date before the first request needs it; it may come up later than this server.
async fn prepare(app: &AppState) {
    let Some(database) = &app.database else { return };
    let mut wait = Duration::from_millis(500);
    while let Err(error) = database.connection().await {
        tracing::warn!(%error, "the database is not ready");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(30));
    }
    tracing::info!("the database is ready");
}

async fn serve(app: &AppState, listener: TcpListener, asked: impl Future<Output = ()>) {
    let router = http::router(app.clone()).layer(from_fn(rest::read));
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut asked = pin!(asked);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut asked => break,
        };
        match accepted {
            Ok((place, stream, peer)) => {
                // Answers are small: waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                let service = TowerToHyperService::new(with_peer(&router, peer));
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(IDLE)
                    .serve_connection(TokioIo::new(stream), service);
                let connection = connections.watch(connection);
                // A connection that breaks is the client's affair.
                tokio::spawn(async move {
                    let _place = place;
                    connection.await.ok()
                });
            }
            Err(error) => {
                // Out of file descriptors, mostly: some are given back in a moment.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    app.stop();
    drop(listener);
    tracing::info!("stopping: finishing the requests under way");
    match tokio::time::timeout(app.config.limits.shutdown, connections.shutdown()).await {
        Ok(()) => tracing::info!("stopped"),
        Err(_) => tracing::warn!("stopped with requests unfinished"),
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let place = places.clone().acquire_owned().await.expect("this semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    Ok((place, stream, peer))
}

fn with_peer(router: &Router, peer: SocketAddr) -> Router {
    router.clone().layer(Extension(ConnectInfo(peer)))
}
