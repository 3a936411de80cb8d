//! Posts, their history, likes, polls, and what waits to become a post.

use serde_json::{Value, json};

use super::{Call, EMPTY, id};
use crate::discourse::fake::{
    editing::Edit,
    errors::Refusal,
    show::{posts::Raw, set},
    world::{Post, PostKind},
    writing::{NewTopic, Posted},
};

/// Posts of one page of the list of the newest.
const PAGE: usize = 50;

pub(super) fn route(call: &mut Call<'_>, verb: &str, segments: &[&str]) -> Result<Value, Refusal> {
    match (verb, segments) {
        ("POST", ["posts"]) => create(call),
        ("GET", ["posts"]) => Ok(newest(call)),
        ("GET", ["posts", "by_number", topic, number]) => by_number(call, id(topic)?, id(number)?),
        ("GET", ["posts", post]) => {
            let post = call.world.seen_post(call.viewer(), id(post)?)?;
            Ok(call.world.post_view(call.viewer(), post, Raw::Shown))
        }
        ("GET", ["posts", post, "replies"]) => replies(call, id(post)?),
        ("GET", ["posts", post, "revisions", number]) => revision(call, id(post)?, number),
        ("PUT", ["posts", post, "revisions", number, "revert"]) => revert(call, id(post)?, id(number)?),
        ("PUT", ["posts", post]) => update(call, id(post)?),
        ("DELETE", ["posts", post]) => delete(call, id(post)?),
        ("PUT", ["posts", post, "recover"]) => recover(call, id(post)?),
        ("PUT", ["posts", post, "locked"]) => lock(call, id(post)?),
        ("POST", ["post_actions"]) => act_on(call),
        ("PUT", ["polls", "vote"]) => poll(call, |call| call.world.vote(&call.actor()?, &call.params)),
        ("DELETE", ["polls", "vote"]) => poll(call, |call| call.world.unvote(&call.actor()?, &call.params)),
        ("PUT", ["polls", "toggle_status"]) => poll(call, |call| call.world.toggle_poll(&call.actor()?, &call.params)),
        ("GET", ["polls", "voters"]) => call.world.voters(call.viewer(), &call.params),
        ("GET", ["review"]) => {
            call.world.staff_only(call.viewer())?;
            Ok(call.world.reviewables())
        }
        ("PUT", ["review", reviewable, "perform", deed]) => {
            call.world.staff_only(call.viewer())?;
            let (actor, version) = (call.actor()?, call.params.int("version"));
            call.world.review(&actor, id(reviewable)?, deed, version)
        }
        _ => Err(Refusal::NotFound),
    }
}

fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let raw = call.params.required("raw")?;
    let posted = match call.params.text("topic_id").filter(|topic| !topic.is_empty()) {
        Some(topic) => {
            let reply_to = call.params.int("reply_to_post_number");
            call.world.reply(&actor, topic.parse().unwrap_or(0), &raw, reply_to)?
        }
        None => {
            let among = among(call)?;
            let category = match call.params.text("category").filter(|category| !category.is_empty()) {
                Some(category) => {
                    let found = call.world.find_category(&category);
                    Some(found.ok_or(Refusal::InvalidParameters("category"))?.id)
                }
                None => None,
            };
            let tags = call.params.list("tags").unwrap_or_default();
            let title = call.params.text("title").unwrap_or_default();
            let external = call.params.text("external_id").filter(|id| !id.is_empty());
            if external.as_ref().is_some_and(|id| call.world.external_ids.contains_key(id)) {
                return Err(Refusal::rule("External has already been taken"));
            }
            let posted = call.world.open_topic(&actor, &NewTopic { title, raw: raw.clone(), category, tags, among })?;
            if let (Some(external), Posted::Post(post)) = (external, posted) {
                let topic = call.world.post(post)?.topic;
                call.world.external_ids.insert(external, topic);
            }
            posted
        }
    };
    match posted {
        Posted::Post(post) => {
            let post = call.world.post(post)?;
            let mut view = call.world.post_view(call.viewer(), post, Raw::Shown);
            set(&mut view, "draft_sequence", json!(0));
            Ok(view)
        }
        Posted::Waits(reviewable) => Ok(json!({
            "success": true,
            "action": "enqueued",
            "pending_count": 1,
            "pending_post": { "id": reviewable, "raw": raw },
            "message": "Your account is new, so your post needs approval from the staff before it is shown.",
        })),
    }
}

/// Whom a personal message is for; none when it is no message.
fn among(call: &Call<'_>) -> Result<Option<Vec<i64>>, Refusal> {
    if call.params.text("archetype").as_deref() != Some("private_message") {
        return Ok(None);
    }
    let names = call.params.list("target_recipients").or_else(|| call.params.list("target_usernames"));
    let mut users = Vec::new();
    for name in names.unwrap_or_default() {
        if let Some(user) = call.world.find_user(&name) {
            users.push(user.id);
        } else if let Some(group) = call.world.find_group(&name) {
            users.extend(call.world.members_of(group).iter().map(|user| user.id));
        } else {
            let errors = vec![format!("Sorry, we could not find the user or group {name}.")];
            return Err(Refusal::Unprocessable { action: Some("create_post"), errors });
        }
    }
    Ok(Some(users))
}

fn newest(call: &Call<'_>) -> Value {
    let user = call.viewer().and_then(|id| call.world.users.get(&id));
    let before = call.params.int("before").filter(|before| *before > 0).unwrap_or(i64::MAX);
    let shown = |post: &&Post| {
        post.id < before
            && post.kind == PostKind::Regular
            && post.deleted.is_none()
            && call.world.sees_post(user, post)
            && call.world.topics.get(&post.topic).is_some_and(|topic| {
                topic.visible && crate::discourse::fake::show::topics::category_of(topic).is_some()
            })
    };
    let posts = call.world.posts.values().rev().filter(shown).take(PAGE);
    let views: Vec<Value> = posts.map(|post| call.world.post_view(call.viewer(), post, Raw::Shown)).collect();
    json!({ "latest_posts": views })
}

fn by_number(call: &Call<'_>, topic: i64, number: i64) -> Result<Value, Refusal> {
    let post = call.world.posts_of(topic).find(|post| post.number == number).ok_or(Refusal::NotFound)?.id;
    let post = call.world.seen_post(call.viewer(), post)?;
    Ok(call.world.post_view(call.viewer(), post, Raw::Shown))
}

fn replies(call: &Call<'_>, post: i64) -> Result<Value, Refusal> {
    let post = call.world.seen_post(call.viewer(), post)?;
    let answers =
        call.world.posts_of(post.topic).filter(|other| other.reply_to == Some(post.number) && other.deleted.is_none());
    Ok(answers.map(|other| call.world.post_view(call.viewer(), other, Raw::Absent)).collect())
}

fn revision(call: &Call<'_>, post: i64, number: &str) -> Result<Value, Refusal> {
    let post = call.world.seen_post(call.viewer(), post)?;
    let number = if number == "latest" { None } else { Some(id(number)?) };
    if number.is_some_and(|number| number < 2) {
        return Err(Refusal::InvalidParameters("revision"));
    }
    call.world.revision_view(post, number)
}

fn revert(call: &mut Call<'_>, post: i64, number: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    call.world.staff_only(call.viewer())?;
    let seen = call.world.seen_post(call.viewer(), post)?;
    if number < 2 {
        return Err(Refusal::InvalidParameters("revision"));
    }
    if !call.world.may_edit_post(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    call.world.revert(&actor, post, number)?;
    let post = call.world.post(post)?;
    let mut answer = json!({ "post": call.world.post_view(call.viewer(), post, Raw::Shown) });
    if post.number == 1 {
        set(&mut answer, "topic", call.world.basic_topic(call.world.topic(post.topic)?));
    }
    Ok(answer)
}

fn update(call: &mut Call<'_>, post: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let seen = call.world.seen_post(call.viewer(), post)?;
    let params = call.params.within("post").ok_or(Refusal::Missing("post"))?;
    let raw = params.required("raw")?;
    if !call.world.may_edit_post(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    if let Some(before) = params.text("raw_old").filter(|before| *before != seen.raw) {
        let _stale = before;
        return Err(Refusal::rule("That post was edited by another user and your changes can no longer be saved."));
    }
    let edit = Edit { raw: Some(raw), reason: params.text("edit_reason"), ..Edit::default() };
    call.world.edit(&actor, post, &edit)?;
    let post = call.world.post(post)?;
    let mut view = call.world.post_view(call.viewer(), post, Raw::Shown);
    set(&mut view, "draft_sequence", json!(0));
    Ok(json!({ "post": view }))
}

fn delete(call: &mut Call<'_>, post: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let seen = call.world.seen_post(call.viewer(), post)?;
    if !call.world.may_delete_post(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    call.world.delete(&actor, post)?;
    Ok(EMPTY)
}

fn recover(call: &mut Call<'_>, post: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let seen = call.world.seen_post(call.viewer(), post)?;
    if !call.world.may_recover_post(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    call.world.recover(&actor, post)?;
    let post = call.world.post(post)?;
    Ok(call.world.post_view(call.viewer(), post, Raw::Shown))
}

fn lock(call: &mut Call<'_>, post: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    call.world.seen_post(call.viewer(), post)?;
    if !call.member()?.staff() {
        return Err(Refusal::InvalidAccess);
    }
    let locked = call.params.required("locked")? == "true";
    call.world.set_lock(&actor, post, locked)?;
    Ok(json!({ "locked": locked }))
}

fn act_on(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let post = call.params.required("id")?;
    let post = post.parse().map_err(|_| Refusal::InvalidParameters("id"))?;
    call.world.seen_post(call.viewer(), post)?;
    match call.params.required("post_action_type_id")?.as_str() {
        "2" => call.world.like(&actor, post)?,
        // Flags are not kept here.
        _ => return Err(Refusal::InvalidParameters("post_action_type_id")),
    }
    let post = call.world.post(post)?;
    Ok(call.world.post_view(call.viewer(), post, Raw::Absent))
}

/// A deed about a poll: only members, and only in posts that they see.
fn poll(call: &mut Call<'_>, deed: impl FnOnce(&mut Call<'_>) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
    call.actor()?;
    let post = call.params.required("post_id")?;
    let post = post.parse().map_err(|_| Refusal::InvalidParameters("post_id"))?;
    if call.world.posts.get(&post).is_some_and(|post| post.deleted.is_none()) {
        call.world.seen_post(call.viewer(), post)?;
    }
    deed(call)
}
