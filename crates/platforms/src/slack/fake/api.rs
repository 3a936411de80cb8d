//! The Web API: `/api/<method>`. Reads a call, lets faults befall it, performs it, answers as Slack does.
//!
//! A call is performed in a task of its own: a caller who hangs up early does not undo what it asked for.

mod args;
pub(super) mod caller;
mod chat;
pub(super) mod conversations;
mod directory;
mod items;
mod membership;
mod schedule;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method as Verb, StatusCode, header},
    response::Response,
};
use serde_json::Value;

pub(super) use self::args::{Args, Style};
use self::caller::{Caller, Deed, Scopes};
use super::{
    effects::Actor,
    errors::Refusal,
    faults::CallFault,
    limits::Tier,
    oauth,
    shared::Shared,
    state::{Installed, Token, TokenKind, World},
    witness::{Cause, Fate, What},
};
use crate::fakes::wire::Line;

type Run = fn(&mut Caller<'_>) -> Result<Value, Refusal>;

struct Method {
    name: &'static str,
    style: Style,
    tier: Tier,
    scopes: Scopes,
    run: Run,
}

const fn read(name: &'static str, tier: Tier, scopes: Scopes, run: Run) -> Method {
    Method { name, style: Style::Read, tier, scopes, run }
}

const fn write(name: &'static str, tier: Tier, scopes: Scopes, run: Run) -> Method {
    Method { name, style: Style::Write, tier, scopes, run }
}

const CHAT: Scopes = Scopes::One("chat:write");
const READ: Scopes = Scopes::Channels(Deed::Read);
const HISTORY: Scopes = Scopes::Channels(Deed::History);
const MANAGE: Scopes = Scopes::Channels(Deed::Manage);
const JOIN: Scopes = Scopes::Channels(Deed::Join);
const USERS: Scopes = Scopes::One("users:read");

/// Tiers are those of Slack's method pages.
const METHODS: &[Method] = &[
    // `auth.test` also takes JSON, and special limits that allow hundreds of calls a minute.
    write("auth.test", Tier::Four, Scopes::None, directory::auth_test),
    write("auth.revoke", Tier::Three, Scopes::None, oauth::revoke),
    write("apps.uninstall", Tier::Two, Scopes::None, oauth::uninstall),
    write("openid.connect.userInfo", Tier::Two, Scopes::One("openid"), oauth::user_info),
    read("team.info", Tier::Three, Scopes::One("team:read"), directory::team_info),
    read("users.list", Tier::Two, USERS, directory::list_users),
    read("users.info", Tier::Four, USERS, directory::user_info),
    read("users.lookupByEmail", Tier::Three, Scopes::One("users:read.email"), directory::lookup_by_email),
    read("bots.info", Tier::Three, USERS, directory::bot_info),
    read("usergroups.list", Tier::Two, Scopes::One("usergroups:read"), directory::list_usergroups),
    read("usergroups.users.list", Tier::Two, Scopes::One("usergroups:read"), directory::list_usergroup_users),
    write("usergroups.users.update", Tier::Two, Scopes::One("usergroups:write"), directory::update_usergroup_users),
    read("conversations.list", Tier::Two, READ, conversations::list),
    read("conversations.info", Tier::Three, READ, conversations::info),
    read("conversations.members", Tier::Four, READ, conversations::members),
    read("conversations.history", Tier::Three, HISTORY, conversations::history),
    read("conversations.replies", Tier::Three, HISTORY, conversations::replies),
    write("conversations.rename", Tier::Two, MANAGE, conversations::rename),
    write("conversations.setTopic", Tier::Two, MANAGE, conversations::set_topic),
    write("conversations.archive", Tier::Two, MANAGE, conversations::archive),
    write("conversations.unarchive", Tier::Two, MANAGE, conversations::unarchive),
    write("conversations.open", Tier::Three, MANAGE, conversations::open),
    write("conversations.invite", Tier::Three, MANAGE, membership::invite),
    write("conversations.kick", Tier::Three, MANAGE, membership::kick),
    write("conversations.join", Tier::Three, JOIN, membership::join),
    write("chat.postMessage", Tier::Posting, CHAT, chat::post_message),
    write("chat.postEphemeral", Tier::Four, CHAT, chat::post_ephemeral),
    write("chat.update", Tier::Three, CHAT, chat::update),
    write("chat.delete", Tier::Three, CHAT, chat::delete),
    read("chat.getPermalink", Tier::Posting, Scopes::None, chat::get_permalink),
    write("chat.scheduleMessage", Tier::Three, CHAT, schedule::schedule_message),
    write("chat.deleteScheduledMessage", Tier::Three, CHAT, schedule::delete_scheduled_message),
    write("chat.scheduledMessages.list", Tier::Three, Scopes::None, schedule::list_scheduled_messages),
    write("pins.add", Tier::Two, Scopes::One("pins:write"), items::pin),
    write("pins.remove", Tier::Two, Scopes::One("pins:write"), items::unpin),
    read("pins.list", Tier::Two, Scopes::One("pins:read"), items::list_pins),
    write("reactions.add", Tier::Three, Scopes::One("reactions:write"), items::react),
    write("reactions.remove", Tier::Two, Scopes::One("reactions:write"), items::unreact),
    read("reactions.get", Tier::Three, Scopes::One("reactions:read"), items::get_reactions),
];

/// A request as it arrived.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) verb: Verb,
    pub(super) headers: HeaderMap,
    pub(super) query: Option<String>,
    pub(super) body: axum::body::Bytes,
}

/// Answers one call.
pub(super) async fn answer(shared: Arc<Shared>, line: Line, request: Request) -> Response {
    let method = METHODS.iter().find(|method| method.name == request.method);
    let style = method.map_or(Style::Write, |method| method.style);
    let (token, args) = args::read(&request.verb, &request.headers, request.query.as_deref(), &request.body, style);
    let shown = args.as_ref().map(Args::to_value).unwrap_or_default();
    let known = token.clone();
    let app_method = oauth::app_method(&request.method);
    let client = args::basic(&request.headers);
    let (seq, fault, scopes) = shared.with(|world| {
        let token = known.and_then(|token| world.tokens.get(&token)).cloned();
        let scopes = token.as_ref().map(|token| Vec::from_iter(token.scopes.clone()).join(","));
        let (seq, fault) = arrive(world, &request.method, token.as_ref(), shown);
        (seq, fault, scopes)
    });
    let effect = move |world: &mut World| {
        if let Some(run) = app_method {
            let args = args?;
            world.check_client(client.as_ref(), &args)?;
            return run(world, &args);
        }
        let method = method.ok_or(Refusal::UnknownMethod)?;
        perform(world, method, token.as_deref(), args, seq)
    };
    let mut response = befall(shared, line, seq, fault, effect).await;
    // Every answer says what the token allows.
    if let Some(scopes) = scopes.and_then(|scopes| HeaderValue::from_str(&scopes).ok()) {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    response
}

/// Notes an arriving call and decides what befalls it.
pub(super) fn arrive(world: &mut World, method: &str, token: Option<&Token>, args: Value) -> (u64, Option<CallFault>) {
    let team = token.map(|token| token.team.clone());
    let fault = world.faults.for_call(method, team.as_ref());
    let call = What::Call {
        method: method.to_owned(),
        team,
        token: token.map(|token| token.kind),
        user: token.map(|token| token.user.clone()),
        args,
        fault: fault.map(|fault| fault.name().to_owned()),
    };
    (world.witness.note(world.now, call), fault)
}

fn perform(
    world: &mut World,
    method: &Method,
    token: Option<&str>,
    args: Result<Args, Refusal>,
    seq: u64,
) -> Result<Value, Refusal> {
    let secret = token.ok_or(Refusal::NotAuthed)?.to_owned();
    let token = world.tokens.get(&secret).ok_or(Refusal::InvalidAuth)?.clone();
    let team = world.teams.get(&token.team).ok_or(Refusal::InvalidAuth)?;
    if token.revoked {
        return Err(Refusal::TokenRevoked);
    }
    if token.expires_at.is_some_and(|end| end <= world.now.secs()) {
        return Err(Refusal::TokenExpired);
    }
    // Saying who somebody is needs no installation.
    if (team.installed == Installed::No && !token.scopes.contains("openid"))
        || team.users.get(&token.user).is_none_or(|user| user.deleted)
    {
        return Err(Refusal::AccountInactive);
    }
    let bot = (token.kind == TokenKind::Bot).then(|| team.bot.clone());
    world.budgets.spend(&world.rate_limits, method.name, method.tier, &token.team, world.now)?;
    method.scopes.check(&token)?;
    let args = args?;
    let actor = Actor { team: token.team.clone(), user: token.user.clone(), bot, cause: Cause::Call(seq) };
    (method.run)(&mut Caller { world, secret, token, actor, args })
}

/// Performs an effect and answers, unless a fault decides otherwise.
pub(super) async fn befall<F>(
    shared: Arc<Shared>,
    line: Line,
    seq: u64,
    fault: Option<CallFault>,
    effect: F,
) -> Response
where
    F: FnOnce(&mut World) -> Result<Value, Refusal> + Send + 'static,
{
    let task = tokio::spawn(undisturbed(shared, line, seq, fault, effect));
    task.await.unwrap_or_else(|_| page_of_text(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn undisturbed<F>(shared: Arc<Shared>, line: Line, seq: u64, fault: Option<CallFault>, effect: F) -> Response
where
    F: FnOnce(&mut World) -> Result<Value, Refusal> + Send,
{
    let reply = |status: Option<u16>, error: Option<String>, fate: Fate| {
        shared.with(|world| world.witness.note(world.now, What::Reply { call: seq, status, error, fate }));
    };
    match fault {
        Some(CallFault::DropBeforeEffect) => {
            line.drop_connection();
            reply(None, None, Fate::Dropped);
            return Response::new(Body::empty());
        }
        Some(CallFault::DelayBeforeEffect { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(CallFault::StatusBeforeEffect { status }) => {
            reply(Some(status), None, Fate::Sent);
            return page_of_text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        }
        Some(CallFault::RateLimited { retry_after_secs }) => {
            let refusal = Refusal::RateLimited { retry_after_secs };
            reply(Some(429), Some(refusal.code().to_owned()), Fate::Sent);
            return refused(&refusal);
        }
        _ => {}
    }
    let (outcome, echoes) = shared.with_echoes(effect);
    let error = outcome.as_ref().err().map(|refusal| refusal.code().to_owned());
    let response = outcome.as_ref().map_or_else(refused, |body| json_response(StatusCode::OK, body));
    if matches!(fault, Some(CallFault::EchoBeforeReply | CallFault::EchoThenDrop)) {
        for echo in echoes {
            // An error means that the fake is being stopped.
            let _stopped = echo.await;
        }
    }
    match fault {
        Some(CallFault::DropAfterEffect | CallFault::EchoThenDrop) => {
            line.drop_connection();
            reply(None, error, Fate::Dropped);
            return response;
        }
        Some(CallFault::DelayAfterEffect { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(CallFault::StatusAfterEffect { status }) => {
            reply(Some(status), error, Fate::Sent);
            return page_of_text(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        }
        Some(CallFault::TruncateBody) => {
            let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(2);
            line.cut_tail((length / 2).max(1));
            reply(Some(response.status().as_u16()), error, Fate::Truncated);
            return response;
        }
        _ => {}
    }
    reply(Some(response.status().as_u16()), error, Fate::Sent);
    response
}

fn refused(refusal: &Refusal) -> Response {
    let retry_after_secs = match refusal {
        Refusal::RateLimited { retry_after_secs } => retry_after_secs,
        Refusal::UsedUrl | Refusal::ExpiredUrl => return json_response(StatusCode::NOT_FOUND, &refusal.body()),
        _ => return json_response(StatusCode::OK, &refusal.body()),
    };
    let mut response = json_response(StatusCode::TOO_MANY_REQUESTS, &refusal.body());
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_secs));
    response
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let body = body.to_string();
    let length = body.len();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// What a proxy in front of Slack answers when something is broken: not JSON.
fn page_of_text(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from("<html><body>upstream error</body></html>"));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// One page of a list, and the cursor of the next (empty at the end).
fn page<T>(call: &Caller<'_>, kind: &str, all: Vec<T>, default_limit: usize) -> Result<(Vec<T>, String), Refusal> {
    let limit = match call.args.int("limit") {
        None | Some(0) => default_limit,
        Some(limit) => usize::try_from(limit).ok().filter(|limit| *limit <= 1_000).ok_or(Refusal::InvalidLimit)?,
    };
    let start = match call.args.text("cursor") {
        None => 0,
        Some(cursor) => {
            decode_cursor(kind, &cursor).filter(|start| *start < all.len()).ok_or(Refusal::InvalidCursor)?
        }
    };
    let end = start.saturating_add(limit);
    let next = if end < all.len() { encode_cursor(kind, end) } else { String::new() };
    Ok((all.into_iter().skip(start).take(limit).collect(), next))
}

fn encode_cursor(kind: &str, start: usize) -> String {
    hex::encode(format!("{kind}:{start}"))
}

fn decode_cursor(kind: &str, cursor: &str) -> Option<usize> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    text.strip_prefix(kind)?.strip_prefix(':')?.parse().ok()
}
