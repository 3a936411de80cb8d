//! One evaluation as it runs: blocks, calls and reads in their order, on a snapshot and a journal.
//!
//! The same code runs an evaluation for the first time and after a crash. Whatever it needs from outside it looks for in
//! the journal first; only what is not there is asked for. So an evaluation that died after its second call is begun
//! anew, is handed the two recorded answers, and goes on with the third.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use policykit_core::{
    Value,
    action::{Action, Origin},
    ballot::Poll,
    call::{CallOutcome, LocalEffect, PlanStep, PlannedCall},
    community::Installation,
    ids::CallId,
    machine::{Facts, Round, Step, after_verdict},
    policy::{Block, Blocks, PolicyKind, Verdict},
    snapshot::BallotView,
};
use policykit_platforms::platform::PlanContext;
use policykit_policy::{
    ActionEffect, Answer, Failure, FailureKind, MethodCall, Progress, ReadRequest, Run, RunReport, verdict,
};
use policykit_store::{AwaitedRead, CallRow, EvaluationRow, NewCall, ReadRow};

use crate::{
    community::{CommunityHandle, Compiled},
    deeds::{Deeds, Next},
    parts::Parts,
    unread,
};

/// Purpose of the call that undoes an action.
pub(crate) const REVERT: &str = "revert";
/// Purpose of the call that does an action, or does it again.
pub(crate) const EXECUTE: &str = "execute";

/// How the error of an evaluation begins whose code could not be run at all.
pub(crate) const UNUSABLE: &str = "this version of PolicyKit cannot run the code of the policy any more";

/// An evaluation in memory.
pub(crate) struct Evaluation {
    /// As it is or will be stored; holds the snapshot.
    pub(crate) row: EvaluationRow,
    pub(crate) community: Arc<CommunityHandle>,
    pub(crate) compiled: Arc<Compiled>,
    pub(crate) action: Action,
    pub(crate) facts: Facts,
    pub(crate) round: Round,
    /// Revision of the proposal that the next change is made from; `None` while the proposal is not stored yet.
    pub(crate) rev: Option<i64>,
    /// Whether the evaluation is stored as running.
    pub(crate) stored: bool,
    /// The vote that was running when it began.
    poll: Option<Poll>,
    /// Answers to reads that are not stored yet.
    pub(crate) new_reads: Vec<ReadRow>,
    /// The read that was put off last.
    pub(crate) awaited: Option<AwaitedRead>,
    /// What came of undoing the action before it was announced, or of what its code has had undone or done.
    pub(crate) effect: Option<CallOutcome>,
    /// What has been undone and done for the proposal, by this evaluation and those before it.
    pub(crate) deeds: Deeds,
    /// Whether the verdict is final and only the blocks that tell of it are still to run: nobody can vote any more.
    pub(crate) decided: bool,
    /// How many of the run's log lines are stored.
    pub(crate) logged: usize,
    /// Whether this is the second try, with five times the limits.
    pub(crate) generous: Generous,
    /// Why its code cannot be run at all.
    unusable: Option<String>,
    run: Run,
    /// The deeds of the evaluations before.
    earlier: Deeds,
    todo: VecDeque<Step>,
    after: Vec<Step>,
    block: Option<Block>,
    progress: Option<Progress>,
    method: Option<Method>,
    calls: HashMap<CallId, CallRow>,
    reads: Vec<ReadRow>,
    next_read: usize,
    next_call: HashMap<String, i64>,
}

/// Whether an evaluation runs with larger limits because it met the normal ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generous {
    No,
    Yes,
}

/// What was recorded of an evaluation before.
pub(crate) struct Journalled {
    pub(crate) reads: Vec<ReadRow>,
    pub(crate) calls: Vec<CallRow>,
    pub(crate) awaited: Option<AwaitedRead>,
}

/// A method call of the policy that is being carried out.
struct Method {
    call: MethodCall,
    outcomes: Vec<CallOutcome>,
}

/// Why an evaluation stands still.
pub(crate) enum Pause {
    /// This call is to be written down and sent.
    Send(Box<NewCall>),
    /// This call is written down and has no outcome yet.
    Resolve(Box<CallRow>),
    /// This is to be read outside.
    Read(ReadRequest),
    /// It has come to its end.
    Ended(End),
}

/// How an evaluation ends.
pub(crate) enum End {
    /// The policy has spoken; what is to be written down and what follows.
    Verdict(Verdict, Vec<Step>),
    /// The policy's code failed.
    Error(Failure),
    /// There was nowhere to run it, so nothing is known: nothing of this may be written down.
    Nowhere(String),
    /// It asked for something else than the last time: nothing is sent, a person must look.
    Diverged(String),
}

impl Evaluation {
    #[expect(clippy::too_many_arguments, reason = "every argument is a different part of what is evaluated")]
    pub(crate) fn new(
        parts: &Parts,
        row: EvaluationRow,
        community: Arc<CommunityHandle>,
        compiled: Arc<Compiled>,
        action: Action,
        round: Round,
        rev: Option<i64>,
        generous: Generous,
    ) -> Result<Self, String> {
        let (program, unusable) = match compiled.program.clone() {
            Ok(program) => (program, None),
            // Kept since a time when it could be run. Nothing of it is run: it ends at once, and a person decides.
            Err(why) => (parts.sandbox.compile(&Blocks::default()).map(Arc::new).map_err(|_| why.clone())?, Some(why)),
        };
        let snapshot = row.snapshot.clone();
        // The facts are those of the snapshot: on replay the action itself may have changed since.
        let facts =
            Facts { kind: snapshot.action.kind, origin: snapshot.action.origin, reverted: snapshot.action.reverted };
        let mut run = Run::new(Arc::clone(&parts.sandbox), program, snapshot, Arc::clone(&parts.methods));
        if generous == Generous::Yes {
            run.scale_budget(5);
        }
        let todo = match round {
            Round::First => VecDeque::from([Step::Run(Block::Initialize), Step::Run(Block::Check)]),
            Round::Later => VecDeque::from([Step::Run(Block::Check)]),
        };
        Ok(Self {
            row,
            community,
            compiled,
            action,
            facts,
            round,
            rev,
            stored: false,
            poll: None,
            new_reads: Vec::new(),
            awaited: None,
            effect: None,
            deeds: Deeds::default(),
            decided: false,
            logged: 0,
            generous,
            unusable,
            run,
            earlier: Deeds::default(),
            todo,
            after: Vec::new(),
            block: None,
            progress: None,
            method: None,
            calls: HashMap::new(),
            reads: Vec::new(),
            next_read: 0,
            next_call: HashMap::new(),
        })
    }

    /// Hands over what was recorded before.
    pub(crate) fn with_journal(mut self, journal: Journalled) -> Self {
        self.reads = journal.reads;
        self.awaited = journal.awaited;
        self.calls = journal.calls.into_iter().map(|call| (call.id, call)).collect();
        self.stored = true;
        self
    }

    /// Hands over what earlier evaluations of the proposal have undone and done.
    pub(crate) fn with_deeds(mut self, deeds: Deeds) -> Self {
        self.earlier = deeds.clone();
        self.deeds = deeds;
        self
    }

    /// Hands over the vote that was running when the evaluation began. The one at hand may have been started since: then
    /// the snapshot alone knows of the one before.
    pub(crate) fn with_poll(mut self, poll: Option<Poll>) -> Self {
        let begun_with = self.row.snapshot.proposal.vote.as_ref().map(|vote| &vote.post_id);
        let poll = poll.filter(|poll| begun_with == Some(&poll.post_id));
        if let Some(poll) = poll.clone() {
            self.run.adopt_poll(poll);
        }
        self.poll = poll;
        self
    }

    /// The same evaluation from its beginning, with what has been recorded so far and larger limits.
    pub(crate) fn again(self, parts: &Parts) -> Result<Self, String> {
        let mut again = Self::new(
            parts,
            self.row,
            self.community,
            self.compiled,
            self.action,
            self.round,
            self.rev,
            Generous::Yes,
        )?
        .with_poll(self.poll)
        .with_deeds(self.earlier);
        again.reads = self.reads;
        again.calls = self.calls;
        again.new_reads = self.new_reads;
        again.awaited = self.awaited;
        again.stored = self.stored;
        Ok(again)
    }

    /// What the run has written: data, variables, vote.
    pub(crate) fn overlay(&self) -> &policykit_policy::Overlay {
        self.run.overlay()
    }

    /// The ballots cast in the vote that runs.
    pub(crate) fn ballots(&self) -> &[BallotView] {
        self.run.ballots()
    }

    pub(crate) fn report(&self) -> RunReport {
        self.run.report()
    }

    /// A call has been written down or has come to an outcome.
    pub(crate) fn supply_call(&mut self, row: CallRow) {
        self.calls.insert(row.id, row);
    }

    /// The number of the next read that is not answered yet.
    pub(crate) fn next_read(&self) -> i64 {
        i64::try_from(self.reads.len()).unwrap_or(i64::MAX)
    }

    /// A read has been answered.
    pub(crate) fn supply_read(&mut self, request: &ReadRequest, value: Value) {
        let row = ReadRow {
            community: self.row.community,
            evaluation: self.row.id,
            idx: self.next_read(),
            key: read_key(request),
            value,
        };
        self.new_reads.push(row.clone());
        self.reads.push(row);
    }

    /// Runs until something is needed that is not in the journal, or to the end.
    pub(crate) fn advance(&mut self, parts: &Parts) -> Pause {
        if let Some(why) = &self.unusable {
            return Pause::Ended(End::Diverged(format!("{UNUSABLE}: {why}")));
        }
        loop {
            if self.method.is_some()
                && let Some(pause) = self.carry_out_method(parts)
            {
                return pause;
            }
            let pause = match self.progress.take() {
                None => self.next_step(parts),
                Some(progress) => self.handle(parts, progress),
            };
            if let Some(pause) = pause {
                return pause;
            }
        }
    }

    fn next_step(&mut self, parts: &Parts) -> Option<Pause> {
        match self.todo.pop_front() {
            Some(Step::Run(block)) => {
                self.block = Some(block);
                self.progress = Some(self.run.start(block));
                None
            }
            Some(Step::Revert) => {
                let pause = self.engine_call(parts, REVERT);
                if pause.is_some() {
                    self.todo.push_front(Step::Revert);
                }
                pause
            }
            Some(Step::Settle(status)) => {
                let decided = match status {
                    policykit_core::proposal::Status::Passed => Verdict::Passed,
                    policykit_core::proposal::Status::Failed => Verdict::Failed,
                    _ => Verdict::Proposed,
                };
                Some(Pause::Ended(End::Verdict(decided, std::mem::take(&mut self.after))))
            }
            // The remaining steps come after the verdict is written down.
            Some(Step::Execute | Step::CloseVote | Step::FireTrigger | Step::TryNext) => None,
            None => Some(Pause::Ended(End::Diverged("the evaluation ended without a verdict".to_owned()))),
        }
    }

    fn handle(&mut self, parts: &Parts, progress: Progress) -> Option<Pause> {
        match progress {
            Progress::Done(value) => {
                if self.block == Some(Block::Check) {
                    let mut steps = after_verdict(self.facts, self.round, verdict(&value));
                    let settle =
                        steps.iter().position(|s| matches!(s, Step::Settle(_))).map_or(steps.len(), |at| at + 1);
                    self.after = steps.split_off(settle);
                    self.decided = self.after.contains(&Step::CloseVote);
                    self.todo.extend(steps);
                }
                None
            }
            Progress::Failed(failure) => Some(Pause::Ended(match failure.kind {
                FailureKind::Nowhere => End::Nowhere(failure.message),
                FailureKind::Exception(_) | FailureKind::Limit(_) => End::Error(failure),
            })),
            Progress::Read(request) => {
                let key = read_key(&request);
                match self.reads.get(self.next_read) {
                    Some(row) if row.key == key => {
                        self.next_read += 1;
                        let value = row.value.clone();
                        self.progress = Some(self.run.answer(unread::answer(value)));
                        None
                    }
                    Some(row) => Some(diverged(&format!("it read `{key}` where it had read `{}`", row.key))),
                    None => {
                        self.progress = Some(Progress::Read(request.clone()));
                        Some(Pause::Read(request))
                    }
                }
            }
            Progress::Call(call) => {
                self.method = Some(Method { call, outcomes: Vec::new() });
                None
            }
            Progress::ActionEffect(effect) => {
                let purpose = match effect {
                    ActionEffect::Revert => REVERT,
                    ActionEffect::Execute => EXECUTE,
                };
                let pause = self.engine_call(parts, purpose);
                self.progress = Some(if pause.is_some() {
                    Progress::ActionEffect(effect)
                } else {
                    self.run.answer(Answer::Value(Value::None))
                });
                pause
            }
        }
    }

    /// Whether the action is so already: what stands is not done once more, and what never happened is not undone. What
    /// a trigger policy heard of is another matter's, and nobody who decides about that would know.
    fn is_so_already(&self, purpose: &'static str) -> bool {
        match (self.facts.kind, self.facts.origin) {
            (PolicyKind::Trigger, _) => true,
            (_, Origin::Platform) => purpose == EXECUTE && !self.facts.reverted,
            (_, Origin::PolicyKit) => purpose == REVERT && !self.deeds.ever_done(),
        }
    }

    /// Undoes or does the action as part of this evaluation. `None` when it has an outcome.
    fn engine_call(&mut self, parts: &Parts, purpose: &'static str) -> Option<Pause> {
        if self.is_so_already(purpose) {
            return None;
        }
        let mut view = self.row.snapshot.action.clone();
        // The view is the snapshot's; what has been undone or done since makes a difference to the platform.
        view.reverted = self.facts.reverted || self.overlay().reverted;
        let (installation, platform) = self.target(parts, view.platform.as_deref())?;
        let planned = self.deeds.planned(platform, view, purpose)?;
        let name = match self.deeds.next(purpose) {
            Next::Known(outcome) => {
                self.came_of(purpose, outcome);
                return None;
            }
            Next::Make(name) => name,
        };
        let id = CallId::derive_effect(self.row.proposal, &name);
        match self.journal(id, &planned) {
            Journal::Known(outcome) => {
                self.deeds.add(purpose, outcome.clone());
                self.came_of(purpose, outcome);
                None
            }
            Journal::Open(pause) => Some(pause),
            Journal::New => Some(Pause::Send(Box::new(self.new_call(parts, id, &installation, purpose, 0, planned)))),
        }
    }

    /// What the outcome of undoing or doing the action means for the rest of the evaluation.
    fn came_of(&mut self, purpose: &'static str, outcome: CallOutcome) {
        let done = matches!(outcome, CallOutcome::Done { .. });
        if done {
            self.run.apply(if purpose == REVERT { LocalEffect::Reverted } else { LocalEffect::Executed });
        }
        if done {
            self.facts.reverted = purpose == REVERT;
        }
        self.effect = Some(outcome);
    }

    /// Takes the policy's method call one outbound call further. `None` when the block has its answer.
    fn carry_out_method(&mut self, parts: &Parts) -> Option<Pause> {
        loop {
            let method = self.method.as_mut()?;
            let purpose = self.block.map_or("check", Block::as_str).to_owned();
            let first = *self.next_call.entry(purpose.clone()).or_default();
            let begun = CallId::derive(self.row.id, &purpose, usize::try_from(first).unwrap_or_default());
            let state = &self.community.state;
            // What was begun through an installation goes on through it. The code could name the platform, so the community
            // was there when the evaluation began: removed meanwhile, it is the installation that refuses, not the name.
            let found = self
                .calls
                .get(&begun)
                .and_then(|call| self.community.installation(call.installation))
                .or_else(|| state.on(&method.call.platform))
                .or_else(|| state.installations.iter().find(|i| i.platform == method.call.platform))
                .and_then(|i| parts.registry.get(&i.platform).map(|p| (i.clone(), p)));
            let step = match &found {
                None => PlanStep::Raise {
                    class: "NameError".to_owned(),
                    message: format!("the community is not on `{}`", method.call.platform),
                },
                Some((installation, platform)) => platform.plan(
                    &method.call.method,
                    &method.call.args,
                    &PlanContext {
                        proposal: self.row.proposal,
                        policy_name: &self.compiled.policy.draft.name,
                        blocks: &self.compiled.policy.draft.blocks,
                        action: &self.row.snapshot.action,
                        installation,
                    },
                    &method.outcomes,
                ),
            };
            let done = i64::try_from(method.outcomes.len()).unwrap_or(i64::MAX);
            let answer = match (step, found) {
                (PlanStep::Send(planned), Some((installation, _))) => {
                    let idx = first.saturating_add(done);
                    let id = CallId::derive(self.row.id, &purpose, usize::try_from(idx).unwrap_or_default());
                    match self.journal(id, &planned) {
                        Journal::Known(outcome) => {
                            if let Some(method) = self.method.as_mut() {
                                method.outcomes.push(outcome);
                            }
                            continue;
                        }
                        Journal::Open(pause) => return Some(pause),
                        Journal::New => {
                            let call = self.new_call(parts, id, &installation, &purpose, idx, planned);
                            return Some(Pause::Send(Box::new(call)));
                        }
                    }
                }
                (PlanStep::Done { value, effects }, _) => {
                    for effect in effects {
                        self.run.apply(effect);
                    }
                    Answer::Value(value)
                }
                (PlanStep::Raise { class, message }, _) => Answer::Raise { class, message },
                (PlanStep::Send(_), None) => Answer::Raise {
                    class: "RuntimeError".to_owned(),
                    message: "the call has no installation to go through".to_owned(),
                },
            };
            self.next_call.insert(purpose, first.saturating_add(done));
            self.method = None;
            self.progress = Some(self.run.answer(answer));
            return None;
        }
    }

    fn journal(&self, id: CallId, planned: &PlannedCall) -> Journal {
        let Some(row) = self.calls.get(&id) else { return Journal::New };
        if row.args_hash != planned.args_hash() {
            return Journal::Open(diverged(&format!(
                "it asked for `{}` with other arguments than the `{}` that was written down",
                planned.operation, row.call.operation
            )));
        }
        match &row.outcome {
            Some(outcome) => Journal::Known(outcome.clone()),
            None => Journal::Open(Pause::Resolve(Box::new(row.clone()))),
        }
    }

    fn target<'a>(
        &self,
        parts: &'a Parts,
        platform: Option<&str>,
    ) -> Option<(Installation, &'a dyn policykit_platforms::Platform)> {
        let installation = self
            .action
            .installation
            .and_then(|id| self.community.installation(id))
            .or_else(|| self.community.state.on(platform?))?;
        Some((installation.clone(), parts.registry.get(&installation.platform)?))
    }

    fn new_call(
        &self,
        parts: &Parts,
        id: CallId,
        installation: &Installation,
        purpose: &str,
        idx: i64,
        call: PlannedCall,
    ) -> NewCall {
        let effect = purpose == REVERT || purpose == EXECUTE;
        NewCall {
            proposal: Some(self.row.proposal),
            evaluation: Some(self.row.id),
            action: effect.then_some(self.action.id),
            idx,
            ..parts.new_call(id, installation, purpose, call, parts.clock.now())
        }
    }
}

enum Journal {
    Known(CallOutcome),
    Open(Pause),
    New,
}

fn diverged(what: &str) -> Pause {
    Pause::Ended(End::Diverged(format!("the code did not do the same as the last time: {what}")))
}

/// What a read asks for, as text that is equal whenever the question is.
pub(crate) fn read_key(request: &ReadRequest) -> String {
    format!("{}.{}({})", request.platform, request.method, serde_json::Value::Object(request.args.clone()))
}
