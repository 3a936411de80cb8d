//! Adding a platform to which nobody needs to be sent: a form with its questions, and its keys where it has any. What is
//! asked for is in the platform's descriptor.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use policykit_core::{
    community::{Installation, InstallationStatus},
    descriptor::PlatformDescriptor,
    ids::ActionId,
    permission,
};
use policykit_engine::{Again, Install, JourneyError, Outcome, Whereto};
use secrecy::SecretString;

use super::settings::INTEGRATIONS;
use crate::http::{
    AppState,
    auth::{Inside, Note, Posted, explain_journey, leave_note},
    chrome::Chrome,
    errors::{PageError, page},
};

/// Longest answer, in characters; keys are shorter too.
const MOST_CHARS: usize = 2_000;

/// The routes of this part.
pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/main/settings/integrations/add/{platform}", get(blank).post(connect))
}

/// Where a platform is added, if that is done by a form.
pub(super) fn address(platform: &PlatformDescriptor) -> Option<String> {
    platform.is_entered().then(|| format!("{INTEGRATIONS}/add/{}", platform.id))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "connect.html")]
struct ConnectPage {
    chrome: Chrome,
    address: String,
    platform: String,
    problem: Option<String>,
    fields: Vec<FieldView>,
}

/// Something to be entered.
#[derive(Debug, Clone)]
struct FieldView {
    name: &'static str,
    label: String,
    hint: String,
    /// What was entered before. Never a secret.
    value: String,
    secret: bool,
}

fn find<'a>(app: &'a AppState, id: &str) -> Result<(&'a PlatformDescriptor, String), PageError> {
    let descriptor =
        app.engine().registry().get(id).map(|platform| platform.descriptor()).ok_or(PageError::NotFound)?;
    Ok((descriptor, address(descriptor).ok_or(PageError::NotFound)?))
}

fn render(
    of: &PlatformDescriptor,
    address: String,
    chrome: Chrome,
    answers: &BTreeMap<String, String>,
    problem: Option<String>,
) -> ConnectPage {
    let questions = of.questions.iter().map(|question| FieldView {
        name: question.name,
        label: question.label.to_owned(),
        hint: sentence(question.doc),
        value: answers.get(question.name).cloned().unwrap_or_default(),
        secret: false,
    });
    let keys = of.credentials.iter().map(|key| FieldView {
        name: key.name,
        label: sentence(&key.name.replace('_', " ")).trim_end_matches('.').to_owned(),
        hint: sentence(key.doc),
        value: String::new(),
        secret: true,
    });
    ConnectPage { chrome, address, platform: of.name.to_owned(), problem, fields: questions.chain(keys).collect() }
}

async fn blank(
    State(app): State<AppState>,
    inside: Inside,
    Path(platform): Path<String>,
) -> Result<Response, PageError> {
    let (descriptor, address) = find(&app, &platform)?;
    inside.viewer.allow(&app, permission::ADD_INTEGRATION, "add integrations").await?;
    let answers = agreed(&app, &inside, descriptor).await?;
    Ok(page(&render(descriptor, address, inside.chrome(), &answers, None)))
}

/// What was agreed on: of a place that takes no keys, and is waiting to be added, the one answer is its id.
async fn agreed(
    app: &AppState,
    inside: &Inside,
    platform: &PlatformDescriptor,
) -> Result<BTreeMap<String, String>, PageError> {
    let [question] = platform.questions.as_slice() else { return Ok(BTreeMap::new()) };
    if !platform.is_shared() {
        return Ok(BTreeMap::new());
    }
    let scope = app.engine().db().community(inside.community);
    let keyless = scope.places_without_keys().await?;
    let waits = |place: &Installation| {
        place.platform == platform.id
            && place.status == InstallationStatus::CredentialsDead
            && keyless.contains(&place.id)
    };
    let place = scope.installations().await?.into_iter().find(waits);
    Ok(place.map(|place| (question.name.to_owned(), place.id_there().to_owned())).into_iter().collect())
}

async fn connect(
    State(app): State<AppState>,
    inside: Inside,
    headers: HeaderMap,
    Path(platform): Path<String>,
    Posted(mut entered): Posted<BTreeMap<String, String>>,
) -> Result<Response, PageError> {
    let (descriptor, address) = find(&app, &platform)?;
    let member = inside.viewer.allow(&app, permission::ADD_INTEGRATION, "add integrations").await?;
    let to = Whereto::Into(member.community, member.user);
    let names = descriptor
        .questions
        .iter()
        .map(|q| (q.name, q.label))
        .chain(descriptor.credentials.iter().map(|c| (c.name, c.name)));
    let too_long = names.filter(|(name, _)| entered.get(*name).is_some_and(|value| value.chars().count() > MOST_CHARS));
    if let Some((_, label)) = too_long.into_iter().next() {
        let problem =
            format!("What you entered for “{label}” is longer than {MOST_CHARS} letters. Nothing was changed.");
        let shown = page(&render(descriptor, address, inside.chrome(), &BTreeMap::new(), Some(problem)));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response());
    }
    let mut take =
        |name: &str| entered.remove(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let answers: BTreeMap<String, String> =
        descriptor.questions.iter().filter_map(|q| Some((q.name.to_owned(), take(q.name)?))).collect();
    let credentials: BTreeMap<String, SecretString> =
        descriptor.credentials.iter().filter_map(|c| Some((c.name.to_owned(), take(c.name)?.into()))).collect();
    let wanted = Install { platform, credentials, answers: answers.clone(), ..Install::default() };
    match app.engine().connect(wanted, to).await {
        Ok(Outcome::Installed { installed, .. }) => {
            tracing::info!(community = %installed.community, platform = descriptor.id, "added by a form");
            if let Some(to_do) = installed.to_do {
                let heading = format!("{} is connected, and one thing is left to do", descriptor.name);
                return leave_note(&app, &headers, INTEGRATIONS, &Note::bad(heading, to_do)).await;
            }
            let text = match installed.again {
                Again::Yes => "It was connected before; what you entered counts from now on.",
                Again::No => "Policies can use it from now on.",
            };
            leave_note(&app, &headers, INTEGRATIONS, &Note::good(format!("{} is connected", descriptor.name), text))
                .await
        }
        Ok(Outcome::Proposed { written, name }) => {
            let action = ActionId::derive(written, 0);
            let text = if descriptor.is_shared() {
                "The community decides whether PolicyKit is to use it. When it is agreed, Settings offers to add it."
            } else {
                "The community decides whether PolicyKit is to use it. What you entered was not kept: when it is agreed, \
                 enter it once more."
            };
            let note = Note::good(format!("{name} is proposed"), text);
            leave_note(&app, &headers, &format!("{INTEGRATIONS}?proposed={action}"), &note).await
        }
        // Nobody signs in by a form.
        Ok(Outcome::SignedIn(_)) => Err(PageError::NotFound),
        Err(JourneyError::Store(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(platform = descriptor.id, %error, "nothing was added by a form");
            let problem = Some(explain_journey(&error));
            let shown = page(&render(descriptor, address, inside.chrome(), &answers, problem));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

fn sentence(text: &str) -> String {
    format!("{}.", super::proposing::sentence(text.trim_end_matches('.')))
}
