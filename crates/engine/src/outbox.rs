//! What one transaction will write, and what begins when it is committed.

use std::collections::HashMap;

use policykit_core::{
    Timestamp,
    action::{Action, Standing},
    call::{CallState, OperationClass, PlannedCall},
    community::Installation,
    ids::{ActionId, CallId},
};
use policykit_store::{ActionChange, CallRow, Changes, NewCall};

use crate::{errors::Failed, evaluation::Evaluation, foresight::Foreseen, parts::Parts};

/// What one transaction will write, and what is to be done after it.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) changes: Changes,
    pub(crate) follow_ups: Vec<FollowUp>,
    /// What filters said of actions of the batch before their turn came.
    pub(crate) foreseen: HashMap<ActionId, Foreseen>,
    /// Policies whose code failed, to be counted when this is committed.
    pub(crate) failed: Failed,
    /// Why nothing of this may be written: a policy could not be run, through no fault of its own.
    pub(crate) nowhere: Option<String>,
}

/// Work that begins when the transaction is committed.
pub(crate) enum FollowUp {
    /// Go on with an evaluation; the call, if any, is committed.
    Drive(Box<Evaluation>, Option<Box<CallRow>>),
    /// Send a call that is committed.
    Send(Box<CallRow>),
}

impl Outbox {
    /// Notes how an action stands, on its row if that is still to be inserted.
    pub(crate) fn action(&mut self, id: ActionId, reverted: Option<bool>, standing: Option<Standing>) {
        if let Some(action) = self.changes.actions.iter_mut().find(|a| a.id == id) {
            action.reverted = reverted.unwrap_or(action.reverted);
            action.standing = standing.unwrap_or(action.standing);
        } else {
            self.changes.action_changes.push(ActionChange { id, reverted, standing, done_at: None });
        }
    }

    /// Adds an action unless it is there already.
    pub(crate) fn insert_action(&mut self, action: &Action) {
        if !self.changes.actions.iter().any(|a| a.id == action.id) {
            self.changes.actions.push(action.clone());
        }
    }

    /// Plans a call that the engine makes itself, to be sent as soon as it is committed.
    pub(crate) fn send(&mut self, call: NewCall) {
        self.follow_ups.push(FollowUp::Send(Box::new(new_row(&call))));
        self.changes.calls.push(call);
    }
}

impl Parts {
    /// A call through an installation as it is first written down, for nothing in particular yet: whoever plans it says for
    /// which proposal, evaluation and action.
    pub(crate) fn new_call(
        &self,
        id: CallId,
        installation: &Installation,
        purpose: &str,
        call: PlannedCall,
        at: Timestamp,
    ) -> NewCall {
        let class = self.class_of(&installation.platform, &call.operation);
        NewCall {
            id,
            community: installation.community,
            installation: installation.id,
            proposal: None,
            evaluation: None,
            action: None,
            purpose: purpose.to_owned(),
            idx: 0,
            class,
            call,
            state: first_state(class),
            fence: 0,
            due_at: at,
            created_at: at,
        }
    }
}

/// How a new call is written down. What cannot be looked up afterwards does not count as being sent while it waits for
/// its turn: were it so, a death would leave in doubt whatever had been waiting.
const fn first_state(class: OperationClass) -> CallState {
    match class {
        OperationClass::Blind => CallState::Planned,
        OperationClass::Idempotent | OperationClass::State | OperationClass::Marked => CallState::Sending,
    }
}

/// A new call as it will be read back.
pub(crate) fn new_row(call: &NewCall) -> CallRow {
    CallRow {
        id: call.id,
        community: call.community,
        installation: call.installation,
        proposal: call.proposal,
        evaluation: call.evaluation,
        action: call.action,
        purpose: call.purpose.clone(),
        idx: call.idx,
        args_hash: call.call.args_hash(),
        call: call.call.clone(),
        class: call.class,
        state: call.state,
        attempt: i64::from(call.state == CallState::Sending),
        fence: call.fence,
        due_at: call.due_at,
        outcome: None,
        note: None,
        created_at: call.created_at,
        updated_at: call.created_at,
    }
}
