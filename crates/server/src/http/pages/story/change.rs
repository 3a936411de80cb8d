//! What a change of the rules would change, for those who decide about it: what is in force beside what is proposed, part by
//! part and line by line. Once it is decided, what it was made from.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    JsonMap,
    constitution::{
        Amendment, DocumentDraft, PREVIOUS_DESCRIPTION, PREVIOUS_NAME, PREVIOUS_ORDER, PREVIOUS_PERMISSIONS,
        PREVIOUS_TEXT, ROLE_NAME, RoleDraft, USER_NAMES,
    },
    ids::{CommunityId, DocumentId, PolicyId, RoleId},
    policy::{Blocks, PolicyDraft, PolicyKind},
    proposal::Status,
};
use policykit_engine::{EngineError, PartDiff, PolicyHistory, compare, difference};
use policykit_store::{ProposalSheet, Scoped, StoreError};
use serde_json::Value as Json;

use crate::http::{
    AppState,
    errors::PageError,
    pages::{
        policies::{DiffPart, shown},
        proposing::of_engine,
        roles::lines,
    },
};

/// A change, side by side with what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeView {
    /// What is compared with what.
    pub(crate) words: String,
    /// Why it cannot be made as it is, where that is known.
    pub(crate) late: Option<String>,
    /// The parts that differ.
    pub(crate) parts: Vec<DiffPart>,
}

impl ChangeView {
    fn of(words: impl Into<String>, parts: Vec<DiffPart>) -> Self {
        Self { words: words.into(), late: None, parts }
    }
}

/// What a change of the rules would change; nothing for other actions, and where there is nothing to compare.
pub(super) async fn change(app: &AppState, sheet: &ProposalSheet) -> Result<Option<ChangeView>, PageError> {
    if sheet.action.kind != PolicyKind::Constitution {
        return Ok(None);
    }
    let Ok(amendment) = Amendment::read(&sheet.action.action_type, &sheet.action.fields) else { return Ok(None) };
    let scope = app.engine().db().community(sheet.action.community);
    Ok(match amendment {
        Amendment::AddPolicy(draft) => Some(added(difference(&empty(&draft), &draft))),
        Amendment::ChangePolicy { policy, version, draft } => {
            let history = history(app, sheet.action.community, policy).await?;
            history.filter(|h| h.current.draft.kind == draft.kind).map(|h| versions(sheet, &h, version, &draft))
        }
        Amendment::RemovePolicy { policy, kind } => {
            let found = history(app, sheet.action.community, policy).await?.map(|h| h.current.draft);
            found.filter(|draft| draft.kind == kind).map(|draft| gone(difference(&draft, &empty(&draft))))
        }
        Amendment::RecoverPolicy { policy, kind } => {
            let found = history(app, sheet.action.community, policy).await?.map(|h| h.current.draft);
            found.filter(|draft| draft.kind == kind).map(|draft| back(difference(&empty(&draft), &draft)))
        }
        Amendment::OrderPolicies { kind, order } => orders(&scope, sheet, kind, &order).await?,
        Amendment::AddRole(draft) => Some(added(roles(app, &RoleDraft::default(), &draft))),
        Amendment::EditRole { role, draft } => {
            let before = if is_open(sheet) { role_of(&scope, role).await? } else { None };
            let before = before.or_else(|| role_before(&sheet.action.fields));
            before.map(|before| ChangeView::of(from(sheet), shown(roles(app, &before, &draft))))
        }
        Amendment::DeleteRole { role } => {
            let before = role_of(&scope, role).await?;
            before.map(|before| gone(roles(app, &before, &RoleDraft::default())))
        }
        Amendment::AddUserRole { .. } => members(&sheet.action.fields).map(|(role, names)| {
            let words = format!("Who gets the role “{role}”. Whoever has it keeps it.");
            ChangeView::of(words, shown(compare([("members", "", names.as_str())])))
        }),
        Amendment::RemoveUserRole { .. } => members(&sheet.action.fields).map(|(role, names)| {
            let words = format!("Who loses the role “{role}”.");
            ChangeView::of(words, shown(compare([("members", names.as_str(), "")])))
        }),
        Amendment::AddDocument(draft) => Some(added(texts(&DocumentDraft::default(), &draft))),
        Amendment::ChangeDocument { document, draft } => {
            let before = if is_open(sheet) { document_of(&scope, document).await? } else { None };
            let before = before.or_else(|| document_before(&sheet.action.fields));
            before.map(|before| ChangeView::of(from(sheet), shown(texts(&before, &draft))))
        }
        Amendment::DeleteDocument { document } => {
            document_of(&scope, document).await?.map(|before| gone(texts(&before, &DocumentDraft::default())))
        }
        Amendment::RecoverDocument { document } => {
            document_of(&scope, document).await?.map(|before| back(texts(&DocumentDraft::default(), &before)))
        }
        Amendment::AddIntegration(_) | Amendment::RemoveIntegration { .. } => None,
    })
}

/// The versions of a policy; nothing where there is no such policy.
async fn history(app: &AppState, community: CommunityId, id: PolicyId) -> Result<Option<PolicyHistory>, PageError> {
    match app.engine().policy_history(community, id).await {
        Ok(history) => Ok(Some(history)),
        Err(EngineError::Store(StoreError::NotFound { .. })) => Ok(None),
        Err(error) => Err(of_engine(error)),
    }
}

/// A new version beside the one it was made from; while it is open, beside the one in force.
fn versions(sheet: &ProposalSheet, history: &PolicyHistory, from: Option<i64>, draft: &PolicyDraft) -> ChangeView {
    let current = history.current.version;
    let made = history.versions.iter().find(|v| v.proposal == Some(sheet.proposal.id)).map(|v| v.policy.version);
    let then = || {
        let before = history.versions.iter().rev().find(|v| v.saved_at <= sheet.action.occurred_at);
        before.map_or(current, |v| v.policy.version)
    };
    let (base, words) = match (made, is_open(sheet)) {
        (Some(made), _) => {
            let base = made.saturating_sub(1);
            (base, format!("From version {base} to version {made}, which was made by this."))
        }
        (None, true) => (current, format!("From version {current}, in force, to what is proposed.")),
        (None, false) => {
            let base = from.unwrap_or_else(then);
            (base, format!("From version {base} to what was proposed."))
        }
    };
    let old = history.version(base).map_or(&history.current.draft, |v| &v.policy.draft);
    let late = from.filter(|from| is_open(sheet) && *from != current).map(|from| {
        format!(
            "This was made from version {from}, and version {current} is in force by now. Even if it passes it cannot be \
             made as it is; somebody has to propose it anew."
        )
    });
    ChangeView { words, late, parts: shown(difference(old, draft)) }
}

/// Another order of the same policies, by name.
async fn orders(
    scope: &Scoped,
    sheet: &ProposalSheet,
    kind: PolicyKind,
    order: &[PolicyId],
) -> Result<Option<ChangeView>, PageError> {
    let before = if is_open(sheet) {
        scope.policy_order(kind).await?
    } else {
        let recorded = sheet.action.fields.get(PREVIOUS_ORDER).cloned();
        match recorded.and_then(|order| serde_json::from_value(order).ok()) {
            Some(before) => before,
            None => return Ok(None),
        }
    };
    let names: BTreeMap<PolicyId, String> = scope.policy_names().await?.into_iter().collect();
    let listed = |order: &[PolicyId]| {
        let name = |id| names.get(id).map_or("a rule that is not in force", String::as_str);
        order.iter().map(name).collect::<Vec<_>>().join("\n")
    };
    let parts = shown(compare([("order", listed(&before).as_str(), listed(order).as_str())]));
    Ok(Some(ChangeView::of(format!("{} What is first is asked first.", from(sheet)), parts)))
}

/// Whether it is still to be decided: then what is in force now is what it would change.
fn is_open(sheet: &ProposalSheet) -> bool {
    matches!(sheet.proposal.status, Status::Proposed | Status::Held)
}

fn from(sheet: &ProposalSheet) -> &'static str {
    if is_open(sheet) {
        "From what is in force to what is proposed."
    } else {
        "From what was in force when it was proposed to what was proposed."
    }
}

fn added(parts: Vec<PartDiff>) -> ChangeView {
    ChangeView::of("All of it is new.", shown(parts))
}

fn gone(parts: Vec<PartDiff>) -> ChangeView {
    ChangeView::of("What would no longer count.", shown(parts))
}

fn back(parts: Vec<PartDiff>) -> ChangeView {
    ChangeView::of("What would count again.", shown(parts))
}

/// A policy of the same kind that says nothing.
fn empty(of: &PolicyDraft) -> PolicyDraft {
    PolicyDraft {
        kind: of.kind,
        name: String::new(),
        description: String::new(),
        action_types: Vec::new(),
        blocks: Blocks::default(),
        on_error: of.on_error,
    }
}

fn roles(app: &AppState, old: &RoleDraft, new: &RoleDraft) -> Vec<PartDiff> {
    let allowed = |draft: &RoleDraft| lines(app.engine(), &draft.permissions).join("\n");
    compare([
        ("name", old.name.as_str(), new.name.as_str()),
        ("description", &old.description, &new.description),
        ("permissions", &allowed(old), &allowed(new)),
    ])
}

fn texts(old: &DocumentDraft, new: &DocumentDraft) -> Vec<PartDiff> {
    compare([("name", old.name.as_str(), new.name.as_str()), ("text", &old.text, &new.text)])
}

async fn role_of(scope: &Scoped, id: RoleId) -> Result<Option<RoleDraft>, PageError> {
    let found = scope.roles().await?.into_iter().find(|role| role.id == id);
    Ok(found.map(|r| RoleDraft { name: r.name, description: r.description, permissions: r.permissions }))
}

async fn document_of(scope: &Scoped, id: DocumentId) -> Result<Option<DocumentDraft>, PageError> {
    Ok(scope.document(id).await?.map(|d| DocumentDraft { name: d.name, text: d.text }))
}

fn text(fields: &JsonMap, field: &str) -> Option<String> {
    fields.get(field).and_then(Json::as_str).map(str::to_owned)
}

/// A role as it was when its change was proposed.
fn role_before(fields: &JsonMap) -> Option<RoleDraft> {
    let permissions: BTreeSet<String> = serde_json::from_value(fields.get(PREVIOUS_PERMISSIONS)?.clone()).ok()?;
    Some(RoleDraft {
        name: text(fields, PREVIOUS_NAME)?,
        description: text(fields, PREVIOUS_DESCRIPTION)?,
        permissions,
    })
}

/// A document as it was when its change was proposed.
fn document_before(fields: &JsonMap) -> Option<DocumentDraft> {
    Some(DocumentDraft { name: text(fields, PREVIOUS_NAME)?, text: text(fields, PREVIOUS_TEXT)? })
}

/// The role that members get or lose, and their names, one a line.
fn members(fields: &JsonMap) -> Option<(String, String)> {
    let names: Vec<&str> = fields.get(USER_NAMES)?.as_array()?.iter().filter_map(Json::as_str).collect();
    Some((text(fields, ROLE_NAME)?, names.join("\n")))
}
