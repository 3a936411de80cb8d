//! Links for operators: each opens one session, and only for a while.

use crate::support::{on_each, secs};

#[test]
fn a_link_opens_one_session() {
    on_each(async |database| {
        let system = database.db().await.system();
        system.create_link(b"link", secs(0), secs(900)).await.unwrap();
        assert!(!system.redeem_link(b"another", b"guessed", secs(1), secs(9_000)).await.unwrap());
        assert!(system.redeem_link(b"link", b"first", secs(1), secs(9_000)).await.unwrap());
        assert!(!system.redeem_link(b"link", b"second", secs(2), secs(9_000)).await.unwrap());
        assert!(system.session_lives(b"first", secs(3)).await.unwrap());
        for other in [b"guessed".as_slice(), b"second", b"link"] {
            assert!(!system.session_lives(other, secs(3)).await.unwrap());
        }
    });
}

#[test]
fn a_link_opens_nothing_after_its_time() {
    on_each(async |database| {
        let system = database.db().await.system();
        system.create_link(b"link", secs(0), secs(900)).await.unwrap();
        assert!(!system.redeem_link(b"link", b"late", secs(900), secs(9_000)).await.unwrap());
        assert!(!system.session_lives(b"late", secs(900)).await.unwrap());
    });
}

#[test]
fn a_session_lives_until_its_end_or_until_it_is_closed() {
    on_each(async |database| {
        let system = database.db().await.system();
        for (link, session) in [(b"l1".as_slice(), b"s1".as_slice()), (b"l2", b"s2")] {
            system.create_link(link, secs(0), secs(900)).await.unwrap();
            assert!(system.redeem_link(link, session, secs(1), secs(100)).await.unwrap());
        }
        assert!(system.session_lives(b"s1", secs(99)).await.unwrap());
        assert!(!system.session_lives(b"s1", secs(100)).await.unwrap());
        system.close_session(b"s2").await.unwrap();
        assert!(!system.session_lives(b"s2", secs(2)).await.unwrap());
        assert!(system.session_lives(b"s1", secs(2)).await.unwrap(), "the other one goes on");
    });
}
