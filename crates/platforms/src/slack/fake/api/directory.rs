//! People, bots, groups, the workspace, and who the caller is.

use serde_json::{Value, json};

use super::{
    super::{
        deliver::Audience,
        errors::{Refusal, add},
        ids::UserId,
        render::{self, EmailView},
    },
    caller::Caller,
    page,
};

fn email_view(call: &Caller<'_>) -> EmailView {
    if call.has_scope("users:read.email") { EmailView::Shown } else { EmailView::Hidden }
}

pub(super) fn auth_test(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let team = call.team()?;
    let name = team.users.get(&call.actor.user).map(|user| user.name.as_str()).unwrap_or_default();
    let mut body = json!({
        "ok": true,
        "url": format!("https://{}.slack.com/", team.domain),
        "team": team.name,
        "user": name,
        "team_id": team.id,
        "user_id": call.actor.user,
        "is_enterprise_install": false,
    });
    if call.is_bot() {
        add(&mut body, "bot_id", json!(team.bot.bot_id));
    }
    Ok(body)
}

pub(super) fn team_info(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let team = call.team()?;
    let icon = |size: u32| format!("https://a.slack-edge.com/fake/{}-{size}.png", team.id);
    Ok(json!({
        "ok": true,
        "team": {
            "id": team.id,
            "name": team.name,
            "domain": team.domain,
            "email_domain": "",
            "icon": {
                "image_34": icon(34),
                "image_44": icon(44),
                "image_68": icon(68),
                "image_88": icon(88),
                "image_102": icon(102),
                "image_132": icon(132),
                "image_default": true,
            },
        },
    }))
}

pub(super) fn list_users(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let email = email_view(call);
    let team = call.team()?;
    let all: Vec<Value> = team.users.values().map(|user| render::user(team, user, email)).collect();
    let cache_ts = call.world.now.secs();
    // Without a limit Slack sends everybody at once.
    let everybody = all.len().max(1);
    let (members, next) = page(call, "user", all, everybody)?;
    Ok(json!({
        "ok": true,
        "members": members,
        "cache_ts": cache_ts,
        "response_metadata": { "next_cursor": next },
    }))
}

pub(super) fn user_info(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let id = call.user("user")?;
    let team = call.team()?;
    let user = team.users.get(&id).ok_or(Refusal::UserNotFound)?;
    Ok(json!({ "ok": true, "user": render::user(team, user, email_view(call)) }))
}

pub(super) fn lookup_by_email(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let email = call.args.need("email")?;
    let team = call.team()?;
    let matches = |address: &String| address.eq_ignore_ascii_case(&email);
    let user = team.users.values().find(|user| !user.deleted && user.email.as_ref().is_some_and(matches));
    let user = user.ok_or(Refusal::UsersNotFound)?;
    Ok(json!({ "ok": true, "user": render::user(team, user, EmailView::Shown) }))
}

pub(super) fn bot_info(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let team = call.team()?;
    let wanted = call.args.text("bot");
    if wanted.is_some_and(|wanted| wanted != team.bot.bot_id) {
        return Err(Refusal::BotNotFound);
    }
    Ok(json!({
        "ok": true,
        "bot": {
            "id": team.bot.bot_id,
            "deleted": false,
            "name": team.bot.name,
            "updated": 0,
            "app_id": team.bot.app_id,
            "user_id": team.bot_user,
            "icons": render::bot_icons(&team.bot),
        },
    }))
}

pub(super) fn list_usergroups(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let with_users = call.args.on("include_users");
    let team = call.team()?;
    let groups: Vec<Value> = team
        .usergroups
        .iter()
        .map(|group| {
            let mut shown = render::usergroup(team, group);
            if with_users {
                add(&mut shown, "users", json!(group.users));
            }
            shown
        })
        .collect();
    Ok(json!({ "ok": true, "usergroups": groups }))
}

pub(super) fn list_usergroup_users(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let wanted = call.args.need("usergroup")?;
    let group = call.team()?.usergroups.iter().find(|group| group.id == wanted).ok_or(Refusal::NoSuchSubteam)?;
    Ok(json!({ "ok": true, "users": group.users }))
}

pub(super) fn update_usergroup_users(call: &mut Caller<'_>) -> Result<Value, Refusal> {
    let wanted = call.args.need("usergroup")?;
    let users: Vec<UserId> = call.args.list("users").iter().map(|id| UserId::from(id.as_str())).collect();
    let team = call.team()?;
    if users.is_empty() || users.iter().any(|id| team.users.get(id).is_none_or(|user| user.deleted)) {
        return Err(Refusal::InvalidUsers);
    }
    let id = team.id.clone();
    let team = call.world.teams.get_mut(&id).ok_or(Refusal::InvalidAuth)?;
    let group = team.usergroups.iter_mut().find(|group| group.id == wanted).ok_or(Refusal::NoSuchSubteam)?;
    group.users.clone_from(&users);
    let team = call.team()?;
    let group = team.usergroups.iter().find(|group| group.id == wanted).ok_or(Refusal::NoSuchSubteam)?;
    let mut shown = render::usergroup(team, group);
    add(&mut shown, "users", json!(users));
    call.world.emit(&id, Audience::Team, &json!({ "type": "subteam_updated", "subteam": shown }));
    Ok(json!({ "ok": true, "usergroup": shown }))
}
