//! The visitor's own page: where they are signed in, and signing out, here or everywhere.

use std::time::Duration;

use askama::Template;
use axum::{
    extract::State,
    response::{Redirect, Response},
};
use policykit_store::SessionRow;
use serde::Deserialize;

use super::{
    login::{Door, doors, has_several_communities},
    words::{Moment, moment},
};
use crate::http::{
    AppState,
    auth::{Posted, Signed, Viewer, session_cookie},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "you.html")]
struct YouPage {
    chrome: Chrome,
    name: String,
    standing: String,
    roles: Vec<String>,
    sessions: Vec<SessionView>,
    /// Where else they may belong: the platforms that ask to which community they want.
    elsewhere: Vec<Door>,
}

/// One session.
#[derive(Debug, Clone)]
struct SessionView {
    key: String,
    browser: String,
    here: bool,
    opened: Moment,
    seen: Moment,
    ends: Moment,
}

/// `GET /main/you`.
pub(super) async fn you(State(app): State<AppState>, viewer: Viewer) -> Result<Response, PageError> {
    let sessions = app.engine().db().system().sessions(viewer.whose(), app.engine().now()).await?;
    let own = viewer.session().hash();
    let standing = match &viewer {
        Viewer::Operator(_) => {
            "You run this server: you see everything of every community, and are member of none.".to_owned()
        }
        Viewer::Member(member) => format!("You are a member of {}.", member.community_name),
    };
    let roles = viewer.member().map(|m| m.roles.iter().map(|(_, name)| name.clone()).collect()).unwrap_or_default();
    let several = has_several_communities(&app).await?;
    Ok(page(&YouPage {
        elsewhere: if several && !viewer.is_operator() { doors(&app).await } else { Vec::new() },
        chrome: viewer.chrome(),
        name: viewer.name().to_owned(),
        standing,
        roles,
        sessions: sessions.iter().map(|row| session(row, &own)).collect(),
    }))
}

fn session(row: &SessionRow, own: &[u8]) -> SessionView {
    SessionView {
        key: hex::encode(&row.hash),
        browser: browser(&row.agent),
        here: row.hash == own,
        opened: moment(row.created_at),
        seen: moment(row.seen_at),
        ends: moment(row.expires_at),
    }
}

/// A browser in two words, as far as it can be told from what it says about itself.
fn browser(agent: &str) -> String {
    // Most name others too, for the sake of old sites; the more particular name goes first.
    let program = [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (find(&program), find(&system)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "A browser that does not say what it is".to_owned(),
    }
}

/// Which session to end.
#[derive(Debug, Deserialize)]
pub(super) struct End {
    session: String,
}

/// `POST /main/you/sessions/end`: ends one of the visitor's own sessions.
pub(super) async fn end_session(
    State(app): State<AppState>,
    viewer: Viewer,
    Posted(End { session }): Posted<End>,
) -> Result<Response, PageError> {
    let hash = hex::decode(session).map_err(|_| PageError::NotFound)?;
    if !app.engine().db().system().close_session_of(viewer.whose(), &hash).await? {
        return Err(PageError::NotFound);
    }
    if hash == viewer.session().hash() {
        return session_cookie(Redirect::to("/login"), app.transport(), "", Duration::ZERO);
    }
    Ok(axum::response::IntoResponse::into_response(Redirect::to("/main/you")))
}

/// `POST /main/you/sessions/end-all`: signs the visitor out everywhere.
pub(super) async fn end_all(
    State(app): State<AppState>,
    viewer: Viewer,
    Posted(Signed {}): Posted<Signed>,
) -> Result<Response, PageError> {
    let ended = app.engine().db().system().close_sessions(viewer.whose()).await?;
    tracing::info!(ended, "signed out everywhere");
    session_cookie(Redirect::to("/login"), app.transport(), "", Duration::ZERO)
}

/// `POST /logout`: signs the visitor out here.
pub(super) async fn sign_out(
    State(app): State<AppState>,
    viewer: Viewer,
    Posted(Signed {}): Posted<Signed>,
) -> Result<Response, PageError> {
    app.engine().db().system().close_session(&viewer.session().hash()).await?;
    session_cookie(Redirect::to("/login"), app.transport(), "", Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_their_most_particular_name() {
        let edge =
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1.0 Safari/537.36 Edg/1.0";
        assert_eq!(browser(edge), "Edge on Windows");
        assert_eq!(browser("Mozilla/5.0 (X11; Linux x86_64; rv:1) Gecko/20100101 Firefox/1.0"), "Firefox on Linux");
        assert_eq!(browser(""), "A browser that does not say what it is");
    }
}
