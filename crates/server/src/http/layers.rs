//! What every request passes through: an id, a line in the log, a time limit, and the headers that protect pages.

use std::time::Duration;

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    middleware::{self, Next},
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
use tracing::Span;

use super::errors;

/// How long a request may take altogether. Platforms give up sooner.
const LIMIT: Duration = Duration::from_secs(30);

/// Scripts, styles and typefaces are our own files and nothing else, never written into a page; nothing may frame a page
/// or receive its forms. The code editor keeps its styles in a shadow root, where the policy has nothing to forbid.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
                              connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for a page whose form leads to a platform: browsers hold where a form may lead against every redirect that answers
/// it. Where the site itself is on this machine, platforms may be too.
pub(crate) const fn leading_away(transport: Transport) -> &'static str {
    match transport {
        Transport::Https => {
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'"
        }
        Transport::LocalHttp => {
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self' https: http:; base-uri 'none'; frame-ancestors 'none'"
        }
    }
}

/// Whether the site is reached over https.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// It is: cookies are bound to it, browsers are told to keep to it.
    Https,
    /// Plain http, on this machine alone.
    LocalHttp,
}

/// Puts the layers around a router whose state is set.
pub(super) fn around(router: Router, transport: Transport) -> Router {
    let id = HeaderName::from_static("x-request-id");
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(id.clone(), FreshId))
            .layer(
                TraceLayer::new_for_http()
                    .make_span_with(span)
                    .on_request(())
                    .on_response(finished)
                    // A failed response is a response with a status, and is logged as one.
                    .on_failure(()),
            )
            .layer(PropagateRequestIdLayer::new(id))
            .layer(middleware::from_fn(move |request, next| protect(transport, request, next)))
            .layer(CatchPanicLayer::custom(errors::panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, LIMIT)),
    )
}

/// Ids that tell requests apart in the log. They name nothing that is stored.
#[derive(Debug, Clone, Copy)]
struct FreshId;

impl MakeRequestId for FreshId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&format!("{:016x}", rand::random::<u64>())).ok().map(RequestId::new)
    }
}

fn span(request: &Request) -> Span {
    // The route and never the path: paths hold secrets of webhooks and sign-in links. Queries are left out too.
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
    let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
    // A caller may send an id of its own: keep what is short and plain.
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    tracing::info_span!("http.request", method = %request.method(), route, request_id = %id)
}

fn finished<B>(response: &Response<B>, latency: Duration, span: &Span) {
    let _guard = span.enter();
    let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    if response.status().is_server_error() {
        tracing::error!(status, duration_ms, "answered");
    } else {
        tracing::info!(status, duration_ms, "answered");
    }
}

async fn protect(transport: Transport, request: Request, next: Next) -> axum::response::Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A page whose form leads to a platform says so for itself.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CONTENT_POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if transport == Transport::Https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Pages are for one person; assets say for themselves how long they last.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
