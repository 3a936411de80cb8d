//! The style sheet and the sign, inside the binary, under names that change with their content.

use std::sync::LazyLock;

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use sha2::{Digest, Sha256};

const CSS: &str = include_str!("../../assets/policykit.css");
const MARK: &str = include_str!("../../assets/mark.svg");

static CSS_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/policykit-{}.css", digest(CSS)));
static MARK_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/mark-{}.svg", digest(MARK)));

fn digest(content: &str) -> String {
    // 64 bits are plenty to tell versions apart; the name is no secret.
    hex::encode(Sha256::digest(content)).chars().take(16).collect()
}

/// Address of the style sheet, for pages that others bring along.
#[cfg(feature = "demo")]
pub(crate) fn stylesheet() -> &'static str {
    &CSS_PATH
}

/// Address of the sign, for pages that others bring along.
#[cfg(feature = "demo")]
pub(crate) fn mark() -> &'static str {
    &MARK_PATH
}

/// What every page needs around its content.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chrome {
    csrf: Option<String>,
}

impl Chrome {
    /// For a visitor who is signed in, with the token of their forms.
    pub(crate) const fn signed_in(csrf: String) -> Self {
        Self { csrf: Some(csrf) }
    }

    /// Address of the style sheet.
    #[expect(clippy::unused_self, reason = "templates call it on what they are given")]
    pub(crate) fn css(&self) -> &'static str {
        &CSS_PATH
    }

    /// Address of the sign.
    #[expect(clippy::unused_self, reason = "templates call it on what they are given")]
    pub(crate) fn mark(&self) -> &'static str {
        &MARK_PATH
    }

    /// The token of this visitor's forms, when signed in.
    pub(crate) fn csrf(&self) -> Option<&str> {
        self.csrf.as_deref()
    }
}

/// The routes of the assets. They never change, so they may be kept for ever.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(&CSS_PATH, get(|| async { asset("text/css; charset=utf-8", CSS) }))
        .route(&MARK_PATH, get(|| async { asset("image/svg+xml", MARK) }))
}

fn asset(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        ],
        content,
    )
}
