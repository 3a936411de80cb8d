//! Changes of things that have one state at a time: what the journal says of the others before one of them is undone or
//! done, and one at a time.
//!
//! A value must not come back that is itself undone, and what was decided later is not overwritten by what comes late.

use std::{collections::HashMap, sync::Arc};

use policykit_core::{
    action::Action,
    call::CallOutcome,
    ids::{ActionId, InstallationId},
    state::{StateChange, StateOf, Undoing, latest_since},
};
use policykit_store::CallRow;
use serde_json::json;

use crate::{
    EngineError,
    community::CommunityHandle,
    evaluation::{EXECUTE, REVERT},
    parts::{Parts, lock},
};

/// How many changes of the same state are looked at.
const MOST_CHANGES: usize = 5_000;
/// Above this many states, those that nobody waits for are forgotten.
const MANY: usize = 1_024;

/// Code of the outcome of what came too late.
const REPLACED: &str = "replaced";

/// Whose turn it is to change a state, by its key.
pub(crate) type Turns = HashMap<(InstallationId, String), Arc<tokio::sync::Mutex<()>>>;

/// The state that a call is about to change. Held until what came of the call is written down, for the next one to know.
pub(crate) struct InTurn {
    community: Arc<CommunityHandle>,
    action: Action,
    about: String,
    _turn: tokio::sync::OwnedMutexGuard<()>,
}

/// What is known before a call is sent that changes a state.
pub(crate) enum Beforehand {
    /// The change is undone in view of this.
    Undo(Undoing),
    /// The change is carried out. In words what it takes the place of, where that came to stand after it was made.
    Do(Option<String>),
    /// There is nothing to send.
    Settled(CallOutcome),
}

impl Parts {
    /// The key of the state that an action changes.
    pub(crate) fn about(&self, community: &CommunityHandle, action: &Action) -> Option<String> {
        self.state_of(community, action)?.key(&action.fields)
    }

    fn state_of(&self, community: &CommunityHandle, action: &Action) -> Option<StateOf> {
        let platform = &community.installation(action.installation?)?.platform;
        self.registry.get(platform)?.descriptor().action_type(&action.action_type)?.state
    }

    /// Waits until no other call changes the state that this one changes. `None` when it changes none.
    pub(crate) async fn in_turn(&self, row: &CallRow) -> Result<Option<InTurn>, EngineError> {
        let Some(id) = changed_by(row) else { return Ok(None) };
        let action = self.db.community(row.community).action(id).await?;
        let Some(about) = action.about.clone() else { return Ok(None) };
        let turn = {
            let mut turns = lock(&self.state_turns);
            if turns.len() > MANY {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(turns.entry((row.installation, about.clone())).or_default())
        };
        let turn = turn.lock_owned().await;
        let community = self.community(row.community, None).await?;
        Ok(Some(InTurn { community, action, about, _turn: turn }))
    }

    /// What the journal says of it now.
    pub(crate) async fn beforehand(&self, row: &CallRow, turn: &InTurn) -> Result<Option<Beforehand>, EngineError> {
        let found = self.db.community(row.community).changes_of(row.installation, &turn.about, MOST_CHANGES).await?;
        let others: Vec<StateChange> = found
            .iter()
            .filter(|(other, _)| other.id != turn.action.id)
            .filter_map(|(other, done_at)| self.state_of(&turn.community, other)?.change(other, *done_at))
            .collect();
        if row.purpose == EXECUTE {
            let own = self.state_of(&turn.community, &turn.action).and_then(|state| state.value(&turn.action.fields));
            let another = |change: &&StateChange| Some(&change.value) != own.as_ref();
            // The last decision counts, and this one may have been waiting for long.
            return Ok(Some(match latest_since(&others, row.created_at).filter(another) {
                Some(later) => Beforehand::Settled(CallOutcome::Refused {
                    code: REPLACED.to_owned(),
                    message: format!("{} stands since, by a later decision", self.shown(turn, &later.value)),
                }),
                None => Beforehand::Do(
                    latest_since(&others, turn.action.occurred_at)
                        .filter(another)
                        .map(|before| format!("it took the place of {}", self.shown(turn, &before.value))),
                ),
            }));
        }
        let own = found.iter().find(|(other, _)| other.id == turn.action.id);
        let own = own.map_or((&turn.action, None), |(action, done_at)| (action, *done_at));
        let change = self.state_of(&turn.community, own.0).and_then(|state| state.change(own.0, own.1));
        let Some(change) = change else { return Ok(None) };
        let undoing = Undoing { change, others };
        let nothing = |note: String| {
            Beforehand::Settled(CallOutcome::Done { reply: json!({ "already": REPLACED, "note": note }) })
        };
        if undoing.confirmed_by(|one, other| one == other).is_some() {
            return Ok(Some(nothing("it has been made again since, and that stands".to_owned())));
        }
        if undoing.before().as_ref() == Some(&undoing.change.value) {
            return Ok(Some(nothing("it is as it was before the changes that do not stand".to_owned())));
        }
        Ok(Some(Beforehand::Undo(undoing)))
    }

    /// A value as people read it.
    fn shown(&self, turn: &InTurn, value: &str) -> String {
        let installation = turn.action.installation.and_then(|id| turn.community.installation(id));
        let platform = installation.and_then(|i| self.registry.get(&i.platform));
        match platform.map_or_else(|| value.to_owned(), |platform| platform.readable(value, &|_| None)) {
            nothing if nothing.is_empty() => "nothing".to_owned(),
            value => format!("`{value}`"),
        }
    }
}

/// The outcome of a call that was done, with a word about it.
pub(crate) fn noted(outcome: CallOutcome, note: Option<String>) -> CallOutcome {
    match (outcome, note) {
        (CallOutcome::Done { reply: serde_json::Value::Object(mut reply) }, Some(note)) => {
            reply.insert("note".to_owned(), note.into());
            CallOutcome::Done { reply: reply.into() }
        }
        (outcome, _) => outcome,
    }
}

/// The action whose effect a call is.
fn changed_by(row: &CallRow) -> Option<ActionId> {
    let effect = row.purpose == REVERT || row.purpose == EXECUTE;
    row.action.filter(|_| effect && row.outcome.is_none())
}
