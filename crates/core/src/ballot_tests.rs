//! Which ballots are accepted, and how they are counted.

use uuid::Uuid;

use super::*;
use crate::snapshot::UserView;

fn poll(kind: PollKind, electorate: Option<&[&str]>) -> Poll {
    Poll {
        kind,
        text: "Tea?".to_owned(),
        options: vec!["yes".to_owned(), "no".to_owned()],
        candidates: Vec::new(),
        closes_at: None,
        installation: InstallationId::from_uuid(Uuid::nil()),
        electorate: electorate.map(|people| people.iter().map(|p| (*p).to_owned()).collect()),
        channel: "C1".to_owned(),
        post_id: "1.1".to_owned(),
        url: None,
    }
}

fn to(option: &str) -> Cast {
    Cast::For(option.to_owned())
}

#[test]
fn only_those_who_may_vote_are_counted() {
    let some = poll(PollKind::Boolean, Some(&["U1", "U2"]));
    assert_eq!(some.accept("U2", &to("yes"), true), Ok(Some(BallotValue::Boolean(true))));
    assert_eq!(some.accept("U3", &to("yes"), true), Err(Refusal::NotEligible));
    assert_eq!(poll(PollKind::Boolean, Some(&[])).accept("U1", &to("yes"), true), Err(Refusal::NotEligible));
    assert_eq!(poll(PollKind::Boolean, None).accept("U3", &to("no"), true), Ok(Some(BallotValue::Boolean(false))));
}

#[test]
fn nobody_votes_after_the_end() {
    assert_eq!(poll(PollKind::Boolean, None).accept("U1", &to("yes"), false), Err(Refusal::Closed));
    assert_eq!(poll(PollKind::Choice, Some(&["U1"])).accept("U1", &to("no"), false), Err(Refusal::Closed));
}

#[test]
fn a_ballot_is_taken_back_only_by_those_who_may_vote_and_while_the_vote_runs() {
    let some = poll(PollKind::Boolean, Some(&["U1"]));
    assert_eq!(some.accept("U1", &Cast::Retract, true), Ok(None));
    assert_eq!(some.accept("U2", &Cast::Retract, true), Err(Refusal::NotEligible));
    assert_eq!(some.accept("U1", &Cast::Retract, false), Err(Refusal::Closed));
}

#[test]
fn what_is_no_option_is_no_ballot() {
    assert_eq!(poll(PollKind::Boolean, None).accept("U1", &to("maybe"), true), Err(Refusal::NoSuchOption));
    assert_eq!(poll(PollKind::Choice, None).accept("U1", &to("maybe"), true), Err(Refusal::NoSuchOption));
    assert_eq!(
        poll(PollKind::Choice, None).accept("U1", &to("no"), true),
        Ok(Some(BallotValue::Choice("no".to_owned())))
    );
}

fn several(options: &[&str]) -> Cast {
    Cast::Several(options.iter().map(|o| (*o).to_owned()).collect())
}

fn pick(candidate: &str, option: &str) -> Cast {
    Cast::Pick { candidate: candidate.to_owned(), option: option.to_owned() }
}

fn board() -> Poll {
    Poll { candidates: vec!["Ada B.".to_owned(), "cy".to_owned()], ..poll(PollKind::Select, None) }
}

#[test]
fn several_options_may_be_chosen_and_none_takes_the_ballot_back() {
    let multi = poll(PollKind::Multi, None);
    let both = BTreeSet::from(["no".to_owned(), "yes".to_owned()]);
    assert_eq!(multi.accept("U1", &several(&["yes", "no"]), true), Ok(Some(BallotValue::Multi(both))));
    assert_eq!(multi.accept("U1", &several(&[]), true), Ok(None));
    assert_eq!(multi.accept("U1", &several(&["yes", "maybe"]), true), Err(Refusal::NoSuchOption));
    assert_eq!(poll(PollKind::Choice, None).accept("U1", &several(&["yes"]), true), Err(Refusal::NoSuchOption));
}

#[test]
fn an_option_is_picked_for_a_candidate_there_is() {
    assert!(board().accept("U1", &pick("Ada B.", "yes"), true).is_ok());
    assert_eq!(board().accept("U1", &pick("nobody", "yes"), true), Err(Refusal::NoSuchOption));
    assert_eq!(board().accept("U1", &pick("cy", "maybe"), true), Err(Refusal::NoSuchOption));
    assert_eq!(board().accept("U1", &to("yes"), true), Err(Refusal::NoSuchOption));
}

fn ballot(voter: &str, value: BallotValue, at: i64) -> BallotView {
    BallotView {
        voter: UserView {
            external_id: voter.to_owned(),
            platform: "agora".to_owned(),
            name: voter.to_owned(),
            is_admin: false,
            roles: Vec::new(),
        },
        value,
        cast_at: Timestamp::from_secs(at),
    }
}

/// All that a voter said, in the order in which it arrived.
fn counted(poll: &Poll, said: &[(Cast, i64)]) -> Option<BallotValue> {
    let mut known: Option<(Option<BallotValue>, Timestamp)> = None;
    for (cast, at) in said {
        let value = poll.accept("U1", cast, true).unwrap();
        let before = known.as_ref().map(|(value, at)| (value.as_ref(), *at));
        known = count(value, Timestamp::from_secs(*at), before).or(known);
    }
    known.and_then(|(value, _)| value)
}

#[test]
fn picks_for_different_candidates_stand_beside_each_other_and_can_be_changed_and_taken_back() {
    let said = [(pick("Ada B.", "yes"), 1), (pick("cy", "no"), 2), (pick("Ada B.", "no"), 3)];
    let value = counted(&board(), &said).unwrap();
    assert_eq!(value.picks().collect::<Vec<_>>(), [("Ada B.", "no"), ("cy", "no")]);
    assert_eq!(value.in_words(), "Ada B.: no, cy: no");
    let tally = board().tally(&[ballot("U1", value, 3)]);
    assert_eq!(tally.len(), 4);
    assert_eq!(
        (tally[1].candidate.as_deref(), tally[1].option.as_str(), tally[1].voters.len()),
        (Some("Ada B."), "no", 1)
    );
    let taken_back =
        counted(&board(), &[(pick("cy", "no"), 2), (Cast::Retract, 4), (pick("Ada B.", "yes"), 3)]).unwrap();
    assert_eq!(taken_back.picks().count(), 0, "what was picked before it was taken back does not come back");
}

#[test]
fn picks_for_several_candidates_come_at_once_and_leave_the_others_alone() {
    let picks = |picks: &[(&str, Option<&str>)]| {
        Cast::Picks(picks.iter().map(|(who, what)| ((*who).to_owned(), what.map(str::to_owned))).collect())
    };
    let said = [(picks(&[("Ada B.", Some("yes")), ("cy", Some("no"))]), 1), (picks(&[("cy", None)]), 2)];
    let value = counted(&board(), &said).unwrap();
    assert_eq!(value.picks().collect::<Vec<_>>(), [("Ada B.", "yes")]);
    let late = counted(&board(), &[said[1].clone(), said[0].clone()]).unwrap();
    assert_eq!(late.picks().collect::<Vec<_>>(), [("Ada B.", "yes")], "in whatever order they arrive");
    for wrong in [picks(&[("nobody", Some("yes"))]), picks(&[("cy", Some("yes")), ("Ada B.", Some("maybe"))])] {
        assert_eq!(board().accept("U1", &wrong, true), Err(Refusal::NoSuchOption), "{wrong:?}");
    }
    assert_eq!(poll(PollKind::Choice, None).accept("U1", &picks(&[("cy", None)]), true), Err(Refusal::NoSuchOption));
}

#[test]
fn an_older_word_that_arrives_late_does_not_count() {
    let choice = poll(PollKind::Choice, None);
    assert_eq!(counted(&choice, &[(to("no"), 5), (to("yes"), 4)]), Some(BallotValue::Choice("no".to_owned())));
    assert_eq!(counted(&choice, &[(Cast::Retract, 5), (to("yes"), 4)]), None);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn casts(kind: PollKind) -> impl Strategy<Value = Vec<(Cast, i64)>> {
        let option = prop_oneof![Just("yes"), Just("no")];
        let cast = (option, prop_oneof![Just("Ada B."), Just("cy")], 0_u8..4).prop_map(
            move |(option, candidate, which)| match (kind, which) {
                (_, 0) => Cast::Retract,
                (PollKind::Select, _) => pick(candidate, option),
                (PollKind::Multi, 1) => several(&["yes", "no"]),
                (PollKind::Multi, 2) => several(&[]),
                _ => to(option),
            },
        );
        prop::collection::vec(cast, 0..8).prop_map(|casts| casts.into_iter().zip(1_i64..).collect())
    }

    fn any_poll() -> impl Strategy<Value = Poll> {
        prop_oneof![Just(PollKind::Boolean), Just(PollKind::Choice), Just(PollKind::Multi), Just(PollKind::Select)]
            .prop_map(|kind| Poll { kind, ..board() })
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            (poll, said, shuffled) in any_poll().prop_flat_map(|poll| {
                let said = casts(poll.kind);
                (Just(poll), said.prop_flat_map(|said| (Just(said.clone()), Just(said).prop_shuffle())))
                    .prop_map(|(poll, (said, shuffled))| (poll, said, shuffled))
            })
        ) {
            let says = |value: Option<BallotValue>| {
                value.map(|v| v.in_words()).filter(|words| words != "nothing").unwrap_or_default()
            };
            prop_assert_eq!(says(counted(&poll, &said)), says(counted(&poll, &shuffled)));
        }

        #[test]
        fn every_voter_is_counted_at_most_once_for_one_thing(poll in any_poll(), sequences in prop::collection::vec(casts(PollKind::Choice), 1..6)) {
            let ballots: Vec<BallotView> = sequences
                .iter()
                .enumerate()
                .filter_map(|(index, said)| {
                    let said: Vec<(Cast, i64)> = said.iter().filter(|(c, _)| poll.accept("U", c, true).is_ok()).cloned().collect();
                    counted(&poll, &said).map(|value| ballot(&format!("U{index}"), value, 1))
                })
                .collect();
            let tally = poll.tally(&ballots);
            let rows = if poll.kind == PollKind::Select { poll.options.len() * poll.candidates.len() } else { poll.options.len() };
            prop_assert_eq!(tally.len(), rows);
            let counted: usize = tally.iter().map(|row| row.voters.len()).sum();
            let chosen: usize = ballots.iter().map(|b| b.value.options().len() + b.value.picks().count()).sum();
            prop_assert_eq!(counted, chosen);
            for row in &tally {
                let distinct: BTreeSet<&String> = row.voters.iter().collect();
                prop_assert_eq!(distinct.len(), row.voters.len());
            }
        }
    }
}
