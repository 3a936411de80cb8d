//! Coming back from a platform: what was begun is looked up, and somebody is signed in, welcomed or told why not.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{Redirect, Response},
};
use policykit_core::{
    community::User,
    ids::{ActionId, CommunityId},
    permission,
};
use policykit_engine::{Again, Begun, CameBack, Installed, JourneyError, Outcome, Whereto};
use policykit_store::NewSession;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    super::{
        Token, Viewer,
        cookie::{self, Kind, SESSION_LASTS_MEMBER},
        limit::{Back, Within},
        note::{self, Note},
        session_cookie,
        viewer::agent,
    },
    Aim, Luggage, Params, SETTINGS, explain, in_vain, redirect_uri, register,
};
use crate::http::{AppState, errors::PageError};

/// The way back from a platform that brings nothing by which the journey could be told: the browser kept that.
pub(in crate::http::auth) async fn came_back_to(
    platform: &'static str,
    State(app): State<AppState>,
    within: Within,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    Query(mut params): Params,
) -> Result<Response, PageError> {
    params.remove("state");
    if let Some(state) = cookie::brought(Kind::State, app.transport(), &headers) {
        params.insert("state".to_owned(), state.reveal().to_owned());
    }
    let transport = app.transport();
    let response = back(app, within, platform, viewer, headers, params).await?;
    cookie::with(response, &cookie::set(Kind::State, transport, "", Duration::ZERO))
}

/// `GET /auth/{platform}/callback`.
pub(in crate::http::auth) async fn callback(
    State(app): State<AppState>,
    Back(within): Back,
    Path(platform): Path<String>,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    Query(params): Params,
) -> Result<Response, PageError> {
    // Such a platform has an address of its own, and what comes here is not from there.
    if app.engine().registry().get(&platform).is_some_and(|p| p.descriptor().returns_to.is_some()) {
        return Err(PageError::NotFound);
    }
    back(app, within, &platform, viewer, headers, params).await
}

async fn back(
    app: AppState,
    within: Within,
    platform: &str,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    params: BTreeMap<String, String>,
) -> Result<Response, PageError> {
    let Some(luggage) = unpack(&app, &headers, platform, &params).await? else {
        within.failed(&app);
        // Nothing is kept for the next page: anybody can come here as often as they like.
        return Err(PageError::NoJourney {
            heading: "This was not begun here, or too long ago".to_owned(),
            lede:
                "What came back does not belong to anything that this browser began in the last ten minutes, or it was \
                   used already. Nobody was signed in and nothing was changed."
                    .to_owned(),
            advice: "Start again from the sign-in page.".to_owned(),
        });
    };
    // Whoever began to add an integration may have been signed out, or have lost the permission, meanwhile.
    let to = match luggage.aim {
        Aim::SignIn => Whereto::Anywhere,
        Aim::Connect => {
            register(&app, viewer).await?;
            Whereto::Anywhere
        }
        Aim::Return => Whereto::WhereRemoved,
        Aim::Finish => Whereto::WhereCutShort,
        Aim::Add(into) => {
            let viewer = viewer.ok_or_else(|| PageError::SignedOut { next: Some(SETTINGS.to_owned()) })?;
            let member = viewer.allow(&app, permission::ADD_INTEGRATION, "add integrations").await?;
            if member.community != into {
                return Err(PageError::NotFound);
            }
            Whereto::Into(into, member.user)
        }
    };
    let kept = luggage.kept.map(SecretString::from);
    let back = CameBack {
        platform,
        journey: luggage.aim.journey(),
        params: &params,
        nonce: &luggage.nonce,
        redirect_uri: &redirect_uri(&app, platform),
        kept: kept.as_ref(),
        answers: &luggage.answers,
        to,
    };
    match app.engine().came_back(&back).await {
        Ok(Outcome::SignedIn(user)) => {
            let next = luggage.next.as_deref().unwrap_or("/main");
            enter(&app, &headers, user.community, &user, next).await
        }
        Ok(Outcome::Installed { installed, installer, begun }) => {
            let came = Came { installed: *installed, begun, back_at: luggage.aim.back_at() };
            welcome(&app, &headers, &came, installer).await
        }
        Ok(Outcome::Proposed { written, name }) => {
            let action = ActionId::derive(written, 0);
            tracing::info!(%action, "a further place was proposed");
            let note = Note::good(
                format!("{name} is proposed"),
                "The community decides whether PolicyKit is to be present there. The keys were not kept: when it is \
                 agreed, sign in there once more.",
            );
            // The page says beside it what has come of the proposal, with the way there.
            note::leave(&app, &headers, &format!("{SETTINGS}?proposed={action}"), &note).await
        }
        Err(error) => refused(&app, &headers, platform, luggage.aim, &error).await,
    }
}

async fn unpack(
    app: &AppState,
    headers: &HeaderMap,
    platform: &str,
    params: &BTreeMap<String, String>,
) -> Result<Option<Luggage>, PageError> {
    let browser = cookie::brought(Kind::Journey, app.transport(), headers);
    let state = params.get("state").filter(|state| Token::is_one(state));
    let (Some(browser), Some(state)) = (browser, state) else { return Ok(None) };
    let (hash, now) = (Token::brought(state).hash(), app.engine().now());
    let Some(text) = app.engine().db().system().end_journey(&hash, &browser.hash(), now).await? else {
        return Ok(None);
    };
    let luggage: Option<Luggage> = serde_json::from_str(text.expose_secret()).ok();
    Ok(luggage.filter(|luggage| luggage.platform == platform))
}

/// Opens a session and goes on.
async fn enter(
    app: &AppState,
    headers: &HeaderMap,
    community: CommunityId,
    user: &User,
    next: &str,
) -> Result<Response, PageError> {
    let session = open(app, headers, community, user.id).await?;
    tracing::info!(%community, "a member signed in");
    session_cookie(Redirect::to(next), app.transport(), session.reveal(), SESSION_LASTS_MEMBER)
}

async fn open(
    app: &AppState,
    headers: &HeaderMap,
    community: CommunityId,
    user: policykit_core::ids::UserId,
) -> Result<Token, PageError> {
    // A session that is there already is not taken over: somebody else may know its token. It ends instead, because the
    // browser forgets it and nobody could end it any more.
    let (session, now) = (Token::fresh(), app.engine().now());
    let new = NewSession { hash: session.hash(), now, expires_at: now + SESSION_LASTS_MEMBER, agent: agent(headers) };
    let system = app.engine().db().system();
    system.open_session(community, user, new).await?;
    if let Some(earlier) = cookie::brought(Kind::Session, app.transport(), headers) {
        system.close_session(&earlier.hash()).await?;
    }
    Ok(session)
}

struct Came {
    installed: Installed,
    begun: Begun,
    back_at: &'static str,
}

async fn welcome(
    app: &AppState,
    headers: &HeaderMap,
    came: &Came,
    installer: Option<policykit_core::ids::UserId>,
) -> Result<Response, PageError> {
    let Installed { community, name, people, again, to_do, .. } = &came.installed;
    tracing::info!(%community, ?again, "installed from a browser");
    if came.begun == Begun::No
        && let Some(installer) = installer
    {
        let session = open(app, headers, *community, installer).await?;
        return session_cookie(Redirect::to("/main/kit"), app.transport(), session.reveal(), SESSION_LASTS_MEMBER);
    }
    if let Some(to_do) = to_do {
        let note = Note::bad(format!("{name} is connected, and one thing is left to do"), to_do.clone());
        return note::leave(app, headers, came.back_at, &note).await;
    }
    let note = match again {
        Again::Yes => Note::good(
            format!("{name} is connected"),
            "It was connected before; its keys were renewed. Rules and record are as they were. Where nobody looked \
             after the integrations any more, whoever connects it does from now on.",
        ),
        Again::No => Note::good(
            "Successfully added PolicyKit!",
            format!("{name} has a further place to talk, with {people} people. The rules apply there from now on."),
        ),
    };
    note::leave(app, headers, came.back_at, &note).await
}

/// Says in plain words why nothing came of it.
async fn refused(
    app: &AppState,
    headers: &HeaderMap,
    platform: &str,
    aim: Aim,
    error: &JourneyError,
) -> Result<Response, PageError> {
    if matches!(error, JourneyError::UnknownPlatform(_)) {
        return Err(PageError::NotFound);
    }
    if matches!(error, JourneyError::Store(_) | JourneyError::Install(_)) {
        tracing::error!(platform, error = %error, "a journey came to nothing");
    } else {
        tracing::warn!(platform, error = %error, "a journey came to nothing");
    }
    let note = Note::bad(in_vain(app, platform, aim), explain(error));
    note::leave(app, headers, aim.back_at(), &note).await
}
