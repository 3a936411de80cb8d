//! Where everybody comes in: members with the account they have, administrators with a new community, operators with a
//! link.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::descriptor::PlatformDescriptor;
use policykit_engine::SetOut;
use policykit_platforms::platform::Journey;
use serde::Deserialize;

use crate::http::{
    AppState,
    auth::{Note, Viewer, may_register, read_note},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "login.html")]
struct LoginPage {
    chrome: Chrome,
    note: Option<Note>,
    doors: Vec<Door>,
    /// Whether there are several communities to belong to.
    several: bool,
    installs: bool,
    returns: Vec<Door>,
    /// Where an installation was cut short.
    unfinished: Vec<Door>,
    home: Option<String>,
    next: Option<String>,
}

/// A platform that people can come from.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    asks: Option<String>,
}

/// What the address says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    note: Option<String>,
    next: Option<String>,
    added: Option<String>,
}

/// `GET /login`.
pub(super) async fn login(
    State(app): State<AppState>,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let note = match &asked.note {
        Some(number) => read_note(&app, &headers, number).await?,
        None => asked.added.as_ref().map(|_| {
            Note::good(
                "Successfully added PolicyKit!",
                "Your community has its first rules. Members sign in below with the account they have.",
            )
        }),
    };
    if viewer.is_some() && note.is_none() {
        return Ok(Redirect::to("/main").into_response());
    }
    let installs = may_register(&app, viewer.as_ref()).await?;
    let doors = doors(&app).await;
    // Whoever may connect any community goes on with it by installing it once more.
    let (returns, unfinished) = if installs {
        (Vec::new(), Vec::new())
    } else {
        let system = app.engine().db().system();
        let removed = system.platforms_with_removed_places().await?;
        (among(&doors, &removed), among(&doors, &system.platforms_with_places_cut_short().await?))
    };
    Ok(page(&LoginPage {
        several: has_several_communities(&app).await?,
        installs,
        returns,
        unfinished,
        home: viewer.as_ref().map(|v| v.community_name().unwrap_or("the communities of this server").to_owned()),
        chrome: viewer.map(|v| v.chrome()).unwrap_or_default(),
        note,
        doors,
        next: asked.next.map(|next| url::form_urlencoded::byte_serialize(next.as_bytes()).collect()),
    }))
}

/// The platforms that this server is set up for.
pub(super) async fn doors(app: &AppState) -> Vec<Door> {
    let visited = app.engine().registry().descriptors().filter(|d| d.is_visited());
    let mut doors = Vec::new();
    for d in visited {
        if missing(app, d.id).await.is_some() {
            continue;
        }
        doors.push(Door {
            id: d.id,
            name: d.name,
            asks: (!d.questions.is_empty()).then(|| "You will be asked which community it is".to_owned()),
        });
    }
    doors
}

/// Whether somebody may belong to more than one community of this server.
pub(super) async fn has_several_communities(app: &AppState) -> Result<bool, PageError> {
    let system = app.engine().db().system();
    Ok(system.only_community().await?.is_none() && system.has_community().await?)
}

/// The doors of these platforms.
fn among(doors: &[Door], platforms: &[String]) -> Vec<Door> {
    doors.iter().filter(|door| platforms.iter().any(|platform| platform == door.id)).cloned().collect()
}

/// What this server lacks before people can come from a platform; `None` when nothing is missing.
pub(super) async fn missing(app: &AppState, platform: &str) -> Option<String> {
    // Where questions come first, no address can be made without answers, and nothing else is needed.
    let is_ready = |d: &PlatformDescriptor| d.is_entered() || !d.questions.is_empty();
    if app.engine().registry().get(platform).is_some_and(|p| is_ready(p.descriptor())) {
        return None;
    }
    let answers = BTreeMap::new();
    let probe = SetOut {
        platform,
        journey: Journey::Install,
        state: "",
        nonce: "",
        redirect_uri: app.base_url(),
        answers: &answers,
    };
    // Nothing is sent: the address is thrown away.
    app.engine().set_out(&probe).await.err().map(|error| error.to_string())
}
