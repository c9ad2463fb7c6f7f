//! The same as data, under `/api/v1`. `openapi.json` describes it.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header;
use report::replay::Replay;

use crate::console::Console;
use crate::fault::Fault;
use crate::pages;
use crate::view::account::Account;
use crate::view::accounts::{Accounts, Asked};
use crate::view::clients::Clients;
use crate::view::overview::Overview;
use crate::view::plan::PlanView;
use crate::view::rehearse;

pub(crate) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/overview", get(overview))
        .route("/accounts", get(accounts))
        .route("/accounts.csv", get(pages::accounts_csv))
        .route("/account", get(account))
        .route("/plan", get(plan))
        .route("/clients", get(clients))
        .route("/rehearse", get(rehearse))
        .route("/openapi.json", get(openapi))
}

async fn overview(State(console): State<Arc<Console>>) -> Result<Json<Overview>, Fault> {
    let picture = console.keeper.picture().await?;
    let view = Overview::new(&picture, console.marked.as_ref(), console.clock.now());
    Ok(Json(view))
}

async fn accounts(
    State(console): State<Arc<Console>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Accounts>, Fault> {
    let (_, view) = pages::found_accounts(&console, asked).await?;
    Ok(Json(view))
}

async fn account(
    State(console): State<Arc<Console>>,
    Query(asked): Query<pages::AskedAccount>,
) -> Result<Json<Account>, Fault> {
    let (_, view) = pages::found_account(&console, asked.id).await?;
    Ok(Json(view))
}

async fn plan(State(console): State<Arc<Console>>) -> Result<Json<PlanView>, Fault> {
    let (_, view) = pages::found_plan(&console).await?;
    Ok(Json(view))
}

async fn clients(State(console): State<Arc<Console>>) -> Result<Json<Arc<Clients>>, Fault> {
    let (_, view) = pages::found_clients(&console).await?;
    Ok(Json(view))
}

async fn rehearse(
    State(console): State<Arc<Console>>,
    Query(asked): Query<rehearse::Asked>,
) -> Result<Json<Replay>, Fault> {
    if asked.is_empty() {
        return Err(Fault::bad("Name a floor: /api/v1/rehearse?floor=pq"));
    }
    let picture = console.keeper.picture().await?;
    let replay = pages::found_rehearsal(&console, picture, asked).await?;
    Ok(Json(replay))
}

async fn openapi() -> Response {
    const DESCRIPTION: &str = include_str!("api/openapi.json");
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
