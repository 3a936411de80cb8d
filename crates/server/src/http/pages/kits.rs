//! How a community begins: the choice of a starter kit, once, by whoever installed PolicyKit.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::kit::{Holders, Kit};
use policykit_engine::KitError;
use policykit_store::PolicyState;
use serde::Deserialize;

use crate::http::{
    AppState,
    auth::{Member, Posted, Viewer},
    chrome::Chrome,
    errors::{PageError, page},
};

/// The page.
#[derive(Debug, Template)]
#[template(path = "kits.html")]
struct KitsPage {
    chrome: Chrome,
    community: String,
    kits: Vec<KitView>,
}

/// One kit.
#[derive(Debug, Clone)]
struct KitView {
    id: String,
    name: String,
    description: String,
    rules: Vec<(String, String)>,
    roles: Vec<(String, String)>,
    first: bool,
}

/// `GET /main/kit`.
pub(super) async fn kits(State(app): State<AppState>, member: Member) -> Result<Response, PageError> {
    if begun(&app, &member).await? {
        return Ok(Redirect::to("/main").into_response());
    }
    let kits = app.engine().kits();
    let last = kits.len().saturating_sub(1);
    let kits = kits.into_iter().enumerate().map(|(at, kit)| view(kit, at == last)).collect();
    let community = member.community_name.clone();
    Ok(page(&KitsPage { chrome: Viewer::Member(Box::new(member)).chrome(), community, kits }))
}

fn view(kit: Kit, first: bool) -> KitView {
    KitView {
        rules: kit.policies.into_iter().map(|p| (p.name, p.description)).collect(),
        roles: kit.roles.into_iter().map(|r| (held(&r.name, r.holders), r.description)).collect(),
        id: kit.id,
        name: kit.name,
        description: kit.description,
        first,
    }
}

/// A role and who gets it; that of everybody says so in its description.
fn held(name: &str, holders: Holders) -> String {
    match holders {
        Holders::Everybody => name.to_owned(),
        Holders::Administrators => format!("{name}: the administrators of your platform, and you"),
        Holders::Installer => format!("{name}: you alone"),
    }
}

/// The choice.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    kit: String,
}

/// `POST /main/kit`.
pub(super) async fn choose(
    State(app): State<AppState>,
    member: Member,
    Posted(Choice { kit }): Posted<Choice>,
) -> Result<Response, PageError> {
    if begun(&app, &member).await? {
        return Ok(Redirect::to("/main").into_response());
    }
    match app.engine().install_kit(member.community, &kit, member.user).await {
        Ok(_) => Ok(Redirect::to("/login?added=1").into_response()),
        Err(KitError::Another(_) | KitError::HasRules) => Ok(Redirect::to("/main").into_response()),
        Err(error @ (KitError::Unknown(..) | KitError::NotAMember)) => Err(PageError::BadForm(error.to_string())),
        Err(KitError::Store(error)) => Err(error.into()),
    }
}

/// Whether the community has rules already: the first ones are chosen by whoever installed PolicyKit, all later ones
/// are governed. Refuses whoever may not choose.
async fn begun(app: &AppState, member: &Member) -> Result<bool, PageError> {
    let scope = app.engine().db().community(member.community);
    if scope.kit().await?.is_some() || scope.policy_counts().await?.iter().any(|c| c.state == PolicyState::Active) {
        return Ok(true);
    }
    if member.is_integration_admin() {
        return Ok(false);
    }
    Err(PageError::NotAllowed {
        chrome: Box::new(Viewer::Member(Box::new(member.clone())).chrome()),
        what: "choose the starter kit",
        roles: vec![policykit_core::permission::INTEGRATION_ADMIN.to_owned()],
    })
}
