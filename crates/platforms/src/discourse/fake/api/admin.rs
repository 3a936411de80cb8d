//! What administrators and moderators do: lists of accounts, suspensions, web hooks.

use serde_json::Value;

use super::{Call, id, people::moment_of};
use crate::discourse::fake::{
    errors::Refusal,
    people::Measure,
    world::{User, World},
};

/// Accounts of one page of a list.
const PAGE: usize = 100;

pub(super) fn route(call: &mut Call<'_>, verb: &str, segments: &[&str]) -> Result<Value, Refusal> {
    // To others than the staff these addresses do not exist.
    call.world.staff_only(call.viewer())?;
    match (verb, segments) {
        ("GET", ["admin", "users"]) => list(call, "active"),
        ("GET", ["admin", "users", "list", flag]) => list(call, flag),
        ("GET", ["admin", "users", user]) => {
            let user = call.world.user(id(user)?)?;
            Ok(call.world.admin_user_view(user))
        }
        ("PUT", ["admin", "users", user, "suspend"]) => restrain(call, user, Measure::Suspend),
        ("PUT", ["admin", "users", user, "unsuspend"]) => release(call, user, Measure::Suspend),
        ("PUT", ["admin", "users", user, "silence"]) => restrain(call, user, Measure::Silence),
        ("PUT", ["admin", "users", user, "unsilence"]) => release(call, user, Measure::Silence),
        (_, ["admin", "api", rest @ ..]) => {
            call.world.admin_only(call.viewer())?;
            hooks(call, verb, rest)
        }
        _ => Err(Refusal::NotFound),
    }
}

fn list(call: &Call<'_>, flag: &str) -> Result<Value, Refusal> {
    let now = call.world.now;
    let wanted: fn(&User, policykit_core::Timestamp) -> bool = match flag {
        "active" | "new" => |user, _| user.active,
        "staff" => |user, _| user.staff(),
        "suspended" => |user, now| user.suspended.as_ref().is_some_and(|restraint| restraint.till > now),
        "silenced" | "blocked" => |user, now| user.silenced.as_ref().is_some_and(|restraint| restraint.till > now),
        "staged" | "suspect" => |_, _| false,
        _ => return Err(Refusal::NotFound),
    };
    let page = call.params.int("page").and_then(|page| usize::try_from(page).ok()).unwrap_or(1).max(1);
    let users = call.world.users.values().filter(|user| wanted(user, now));
    let shown = users.skip(page.saturating_sub(1).saturating_mul(PAGE)).take(PAGE);
    Ok(shown.map(|user| call.world.admin_user_view(user)).collect())
}

fn restrain(call: &mut Call<'_>, user: &str, measure: Measure) -> Result<Value, Refusal> {
    let (name, until) = match measure {
        Measure::Suspend => ("suspend_until", call.params.text("suspend_until")),
        Measure::Silence => ("silenced_till", call.params.text("silenced_till")),
    };
    let till = until.and_then(|text| moment_of(&text)).ok_or(Refusal::Missing(name))?;
    let reason = call.params.required("reason")?;
    let actor = call.actor()?;
    call.world.restrain(&actor, id(user)?, measure, till, &reason)
}

fn release(call: &mut Call<'_>, user: &str, measure: Measure) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    call.world.release_member(&actor, id(user)?, measure)
}

fn hooks(call: &mut Call<'_>, verb: &str, rest: &[&str]) -> Result<Value, Refusal> {
    let actor = call.actor()?;
    let world: &mut World = call.world;
    match (verb, rest) {
        ("GET", ["web_hooks"]) => Ok(world.list_hooks()),
        ("POST", ["web_hooks"]) => world.save_hook(&actor, None, &call.params),
        ("GET", ["web_hooks", hook]) => world.show_hook(id(hook)?),
        ("PUT", ["web_hooks", hook]) => world.save_hook(&actor, Some(id(hook)?), &call.params),
        ("DELETE", ["web_hooks", hook]) => world.delete_hook(&actor, id(hook)?),
        ("POST", ["web_hooks", hook, "ping"]) => world.ping_hook(id(hook)?),
        ("GET", ["web_hook_events", hook]) => world.hook_events(id(hook)?),
        ("POST", ["web_hooks", hook, "events", event, "redeliver"]) => {
            world.redeliver(id(hook)?, event.parse().map_err(|_| Refusal::NotFound)?)
        }
        _ => Err(Refusal::NotFound),
    }
}
