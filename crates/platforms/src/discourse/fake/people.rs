//! Groups and their members, and what the staff does to single members.

use policykit_core::Timestamp;
use serde_json::{Value, json};

use super::{
    errors::Refusal,
    show,
    witness::Change,
    world::{Actor, Membership, Restraint, World, moment},
};

/// What is done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Suspend,
    Silence,
}

impl World {
    /// Adds members to a group.
    pub(super) fn add_to_group(&mut self, actor: &Actor, group: i64, users: &[i64]) -> Result<Value, Refusal> {
        let held = self.groups.get(&group).ok_or(Refusal::NotFound)?;
        for id in users {
            let user = self.user(*id)?;
            if held.has(user) {
                let message = format!("'{}' is already a member of this group.", user.username);
                return Err(Refusal::rule(message));
            }
        }
        for id in users {
            if let Some(held) = self.groups.get_mut(&group)
                && let Membership::Listed(members) = &mut held.membership
            {
                members.push(*id);
                let (name, member, user) = (held.name.clone(), self.name_of(*id), self.name_of(actor.user));
                self.note(actor, Change::GroupJoined { group: name, member, user });
                self.tell_group_user("user_added_to_group", group, *id);
            }
        }
        let names: Vec<String> = users.iter().map(|id| self.name_of(*id)).collect();
        Ok(json!({ "success": "OK", "usernames": names, "emails": [] }))
    }

    /// Takes members out of a group. Those who are not in it are left out without a word.
    pub(super) fn remove_from_group(&mut self, actor: &Actor, group: i64, users: &[i64]) -> Result<Value, Refusal> {
        let (mut removed, mut skipped) = (Vec::new(), Vec::new());
        for id in users {
            let user = self.user(*id)?.clone();
            let held = self.groups.get_mut(&group).ok_or(Refusal::NotFound)?;
            if !held.has(&user) {
                skipped.push(user.username);
                continue;
            }
            held.owners.remove(id);
            if let Membership::Listed(members) = &mut held.membership {
                members.retain(|member| member != id);
            }
            let (name, by) = (held.name.clone(), self.name_of(actor.user));
            self.tell_group_user("user_removed_from_group", group, *id);
            self.note(actor, Change::GroupLeft { group: name, member: user.username.clone(), user: by });
            removed.push(user.username);
        }
        Ok(json!({ "success": "OK", "usernames": removed, "skipped_usernames": skipped }))
    }

    /// Suspends or silences a member until a moment.
    pub(super) fn restrain(
        &mut self,
        actor: &Actor,
        member: i64,
        measure: Measure,
        till: Timestamp,
        reason: &str,
    ) -> Result<Value, Refusal> {
        let target = self.user(member)?;
        if target.staff() || Self::is_system(member) {
            return Err(Refusal::InvalidAccess);
        }
        let (at, by) = (self.now, actor.user);
        let restraint = Restraint { till, reason: reason.to_owned() };
        let by = self.users.get(&by).map(show::basic_user);
        let (till, at) = (moment(till), moment(at));
        let user = self.name_of(actor.user);
        let target = self.users.get_mut(&member).ok_or(Refusal::NotFound)?;
        let name = target.username.clone();
        match measure {
            Measure::Suspend => {
                target.suspended = Some(restraint);
                self.note(actor, Change::Suspended { member: name, suspended: true, user });
                self.tell_user("user_suspended", member);
                Ok(json!({
                    "suspension": {
                        "suspend_reason": reason, "full_suspend_reason": reason, "suspended_till": till,
                        "suspended_at": at, "suspended_by": by,
                    },
                }))
            }
            Measure::Silence => {
                target.silenced = Some(restraint);
                self.note(actor, Change::Silenced { member: name, silenced: true, user });
                self.tell_user("user_updated", member);
                Ok(json!({
                    "silence": {
                        "silenced": true, "silence_reason": reason, "full_silence_reason": reason,
                        "silenced_till": till, "silenced_at": at, "silenced_by": by,
                    },
                }))
            }
        }
    }

    /// Lifts a suspension or a silence.
    pub(super) fn release_member(&mut self, actor: &Actor, member: i64, measure: Measure) -> Result<Value, Refusal> {
        let user = self.name_of(actor.user);
        let target = self.users.get_mut(&member).ok_or(Refusal::NotFound)?;
        let name = target.username.clone();
        match measure {
            Measure::Suspend => {
                target.suspended = None;
                self.note(actor, Change::Suspended { member: name, suspended: false, user });
                self.tell_user("user_unsuspended", member);
                Ok(json!({ "suspension": { "suspended_till": null, "suspended_at": null } }))
            }
            Measure::Silence => {
                target.silenced = None;
                self.note(actor, Change::Silenced { member: name, silenced: false, user });
                self.tell_user("user_updated", member);
                Ok(json!({
                    "unsilence": { "silenced": false, "silence_reason": null, "silenced_till": null, "silenced_at": null },
                }))
            }
        }
    }
}
