//! The form a policy is written in: what was typed, as it goes around the browser and back.

use std::collections::BTreeSet;

use policykit_core::{
    community::Installation,
    constitution,
    policy::{Block, Blocks, OnError, PolicyDraft, PolicyKind},
};
use policykit_engine::{Engine, WEBHOOK_TRIGGER};
use serde::Deserialize;

/// The form as it is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PolicyForm {
    /// What it governs; only of a new policy.
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) action_types: Vec<String>,
    pub(super) filter: String,
    pub(super) initialize: String,
    pub(super) check: String,
    pub(super) notify: String,
    pub(super) success: String,
    pub(super) fail: String,
    pub(super) on_error: String,
    /// The version it was made from.
    pub(super) version: Option<i64>,
    /// Whether it may be the last change of the constitution.
    pub(super) accepts_lockout: Option<String>,
}

impl PolicyForm {
    /// The form filled with a policy.
    pub(super) fn of(draft: &PolicyDraft, version: Option<i64>) -> Self {
        Self {
            kind: draft.kind.as_str().to_owned(),
            name: draft.name.clone(),
            description: draft.description.clone(),
            action_types: draft.action_types.clone(),
            filter: draft.blocks.filter.clone(),
            initialize: draft.blocks.initialize.clone(),
            check: draft.blocks.check.clone(),
            notify: draft.blocks.notify.clone(),
            success: draft.blocks.success.clone(),
            fail: draft.blocks.fail.clone(),
            on_error: draft.on_error.as_str().to_owned(),
            version,
            accepts_lockout: None,
        }
    }

    /// What was written, as a policy of this kind.
    pub(super) fn draft(&self, kind: PolicyKind) -> PolicyDraft {
        // Browsers send line ends as they did in 1994; code has one kind.
        let code = |text: &str| text.replace("\r\n", "\n");
        PolicyDraft {
            kind,
            name: self.name.trim().to_owned(),
            description: code(self.description.trim()),
            action_types: self.action_types.iter().map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect(),
            blocks: Blocks {
                filter: code(&self.filter),
                initialize: code(&self.initialize),
                check: code(&self.check),
                notify: code(&self.notify),
                success: code(&self.success),
                fail: code(&self.fail),
            },
            on_error: OnError::parse(&self.on_error).unwrap_or_default(),
        }
    }

    /// The code of a block.
    pub(super) fn block(&self, block: Block) -> &str {
        match block {
            Block::Filter => &self.filter,
            Block::Initialize => &self.initialize,
            Block::Check => &self.check,
            Block::Notify => &self.notify,
            Block::Success => &self.success,
            Block::Fail => &self.fail,
        }
    }
}

/// A block as the page shows it.
#[derive(Debug, Clone)]
pub(super) struct BlockField {
    /// Its name.
    pub(super) id: &'static str,
    /// Its heading.
    pub(super) heading: &'static str,
    /// What it is for.
    pub(super) purpose: &'static str,
    /// Its code.
    pub(super) code: String,
    /// How many lines the field shows.
    pub(super) rows: usize,
}

/// The six blocks with what was written in them.
pub(super) fn blocks(form: &PolicyForm) -> Vec<BlockField> {
    Block::ALL
        .into_iter()
        .map(|block| {
            let (heading, purpose) = match block {
                Block::Filter => {
                    ("Filter", "Does this rule apply to what happened? Empty: to everything ticked above.")
                }
                Block::Initialize => ("Initialize", "Prepare, once per proposal."),
                Block::Check => ("Check", "Is it decided? Answer PASSED or FAILED, or nothing to keep waiting."),
                Block::Notify => ("Notify", "Not decided yet: tell or ask someone."),
                Block::Success => ("Pass", "After it passed."),
                Block::Fail => ("Fail", "After it failed. What can be undone is undone by itself."),
            };
            let code = form.block(block).to_owned();
            let rows = code.lines().count().clamp(2, 24).saturating_add(1);
            BlockField { id: block.as_str(), heading, purpose, code, rows }
        })
        .collect()
}

/// Types of actions that stand together.
#[derive(Debug, Clone)]
pub(super) struct TypeGroup {
    /// Where they happen.
    pub(super) name: String,
    /// The types.
    pub(super) types: Vec<TypeChoice>,
}

/// A type of action to tick.
#[derive(Debug, Clone)]
pub(super) struct TypeChoice {
    pub(super) codename: String,
    pub(super) label: String,
    pub(super) ticked: bool,
}

/// What a policy of a kind can apply to, by platform; the platforms the community is on come first, and what the form
/// names and nobody knows comes last.
pub(super) fn type_groups(
    engine: &Engine,
    installations: &[Installation],
    kind: PolicyKind,
    chosen: &[String],
) -> Vec<TypeGroup> {
    let ticked = |codename: &str| chosen.iter().any(|c| c == codename);
    let choice = |codename: &str, label: &str| TypeChoice {
        codename: codename.to_owned(),
        label: label.to_owned(),
        ticked: ticked(codename),
    };
    let mut groups = Vec::new();
    if kind != PolicyKind::Constitution {
        let mut platforms: Vec<_> = engine.registry().descriptors().collect();
        platforms.sort_by_key(|d| !installations.iter().any(|i| i.platform == d.id));
        for descriptor in platforms {
            let types: Vec<_> = descriptor.governable.iter().map(|t| choice(t.codename, t.label)).collect();
            groups.push(TypeGroup { name: descriptor.name.to_owned(), types });
        }
    }
    if kind != PolicyKind::Platform {
        let types = constitution::action_types().iter().map(|t| choice(t.codename, t.label)).collect();
        groups.push(TypeGroup { name: "Changes of the rules".to_owned(), types });
    }
    if kind == PolicyKind::Trigger {
        let types = vec![choice(WEBHOOK_TRIGGER, "hear of anything else that a platform tells")];
        groups.push(TypeGroup { name: "Any platform".to_owned(), types });
    }
    let known: BTreeSet<&str> = groups.iter().flat_map(|g| g.types.iter().map(|t| t.codename.as_str())).collect();
    let unknown: Vec<_> = chosen.iter().filter(|c| !known.contains(c.as_str())).map(|c| choice(c, c)).collect();
    if !unknown.is_empty() {
        groups.push(TypeGroup { name: "Not known to this server".to_owned(), types: unknown });
    }
    groups
}

/// What may happen when a policy's code fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnErrorChoice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) chosen: bool,
}

/// The ways, the form's marked.
pub(super) fn on_error_choices(form: &PolicyForm) -> Vec<OnErrorChoice> {
    let chosen = OnError::parse(&form.on_error).unwrap_or_default();
    [
        (OnError::Hold, "Leave things as they are and hold the matter for a person"),
        (OnError::HoldReverted, "Undo what happened, then hold the matter for a person"),
        (OnError::Next, "Let the next policy decide"),
        (OnError::Fail, "Refuse it"),
    ]
    .into_iter()
    // What is refused when it is proposed is not offered.
    .filter(|(way, _)| *way != OnError::Next || form.kind != PolicyKind::Constitution.as_str())
    .map(|(way, label)| OnErrorChoice { value: way.as_str(), label, chosen: way == chosen })
    .collect()
}

/// What a kind of policy governs, for headings.
pub(super) const fn kind_words(kind: PolicyKind) -> (&'static str, &'static str) {
    match kind {
        PolicyKind::Platform => ("What people do", "What members do on a platform: may be undone and done again."),
        PolicyKind::Constitution => ("Changes of the rules", "Who may change policies, roles and guidelines, and how."),
        PolicyKind::Trigger => ("When something happens", "Reacts; decides nothing about what happened."),
    }
}
