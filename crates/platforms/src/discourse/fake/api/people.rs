//! Members, groups, and the site.

use policykit_core::Timestamp;
use serde_json::{Value, json};

use super::{Call, success};
use crate::discourse::fake::{
    errors::Refusal,
    witness::KeyKind,
    world::{Group, SYSTEM, User, World},
};

/// Members of one page of the directory.
const PAGE: usize = 50;

pub(super) fn route(call: &mut Call<'_>, verb: &str, segments: &[&str]) -> Result<Value, Refusal> {
    match (verb, segments) {
        ("GET", ["site"]) => Ok(call.world.site_view(call.viewer())),
        ("GET", ["site", "basic-info"]) => Ok(basic_info(call)),
        ("GET", ["about"]) => Ok(call.world.about_view()),
        ("GET", ["session", "current"]) => {
            let user = call.member().map_err(|_| Refusal::NotFound)?;
            Ok(call.world.current_user_view(user))
        }
        ("GET", ["u" | "users", name]) => {
            let user = call.world.find_user(name).filter(|user| user.id != SYSTEM || user.username == *name);
            Ok(call.world.user_view(call.viewer(), user.ok_or(Refusal::NotFound)?))
        }
        ("GET", ["directory_items"]) => directory(call),
        ("GET", ["groups"]) => Ok(groups(call)),
        ("GET", ["groups", name]) => {
            let group = seen_group(call, name)?;
            let user = call.viewer().and_then(|id| call.world.users.get(&id));
            Ok(
                json!({ "group": call.world.group_view(user, group), "extras": { "visible_group_names": [group.name] } }),
            )
        }
        ("GET", ["groups", name, "members"]) => members(call, name),
        ("PUT", ["groups", group, "members"]) => change(call, group, World::add_to_group),
        ("DELETE", ["groups", group, "members"]) => change(call, group, World::remove_from_group),
        ("PUT", ["groups", group, "join"]) => join(call, group),
        ("DELETE", ["groups", group, "leave"]) => leave(call, group),
        ("POST", ["user-api-key", "revoke"]) => revoke(call),
        _ => Err(Refusal::NotFound),
    }
}

fn basic_info(call: &Call<'_>) -> Value {
    json!({
        "logo_url": "", "logo_small_url": "", "apple_touch_icon_url": "", "favicon_url": "", "mobile_logo_url": "",
        "title": call.world.title, "description": "", "header_primary_color": "333333",
        "header_background_color": "ffffff", "login_required": false, "locale": "en",
        "include_in_discourse_discover": false,
    })
}

fn directory(call: &Call<'_>) -> Result<Value, Refusal> {
    let period = call.params.required("period")?;
    if !matches!(period.as_str(), "daily" | "weekly" | "monthly" | "quarterly" | "yearly" | "all") {
        return Err(Refusal::InvalidAccess);
    }
    let page = call.page();
    let users: Vec<&User> = call.world.users.values().filter(|user| user.id != SYSTEM && user.active).collect();
    let items: Vec<Value> =
        users.iter().skip(page.saturating_mul(PAGE)).take(PAGE).map(|user| call.world.directory_item(user)).collect();
    Ok(json!({
        "directory_items": items,
        "meta": {
            "last_updated_at": null,
            "total_rows_directory_items": users.len(),
            "load_more_directory_items": format!("/directory_items.json?page={}&period={period}", page.saturating_add(1)),
        },
    }))
}

fn groups(call: &Call<'_>) -> Value {
    const GROUPS: usize = 36;
    let user = call.viewer().and_then(|id| call.world.users.get(&id));
    let seen: Vec<&Group> = call.world.groups.values().filter(|group| World::sees_group(user, group)).collect();
    let page = call.page();
    let shown = seen.iter().skip(page.saturating_mul(GROUPS)).take(GROUPS);
    json!({
        "groups": shown.map(|group| call.world.group_view(user, group)).collect::<Vec<_>>(),
        "extras": { "type_filters": ["my", "owner", "public", "close", "automatic", "non_automatic"] },
        "total_rows_groups": seen.len(),
        "load_more_groups": format!("/groups?page={}", page.saturating_add(1)),
    })
}

/// A group that somebody sees; others do not exist for them.
fn seen_group<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a Group, Refusal> {
    let user = call.viewer().and_then(|id| call.world.users.get(&id));
    let group = call.world.find_group(name).filter(|group| World::sees_group(user, group));
    group.ok_or(Refusal::NotFound)
}

fn members(call: &Call<'_>, name: &str) -> Result<Value, Refusal> {
    let group = seen_group(call, name)?;
    let all = call.world.members_of(group);
    let number = |name| call.params.int(name).and_then(|n| usize::try_from(n).ok());
    let (limit, offset) = (number("limit").unwrap_or(50), number("offset").unwrap_or(0));
    if limit > 1_000 {
        return Err(Refusal::InvalidParameters("limit"));
    }
    let owners = all.iter().filter(|user| group.owners.contains(&user.id));
    Ok(json!({
        "members": all.iter().skip(offset).take(limit).map(|user| call.world.group_member(user)).collect::<Vec<_>>(),
        "owners": owners.map(|user| call.world.group_member(user)).collect::<Vec<_>>(),
        "meta": { "total": all.len(), "limit": limit, "offset": offset },
    }))
}

fn change(
    call: &mut Call<'_>,
    group: &str,
    deed: impl FnOnce(&mut World, &crate::discourse::fake::world::Actor, i64, &[i64]) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let group = seen_group(call, group)?;
    if !World::may_manage_group(call.member()?, group) {
        return Err(Refusal::InvalidAccess);
    }
    let group = group.id;
    let ids = call.params.list("user_ids").or_else(|| call.params.list("user_id")).unwrap_or_default();
    let names = call.params.list("usernames").or_else(|| call.params.list("username")).unwrap_or_default();
    let users: Vec<i64> =
        names.iter().chain(&ids).filter_map(|name| call.world.find_user(name)).map(|user| user.id).collect();
    if users.is_empty() {
        return Err(Refusal::InvalidParameters("user_ids or usernames or user_emails must be present"));
    }
    deed(call.world, &actor, group, &users)
}

fn join(call: &mut Call<'_>, group: &str) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let group = seen_group(call, group)?;
    if !group.public_admission {
        return Err(Refusal::InvalidAccess);
    }
    let group = group.id;
    call.world.add_to_group(&actor, group, &[actor.user])?;
    Ok(success())
}

fn leave(call: &mut Call<'_>, group: &str) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let group = seen_group(call, group)?;
    if !group.public_admission {
        return Err(Refusal::InvalidAccess);
    }
    let group = group.id;
    call.world.remove_from_group(&actor, group, &[actor.user])?;
    Ok(success())
}

/// A key gives itself back.
fn revoke(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    if call.caller.kind != KeyKind::User {
        return Err(Refusal::NotFound);
    }
    let key = call.caller.user_key.clone().ok_or(Refusal::NotFound)?;
    call.world.revoke_user_key(&actor, &key)?;
    Ok(success())
}

/// A moment as it comes in a parameter: a date and perhaps a time of day.
pub(super) fn moment_of(text: &str) -> Option<Timestamp> {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00Z") };
    crate::discourse::fake::polls::markup::read_moment(&whole)
}
