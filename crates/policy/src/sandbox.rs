//! What runs policy code, as the rest of this crate sees it: the interpreter stays behind [`Sandbox`].

use std::{sync::Arc, time::Duration};

use policykit_core::{
    ObjectRef, Timestamp, Value,
    policy::{Block, Blocks},
    snapshot::ActionView,
};

use crate::{
    compile::Program,
    error::{Diagnostic, Failure},
    joined::Joined,
};

/// What a block may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Processor time of its thread.
    pub cpu: Duration,
    /// How often it may ask its host.
    pub host_calls: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { cpu: Duration::from_millis(200), host_calls: 2_000 }
    }
}

impl Budget {
    /// The same with `factor` times the room.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self { cpu: self.cpu.saturating_mul(factor), host_calls: self.host_calls.saturating_mul(factor as usize) }
    }
}

/// What runs policy code.
pub trait Sandbox: Send + Sync {
    /// Names everything that decides how code behaves; two runs under the same name and on the same answers are equal.
    fn build(&self) -> &str;

    /// Compiles the six blocks of a policy.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn compile(&self, blocks: &Blocks) -> Result<Program, Vec<Diagnostic>>;

    /// Runs a block until it asks for something or ends. `scope` holds the parameters in order, then names that are
    /// looked up when used.
    fn begin(&self, program: &Program, block: Block, scope: Scope, budget: Budget) -> Step;

    /// Joins the filters of these policies, as far as they are proven harmless to each other, to be run at once.
    fn join(&self, programs: &[Option<&Program>]) -> Arc<dyn Filters>;

    /// What a block may use up, unless it is said otherwise.
    fn budget(&self) -> Budget {
        Budget::default()
    }

    /// Where the code runs.
    fn place(&self) -> Place {
        Place::Here
    }

    /// For how long runs of this thread have waited, all together, until they could compute.
    fn waited(&self) -> Duration {
        Duration::ZERO
    }
}

/// Where policy code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this process: asking costs nothing.
    Here,
    /// In another one: each question is a journey, so many are better asked at once.
    Elsewhere,
}

/// The filters of some policies, joined as far as that is possible.
pub trait Filters: Send + Sync {
    /// The group that the filter of the policy at this place belongs to; `None` when it runs alone.
    fn group_of(&self, place: usize) -> Option<usize>;

    /// Runs a group on an action. Gives the places of the policies whose filters have come to a result, and whether they
    /// match; the others of the group are to be run alone.
    fn run(&self, group: usize, action: &ActionView) -> Vec<(usize, bool)>;

    /// Runs a group on each of these actions.
    fn run_all(&self, group: usize, actions: &[ActionView]) -> Vec<Vec<(usize, bool)>> {
        actions.iter().map(|action| self.run(group, action)).collect()
    }
}

impl Filters for Joined {
    fn group_of(&self, place: usize) -> Option<usize> {
        Self::group_of(self, place)
    }

    fn run(&self, group: usize, action: &ActionView) -> Vec<(usize, bool)> {
        Self::run(self, group, action)
    }
}

/// What a block is given.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `action`, `policy`, `proposal`, `variables`, `logger`; `None` for those the block does not mention.
    pub parameters: Vec<Arc<Value>>,
    /// Further names that the block mentions, such as the platforms.
    pub names: Vec<(String, Value)>,
    /// What `datetime.now()` says.
    pub now: Timestamp,
}

/// What a block asks its host for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// An attribute that was not carried along.
    Attribute(ObjectRef, String),
    /// A method.
    Call(ObjectRef, String, Vec<Value>, Vec<(String, Value)>),
}

impl Request {
    pub(crate) fn is_within(&self, levels: usize) -> bool {
        match self {
            Self::Attribute(..) => true,
            Self::Call(_, _, args, named) => {
                args.iter().chain(named.iter().map(|(_, value)| value)).all(|value| value.is_within(levels))
            }
        }
    }
}

/// An exception to be raised in the block where it asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Its class.
    pub class: String,
    /// Its message.
    pub message: String,
}

/// A block that waits for an answer. Holds no thread.
pub trait Paused: Send {
    /// Goes on with an answer; `None` for an attribute that does not exist.
    fn resume(self: Box<Self>, answer: Result<Option<Value>, Raised>) -> Step;
}

/// Where a block stands.
pub enum Step {
    /// It has ended: what it returned, and what it made of `variables`.
    Done(Value, Value),
    /// It waits for an answer.
    Ask(Request, Box<dyn Paused>),
    /// It failed.
    Failed(Failure),
}
