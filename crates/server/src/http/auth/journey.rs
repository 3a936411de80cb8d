//! To a platform and back: installing PolicyKit, and signing in with the account somebody has there.
//!
//! The state that travels with the browser is worth something once, for ten minutes, and in the browser that set out
//! alone: its hash is stored beside the hash of a cookie of that browser. Everything else stays here, sealed.
//!
//! Where the answer to a question says to which address a browser is sent, it counts only from the form of a page here, in the
//! browser that was shown it. Whoever could send a member's browser to an address of theirs would be connected there as if
//! the member had wanted it: such a place answers at once, and asks nobody.

mod words;

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Form,
    extract::{Path, Query, State, rejection::FormRejection},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::{
    community::User,
    descriptor::PlatformDescriptor,
    ids::{ActionId, CommunityId},
    permission,
};
use policykit_engine::{Again, Begun, CameBack, Installed, JourneyError, Outcome, SetOut, Whereto};
use policykit_platforms::platform::{ArrivalError, Journey};
use policykit_store::{NewJourney, NewSession};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    Token, Viewer,
    cookie::{self, Kind, SESSION_LASTS_MEMBER},
    limit::{Back, Within},
    note::{self, Note},
    operator::is_foreign,
    question, session_cookie,
    viewer::agent,
};
use crate::{
    config::Registration,
    http::{AppState, errors::PageError},
};

pub(crate) use self::words::explain;
use self::words::{in_vain, remedy, sentence};

/// How long a browser may be away.
pub(super) const AWAY: Duration = Duration::from_secs(10 * 60);
/// How much is kept of an answer to a platform's question, in characters.
const ANSWER_CHARS: usize = 200;
/// How long the path may be to which somebody goes on, in bytes.
const NEXT_BYTES: usize = 1_000;
/// Where the settings of integrations are.
const SETTINGS: &str = "/main/settings/integrations";
/// The end of the address to which a platform sends browsers back; its id goes between.
const REDIRECT: &str = "/auth/{platform}/callback";

/// What is to be known when the browser comes back.
#[derive(Debug, Serialize, Deserialize)]
struct Luggage {
    platform: String,
    aim: Aim,
    nonce: String,
    answers: BTreeMap<String, String>,
    kept: Option<String>,
    next: Option<String>,
}

/// What somebody sets out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Aim {
    /// To sign in.
    SignIn,
    /// To connect a community, a new one too.
    Connect,
    /// To connect a place again from which PolicyKit was removed, and nothing else.
    Return,
    /// To go on with a community that was founded and got no further, and nothing else.
    Finish,
    /// To add a place to this community.
    Add(CommunityId),
}

impl Aim {
    const fn journey(self) -> Journey {
        match self {
            Self::SignIn => Journey::SignIn,
            Self::Connect | Self::Return | Self::Finish | Self::Add(_) => Journey::Install,
        }
    }

    /// Where a key can be entered instead of being sent there, by whoever may.
    fn form(self, platform: &PlatformDescriptor) -> Option<String> {
        let adds = matches!(self, Self::Add(_)) && platform.is_entered();
        adds.then(|| format!("{SETTINGS}/add/{}", platform.id))
    }

    /// Where somebody is told that nothing came of it.
    const fn back_at(self) -> &'static str {
        match self {
            Self::Add(_) => SETTINGS,
            Self::SignIn | Self::Connect | Self::Return | Self::Finish => "/login",
        }
    }
}

/// The parameters of an address.
type Params = Query<BTreeMap<String, String>>;

/// The fields of a form.
type Fields = Result<Form<BTreeMap<String, String>>, FormRejection>;

/// How somebody says what they want.
#[derive(Debug)]
enum By {
    /// With an address, which any page may have given them.
    Address,
    /// With a form, which carries this signature.
    Form(Option<String>),
}

impl By {
    /// Whether it was said on a page that was shown in the same browser. Pages of other sites can send forms here, but
    /// browsers send no cookie along with those, and they know no signature.
    fn is_signed(&self, browser: Option<&Token>, headers: &HeaderMap) -> bool {
        let (Self::Form(Some(signature)), Some(browser)) = (self, browser) else { return false };
        Token::is_one(browser.reveal()) && browser.signs(signature) && !is_foreign(headers)
    }
}

/// Reads a form: its signature, and the rest.
fn sent(form: Fields) -> Result<(BTreeMap<String, String>, By), PageError> {
    let Form(mut fields) = form.map_err(|_| PageError::BadForm("it was not sent as a form".to_owned()))?;
    let signature = fields.remove("csrf");
    Ok((fields, By::Form(signature)))
}

/// `GET /auth/{platform}/login`.
pub(super) async fn login(
    State(app): State<AppState>,
    _within: Within,
    Path(platform): Path<String>,
    headers: HeaderMap,
    Query(params): Params,
) -> Result<Response, PageError> {
    sign_in(&app, &headers, &platform, params, By::Address).await
}

/// `POST /auth/{platform}/login`: the form of its question.
pub(super) async fn login_with(
    State(app): State<AppState>,
    _within: Within,
    Path(platform): Path<String>,
    headers: HeaderMap,
    form: Fields,
) -> Result<Response, PageError> {
    let (fields, by) = sent(form)?;
    sign_in(&app, &headers, &platform, fields, by).await
}

async fn sign_in(
    app: &AppState,
    headers: &HeaderMap,
    platform: &str,
    mut answers: BTreeMap<String, String>,
    by: By,
) -> Result<Response, PageError> {
    let next = answers.remove("next").filter(|next| is_path(next) && next.len() <= NEXT_BYTES);
    let again = next.iter().map(|next| ("next", next.clone())).collect();
    depart(app, headers, platform, Aim::SignIn, answers, Setting { next, again, by }).await
}

/// What somebody sets out with besides answers.
struct Setting {
    /// Where they go on afterwards.
    next: Option<String>,
    /// What has to be said once more when a question has to be answered first.
    again: Vec<(&'static str, String)>,
    /// How it was said.
    by: By,
}

/// `GET /auth/{platform}/install`: for a new community, with `add` for the one the visitor looks at, with `again` for a
/// place from which PolicyKit was removed, or with `finish` for a community that was founded and got no further.
pub(super) async fn install(
    State(app): State<AppState>,
    _within: Within,
    Path(platform): Path<String>,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    Query(params): Params,
) -> Result<Response, PageError> {
    connect(&app, &headers, &platform, viewer, params, By::Address).await
}

/// `POST /auth/{platform}/install`: the form of its question.
pub(super) async fn install_with(
    State(app): State<AppState>,
    _within: Within,
    Path(platform): Path<String>,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    form: Fields,
) -> Result<Response, PageError> {
    let (fields, by) = sent(form)?;
    connect(&app, &headers, &platform, viewer, fields, by).await
}

async fn connect(
    app: &AppState,
    headers: &HeaderMap,
    platform: &str,
    viewer: Option<Viewer>,
    mut answers: BTreeMap<String, String>,
    by: By,
) -> Result<Response, PageError> {
    let (again, finish) = (answers.remove("again").is_some(), answers.remove("finish").is_some());
    let add = answers.remove("add");
    let said = [("again", again), ("finish", finish), ("add", add.is_some())];
    let said = said.into_iter().filter(|(_, said)| *said).map(|(name, _)| (name, "1".to_owned())).collect();
    let aim = match (add, viewer) {
        // Whose it was is seen when they come back.
        (None, _) if again => {
            let removed = app.engine().db().system().platforms_with_removed_places().await?;
            only_where(app, platform, Aim::Return, &removed, "PolicyKit was removed from no place")?;
            Aim::Return
        }
        (None, _) if finish => {
            let begun = app.engine().db().system().platforms_with_places_cut_short().await?;
            only_where(app, platform, Aim::Finish, &begun, "No installation was cut short")?;
            Aim::Finish
        }
        (None, viewer) => {
            register(app, viewer).await?;
            Aim::Connect
        }
        (Some(_), None) => return Err(PageError::SignedOut { next: Some(SETTINGS.to_owned()) }),
        (Some(_), Some(viewer)) => {
            let member = viewer.allow(app, permission::ADD_INTEGRATION, "add integrations").await?;
            Aim::Add(member.community)
        }
    };
    depart(app, headers, platform, aim, answers, Setting { next: None, again: said, by }).await
}

/// Whether somebody may connect a new community. What they bring may be known here already, but that is seen only when they
/// come back, so it is asked of everybody who does not say to which community it belongs.
pub(crate) async fn may_register(app: &AppState, viewer: Option<&Viewer>) -> Result<bool, PageError> {
    Ok(match app.registration() {
        Registration::Open => true,
        Registration::Operator => {
            viewer.is_some_and(Viewer::is_operator) || !app.engine().db().system().has_community().await?
        }
        Registration::Closed => false,
    })
}

async fn register(app: &AppState, viewer: Option<Viewer>) -> Result<(), PageError> {
    if may_register(app, viewer.as_ref()).await? {
        return Ok(());
    }
    let chrome = Box::new(viewer.map(|v| v.chrome()).unwrap_or_default());
    Err(PageError::Unregistered { chrome, registration: app.registration() })
}

/// Refuses whoever sets out for something of which there is none on the platform: nothing could come of it, and strangers
/// would be sent there and back for nothing, with something to remember for each.
fn only_where(app: &AppState, platform: &str, aim: Aim, there: &[String], none: &str) -> Result<(), PageError> {
    let Some(known) = app.engine().registry().get(platform) else { return Err(PageError::NotFound) };
    if there.iter().any(|there| there == platform) {
        return Ok(());
    }
    Err(PageError::NoJourney {
        heading: in_vain(app, platform, aim),
        lede: format!("{none} on {} here. Nothing was changed.", known.descriptor().name),
        advice: "Sign in from the sign-in page; whoever may add integrations can renew keys in Settings.".to_owned(),
    })
}

/// Of what an address says, the answers to the questions of the platform: whatever is kept of strangers is kept short.
fn answered(app: &AppState, platform: &str, said: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Some(platform) = app.engine().registry().get(platform) else { return BTreeMap::new() };
    let questions = platform.descriptor().questions.iter();
    let mut said = said;
    questions
        .filter_map(|question| said.remove_entry(question.name))
        .filter(|(_, answer)| answer.chars().count() <= ANSWER_CHARS)
        .collect()
}

/// Whether an address is a path of this site, and no other site in disguise.
fn is_path(next: &str) -> bool {
    next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r', '\t'])
}

async fn depart(
    app: &AppState,
    headers: &HeaderMap,
    platform: &str,
    aim: Aim,
    answers: BTreeMap<String, String>,
    setting: Setting,
) -> Result<Response, PageError> {
    let answers = answered(app, platform, answers);
    let Setting { next, again, by } = setting;
    let descriptor = app.engine().registry().get(platform).map(|p| p.descriptor()).ok_or(PageError::NotFound)?;
    let transport = app.transport();
    let brought = cookie::brought(Kind::Journey, transport, headers);
    let is_signed = by.is_signed(brought.as_ref(), headers);
    let browser = brought.filter(|browser| Token::is_one(browser.reveal())).unwrap_or_else(Token::fresh);
    let ask = |answers: &BTreeMap<String, String>, problem: Option<String>| {
        let (journey, form) = (aim.journey(), aim.form(descriptor));
        let asked = question::Asked { platform: descriptor, journey, form, answers, said: again.clone(), problem };
        let response = question::ask(app, asked, &browser.csrf());
        cookie::with(response, &cookie::set(Kind::Journey, transport, browser.reveal(), AWAY))
    };
    match &by {
        // Nothing is asked, so there is no form.
        By::Form(_) if descriptor.questions.is_empty() => return Err(PageError::NotFound),
        By::Address if !descriptor.questions.is_empty() => return ask(&BTreeMap::new(), None),
        // What it says may be somebody else's, so the fields stay empty.
        By::Form(_) if !is_signed => {
            let problem =
                "The form was open for longer than ten minutes, or it is none of this site. Enter it once more.";
            return ask(&BTreeMap::new(), Some(problem.to_owned()));
        }
        By::Form(_) if descriptor.questions.iter().any(|question| !answers.contains_key(question.name)) => {
            return ask(&answers, None);
        }
        By::Form(_) | By::Address => {}
    }
    let (state, nonce) = (Token::fresh(), Token::fresh());
    let set_out = SetOut {
        platform,
        journey: aim.journey(),
        state: state.reveal(),
        nonce: nonce.reveal(),
        redirect_uri: &redirect_uri(app, platform),
        answers: &answers,
    };
    let leaving = match app.engine().set_out(&set_out).await {
        Ok(leaving) => leaving,
        Err(error @ (JourneyError::Arrival(ArrivalError::Unanswered(_)) | JourneyError::NotInstalledAt(_)))
            if !descriptor.questions.is_empty() =>
        {
            return ask(&answers, Some(sentence(&error.to_string())));
        }
        Err(error) => return Err(unsent(app, platform, aim, &error)),
    };
    let luggage = Luggage {
        platform: platform.to_owned(),
        aim,
        nonce: nonce.reveal().to_owned(),
        kept: leaving.keep.map(|kept| kept.expose_secret().to_owned()),
        answers,
        next,
    };
    let now = app.engine().now();
    let text = serde_json::to_string(&luggage).map_err(|e| PageError::Internal(e.to_string()))?;
    let new = NewJourney {
        state: state.hash(),
        browser: browser.hash(),
        luggage: SecretString::from(text),
        now,
        expires_at: now + AWAY,
    };
    app.engine().db().system().begin_journey(new).await?;
    app.attempts().sets_out(browser.hash(), now);
    let mut response = Redirect::to(&leaving.url).into_response();
    if descriptor.returns_to.is_some() {
        response = cookie::with(response, &cookie::set(Kind::State, transport, state.reveal(), AWAY))?;
    }
    cookie::with(response, &cookie::set(Kind::Journey, transport, browser.reveal(), AWAY))
}

/// The address to which a platform sends browsers back.
pub(crate) fn redirect_uri(app: &AppState, platform: &str) -> String {
    let own = app.engine().registry().get(platform).and_then(|p| p.descriptor().returns_to);
    let path = own.map_or_else(|| REDIRECT.replace("{platform}", platform), str::to_owned);
    format!("{}{path}", app.base_url())
}

/// The way back from a platform that brings nothing by which the journey could be told: the browser kept that.
pub(super) async fn came_back_to(
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
pub(super) async fn callback(
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

/// Why nobody was sent to a platform.
fn unsent(app: &AppState, platform: &str, aim: Aim, error: &JourneyError) -> PageError {
    if matches!(error, JourneyError::UnknownPlatform(_)) {
        return PageError::NotFound;
    }
    tracing::warn!(platform, error = %error, "nobody was sent to the platform");
    PageError::NoJourney {
        heading: in_vain(app, platform, aim),
        lede: sentence(&error.to_string()),
        advice: remedy(error).to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_gone_on_to() {
        for path in ["/main", "/proposals/7?x=1", "/"] {
            assert!(is_path(path), "{path}");
        }
        for elsewhere in ["", "main", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example"] {
            assert!(!is_path(elsewhere), "{elsewhere}");
        }
    }
}
