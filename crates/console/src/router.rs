//! Which path is what.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::access::guard;
use crate::console::Console;
use crate::{api, assets, headers, live, metrics, pages, serving};

/// Bytes of a request's body: a plan to rehearse, or a note.
const MOST: usize = 256 * 1024;

/// The console as a service. It needs to know who its peer is:
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", get(pages::overview))
        .route("/accounts", get(pages::accounts))
        .route("/accounts.csv", get(pages::accounts_csv))
        .route("/account", get(pages::account))
        .route("/account/note", post(pages::note))
        .route("/plan", get(pages::plan))
        .route("/plan/hold", post(pages::hold))
        .route("/plan/resume", post(pages::resume))
        .route("/clients", get(pages::clients))
        .route("/rehearse", get(pages::rehearse).post(pages::draft))
        .route("/login", get(pages::login_form).post(pages::login))
        .route("/logout", post(pages::logout))
        .route("/live", get(live::live))
        .route("/metrics", get(metrics::metrics))
        .route("/assets/{name}", get(assets::asset))
        .nest("/api/v1", api::router())
        .fallback(pages::missing)
        .layer(DefaultBodyLimit::max(MOST))
        .layer(from_fn_with_state(console.clone(), guard))
        .layer(from_fn(headers::add))
        .with_state(console)
}

/// Serves on a listener that is bound, until `stop` is ready. What is under way ends with it: a feed has no end of its
/// own.
pub async fn serve(
    listener: TcpListener,
    console: Arc<Console>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    // The first page should not wait for it.
    let first = console.clone();
    tokio::spawn(async move { first.keeper.picture().await.map(drop) });
    tokio::select! {
        () = serving::accept(listener, router(console.clone()), console) => {}
        () = stop => {}
    }
}
