//! Runs of blocks in workers, from their beginning to their end, whatever becomes of the workers.

use std::sync::Arc;

use policykit_core::Value;

use super::{
    ending::Ending,
    message::Told,
    pool::{Pool, Taken},
    process::Lost,
    seat::{Seat, Unanswered},
    watch::now,
};
use crate::{
    compile::Compiled,
    error::{Failure, FailureKind, Limit},
    sandbox::{Budget, Paused, Raised, Request, Scope, Step},
    vm::DEEPEST,
};

/// How many workers may be lost to a run by what it does itself. A worker that was started for this run alone is lost to it
/// too then.
const LOST_BY_ITSELF: u32 = 2;

/// How many may be lost to it by what is done from outside before it is left for later.
const LOST_FROM_OUTSIDE: u32 = 3;

/// What a run is begun with, as often as it has to be.
pub(super) struct Case {
    pub(super) code: Arc<Compiled>,
    pub(super) scope: Scope,
    pub(super) budget: Budget,
}

/// An answer that a run has had.
type Answer = Result<Option<Value>, Raised>;

/// Where a run waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) seat: usize,
    pub(super) generation: u64,
    pub(super) run: u64,
}

/// Where a run stands.
enum Stands {
    Ended(Step),
    Asks(Request, Spot),
}

/// The workers that were lost to a run.
#[derive(Default)]
struct Losses {
    by_itself: u32,
    from_outside: u32,
}

impl Pool {
    pub(super) fn begin(self: &Arc<Self>, case: Arc<Case>) -> Step {
        if self.faults().is_endless(case.code.number, now()) {
            return Step::Failed(endless(&case));
        }
        self.go_on(case, Vec::new(), None)
    }

    /// Goes on with a run that has had these answers, the last of which the worker does not know yet.
    fn go_on(self: &Arc<Self>, case: Arc<Case>, history: Vec<Answer>, spot: Option<Spot>) -> Step {
        let mut taken = self.take(spot.map(|spot| spot.seat));
        let waits = spot.filter(|spot| {
            let here = taken.number == spot.seat && taken.seat.generation == spot.generation;
            here && taken.seat.take(spot.run)
        });
        if waits.is_none()
            && let Some(spot) = spot
        {
            self.give_up(spot);
        }
        let mut told = match (waits, history.last()) {
            (Some(spot), Some(answer)) => {
                let told = taken.seat.ask(case.budget.cpu, |w| w.resume(spot.run, answer));
                if matches!(told, Err(Unanswered::TooLarge)) {
                    // It waits there still, for an answer that will not come.
                    taken.seat.keep(spot.run);
                    taken.seat.forget(spot.run);
                }
                Some(told.map(|told| (spot.run, told)))
            }
            _ => None,
        };
        let mut losses = Losses::default();
        loop {
            let result = match told.take() {
                Some(told) => told,
                None => {
                    if let Err(trouble) = self.man(&mut taken.seat) {
                        return Step::Failed(nowhere(&case, &trouble.to_string()));
                    }
                    self.begin_anew(&mut taken.seat, &case, &history)
                }
            };
            let understood = result.and_then(|(run, told)| Ok(self.stands(&mut taken, &case, &history, run, told)?));
            match understood {
                Ok(Stands::Ended(step)) => return step,
                Ok(Stands::Asks(request, spot)) => {
                    let away = Away { pool: Arc::clone(self), case, history, spot: Some(spot) };
                    return Step::Ask(request, Box::new(away));
                }
                Err(Unanswered::TooLarge) => {
                    let message = "what the rule is given is larger than it may be";
                    return Step::Failed(failure(&case, FailureKind::Limit(Limit::Memory), message.to_owned()));
                }
                Err(Unanswered::Lost(why)) => {
                    self.bury(&mut taken.seat, why);
                    if let Some(failure) = self.blame(&mut losses, &case, why) {
                        return Step::Failed(failure);
                    }
                }
            }
        }
    }

    /// Begins a run and gives it the answers it has had. It asks the same again.
    fn begin_anew(&self, seat: &mut Seat, case: &Case, history: &[Answer]) -> Result<(u64, Told), Unanswered> {
        let run = self.number();
        seat.load(&case.code);
        let mut told = seat.ask(case.budget.cpu, |w| w.begin(run, case.code.number, &case.scope, case.budget))?;
        for answer in history {
            match told {
                Told::Asks(_) => {}
                // A limit may be met on the way.
                Told::Failed(_) => break,
                _ => return Err(Lost::Malformed.into()),
            }
            self.note_asked();
            told = seat.ask(case.budget.cpu, |w| w.resume(run, answer))?;
        }
        Ok((run, told))
    }

    /// What a worker's answer means for the run, as far as a worker may be believed.
    fn stands(
        &self,
        taken: &mut Taken<'_>,
        case: &Case,
        history: &[Answer],
        run: u64,
        told: Told,
    ) -> Result<Stands, Lost> {
        let stands = match told {
            Told::Done(value, variables) if value.is_within(DEEPEST) && variables.is_within(DEEPEST) => {
                Stands::Ended(Step::Done(value, variables))
            }
            Told::Failed(failure) if failure.block == case.code.block => Stands::Ended(Step::Failed(failure)),
            Told::Asks(request) if request.is_within(DEEPEST) && history.len() < case.budget.host_calls => {
                taken.seat.keep(run);
                let spot = Spot { seat: taken.number, generation: taken.seat.generation, run };
                Stands::Asks(request, spot)
            }
            _ => return Err(Lost::Malformed),
        };
        self.answered(&mut taken.seat);
        Ok(stands)
    }

    /// What is said of a run to which one more worker was lost; `None` when it is to be tried once more.
    fn blame(&self, losses: &mut Losses, case: &Case, why: Lost) -> Option<Failure> {
        let code = case.code.number;
        let (limit, message) = match why {
            // What it computes is measured, so trying again would only take as long again.
            Lost::Overdue => {
                self.faults().endless(code, now());
                return Some(endless(case));
            }
            Lost::Still | Lost::Gone(Ending::Outside | Ending::Unknown) => {
                if self.faults().ended_from_outside(code, now()) {
                    let message = "whenever the rule runs, the process that runs it is ended from outside; it may need \
                                   more memory than this machine has";
                    return Some(failure(case, FailureKind::Limit(Limit::Memory), message.to_owned()));
                }
                losses.from_outside += 1;
                let again = losses.from_outside < LOST_FROM_OUTSIDE;
                return (!again).then(|| nowhere(case, &format!("of the process that ran it, {why}")));
            }
            Lost::Gone(Ending::Memory) => (Limit::Memory, "the rule used more memory than it may"),
            Lost::Gone(Ending::Stack) => (Limit::Memory, "the rule nests its calls or its values too deeply"),
            Lost::Gone(Ending::Broken) | Lost::Malformed => (Limit::Memory, "the rule ended the process it ran in"),
        };
        losses.by_itself += 1;
        let again = losses.by_itself < LOST_BY_ITSELF;
        (!again).then(|| failure(case, FailureKind::Limit(limit), message.to_owned()))
    }
}

/// A run that waits in a worker for an answer.
struct Away {
    pool: Arc<Pool>,
    case: Arc<Case>,
    history: Vec<Answer>,
    spot: Option<Spot>,
}

impl Paused for Away {
    fn resume(mut self: Box<Self>, answer: Answer) -> Step {
        self.history.push(answer);
        let history = std::mem::take(&mut self.history);
        let spot = self.spot.take();
        self.pool.go_on(Arc::clone(&self.case), history, spot)
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if let Some(spot) = self.spot {
            self.pool.give_up(spot);
        }
    }
}

/// What is said of a run that computes where it cannot be interrupted.
fn endless(case: &Case) -> Failure {
    let message = "the rule took longer than it may, at a place where it cannot be interrupted; it is not tried again for \
                   some minutes";
    failure(case, FailureKind::Limit(Limit::Cpu), message.to_owned())
}

/// What is said of a run that could not be run.
fn nowhere(case: &Case, why: &str) -> Failure {
    failure(case, FailureKind::Nowhere, format!("the rule could not be run: {why}"))
}

fn failure(case: &Case, kind: FailureKind, message: String) -> Failure {
    Failure { block: case.code.block, line: 0, column: 0, kind, message }
}

#[cfg(test)]
mod tests;
