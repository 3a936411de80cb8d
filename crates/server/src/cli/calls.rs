//! `calls`: what was sent to platforms and is not finished, and a person's word on what nobody can tell.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use policykit_core::{call::CallState, ids::CallId};
use policykit_engine::SettleAs;
use policykit_store::CallRow;

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
    for call in &calls {
        let about = call.proposal.map_or_else(String::new, |p| format!(" proposal {p}"));
        let note = call.note.as_deref().map_or_else(String::new, |n| format!(": {n}"));
        line(format_args!(
            "{} {} {} ({}), tries {}, since {},{about}{note}",
            call.id,
            call.state.as_str(),
            call.call.operation,
            call.purpose,
            call.attempt,
            call.updated_at,
        ));
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
    let by = match &args.note {
        Some(note) => format!("{} ({note})", args.by),
        None => args.by.clone(),
    };
    context
        .engine(db.clone())
        .settle_call(args.id, what, &by)
        .await
        .with_context(|| format!("`{}` was not settled; only uncertain calls can be", args.id))?;
    line(format_args!("{} is settled; what follows from it is done by the running server", args.id));
    db.close().await;
    Ok(ExitCode::SUCCESS)
}
