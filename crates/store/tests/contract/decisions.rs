//! The log of decisions: numbered without gaps, and what was done to it around the store shows.

use futures::future::join_all;
use policykit_store::{ChainReport, Changes, Db, DecisionEntry};
use serde_json::json;

use crate::support::{Home, TestDatabase, community, on_each, secs};

async fn append(db: &Db, decisions: Vec<DecisionEntry>) {
    db.commit(Changes { decisions, ..Changes::default() }).await.unwrap();
}

#[test]
fn entries_are_numbered_from_one_and_each_names_the_one_before() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let scoped = db.community(home.community);
        assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 0 });
        append(&db, vec![home.decision("one"), home.decision("two")]).await;
        append(&db, vec![home.decision("three")]).await;
        let entries = scoped.decisions(0, 10).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(entries.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(entries[0].previous, "0".repeat(64));
        assert!(entries.windows(2).all(|pair| pair[1].previous == pair[0].hash && pair[0].hash != pair[1].hash));
        assert_eq!(entries[0].body, json!({"a": ["one"], "b": 1}));
        assert_eq!(scoped.decisions(1, 1).await.unwrap(), entries[1..2]);
        assert_eq!(scoped.decisions(-5, 1).await.unwrap(), entries[..1], "the head of the chain is no entry");
        assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 3 });
    });
}

#[test]
fn each_community_has_a_chain_of_its_own() {
    on_each(async |database| {
        let db = database.db().await;
        let here = Home::build(&db).await;
        let there = Home::build_in(&db, community(5, 1)).await;
        append(&db, vec![here.decision("a"), there.decision("x"), here.decision("b")]).await;
        append(&db, vec![there.decision("y")]).await;
        for home in [&here, &there] {
            let scoped = db.community(home.community);
            assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 2 });
        }
        let kinds: Vec<String> =
            db.community(there.community).decisions(0, 9).await.unwrap().into_iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, ["x", "y"]);
    });
}

#[test]
fn equal_entries_after_different_ones_have_different_hashes() {
    on_each(async |database| {
        let db = database.db().await;
        let mut second = Vec::new();
        for (n, first) in ["one", "two"].into_iter().enumerate() {
            let home = Home::build_in(&db, community(6, u8::try_from(n).unwrap())).await;
            append(&db, vec![home.decision(first), home.decision("the same")]).await;
            second.extend(db.community(home.community).decisions(1, 1).await.unwrap());
        }
        assert_eq!((second[0].at, &second[0].kind, &second[0].body), (second[1].at, &second[1].kind, &second[1].body));
        assert_ne!(second[0].hash, second[1].hash, "what came before could be exchanged unseen");
    });
}

#[test]
fn writers_beside_each_other_leave_no_gap_and_no_fork() {
    on_each(async |database| {
        let db = database.db().await;
        let other = database.open().await;
        let home = Home::build(&db).await;
        let tasks = (0..40).map(|n| {
            let node = if n % 2 == 0 { db.clone() } else { other.clone() };
            let entries = vec![home.decision(&format!("{n}a")), home.decision(&format!("{n}b"))];
            tokio::spawn(async move { append(&node, entries).await })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }
        let scoped = db.community(home.community);
        let entries = scoped.decisions(0, 1000).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
        for pair in entries.chunks(2) {
            assert_eq!(pair[0].kind.trim_end_matches('a'), pair[1].kind.trim_end_matches('b'), "kept together");
        }
        assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 80 });
    });
}

#[test]
fn a_commit_that_fails_leaves_no_gap() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        append(&db, vec![home.decision("one")]).await;
        let none = policykit_core::ids::ProposalId::from_uuid(crate::support::id("none"));
        let bad = Changes {
            decisions: vec![home.decision("never")],
            proposal_changes: vec![policykit_store::ProposalChange::of(none, 1)],
            ..Changes::default()
        };
        db.commit(bad).await.unwrap_err();
        append(&db, vec![home.decision("two")]).await;
        let scoped = db.community(home.community);
        assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 2 });
    });
}

/// Writes five entries, lets somebody tamper with them, and tells what checking shows.
async fn tampered(database: &TestDatabase, db: &Db, n: u8, sql: &str) -> ChainReport {
    let home = Home::build_in(db, community(7, n)).await;
    append(db, ["one", "two", "three", "four", "five"].map(|kind| home.decision(kind)).to_vec()).await;
    let scoped = db.community(home.community);
    assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 5 });
    let ours = format!("community_id = {}", database.literal(home.community.uuid()));
    let mut raw = database.raw().await;
    assert!(raw.run(&sql.replace("OURS", &ours)).await > 0, "{sql}");
    scoped.verify_decisions().await.unwrap()
}

#[test]
fn tampering_shows_and_where() {
    on_each(async |database| {
        let db = database.db().await;
        let cases = [
            ("UPDATE decision SET body = replace(body, 'two', 'TWO') WHERE seq = 2 AND OURS", 2, "not what was hashed"),
            ("UPDATE decision SET kind = 'failed' WHERE seq = 1 AND OURS", 1, "not what was hashed"),
            ("UPDATE decision SET at = at + 1 WHERE seq = 5 AND OURS", 5, "not what was hashed"),
            ("UPDATE decision SET hash = previous WHERE seq = 3 AND OURS", 3, "not what was hashed"),
            ("UPDATE decision SET previous = hash WHERE seq = 4 AND OURS", 4, "does not follow"),
            ("DELETE FROM decision WHERE seq = 1 AND OURS", 1, "missing"),
            ("DELETE FROM decision WHERE seq = 3 AND OURS", 3, "missing"),
            ("DELETE FROM decision WHERE seq = 5 AND OURS", 5, "missing"),
            ("DELETE FROM decision WHERE seq > 2 AND OURS", 3, "missing"),
            ("DELETE FROM decision WHERE seq > 0 AND OURS", 1, "missing"),
            ("DELETE FROM decision WHERE seq = 0 AND OURS", 5, "does not name it"),
            ("UPDATE decision SET last = 4 WHERE seq = 0 AND OURS", 5, "does not name it"),
            (
                "INSERT INTO decision (community_id, seq, at, kind, body, previous, hash) \
                 SELECT community_id, 6, at, kind, body, hash, previous FROM decision WHERE seq = 5 AND OURS",
                6,
                "not what was hashed",
            ),
        ];
        for (n, (sql, at, how)) in cases.into_iter().enumerate() {
            match tampered(database, &db, u8::try_from(n).unwrap(), sql).await {
                ChainReport::Broken { seq, why } => {
                    assert_eq!(seq, at, "{sql}");
                    assert!(why.contains(how), "{sql}: {why}");
                }
                ChainReport::Intact { .. } => panic!("not seen: {sql}"),
            }
        }
    });
}

#[test]
fn a_chain_longer_than_a_page_is_checked_to_its_end() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        append(&db, (0..1100).map(|n| home.decision(&n.to_string())).collect()).await;
        let scoped = db.community(home.community);
        assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 1100 });
        let mut raw = database.raw().await;
        raw.run("UPDATE decision SET kind = 'x' WHERE seq = 1001").await;
        assert!(matches!(scoped.verify_decisions().await.unwrap(), ChainReport::Broken { seq: 1001, .. }));
    });
}

#[test]
fn entries_of_any_text_and_numbers_verify() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let body = json!({"z": "nul \0 \u{7f} 🙂 \\u0000", "n": [i64::MIN, u64::MAX, 1e300, -0.0, 0.1], "a": {"c": 1, "b": null}});
        let entry = DecisionEntry { kind: "nul \0 within".to_owned(), body: body.clone(), ..home.decision("x") };
        append(&db, vec![entry, DecisionEntry { at: secs(-5_000_000_000), ..home.decision("ü") }]).await;
        let scoped = db.community(home.community);
        assert_eq!(scoped.verify_decisions().await.unwrap(), ChainReport::Intact { entries: 2 });
        assert_eq!(scoped.decisions(0, 1).await.unwrap()[0].body, body);
    });
}
