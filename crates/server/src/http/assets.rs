//! Style sheet, scripts, typefaces and the sign, inside the binary, under names that change with their content.
//!
//! `build.rs` makes the bundle. Without npm there is only the style sheet, and pages do without scripts.

use std::sync::LazyLock;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use sha2::{Digest, Sha256};

mod bundle {
    include!(concat!(env!("OUT_DIR"), "/bundle.rs"));
}

const MARK: &str = include_str!("../../assets/mark.svg");

static MARK_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/mark-{}.svg", digest(MARK)));

fn digest(content: &str) -> String {
    // 64 bits are plenty to tell versions apart; the name is no secret.
    hex::encode(Sha256::digest(content)).chars().take(16).collect()
}

/// Address of the style sheet.
pub(crate) const fn stylesheet() -> &'static str {
    bundle::STYLE
}

/// Address of the script that every page loads, when there is one.
pub(crate) const fn script() -> Option<&'static str> {
    bundle::APP
}

/// Address of the sign.
pub(crate) fn mark() -> &'static str {
    &MARK_PATH
}

/// The routes of the assets. They never change, so they may be kept for ever.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let sign = get(|| async { asset("image/svg+xml", MARK.as_bytes()) });
    bundle::FILES.iter().fold(Router::new().route(mark(), sign), |router, &(path, content)| {
        let kind = content_type(path);
        router.route(path, get(move || async move { asset(kind, content) }))
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn asset(content_type: &'static str, content: &'static [u8]) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        ],
        content,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_pages_ask_for_is_in_the_bundle() {
        let there = |path: &str| bundle::FILES.iter().any(|(name, content)| *name == path && !content.is_empty());
        assert!(there(stylesheet()));
        assert!(script().is_none_or(there));
        assert_eq!(script().is_some(), cfg!(whole_bundle));
    }

    #[test]
    fn the_style_sheet_keeps_the_order_of_its_layers_and_asks_nobody_else() {
        let (_, sheet) = bundle::FILES.iter().find(|(name, _)| *name == stylesheet()).expect("the style sheet");
        let sheet = String::from_utf8_lossy(sheet);
        let order = sheet.find("@layer reset").expect("the order of the layers");
        assert!(sheet.find("@layer tokens").is_none_or(|at| at > order));
        assert!(sheet.contains("--paper"));
        assert!(!sheet.contains("http:") && !sheet.contains("https:"), "nothing is fetched from elsewhere");
    }
}
