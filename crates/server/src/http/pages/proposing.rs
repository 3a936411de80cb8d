//! What pages that change the rules share: proposing the change, and saying what came of it.

use std::str::FromStr;

use askama::Template;
use axum::{
    extract::{Path, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use policykit_core::{
    JsonMap,
    action::Standing,
    constitution::{self, ACCEPTS_LOCKOUT, Amendment, Invalid},
    ids::ActionId,
    permission,
    proposal::{EffectStatus, Status},
};
use policykit_engine::{EngineError, ProposeError, Proposition};
use policykit_policy::Diagnostic;
use policykit_store::{Decider, StoreError};
use serde::Deserialize;

use super::{sight::sight, waiting::until};
use crate::http::{
    AppState,
    auth::{Inside, Member, Viewer},
    errors::{PageError, page},
};

/// What an address names.
pub(super) type Place = Result<Path<String>, PathRejection>;

/// The id in an address; what is none names nothing.
pub(super) fn named<I: FromStr>(place: Place) -> Result<I, PageError> {
    place.ok().and_then(|Path(id)| id.parse().ok()).ok_or(PageError::NotFound)
}

/// What the engine fails with, as a page: what is not there, or not this community's, is not there.
pub(super) fn of_engine(error: EngineError) -> PageError {
    match error {
        EngineError::Store(StoreError::NotFound { .. }) => PageError::NotFound,
        other => PageError::Internal(other.to_string()),
    }
}

/// What a page is asked to tell about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The change that was proposed on this page last.
    pub(super) proposed: String,
}

/// What came of a proposed change, for the top of the page.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// `good`, `wait` or `bad`.
    pub(super) tone: &'static str,
    /// The drawing.
    pub(super) icon: &'static str,
    /// The answer.
    pub(super) heading: &'static str,
    /// The reason.
    pub(super) text: String,
    /// Where the whole story is.
    pub(super) link: Option<(String, &'static str)>,
}

/// A state as people see it: a drawn mark and words.
#[derive(Debug, Clone)]
pub(super) struct Badge {
    /// Class that gives the colour.
    pub(super) tone: &'static str,
    /// The drawing.
    pub(super) icon: &'static str,
    /// The words.
    pub(super) word: String,
}

impl Badge {
    /// A badge of these.
    pub(super) const fn of(tone: &'static str, icon: &'static str, word: String) -> Self {
        Self { tone, icon, word }
    }
}

/// Who decides about a type of change, before it is proposed.
#[derive(Debug, Clone)]
pub(super) struct WhatNext {
    /// Whether this visitor may propose it at all.
    pub(super) may: bool,
    /// What happens next, in a sentence or two.
    pub(super) text: String,
}

/// Why a change was not proposed, and where on the form.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems {
    /// Of fields, by name.
    fields: Vec<(String, String)>,
    /// Of code.
    code: Vec<Diagnostic>,
}

impl Problems {
    /// A field that cannot stay as it is.
    pub(super) fn of(field: &str, problem: impl Into<String>) -> Self {
        Self { fields: vec![(field.to_owned(), problem.into())], code: Vec::new() }
    }

    /// What is wrong with code.
    pub(super) fn of_code(code: Vec<Diagnostic>) -> Self {
        Self { fields: Vec::new(), code }
    }

    /// What is wrong with a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, problem)| problem.as_str())
    }

    /// The first of them in one sentence, with the field or the line that it is about.
    pub(super) fn first(&self) -> Option<String> {
        let of_field = self.fields.first().map(|(field, problem)| match field.as_str() {
            "" => problem.trim_end_matches('.').to_owned(),
            field => format!("`{field}` {}", problem.trim_end_matches('.')),
        });
        of_field.or_else(|| {
            self.code
                .first()
                .map(|d| format!("line {} of `{}`: {}", d.line, d.block.as_str(), d.message.trim_end_matches('.')))
        })
    }

    /// What is wrong with a block.
    pub(super) fn block(&self, name: &str) -> Vec<&Diagnostic> {
        self.code.iter().filter(|d| d.block.as_str() == name).collect()
    }

    /// Whether there is anything.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.code.is_empty()
    }

    /// How many there are, in words.
    pub(super) fn summary(&self) -> String {
        match self.fields.len() + self.code.len() {
            1 => "One thing has to be put right first; it is marked below. Nothing was proposed.".to_owned(),
            n => format!("{n} things have to be put right first; they are marked below. Nothing was proposed."),
        }
    }
}

/// What became of trying to propose.
pub(super) enum Tried {
    /// It is written down.
    Proposed(ActionId),
    /// It cannot be proposed as it is.
    Wrong(Problems),
}

/// Whether a change may leave the community without a way to change its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lockout {
    /// It is refused then.
    Refused,
    /// It is accepted.
    Accepted,
}

impl Lockout {
    /// As a check box says.
    pub(super) fn said(value: Option<&String>) -> Self {
        if value.is_some() { Self::Accepted } else { Self::Refused }
    }
}

/// The member who may propose this type of change; others are told which roles can.
pub(super) async fn proposer<'a>(
    app: &AppState,
    viewer: &'a Viewer,
    action_type: &str,
) -> Result<&'a Member, PageError> {
    if let Some(member) = viewer.member().filter(|m| m.may(&permission::execute(action_type))) {
        return Ok(member);
    }
    let what = constitution::label(action_type).unwrap_or("change the rules");
    viewer.allow(app, &permission::propose(action_type), what).await
}

/// Proposes a change of the rules on behalf of a member.
pub(super) async fn propose(
    app: &AppState,
    viewer: &Viewer,
    amendment: &Amendment,
    lockout: Lockout,
) -> Result<Tried, PageError> {
    let action_type = amendment.action_type();
    let member = proposer(app, viewer, &action_type).await?;
    let mut fields: JsonMap = amendment.fields();
    if lockout == Lockout::Accepted {
        fields.insert(ACCEPTS_LOCKOUT.to_owned(), true.into());
    }
    let wanted = Proposition {
        community: member.community,
        installation: member.installation,
        action_type,
        fields,
        initiator: Some(member.external_id.clone()),
    };
    match app.engine().propose(wanted).await {
        Ok(inbox) => Ok(Tried::Proposed(ActionId::derive(inbox, 0))),
        Err(ProposeError::Invalid(Invalid::Field { field, problem })) => Ok(Tried::Wrong(Problems::of(field, problem))),
        Err(ProposeError::Code(code)) => Ok(Tried::Wrong(Problems::of_code(code))),
        Err(ProposeError::Store(error)) => Err(error.into()),
        Err(other) => Ok(Tried::Wrong(Problems::of("", other.to_string()))),
    }
}

/// Proposes what has no form of its own, and sends the browser on to the page that says what came of it.
pub(super) async fn finish(
    app: &AppState,
    viewer: &Viewer,
    amendment: &Amendment,
    lockout: Lockout,
    address: &str,
) -> Result<Response, PageError> {
    match propose(app, viewer, amendment, lockout).await? {
        Tried::Proposed(action) => Ok(told_at(address, action)),
        Tried::Wrong(problems) => Err(PageError::BadForm(problems.first().unwrap_or_default())),
    }
}

/// The page of a form that cannot be proposed as it is.
pub(super) fn wrong(shown: &impl Template) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, page(shown)).into_response()
}

/// Sends the browser on to a page that says what came of it.
pub(super) fn told_at(address: &str, action: ActionId) -> Response {
    let joint = if address.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{address}{joint}proposed={action}")).into_response()
}

/// What came of the change that a page was asked about, unless it is hidden from this visitor. Waits a moment for it.
pub(super) async fn outcome(app: &AppState, inside: &Inside, asked: &str) -> Result<Option<Outcome>, PageError> {
    let Ok(id) = asked.parse::<ActionId>() else { return Ok(None) };
    let scope = app.engine().db().community(inside.community);
    if let Some(found) = until(app, || scope.outcome(id)).await? {
        let member = inside.viewer.member().map(|member| member.user);
        let own = member.is_some() && found.action.initiator == member;
        let seen = own || sight(app, &inside.viewer).sees(&found.action.action_type);
        return Ok(seen.then(|| in_words(&found)));
    }
    Ok(Some(Outcome {
        tone: "wait",
        icon: "clock",
        heading: "It is written down",
        text: "Nothing has come of it yet. Load this page again in a moment to see what does.".to_owned(),
        link: None,
    }))
}

fn in_words(found: &policykit_store::Outcome) -> Outcome {
    let Some(proposal) = &found.proposal else {
        return match found.action.standing {
            Standing::Held => Outcome {
                tone: "wait",
                icon: "question",
                heading: "It waits for a person",
                text: "No policy governs this change, so nobody’s rule can decide it. Nothing was changed. \
                       Whoever may decide about what is held finds it on the list."
                    .to_owned(),
                link: Some(("/main/held".to_owned(), "See what is held")),
            },
            Standing::Stands => Outcome {
                tone: "good",
                icon: "tick",
                heading: "It is in force",
                text: "Your roles allow this without asking, so it was done at once.".to_owned(),
                link: None,
            },
            _ => Outcome {
                tone: "bad",
                icon: "cross",
                heading: "It was not done",
                text: "It could not be made as things are; the record says why. Nothing was changed.".to_owned(),
                link: Some(("/main/decisions".to_owned(), "See the record")),
            },
        };
    };
    let story = (format!("/proposals/{}", proposal.id), "See the proposal");
    let policy = found.policy_name.as_deref().unwrap_or("the policy");
    let (tone, icon, heading, text) = match (proposal.status, proposal.effect) {
        (Status::Passed, EffectStatus::Refused) => (
            "bad",
            "warn",
            "It passed, but could not be done",
            format!(
                "{}. Nothing was changed.",
                sentence(proposal.effect_note.as_deref().unwrap_or("it could not be made"))
            ),
        ),
        (Status::Passed, _) => {
            ("good", "tick", "It passed and is in force", format!("“{policy}” let it pass. It counts from now on."))
        }
        (Status::Failed, _) => {
            ("bad", "cross", "It was refused", format!("“{policy}” decided against it. Nothing was changed."))
        }
        (Status::Held, _) => (
            "wait",
            "question",
            "It waits for a person",
            format!(
                "“{policy}” broke while it decided. Nothing was changed. Whoever may decide about what is held can \
                 let it pass or refuse it."
            ),
        ),
        (Status::Proposed | Status::Superseded, _) => (
            "wait",
            "clock",
            "It is proposed and waits for a decision",
            format!("“{policy}” decides. Until then nothing changes."),
        ),
    };
    Outcome { tone, icon, heading, text, link: Some(story) }
}

/// The text with a capital at its beginning.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// What happens when this visitor proposes a change of this type: who decides, and when it passes. `deciders` are those
/// of the community.
pub(super) fn what_next(inside: &Inside, deciders: &[Decider], action_type: &str) -> WhatNext {
    let Some(member) = inside.viewer.member() else {
        let text = "You run this server and are no member here, so you can look but not propose.".to_owned();
        return WhatNext { may: false, text };
    };
    if member.may(&permission::execute(action_type)) {
        let text = "Your roles allow this without asking: it is in force as soon as you save it.".to_owned();
        return WhatNext { may: true, text };
    }
    if !member.may(&permission::propose(action_type)) {
        let text = "None of your roles lets you propose this. Ask somebody whose role does.".to_owned();
        return WhatNext { may: false, text };
    }
    let decides = deciders.iter().find(|d| d.applies_to(action_type)).map(|d| (&d.name, d.description.trim()));
    let text = match decides {
        None => "Saving proposes it. No policy governs such changes yet, so a person will have to decide.".to_owned(),
        Some((name, "")) => format!("Saving proposes it. “{name}” is asked first. Until it passes nothing changes."),
        Some((name, description)) => {
            format!("Saving proposes it. “{name}” is asked first: {description} Until it passes nothing changes.")
        }
    };
    WhatNext { may: true, text }
}
