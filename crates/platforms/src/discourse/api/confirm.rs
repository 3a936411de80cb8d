//! Finding out whether a call that may have been sent took effect. Reads only.

use std::time::Duration;

use policykit_core::{Timestamp, call::PlannedCall};
use serde_json::{Value, json};

use super::{Trouble, Web, edits, need, number, pairs, recover, segment, send::written};
use crate::{
    discourse::{
        actions::{
            GROUP_ADD, GROUP_REMOVE, NEW_MESSAGE, NEW_POST, NEW_TOPIC, RECOVER_POST, RECOVER_TOPIC, REMOVE_POST,
            REMOVE_TOPIC, UNDO_POST, UNDO_TOPIC, text,
        },
        events::moment,
        marks, people,
    },
    http::{Effect, Http, Payload, Redirect},
    platform::{CallError, Confirmation, SendContext},
};

/// How far the forum's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(300);
/// How many pages of posts are searched for our mark before giving up.
const MOST_PAGES: usize = 20;
/// How many posts of a topic are asked for at a time.
const PAGE: usize = 20;
/// How many pages of a group's members are read.
const MOST_MEMBERS: usize = 200;

/// Looks back at a call.
pub(in crate::discourse) async fn confirm(http: &Http, call: &PlannedCall, context: &SendContext) -> Confirmation {
    let web = Web::of(http, context);
    match look(&web, call, context).await {
        Ok(Some(reply)) => Confirmation::Done { reply },
        Ok(None) => Confirmation::NotDone,
        Err(trouble) => Confirmation::Unknown { reason: trouble.describe() },
    }
}

/// The reply it would have given, or `None` when it did not take effect.
async fn look(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Option<Value>, Trouble> {
    match call.operation.as_str() {
        NEW_TOPIC | NEW_MESSAGE => topic_with_mark(web, context).await,
        NEW_POST => post_with_mark(web, call, context).await,
        UNDO_POST => edits::post_is_undone(web, &call.args).await,
        UNDO_TOPIC => edits::topic_is_undone(web, &call.args).await,
        RECOVER_TOPIC | RECOVER_POST => match found(web, call).await? {
            true => recover::recovered(web, call).await.map(Some),
            false => Ok(None),
        },
        REMOVE_TOPIC | REMOVE_POST | GROUP_ADD | GROUP_REMOVE => Ok(found(web, call).await?.then(|| json!({}))),
        other => Err(Trouble::unknown(format!("`{other}` leaves nothing that could be looked for"))),
    }
}

/// Whether the state a call wants is the state there is, after the forum refused it.
pub(super) async fn is_so(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    match found(web, call).await {
        Ok(so) => Ok(so),
        Err(Trouble::Refused { .. }) => Ok(false),
        // The call itself was refused, so asking again does no harm.
        Err(Trouble::Call(CallError::Unknown { reason })) => Err(Trouble::retry(1_000, reason)),
        Err(trouble) => Err(trouble),
    }
}

async fn found(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    let topic = || need(&call.args, "topic_id").map(|id| format!("t/{id}.json"));
    let post = || need(&call.args, "post_id").map(|id| format!("posts/{id}.json"));
    match call.operation.as_str() {
        REMOVE_TOPIC => Ok(presence(web, &topic()?).await? == Presence::Gone),
        RECOVER_TOPIC => Ok(presence(web, &topic()?).await? == Presence::There),
        REMOVE_POST => Ok(presence(web, &post()?).await? == Presence::Gone),
        RECOVER_POST => Ok(presence(web, &post()?).await? == Presence::There),
        GROUP_ADD => is_member(web, call).await,
        _ => is_member(web, call).await.map(|is| !is),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Gone,
}

/// Whether a topic or post is there. The staff is shown what is deleted, with when.
async fn presence(web: &Web<'_>, path: &str) -> Result<Presence, Trouble> {
    match web.get(path, Vec::new()).await {
        Ok(body) => {
            let deleted = body.get("deleted_at").is_some_and(|at| !at.is_null());
            let by_author = body.get("user_deleted").and_then(Value::as_bool) == Some(true);
            Ok(if deleted || by_author { Presence::Gone } else { Presence::There })
        }
        Err(trouble) if trouble.is_missing() => Ok(Presence::Gone),
        Err(trouble) => Err(trouble),
    }
}

async fn is_member(web: &Web<'_>, call: &PlannedCall) -> Result<bool, Trouble> {
    let (group, user) = (text(&call.args, "group"), text(&call.args, "user").unwrap_or_default());
    let all = members(web, &group.unwrap_or_default()).await?;
    let is = |(id, name): &(i64, String)| {
        people::number(&user).map_or_else(|| name.eq_ignore_ascii_case(&user), |n| n == *id)
    };
    Ok(all.iter().any(is))
}

/// Numbers and names of everybody in a group.
pub(super) async fn members(web: &Web<'_>, group: &str) -> Result<Vec<(i64, String)>, Trouble> {
    let path = format!("groups/{}/members.json", segment(group));
    let mut all = Vec::new();
    for _ in 0..MOST_MEMBERS {
        let offset = all.len().to_string();
        let body = web.get(&path, pairs(&[("limit", "50"), ("offset", &offset)])).await?;
        let page = body.get("members").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let names = page.iter().filter_map(|m| Some((number(m, "id")?, m.get("username")?.as_str()?.to_owned())));
        let before = all.len();
        all.extend(names);
        let total = body.get("meta").and_then(|meta| number(meta, "total")).and_then(|n| usize::try_from(n).ok());
        if all.len() == before || total.is_none_or(|total| all.len() >= total) {
            return Ok(all);
        }
    }
    Err(Trouble::unknown("the list of members does not end"))
}

/// The topic that keeps our id of the call that opened it.
async fn topic_with_mark(web: &Web<'_>, context: &SendContext) -> Result<Option<Value>, Trouble> {
    let path = format!("t/external_id/{}.json", context.call);
    // The forum says where the topic is, and some versions show it at once.
    let reply = web.raw(&path, Payload::Query(Vec::new()), Effect::Read, Redirect::Answers).await?;
    let topic = match reply.status {
        300..400 => reply.header("location").and_then(topic_of),
        _ => match super::sort(&reply) {
            Ok(body) => number(&body, "id"),
            Err(trouble) if trouble.is_missing() => return Ok(None),
            Err(trouble) => return Err(trouble),
        },
    };
    let topic = topic.ok_or_else(|| Trouble::unknown("the forum does not say which topic it is"))?;
    let body = web.get(&format!("t/{topic}.json"), Vec::new()).await?;
    Ok(Some(json!({ "topic_id": topic, "post_id": edits::first_post(&body) })))
}

/// The number of a topic from its address, such as `https://forum.example.org/t/some-title/12.json`.
fn topic_of(location: &str) -> Option<i64> {
    let path = location.split(['?', '#']).next()?;
    let (_, after) = path.rsplit_once("/t/")?;
    after.split('/').find_map(|part| part.trim_end_matches(".json").parse().ok())
}

/// The post that carries the mark of the call, among everything written in its topic since it was planned. The forum's list of
/// what is new would not do: what is in messages and in topics that are not listed stands in none.
async fn post_with_mark(web: &Web<'_>, call: &PlannedCall, context: &SendContext) -> Result<Option<Value>, Trouble> {
    let since: Timestamp = context.planned_at - SKEW;
    let topic = need(&call.args, "topic_id")?;
    let mark = context.call.to_string();
    // Whatever was deleted meanwhile was written.
    let body = web.get(&format!("t/{topic}.json"), pairs(&[("show_deleted", "true")])).await?;
    let mut left = stream(&body);
    for _ in 0..MOST_PAGES {
        let posts = newest(web, topic, &mut left).await?;
        for post in &posts {
            let raw = post.get("raw").and_then(Value::as_str);
            let raw = raw.ok_or_else(|| Trouble::unknown("the forum does not show what was written"))?;
            if marks::carries(raw, &mark) {
                return Ok(written(post));
            }
        }
        let is_older = |post: &Value| moment(post.get("created_at")).is_some_and(|at| at < since);
        if left.is_empty() || posts.iter().any(is_older) {
            return Ok(None);
        }
    }
    Err(Trouble::unknown("too much was written since to look through all of it"))
}

/// The ids of a topic's posts, oldest first.
fn stream(topic: &Value) -> Vec<i64> {
    let ids = topic.get("post_stream").and_then(|stream| stream.get("stream")).and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// The newest of the posts that are left, which are then left no longer.
async fn newest(web: &Web<'_>, topic: i64, left: &mut Vec<i64>) -> Result<Vec<Value>, Trouble> {
    let some = left.split_off(left.len().saturating_sub(PAGE));
    if some.is_empty() {
        return Ok(Vec::new());
    }
    let mut params: Vec<_> = some.iter().map(|id| ("post_ids[]".to_owned(), id.to_string())).collect();
    params.push(("include_raw".to_owned(), "true".to_owned()));
    let body = web.get(&format!("t/{topic}/posts.json"), params).await?;
    let posts = body.get("post_stream").and_then(|stream| stream.get("posts"));
    Ok(posts.and_then(Value::as_array).cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_known_by_its_address() {
        for (address, id) in [
            ("https://forum.example.org/t/some-title/12", Some(12)),
            ("https://forum.example.org/t/some-title/12.json?x=/t/9", Some(12)),
            ("/t/12.json", Some(12)),
            ("/forum/t/2024-in-review/12/3", Some(12)),
            ("/login", None),
        ] {
            assert_eq!(topic_of(address), id, "{address}");
        }
    }
}
