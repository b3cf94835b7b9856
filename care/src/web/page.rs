//! Sending a page: drawn whole or not at all, and kept by no cache.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::failure::Failure;

/// Draws `template` with status 200.
///
/// # Errors
/// [`Failure::Broken`] when it cannot be drawn.
pub(crate) fn draw(template: &impl Template) -> Result<Response, Failure> {
    draw_as(StatusCode::OK, template)
}

/// Draws `template` with a status that says how the request went: a form shown again, an act that came too late.
///
/// # Errors
/// [`Failure::Broken`] when it cannot be drawn.
pub(crate) fn draw_as(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    let html = Html(template.render()?);
    Ok((status, [(header::CACHE_CONTROL, "no-store")], html).into_response())
}

/// The way to `next` if it is an address of ours, else to `home`.
pub(crate) fn onward(next: Option<&str>, home: &str) -> Redirect {
    Redirect::to(next.filter(|next| is_ours(next)).unwrap_or(home))
}

/// Whether `address` is a path on this site: one slash, and nothing a browser would read as another host.
pub(crate) fn is_ours(address: &str) -> bool {
    address.starts_with('/')
        && !address.starts_with("//")
        && address.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\')
}

/// Whether a script of ours asks for a part of the page only.
pub(crate) fn wants_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("x-fragment")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each address from the lists of open-redirect tricks that browsers fall for (OWASP, unvalidated redirects).
    #[test]
    fn only_paths_of_ours_are_followed() {
        for good in ["/", "/worklist?filter=unit", "/tasks/t-1#talk"] {
            assert!(is_ours(good), "{good}");
        }
        for bad in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/a b", "/\t/evil"]
        {
            assert!(!is_ours(bad), "{bad:?}");
        }
    }
}
