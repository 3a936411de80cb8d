//! The page on which somebody says who they are and lets the app in, or does not.

use std::{collections::BTreeSet, fmt::Write as _};

use axum::{
    extract::{Form, Query, State},
    http::StatusCode,
    response::{Html, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    super::{Fake, state::World},
    Wish,
};

/// What the app asks for in the address; the form sends it back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct Request {
    client_id: String,
    scope: String,
    user_scope: String,
    redirect_uri: String,
    state: String,
    nonce: Option<String>,
    team: String,
    response_type: String,
    /// `<team>/<user>` of who goes on; nobody when the request is turned down.
    #[serde(rename = "continue")]
    go_on: Option<String>,
}

impl Request {
    fn scopes(list: &str) -> BTreeSet<String> {
        list.split([',', ' ']).map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
    }

    /// An identity is asked for under an address of its own.
    fn is_identity(&self) -> bool {
        self.response_type == "code"
    }

    /// What Slack's page would complain about.
    fn problem(&self, world: &World) -> Option<String> {
        let seed = &world.app.seed;
        if self.client_id != seed.client_id {
            return Some("Invalid client_id parameter".to_owned());
        }
        let listed = |allowed: &Vec<String>| allowed.iter().any(|url| self.redirect_uri.starts_with(url.as_str()));
        let is_address = self.redirect_uri.starts_with("http://") || self.redirect_uri.starts_with("https://");
        if !is_address || !seed.redirect_urls.as_ref().is_none_or(listed) {
            return Some(format!("redirect_uri did not match any configured URIs. Passed URI: {}", self.redirect_uri));
        }
        if self.scope.is_empty() && self.user_scope.is_empty() {
            return Some("No scopes requested".to_owned());
        }
        if self.is_identity() && !Self::scopes(&self.scope).contains("openid") {
            return Some("Invalid permissions requested".to_owned());
        }
        None
    }

    fn back(&self, answer: &[(&str, &str)]) -> Response {
        let Ok(mut url) = url::Url::parse(&self.redirect_uri) else {
            return complaint("redirect_uri is not an address");
        };
        url.query_pairs_mut().extend_pairs(answer).append_pair("state", &self.state);
        Redirect::to(url.as_str()).into_response()
    }
}

/// Shows the page.
pub(in super::super) async fn ask(State(fake): State<Fake>, Query(request): Query<Request>) -> Response {
    fake.shared.with(|world| match request.problem(world) {
        Some(problem) => complaint(&problem),
        None => Html(page(world, &request)).into_response(),
    })
}

/// Takes the decision and sends the browser back.
pub(in super::super) async fn decide(State(fake): State<Fake>, Form(request): Form<Request>) -> Response {
    let code = fake.shared.with(|world| {
        if let Some(problem) = request.problem(world) {
            return Err(problem);
        }
        let Some(who) = &request.go_on else { return Ok(None) };
        let (team, user) = who.split_once('/').unwrap_or_default();
        let found = world.teams.values().find(|known| known.id.as_str() == team);
        let found = found.and_then(|team| {
            let user = team.find_user(user).filter(|user| !user.is_bot && !user.deleted)?;
            Some((team.id.clone(), user.id.clone()))
        });
        let Some((team, user)) = found else { return Err("Nobody of this name can go on".to_owned()) };
        let scopes = Request::scopes(&request.scope);
        let wish = if request.is_identity() {
            Wish::Identity { scopes, nonce: request.nonce.clone().filter(|nonce| !nonce.is_empty()) }
        } else {
            Wish::Install { bot: scopes, person: Request::scopes(&request.user_scope) }
        };
        Ok(Some(world.issue(request.redirect_uri.clone(), team, user, wish)))
    });
    match code {
        Ok(Some(code)) => request.back(&[("code", &code)]),
        Ok(None) => request.back(&[("error", "access_denied")]),
        Err(problem) => complaint(&problem),
    }
}

fn complaint(what: &str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Something went wrong | Slack</title></head>\
         <body><main><h1>Something went wrong</h1><p>{}</p></main></body></html>",
        escape(what)
    );
    (StatusCode::BAD_REQUEST, Html(body)).into_response()
}

fn page(world: &World, request: &Request) -> String {
    let app = escape(&world.app.seed.name);
    let title = if request.is_identity() {
        format!("Sign in to {app} with Slack")
    } else {
        format!("{app} is requesting permission to access a Slack workspace")
    };
    let mut body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} | Slack</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;margin:0;background:#fff;color:#1d1c1d}}\
         main{{max-width:34rem;margin:2rem auto;padding:0 1rem}}h1{{font-size:1.5rem;line-height:1.25}}\
         fieldset{{border:1px solid #ccc;border-radius:8px;margin:1rem 0;padding:.5rem 1rem 1rem}}\
         button{{display:block;width:100%;min-height:44px;margin:.5rem 0 0;padding:.5rem 1rem;font:inherit;\
         text-align:left;border:1px solid #5c5b5d;border-radius:6px;background:#fff;color:#1d1c1d;cursor:pointer}}\
         button.no{{text-align:center}}</style></head><body><main><h1>{title}</h1>\
         <p>This is a stand-in for Slack. Choose who you are.</p>"
    );
    for (heading, list) in [("The app itself may", &request.scope), ("The app may, as you", &request.user_scope)] {
        let scopes = Request::scopes(list);
        if !scopes.is_empty() && !request.is_identity() {
            let items: String = scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escape(scope))).collect();
            // Writing to a string cannot fail.
            let _written = write!(
                body,
                "<details><summary>{heading} ({} permissions)</summary><ul>{items}</ul></details>",
                scopes.len()
            );
        }
    }
    body.push_str("<form method=\"post\">");
    for (name, value) in [
        ("client_id", &request.client_id),
        ("scope", &request.scope),
        ("user_scope", &request.user_scope),
        ("redirect_uri", &request.redirect_uri),
        ("state", &request.state),
        ("nonce", &request.nonce.clone().unwrap_or_default()),
        ("response_type", &request.response_type),
    ] {
        let _written = write!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    for team in world.teams.values().filter(|team| request.team.is_empty() || team.id.as_str() == request.team) {
        let _written = write!(body, "<fieldset><legend>{}</legend>", escape(&team.name));
        for user in team.users.values().filter(|user| !user.is_bot && !user.deleted) {
            let role = if user.is_owner {
                " (owner)"
            } else if user.is_admin {
                " (admin)"
            } else {
                ""
            };
            let _written = write!(
                body,
                "<button type=\"submit\" name=\"continue\" value=\"{}/{}\">Continue as {}{role}</button>",
                escape(team.id.as_str()),
                escape(user.id.as_str()),
                escape(&user.real_name),
            );
        }
        body.push_str("</fieldset>");
    }
    body.push_str("<button type=\"submit\" class=\"no\">Deny</button></form></main></body></html>");
    body
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
