//! A community that has been governed for years: ten thousand members, a thousand policies, a hundred thousand proposals.

use std::collections::BTreeSet;

use policykit_core::{
    Clock as _, IdSource as _, JsonMap, SystemClock, SystemIds, Timestamp, Value,
    action::{Action, Origin, Standing},
    ballot::{BallotValue, Poll, PollKind, VoteKey},
    community::{Installation, InstallationStatus, User},
    constitution,
    ids::{
        ActionId, CommunityId, EvaluationId, InboxId, InstallationId, PolicyId, PolicyVersionId, ProposalId, RoleId,
        UserId,
    },
    permission,
    policy::{Policy, PolicyKind, Verdict},
    proposal::{EffectStatus, Proposal, Status},
    snapshot::{ActionView, CommunityView, PolicyView, ProposalView, Snapshot},
};
use policykit_store::{
    BallotRow, Base, Changes, Db, DecisionEntry, DefaultPermissions, EvaluationRow, EvaluationState, LogRow,
    NewSession, Scoped,
};
use policykit_testkit::Draft;
use serde_json::json;

use super::Failure;

const MEMBERS: usize = 10_000;
const POLICIES: usize = 1_000;
const PROPOSALS: usize = 100_000;
/// Rows of a kind per transaction.
const BATCH: usize = 1_000;
const TYPES: [&str; 3] = ["slackpostmessage", "slackrenameconversation", "slackpinmessage"];

/// What the walk needs to know.
pub(crate) struct Seeded {
    /// Session of a member who may see everything.
    pub(crate) member: String,
    /// Session of a member who may see only what is rare.
    pub(crate) narrow: String,
    /// Session of the operator.
    pub(crate) operator: String,
    /// Some proposals, and what is special about each.
    pub(crate) proposals: Vec<(&'static str, ProposalId)>,
    /// Some policy.
    pub(crate) policy: PolicyId,
    /// Some role with many members.
    pub(crate) role: RoleId,
    /// A place in the middle of the list of proposals.
    pub(crate) middle: String,
}

struct Town {
    scope: Scoped,
    db: Db,
    community: CommunityId,
    installation: InstallationId,
    now: Timestamp,
    users: Vec<User>,
    policies: Vec<Policy>,
}

/// Fills an empty database and opens the sessions.
pub(crate) async fn seed(db: &Db) -> Result<Seeded, Failure> {
    let (now, system) = (SystemClock.now(), db.system());
    let id = || SystemIds.uuid(now);
    let community = CommunityId::from_uuid(id());
    system.create_community(community, "Large Town", now).await?;
    let installation = Installation {
        id: InstallationId::from_uuid(id()),
        community,
        platform: "slack".to_owned(),
        external_id: "T0LARGE".to_owned(),
        name: "Large Town".to_owned(),
        acts_as: Vec::new(),
        settings: JsonMap::new(),
        status: InstallationStatus::Active,
    };
    system.create_installation(&installation, now).await?;
    let scope = db.community(community);
    let mut town = Town {
        scope: scope.clone(),
        db: db.clone(),
        community,
        installation: installation.id,
        now,
        users: Vec::new(),
        policies: Vec::new(),
    };
    town.people().await?;
    let role = town.roles().await?;
    for number in 0..POLICIES {
        let ids = (PolicyId::from_uuid(id()), PolicyVersionId::from_uuid(id()));
        let draft =
            Draft::platform(&format!("Rule number {number}"), &[TYPES.get(number % 3).copied().unwrap_or_default()])
                .filter(&format!("return 'word {number}' in (action.text or '')"))
                .check("if len(proposal.get_yes_votes()) >= 5:\n  return PASSED\nreturn PROPOSED");
        town.policies.push(scope.add_policy(draft.into(), now, ids).await?);
    }
    for from in (0..PROPOSALS).step_by(BATCH) {
        town.proposals(from).await?;
    }
    let crowded = town.crowded().await?;
    let of = |number: usize| town.proposal_id(number);
    let member = town.session(town.users.get(17)).await?;
    let narrow = town.session(town.users.get(MEMBERS - 1)).await?;
    let operator = token();
    let link = hash(&token());
    system.create_link(&link, now, now + LASTS).await?;
    system.redeem_link(&link, new_session(&operator, now)).await?;
    Ok(Seeded {
        member,
        narrow,
        operator,
        proposals: vec![
            ("decided", of(PROPOSALS / 2 + 7)),
            ("open, everybody asked", of(PROPOSALS - 10)),
            ("open, fifty asked", of(PROPOSALS - 20)),
            ("open, ten thousand votes and three thousand looks", crowded),
        ],
        policy: town.policies.get(10).map(|p| p.id).ok_or("no policy")?,
        role,
        middle: format!("{}.{}", town.at(PROPOSALS / 2).micros(), of(PROPOSALS / 2)),
    })
}

const LASTS: std::time::Duration = std::time::Duration::from_hours(24);

impl Town {
    async fn commit(&self, changes: Changes) -> Result<(), Failure> {
        Ok(self.db.commit(changes).await?)
    }

    /// A proposal every ten minutes, the last one just now.
    fn at(&self, number: usize) -> Timestamp {
        let back = i64::try_from(PROPOSALS.saturating_sub(number)).unwrap_or_default();
        Timestamp::from_micros(self.now.micros() - back * 600_000_000)
    }

    fn action_id(number: usize) -> ActionId {
        ActionId::derive(InboxId::derive("seed", "T0LARGE", &number.to_string()), 0)
    }

    fn policy_of(&self, number: usize) -> &Policy {
        // A few rules have most of the work.
        let place = if number.is_multiple_of(4) { number % POLICIES } else { number % 20 };
        self.policies.get(place).unwrap_or_else(|| unreachable!("as many policies as were added"))
    }

    fn proposal_id(&self, number: usize) -> ProposalId {
        ProposalId::derive(Self::action_id(number), self.policy_of(number).id)
    }

    async fn people(&mut self) -> Result<(), Failure> {
        self.users = (0..MEMBERS)
            .map(|number| User {
                id: UserId::derive(self.installation, &format!("U{number:06}")),
                community: self.community,
                installation: self.installation,
                external_id: format!("U{number:06}"),
                name: format!("Person {number}"),
                is_admin: number == 0,
                is_bot: false,
                is_gone: false,
            })
            .collect();
        self.commit(Changes { label: "T2", users: self.users.clone(), ..Changes::default() }).await
    }

    async fn roles(&self) -> Result<RoleId, Failure> {
        let id = || SystemIds.uuid(self.now);
        let may: BTreeSet<String> = types_of_actions().iter().map(|t| permission::propose(t)).collect();
        // What there is one of in a thousand.
        let changes = constitution::action_types();
        let rare = permission::view(changes.first().map_or("", |t| t.codename));
        self.scope.add_role("Base Role", Base::Yes, may.iter().cloned().chain([rare]).collect(), id()).await?;
        let see = types_of_actions().into_iter().map(|t| permission::view(&t)).collect();
        let readers = self.scope.add_role("Readers", Base::No, see, id()).await?;
        let most: BTreeSet<UserId> = self.users.iter().take(MEMBERS - 10).map(|u| u.id).collect();
        self.scope.set_role_members(readers.id, most).await?;
        // So that the server, when it starts, does not give everybody what it takes for new here.
        let known: Vec<DefaultPermissions> = types_of_actions()
            .into_iter()
            .chain(permission::OF_INTEGRATION_ADMINS.map(str::to_owned))
            .map(|codename| DefaultPermissions {
                codename,
                everybody: BTreeSet::new(),
                integration_admins: BTreeSet::new(),
            })
            .collect();
        self.scope.give_defaults(&known).await?;
        Ok(readers.id)
    }

    async fn proposals(&self, from: usize) -> Result<(), Failure> {
        let mut changes = Changes { label: "T2", ..Changes::default() };
        for number in from..(from + BATCH).min(PROPOSALS) {
            self.one(number, &mut changes)?;
        }
        self.commit(changes).await
    }

    fn one(&self, number: usize, changes: &mut Changes) -> Result<(), Failure> {
        let (policy, at, proposal) = (self.policy_of(number), self.at(number), self.proposal_id(number));
        let initiator = self.users.get(number * 7 % MEMBERS).ok_or("nobody")?;
        let is_late = number + 1_000 > PROPOSALS;
        let status = match number % 50 {
            _ if is_late && number.is_multiple_of(2) => Status::Proposed,
            0 => Status::Held,
            1..=25 => Status::Passed,
            _ => Status::Failed,
        };
        let is_vote = status == Status::Proposed || number.is_multiple_of(5);
        let poll = is_vote.then(|| Poll {
            kind: PollKind::Boolean,
            text: format!("Shall number {number} be?"),
            options: vec!["yes".to_owned(), "no".to_owned()],
            candidates: Vec::new(),
            closes_at: None,
            installation: self.installation,
            electorate: (number.is_multiple_of(4)).then(|| {
                (0..50).map(|n| format!("U{:06}", (number + n * 13) % MEMBERS)).chain(["U000017".to_owned()]).collect()
            }),
            channel: "C1".to_owned(),
            post_id: format!("{number}.1"),
            url: None,
        });
        let action = Action {
            id: Self::action_id(number),
            community: self.community,
            installation: Some(self.installation),
            inbox: None,
            kind: PolicyKind::Platform,
            action_type: policy.draft.action_types.first().cloned().unwrap_or_default(),
            initiator: Some(initiator.id),
            origin: Origin::Platform,
            fields: [("text".to_owned(), format!("the words of number {number}").into())].into_iter().collect(),
            about: None,
            is_private: false,
            reverted: status == Status::Failed,
            standing: Standing::Stands,
            occurred_at: at,
        };
        let verdict = match status {
            Status::Passed => Some(Verdict::Passed),
            Status::Failed => Some(Verdict::Failed),
            Status::Proposed => Some(Verdict::Proposed),
            Status::Held | Status::Superseded => None,
        };
        changes.evaluations.push(self.look(&action, policy, proposal, 1, verdict, at));
        changes.proposals.push(Proposal {
            id: proposal,
            community: self.community,
            action: action.id,
            policy: policy.id,
            policy_version: policy.version_id,
            status,
            effect: if status == Status::Failed { EffectStatus::Done } else { EffectStatus::None },
            effect_note: None,
            rev: 0,
            data: JsonMap::new(),
            variables: Value::None,
            poll_open: status == Status::Proposed && poll.is_some(),
            poll,
            created_at: at,
            decided_at: (status != Status::Proposed).then_some(at),
            error: (status == Status::Held).then(|| "NameError: line 3".to_owned()),
        });
        for voter in 0..if is_vote { 8 } else { 0 } {
            let voter = self.users.get((number * 31 + voter * 97 + 100) % MEMBERS).ok_or("nobody")?;
            changes.ballots.push(self.ballot(number, voter, !number.is_multiple_of(3), at));
        }
        if status != Status::Proposed {
            changes.decisions.push(self.entry(&format!("proposal.{}", status.as_str()), &action, proposal, policy, at));
        }
        if status == Status::Failed {
            changes.decisions.push(self.entry("action.revert.done", &action, proposal, policy, at));
        }
        if number.is_multiple_of(3) {
            changes.logs.push(LogRow {
                community: self.community,
                proposal: Some(proposal),
                evaluation: None,
                action_type: None,
                is_private: false,
                level: if number.is_multiple_of(300) { "warning" } else { "info" }.to_owned(),
                message: format!("looked at number {number}"),
                at,
            });
        }
        changes.actions.push(action);
        Ok(())
    }

    fn ballot(&self, number: usize, voter: &User, yes: bool, at: Timestamp) -> BallotRow {
        let (community, value) = (self.community, Some(BallotValue::Boolean(yes)));
        let vote = VoteKey::of(self.installation, &format!("{number}.1"));
        let proposal = self.proposal_id(number);
        BallotRow { community, proposal, vote, voter: voter.id, value, cast_at: at, inbox: None }
    }

    fn entry(
        &self,
        kind: &str,
        action: &Action,
        proposal: ProposalId,
        policy: &Policy,
        at: Timestamp,
    ) -> DecisionEntry {
        DecisionEntry {
            community: self.community,
            at,
            kind: kind.to_owned(),
            body: json!({
                "proposal": proposal, "action": action.id, "action_type": action.action_type, "policy": policy.id,
                "version": policy.version,
            }),
        }
    }

    fn look(
        &self,
        action: &Action,
        policy: &Policy,
        proposal: ProposalId,
        seq: i64,
        verdict: Option<Verdict>,
        at: Timestamp,
    ) -> EvaluationRow {
        EvaluationRow {
            id: EvaluationId::derive(proposal, seq),
            community: self.community,
            proposal,
            seq,
            cause: if seq == 1 { "first" } else { "vote" }.to_owned(),
            runtime: "seed".to_owned(),
            snapshot: Snapshot {
                now: at,
                seed: 1,
                community: CommunityView { id: self.community, name: "Large Town".to_owned() },
                action: ActionView {
                    id: action.id,
                    action_type: action.action_type.clone(),
                    label: String::new(),
                    kind: action.kind,
                    platform: None,
                    origin: action.origin,
                    reverted: false,
                    initiator: None,
                    fields: action.fields.clone(),
                },
                policy: PolicyView {
                    id: policy.id,
                    version: policy.version,
                    name: policy.draft.name.clone(),
                    description: String::new(),
                    kind: policy.draft.kind,
                    action_types: Vec::new(),
                },
                proposal: ProposalView {
                    id: proposal,
                    created_at: at,
                    status: Verdict::Proposed,
                    vote: None,
                    data: JsonMap::new(),
                    variables: Value::None,
                },
                ballots: Vec::new(),
                platforms: Vec::new(),
            },
            state: if verdict.is_some() { EvaluationState::Settled } else { EvaluationState::Error },
            verdict,
            error: verdict.is_none().then(|| "NameError: line 3".to_owned()),
            started_at: at,
            ended_at: Some(at),
            considered: json!([{ "policy": policy.id, "version": 1, "name": policy.draft.name, "result": "matched" }]),
        }
    }

    /// A proposal on which everybody has voted.
    async fn crowded(&self) -> Result<ProposalId, Failure> {
        let number = PROPOSALS - 30;
        let (proposal, policy, at) = (self.proposal_id(number), self.policy_of(number), self.at(number));
        let action = self.scope.action(Self::action_id(number)).await?;
        for some in self.users.chunks(BATCH) {
            let ballots = some.iter().map(|voter| self.ballot(number, voter, true, self.now)).collect();
            self.commit(Changes { label: "T2", ballots, ..Changes::default() }).await?;
        }
        let looks = (2..=3_000).map(|seq| self.look(&action, policy, proposal, seq, Some(Verdict::Proposed), at));
        self.commit(Changes { label: "T2", evaluations: looks.collect(), ..Changes::default() }).await?;
        Ok(proposal)
    }

    async fn session(&self, user: Option<&User>) -> Result<String, Failure> {
        let token = token();
        let user = user.ok_or("nobody")?;
        self.db.system().open_session(self.community, user.id, new_session(&token, self.now)).await?;
        Ok(token)
    }
}

/// Types of which a policy of the integration can be, and of changes of the rules.
fn types_of_actions() -> Vec<String> {
    let http =
        policykit_platforms::Http::new(std::sync::Arc::new(SystemClock), policykit_platforms::HttpOptions::default());
    let types = http.map(|http| {
        let registry = policykit_platforms::registry(&std::sync::Arc::new(http));
        registry.descriptors().flat_map(|d| d.governable.iter().map(|t| t.codename.to_owned())).collect::<Vec<_>>()
    });
    let changes = constitution::action_types();
    types.unwrap_or_default().into_iter().chain(changes.iter().map(|t| t.codename.to_owned())).collect()
}

fn new_session(token: &str, now: Timestamp) -> NewSession {
    NewSession { hash: hash(token), now, expires_at: now + LASTS, agent: "a browser".to_owned() }
}

fn token() -> String {
    format!("{:032x}{:032x}", SystemIds.uuid(SystemClock.now()).as_u128(), SystemIds.uuid(SystemClock.now()).as_u128())
}

fn hash(token: &str) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(token).to_vec()
}
