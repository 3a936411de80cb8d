//! The operator's first steps: what is configured, what is missing, and how the first community is connected.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use policykit_core::descriptor::Webhook;
use url::Url;

use super::{login::missing, words::count};
use crate::{
    config::{Registration, is_here, variable},
    http::{
        AppState,
        auth::{Operator, Viewer, redirect_uri},
        chrome::Chrome,
        errors::{PageError, page},
    },
    records,
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "setup.html")]
struct SetupPage {
    chrome: Chrome,
    base_url: String,
    address: Step,
    platforms: Vec<PlatformView>,
    communities: Step,
    by_whom: &'static str,
    installs: bool,
}

/// A step and how it stands.
#[derive(Debug, Clone)]
struct Step {
    done: bool,
    heading: String,
    text: String,
}

/// A platform and what it needs.
#[derive(Debug, Clone)]
struct PlatformView {
    id: &'static str,
    name: &'static str,
    missing: Option<String>,
    settings: Vec<String>,
    redirect: String,
    webhook: Option<String>,
    by_key: bool,
}

/// `GET /main/setup`.
pub(super) async fn setup(
    State(app): State<AppState>,
    operator: Operator,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let communities = records::communities(app.engine().db()).await?.len();
    let base = app.base_url();
    let registration = app.registration();
    Ok(page(&SetupPage {
        base_url: base.to_owned(),
        address: address(base, headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or_default()),
        platforms: platforms(&app).await,
        by_whom: by_whom(registration, communities),
        installs: registration != Registration::Closed,
        communities: if communities == 0 {
            Step {
                done: false,
                heading: "No community is connected yet".to_owned(),
                text:
                    "Somebody who administers it opens the sign-in page of this server and chooses to install. It need \
                       not be you."
                        .to_owned(),
            }
        } else {
            Step {
                done: true,
                heading: format!("{} connected", count(communities, "community is", "communities are")),
                text: "Further ones can be connected at any time.".to_owned(),
            }
        },
        chrome: Viewer::Operator(operator).chrome(),
    }))
}

/// Who can connect a community from a browser.
const fn by_whom(registration: Registration, communities: usize) -> &'static str {
    match (registration, communities) {
        (Registration::Open, _) => {
            "Send the address of the sign-in page to whoever administers the community. Anybody who administers one can \
             connect it; “registration” in the configuration can leave that to you."
        }
        (Registration::Operator, 0) => {
            "Send the address of the sign-in page to whoever administers the community. As soon as there is one, only you \
             can connect others, here; “registration” in the configuration can open it to everybody."
        }
        (Registration::Operator, _) => {
            "Only you can connect others, here or with “policykit install”; “registration” in the configuration can open it \
             to everybody."
        }
        (Registration::Closed, _) => {
            "No community can be connected from a browser, only with “policykit install”: “registration” in the \
             configuration is “closed”."
        }
    }
}

/// Whether people and platforms can reach the server under the address it gives them.
fn address(base: &str, host: &str) -> Step {
    let url = Url::parse(base).ok();
    let authority = url.as_ref().map(|url| url.authority().to_owned()).unwrap_or_default();
    if url.as_ref().is_none_or(is_here) {
        return Step {
            done: false,
            heading: "Only this machine can reach the server".to_owned(),
            text: format!(
                "It gives out the address {base}. Platforms on the internet cannot deliver there. Set “public_url” to the \
                 https address under which this server is reached, and start it again. For a try on this machine it is fine \
                 as it is."
            ),
        };
    }
    if !host.eq_ignore_ascii_case(&authority) {
        return Step {
            done: false,
            heading: "You came by another address than the one that is given out".to_owned(),
            text: format!(
                "You are at {host}, and the server gives out {base}. Signing in works under the second only. Open that, or \
                 correct “public_url”."
            ),
        };
    }
    Step {
        done: true,
        heading: "The public address works".to_owned(),
        text: format!("You have reached this page by it: {base}."),
    }
}

async fn platforms(app: &AppState) -> Vec<PlatformView> {
    let base = app.base_url();
    let mut all = Vec::new();
    for d in app.engine().registry().descriptors() {
        all.push(PlatformView {
            id: d.id,
            name: d.name,
            missing: missing(app, d.id).await,
            settings: ["client_id", "client_secret", "signing_secret"]
                .iter()
                .map(|name| variable(&format!("platforms.{}.{name}", d.id)))
                .collect(),
            redirect: redirect_uri(app, d.id),
            webhook: (d.webhook == Webhook::AppWide).then(|| format!("{base}/api/hooks/{}", d.id)),
            by_key: d.is_entered() || !d.questions.is_empty(),
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_checked_against_the_one_by_which_the_page_was_reached() {
        assert!(!address("http://127.0.0.1:8080", "127.0.0.1:8080").done);
        assert!(address("https://pk.example.org", "pk.example.org").done);
        assert!(address("https://pk.example.org", "PK.example.org").done);
        let other = address("https://pk.example.org", "10.0.0.7:8080");
        assert!(!other.done && other.text.contains("10.0.0.7:8080"), "{other:?}");
    }
}
