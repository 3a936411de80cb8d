//! Webhooks: raw bytes and headers in, the engine's answer out. Nothing is parsed here, and a refusal leaves no trace in
//! the database.

use axum::{
    Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use policykit_engine::ReceiveError;
use policykit_platforms::platform::{RawRequest, Reject};

use super::{
    AppState,
    errors::{Problem, nowhere},
};

/// The largest delivery taken, in bytes. Platforms stay far below.
pub(super) const LARGEST: usize = 1024 * 1024;

/// The routes under `/api/hooks`.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/hooks/{platform}", post(app_wide))
        .route("/api/hooks/{platform}/{secret}", post(per_installation))
        .layer(DefaultBodyLimit::max(LARGEST))
        .method_not_allowed_fallback(only_post)
}

async fn only_post() -> Response {
    let mut response = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "webhooks are delivered with POST",
        "send the delivery with POST; there is nothing to look at here",
    )
    .into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

async fn app_wide(
    State(app): State<AppState>,
    platform: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Path(platform)) = platform else { return nowhere() };
    take(&app, &platform, None, &headers, body).await
}

async fn per_installation(
    State(app): State<AppState>,
    names: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Path((platform, at))) = names else { return nowhere() };
    take(&app, &platform, Some(&at), &headers, body).await
}

async fn take(
    app: &AppState,
    platform: &str,
    at: Option<&str>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection).into_response(),
    };
    // Header names are lower case already; a value that is no text cannot be one we look for.
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let request = RawRequest { headers: &headers, body: &body, at, home: None };
    match app.engine().receive(platform, request).await {
        Ok(answer) => {
            ([(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type))], answer.body).into_response()
        }
        Err(error) => refuse(platform, &error),
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {LARGEST} bytes"),
            "send deliveries one by one; no platform sends larger ones",
        )
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "the body could not be read to its end", "send the delivery again")
    }
}

fn refuse(platform: &str, error: &ReceiveError) -> Response {
    let (status, remedy) = match error {
        ReceiveError::UnknownPlatform(_) => {
            (StatusCode::NOT_FOUND, "check the address; `policykit platforms` lists the integrations there are")
        }
        ReceiveError::NoSuchAddress(_) => {
            (StatusCode::NOT_FOUND, "take what follows the platform's name off the address")
        }
        ReceiveError::UnknownInstallation(_) => {
            (StatusCode::NOT_FOUND, "install the community with `policykit install`, or take the app off it")
        }
        ReceiveError::Rejected(Reject::Unauthenticated(_)) => (
            StatusCode::UNAUTHORIZED,
            "check that the signing secret in the configuration is the platform's, and that both clocks are right",
        ),
        ReceiveError::Rejected(Reject::Malformed(_)) => {
            (StatusCode::BAD_REQUEST, "send what the platform documents; nothing was kept")
        }
        ReceiveError::Rejected(Reject::ContentType(_)) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the content type that the platform documents")
        }
        ReceiveError::Rejected(Reject::NotConfigured(_)) => {
            (StatusCode::NOT_FOUND, "add the platform's section to the configuration and start the server again")
        }
        ReceiveError::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "send the delivery again; it was not kept"),
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(platform, error = %chain(error), "a delivery could not be written down");
    } else {
        tracing::warn!(platform, status = status.as_u16(), %error, "a delivery was turned away");
    }
    let mut response = Problem::new(status, error.to_string(), remedy).into_response();
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        // RFC 9110 wants a challenge with every 401; there is no scheme but the platform's own.
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Signature"));
        }
        _ => {}
    }
    response
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
