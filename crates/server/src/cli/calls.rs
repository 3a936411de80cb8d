//! `calls`: what was sent to platforms and is not finished, and a person's word on what nobody can tell.

use std::{collections::BTreeMap, fmt::Write as _, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};
use policykit_core::{
    call::{CallOutcome, CallState},
    decider::Decider,
    ids::{CallId, InstallationId},
};
use policykit_engine::{EngineError, SettleAs};
use policykit_store::{CallRow, StoreError};

use super::{
    context::{Context, Opened},
    output::{line, note},
};

/// What `calls settle` takes.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("verdict").required(true)))]
pub(crate) struct SettleArgs {
    /// The call, as `calls list` shows it
    pub(crate) id: CallId,
    /// It took effect on the platform
    #[arg(long, group = "verdict")]
    pub(crate) happened: bool,
    /// It did not take effect, and is not tried again
    #[arg(long, group = "verdict")]
    pub(crate) did_not_happen: bool,
    /// What the platform answered, as JSON, where a policy needs it (the id of a post, say)
    // `requires` would not do: what conflicts with something given is not asked for.
    #[arg(long, value_name = "JSON", conflicts_with = "did_not_happen", value_parser = json)]
    pub(crate) reply: Option<serde_json::Value>,
    /// Who says so
    #[arg(long, value_name = "NAME", default_value = "an operator")]
    pub(crate) by: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

fn json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|e| format!("this is not JSON: {e}"))
}

/// How many calls are listed at most.
const MOST: usize = 10_000;

/// For whom a list is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

fn as_json(call: &CallRow) -> serde_json::Value {
    serde_json::json!({
        "id": call.id,
        "community": call.community,
        "installation": call.installation,
        "proposal": call.proposal,
        "evaluation": call.evaluation,
        "purpose": call.purpose,
        "operation": call.call.operation,
        "args": call.call.args,
        "state": call.state.as_str(),
        "attempt": call.attempt,
        "note": call.note,
        "created_at": call.created_at.to_string(),
        "updated_at": call.updated_at.to_string(),
    })
}

/// What a person needs who goes and looks: what was sent, where to, and why nobody can tell.
fn as_text(call: &CallRow, place: Option<&str>) -> String {
    let state = match call.state {
        CallState::Planned => "waits to be sent",
        CallState::Sending => "is being sent",
        CallState::Retry => "is sent again later",
        CallState::Sent => "was sent",
        CallState::Failed => "was refused",
        CallState::Uncertain => "is uncertain",
        CallState::SettledByPerson => "was settled by a person",
    };
    let mut text = format!(
        "{} {state}: {} ({}) in {}, tries {}, since {}",
        call.id,
        call.call.operation,
        call.purpose,
        place.unwrap_or("a place that is gone"),
        call.attempt,
        call.updated_at,
    );
    let mut add = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n    {name}: {value}");
    };
    add("sent", &serde_json::Value::Object(call.call.args.clone()).to_string());
    let why = match &call.outcome {
        Some(CallOutcome::Unknown { reason }) => Some(reason),
        _ => call.note.as_ref(),
    };
    if let Some(why) = why {
        add("why", why);
    }
    if let Some(proposal) = call.proposal {
        add("proposal", &proposal.to_string());
    }
    text
}

/// `policykit calls list`.
pub(crate) async fn list(context: &Context, state: &str, format: Format) -> anyhow::Result<ExitCode> {
    let state = CallState::parse(state).context("there is no such state")?;
    let Opened { db, .. } = context.open().await?;
    let calls = db.system().calls(state, MOST).await?;
    if format == Format::Json {
        line(serde_json::to_string_pretty(&calls.iter().map(as_json).collect::<Vec<_>>())?);
        db.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let places: BTreeMap<InstallationId, String> = db
        .system()
        .installations()
        .await?
        .into_iter()
        .map(|i| (i.id, format!("{} on {}", i.name, i.platform)))
        .collect();
    for call in &calls {
        line(as_text(call, places.get(&call.installation).map(String::as_str)));
    }
    if calls.is_empty() {
        note(format_args!("no call is `{}`", state.as_str()));
    } else if state == CallState::Uncertain {
        note(
            "look on the platform, then say what you saw: `policykit calls settle ID --happened` or `--did-not-happen`",
        );
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// `policykit calls settle`.
pub(crate) async fn settle(context: &Context, args: SettleArgs) -> anyhow::Result<ExitCode> {
    let Opened { db, .. } = context.open().await?;
    let what = if args.happened {
        SettleAs::Happened(args.reply.unwrap_or_else(|| serde_json::json!({})))
    } else {
        SettleAs::DidNotHappen
    };
    let remark = match &args.note {
        Some(note) => format!("{}: {note}", args.by),
        None => args.by.clone(),
    };
    match context.engine(db.clone())?.settle_call(args.id, what, Decider::Operator, Some(&remark)).await {
        Ok(_) => {}
        Err(EngineError::Store(StoreError::NotFound { .. })) => {
            bail!("there is no call `{}`; `policykit calls list` shows those that can be settled", args.id)
        }
        Err(EngineError::Store(StoreError::Conflict { .. })) => {
            bail!("`{}` is not uncertain, so there is nothing to settle; it may have been settled meanwhile", args.id)
        }
        Err(error) => return Err(error).with_context(|| format!("`{}` was not settled", args.id)),
    }
    line(format_args!("{} is settled; what follows from it is done by the running server", args.id));
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use policykit_core::{
        Timestamp,
        call::{OperationClass, PlannedCall},
        ids::CommunityId,
    };
    use uuid::Uuid;

    use super::*;

    fn call(state: CallState, outcome: Option<CallOutcome>, note: Option<&str>) -> CallRow {
        let args = [("channel", "C0SQUARE"), ("text", "Heard.")];
        let call = PlannedCall {
            operation: "chat.postEphemeral".to_owned(),
            args: args.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        };
        CallRow {
            id: CallId::from_uuid(Uuid::from_u128(1)),
            community: CommunityId::from_uuid(Uuid::from_u128(2)),
            installation: InstallationId::from_uuid(Uuid::from_u128(3)),
            proposal: None,
            evaluation: None,
            action: None,
            purpose: "notify".to_owned(),
            idx: 0,
            args_hash: call.args_hash(),
            call,
            class: OperationClass::Blind,
            state,
            attempt: 1,
            fence: 1,
            due_at: Timestamp::from_secs(0),
            outcome,
            note: note.map(str::to_owned),
            created_at: Timestamp::from_secs(0),
            updated_at: Timestamp::from_micros(1_767_603_600_533_234),
        }
    }

    #[test]
    fn the_list_says_what_was_sent_where_and_why_nobody_can_tell() {
        let reason = "the connection ended before the answer".to_owned();
        let uncertain = call(CallState::Uncertain, Some(CallOutcome::Unknown { reason }), None);
        let text = as_text(&uncertain, Some("Garden on chat"));
        for part in [
            "is uncertain: chat.postEphemeral (notify) in Garden on chat, tries 1",
            "sent: {\"channel\":\"C0SQUARE\",\"text\":\"Heard.\"}",
            "why: the connection ended before the answer",
        ] {
            assert!(text.contains(part), "`{part}` is not in:\n{text}");
        }
        let waiting = as_text(&call(CallState::Retry, None, Some("the platform asks to wait")), None);
        assert!(waiting.contains("is sent again later") && waiting.contains("a place that is gone"), "{waiting}");
        assert!(waiting.contains("why: the platform asks to wait"), "{waiting}");
    }
}
