//! Running an evaluation again on what was stored for it, and letting a person settle what nobody can tell.

use policykit_core::{
    call::CallOutcome,
    decider::Decider,
    ids::{CallId, CommunityId, EvaluationId},
    policy::Verdict,
};
use policykit_store::{CallSettled, EvaluationState};

use crate::{
    Engine, EngineError,
    evaluation::{End, Evaluation, Pause, UNUSABLE},
    govern::show,
    held::FILTER,
    wakes::{DID_NOT_HAPPEN, HAPPENED, SETTLED_CALL},
};

/// What running an evaluation again showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayReport {
    /// The same verdict (or the same error), by the same calls.
    Same,
    /// It has not ended yet.
    Running,
    /// Something came out otherwise; what, in plain words.
    Differs(String),
}

/// What a person says about a call that nobody can tell about.
#[derive(Debug, Clone, PartialEq)]
pub enum SettleAs {
    /// It happened; with what the platform would have answered, where that matters.
    Happened(serde_json::Value),
    /// It did not happen, and is not to be tried again.
    DidNotHappen,
}

impl Engine {
    /// Runs a stored evaluation again and compares.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn replay(&self, community: CommunityId, id: EvaluationId) -> Result<ReplayReport, EngineError> {
        let parts = &self.0;
        let record = parts.db.community(community).evaluation(id).await?;
        if record.evaluation.state == EvaluationState::Running {
            return Ok(ReplayReport::Running);
        }
        if record.evaluation.cause == FILTER {
            return parts.replay_filter(community, &record.evaluation).await;
        }
        let recorded = (record.evaluation.verdict, record.evaluation.error.clone());
        if recorded.1.as_ref().is_some_and(|error| error.starts_with(UNUSABLE)) {
            // Nothing of it was run.
            return Ok(ReplayReport::Same);
        }
        let mut evaluation = parts.rebuild(community, record).await?;
        let mut outcome = run_again(&mut evaluation, parts);
        if matches!(&outcome, Again::Error(_, true)) {
            // Limits are met at other places on other machines; the original was given a second chance too.
            match evaluation.again(parts) {
                Ok(mut generous) => outcome = run_again(&mut generous, parts),
                Err(why) => return Ok(ReplayReport::Differs(why)),
            }
        }
        Ok(match outcome {
            Again::Verdict(verdict) if (Some(verdict), None) == recorded => ReplayReport::Same,
            Again::Error(what, _) if (None, Some(what.clone())) == recorded => ReplayReport::Same,
            Again::Verdict(verdict) => ReplayReport::Differs(format!("now `{}`, then {recorded:?}", verdict.as_str())),
            Again::Error(what, _) => ReplayReport::Differs(format!("now the error `{what}`, then {recorded:?}")),
            Again::Nowhere(why) => return Err(EngineError::Nowhere(why)),
            Again::Asked(what) => ReplayReport::Differs(format!("it asked for {what}, which is not recorded")),
        })
    }

    /// Writes down what a person says about an uncertain call, and in the record who said it. A member needs the
    /// permission [`policykit_core::permission::SETTLE_CALLS`]. What follows from it is done by the node that owns the
    /// community.
    ///
    /// # Errors
    /// When there is no such call or it is not uncertain.
    pub async fn settle_call(
        &self,
        id: CallId,
        what: SettleAs,
        by: Decider,
        remark: Option<&str>,
    ) -> Result<CallSettled, EngineError> {
        let parts = &self.0;
        let outcome = match what {
            SettleAs::Happened(reply) => CallOutcome::Done { reply },
            SettleAs::DidNotHappen => CallOutcome::Refused {
                code: "settled_by_person".to_owned(),
                message: "a person says that it did not happen".to_owned(),
            },
        };
        let word = if matches!(outcome, CallOutcome::Done { .. }) { HAPPENED } else { DID_NOT_HAPPEN };
        let wake = format!("{SETTLED_CALL}{id}:{word}");
        let now = parts.clock.now();
        let settled = parts.db.system().settle_call_by_person(id, &outcome, by, remark, &wake, now).await?;
        parts.due(now);
        Ok(settled)
    }
}

enum Again {
    Verdict(Verdict),
    Error(String, bool),
    Asked(String),
    Nowhere(String),
}

fn run_again(evaluation: &mut Evaluation, parts: &crate::parts::Parts) -> Again {
    match evaluation.advance(parts) {
        Pause::Ended(End::Verdict(verdict, _)) => Again::Verdict(verdict),
        Pause::Ended(End::Error(failure)) => Again::Error(show(&failure), failure.is_limit()),
        Pause::Ended(End::Nowhere(why)) => Again::Nowhere(why),
        Pause::Ended(End::Diverged(what)) => Again::Error(what, false),
        Pause::Send(call) => Again::Asked(format!("the call `{}`", call.call.operation)),
        Pause::Resolve(call) => Again::Asked(format!("the outcome of the call `{}`", call.call.operation)),
        Pause::Read(request) => Again::Asked(crate::evaluation::read_key(&request)),
    }
}
