//! One voter, one ballot: of two the one cast later counts, in whatever order they arrive.

use std::collections::BTreeMap;

use policykit_core::ballot::{BallotValue, Poll};
use policykit_store::{BallotRow, Changes, Db, ProposalChange, Reading, Sight};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::support::{Home, community, on_each, secs};

async fn cast(db: &Db, ballots: Vec<BallotRow>) {
    db.commit(Changes { ballots, ..Changes::default() }).await.unwrap();
}

/// The proposal of this key with its action and three members who may vote.
async fn vote(db: &Db, home: &Home, key: &str) {
    let changes = Changes {
        users: ["U1", "U2", "U3"].map(|account| home.user(account)).to_vec(),
        actions: vec![home.action(key)],
        proposals: vec![home.proposal(key)],
        ..Changes::default()
    };
    db.commit(changes).await.unwrap();
}

async fn standing(db: &Db, home: &Home, key: &str) -> BTreeMap<String, bool> {
    let bundle = db.community(home.community).proposal(home.proposal(key).id).await.unwrap();
    bundle
        .ballots
        .into_iter()
        .map(|ballot| (ballot.voter.external_id, ballot.value == BallotValue::Boolean(true)))
        .collect()
}

#[test]
fn the_ballot_cast_later_counts_whichever_arrives_first() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        vote(&db, &home, "k").await;
        cast(&db, vec![home.ballot("k", "U1", Some(true), secs(10))]).await;
        cast(&db, vec![home.ballot("k", "U1", Some(false), secs(20))]).await;
        assert!(!standing(&db, &home, "k").await["U1"]);
        cast(&db, vec![home.ballot("k", "U1", Some(true), secs(15))]).await;
        assert!(!standing(&db, &home, "k").await["U1"], "an older one that is late changes nothing");
        cast(&db, vec![home.ballot("k", "U1", Some(true), secs(20))]).await;
        assert!(standing(&db, &home, "k").await["U1"], "of two of the same moment the one heard last counts");
    });
}

#[test]
fn a_retracted_ballot_does_not_come_back_with_an_older_one_and_does_with_a_newer_one() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        vote(&db, &home, "k").await;
        cast(&db, vec![home.ballot("k", "U1", None, secs(20)), home.ballot("k", "U2", Some(true), secs(1))]).await;
        cast(&db, vec![home.ballot("k", "U1", Some(true), secs(10))]).await;
        assert_eq!(standing(&db, &home, "k").await, BTreeMap::from([("U2".to_owned(), true)]));
        cast(&db, vec![home.ballot("k", "U1", Some(true), secs(30))]).await;
        assert_eq!(standing(&db, &home, "k").await.len(), 2);
    });
}

#[test]
fn every_vote_of_a_proposal_has_ballots_of_its_own() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scope = db.community(home.community);
        vote(&db, &home, "k").await;
        let first = home.ballot("k", "U1", Some(true), secs(20));
        let (proposal, voter) = (first.proposal, first.voter);
        cast(&db, vec![first.clone(), home.ballot("k", "U2", Some(true), secs(20))]).await;
        let poll = Poll { post_id: "1.6".to_owned(), electorate: Some(vec!["U1".to_owned()]), ..home.poll() };
        let second = BallotRow { vote: poll.key(), ..home.ballot("k", "U1", Some(false), secs(10)) };
        let rev = scope.proposal_row(proposal).await.unwrap().rev;
        let replaced = ProposalChange { poll: Some(poll), poll_open: Some(true), ..ProposalChange::of(proposal, rev) };
        db.commit(Changes { proposal_changes: vec![replaced], ..Changes::default() }).await.unwrap();

        assert!(standing(&db, &home, "k").await.is_empty(), "nobody has voted in the second");
        assert!(scope.tallies(&[proposal]).await.unwrap().is_empty());
        let reading = Reading { member: voter, account: "U1", installation: home.installation };
        let waits = async || {
            let waiting = scope.waiting_for(voter, "U1", home.installation, &Sight::EVERYTHING, 9).await.unwrap();
            let many = scope.count_waiting_for(voter, "U1", home.installation, &Sight::EVERYTHING, 9).await.unwrap();
            assert_eq!(i64::try_from(waiting.len()).unwrap(), many);
            many
        };
        assert_eq!(waits().await, 1);
        let sheet = scope.proposal_sheet(proposal, Some(reading), &Sight::EVERYTHING).await.unwrap();
        assert_eq!((sheet.own.ballot, sheet.missing), (None, vec!["name of U1".to_owned()]));
        assert_eq!((sheet.tally.len(), sheet.ballots.len(), sheet.earlier.len()), (0, 0, 2));
        assert_eq!(scope.last_word_at(proposal, &second.vote, voter).await.unwrap(), None);

        // Older than the word in the first vote, as after a clock was set back, and counted all the same.
        cast(&db, vec![second.clone()]).await;
        assert_eq!(standing(&db, &home, "k").await, BTreeMap::from([("U1".to_owned(), false)]));
        assert_eq!(scope.tallies(&[proposal]).await.unwrap()[&proposal].len(), 1);
        assert_eq!(waits().await, 0);
        let sheet = scope.proposal_sheet(proposal, Some(reading), &Sight::EVERYTHING).await.unwrap();
        assert_eq!(sheet.own.ballot.unwrap().0, BallotValue::Boolean(false));
        assert_eq!((sheet.missing.len(), sheet.ballots.len(), sheet.earlier.len()), (0, 1, 2));
        for (ballot, at) in [(first, 20), (second, 10)] {
            assert_eq!(scope.last_word_at(proposal, &ballot.vote, voter).await.unwrap(), Some(secs(at)));
        }
    });
}

#[test]
fn ballots_are_read_in_the_order_in_which_they_were_cast() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        vote(&db, &home, "k").await;
        let ballots = [("U1", 30), ("U2", 10), ("U3", 20)];
        cast(&db, ballots.iter().map(|(who, at)| home.ballot("k", who, Some(true), secs(*at))).collect()).await;
        let bundle = db.community(home.community).proposal(home.proposal("k").id).await.unwrap();
        let order: Vec<&str> = bundle.ballots.iter().map(|ballot| ballot.voter.external_id.as_str()).collect();
        assert_eq!(order, ["U2", "U3", "U1"]);
        assert_eq!(bundle.ballots[0].voter.platform, "chat");
        assert_eq!(bundle.ballots[0].voter.name, "name of U2");
    });
}

#[test]
fn a_ballot_in_the_name_of_another_community_changes_nothing() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        vote(&db, &home, "k").await;
        cast(&db, vec![home.ballot("k", "U1", Some(true), secs(10))]).await;
        let mut forged = home.ballot("k", "U1", Some(false), secs(20));
        forged.community = community(9, 9);
        cast(&db, vec![forged]).await;
        assert!(standing(&db, &home, "k").await["U1"]);
    });
}

#[test]
fn ballots_in_any_order_and_any_grouping_leave_the_latest_of_each_voter() {
    // Voter, choice or retraction, moment, and whether a commit ends here.
    let one = (0..3_usize, proptest::option::of(any::<bool>()), 0..6_i64, any::<bool>());
    let many = proptest::collection::vec(one, 1..12);
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
        let case = std::cell::Cell::new(0);
        let outcome = runner.run(&many, |ballots| {
            case.set(case.get() + 1);
            let key = format!("case {}", case.get());
            let mut wanted: BTreeMap<usize, (i64, Option<bool>)> = BTreeMap::new();
            for (voter, choice, at, _) in &ballots {
                let known = wanted.entry(*voter).or_insert((*at, *choice));
                if *at >= known.0 {
                    *known = (*at, *choice);
                }
            }
            let wanted: BTreeMap<String, bool> = wanted
                .into_iter()
                .filter_map(|(voter, (_, choice))| choice.map(|choice| (format!("U{}", voter + 1), choice)))
                .collect();
            let found = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    vote(&db, &home, &key).await;
                    let mut group = Vec::new();
                    for (voter, choice, at, ends) in ballots {
                        group.push(home.ballot(&key, &format!("U{}", voter + 1), choice, secs(at)));
                        if ends {
                            cast(&db, std::mem::take(&mut group)).await;
                        }
                    }
                    cast(&db, group).await;
                    standing(&db, &home, &key).await
                })
            });
            prop_assert_eq!(found, wanted);
            Ok(())
        });
        outcome.unwrap();
    });
}
