//! Votes, from the policy that calls one to the policy that counts it, for each kind that the descriptor offers.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    Timestamp,
    ballot::{BallotValue, Pick},
    descriptor::Voting,
    ids::UserId,
    proposal::{Proposal, Status},
};
use policykit_testkit::{Draft, TestApp};

use super::{Stand, descriptor_of, everywhere, govern, proposal, settle, undoable};

const OPTIONS: [&str; 3] = ["tea", "cake", "plum pie"];
const CANDIDATES: [&str; 2] = ["J. R. Smith", "Cy"];

/// What people say in a vote of this kind: something, something else, and what decides it.
fn said(kind: Voting) -> [BallotValue; 3] {
    let several = |options: &[&str]| BallotValue::Multi(options.iter().map(|o| (*o).to_owned()).collect());
    let picked = |options: &[&str]| {
        let pick = |option: &str| Pick { at: Timestamp::from_secs(0), option: Some(option.to_owned()) };
        let picks = CANDIDATES.iter().zip(options).map(|(candidate, option)| ((*candidate).to_owned(), pick(option)));
        BallotValue::Select(picks.collect::<BTreeMap<_, _>>())
    };
    match kind {
        Voting::Boolean => [false, false, true].map(BallotValue::Boolean),
        Voting::Choice => ["tea", "plum pie", "cake"].map(|option| BallotValue::Choice(option.to_owned())),
        Voting::Multi => [several(&["tea"]), several(&["tea", "plum pie"]), several(&["tea", "cake"])],
        Voting::Select => [picked(&["tea", "tea"]), picked(&["tea", "plum pie"]), picked(&["tea", "cake"])],
    }
}

/// Passes as soon as two say what decides it.
fn check(kind: Voting) -> &'static str {
    match kind {
        Voting::Boolean => "if proposal.get_yes_votes().count() >= 2:\n  return PASSED\nreturn PROPOSED",
        Voting::Choice | Voting::Multi => {
            "if proposal.get_choice_votes(value='cake').count() >= 2:\n  return PASSED\nreturn PROPOSED"
        }
        Voting::Select => {
            "cy = proposal.get_select_votes_by_candidates().get('Cy', {})\n\
             if len(cy.get('cake', [])) >= 2:\n  return PASSED\nreturn PROPOSED"
        }
    }
}

/// The same without the times at which candidates were decided upon.
fn timeless(value: BallotValue) -> BallotValue {
    let BallotValue::Select(picks) = value else { return value };
    let no_time = |(candidate, pick): (String, Pick)| (candidate, Pick { at: Timestamp::from_secs(0), ..pick });
    BallotValue::Select(picks.into_iter().map(no_time).collect())
}

/// The ballots that count, by account.
async fn ballots<S: Stand>(t: &TestApp, stand: &S, of: &Proposal) -> BTreeMap<UserId, BallotValue> {
    let survey = t.survey().await;
    let mut mine: Vec<_> = survey.ballots.into_iter().filter(|b| b.proposal == of.id).collect();
    mine.sort_by_key(|ballot| ballot.cast_at);
    let mut latest = BTreeMap::new();
    for ballot in mine {
        match ballot.value {
            Some(value) if !is_empty(&value) => latest.insert(ballot.voter, timeless(value)),
            _ => latest.remove(&ballot.voter),
        };
    }
    let all: BTreeSet<_> = stand.voters().map(|who| UserId::derive(stand.home(t).1, who)).into();
    assert!(latest.keys().all(|voter| all.contains(voter)), "a stranger votes: {latest:?}");
    latest
}

fn is_empty(value: &BallotValue) -> bool {
    match value {
        BallotValue::Select(_) => value.picks().next().is_none(),
        BallotValue::Multi(options) => options.is_empty(),
        BallotValue::Boolean(_) | BallotValue::Choice(_) => false,
    }
}

/// Each kind: votes, other votes, votes taken back, and one by somebody who is not asked; then it is decided and closed.
pub(super) fn every_kind<S: Stand>() {
    let about = undoable(S::ID).into_iter().next().expect("something that can be undone");
    for kind in descriptor_of(S::ID).voting {
        everywhere(async |t: &mut TestApp, stand: &mut S| {
            let [ann, ben, cid, dot, out] = stand.voters();
            let options: &[&str] = if kind == Voting::Boolean { &[] } else { &OPTIONS };
            let begin = stand.begin_vote(kind, options, &CANDIDATES, &[ann, ben, cid, dot]);
            stand.prepare(t, about.codename).await;
            settle(t, stand).await;
            let draft = Draft::platform("Vote", &[about.codename])
                .initialize("proposal.data.set('post', '')")
                .notify(&format!("proposal.data.set('post', {begin})"))
                .check(check(kind));
            govern(t, stand, draft).await;
            stand.happens(t, about.codename).await.expect("somebody can do it");
            settle(t, stand).await;
            let of = proposal(t, stand, about.codename).await;
            assert!(stand.is_vote_open(t, &of), "{kind:?}: people can vote: {of:?}");
            let [first, second, deciding] = said(kind);
            let say = async |who, said: Option<&BallotValue>| {
                stand.votes(t, &of, who, said).await;
                settle(t, stand).await;
            };
            let is = async |expected: &[(&str, &BallotValue)], why: &str| {
                let account = |who: &str| UserId::derive(stand.home(t).1, who);
                let expected: BTreeMap<_, _> =
                    expected.iter().map(|(who, value)| (account(who), timeless((*value).clone()))).collect();
                assert_eq!(ballots(t, stand, &of).await, expected, "{kind:?}: {why}");
            };
            say(ann, Some(&first)).await;
            say(ben, Some(&second)).await;
            is(&[(ann, &first), (ben, &second)], "two have voted").await;
            say(ann, Some(&deciding)).await;
            is(&[(ann, &deciding), (ben, &second)], "she has thought again").await;
            say(ben, None).await;
            is(&[(ann, &deciding)], "he has taken it back").await;
            say(out, Some(&deciding)).await;
            is(&[(ann, &deciding)], "who is not asked is not counted").await;
            assert_eq!(proposal(t, stand, about.codename).await.status, Status::Proposed, "{kind:?}: one is not two");
            say(cid, Some(&deciding)).await;
            let decided = proposal(t, stand, about.codename).await;
            assert_eq!(decided.status, Status::Passed, "{kind:?}: {decided:?}");
            assert!(!stand.is_vote_open(t, &decided), "{kind:?}: it is decided and people could still vote");
        });
    }
}
