//! To a platform and back: installing PolicyKit, and signing in with the account somebody has there. Here is how browsers set
//! out; how they come back is in [`back`].
//!
//! The state that travels with the browser is worth something once, for ten minutes, and in the browser that set out
//! alone: its hash is stored beside the hash of a cookie of that browser. Everything else stays here, sealed.
//!
//! Where the answer to a question says to which address a browser is sent, it counts only from the form of a page here, in the
//! browser that was shown it. Whoever could send a member's browser to an address of theirs would be connected there as if
//! the member had wanted it: such a place answers at once, and asks nobody.

mod back;
mod words;

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Form,
    extract::{Path, Query, State, rejection::FormRejection},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::{descriptor::PlatformDescriptor, ids::CommunityId, permission};
use policykit_engine::{JourneyError, SetOut};
use policykit_platforms::platform::{ArrivalError, Journey};
use policykit_store::NewJourney;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    Token, Viewer,
    cookie::{self, Kind},
    limit::Within,
    operator::is_foreign,
    question,
};
use crate::{
    config::Registration,
    http::{AppState, errors::PageError},
};

pub(super) use self::back::{callback, came_back_to};
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
