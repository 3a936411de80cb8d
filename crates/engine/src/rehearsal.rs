//! Plays a proposal through without writing or sending anything: what would come of it if everybody who is asked said
//! yes, at once or after a long time.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashSet,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use policykit_core::{
    JsonMap, Timestamp, Value,
    action::Origin,
    ballot::{BallotValue, Pick, Poll, PollKind},
    call::{CallOutcome, PlanStep},
    community::User,
    constitution::{self, Amendment},
    ids::{ActionId, PolicyId, ProposalId},
    permission::{Gate, gate},
    policy::{Block, Policy, PolicyKind, Verdict},
    snapshot::{ActionView, BallotView, CommunityView, PlatformView, ProposalView, Snapshot, UserView, VoteView},
};
use policykit_platforms::platform::PlanContext;
use policykit_policy::{
    Answer, COMMUNITY, Failure, FailureKind, MethodCall, Overlay, Program, Progress, ReadRequest, Run, verdict,
};

use crate::{
    known::{self, Known},
    parts::Parts,
    witness::{Effort, Rules},
};

/// How much time has passed when very much has.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How often a block may ask for something before it is given up.
const MOST_STEPS: usize = 500;
/// How often a policy may ask people anew.
const MOST_ROUNDS: usize = 3;
/// How many options of a vote are tried.
const MOST_OPTIONS: usize = 4;

/// A stage for proposals under given rules.
pub(crate) struct Rehearsal<'a> {
    parts: &'a Parts,
    rules: &'a Rules,
    programs: Vec<(&'a Policy, Option<Arc<Program>>)>,
    now: Timestamp,
    /// The members as policies see them, in their order.
    views: Vec<UserView>,
    /// The ballots that are tried in the vote that was asked for last.
    ballots: RefCell<Option<(Poll, Ballots)>>,
    /// Nothing is begun any more once this is over.
    effort: Effort,
    /// Why nothing can be said: there is nowhere to run policies.
    nowhere: OnceCell<String>,
}

/// Sets of ballots, each tried by itself.
type Ballots = Rc<Vec<Vec<BallotView>>>;

/// How a policy left a matter.
enum Left {
    Decided(Verdict),
    Broken,
}

impl<'a> Rehearsal<'a> {
    pub(crate) fn new(parts: &'a Parts, rules: &'a Rules, effort: Effort) -> Self {
        let programs = rules.constitution().map(|policy| (policy, parts.compile(policy).program.ok())).collect();
        let views = rules.members().iter().map(|member| view(rules, member)).collect();
        Self {
            parts,
            rules,
            programs,
            now: parts.clock.now(),
            views,
            ballots: RefCell::default(),
            effort,
            nowhere: OnceCell::new(),
        }
    }

    /// Why nothing that was said of any change is to be believed.
    pub(crate) fn nowhere(&self) -> Option<&String> {
        self.nowhere.get()
    }

    /// Whether something was not tried any more, because the time was over.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.effort.was_cut_off()
    }

    /// A block that has failed; why is of no interest, unless nothing can be run at all.
    fn failed(&self, failure: Failure) {
        if failure.kind == FailureKind::Nowhere {
            let _ = self.nowhere.set(failure.message);
        }
    }

    /// Whether this change, proposed by this member, can pass. No word of it counts once there is [`Self::nowhere`] to run
    /// policies.
    pub(crate) fn passes(&self, member: &User, change: &Amendment) -> bool {
        let action_type = change.action_type();
        match gate(Some(&self.rules.permissions(member)), &action_type, Origin::PolicyKit) {
            Gate::Stands => return true,
            Gate::Undo | Gate::Refuse => return false,
            Gate::Govern => {}
        }
        let fields = change.told(&JsonMap::new(), &self.rules.subject(change));
        let action = ActionView {
            id: ActionId::from_uuid(uuid::Uuid::nil()),
            label: constitution::described(&action_type, &fields).unwrap_or_else(|| action_type.clone()),
            kind: PolicyKind::Constitution,
            platform: None,
            origin: Origin::PolicyKit,
            reverted: false,
            initiator: Some(view(self.rules, member)),
            fields,
            action_type,
        };
        for (policy, program) in &self.programs {
            if !policy.applies_to(&action.action_type) {
                continue;
            }
            if self.effort.is_over() {
                return false;
            }
            // What does not compile, or breaks, holds the matter for a person.
            let Some(program) = program else { return false };
            let mut run = self.run(program, self.snapshot(policy, &action, None, &[], self.now));
            if !policy.draft.blocks.filter.trim().is_empty() {
                match run.start(Block::Filter) {
                    Progress::Done(value) if value.is_truthy() => {}
                    Progress::Done(_) => continue,
                    Progress::Failed(failure) => {
                        self.failed(failure);
                        return false;
                    }
                    Progress::Call(_) | Progress::Read(_) | Progress::ActionEffect(_) => return false,
                }
            }
            match self.play(policy, program, &action) {
                Left::Decided(verdict) => return verdict == Verdict::Passed,
                Left::Broken => return false,
            }
        }
        false
    }

    fn play(&self, policy: &Policy, program: &Arc<Program>, action: &ActionView) -> Left {
        let mut run = self.run(program, self.snapshot(policy, action, None, &[], self.now));
        let first = self.block(&mut run, Block::Initialize, policy, action).and_then(|_| {
            let said = verdict(&self.block(&mut run, Block::Check, policy, action)?);
            if said == Verdict::Proposed {
                self.block(&mut run, Block::Notify, policy, action)?;
            }
            Some(said)
        });
        match first {
            None => return Left::Broken,
            Some(Verdict::Proposed) => {}
            Some(decided) => return Left::Decided(decided),
        }
        let mut overlay = run.overlay().clone();
        for _ in 0..MOST_ROUNDS {
            for now in [self.now, self.now + FOR_EVER] {
                for ballots in self.ballots(overlay.poll.as_ref()).iter() {
                    if self.effort.is_over() || self.nowhere.get().is_some() {
                        return Left::Decided(Verdict::Proposed);
                    }
                    let mut run = self.run(program, self.snapshot(policy, action, Some(&overlay), ballots, now));
                    if let Some(poll) = overlay.poll.clone() {
                        run.adopt_poll(poll);
                    }
                    let said = self.block(&mut run, Block::Check, policy, action).map(|value| verdict(&value));
                    if said == Some(Verdict::Passed) {
                        return Left::Decided(Verdict::Passed);
                    }
                    if said == Some(Verdict::Proposed) && run.overlay().poll != overlay.poll {
                        overlay = run.overlay().clone();
                    }
                }
            }
        }
        Left::Decided(Verdict::Proposed)
    }

    /// Nobody has voted; then everybody who may has voted the same, for each of the first options.
    fn ballots(&self, poll: Option<&Poll>) -> Ballots {
        let Some(poll) = poll else { return Rc::new(vec![Vec::new()]) };
        let mut last = self.ballots.borrow_mut();
        match &*last {
            Some((known, ballots)) if known == poll => Rc::clone(ballots),
            _ => {
                let ballots = Rc::new(self.new_ballots(poll));
                *last = Some((poll.clone(), Rc::clone(&ballots)));
                ballots
            }
        }
    }

    fn new_ballots(&self, poll: &Poll) -> Vec<Vec<BallotView>> {
        let electorate: Option<HashSet<&String>> = poll.electorate.as_ref().map(|people| people.iter().collect());
        let everybody = |value: &BallotValue| -> Vec<BallotView> {
            self.rules
                .members()
                .iter()
                .zip(&self.views)
                .filter(|(m, _)| m.installation == poll.installation)
                .filter(|(m, _)| electorate.as_ref().is_none_or(|people| people.contains(&m.external_id)))
                .map(|(_, view)| BallotView { voter: view.clone(), value: value.clone(), cast_at: self.now })
                .collect()
        };
        let first = poll.options.iter().take(MOST_OPTIONS);
        let values: Vec<BallotValue> = match poll.kind {
            PollKind::Boolean => vec![BallotValue::Boolean(true), BallotValue::Boolean(false)],
            PollKind::Choice => first.map(|o| BallotValue::Choice(o.clone())).collect(),
            PollKind::Multi => first.map(|o| BallotValue::Multi([o.clone()].into())).collect(),
            PollKind::Select => first
                .map(|o| {
                    let pick = Pick { at: self.now, option: Some(o.clone()) };
                    BallotValue::Select(poll.candidates.iter().map(|c| (c.clone(), pick.clone())).collect())
                })
                .collect(),
        };
        values.iter().map(everybody).chain([Vec::new()]).collect()
    }

    fn run(&self, program: &Arc<Program>, snapshot: Snapshot) -> Run {
        Run::new(Arc::clone(&self.parts.sandbox), Arc::clone(program), snapshot, Arc::clone(&self.parts.methods))
    }

    /// Runs a block to its end, every call a success. `None` when its code fails.
    fn block(&self, run: &mut Run, block: Block, policy: &Policy, action: &ActionView) -> Option<Value> {
        let mut progress = run.start(block);
        for _ in 0..MOST_STEPS {
            // First of all: what could not be run is often known only when it is late, and is not to be taken for slowness.
            if let Progress::Failed(failure) = progress {
                self.failed(failure);
                return None;
            }
            if self.effort.is_over() {
                return None;
            }
            let answer = match progress {
                Progress::Done(value) => return Some(value),
                Progress::Failed(_) => return None,
                Progress::Read(request) => Answer::Value(self.read(&request)),
                Progress::ActionEffect(_) => Answer::Value(Value::None),
                Progress::Call(call) => self.call(run, &call, policy, action),
            };
            progress = run.answer(answer);
        }
        None
    }

    fn call(&self, run: &mut Run, call: &MethodCall, policy: &Policy, action: &ActionView) -> Answer {
        let found = self.rules.state.on(&call.platform);
        let found = found.and_then(|i| self.parts.registry.get(&i.platform).map(|platform| (i, platform)));
        let Some((installation, platform)) = found else {
            let message = format!("the community is not on `{}`", call.platform);
            return Answer::Raise { class: "NameError".to_owned(), message };
        };
        let context = PlanContext {
            proposal: ProposalId::derive(action.id, policy.id),
            policy_name: &policy.draft.name,
            blocks: &policy.draft.blocks,
            action,
            installation,
        };
        let mut outcomes = Vec::new();
        for _ in 0..MOST_STEPS {
            match platform.plan(&call.method, &call.args, &context, &outcomes) {
                PlanStep::Send(planned) => outcomes.push(CallOutcome::Done { reply: platform.rehearse(&planned) }),
                PlanStep::Done { value, effects } => {
                    for effect in effects {
                        run.apply(effect);
                    }
                    return Answer::Value(value);
                }
                PlanStep::Raise { class, message } => return Answer::Raise { class, message },
            }
        }
        Answer::Raise { class: "RuntimeError".to_owned(), message: "the call comes to no end".to_owned() }
    }

    /// What is known here; nothing else can be asked for.
    fn read(&self, request: &ReadRequest) -> Value {
        let place = self.rules.state.installations.iter().find(|i| i.platform == request.platform);
        let members = self.rules.members().iter().zip(&self.views);
        let asked = members.filter(|(member, _)| {
            request.platform == COMMUNITY || place.is_some_and(|place| member.installation == place.id)
        });
        let people = asked.map(|(member, view)| (member, view.clone())).collect();
        let known = Known { state: &self.rules.state, people, documents: &[] };
        known.answer(request).unwrap_or_default()
    }

    fn snapshot(
        &self,
        policy: &Policy,
        action: &ActionView,
        overlay: Option<&Overlay>,
        ballots: &[BallotView],
        now: Timestamp,
    ) -> Snapshot {
        let state = &self.rules.state;
        Snapshot {
            now,
            seed: 0,
            community: CommunityView { id: state.community.id, name: state.community.name.clone() },
            action: action.clone(),
            policy: known::view(policy),
            proposal: ProposalView {
                id: proposal_of(action.id, policy.id),
                created_at: self.now,
                status: Verdict::Proposed,
                vote: overlay.and_then(|o| o.poll.as_ref()).map(|poll| VoteView {
                    post_id: poll.post_id.clone(),
                    url: poll.url.clone(),
                    open: true,
                    kind: Some(poll.kind),
                }),
                data: overlay.map_or_else(JsonMap::new, |o| o.data.clone()),
                variables: overlay.map_or(Value::None, |o| o.variables.clone()),
            },
            ballots: ballots.to_vec(),
            platforms: state
                .installations
                .iter()
                .map(|i| PlatformView {
                    id: i.platform.clone(),
                    external_id: i.id_there().to_owned(),
                    name: i.name.clone(),
                })
                .collect(),
        }
    }
}

fn proposal_of(action: ActionId, policy: PolicyId) -> ProposalId {
    ProposalId::derive(action, policy)
}

/// A member as policies see them.
fn view(rules: &Rules, member: &User) -> UserView {
    let installation = rules.state.installations.iter().find(|i| i.id == member.installation);
    UserView {
        external_id: member.external_id.clone(),
        platform: installation.map(|i| i.platform.clone()).unwrap_or_default(),
        name: member.name.clone(),
        is_admin: member.is_admin,
        roles: rules.role_names(member),
    }
}
