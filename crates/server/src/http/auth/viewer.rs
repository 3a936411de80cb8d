//! Who is asking, as handlers take it. Handlers of pages that belong to a community take [`Inside`], those for members
//! alone take [`Member`], those for operators alone [`Operator`], and everybody else who is signed in is a [`Viewer`].

use std::{collections::BTreeSet, time::Duration};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};
use axum_extra::extract::cookie::CookieJar;
use policykit_core::{
    Timestamp,
    community::User,
    ids::{CommunityId, InstallationId, RoleId, UserId},
    permission::INTEGRATION_ADMIN,
};
use policykit_store::{Holder, SignedIn, Whose};

use super::{
    Token,
    cookie::{self, Kind},
};
use crate::http::{
    AppState,
    chrome::{Chrome, Theme},
    errors::PageError,
    pages::sight::sight,
};

/// How exactly it is written down when a session was last used.
const SEEN_EVERY: Duration = Duration::from_secs(60 * 60);
/// How much of what a browser says about itself is kept, in characters.
const AGENT_CHARS: usize = 200;

/// A visitor who is signed in.
#[derive(Debug, Clone)]
pub(crate) enum Viewer {
    /// Somebody who runs this server: sees everything of every community, and is member of none.
    Operator(Operator),
    /// A member of a community.
    Member(Box<Member>),
}

/// A visitor who has redeemed an operator's link.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    /// The session.
    pub(crate) session: Token,
    /// The community they look at: the one they chose, or the only one there is.
    pub(crate) looks_at: Option<(CommunityId, String)>,
    look: Look,
}

/// A member of a community, with what their roles allow at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The session.
    pub(crate) session: Token,
    /// Who.
    pub(crate) user: UserId,
    /// Their account's id on the platform.
    pub(crate) external_id: String,
    /// The name to show.
    pub(crate) name: String,
    /// The tenant.
    pub(crate) community: CommunityId,
    /// Its name.
    pub(crate) community_name: String,
    /// Where their account is.
    pub(crate) installation: InstallationId,
    /// Their roles by name, the base role included.
    pub(crate) roles: Vec<(RoleId, String)>,
    /// Permissions of all of them, by codename.
    pub(crate) permissions: BTreeSet<String>,
    look: Look,
}

/// How a visitor looks at a page: from where in the site, and in which colours.
#[derive(Debug, Clone, Default)]
struct Look {
    path: String,
    theme: Option<Theme>,
    /// How many votes wait for them.
    waiting: usize,
    /// When it was asked for.
    now: Timestamp,
}

/// A visitor inside a community: a member of it, or an operator who looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    /// Who.
    pub(crate) viewer: Viewer,
    /// Where.
    pub(crate) community: CommunityId,
}

impl Member {
    /// Whether one of their roles has this permission.
    pub(crate) fn may(&self, codename: &str) -> bool {
        self.permissions.contains(codename)
    }

    /// Whether they guard the integrations.
    pub(crate) fn is_integration_admin(&self) -> bool {
        self.roles.iter().any(|(_, name)| name == INTEGRATION_ADMIN)
    }

    fn new(session: Token, found: SignedIn, look: Look) -> Self {
        let User { id, external_id, name, community, installation, .. } = found.user;
        Self {
            session,
            user: id,
            external_id,
            name,
            community,
            community_name: found.community_name,
            installation,
            roles: found.roles,
            permissions: found.permissions,
            look,
        }
    }
}

impl Viewer {
    /// The community they look at: a member's own, an operator's chosen one.
    pub(crate) fn community(&self) -> Option<CommunityId> {
        match self {
            Self::Operator(operator) => operator.looks_at.as_ref().map(|(id, _)| *id),
            Self::Member(member) => Some(member.community),
        }
    }

    /// Its name.
    pub(crate) fn community_name(&self) -> Option<&str> {
        match self {
            Self::Operator(operator) => operator.looks_at.as_ref().map(|(_, name)| name.as_str()),
            Self::Member(member) => Some(&member.community_name),
        }
    }

    /// The member, unless it is an operator.
    pub(crate) fn member(&self) -> Option<&Member> {
        match self {
            Self::Operator(_) => None,
            Self::Member(member) => Some(member),
        }
    }

    /// Whether it is an operator.
    pub(crate) const fn is_operator(&self) -> bool {
        matches!(self, Self::Operator(_))
    }

    /// The session.
    pub(crate) const fn session(&self) -> &Token {
        match self {
            Self::Operator(operator) => &operator.session,
            Self::Member(member) => &member.session,
        }
    }

    /// Whose sessions theirs is one of.
    pub(crate) fn whose(&self) -> Whose {
        match self {
            Self::Operator(_) => Whose::Operators,
            Self::Member(member) => Whose::Member { community: member.community, user: member.user },
        }
    }

    /// The name to show.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Operator(_) => "Operator",
            Self::Member(member) => &member.name,
        }
    }

    /// What pages need to know of the visitor.
    pub(crate) fn chrome(&self) -> Chrome {
        let look = match self {
            Self::Operator(operator) => &operator.look,
            Self::Member(member) => &member.look,
        };
        let mut chrome = Chrome::signed_in(self.session().csrf())
            .seen_by(self.name())
            .themed(look.theme)
            .at(&look.path)
            .made_at(look.now);
        chrome.operator = self.is_operator();
        chrome.waiting = look.waiting;
        match self.community_name() {
            Some(name) => chrome.inside(name),
            None => chrome,
        }
    }

    /// Lets a member through whose roles have this permission; operators see, but do nothing that takes one.
    ///
    /// # Errors
    /// [`PageError::NotAllowed`], which says what it was for and which roles can.
    pub(crate) async fn allow(&self, app: &AppState, codename: &str, what: &'static str) -> Result<&Member, PageError> {
        match self {
            Self::Member(member) if member.may(codename) => Ok(member),
            _ => {
                let roles = match self.community() {
                    Some(community) => app.engine().db().community(community).roles_with(codename).await?,
                    None => Vec::new(),
                };
                Err(PageError::NotAllowed { chrome: Box::new(self.chrome()), what, roles })
            }
        }
    }
}

impl Inside {
    /// What pages need to know of the visitor.
    pub(crate) fn chrome(&self) -> Chrome {
        self.viewer.chrome()
    }

    /// The same visitor as things are now: with the permissions of this moment, and none when the session has ended or
    /// they look at another community.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn again(&self, app: &AppState) -> Result<Option<Self>, PageError> {
        let (session, look) = match &self.viewer {
            Viewer::Operator(operator) => (operator.session.clone(), operator.look.clone()),
            Viewer::Member(member) => (member.session.clone(), member.look.clone()),
        };
        let found = of_session(app, session, look).await?;
        Ok(found
            .filter(|viewer| viewer.community() == Some(self.community))
            .map(|viewer| Self { viewer, community: self.community }))
    }

    /// Name of the community.
    pub(crate) fn community_name(&self) -> &str {
        self.viewer.community_name().unwrap_or_default()
    }
}

impl FromRequestParts<AppState> for Viewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let Some(viewer) = find(parts, app).await? else { return Err(signed_out(parts)) };
        parts.extensions.insert(viewer.clone());
        Ok(viewer)
    }
}

impl OptionalFromRequestParts<AppState> for Viewer {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Option<Self>, PageError> {
        match <Self as FromRequestParts<AppState>>::from_request_parts(parts, app).await {
            Ok(viewer) => Ok(Some(viewer)),
            Err(PageError::SignedOut { .. } | PageError::NoSession) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        match <Viewer as FromRequestParts<AppState>>::from_request_parts(parts, app).await? {
            Viewer::Operator(operator) => Ok(operator),
            // What only operators see does not exist for anybody else.
            Viewer::Member(_) => Err(PageError::NotFound),
        }
    }
}

impl FromRequestParts<AppState> for Member {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        match <Viewer as FromRequestParts<AppState>>::from_request_parts(parts, app).await? {
            Viewer::Member(member) => Ok(*member),
            viewer @ Viewer::Operator(_) => Err(PageError::MembersOnly { chrome: Box::new(viewer.chrome()) }),
        }
    }
}

impl FromRequestParts<AppState> for Inside {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PageError> {
        let viewer = <Viewer as FromRequestParts<AppState>>::from_request_parts(parts, app).await?;
        match viewer.community() {
            Some(community) => Ok(Self { viewer, community }),
            None => Err(PageError::NoCommunity),
        }
    }
}

async fn find(parts: &Parts, app: &AppState) -> Result<Option<Viewer>, PageError> {
    let Some(session) = cookie::brought(Kind::Session, app.transport(), &parts.headers) else { return Ok(None) };
    let theme = CookieJar::from_headers(&parts.headers).get(Theme::COOKIE).and_then(|c| Theme::parse(c.value()));
    let look = Look { path: parts.uri.path().to_owned(), theme, waiting: 0, now: app.engine().now() };
    let mut found = of_session(app, session, look).await?;
    // Whoever sends a form is sent on to a page that counts, and what is no page has no place to show it.
    if parts.method == Method::GET
        && takes_pages(&parts.headers)
        && let Some(viewer) = &mut found
    {
        let waiting = waiting(app, viewer).await?;
        if let Viewer::Member(member) = viewer {
            member.look.waiting = waiting;
        }
    }
    Ok(found)
}

/// Whether somebody asks for a page, or does not say for what: streams and programs name what they want.
fn takes_pages(headers: &HeaderMap) -> bool {
    let Some(accepted) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else { return true };
    accepted.split(',').any(|kind| kind.trim_start().starts_with("text/html") || kind.trim_start().starts_with("*/*"))
}

/// How many votes wait for a visitor, as many as the top of a page counts to; none for operators.
async fn waiting(app: &AppState, viewer: &Viewer) -> Result<usize, PageError> {
    let Some(member) = viewer.member() else { return Ok(0) };
    let (scope, sight) = (app.engine().db().community(member.community), sight(app, viewer));
    let most = Chrome::MOST_WAITING.saturating_add(1);
    let count = scope.count_waiting_for(member.user, &member.external_id, member.installation, &sight, most).await?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Whose session it is, as things are now.
async fn of_session(app: &AppState, session: Token, look: Look) -> Result<Option<Viewer>, PageError> {
    let (system, now, hash) = (app.engine().db().system(), app.engine().now(), session.hash());
    let Some(open) = system.session(&hash, now).await? else { return Ok(None) };
    if open.seen_at + SEEN_EVERY <= now {
        system.session_seen(&hash, now).await?;
    }
    Ok(Some(match open.holder {
        Holder::Operator { chosen } => {
            let looks_at = match chosen {
                Some(chosen) => Some(chosen),
                None => system.only_community().await?,
            };
            Viewer::Operator(Operator { session, looks_at, look })
        }
        Holder::Member(found) => Viewer::Member(Box::new(Member::new(session, *found, look))),
    }))
}

/// Programs are told so; people are sent to sign in, and come back to the page they wanted.
fn signed_out(parts: &Parts) -> PageError {
    if parts.uri.path().starts_with("/api/") {
        return PageError::NoSession;
    }
    let next = (parts.method == Method::GET).then(|| parts.uri.path_and_query().map(ToString::to_string));
    PageError::SignedOut { next: next.flatten() }
}

/// What the browser says it is, as far as it is kept.
pub(super) fn agent(headers: &HeaderMap) -> String {
    let said = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    said.chars().take(AGENT_CHARS).collect()
}
