//! Settings: where PolicyKit can see and act for a community, what is wrong there, and adding and removing places.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State, rejection::PathRejection},
    http::HeaderMap,
    response::{Redirect, Response},
};
use policykit_core::{
    community::{Installation, InstallationStatus},
    constitution::Amendment,
    descriptor::PlatformDescriptor,
    ids::{ActionId, InstallationId},
    permission,
};
use policykit_engine::{ProposeError, Proposition};

use super::{
    connecting,
    login::missing,
    proposing::{Asked, Outcome, outcome, proposer, sentence, told_at, what_next},
    waiting::until_taken_in,
};
use crate::http::{
    AppState,
    auth::{Inside, Note, Posted, Signed, Viewer, leave_note, read_note},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page's address.
pub(super) const INTEGRATIONS: &str = "/main/settings/integrations";

/// What is said of a place that was removed, where there are no keys to destroy.
const REMOVED: &str = "It was decided here to remove it. Policies that ask it fail until it is added again.";
/// What is said of a place that was agreed on, where there are no keys to hand over.
const AGREED: &str = "It was decided that the community uses it. Whoever may add integrations adds it here, with the address \
                      that was agreed on; then policies can read it.";

/// The page.
#[derive(Debug, Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    chrome: Chrome,
    note: Option<Note>,
    outcome: Option<Outcome>,
    lede: String,
    places: Vec<PlaceView>,
    more: Vec<MoreView>,
    may_add: bool,
    may_remove: bool,
    removing: String,
    who_can: String,
}

/// A place where PolicyKit acts, or acted.
#[derive(Debug, Clone)]
struct PlaceView {
    id: String,
    platform: String,
    platform_id: String,
    name: String,
    tone: &'static str,
    icon: &'static str,
    word: &'static str,
    trouble: Option<String>,
    /// Whether renewed keys could not be written down yet.
    unwritten: bool,
    /// It was agreed on, and nobody has handed over keys yet.
    keyless: bool,
    removed: bool,
    external_id: String,
    acts_as: String,
    people: usize,
    renewable: bool,
    /// Where what it is connected by is entered anew, if that is done by a form.
    entered_at: Option<String>,
    has_people: bool,
    /// Whether it takes no keys and belongs to nobody here alone.
    shared: bool,
}

/// A platform that could be added.
#[derive(Debug, Clone)]
struct MoreView {
    name: &'static str,
    ready: bool,
    /// Where it is added.
    address: String,
}

/// `GET /main/settings`.
pub(super) async fn settings(_inside: Inside) -> Redirect {
    Redirect::to("/main/settings/integrations")
}

/// `GET /main/settings/integrations`.
pub(super) async fn integrations(
    State(app): State<AppState>,
    inside: Inside,
    headers: HeaderMap,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Result<Response, PageError> {
    let note = match asked.get("note") {
        Some(number) => read_note(&app, &headers, number).await?,
        None => None,
    };
    let told = Asked { proposed: asked.get("proposed").cloned().unwrap_or_default() };
    let scope = app.engine().db().community(inside.community);
    let removing = what_next(&inside, &scope.deciders().await?, permission::REMOVE_INTEGRATION_TYPE);
    let installations = scope.installations().await?;
    let people = scope.count_people_by_place().await?;
    let notes = scope.installation_notes().await?;
    let unwritten = app.engine().unwritten_keys(inside.community);
    let keyless = scope.places_without_keys().await?;
    let mut places = Vec::with_capacity(installations.len());
    for installation in &installations {
        let people = people.get(&installation.id).copied().unwrap_or_default();
        let mut place = place(&app, installation, notes.get(&installation.id), people).await;
        place.unwritten = unwritten.contains(&installation.id);
        if installation.status == InstallationStatus::CredentialsDead && keyless.contains(&installation.id) {
            (place.tone, place.icon, place.word, place.keyless) = ("wait", "key", "Waits for keys", true);
            if place.shared {
                (place.word, place.trouble) = ("Waits to be added", Some(AGREED.to_owned()));
            }
        }
        if place.shared && place.removed {
            place.trouble = Some(REMOVED.to_owned());
        }
        places.push(place);
    }
    // What needs somebody goes first.
    places.sort_by_key(|place| (place.removed, place.trouble.is_none()));
    let may = |codename: &str| inside.viewer.member().is_some_and(|m| m.may(codename));
    Ok(page(&SettingsPage {
        note,
        outcome: outcome(&app, &inside, &told.proposed).await?,
        lede: lede(inside.community_name(), &places),
        more: more(&app, &places).await,
        places,
        may_add: may(permission::ADD_INTEGRATION),
        may_remove: removing.may,
        removing: removing.text,
        who_can: who_can(&scope.roles_with(permission::REMOVE_INTEGRATION).await?, &inside.viewer),
        chrome: inside.chrome(),
    }))
}

async fn place(app: &AppState, installation: &Installation, note: Option<&String>, people: usize) -> PlaceView {
    let platform = app.engine().registry().get(&installation.platform).map(|p| p.descriptor());
    let (tone, icon, word) = match installation.status {
        InstallationStatus::Active => ("ok", "tick", "Working"),
        InstallationStatus::CredentialsDead => ("bad", "warn", "No longer lets us in"),
        InstallationStatus::Uninstalled => ("quiet", "dash", "Removed"),
    };
    PlaceView {
        id: installation.id.to_string(),
        platform: platform.map_or(installation.platform.as_str(), |d| d.name).to_owned(),
        platform_id: installation.platform.clone(),
        name: installation.name.clone(),
        tone,
        icon,
        word,
        trouble: (installation.status != InstallationStatus::Active).then(|| {
            note.map(|why| format!("{}.", sentence(why.trim_end_matches('.'))))
                .unwrap_or_else(|| "The platform no longer accepts our keys. Sign in again to renew them.".to_owned())
        }),
        unwritten: false,
        keyless: false,
        removed: installation.status == InstallationStatus::Uninstalled,
        external_id: installation.id_there().to_owned(),
        acts_as: installation.acts_as.join(", "),
        people,
        renewable: match platform {
            Some(d) => d.is_visited() && missing(app, d.id).await.is_none(),
            None => false,
        },
        entered_at: platform.filter(|d| !d.is_visited()).and_then(connecting::address),
        has_people: platform.is_none_or(PlatformDescriptor::has_people),
        shared: platform.is_some_and(PlatformDescriptor::is_shared),
    }
}

fn lede(community: &str, places: &[PlaceView]) -> String {
    let begin = format!("Where PolicyKit can see and act for {community}.");
    let troubled: Vec<&str> =
        places.iter().filter(|p| p.trouble.is_some() && !p.removed).map(|p| p.platform.as_str()).collect();
    match troubled.as_slice() {
        [] => begin,
        [one] => format!("{begin} {one} needs an administrator."),
        [first @ .., last] => format!("{begin} {} and {last} need an administrator.", first.join(", ")),
    }
}

/// Platforms that the community is not on, and that nothing above offers to install again.
async fn more(app: &AppState, places: &[PlaceView]) -> Vec<MoreView> {
    let is_on = |id: &str| places.iter().any(|p| p.platform_id == id && (!p.removed || p.renewable));
    let mut more = Vec::new();
    for d in app.engine().registry().descriptors().filter(|d| !is_on(d.id)) {
        let form = connecting::address(d).filter(|_| !d.is_visited());
        more.push(MoreView {
            name: d.name,
            ready: missing(app, d.id).await.is_none(),
            address: form.unwrap_or_else(|| format!("/auth/{}/install?add=1", d.id)),
        });
    }
    more
}

fn who_can(roles: &[String], viewer: &Viewer) -> String {
    let names: Vec<String> = roles.iter().map(|name| format!("“{name}”")).collect();
    let whose = if names.is_empty() { "no role at present".to_owned() } else { names.join(", ") };
    match viewer {
        Viewer::Operator(_) => {
            format!(
                "Adding and removing is for members with the role {whose}. An operator sees this page and changes nothing."
            )
        }
        Viewer::Member(_) => format!("Only members with this role can add or remove: {whose}."),
    }
}

/// `POST /main/settings/integrations/{id}/remove`.
pub(super) async fn remove(
    State(app): State<AppState>,
    inside: Inside,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    Posted(Signed {}): Posted<Signed>,
) -> Result<Response, PageError> {
    let id: InstallationId = id.ok().and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let scope = app.engine().db().community(inside.community);
    let there = |all: Vec<Installation>| all.into_iter().find(|i| i.id == id);
    let installation = there(scope.installations().await?).ok_or(PageError::NotFound)?;
    let amendment = Amendment::RemoveIntegration { integration: id };
    let member = proposer(&app, &inside.viewer, &amendment.action_type()).await?;
    let wanted = Proposition {
        community: inside.community,
        installation: member.installation,
        action_type: amendment.action_type(),
        fields: amendment.fields(),
        initiator: Some(member.external_id.clone()),
    };
    let written = match app.engine().propose(wanted).await {
        Ok(written) => written,
        Err(ProposeError::Store(error)) => return Err(error.into()),
        Err(why) => {
            let note =
                Note::bad(format!("{} is not removed", installation.name), format!("{}.", sentence(&why.to_string())));
            return leave_note(&app, &headers, INTEGRATIONS, &note).await;
        }
    };
    until_taken_in(&app, inside.community, written).await?;
    let removed = there(scope.installations().await?).is_some_and(|i| i.status == InstallationStatus::Uninstalled);
    if removed && member.installation == id {
        tracing::info!(community = %inside.community, installation = %id, "an integration was removed");
        let note = Note::good(
            format!("{} is removed", installation.name),
            // Nobody is left who could do it from the settings.
            "You had signed in through it, so you are signed out. Rules, roles and the record are kept. Whoever may add \
             integrations, and administers it there, can connect it again from this page.",
        );
        return leave_note(&app, &headers, "/login", &note).await;
    }
    Ok(told_at(INTEGRATIONS, ActionId::derive(written, 0)))
}
