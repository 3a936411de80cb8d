//! Making calls.

use std::time::Duration;

use policykit_core::{
    JsonMap,
    call::{CallOutcome, PlannedCall},
};
use serde_json::{Value, json};

use super::{Trouble, Web, confirm, directory, edits, free, hook, need, number, recover, redo, segment};
use crate::{
    discourse::{
        actions::{
            AGAIN, CAREFUL, CHANGE_TOPIC, FIND, FREE, FREE_READ, GROUP_ADD, GROUP_REMOVE, LEAVE, LOCK, NEW_MESSAGE,
            NEW_POST, NEW_TOPIC, RECOVER_POST, RECOVER_TOPIC, REMOVE_POST, REMOVE_TOPIC, REWRITE, STATUS, UNDO_POST,
            UNDO_TOPIC, text, texts, whole_text,
        },
        echo, harmless, marks, vote,
    },
    http::{Http, Payload},
    platform::{CallError, SendContext},
};

/// Longest that one [`send`] may take, with all its requests: below what the engine reckons with.
const SEND_BUDGET: Duration = Duration::from_secs(9);

/// Makes a call once.
pub(in crate::discourse) async fn send(
    http: &Http,
    call: &PlannedCall,
    context: &SendContext,
) -> Result<CallOutcome, CallError> {
    let web = Web::of(http, context);
    let sending = make(&web, call, context);
    match tokio::time::timeout(SEND_BUDGET, sending).await {
        Ok(Ok(reply)) => Ok(CallOutcome::Done { reply }),
        Ok(Err(Trouble::Call(error))) => Err(error),
        Ok(Err(Trouble::Refused { code, message, .. })) => Ok(CallOutcome::Refused { code, message }),
        Err(_) => Err(CallError::Unknown { reason: "the forum took too long to answer".to_owned() }),
    }
}

async fn make(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Value, Trouble> {
    let args = &call.args;
    match call.operation.as_str() {
        NEW_TOPIC | NEW_MESSAGE | NEW_POST => create(web, call, context).await,
        REWRITE => rewrite(web, args).await,
        CHANGE_TOPIC => change_topic(web, args).await,
        UNDO_POST => edits::undo_post(web, args, context).await,
        UNDO_TOPIC => edits::undo_topic(web, args).await,
        STATUS => status(web, args).await,
        LOCK => {
            let locked = args.get("locked").and_then(Value::as_bool).unwrap_or(true);
            let body = json!({ "locked": locked.to_string() });
            web.change(&format!("posts/{}/locked.json", need(args, "post_id")?), Payload::Put(body)).await?;
            Ok(json!({}))
        }
        REMOVE_TOPIC => state(web, call, &format!("t/{}.json", need(args, "topic_id")?), remove()).await,
        REMOVE_POST => state(web, call, &format!("posts/{}.json", need(args, "post_id")?), remove()).await,
        RECOVER_TOPIC | RECOVER_POST => recover::recover(web, call).await,
        GROUP_ADD | GROUP_REMOVE => membership(web, call).await,
        FIND => Ok(json!({ "account": directory::find(web, &text(args, "user").unwrap_or_default()).await? })),
        FREE | FREE_READ => free::free(web, call).await,
        LEAVE => leave(web, context).await,
        other => Err(Trouble::unknown(format!("`{other}` is no operation"))),
    }
}

const fn remove() -> Payload {
    Payload::Delete(Vec::new())
}

/// Writes something, with a mark by which it is found again.
async fn create(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Value, Trouble> {
    let (args, mark) = (&call.args, context.call.to_string());
    let mut asked = Vec::new();
    for one in vote::asks(args) {
        asked.push(directory::username(web, &one).await.map_err(nothing_done)?);
    }
    let raw = vote::with_way(&worded(web, args).await?, &asked, args, context.pages.as_deref());
    let mut body = match call.operation.as_str() {
        NEW_POST => json!({ "topic_id": need(args, "topic_id")?, "raw": marks::marked(&raw, &mark) }),
        _ => json!({ "title": args.get("title"), "raw": raw, "external_id": mark }),
    };
    if let Value::Object(body) = &mut body {
        for name in ["category", "reply_to_post_number"] {
            body.extend(args.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        let tags = texts(args.get("tags"));
        if !tags.is_empty() {
            body.insert("tags".to_owned(), json!(tags));
        }
        if call.operation == NEW_MESSAGE {
            body.insert("archetype".to_owned(), "private_message".into());
            let mut to = Vec::new();
            for one in texts(args.get("users")) {
                to.push(directory::username(web, &one).await.map_err(nothing_done)?);
            }
            body.insert("target_recipients".to_owned(), to.join(",").into());
        }
    }
    let answer = web.change("posts.json", Payload::Json(body)).await?;
    written(&answer).ok_or_else(|| {
        if answer.get("action").and_then(Value::as_str) == Some("enqueued") {
            let message = "the forum keeps it back until its staff has looked at it; let it through there".to_owned();
            return Trouble::Refused { status: 200, code: "enqueued".to_owned(), message };
        }
        Trouble::unknown("the answer does not say what was written")
    })
}

/// What is to be written. Where it may call nobody but single people, names of groups call nobody.
async fn worded(web: &Web<'_>, args: &JsonMap) -> Result<String, Trouble> {
    let raw = whole_text(args, "raw").unwrap_or_default();
    if !args.contains_key(CAREFUL) {
        return Ok(raw);
    }
    let groups = directory::groups(web).await.map_err(nothing_done)?;
    let is_group = |name: &str| {
        let names = groups.iter().filter_map(|group| group.get("name")?.as_str());
        names.into_iter().any(|group| group.to_lowercase() == name)
    };
    Ok(harmless::uncalled(&raw, is_group))
}

/// The part of a post that matters later.
pub(super) fn written(post: &Value) -> Option<Value> {
    Some(json!({ "post_id": number(post, "id")?, "topic_id": number(post, "topic_id")? }))
}

async fn rewrite(web: &Web<'_>, args: &JsonMap) -> Result<Value, Trouble> {
    let mut post = json!({ "raw": worded(web, args).await? });
    if let (Some(reason), Value::Object(post)) = (text(args, "reason"), &mut post) {
        post.insert("edit_reason".to_owned(), reason.into());
    }
    let id = need(args, "post_id")?;
    let answer = web.change(&format!("posts/{id}.json"), Payload::Put(json!({ "post": post }))).await?;
    let raw = answer.get("post").and_then(|post| post.get("raw")).and_then(Value::as_str);
    let said = raw.map_or_else(|| whole_text(args, "raw").unwrap_or_default(), str::to_owned);
    Ok(json!({ "is": echo::digest(&[&said]) }))
}

async fn change_topic(web: &Web<'_>, args: &JsonMap) -> Result<Value, Trouble> {
    let id = need(args, "topic_id")?;
    let chosen = match args.contains_key(AGAIN) {
        true => redo::changed(web, id, args).await?,
        false => args.clone(),
    };
    let mut body = JsonMap::new();
    for (name, there) in [("title", "title"), ("category", "category_id"), ("tags", "tags")] {
        body.extend(chosen.get(name).map(|value| (there.to_owned(), value.clone())));
    }
    web.change(&format!("t/-/{id}.json"), Payload::Put(body.into())).await?;
    Ok(edits::known_by(web, id).await)
}

/// Closes, archives or lists a topic, or the opposite. Where it is so already the forum would change nothing, tell nothing and
/// answer the same: the next one who does it is somebody else.
async fn status(web: &Web<'_>, args: &JsonMap) -> Result<Value, Trouble> {
    let topic = need(args, "topic_id")?;
    let what = text(args, "status").unwrap_or_default();
    let enabled = args.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let now = web.get(&format!("t/{topic}.json"), Vec::new()).await.map_err(nothing_done)?;
    if now.get(&what).and_then(Value::as_bool) == Some(enabled) {
        return Ok(json!({ "already": true }));
    }
    let body = json!({ "status": what, "enabled": enabled.to_string() });
    web.change(&format!("t/{topic}/status.json"), Payload::Put(body)).await?;
    Ok(json!({}))
}

/// Deletes, adds to a group or takes out of it. A refusal is success where it is so already.
async fn state(web: &Web<'_>, call: &PlannedCall, path: &str, payload: Payload) -> Result<Value, Trouble> {
    match web.change(path, payload).await {
        Ok(_) => Ok(json!({})),
        Err(refused @ Trouble::Refused { .. }) => match confirm::is_so(web, call).await? {
            true => Ok(json!({ "already": true })),
            false => Err(refused),
        },
        Err(trouble) => Err(trouble),
    }
}

/// Adds somebody to a group or takes them out: groups are known by their numbers there.
async fn membership(web: &Web<'_>, call: &PlannedCall) -> Result<Value, Trouble> {
    let group = text(&call.args, "group").unwrap_or_default();
    let user = text(&call.args, "user").unwrap_or_default();
    let user = directory::username(web, &user).await.map_err(nothing_done)?;
    let found = web.get(&format!("groups/{}.json", segment(&group)), Vec::new()).await.map_err(nothing_done)?;
    let id = found.get("group").and_then(|group| number(group, "id"));
    let id = id.ok_or_else(|| Trouble::retry(60_000, "the forum does not say which group it is"))?;
    let path = format!("groups/{id}/members.json");
    let payload = match call.operation.as_str() {
        GROUP_ADD => Payload::Put(json!({ "usernames": user })),
        _ => Payload::Delete(super::pairs(&[("usernames", &user)])),
    };
    state(web, call, &path, payload).await
}

/// Of a look before a change: whatever became of it, nothing was done.
pub(super) fn nothing_done(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Call(CallError::Unknown { reason }) => Trouble::retry(1_000, reason),
        other => other,
    }
}

/// Takes our address off the forum and gives the key back. Access that is gone already counts as given up.
async fn leave(web: &Web<'_>, context: &SendContext) -> Result<Value, Trouble> {
    let gone = |trouble: &Trouble| matches!(trouble, Trouble::Call(CallError::AccessLost { .. }));
    match hook::withdraw(web, context).await {
        Err(trouble) if gone(&trouble) => return Ok(json!({ "already": "the key is dead" })),
        // The rest counts more, and a forum whose address for us stays gets no for an answer.
        Err(Trouble::Refused { .. }) | Ok(()) => {}
        Err(trouble) => return Err(nothing_done(trouble)),
    }
    if !matches!(web.key, Some(super::Key::OfUser { .. })) {
        let note = "the key that was entered stays on the forum; an administrator has to delete it there";
        return Ok(json!({ "note": note }));
    }
    match web.change("user-api-key/revoke", Payload::Json(json!({}))).await {
        Err(trouble) if gone(&trouble) => Ok(json!({ "already": "the key is dead" })),
        other => other.map(|_| json!({})),
    }
}
