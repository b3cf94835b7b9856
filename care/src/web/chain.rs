//! The chain's health by itself, for a header that refreshes without its page.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::AppState;
use super::failure::Failure;
use super::frame::Frame;
use super::visit::StaffVisit;

#[derive(Deserialize)]
pub(crate) struct Which {
    /// Present for the bar across the page instead of the line in the header.
    bar: Option<String>,
}

#[derive(Template)]
#[template(path = "layout/chain.html")]
struct Line {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "layout/chain_bar.html")]
struct Bar {
    frame: Frame,
}

/// `GET /chain`: a fragment of the header.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Query(which): Query<Which>,
) -> Result<Html<String>, Failure> {
    let frame = Frame::of(&state, &visit, "", String::new());
    let html = if which.bar.is_some() { Bar { frame }.render()? } else { Line { frame }.render()? };
    Ok(Html(html))
}
