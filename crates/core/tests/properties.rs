//! What holds for every verdict and every ballot box.

use policykit_core::{
    Timestamp,
    action::Origin,
    ballot::{BallotValue, Cast, Poll, PollKind},
    ids::InstallationId,
    machine::{Facts, Round, Step, after_error, after_verdict},
    policy::{Block, OnError, PolicyKind, Verdict},
    proposal::Status,
    snapshot::{BallotView, UserView},
};
use proptest::{prelude::*, sample::select};
use uuid::Uuid;

fn facts() -> impl Strategy<Value = Facts> {
    (
        select(vec![PolicyKind::Platform, PolicyKind::Constitution, PolicyKind::Trigger]),
        select(vec![Origin::Platform, Origin::PolicyKit]),
        any::<bool>(),
    )
        .prop_map(|(kind, origin, reverted)| Facts { kind, origin, reverted })
}

fn round() -> impl Strategy<Value = Round> {
    select(vec![Round::First, Round::Later])
}

fn count(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> usize {
    steps.iter().filter(|step| wanted(step)).count()
}

/// What holds for whatever follows from whatever.
fn sane(facts: Facts, steps: &[Step]) -> Result<(), TestCaseError> {
    prop_assert_eq!(count(steps, |s| matches!(s, Step::Settle(_))), 1, "one decision: {:?}", steps);
    prop_assert!(count(steps, |s| *s == Step::Revert) <= 1 && count(steps, |s| *s == Step::Execute) <= 1);
    prop_assert!(!(steps.contains(&Step::Revert) && steps.contains(&Step::Execute)), "{steps:?}");
    if steps.contains(&Step::Revert) {
        prop_assert!(facts.is_reversible() && !facts.reverted, "undone is what can be and is not: {steps:?}");
    }
    if steps.contains(&Step::Execute) {
        prop_assert!(facts.is_executable());
    }
    let settled = steps.iter().find_map(|s| if let Step::Settle(status) = s { Some(*status) } else { None });
    if matches!(settled, Some(Status::Passed | Status::Failed | Status::Superseded)) {
        prop_assert!(steps.contains(&Step::CloseVote), "nobody votes on what is decided: {steps:?}");
    } else {
        prop_assert!(!steps.contains(&Step::CloseVote), "an open vote stays open: {steps:?}");
    }
    if facts.kind == PolicyKind::Trigger {
        prop_assert!(!steps.iter().any(|s| matches!(s, Step::Revert | Step::Execute | Step::FireTrigger)), "{steps:?}");
    }
    Ok(())
}

fn voter(n: u8) -> UserView {
    UserView {
        external_id: format!("U{n}"),
        platform: "chat".to_owned(),
        name: format!("N{n}"),
        is_admin: false,
        roles: Vec::new(),
    }
}

fn poll(kind: PollKind, electorate: Option<Vec<u8>>) -> Poll {
    let options = match kind {
        PollKind::Boolean => vec!["yes", "no"],
        _ => vec!["tea", "coffee", "yes"],
    };
    Poll {
        kind,
        text: "What?".to_owned(),
        options: options.into_iter().map(str::to_owned).collect(),
        candidates: Vec::new(),
        closes_at: None,
        installation: InstallationId::from_uuid(Uuid::nil()),
        electorate: electorate.map(|people| people.into_iter().map(|n| format!("U{n}")).collect()),
        channel: "C1".to_owned(),
        post_id: "1.1".to_owned(),
        url: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_verdict_one_decision_follows_and_nothing_contradicts_it(
        facts in facts(), round in round(), verdict in select(vec![Verdict::Passed, Verdict::Failed, Verdict::Proposed]),
    ) {
        let steps = after_verdict(facts, round, verdict);
        sane(facts, &steps)?;
        let place = |wanted: Step| steps.iter().position(|s| *s == wanted);
        match verdict {
            Verdict::Passed => prop_assert!(!steps.contains(&Step::Revert) && place(Step::Run(Block::Success)) < place(Step::Settle(Status::Passed))),
            Verdict::Failed => prop_assert!(!steps.contains(&Step::Execute) && !steps.contains(&Step::FireTrigger)),
            Verdict::Proposed => {
                prop_assert!(!steps.contains(&Step::Execute) && !steps.contains(&Step::FireTrigger));
                // Nobody is asked about what is still in force, nor asked twice.
                prop_assert_eq!(place(Step::Run(Block::Notify)).is_some(), round == Round::First);
                prop_assert!(place(Step::Revert) <= place(Step::Run(Block::Notify)));
            }
        }
    }

    #[test]
    fn no_error_ever_does_the_action_or_calls_it_passed(
        facts in facts(), round in round(),
        on_error in select(vec![OnError::Hold, OnError::HoldReverted, OnError::Fail, OnError::Next]),
    ) {
        let steps = after_error(facts, round, on_error);
        sane(facts, &steps)?;
        prop_assert!(!steps.iter().any(|s| matches!(s, Step::Execute | Step::FireTrigger | Step::Run(_) | Step::Settle(Status::Passed))), "{steps:?}");
    }

    #[test]
    fn every_ballot_is_counted_once_and_none_is_made_up(
        kind in select(vec![PollKind::Boolean, PollKind::Choice]),
        electorate in proptest::option::of(proptest::collection::vec(0_u8..8, 0..8)),
        casts in proptest::collection::vec((0_u8..8, select(vec!["yes", "no", "tea", "coffee", "", "YES", "other"])), 0..24),
    ) {
        let poll = poll(kind, electorate.clone());
        let mut ballots: Vec<BallotView> = Vec::new();
        for (at, (who, option)) in casts.iter().enumerate() {
            let accepted = poll.accept(&format!("U{who}"), &Cast::For((*option).to_owned()), true);
            let may = electorate.as_ref().is_none_or(|people| people.contains(who));
            let known = poll.options.iter().any(|o| o == option);
            prop_assert_eq!(accepted.is_ok(), may && known, "{} {}", who, option);
            if let Ok(Some(value)) = accepted {
                // The later word counts, as the database keeps one row for each voter.
                ballots.retain(|b| b.voter.external_id != format!("U{who}"));
                ballots.push(BallotView { voter: voter(*who), value, cast_at: Timestamp::from_secs(i64::try_from(at).unwrap_or(0)) });
            }
        }
        let tally = poll.tally(&ballots);
        prop_assert_eq!(tally.iter().map(|row| row.option.clone()).collect::<Vec<_>>(), poll.options.clone());
        let mut counted: Vec<String> = tally.iter().flat_map(|row| row.voters.clone()).collect();
        let mut cast: Vec<String> = ballots.iter().map(|b| b.voter.external_id.clone()).collect();
        counted.sort();
        cast.sort();
        prop_assert_eq!(counted, cast);
        // In whatever order they come out of the database.
        ballots.reverse();
        prop_assert_eq!(poll.tally(&ballots), tally);
    }

    #[test]
    fn nobody_votes_or_takes_back_after_the_end(who in 0_u8..8, option in select(vec!["yes", "no", "tea"])) {
        let poll = poll(PollKind::Boolean, None);
        let voter = format!("U{who}");
        prop_assert!(poll.accept(&voter, &Cast::For(option.to_owned()), false).is_err());
        prop_assert!(poll.accept(&voter, &Cast::Retract, false).is_err());
        prop_assert_eq!(poll.accept(&voter, &Cast::Retract, true), Ok(None));
        prop_assert_eq!(poll.accept(&voter, &Cast::For("yes".to_owned()), true), Ok(Some(BallotValue::Boolean(true))));
    }
}
