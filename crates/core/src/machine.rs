//! The governance state machine: what follows from a verdict, as a pure function.
//!
//! The table is `policykit.md` §2.5. Nothing here knows how a step is carried out.

use serde::{Deserialize, Serialize};

use crate::{
    action::Origin,
    policy::{Block, OnError, PolicyKind, Verdict},
    proposal::Status,
};

/// The facts about an action on which the consequences of a verdict depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Which kind of policy decides.
    pub kind: PolicyKind,
    /// Where the action came from.
    pub origin: Origin,
    /// Whether it is undone at the moment.
    pub reverted: bool,
}

impl Facts {
    /// Whether the action can be undone: only what happened on a platform.
    pub const fn is_reversible(self) -> bool {
        matches!(self.kind, PolicyKind::Platform) && matches!(self.origin, Origin::Platform)
    }

    /// Whether passing calls for doing something: what has not happened yet, or has been undone.
    pub const fn is_executable(self) -> bool {
        match self.kind {
            PolicyKind::Constitution => true,
            PolicyKind::Platform => matches!(self.origin, Origin::PolicyKit) || self.reverted,
            PolicyKind::Trigger => false,
        }
    }

    const fn undo(self) -> Option<Step> {
        if self.is_reversible() && !self.reverted { Some(Step::Revert) } else { None }
    }
}

/// Whether a proposal is evaluated for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Round {
    /// `initialize` runs before `check`, and an open matter is undone and announced.
    First,
    /// Something it depends on has changed, or its time has come.
    Later,
}

/// One thing that follows from a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Undo the action on the platform.
    Revert,
    /// Do the action, or do it again.
    Execute,
    /// Run a block of the policy.
    Run(Block),
    /// Write down the decision. Steps after it are planned in the same transaction.
    Settle(Status),
    /// Close the vote, if one is open.
    CloseVote,
    /// Tell trigger policies that the action came to stand.
    FireTrigger,
    /// Let the next policy in order try.
    TryNext,
}

/// What follows from `verdict`, in order.
pub fn after_verdict(facts: Facts, round: Round, verdict: Verdict) -> Vec<Step> {
    let mut steps = Vec::with_capacity(5);
    match verdict {
        Verdict::Passed => {
            steps.extend([Step::Run(Block::Success), Step::Settle(Status::Passed), Step::CloseVote]);
            if facts.is_executable() {
                steps.push(Step::Execute);
            }
            if facts.kind != PolicyKind::Trigger {
                steps.push(Step::FireTrigger);
            }
        }
        Verdict::Failed => {
            steps.extend([Step::Run(Block::Fail), Step::Settle(Status::Failed), Step::CloseVote]);
            // Only the first round undoes: later the action is undone already, or stood by decision.
            if round == Round::First {
                steps.extend(facts.undo());
            }
        }
        Verdict::Proposed => {
            if round == Round::First {
                // Undone before it is announced, so that nobody votes on what is still in force.
                steps.extend(facts.undo());
                steps.push(Step::Run(Block::Notify));
            }
            steps.push(Step::Settle(Status::Proposed));
        }
    }
    steps
}

/// What follows from an error in the policy's code, in order.
pub fn after_error(facts: Facts, round: Round, on_error: OnError) -> Vec<Step> {
    match on_error {
        OnError::Hold => vec![Step::Settle(Status::Held)],
        OnError::HoldReverted => std::iter::once(Step::Settle(Status::Held)).chain(facts.undo()).collect(),
        OnError::Fail => {
            let mut steps = vec![Step::Settle(Status::Failed), Step::CloseVote];
            if round == Round::First {
                steps.extend(facts.undo());
            }
            steps
        }
        // Handing on is for a matter nobody has begun to decide. Later it would throw away votes: hold instead.
        // A constitution policy never hands on: whoever found a proposal that breaks it would choose who decides.
        OnError::Next if round == Round::First && facts.kind == PolicyKind::Platform => {
            vec![Step::Settle(Status::Superseded), Step::CloseVote, Step::TryNext]
        }
        OnError::Next => vec![Step::Settle(Status::Held)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn platform(origin: Origin, reverted: bool) -> Facts {
        Facts { kind: PolicyKind::Platform, origin, reverted }
    }

    #[test]
    fn a_forbidden_platform_action_is_undone_after_the_fail_block() {
        assert_eq!(
            after_verdict(platform(Origin::Platform, false), Round::First, Verdict::Failed),
            [Step::Run(Block::Fail), Step::Settle(Status::Failed), Step::CloseVote, Step::Revert]
        );
    }

    #[test]
    fn a_contested_platform_action_is_undone_before_it_is_announced() {
        assert_eq!(
            after_verdict(platform(Origin::Platform, false), Round::First, Verdict::Proposed),
            [Step::Revert, Step::Run(Block::Notify), Step::Settle(Status::Proposed)]
        );
    }

    #[test]
    fn what_passes_later_is_done_again_and_what_fails_later_stays_undone() {
        let undone = platform(Origin::Platform, true);
        assert!(after_verdict(undone, Round::Later, Verdict::Passed).contains(&Step::Execute));
        let failed = after_verdict(undone, Round::Later, Verdict::Failed);
        assert!(!failed.contains(&Step::Revert) && !failed.contains(&Step::Execute));
    }

    #[test]
    fn what_passes_at_once_on_the_platform_is_left_alone() {
        let steps = after_verdict(platform(Origin::Platform, false), Round::First, Verdict::Passed);
        assert!(!steps.contains(&Step::Execute) && !steps.contains(&Step::Revert));
        assert!(steps.contains(&Step::FireTrigger));
    }

    #[test]
    fn triggers_are_neither_undone_nor_executed_nor_fire_again() {
        let facts = Facts { kind: PolicyKind::Trigger, origin: Origin::Platform, reverted: false };
        for round in [Round::First, Round::Later] {
            for verdict in [Verdict::Proposed, Verdict::Passed, Verdict::Failed] {
                let steps = after_verdict(facts, round, verdict);
                assert!(!steps.iter().any(|s| matches!(s, Step::Revert | Step::Execute | Step::FireTrigger)));
            }
        }
    }

    #[test]
    fn constitution_actions_are_executed_when_they_pass_and_never_undone() {
        let facts = Facts { kind: PolicyKind::Constitution, origin: Origin::PolicyKit, reverted: false };
        assert!(after_verdict(facts, Round::First, Verdict::Passed).contains(&Step::Execute));
        assert!(!after_verdict(facts, Round::First, Verdict::Failed).contains(&Step::Revert));
        assert!(!after_verdict(facts, Round::First, Verdict::Proposed).contains(&Step::Revert));
    }

    #[test]
    fn an_error_is_never_a_decision_unless_the_policy_says_so() {
        let facts = platform(Origin::Platform, false);
        assert_eq!(after_error(facts, Round::First, OnError::Hold), [Step::Settle(Status::Held)]);
        assert_eq!(after_error(facts, Round::First, OnError::HoldReverted), [Step::Settle(Status::Held), Step::Revert]);
        assert!(after_error(facts, Round::First, OnError::Next).contains(&Step::TryNext));
        assert_eq!(after_error(facts, Round::Later, OnError::Next), [Step::Settle(Status::Held)]);
        assert!(after_error(facts, Round::First, OnError::Fail).contains(&Step::Revert));
        let constitution = Facts { kind: PolicyKind::Constitution, origin: Origin::PolicyKit, reverted: false };
        assert_eq!(after_error(constitution, Round::First, OnError::Next), [Step::Settle(Status::Held)]);
    }
}
