//! Who is answered: whoever reaches the demo may act as anybody in it, so only the pages that it shows itself reach it.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::http::is_foreign;

/// Answers only requests that name this machine: a page elsewhere that has its own name resolved to this machine is refused.
/// What does something in the demo is taken from its own pages alone: any page of the web can send a browser here.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !is_this_machine(host) {
        return refuse("The demo answers on this machine alone. Open it as http://127.0.0.1 with its port.\n");
    }
    let does_something = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if does_something && request.uri().path().starts_with("/demo") && is_from_elsewhere(host, request.headers()) {
        return refuse("This is done from the page of the demo alone.\n");
    }
    next.run(request).await
}

fn refuse(why: &'static str) -> Response {
    (StatusCode::FORBIDDEN, why).into_response()
}

fn is_this_machine(host: &str) -> bool {
    let port = |(_, port): &(&str, &str)| port.chars().all(|c| c.is_ascii_digit());
    let name = host.rsplit_once(':').filter(port).map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// As browsers say themselves. Those too old for the one header have the other, and the demo's own page lets them say it;
/// what says neither is no browser.
fn is_from_elsewhere(host: &str, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    is_foreign(headers) || origin.is_some_and(|origin| origin != format!("http://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1:8080", "localhost", "localhost:1", "[::1]:8080", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "example.org", "127.0.0.1.example.org:80", "localhost.example.org", "192.168.0.2:8080"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_port_of_this_machine_is_elsewhere_whichever_header_says_so() {
        let from = |headers: &[(&'static str, &str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().expect("a value")));
            is_from_elsewhere("127.0.0.1:8080", &HeaderMap::from_iter(headers))
        };
        assert!(!from(&[]), "no browser");
        assert!(!from(&[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(!from(&[("origin", "http://127.0.0.1:8080")]));
        for origin in ["http://127.0.0.1:9999", "https://evil.example", "null", "http://localhost:8080"] {
            assert!(from(&[("origin", origin)]), "{origin}");
        }
        assert!(from(&[("sec-fetch-site", "cross-site")]));
        assert!(from(&[("sec-fetch-site", "same-site")]));
    }
}
