//! Undoing a change of a channel's name or topic: only where it is still there, and to what stood before it.

use policykit_core::{
    call::{CallOutcome, PlannedCall},
    state::Undoing,
};
use serde_json::{Value, json};

use super::{Trouble, Web, confirm, topic};
use crate::{
    platform::{CallError, SendContext},
    slack::{
        actions::{BEFORE, RENAME, TOPIC, text},
        readable::{readable, same_words},
    },
};

/// The call to make, or what comes of it without one.
pub(super) type Instead = Result<PlannedCall, CallOutcome>;

/// Whether a call has to be looked at by [`instead`].
pub(super) fn concerns(call: &PlannedCall, context: &SendContext) -> bool {
    match call.operation.as_str() {
        TOPIC => call.args.contains_key(BEFORE),
        RENAME => context.undoing.is_some(),
        _ => false,
    }
}

/// What is to be done instead of a call that undoes something, in view of how matters are.
pub(super) async fn instead(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Instead, CallError> {
    match &context.undoing {
        Some(undoing) if call.operation == RENAME => rename_back(web, call, undoing).await,
        _ => topic::put_back(web, call, context).await,
    }
}

async fn rename_back(web: &Web<'_>, call: &PlannedCall, undoing: &Undoing) -> Result<Instead, CallError> {
    let now = match confirm::channel_name(web, call).await {
        Ok(now) => now.unwrap_or_default(),
        Err(Trouble::Refused { code, body }) => {
            let message = super::refusal::explain(&code, &body);
            return Ok(Err(CallOutcome::Refused { code, message }));
        }
        // Nothing was changed, so asking again does no harm.
        Err(Trouble::Call(CallError::Unknown { reason })) => return Err(CallError::Retry { after_ms: 1_000, reason }),
        Err(Trouble::Call(error)) => return Err(error),
    };
    let mut call = call.clone();
    if confirm::normal_name(&undoing.change.value) != now {
        return Ok(Err(replaced(&now, Some(&echoed(&call, undoing, &now)))));
    }
    if undoing.confirmed_by(|one, other| confirm::normal_name(one) == confirm::normal_name(other)).is_some() {
        let note = "it has been made again since, and that stands";
        return Ok(Err(CallOutcome::Done { reply: json!({ "already": REPLACED, "note": note }) }));
    }
    if let Some(back) = undoing.before() {
        call.args.insert("name".to_owned(), back.into());
    }
    Ok(Ok(call))
}

/// The name by which we would be told of it, had we given the channel another one before.
fn echoed(call: &PlannedCall, undoing: &Undoing, now: &str) -> String {
    let planned = text(&call.args, "name").unwrap_or_default();
    if confirm::normal_name(&planned) == now { planned } else { undoing.before().unwrap_or(planned) }
}

/// What is found when it is looked whether a change was undone.
pub(super) enum Found {
    /// It is still there.
    Still,
    /// It is gone: what Slack would have answered.
    Gone(Value),
}

/// Whether a change that a call undoes is still there. `None` where it undoes nothing of this sort.
pub(super) async fn found(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Option<Found>, Trouble> {
    let Some(undoing) = &context.undoing else {
        // Nothing is known of it, and looking again for what was before does no harm.
        return Ok(concerns(call, context).then_some(Found::Still));
    };
    let channel = text(&call.args, "channel").unwrap_or_default();
    let (same, name) = match call.operation.as_str() {
        TOPIC => (same_words(&topic::now(web, &channel).await?.topic, &undoing.change.value), None),
        RENAME => {
            let now = confirm::channel_name(web, call).await?.unwrap_or_default();
            (confirm::normal_name(&undoing.change.value) == now, Some(echoed(call, undoing, &now)))
        }
        _ => return Ok(None),
    };
    Ok(Some(if same { Found::Still } else { Found::Gone(json!({ "channel": channel, "name": name })) }))
}

/// In an answer: nothing had to be done, because something else has taken its place.
pub(in crate::slack) const REPLACED: &str = "replaced";

/// What comes of undoing what is not there any more; `name` is the one by which we are told of it if it was we.
pub(super) fn replaced(now: &str, name: Option<&str>) -> CallOutcome {
    let now = if now.is_empty() { "nothing".to_owned() } else { format!("`{}`", readable(now, &|_| None)) };
    let note = format!("nothing had to be put back, because it had been replaced already and is {now} now");
    CallOutcome::Done { reply: json!({ "already": REPLACED, "note": note, "name": name }) }
}
