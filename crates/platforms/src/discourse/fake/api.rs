//! The routes of the forum itself: reads a call, lets faults befall it, performs it, answers as Discourse does.
//!
//! A call is performed in a task of its own: a caller who hangs up early does not undo what it asked for.

mod admin;
mod people;
mod posts;
mod topics;

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    errors::Refusal,
    faults::CallFault,
    keys::{Caller, Credentials},
    params::Params,
    shared::Shared,
    witness::{Cause, Fate, What},
    world::{Actor, User, World},
};
use crate::fakes::wire::Line;

/// A request as it arrived.
pub(super) struct Request {
    pub(super) verb: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: axum::body::Bytes,
}

/// A call while it is performed.
struct Call<'a> {
    world: &'a mut World,
    caller: Caller,
    params: Params,
    seq: u64,
}

impl Call<'_> {
    /// Who acts; a refusal for nobody in particular.
    fn actor(&self) -> Result<Actor, Refusal> {
        Ok(Actor { user: self.caller.member()?, cause: Cause::Call(self.seq) })
    }

    /// The member that the call is made as.
    fn member(&self) -> Result<&User, Refusal> {
        self.world.user(self.caller.member()?)
    }

    /// The member that the call is made as, if any.
    const fn viewer(&self) -> Option<i64> {
        self.caller.user
    }

    fn page(&self) -> usize {
        self.params.int("page").and_then(|page| usize::try_from(page).ok()).unwrap_or(0)
    }
}

/// Nothing, under a good status.
const EMPTY: Value = Value::Null;

fn success() -> Value {
    json!({ "success": "OK" })
}

fn id(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound)
}

/// Finds what an address stands for, and does it.
fn route(call: &mut Call<'_>, verb: &str, segments: &[&str]) -> Result<Value, Refusal> {
    match segments.first().copied() {
        Some("t" | "latest" | "c" | "categories") => topics::route(call, verb, segments),
        Some("posts" | "post_actions" | "polls" | "review") => posts::route(call, verb, segments),
        Some("admin") => admin::route(call, verb, segments),
        Some("srv") if segments == ["srv", "status"] => Ok(json!("ok")),
        _ => people::route(call, verb, segments),
    }
}

/// Answers one call.
pub(super) async fn answer(shared: Arc<Shared>, line: Line, request: Request) -> Response {
    let path = request.path.strip_suffix(".json").unwrap_or(&request.path).trim_end_matches('/').to_owned();
    let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let params = Params::read(request.query.as_deref(), content_type.unwrap_or_default(), &request.body);
    let credentials = Credentials::read(&request.headers);
    let verb = request.verb.as_str().to_owned();
    let shown = params.as_ref().map(Params::shown).unwrap_or_default();
    let (seq, fault, caller) = shared.with(|world| {
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let caller = world.identify(&credentials, &verb, &segments);
        let user = caller.as_ref().ok().and_then(|caller| caller.user).map(|id| world.name_of(id));
        let fault = world.faults.for_call(&verb, &path);
        let call = What::Call {
            verb: verb.clone(),
            path: path.clone(),
            key: credentials.kind(),
            user,
            params: shown,
            fault: fault.map(|fault| fault.name().to_owned()),
        };
        (world.witness.note(world.now, call), fault, caller)
    });
    let effect = move |world: &mut World| {
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (caller, params) = (caller?, params?);
        route(&mut Call { world, caller, params, seq }, &verb, &segments)
    };
    let task = tokio::spawn(befall(shared, line, seq, fault, effect));
    task.await.unwrap_or_else(|_| page_of_text(500))
}

/// Performs an effect and answers, unless a fault decides otherwise.
async fn befall<F>(shared: Arc<Shared>, line: Line, seq: u64, fault: Option<CallFault>, effect: F) -> Response
where
    F: FnOnce(&mut World) -> Result<Value, Refusal> + Send,
{
    let reply = |status: Option<u16>, fate: Fate| {
        shared.with(|world| world.witness.note(world.now, What::Reply { call: seq, status, fate }));
    };
    match fault {
        Some(CallFault::DropBeforeEffect) => {
            line.drop_connection();
            reply(None, Fate::Dropped);
            return Response::new(Body::empty());
        }
        Some(CallFault::DelayBeforeEffect { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(CallFault::StatusBeforeEffect { status }) => {
            reply(Some(status), Fate::Sent);
            return page_of_text(status);
        }
        Some(CallFault::RateLimited { retry_after_secs }) => {
            reply(Some(429), Fate::Sent);
            return refused(&Refusal::RateLimited { wait_seconds: retry_after_secs, code: "ip_60_secs_limit" });
        }
        _ => {}
    }
    let (outcome, echoes) = shared.with_echoes(effect);
    let response = outcome.as_ref().map_or_else(refused, |body| json_response(200, body));
    let status = response.status().as_u16();
    if matches!(fault, Some(CallFault::EchoBeforeReply | CallFault::EchoThenDrop)) {
        for echo in echoes {
            // An error means that the fake is being stopped.
            let _stopped = echo.await;
        }
    }
    match fault {
        Some(CallFault::DropAfterEffect | CallFault::EchoThenDrop) => {
            line.drop_connection();
            reply(None, Fate::Dropped);
            return response;
        }
        Some(CallFault::DelayAfterEffect { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(CallFault::StatusAfterEffect { status }) => {
            reply(Some(status), Fate::Sent);
            return page_of_text(status);
        }
        Some(CallFault::TruncateBody) => {
            let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
            let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(2);
            line.cut_tail((length / 2).max(1));
            reply(Some(status), Fate::Truncated);
            return response;
        }
        _ => {}
    }
    reply(Some(status), Fate::Sent);
    response
}

fn refused(refusal: &Refusal) -> Response {
    let (status, body, headers) = refusal.answer();
    let mut response = json_response(status, &body);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// An answer in JSON; an empty one where there is nothing to say.
pub(super) fn json_response(status: u16, body: &Value) -> Response {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// What a proxy in front of the forum answers when something is broken: not JSON.
fn page_of_text(status: u16) -> Response {
    let mut response = Response::new(Body::from("<html><body>upstream error</body></html>"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}
