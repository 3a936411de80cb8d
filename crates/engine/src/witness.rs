//! Before a change of the rules about the rules takes effect: can the rules still be changed afterwards?
//!
//! A witness is a member, a change of the constitution and a course of events under which it passes: everybody who is
//! asked says yes, no time has passed or very much. It is looked for by rehearsal, on rules as they would be. A change
//! after which there is none, where there was one before, is not made unless it says that it accepts that.

mod effort;
mod imagine;
mod looks;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use policykit_core::{
    action::Origin,
    community::{InstallationStatus, Role, User},
    constitution::{Amendment, Subject, Target, accepts_lockout},
    ids::{CommunityId, PolicyId, RoleId, UserId},
    policy::{Blocks, OnError, Policy, PolicyDraft, PolicyKind},
};
use policykit_platforms::Registry;
use policykit_store::{Changes, CommunityState, NewAmendment, StoreError};

pub(crate) use self::{
    effort::{Effort, Limit},
    looks::Looks,
};
use crate::{EngineError, parts::Parts, rehearsal::Rehearsal};

/// What a proposal says whose change would have locked the community out.
const LOCKOUT: &str = "afterwards nobody could change the rules about the rules any more, whatever the votes; \
                       propose it again with `accept that the rules can then no longer be changed` to do it all the same";
/// What the removal of a place says that would have locked the community out.
const STRANDED: &str = "afterwards nobody in the places that stay could change the rules about the rules any more, whatever \
                        the votes; give a role that may change them to somebody there, then propose it again";
/// What a proposal says of whose change that could not be found out.
const TOO_SLOW: &str = "it could not be shown in time that the rules about the rules could still be changed afterwards; \
                        make the policies about them compute less, or propose it again with `accept that the rules can \
                        then no longer be changed` to do it all the same";
/// How many members of different roles are tried.
const MOST_CASTS: usize = 64;
/// How often changes are judged when the rules keep changing meanwhile.
const MOST_RACES: usize = 4;

/// The rules of a community as far as changes of the rules depend on them.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) state: CommunityState,
    /// All policies, those out of force too.
    all: BTreeMap<PolicyId, Policy>,
    /// The names of those that govern, or will again when they are saved anew.
    names: Vec<(PolicyId, String)>,
    /// Who can propose and vote.
    members: Arc<Vec<User>>,
    /// Everybody who can be given a role, whoever has left too.
    known: Arc<BTreeSet<UserId>>,
}

/// What was found out about a way to change the rules.
enum Witness {
    /// There is one; in words.
    Found(String),
    /// There is none.
    Nobody,
    /// None was found in the time there is.
    OutOfTime,
    /// It cannot be said at the moment, because there is nowhere to run policies.
    Nowhere(String),
}

/// Whether the rules about the rules can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changeable {
    /// They can; by whom (a role) and with what kind of change, in words.
    Yes(String),
    /// There is none.
    No,
    /// It could not be found out in time. Not to be taken for "no": whoever makes it slow would open the way around the rules.
    Unknown,
}

impl Parts {
    /// Commits, but makes no change of the rules that would take the last way to change them away. Looked for is outside
    /// of the transaction, so when the rules have become others by then, it is looked for again.
    pub(crate) async fn commit_guarded(self: &Arc<Self>, mut changes: Changes) -> Result<(), EngineError> {
        if !changes.amendments.iter().any(in_danger) {
            return self.commit(changes).await;
        }
        for _ in 1..MOST_RACES {
            self.guard_the_rules(&mut changes).await?;
            match self.commit(changes.clone()).await {
                Err(EngineError::Store(StoreError::Conflict { .. })) if self.overtaken(&changes).await? => {}
                done => return done,
            }
        }
        self.guard_the_rules(&mut changes).await?;
        self.commit(changes).await
    }

    /// Whether rules have changed since changes of them were judged.
    async fn overtaken(&self, changes: &Changes) -> Result<bool, EngineError> {
        let judged: BTreeMap<CommunityId, i64> =
            changes.amendments.iter().filter_map(|new| Some((new.community, new.judged_by?))).collect();
        for (community, version) in judged {
            if self.db.community(community).state().await?.version != version {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Forbids the changes that would take the last way to change the rules away.
    async fn guard_the_rules(self: &Arc<Self>, changes: &mut Changes) -> Result<(), EngineError> {
        let communities: BTreeSet<CommunityId> =
            changes.amendments.iter().filter(|new| in_danger(new)).map(|new| new.community).collect();
        for community in communities {
            let mut rules = Rules::load(self, community).await?;
            rules.meet(&changes.users);
            let version = rules.state.version;
            let theirs: Vec<NewAmendment> =
                changes.amendments.iter().filter(|new| new.community == community).cloned().collect();
            let parts = Arc::clone(self);
            // Neither made unchecked nor refused: where it cannot be judged, it waits until it can be.
            let time = self.options.rehearsal;
            let judged = effort::aside(time, move |limit| rules.judge(&parts, &theirs, limit)).await?;
            let judged = judged.map_err(EngineError::Nowhere)?;
            let theirs = changes.amendments.iter_mut().filter(|new| new.community == community);
            for (new, forbidden) in theirs.zip(judged) {
                new.forbidden = forbidden;
                new.judged_by = Some(version);
            }
        }
        Ok(())
    }
}

fn in_danger(new: &NewAmendment) -> bool {
    new.amendment.endangers() && !new.accepts_lockout
}

impl Rules {
    pub(crate) async fn load(parts: &Parts, community: CommunityId) -> Result<Self, EngineError> {
        let scope = parts.db.community(community);
        // First, so that its version is not newer than anything else that is read.
        let mut state = scope.state().await?;
        let names = scope.policy_names().await?;
        let all = scope.policies().await?.into_iter().map(|(policy, _)| (policy.id, policy)).collect();
        let (mut members, mut known) = (Vec::new(), BTreeSet::new());
        for installation in &state.installations {
            let mut users = scope.users(installation.id).await?;
            known.extend(users.iter().map(|user| user.id));
            if installation.status != InstallationStatus::Uninstalled {
                users.retain(|user| !user.is_gone && !user.is_bot);
                members.append(&mut users);
            }
        }
        // Nobody comes from there any more, and nothing is sent there.
        state.installations.retain(|installation| installation.status != InstallationStatus::Uninstalled);
        Ok(Self { state, all, names, members: Arc::new(members), known: Arc::new(known) })
    }

    pub(crate) fn members(&self) -> &[User] {
        &self.members
    }

    /// The policies about changes of the rules, in the order in which they are tried.
    pub(crate) fn constitution(&self) -> impl Iterator<Item = &Policy> {
        self.state.policies.iter().filter(|p| p.draft.kind == PolicyKind::Constitution)
    }

    /// What a change that is rehearsed is about.
    pub(crate) fn subject(&self, change: &Amendment) -> Subject {
        match change.target() {
            Target::Policy(_, id) => {
                Subject { name: self.all.get(&id).map(|p| p.draft.name.clone()), ..Subject::default() }
            }
            // Nothing else is rehearsed.
            _ => Subject::default(),
        }
    }

    /// Names of a member's roles.
    pub(crate) fn role_names(&self, member: &User) -> Vec<String> {
        self.roles(member).map(|role| role.name.clone()).collect()
    }

    /// What a member's roles allow.
    pub(crate) fn permissions(&self, member: &User) -> BTreeSet<String> {
        self.roles(member).flat_map(|role| role.permissions.iter().cloned()).collect()
    }

    fn roles(&self, member: &User) -> impl Iterator<Item = &Role> {
        let own = self.state.role_members.get(&member.id);
        self.state.roles.iter().filter(move |role| role.is_base || own.is_some_and(|ids| ids.contains(&role.id)))
    }

    /// One member for each set of roles, and of each such set an administrator of the platform too; first those who may
    /// do most.
    fn casts(&self) -> Vec<&User> {
        let nothing = BTreeSet::new();
        let mut found: BTreeMap<(&BTreeSet<RoleId>, bool), &User> = BTreeMap::new();
        for member in self.members.iter() {
            let roles = self.state.role_members.get(&member.id).unwrap_or(&nothing);
            found.entry((roles, member.is_admin)).or_insert(member);
        }
        let mut casts: Vec<&User> = found.into_values().collect();
        casts.sort_by_cached_key(|member| Reverse(self.permissions(member).len()));
        casts.truncate(MOST_CASTS);
        casts
    }

    /// Why changes must not be made, one after the other. Each look has the whole time, so that no change is judged by how
    /// long others took.
    ///
    /// # Errors
    /// Why nothing can be said of them at the moment.
    fn judge(mut self, parts: &Parts, changes: &[NewAmendment], limit: &Limit) -> Result<Vec<Option<String>>, String> {
        // What is known of the rules as they are at this point.
        let mut was = None;
        let mut judged = Vec::with_capacity(changes.len());
        for new in changes {
            let mut next = self.clone();
            next.imagine(new);
            if !in_danger(new) || self.empties(&parts.registry, new) {
                (self, was) = (next, None);
                judged.push(None);
                continue;
            }
            // First what comes of it: where there is a way then, it does not matter how it was before, so a change that
            // makes rules quick which were too slow to be rehearsed is made.
            let after = next.witness(parts, limit);
            let why = match &after {
                Witness::Found(_) => None,
                Witness::Nowhere(why) => return Err(why.clone()),
                Witness::Nobody if matches!(new.amendment, Amendment::RemoveIntegration { .. }) => Some(STRANDED),
                Witness::Nobody => Some(LOCKOUT),
                Witness::OutOfTime => Some(TOO_SLOW),
            };
            let forbidden = match why {
                None => None,
                Some(why) => match was.get_or_insert_with(|| self.witness(parts, limit)) {
                    Witness::Nowhere(why) => return Err(why.clone()),
                    // Where there was none before either, the rehearsal cannot judge these rules at all.
                    Witness::Nobody => None,
                    // What is not known is no leave.
                    Witness::Found(_) | Witness::OutOfTime => Some(why.to_owned()),
                },
            };
            if forbidden.is_none() {
                (self, was) = (next, Some(after));
            }
            judged.push(forbidden);
        }
        Ok(judged)
    }

    /// Whether it takes the community out of the last place it is in. It may leave, and whoever lets it in again governs
    /// it by the rules that are there then.
    fn empties(&self, registry: &Registry, new: &NewAmendment) -> bool {
        let Amendment::RemoveIntegration { integration } = &new.amendment else { return false };
        let places = &self.state.installations;
        places.iter().all(|there| there.id == *integration || !registry.has_people(&there.platform))
    }

    /// A way in which a change of the constitution passes, in words.
    fn witness(&self, parts: &Parts, limit: &Limit) -> Witness {
        let rehearsal = Rehearsal::new(parts, self, Effort::begin(&parts.sandbox, limit));
        let changes = self.changes();
        for member in self.casts() {
            for change in &changes {
                let passes = rehearsal.passes(member, change);
                if let Some(why) = rehearsal.nowhere() {
                    return Witness::Nowhere(why.clone());
                }
                if passes {
                    let roles = self.role_names(member).join(" and ");
                    return Witness::Found(format!("somebody with {roles} may {}", words(change)));
                }
            }
        }
        if rehearsal.was_cut_off() { Witness::OutOfTime } else { Witness::Nobody }
    }

    /// Changes that can mend what is wrong with the rules about the rules.
    fn changes(&self) -> Vec<Amendment> {
        let kind = PolicyKind::Constitution;
        let Some(first) = self.constitution().next() else { return vec![Amendment::AddPolicy(simplest())] };
        vec![
            Amendment::ChangePolicy { policy: first.id, version: Some(first.version), draft: first.draft.clone() },
            Amendment::AddPolicy(first.draft.clone()),
            Amendment::RemovePolicy { kind, policy: first.id },
        ]
    }
}

/// A policy with which a community that has none about its rules could begin.
fn simplest() -> PolicyDraft {
    PolicyDraft {
        kind: PolicyKind::Constitution,
        name: "Every change passes".to_owned(),
        description: String::new(),
        action_types: Vec::new(),
        blocks: Blocks { check: "return PASSED".to_owned(), ..Blocks::default() },
        on_error: OnError::default(),
    }
}

fn words(change: &Amendment) -> &'static str {
    policykit_core::constitution::label(&change.action_type()).unwrap_or("change the rules")
}

/// Whether a change that is proposed says that it may be the last one.
pub(crate) fn accepts(action: &policykit_core::action::Action) -> bool {
    action.origin == Origin::PolicyKit && accepts_lockout(&action.fields)
}
