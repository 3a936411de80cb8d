//! Topics, lists of them, and categories.

use serde_json::{Value, json};

use super::{Call, EMPTY, id, success};
use crate::discourse::fake::{
    editing::{Edit, Status},
    errors::Refusal,
    params::Params,
    show::{posts::Raw, set, topics::category_of},
    world::World,
};

pub(super) fn route(call: &mut Call<'_>, verb: &str, segments: &[&str]) -> Result<Value, Refusal> {
    match (verb, segments) {
        ("GET", ["latest"]) => Ok(call.world.topic_list(call.viewer(), |_| true, call.page(), "/latest")),
        ("GET", ["categories"]) => Ok(categories(call)),
        ("GET", ["c", category, "show"]) => {
            let view = one_category(call, category)?;
            Ok(json!({ "category": view }))
        }
        ("GET", ["c", .., category, "l", "latest"] | ["c", .., category]) => in_category(call, category),
        ("GET", ["t", "external_id", external]) => {
            let topic = *call.world.external_ids.get(*external).ok_or(Refusal::NotFound)?;
            let topic = call.world.seen_topic(call.viewer(), topic)?;
            Ok(call.world.topic_view(call.viewer(), topic))
        }
        ("GET", ["t", topic, "posts"]) => posts(call, id(topic)?),
        ("GET", ["t", topic] | ["t", _, topic] | ["t", _, topic, _]) => {
            let topic = call.world.seen_topic(call.viewer(), id(topic)?)?;
            Ok(call.world.topic_view(call.viewer(), topic))
        }
        ("PUT", ["t", topic, "status"]) => status(call, id(topic)?),
        ("PUT", ["t", topic, "recover"]) => recover(call, id(topic)?),
        ("PUT", ["t", topic] | ["t", _, topic]) => update(call, id(topic)?),
        ("DELETE", ["t", topic] | ["t", _, topic]) => delete(call, id(topic)?),
        _ => Err(Refusal::NotFound),
    }
}

fn categories(call: &Call<'_>) -> Value {
    json!({
        "category_list": {
            "can_create_category": call.member().is_ok_and(|user| user.admin),
            "can_create_topic": call.viewer().is_some(),
            "categories": call.world.categories_view(call.viewer()),
        },
    })
}

fn one_category(call: &Call<'_>, category: &str) -> Result<Value, Refusal> {
    let category = call.world.find_category(category).ok_or(Refusal::NotFound)?;
    call.world.category_view(call.viewer(), category).ok_or(Refusal::InvalidAccess)
}

fn in_category(call: &Call<'_>, category: &str) -> Result<Value, Refusal> {
    one_category(call, category)?;
    let category = call.world.find_category(category).ok_or(Refusal::NotFound)?;
    let more = format!("/c/{}/{}", category.slug, category.id);
    let wanted = category.id;
    Ok(call.world.topic_list(call.viewer(), |topic| category_of(topic) == Some(wanted), call.page(), &more))
}

fn posts(call: &Call<'_>, topic: i64) -> Result<Value, Refusal> {
    call.world.seen_topic(call.viewer(), topic)?;
    let wanted: Vec<i64> =
        call.params.list("post_ids").unwrap_or_default().iter().filter_map(|id| id.parse().ok()).collect();
    let user = call.viewer().and_then(|id| call.world.users.get(&id));
    let posts = call
        .world
        .posts_of(topic)
        .filter(|post| (wanted.is_empty() || wanted.contains(&post.id)) && call.world.sees_post(user, post));
    let raw = if call.params.flag("include_raw") == Some(true) { Raw::Shown } else { Raw::Absent };
    let views: Vec<Value> = posts.map(|post| call.world.post_view(call.viewer(), post, raw)).collect();
    Ok(json!({ "post_stream": { "posts": views }, "id": topic }))
}

/// Title, category and tags as they come with a change of a topic.
fn read_edit(world: &World, params: &Params) -> Result<Edit, Refusal> {
    let category = match params.text("category_id") {
        Some(text) if !text.is_empty() => {
            let id = text.parse().map_err(|_| Refusal::InvalidParameters("category_id"))?;
            Some(world.categories.get(&id).ok_or(Refusal::InvalidParameters("category_id"))?.id)
        }
        _ => None,
    };
    let mut tags = params.list("tags");
    if let Some(tags) = &mut tags {
        // A form has no empty list; Discourse takes an empty tag for one.
        tags.retain(|tag| !tag.is_empty());
    }
    Ok(Edit { title: params.text("title"), category, tags, ..Edit::default() })
}

fn update(call: &mut Call<'_>, topic: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let seen = call.world.seen_topic(call.viewer(), topic)?;
    if !call.world.may_edit_topic(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    // In newer versions the parameters come below `topic`, in older ones by themselves.
    let params = call.params.within("topic").unwrap_or_else(|| call.params.clone());
    let edit = read_edit(call.world, &params)?;
    let first = call.world.first_post(topic)?.id;
    call.world.edit(&actor, first, &edit)?;
    let topic = call.world.topic(topic)?;
    let mut basic = call.world.basic_topic(topic);
    if params.value("tags").is_some() {
        set(&mut basic, "tags", call.world.tags_view(&topic.tags));
    }
    Ok(json!({ "basic_topic": basic }))
}

fn status(call: &mut Call<'_>, topic: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let word = call.params.required("status")?;
    let enabled = call.params.required("enabled")? == "true";
    let status = Status::parse(&word).ok_or(Refusal::InvalidParameters("status"))?;
    let seen = call.world.seen_topic(call.viewer(), topic)?;
    if !call.world.may_moderate(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    call.world.set_status(&actor, topic, status, enabled)?;
    let mut answer = success();
    set(&mut answer, "topic_status_update", Value::Null);
    Ok(answer)
}

fn delete(call: &mut Call<'_>, topic: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let seen = call.world.seen_topic(call.viewer(), topic)?;
    if !call.world.may_delete_topic(call.member()?, seen) {
        return Err(Refusal::InvalidAccess);
    }
    let first = call.world.first_post(topic)?.id;
    call.world.delete(&actor, first)?;
    Ok(EMPTY)
}

fn recover(call: &mut Call<'_>, topic: i64) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    call.world.seen_topic(call.viewer(), topic)?;
    let first = call.world.first_post(topic)?;
    if !call.world.may_recover_post(call.member()?, first) {
        return Err(Refusal::InvalidAccess);
    }
    let first = first.id;
    call.world.recover(&actor, first)?;
    Ok(EMPTY)
}
