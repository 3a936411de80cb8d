//! A read that its platform puts off: nothing is recorded, and the evaluation is taken up again when the platform may be
//! asked once more, as a call would be sent again. What it waits for is written down, for whoever goes on with it and for
//! people who look at it.
//!
//! Only what is refused, or was asked for long enough, becomes an answer: the exception that the policy meets.

use std::time::Duration;

use policykit_core::{Timestamp, Value};
use policykit_policy::ReadRequest;
use policykit_store::{AwaitedRead, CLOCKS_AGREE, ProposalChange};

use crate::{
    EngineError,
    calls::backoff,
    evaluation::Evaluation,
    outbox::Outbox,
    parts::{Parts, lock},
    unread::failure,
};

/// How long a read is made again. A platform that asks for more patience is not waited for.
const READ_WITHIN: Duration = Duration::from_secs(6 * 60 * 60);

/// What came of a read.
pub(crate) enum Outside {
    /// An answer; also that it is refused.
    Answer(Value),
    /// Nothing yet.
    Later(Later),
}

/// Why a read has no answer yet.
pub(crate) struct Later {
    /// How long the platform wants to be left alone, as far as it says so.
    pub(crate) after: Duration,
    /// What it could not be asked, in plain words.
    pub(crate) reason: String,
    /// Name of the platform.
    pub(crate) platform: &'static str,
}

impl Parts {
    /// Puts an evaluation off until its read may be made again: `Some` with that time. `None` when it was tried for long
    /// enough and has been answered with the failure.
    pub(crate) async fn put_off(
        &self,
        evaluation: &mut Evaluation,
        request: &ReadRequest,
        later: Later,
    ) -> Result<Option<Timestamp>, EngineError> {
        let now = self.clock.now();
        let idx = evaluation.next_read();
        // What was waited for before has been answered since.
        let before = evaluation.awaited.take().filter(|before| before.idx == idx);
        let tries = before.as_ref().map_or(0, |before| before.tries).saturating_add(1);
        // A clock that has been set back since must not make it wait for longer.
        let since = before.map_or(now, |before| before.since.min(now));
        let until = now + later.after.max(backoff(tries));
        if tries >= self.options.max_attempts || until > since + READ_WITHIN {
            let reason = format!("{} ({})", later.reason, tried(tries, since, now));
            evaluation.supply_read(request, failure(later.platform, &request.method, &reason));
            return Ok(None);
        }
        let awaited = AwaitedRead {
            evaluation: evaluation.row.id,
            community: evaluation.row.community,
            idx,
            since,
            tries,
            noted_at: now,
            until,
            reason: format!("{} could not be read: {}", later.platform, later.reason),
        };
        let mut out = Outbox::default();
        out.changes.label = "T3";
        out.changes.fences.push(self.fence(evaluation.row.community)?);
        // The answers before it are written down: asked for anew, they might be others, and others would follow from them.
        out.changes.reads.append(&mut evaluation.new_reads);
        out.changes.reads_awaited.push(awaited);
        // A vote that is posted already is one: people use its buttons while the read is waited for.
        if let (Some(rev), Some(poll)) = (evaluation.rev, evaluation.overlay().poll.clone()) {
            let mut change = ProposalChange::of(evaluation.row.proposal, rev);
            (change.poll, change.poll_open) = (Some(poll), Some(!evaluation.decided));
            out.changes.proposal_changes.push(change);
            evaluation.rev = Some(rev + 1);
        }
        self.commit(out.changes).await?;
        Ok(Some(until))
    }

    /// Notes that an evaluation goes on at `until`, in the place of whoever wrote that down. Whether it has to wait.
    pub(crate) fn goes_on_later(&self, row: &policykit_store::RunningEvaluation) -> bool {
        let now = self.clock.now();
        // What was noted further ahead than clocks differ was so before the clock was set back: it waits for nothing.
        let waits = row.awaited.as_ref().filter(|a| a.until > now && a.noted_at <= now + CLOCKS_AGREE);
        let Some(until) = waits.map(|awaited| awaited.until) else { return false };
        if !lock(&self.busy).rest(row.proposal, row.id) {
            return false;
        }
        lock(&self.again).put_off(row.id, row.proposal, row.community, until, now);
        self.due(until);
        true
    }
}

/// For how long and how often it was tried, in words.
fn tried(tries: i64, since: Timestamp, now: Timestamp) -> String {
    let minutes = now.micros_since(since) / 60_000_000;
    match (tries, minutes) {
        (1, _) => "the platform asks for more time than there is".to_owned(),
        (_, ..120) => format!("tried {tries} times within {minutes} minutes"),
        _ => format!("tried {tries} times within {} hours", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_was_tried_is_said_in_words() {
        let since = Timestamp::from_secs(1_000);
        let after = |minutes: u64| since + Duration::from_secs(60 * minutes + 59);
        assert_eq!(tried(3, since, after(2)), "tried 3 times within 2 minutes");
        assert_eq!(tried(60, since, after(119)), "tried 60 times within 119 minutes");
        assert_eq!(tried(60, since, after(263)), "tried 60 times within 4 hours");
        assert_eq!(tried(1, since, since), "the platform asks for more time than there is");
    }
}
