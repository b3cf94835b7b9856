//! HTTPS by the server itself, for an installation without a proxy. The certificate is read again on SIGHUP.
//!
//! **Invariant:** a certificate that cannot be read leaves the one in use in place.

use std::net::SocketAddr;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, OrFail};
use crate::serve::config::Pair;

/// How long requests under way may take once the service stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Where a certificate is, and as it was read.
pub(crate) type Certified = (Pair, RustlsConfig);

/// Reads the certificate and its key.
///
/// # Errors
/// [`Failure::Input`] with the file's name: before anything is served.
pub(crate) async fn certificate(pair: &Pair) -> Result<RustlsConfig, Failure> {
    let read = RustlsConfig::from_pem_file(&pair.certificate, &pair.key).await;
    read.or_wrong_input(format_args!("tls: {} and {}", pair.certificate.display(), pair.key.display()))
}

/// Serves `router` until `shutdown`; reads the certificate again on every SIGHUP.
pub(crate) async fn serve(
    listener: TcpListener,
    router: axum::Router,
    (pair, certificate): Certified,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let handle = Handle::<SocketAddr>::new();
    let stopping = handle.clone();
    let server = from_tcp_rustls(listener.into_std()?, certificate.clone())?
        .handle(handle)
        .serve(router.into_make_service_with_connect_info::<SocketAddr>());
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::pin!(server);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            ended = &mut server => return ended,
            () = &mut shutdown => break,
            _ = hung_up.recv() => reload(&pair, &certificate).await,
        }
    }
    stopping.graceful_shutdown(Some(LAST_REQUESTS));
    server.await
}

async fn reload(pair: &Pair, certificate: &RustlsConfig) {
    match certificate.reload_from_pem_file(&pair.certificate, &pair.key).await {
        Ok(()) => tracing::info!("the certificate for HTTPS was read again"),
        Err(error) => {
            tracing::error!(%error, "the certificate for HTTPS cannot be read; the one before stays in use")
        }
    }
}
