//! Sets the stage, lets things happen, and looks at what came of them.

mod pause;
mod stage;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use policykit_core::{
    Clock as _, FakeClock, JsonMap, Value,
    action::Action,
    ballot::Cast,
    call::CallOutcome,
    constitution,
    event::{Event, EventBody, Heard, Home},
    ids::{CommunityId, InstallationId, ProposalId, UserId},
    policy::{PolicyDraft, PolicyKind},
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_engine::{Engine, Proposition, VoteError, VoteHere};
use policykit_platforms::{Registry, platform::RawRequest};
use policykit_store::{Lines, Sight};
use serde_json::Value as Json;

pub(super) use self::pause::Pace;
use super::{
    Place, Scenario, ScenarioError, expect,
    file::{CameFrom, Vote, place},
    recorded::{Told, World},
    report::{Played, Said, StepReport},
};

/// How many lines of the log are looked at for what went wrong before there was a proposal.
const TROUBLES: usize = 20;
/// Seals the made-up credentials of the made-up community.
const KEY: [u8; 32] = [0; 32];

/// Plays a scenario with these policies, of which the first is tried first.
///
/// # Errors
/// What is wrong with the scenario, with its place; or that it cannot be played.
pub async fn play(
    scenario: &Scenario,
    policies: Vec<PolicyDraft>,
    registry: &Registry,
) -> Result<Played, ScenarioError> {
    let pace = Pace::of(&policies);
    Box::pin(play_at(pace, scenario, policies, registry)).await
}

/// Plays it at this pace.
pub(super) async fn play_at(
    pace: Pace,
    scenario: &Scenario,
    policies: Vec<PolicyDraft>,
    registry: &Registry,
) -> Result<Played, ScenarioError> {
    scenario.check(registry)?;
    let mut stage = Stage::set(scenario, policies, registry, pace).await?;
    stage.act().await?;
    let mut steps = Vec::new();
    for (index, step) in scenario.script.steps.iter().enumerate() {
        stage.world.learn(&step.replies);
        stage.wait(scenario.pause(step)?).await?;
        for vote in &step.votes {
            if let Err(error) = stage.vote(vote).await {
                // What came otherwise before is why, and says more.
                if steps.iter().any(|step: &StepReport| !step.unmet.is_empty()) {
                    return Ok(Played { name: scenario.name.clone(), steps });
                }
                return Err(error);
            }
        }
        let mut report = stage.report(index + 1, step.name.clone()).await?;
        report.unmet = expect::unmet(&step.expect, &report);
        steps.push(report);
    }
    if let Some(call) = stage.world.unanswered().first() {
        let problem =
            format!("do not say what `{call}` answers, and a policy has read it; add `- {{call: {call}, returns: …}}`");
        return Err(Place::default().error(&scenario.file, "replies", problem));
    }
    Ok(Played { name: scenario.name.clone(), steps })
}

struct Stage<'a> {
    scenario: &'a Scenario,
    engine: Engine,
    clock: Arc<FakeClock>,
    world: Arc<World>,
    community: CommunityId,
    /// Where the community is on each of its platforms.
    installations: BTreeMap<String, InstallationId>,
    logged: usize,
    troubles: i64,
    pace: Pace,
}

impl Stage<'_> {
    fn fail(&self, what: impl std::fmt::Display) -> ScenarioError {
        cannot(&self.scenario.file, &what.to_string())
    }

    /// Where the community is on a platform.
    fn place(&self, platform: &str) -> Result<InstallationId, ScenarioError> {
        let found = self.installations.get(platform).copied();
        found.ok_or_else(|| self.fail(format!("the community is not on `{platform}`")))
    }

    fn user(&self, account: &str) -> Result<UserId, ScenarioError> {
        Ok(UserId::derive(self.place(self.scenario.platform_of(account))?, account))
    }

    /// The action happens, or is proposed.
    async fn act(&mut self) -> Result<(), ScenarioError> {
        let action = &self.scenario.script.action;
        let kind = action.kind.value.clone();
        let initiator = action.initiator.as_ref().map(|user| user.value.clone());
        let change = constitution::label(&kind).is_some();
        let platform = self.scenario.platform_of_action(self.engine.registry());
        let origin =
            action.origin.as_ref().map_or(if change { CameFrom::PolicyKit } else { CameFrom::Platform }, |o| o.value);
        self.clock.advance(Duration::from_millis(1));
        if origin == CameFrom::PolicyKit {
            // Who changes the rules does so from where they are.
            let by = initiator.as_deref().filter(|_| change).map(|who| self.scenario.platform_of(who));
            let wanted = Proposition {
                community: self.community,
                installation: self.place(by.unwrap_or(platform))?,
                action_type: kind,
                fields: if change { self.by_id(&action.fields).await? } else { action.fields.clone() },
                initiator,
            };
            let proposed = self.engine.propose(wanted).await;
            proposed.map_err(|why| place(&action.kind).error(&self.scenario.file, "action", why.to_string()))?;
        } else {
            let descriptor = self.engine.registry().get(platform).map(|p| p.descriptor());
            let body = if descriptor.is_some_and(|d| d.trigger(&kind).is_some()) {
                EventBody::Trigger { event_type: kind, data: action.fields.clone() }
            } else {
                EventBody::Action { action_type: kind, fields: action.fields.clone() }
            };
            let event = Event {
                actor: initiator,
                at: self.clock.now(),
                echo_keys: Vec::new(),
                heard: Heard::Openly,
                home: Home::Here,
                body,
            };
            let told = Told { key: "action".to_owned(), event };
            let body = serde_json::to_vec(&told).map_err(|e| self.fail(e))?;
            let request = RawRequest { headers: &[], body: &body, at: None, home: None };
            self.engine.receive(platform, request).await.map_err(|e| self.fail(e))?;
        }
        self.drain().await
    }

    /// The fields with ids where a story writes the names of roles and the accounts of members.
    async fn by_id(&self, fields: &JsonMap) -> Result<JsonMap, ScenarioError> {
        let known = self.engine.db().community(self.community).state().await.map_err(|e| self.fail(e))?.roles;
        let mut fields = fields.clone();
        if let Some(Json::String(name)) = fields.get("role")
            && let Some(role) = known.iter().find(|role| role.name == *name)
        {
            fields.insert("role".to_owned(), role.id.to_string().into());
        }
        let is_member = |account: &str| self.scenario.script.community.users.iter().any(|u| u.id.value == account);
        if let Some(Json::Array(users)) = fields.get_mut("users") {
            for user in users {
                if let Some(account) = user.as_str().filter(|account| is_member(account)) {
                    *user = self.user(account)?.to_string().into();
                }
            }
        }
        Ok(fields)
    }

    async fn drain(&self) -> Result<(), ScenarioError> {
        self.engine.drain().await.map_err(|e| self.fail(e))
    }

    async fn vote(&mut self, vote: &Vote) -> Result<(), ScenarioError> {
        let at = place(&vote.user);
        let file = &self.scenario.file;
        let Some((proposal, _)) = self.proposal().await? else {
            return Err(at.error(
                file,
                "votes",
                "cannot be cast: no policy governs the action, so nothing is voted on",
            ));
        };
        let ballots = ballots(&vote.value).ok_or_else(|| {
            let problem = format!(
                "is `{}`; write `yes`, `no`, an option, a list of options, `{{candidate: option}}`, or null to take it back",
                vote.value
            );
            at.error(file, "value", problem)
        })?;
        for cast in ballots {
            self.clock.advance(Duration::from_millis(1));
            let voter = self.user(&vote.user.value)?;
            let here = VoteHere { community: self.community, proposal: proposal.id, voter, cast, shown: None };
            match (self.engine.vote(here).await, vote.refused) {
                (Ok(_), false) => {}
                (Err(VoteError::Refused(_)), true) => {}
                (Ok(_), true) => {
                    let problem = "counts, although `refused: true` says that it does not";
                    return Err(at.error(file, "votes", problem));
                }
                (Err(VoteError::Refused(refusal)), false) => {
                    let problem = match proposal.poll.as_ref() {
                        Some(poll) => {
                            format!(
                                "does not count: {} The options are: {}",
                                refusal.message(),
                                poll.options.join(", ")
                            )
                        }
                        None => match &proposal.error {
                            Some(error) => {
                                format!("cannot be cast: the policy failed before it started a vote ({error})")
                            }
                            None => "cannot be cast: the policy has started no vote".to_owned(),
                        },
                    };
                    return Err(at.error(file, "votes", format!("{problem} (`{}`)", vote.value)));
                }
                (Err(other), _) => return Err(self.fail(other)),
            }
        }
        self.drain().await
    }

    /// The proposal the scenario is about, with its action: of several, the one that was not passed on; the action's own
    /// before that of a trigger.
    async fn proposal(&self) -> Result<Option<(Proposal, Action)>, ScenarioError> {
        let survey = self.engine.db().survey().await.map_err(|e| self.fail(e))?;
        let mut all: Vec<(Proposal, Action)> = survey
            .proposals
            .into_iter()
            .filter_map(|p| survey.actions.iter().find(|a| a.id == p.action).map(|a| (p, a.clone())))
            .collect();
        all.sort_by_key(|(p, a)| {
            (p.status == Status::Superseded, a.kind == PolicyKind::Trigger, std::cmp::Reverse(p.created_at))
        });
        Ok(all.into_iter().next())
    }

    async fn report(&mut self, step: usize, name: Option<String>) -> Result<StepReport, ScenarioError> {
        let survey = self.engine.db().survey().await.map_err(|e| self.fail(e))?;
        let found = self.proposal().await?;
        let about = found.as_ref().map(|(_, action)| action.clone());
        let about = about.or_else(|| survey.actions.iter().find(|a| a.kind != PolicyKind::Trigger).cloned());
        let mine = |proposal: Option<ProposalId>, action: Option<policykit_core::ids::ActionId>| {
            proposal.is_some() && proposal == found.as_ref().map(|(p, _)| p.id)
                || action.is_some() && action == about.as_ref().map(|a| a.id)
        };
        let carried_out = survey.calls.iter().any(|call| {
            call.purpose == "execute"
                && matches!(call.outcome, Some(CallOutcome::Done { .. }))
                && mine(call.proposal, call.action)
        });
        let made = found.as_ref().is_some_and(|(p, a)| {
            a.kind == PolicyKind::Constitution && p.status == Status::Passed && p.effect == EffectStatus::Done
        });
        let (calls, reads) = self.world.take();
        let mut report = StepReport {
            step,
            name,
            at: self.clock.now().to_string(),
            matched: found.is_some(),
            policy: None,
            status: found.as_ref().map(|(p, _)| p.status.as_str().to_owned()),
            reverted: about.as_ref().is_some_and(|a| a.reverted),
            executed: carried_out || made,
            calls,
            reads,
            logs: Vec::new(),
            data: found.as_ref().map(|(p, _)| p.data.clone()).unwrap_or_default(),
            variables: found.as_ref().map(|(p, _)| plain(&p.variables)).unwrap_or_default(),
            error: found.as_ref().and_then(|(p, _)| p.error.clone()),
            unmet: Vec::new(),
        };
        if let Some((proposal, _)) = &found {
            let story = self.engine.story(self.community, proposal.id).await.map_err(|e| self.fail(e))?;
            report.policy = Some(story.policy().draft.name.clone());
            report.logs = story.logs.iter().skip(self.logged).map(said).collect();
            self.logged = story.logs.len();
            // What was done may be worth a word too, and is no error.
            let note = proposal.effect_note.as_ref().filter(|_| proposal.effect != EffectStatus::Done);
            if let (Some(note), true) = (note, report.error.is_none()) {
                report.error = Some(note.clone());
            }
        }
        let scope = self.engine.db().community(self.community);
        let troubles = scope.log_lines(Lines::Troubles, &Sight::EVERYTHING, None, TROUBLES).await;
        let troubles = troubles.map_err(|e| self.fail(e))?;
        let newest = troubles.first().map_or(self.troubles, |line| line.ord);
        // Filters fail before there is a proposal.
        for line in troubles.iter().rev().filter(|l| l.proposal.is_none() && l.ord > self.troubles) {
            report.logs.push(said(&line.line));
            report.error.get_or_insert_with(|| line.line.message.clone());
        }
        self.troubles = newest;
        Ok(report)
    }
}

fn said(line: &policykit_store::LogLine) -> Said {
    Said { level: line.level.clone(), message: line.message.clone() }
}

fn cannot(file: &Path, what: &str) -> ScenarioError {
    Place::default().error(file, "", format!("cannot be played: {what}"))
}

fn plain(variables: &Value) -> JsonMap {
    match variables.to_json() {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}

/// What a voter says; `None` when it can mean nothing.
fn ballots(value: &Json) -> Option<Vec<Cast>> {
    let text = |value: &Json| match value {
        Json::Bool(true) => Some("yes".to_owned()),
        Json::Bool(false) => Some("no".to_owned()),
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Json::Null => Some(vec![Cast::Retract]),
        Json::Array(items) => Some(vec![Cast::Several(items.iter().map(text).collect::<Option<_>>()?)]),
        Json::Object(map) => map
            .iter()
            .map(|(candidate, option)| Some(Cast::Pick { candidate: candidate.clone(), option: text(option)? }))
            .collect(),
        one => Some(vec![Cast::For(text(one)?)]),
    }
}

/// The policy with its variables set before its own `initialize`, without moving a line of it where that can be done.
fn with_variables(mut draft: PolicyDraft, variables: &BTreeMap<String, Json>) -> PolicyDraft {
    if variables.is_empty() {
        return draft;
    }
    let set: Vec<String> =
        variables.iter().map(|(name, value)| format!("variables.{name} = {}", python(value))).collect();
    let (set, own) = (set.join("; "), draft.blocks.initialize.as_str());
    draft.blocks.initialize = match own.split_once('\n') {
        Some((first, rest)) if first.trim().is_empty() || first.trim_start().starts_with('#') => {
            format!("{set}\n{rest}")
        }
        _ => format!("{set}\n{own}"),
    };
    draft
}

/// A value as Python writes it.
fn python(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", Json::from(key.as_str()), python(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        // JSON's escapes are Python's, but for those of characters beyond the first plane, which are not made.
        plain => plain.to_string(),
    }
}
