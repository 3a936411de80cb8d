//! One policy run on one snapshot: what the engine drives.

use std::sync::Arc;

use policykit_core::{
    JsonMap, Value,
    ballot::Poll,
    call::LocalEffect,
    descriptor::{Method, MethodEffect, common_methods},
    ids::ProposalId,
    policy::{Block, Verdict},
    snapshot::{BallotView, PolicyView, Snapshot},
};

use crate::{
    compile::Program,
    error::Failure,
    methods::MethodTable,
    objects::{Host, Overlay, Response, RunReport},
    sandbox::{Budget, Paused, Raised, Sandbox, Step},
};

/// A call of a method that changes something outside.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodCall {
    /// The platform.
    pub platform: String,
    /// The method.
    pub method: String,
    /// Its arguments by parameter; members as account ids.
    pub args: JsonMap,
}

/// A call of a method that reads outside.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRequest {
    /// The platform.
    pub platform: String,
    /// The method.
    pub method: String,
    /// Its arguments by parameter.
    pub args: JsonMap,
}

/// What a policy wants done with its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionEffect {
    /// Undo it.
    Revert,
    /// Do it, or do it again.
    Execute,
}

/// Where a block stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// It has ended, with what it returned.
    Done(Value),
    /// It waits for a method to be carried out.
    Call(MethodCall),
    /// It waits for something to be read.
    Read(ReadRequest),
    /// It waits for its action to be undone or done.
    ActionEffect(ActionEffect),
    /// It failed.
    Failed(Failure),
}

/// An answer to what a block waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A value.
    Value(Value),
    /// An exception.
    Raise {
        /// Its class.
        class: String,
        /// Its message.
        message: String,
    },
}

/// A policy running on a snapshot. Blocks run one after another and see what earlier ones wrote.
pub struct Run {
    sandbox: Arc<dyn Sandbox>,
    program: Arc<Program>,
    methods: Arc<MethodTable>,
    host: Host,
    budget: Budget,
    block: Block,
    paused: Option<Box<dyn Paused>>,
}

impl Run {
    /// A run that has not begun.
    pub fn new(
        sandbox: Arc<dyn Sandbox>,
        program: Arc<Program>,
        snapshot: Snapshot,
        methods: Arc<MethodTable>,
    ) -> Self {
        let budget = sandbox.budget();
        Self { sandbox, program, methods, host: Host::new(snapshot), budget, block: Block::Filter, paused: None }
    }

    /// Begins anew with another policy on the same action, so that what its blocks share is put together only once.
    pub fn turn_to(&mut self, program: Arc<Program>, policy: PolicyView, proposal: ProposalId) {
        self.program = program;
        self.paused = None;
        self.host.turn_to(policy, proposal);
    }

    /// Gives every block `factor` times the room.
    pub const fn scale_budget(&mut self, factor: u32) {
        self.budget = self.budget.times(factor);
    }

    /// Hands over the vote that was running when the snapshot was taken.
    pub fn adopt_poll(&mut self, poll: Poll) {
        self.host.overlay.poll = Some(poll);
    }

    /// Starts a block.
    pub fn start(&mut self, block: Block) -> Progress {
        self.block = block;
        // What is told of a decision is told after it.
        match block {
            Block::Success => self.host.decided(Verdict::Passed),
            Block::Fail => self.host.decided(Verdict::Failed),
            Block::Filter | Block::Initialize | Block::Check | Block::Notify => {}
        }
        self.paused = None;
        if self.program.is_blank(block) {
            return Progress::Done(Value::None);
        }
        let scope = self.host.scope(&self.program, block);
        let step = self.sandbox.begin(&self.program, block, scope, self.budget);
        self.follow(step)
    }

    /// Goes on with an answer to what the block waits for. Without a waiting block there is nothing to go on with.
    pub fn answer(&mut self, answer: Answer) -> Progress {
        let Some(paused) = self.paused.take() else { return Progress::Done(Value::None) };
        let answer = match answer {
            Answer::Value(value) => Ok(Some(value)),
            Answer::Raise { class, message } => Err(Raised { class, message }),
        };
        let step = paused.resume(answer);
        self.follow(step)
    }

    /// Applies what a call has changed for the proposal.
    pub fn apply(&mut self, effect: LocalEffect) {
        self.host.apply(effect);
    }

    /// What the run has written so far.
    pub const fn overlay(&self) -> &Overlay {
        &self.host.overlay
    }

    /// The ballots cast in the vote that runs: none when this run has started it.
    pub fn ballots(&self) -> &[BallotView] {
        &self.host.snapshot.ballots
    }

    /// What is worth knowing about the run so far.
    pub fn report(&self) -> RunReport {
        let mut report = self.host.report.clone();
        report.read_clock |= self.program.reads_clock(Block::Check) || self.may_read_outside();
        report
    }

    /// Whether the check names a method that reads from a platform, whether or not it has come to it.
    fn may_read_outside(&self) -> bool {
        let outside = |method: &&Method| {
            method.effect == MethodEffect::Read && common_methods().iter().all(|common| common.name != method.name)
        };
        let named = self.methods.iter().filter(|(platform, _)| self.program.mentions(Block::Check, platform));
        named
            .flat_map(|(_, methods)| methods.iter().filter(outside))
            .any(|method| self.program.says(Block::Check, &format!(".{}(", method.name)))
    }

    fn follow(&mut self, mut step: Step) -> Progress {
        loop {
            match step {
                Step::Failed(failure) => return Progress::Failed(self.host.explained(failure, &self.methods)),
                Step::Done(value, variables) => {
                    if self.block == Block::Initialize && !self.program.is_blank(Block::Initialize) {
                        self.host.overlay.variables = stored_variables(&value, &variables);
                    }
                    return Progress::Done(value);
                }
                Step::Ask(request, paused) => match self.host.respond(request, &self.methods) {
                    Response::Reply(answer) => step = paused.resume(answer),
                    Response::Method(call) => return self.wait(paused, Progress::Call(call)),
                    Response::Read(read) => {
                        self.host.note_read(self.block, &read);
                        return self.wait(paused, Progress::Read(read));
                    }
                    Response::Effect(effect) => return self.wait(paused, Progress::ActionEffect(effect)),
                },
            }
        }
    }

    fn wait(&mut self, paused: Box<dyn Paused>, progress: Progress) -> Progress {
        self.paused = Some(paused);
        progress
    }
}

/// What `initialize` leaves behind: what it returned if that is variables, else what it assigned on them.
fn stored_variables(returned: &Value, assigned: &Value) -> Value {
    let as_dict = |value: &Value| match value {
        Value::Object(object) => {
            Some(Value::Dict(object.attrs.iter().map(|(name, value)| (Value::str(name), value.clone())).collect()))
        }
        Value::Dict(_) => Some(value.clone()),
        _ => None,
    };
    as_dict(returned).or_else(|| as_dict(assigned)).unwrap_or_default()
}

/// What a check's result means: the three constants exactly; anything else leaves the matter open.
pub fn verdict(value: &Value) -> Verdict {
    value.as_str().and_then(Verdict::parse).unwrap_or(Verdict::Proposed)
}
