//! Our own style sheets, scripts and marks, compiled in and served under an address that holds their content's hash.
//!
//! **Invariant:** an address is kept by browsers for a year, so its bytes never change: new bytes, new address.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::failure::Failure;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static ASSETS: &[Asset] = &[
    Asset { name: "app.css", content_type: CSS, bytes: include_bytes!("../../static/app.css") },
    Asset { name: "chart.css", content_type: CSS, bytes: include_bytes!("../../static/chart.css") },
    Asset { name: "me.css", content_type: CSS, bytes: include_bytes!("../../static/me.css") },
    Asset { name: "questions.css", content_type: CSS, bytes: include_bytes!("../../static/questions.css") },
    Asset { name: "patient.css", content_type: CSS, bytes: include_bytes!("../../static/patient.css") },
    Asset { name: "plan.css", content_type: CSS, bytes: include_bytes!("../../static/plan.css") },
    Asset { name: "population.css", content_type: CSS, bytes: include_bytes!("../../static/population.css") },
    Asset { name: "live.js", content_type: SCRIPT, bytes: include_bytes!("../../static/live.js") },
    Asset { name: "worklist.js", content_type: SCRIPT, bytes: include_bytes!("../../static/worklist.js") },
    Asset { name: "questions.js", content_type: SCRIPT, bytes: include_bytes!("../../static/questions.js") },
    Asset { name: "icon.svg", content_type: SVG, bytes: include_bytes!("../../static/icon.svg") },
];

/// One version for all files together, so that a script may import its neighbour by name.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ASSETS {
        hash.update(asset.name);
        hash.update(asset.bytes);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// The address of the file `name`.
pub(crate) fn address(name: &str) -> String {
    format!("/static/{}/{name}", *VERSION)
}

/// `GET /static/{version}/{name}`.
pub(crate) async fn serve(Path((version, name)): Path<(String, String)>) -> Result<Response, Failure> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or(Failure::Missing)?;
    // A page of an older version asks for older bytes: it gets today's, and keeps them no longer than it is open.
    let kept = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, kept)];
    Ok((headers, asset.bytes).into_response())
}
