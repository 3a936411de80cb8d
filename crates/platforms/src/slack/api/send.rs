//! Making calls.

use policykit_core::{
    call::{CallOutcome, PlannedCall},
    ids::CallId,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

use super::{SEND_BUDGET, Token, Trouble, Web, confirm, form, is_slack_host, pairs, put_back, refusal, tokens::Client};
use crate::{
    http::{Authorization, Effect, Http, Payload, Redirect, Request, Trust},
    platform::{CallError, SendContext},
    slack::{
        actions::{RENAME, text},
        descriptor::{LEAVE_WORKSPACE, READS, RESPONSE_URL, is_ours},
    },
};

/// `event_type` of the mark that a message of ours carries.
pub(super) const MARK: &str = "policykit_call";

/// Makes a call once; joins a channel first where Slack says that this is all that is missing.
pub(in crate::slack) async fn send(
    http: &Http,
    call: &PlannedCall,
    context: &SendContext,
) -> Result<CallOutcome, CallError> {
    let web = Web::of(http, context);
    let sending = async {
        match call.operation.as_str() {
            RESPONSE_URL => answer_voter(&web, call).await,
            LEAVE_WORKSPACE => leave(&web, context).await,
            _ if put_back::concerns(call, context) => match put_back::instead(&web, call, context).await? {
                Ok(call) => make(&web, &call, context).await,
                Err(outcome) => Ok(outcome),
            },
            _ => make(&web, call, context).await,
        }
    };
    match tokio::time::timeout(SEND_BUDGET, sending).await {
        Ok(result) => result,
        Err(_) => Err(CallError::Unknown { reason: "Slack took too long to answer".to_owned() }),
    }
}

async fn make(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<CallOutcome, CallError> {
    let token = Token::for_operation(&call.operation);
    if READS.contains(&call.operation.as_str()) {
        return match web.get(&call.operation, Token::Bot, form(&call.args)).await {
            Ok(body) => Ok(CallOutcome::Done { reply: body }),
            Err(Trouble::Call(error)) => Err(error),
            Err(Trouble::Refused { code, body }) => {
                Ok(CallOutcome::Refused { message: refusal::explain(&code, &body), code })
            }
        };
    }
    let mut result = web.post(&call.operation, token, params(call, context.call)).await;
    if joins_first(&call.operation)
        && let Err(refused) = &result
        && refused.is_refusal(&["not_in_channel"])
        && let Some(channel) = text(&call.args, "channel")
    {
        match web.post("conversations.join", Token::Bot, pairs(&[("channel", &channel)])).await {
            Ok(_) => result = web.post(&call.operation, token, params(call, context.call)).await,
            // The call itself certainly had no effect, whatever became of joining.
            Err(Trouble::Call(CallError::Unknown { reason })) => {
                return Err(CallError::Retry { after_ms: 1_000, reason });
            }
            Err(Trouble::Call(error)) => return Err(error),
            Err(Trouble::Refused { .. }) => {}
        }
    }
    match result {
        Ok(body) => Ok(CallOutcome::Done { reply: trim(&call.operation, &body) }),
        Err(Trouble::Call(error)) => Err(error),
        Err(Trouble::Refused { code, body }) => refused(web, call, &code, &body).await,
    }
}

/// A refusal is success where the state is already as wanted.
async fn refused(web: &Web<'_>, call: &PlannedCall, code: &str, body: &Value) -> Result<CallOutcome, CallError> {
    let already = match (call.operation.as_str(), code) {
        ("chat.delete" | "pins.remove", "message_not_found")
        | ("pins.add", "already_pinned")
        | ("reactions.add", "already_reacted")
        | ("reactions.remove", "no_reaction")
        | ("conversations.archive", "already_archived")
        | ("conversations.unarchive", "not_archived")
        | ("pins.remove", "no_pin" | "not_pinned") => true,
        // These may also speak of somebody else, or of the caller: look.
        ("conversations.invite", "already_in_channel")
        | ("conversations.kick", "not_in_channel" | "user_not_in_channel")
        | (RENAME, "name_taken") => confirm::is_so(web, call).await?,
        _ => false,
    };
    if already {
        return Ok(CallOutcome::Done { reply: json!({ "already": code }) });
    }
    if code == "not_in_channel" && matches!(call.operation.as_str(), "conversations.kick" | "conversations.invite") {
        // It is the administrator who is missing there; the bot may do it where it is a member.
        match web.post(&call.operation, Token::Bot, form(&call.args)).await {
            Ok(body) => return Ok(CallOutcome::Done { reply: trim(&call.operation, &body) }),
            Err(Trouble::Call(error)) => return Err(error),
            Err(Trouble::Refused { .. }) => {}
        }
    }
    let message = if code == "not_in_channel" && Token::for_operation(&call.operation) == Token::Admin {
        "the administrator whose token is used is not in the channel; add them there".to_owned()
    } else {
        refusal::explain(code, body)
    };
    Ok(CallOutcome::Refused { code: code.to_owned(), message })
}

/// What the bot may do in a public channel once it has joined it.
fn joins_first(operation: &str) -> bool {
    matches!(
        operation,
        "chat.postMessage"
            | "chat.postEphemeral"
            | "chat.scheduleMessage"
            | "pins.add"
            | "pins.remove"
            | "reactions.add"
            | "reactions.remove"
            | "conversations.setTopic"
    )
}

fn params(call: &PlannedCall, id: CallId) -> Vec<(String, String)> {
    let mut params = form(&call.args);
    if call.operation == "chat.postMessage" {
        let mark = json!({ "event_type": MARK, "event_payload": { "call": id } });
        params.push(("metadata".to_owned(), mark.to_string()));
    }
    params
}

/// The part of an answer that matters later.
pub(super) fn trim(operation: &str, body: &Value) -> Value {
    // What a policy worded itself is answered in full: nobody else knows what matters of it.
    if !is_ours(operation) {
        return body.clone();
    }
    let mut reply = serde_json::Map::new();
    for name in ["ts", "message_ts", "scheduled_message_id"] {
        if let Some(value) = body.get(name).filter(|v| v.is_string()) {
            reply.insert(name.to_owned(), value.clone());
        }
    }
    match body.get("channel") {
        Some(Value::String(id)) => {
            reply.insert("channel".to_owned(), id.clone().into());
        }
        Some(Value::Object(channel)) => {
            if let Some(id) = channel.get("id") {
                reply.insert("channel".to_owned(), id.clone());
            }
            if operation == RENAME
                && let Some(name) = channel.get("name")
            {
                reply.insert("name".to_owned(), name.clone());
            }
        }
        _ => {}
    }
    reply.into()
}

/// Takes the app out of the workspace, which ends all its tokens there; with the administrator's token where the bot's has
/// died. Where the server does not know the app's own secret, the tokens it has are revoked one by one. Done means that
/// Slack did so, or that every token is dead already.
async fn leave(web: &Web<'_>, context: &SendContext) -> Result<CallOutcome, CallError> {
    let client = Client::of(web.app).ok();
    let (mut did, mut had) = (false, false);
    // The administrator's last: it is the one that could still be used to look.
    for token in [Token::Bot, Token::Admin] {
        if !context.credentials.contains_key(token.credential()) {
            continue;
        }
        had = true;
        let answer = match &client {
            Some(client) => {
                let params = [("client_id", client.id), ("client_secret", client.secret.expose_secret())];
                web.post(LEAVE_WORKSPACE, token, pairs(&params)).await
            }
            None => web.post("auth.revoke", token, Vec::new()).await,
        };
        match answer {
            Ok(_) => did = true,
            // The token has died already, so there is nothing left to give up with it.
            Err(Trouble::Call(CallError::AccessLost { .. })) => {}
            Err(Trouble::Call(error)) => return Err(error),
            Err(Trouble::Refused { code, body }) => {
                return Ok(CallOutcome::Refused { message: refusal::explain(&code, &body), code });
            }
        }
        if did && client.is_some() {
            break;
        }
    }
    if !had {
        let message = "there were no keys for it, so Slack could not be told".to_owned();
        return Ok(CallOutcome::Refused { code: "no_keys".to_owned(), message });
    }
    Ok(CallOutcome::Done { reply: if did { json!({}) } else { json!({ "already": "token_revoked" }) } })
}

/// Posts to a `response_url`: usable five times within half an hour, and only at Slack or at the configured base.
async fn answer_voter(web: &Web<'_>, call: &PlannedCall) -> Result<CallOutcome, CallError> {
    let refused =
        |code: &str, message: &str| Ok(CallOutcome::Refused { code: code.to_owned(), message: message.to_owned() });
    let Some(url) = text(&call.args, "url").and_then(|url| Url::parse(&url).ok()) else {
        return refused("bad_response_url", "the address to answer to cannot be read");
    };
    let trust = match &web.base {
        Ok((base, Trust::Operator)) if base.origin() == url.origin() => Trust::Operator,
        _ if url.scheme() == "https" && url.host_str().is_some_and(is_slack_host) => Trust::Outside,
        _ => {
            return refused(
                "foreign_response_url",
                "the address to answer to is not Slack's, so nothing was sent there",
            );
        }
    };
    let body = call.args.get("body").cloned().unwrap_or_default();
    let request = Request {
        url,
        trust,
        payload: Payload::Json(body),
        authorization: Authorization::None,
        effect: Effect::Change,
        bucket: format!("{RESPONSE_URL}:{}", web.scope),
        pace: None,
        slow_down: None,
        redirect: Redirect::Refused,
    };
    let reply = web.http.send(request).await?;
    let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if reply.status >= 400 || said.get("ok").and_then(Value::as_bool) == Some(false) {
        let code = said.get("error").and_then(Value::as_str).unwrap_or("expired_url");
        return refused(code, "the address to answer to is no longer valid");
    }
    Ok(CallOutcome::Done { reply: json!({}) })
}
