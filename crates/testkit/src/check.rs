//! What holds after every test, whatever it did.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use policykit_core::{
    action::{Action, Standing},
    call::CallState,
    ids::{ActionId, CommunityId, InstallationId, ProposalId},
    policy::PolicyKind,
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_engine::ReplayReport;
use policykit_platforms::slack::fake::{Cause, Change, Entry, What};
use policykit_store::{ChainReport, EvaluationState, InboxState, Survey};

use crate::{
    app::{OpenCalls, TestApp},
    workspace::Workspace,
};

/// Name of the field of a message's metadata that holds the id of the call that posted it.
const MARK: &str = "call";
/// Event type under which the record of the stand-in lists clicks.
const CLICK: &str = "block_actions";

/// What is not as it must be.
#[derive(Debug, Default)]
pub struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, finding: impl fmt::Display) {
        self.0.push(finding.to_string());
    }

    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.add(otherwise());
        }
    }

    /// What was found, one line each.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// Fails the test when anything was found.
    pub fn assert_none(&self) {
        assert!(self.0.is_empty(), "after the test this does not hold:\n- {}", self.0.join("\n- "));
    }
}

impl TestApp {
    /// Checks everything that holds after every test.
    pub async fn findings(&self) -> Findings {
        let survey = self.survey().await;
        let record = self.fake().record();
        let mut found = Findings::default();
        self.work_is_done(&survey, &mut found);
        self.every_row_is_at_home(&survey, &mut found);
        outcomes_are_one(&survey, &mut found);
        self.quiet_workspaces_left_nothing(&survey, &record, &mut found);
        self.witness_agrees(&survey, &record, &mut found);
        self.replays(&survey, &mut found).await;
        self.chains(&mut found).await;
        found
    }

    fn work_is_done(&self, survey: &Survey, found: &mut Findings) {
        let mut dead = 0;
        for row in &survey.inbox {
            match row.state {
                InboxState::Done => {}
                InboxState::Dead => dead += 1,
                InboxState::New | InboxState::Parked => {
                    found.add(format!(
                        "delivery {} is still {:?}: {:?}",
                        row.delivery.delivery_key, row.state, row.note
                    ));
                }
            }
        }
        found.check(dead == self.expected_dead, || {
            let notes: Vec<_> = survey.inbox.iter().filter(|r| r.state == InboxState::Dead).map(|r| &r.note).collect();
            format!("{dead} deliveries are dead, {} expected: {notes:?}", self.expected_dead)
        });
        let uncertain: Vec<_> = survey.calls.iter().filter(|c| c.state == CallState::Uncertain).collect();
        found.check(uncertain.len() == self.expected_uncertain, || {
            format!("{} calls are uncertain, {} expected: {uncertain:?}", uncertain.len(), self.expected_uncertain)
        });
        let open = |state| matches!(state, CallState::Planned | CallState::Sending | CallState::Retry);
        for call in survey.calls.iter().filter(|c| open(c.state)) {
            let expected = self.open_calls == OpenCalls::Expected && call.state != CallState::Sending;
            found.check(expected, || {
                format!(
                    "the call {} for {} is still {:?}: {:?}",
                    call.call.operation, call.purpose, call.state, call.note
                )
            });
        }
        for evaluation in survey.evaluations.iter().filter(|e| e.state == EvaluationState::Running) {
            found.check(self.open_calls == OpenCalls::Expected, || {
                format!("evaluation {} of {} still runs", evaluation.seq, evaluation.proposal)
            });
        }
        let proposals: HashMap<ProposalId, &Proposal> = survey.proposals.iter().map(|p| (p.id, p)).collect();
        for wake in &survey.wakes {
            match proposals.get(&wake.proposal) {
                None => found.add(format!("the wake `{}` belongs to no proposal", wake.cause)),
                // A timer set before the decision is acted upon when it is due, by doing nothing.
                Some(_) => found
                    .check(wake.due_at > self.clock_now() || self.open_calls == OpenCalls::Expected, || {
                        format!("the wake `{}` was due at {} and is still there", wake.cause, wake.due_at)
                    }),
            }
        }
    }

    fn clock_now(&self) -> policykit_core::Timestamp {
        policykit_core::Clock::now(self.clock.as_ref())
    }

    /// Every row names its community, and whatever else it names is of the same community.
    fn every_row_is_at_home(&self, survey: &Survey, found: &mut Findings) {
        let mut home = Homes::default();
        for workspace in [&self.slack, &self.other] {
            home.installations.insert(workspace.installation, workspace.community);
            home.scopes.insert(format!("slack:{}", workspace.team), workspace.community);
        }
        for installation in &self.further {
            home.installations.insert(installation.id, installation.community);
            home.scopes
                .insert(format!("{}:{}", installation.platform, installation.external_id), installation.community);
        }
        home.learn(survey);
        let mut communities = vec![self.slack.community, self.other.community];
        communities.extend(self.further.iter().map(|i| i.community));
        let mut at = |what: String, community: CommunityId, named: &[Option<CommunityId>]| {
            found.check(communities.contains(&community), || format!("{what} is of no community here"));
            for other in named.iter().flatten() {
                found.check(*other == community, || format!("{what} of {community} refers to a row of {other}"));
            }
        };
        let unknown = CommunityId::from_uuid(uuid::Uuid::nil());
        let or = |known: Option<&CommunityId>| Some(known.copied().unwrap_or(unknown));
        for row in &survey.inbox {
            let d = &row.delivery;
            let scope = d.scope.starts_with("slack:").then(|| or(home.scopes.get(&d.scope))).flatten();
            at(
                format!("delivery {}", d.delivery_key),
                d.community,
                &[or(home.installations.get(&d.installation)), scope],
            );
        }
        for user in &survey.users {
            at(
                format!("member {}", user.external_id),
                user.community,
                &[or(home.installations.get(&user.installation))],
            );
        }
        for action in &survey.actions {
            let installation = action.installation.and_then(|i| or(home.installations.get(&i)));
            let initiator = action.initiator.and_then(|u| or(home.users.get(&u)));
            let inbox = action.inbox.and_then(|i| or(home.inbox.get(&i)));
            at(format!("action {}", action.id), action.community, &[installation, initiator, inbox]);
        }
        for p in &survey.proposals {
            let poll = p.poll.as_ref().and_then(|poll| or(home.installations.get(&poll.installation)));
            at(format!("proposal {}", p.id), p.community, &[or(home.actions.get(&p.action)), poll]);
        }
        for e in &survey.evaluations {
            let seen = [Some(e.snapshot.community.id), or(home.actions.get(&e.snapshot.action.id))];
            at(format!("evaluation {}", e.id), e.community, &[or(home.proposals.get(&e.proposal)), seen[0], seen[1]]);
        }
        for read in &survey.reads {
            at(
                format!("read {} of {}", read.idx, read.evaluation),
                read.community,
                &[or(home.evaluations.get(&read.evaluation))],
            );
        }
        for call in &survey.calls {
            let named = [
                or(home.installations.get(&call.installation)),
                call.proposal.and_then(|p| or(home.proposals.get(&p))),
                call.evaluation.and_then(|e| or(home.evaluations.get(&e))),
                call.action.and_then(|a| or(home.actions.get(&a))),
            ];
            at(format!("call {}", call.id), call.community, &named);
        }
        for owned in &survey.owned {
            let named = [or(home.installations.get(&owned.installation)), or(home.calls.get(&owned.call))];
            at(format!("owned object {}", owned.key), owned.community, &named);
        }
        for ballot in &survey.ballots {
            let named = [or(home.proposals.get(&ballot.proposal)), or(home.users.get(&ballot.voter))];
            at(format!("ballot for {}", ballot.proposal), ballot.community, &named);
        }
        for wake in &survey.wakes {
            at(format!("wake {}", wake.cause), wake.community, &[or(home.proposals.get(&wake.proposal))]);
        }
    }

    /// Where nobody did anything, nothing is written.
    fn quiet_workspaces_left_nothing(&self, survey: &Survey, record: &[Entry], found: &mut Findings) {
        if self.rows_from_outside {
            return;
        }
        for workspace in [&self.slack, &self.other] {
            let stirred = record.iter().any(|entry| match &entry.what {
                What::Effect { team, .. } | What::Attempt { team, .. } => *team == workspace.team,
                _ => false,
            });
            if stirred {
                continue;
            }
            let id = workspace.community;
            let decided = |kind: &str| kind.starts_with("proposal.") || kind.starts_with("action.");
            let rows: [(&str, usize); 9] = [
                ("inbox", survey.inbox.iter().filter(|r| r.delivery.community == id).count()),
                ("action", survey.actions.iter().filter(|r| r.community == id).count()),
                ("proposal", survey.proposals.iter().filter(|r| r.community == id).count()),
                ("evaluation", survey.evaluations.iter().filter(|r| r.community == id).count()),
                ("call", survey.calls.iter().filter(|r| r.community == id).count()),
                ("owned", survey.owned.iter().filter(|r| r.community == id).count()),
                ("ballot", survey.ballots.iter().filter(|r| r.community == id).count()),
                ("wake", survey.wakes.iter().filter(|r| r.community == id).count()),
                ("decision", survey.decisions.iter().filter(|(c, d)| *c == id && decided(&d.kind)).count()),
            ];
            for (table, count) in rows {
                // Actions may also be proposed here, without anybody doing anything on the platform.
                let proposed =
                    survey.inbox.iter().any(|r| r.delivery.community == id && !r.delivery.scope.starts_with("slack:"));
                found.check(count == 0 || proposed, || {
                    format!("nothing happened in {}, and yet there are {count} rows in `{table}`", workspace.team)
                });
            }
        }
    }

    /// The stand-in's own record against what is written here.
    fn witness_agrees(&self, survey: &Survey, record: &[Entry], found: &mut Findings) {
        for double in self.fake().doubles(MARK) {
            found.add(format!("posted {} times for one call: {:?}", double.posts.len(), double.posts));
        }
        let known: BTreeSet<(CommunityId, &str)> =
            survey.inbox.iter().map(|r| (r.delivery.community, r.delivery.delivery_key.as_str())).collect();
        for workspace in [&self.slack, &self.other] {
            self.posts_have_calls(workspace, survey, record, found);
            let mut clicks = BTreeSet::new();
            for entry in record {
                let What::Attempt { event_id, team, event_type, answer, .. } = &entry.what else { continue };
                if *team != workspace.team || !answer.acked() {
                    continue;
                }
                if event_type == CLICK {
                    clicks.insert(event_id);
                } else {
                    found.check(known.contains(&(workspace.community, event_id.as_str())), || {
                        format!("{event_id} ({event_type}) was acknowledged and is not in the inbox")
                    });
                }
            }
            let kept = survey
                .inbox
                .iter()
                .filter(|r| r.delivery.community == workspace.community && r.delivery.kind == CLICK)
                .count();
            found.check(kept >= clicks.len(), || {
                format!("{} clicks were acknowledged, {kept} are in the inbox", clicks.len())
            });
        }
    }

    /// Whatever our bot posted carries the id of a call that is written down here, as sent or settled.
    fn posts_have_calls(&self, workspace: &Workspace, survey: &Survey, record: &[Entry], found: &mut Findings) {
        let Some(team) = self.fake().team(workspace.team.as_str()) else { return };
        for entry in record {
            let What::Effect { team: at, cause: Cause::Call(_), change } = &entry.what else { continue };
            let Change::Posted { user, text, metadata, .. } = change else { continue };
            if *at != workspace.team || *user != team.bot_user {
                continue;
            }
            let mark = metadata.as_ref().and_then(|m| m.get("event_payload")?.get(MARK)?.as_str().map(str::to_owned));
            let call = mark.as_ref().and_then(|mark| survey.calls.iter().find(|c| c.id.to_string() == *mark));
            match call {
                None => found.add(format!("`{text}` was posted and no call is written down for it")),
                Some(call) => {
                    let told =
                        matches!(call.state, CallState::Sent | CallState::SettledByPerson | CallState::Uncertain);
                    found.check(told, || format!("`{text}` was posted, and its call is {:?}", call.state));
                }
            }
        }
    }

    async fn replays(&self, survey: &Survey, found: &mut Findings) {
        let wanted: Vec<_> = survey
            .evaluations
            .iter()
            .filter(|e| e.state != EvaluationState::Running)
            .map(|e| (e.community, e.id, e.seq, e.proposal))
            .collect();
        let engine = self.engine();
        let reports = self
            .node()
            .on(async move {
                let mut reports = Vec::new();
                for (community, id, seq, proposal) in wanted {
                    reports.push((seq, proposal, engine.replay(community, id).await));
                }
                reports
            })
            .await;
        for (seq, proposal, report) in reports {
            match report {
                Ok(ReplayReport::Same) => {}
                other => found.add(format!("evaluation {seq} of {proposal} replays as {other:?}")),
            }
        }
    }

    async fn chains(&self, found: &mut Findings) {
        for community in [self.slack.community, self.other.community] {
            let db = self.db();
            match self.node().on(async move { db.community(community).verify_decisions().await }).await {
                Ok(ChainReport::Intact { .. }) => {}
                other => found.add(format!("the log of decisions of {community}: {other:?}")),
            }
        }
    }
}

/// Exactly one policy has the last word on an action, and what is written about both agrees.
fn outcomes_are_one(survey: &Survey, found: &mut Findings) {
    let mut by_action: BTreeMap<ActionId, Vec<&Proposal>> = BTreeMap::new();
    for proposal in survey.proposals.iter().filter(|p| p.status != Status::Superseded) {
        by_action.entry(proposal.action).or_default().push(proposal);
    }
    let actions: HashMap<ActionId, &Action> = survey.actions.iter().map(|a| (a.id, a)).collect();
    for (id, proposals) in by_action {
        let Some(action) = actions.get(&id) else {
            found.add(format!("the action {id} of a proposal is not written down"));
            continue;
        };
        if action.kind == PolicyKind::Trigger {
            continue;
        }
        found.check(proposals.len() == 1, || {
            format!("{} policies decide about the {} {id}", proposals.len(), action.action_type)
        });
        for proposal in proposals {
            agree(action, proposal, survey, found);
        }
    }
}

fn agree(action: &Action, proposal: &Proposal, survey: &Survey, found: &mut Findings) {
    let what = || {
        format!(
            "the {} is {:?}{}, its proposal {:?} with effect {:?} ({:?})",
            action.action_type,
            action.standing,
            if action.reverted { " and undone" } else { "" },
            proposal.status,
            proposal.effect,
            proposal.effect_note,
        )
    };
    let open = survey.calls.iter().any(|c| c.proposal == Some(proposal.id) && c.outcome.is_none());
    found.check(proposal.effect != EffectStatus::Pending || open, || format!("nothing is under way: {}", what()));
    found.check(proposal.decided_at.is_some() == (proposal.status != Status::Proposed), what);
    found.check(!proposal.poll_open || proposal.status == Status::Proposed, || format!("the vote is open: {}", what()));
    let settled = matches!(proposal.effect, EffectStatus::Done | EffectStatus::None);
    let fits = match proposal.status {
        Status::Proposed => action.standing == Standing::Contested,
        Status::Held => action.standing == Standing::Held,
        // A change of the rules that could not be made has never stood.
        Status::Passed if action.kind == PolicyKind::Constitution && proposal.effect == EffectStatus::Refused => {
            action.standing == Standing::Undone
        }
        Status::Passed => action.standing == Standing::Stands && (!settled || !action.reverted),
        Status::Failed if proposal.effect == EffectStatus::Done => {
            let by_code = |c: &&policykit_store::CallRow| c.purpose == "execute" && c.evaluation.is_some();
            let done = survey.calls.iter().filter(|c| c.proposal == Some(proposal.id)).any(|c| by_code(&c));
            // What its own code has done again stands, although it was decided otherwise.
            action.standing == Standing::Undone && action.reverted
                || done && action.standing == Standing::Stands && !action.reverted
        }
        Status::Failed => matches!(action.standing, Standing::Undone | Standing::Stands),
        Status::Superseded => true,
    };
    found.check(fits, what);
}

/// Which community each id belongs to.
#[derive(Default)]
struct Homes {
    installations: HashMap<InstallationId, CommunityId>,
    scopes: HashMap<String, CommunityId>,
    users: HashMap<policykit_core::ids::UserId, CommunityId>,
    inbox: HashMap<policykit_core::ids::InboxId, CommunityId>,
    actions: HashMap<ActionId, CommunityId>,
    proposals: HashMap<ProposalId, CommunityId>,
    evaluations: HashMap<policykit_core::ids::EvaluationId, CommunityId>,
    calls: HashMap<policykit_core::ids::CallId, CommunityId>,
}

impl Homes {
    fn learn(&mut self, survey: &Survey) {
        self.users = survey.users.iter().map(|r| (r.id, r.community)).collect();
        self.inbox = survey.inbox.iter().map(|r| (r.delivery.id, r.delivery.community)).collect();
        self.actions = survey.actions.iter().map(|r| (r.id, r.community)).collect();
        self.proposals = survey.proposals.iter().map(|r| (r.id, r.community)).collect();
        self.evaluations = survey.evaluations.iter().map(|r| (r.id, r.community)).collect();
        self.calls = survey.calls.iter().map(|r| (r.id, r.community)).collect();
    }
}
