//! Links for operators: each opens one session, and only for a while.

use policykit_store::{Holder, NewSession, System};

use crate::support::{on_each, secs};

fn new(hash: &[u8], at: i64, until: i64) -> NewSession {
    NewSession { hash: hash.to_vec(), now: secs(at), expires_at: secs(until), agent: "a browser".to_owned() }
}

async fn lives(system: &System, hash: &[u8], at: i64) -> bool {
    let open = system.session(hash, secs(at)).await.unwrap();
    open.is_some_and(|open| matches!(open.holder, Holder::Operator { .. }))
}

#[test]
fn a_link_opens_one_session() {
    on_each(async |database| {
        let system = database.db().await.system();
        system.create_link(b"link", secs(0), secs(900)).await.unwrap();
        assert!(!system.redeem_link(b"another", new(b"guessed", 1, 9_000)).await.unwrap());
        assert!(system.redeem_link(b"link", new(b"first", 1, 9_000)).await.unwrap());
        assert!(!system.redeem_link(b"link", new(b"second", 2, 9_000)).await.unwrap());
        assert!(lives(&system, b"first", 3).await);
        for other in [b"guessed".as_slice(), b"second", b"link"] {
            assert!(!lives(&system, other, 3).await);
        }
    });
}

#[test]
fn a_link_opens_nothing_after_its_time() {
    on_each(async |database| {
        let system = database.db().await.system();
        system.create_link(b"link", secs(0), secs(900)).await.unwrap();
        assert!(!system.redeem_link(b"link", new(b"late", 900, 9_000)).await.unwrap());
        assert!(!lives(&system, b"late", 900).await);
    });
}

#[test]
fn a_session_lives_until_its_end_or_until_it_is_closed() {
    on_each(async |database| {
        let system = database.db().await.system();
        for (link, session) in [(b"l1".as_slice(), b"s1".as_slice()), (b"l2", b"s2")] {
            system.create_link(link, secs(0), secs(900)).await.unwrap();
            assert!(system.redeem_link(link, new(session, 1, 100)).await.unwrap());
        }
        assert!(lives(&system, b"s1", 99).await);
        assert!(!lives(&system, b"s1", 100).await);
        system.close_session(b"s2").await.unwrap();
        assert!(!lives(&system, b"s2", 2).await);
        assert!(lives(&system, b"s1", 2).await, "the other one goes on");
    });
}
