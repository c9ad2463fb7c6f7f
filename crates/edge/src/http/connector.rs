//! Connections to upstreams: name, TCP and TLS together under one deadline.
//!
//! hyper's connector bounds TCP alone. An upstream that takes the connection and never finishes its handshake would
//! hold a request, and a descriptor, for as long as it likes.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use s2n_tls::config::Config;
use s2n_tls_hyper::connector::HttpsConnector;
use tokio::time::timeout;
use tower_service::Service;

use crate::tls::policy::Serving;

/// Connects over `http` and `https`.
pub(super) type Connector = Timed<HttpsConnector<HttpConnector>>;

/// A connector that connects within `limit` or not at all.
pub(super) fn connector(limit: Duration) -> Result<Connector, s2n_tls::error::Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    // Shared out among a name's addresses, so that one that does not answer leaves time for the next.
    http.set_connect_timeout(Some(limit));
    let mut tls = Config::builder();
    tls.set_security_policy(Serving::Modern.policy())?;
    // Or a request waits 10 to 30 seconds to hear that its upstream's certificate is not trusted.
    tls.set_max_blinding_delay(0)?;
    let mut https = HttpsConnector::builder_with_http(http, tls.build()?);
    https.with_plaintext_http(true);
    Ok(Timed {
        connector: https.build(),
        limit,
    })
}

/// A connector under a deadline.
#[derive(Clone)]
pub(super) struct Timed<C> {
    connector: C,
    limit: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.connector.call(to);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(format!(
                    "no connection, TLS included, within {limit:?} (limits.upstream_connect)"
                )
                .into()),
            }
        })
    }
}
