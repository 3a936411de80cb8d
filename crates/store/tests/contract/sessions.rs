//! Sessions of members: what they may do is read afresh, and whoever has left is out. Browsers on their way come back
//! once.

use std::collections::BTreeSet;

use policykit_core::{
    community::User,
    ids::{RoleId, UserId},
};
use policykit_store::{Base, Changes, Db, Holder, NewJourney, NewSession, SignedIn, Whose};
use secrecy::ExposeSecret as _;

use crate::support::{Home, community, id, on_each, secs};

fn new(hash: &[u8], at: i64) -> NewSession {
    NewSession { hash: hash.to_vec(), now: secs(at), expires_at: secs(at + 1_000), agent: "a browser".to_owned() }
}

fn user(home: &Home, account: &str) -> User {
    User {
        id: UserId::derive(home.installation, account),
        community: home.community,
        installation: home.installation,
        external_id: account.to_owned(),
        name: account.to_uppercase(),
        is_admin: false,
        is_bot: false,
        is_gone: false,
    }
}

async fn write(db: &Db, user: User) {
    db.commit(Changes { users: vec![user], label: "people", ..Changes::default() }).await.unwrap();
}

async fn role(db: &Db, home: &Home, name: &str, base: Base, permission: &str) -> RoleId {
    let permissions = [permission.to_owned()].into();
    db.community(home.community)
        .add_role(name, base, permissions, id(&format!("{name}{}", home.community)))
        .await
        .unwrap()
        .id
}

async fn signed_in(db: &Db, hash: &[u8], at: i64) -> Option<SignedIn> {
    match db.system().session(hash, secs(at)).await.unwrap()?.holder {
        Holder::Member(found) => Some(*found),
        Holder::Operator { .. } => panic!("it is a member's"),
    }
}

fn names(found: &SignedIn) -> Vec<&str> {
    found.roles.iter().map(|(_, name)| name.as_str()).collect()
}

#[test]
fn a_member_has_the_base_role_and_their_own_as_they_are_at_the_moment() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let other = Home::build_in(&db, community(6, 0)).await;
        let scope = db.community(home.community);
        write(&db, user(&home, "ama")).await;
        role(&db, &home, "Everybody", Base::Yes, "add_post").await;
        let crew = role(&db, &home, "Crew", Base::No, "can_execute_post").await;
        role(&db, &other, "Foreign", Base::Yes, "everything").await;
        let ama = UserId::derive(home.installation, "ama");
        db.system().open_session(home.community, ama, new(b"s", 0)).await.unwrap();

        let found = signed_in(&db, b"s", 1).await.unwrap();
        assert_eq!((found.user.name.as_str(), found.community_name.as_str()), ("AMA", "Harbour"));
        assert_eq!(names(&found), ["Everybody"]);
        assert_eq!(found.permissions, BTreeSet::from(["add_post".to_owned()]));

        scope.set_role_members(crew, [ama].into()).await.unwrap();
        let found = signed_in(&db, b"s", 1).await.unwrap();
        assert_eq!(names(&found), ["Crew", "Everybody"]);
        assert!(found.permissions.contains("can_execute_post"));

        scope.set_role_members(crew, BTreeSet::new()).await.unwrap();
        assert_eq!(names(&signed_in(&db, b"s", 1).await.unwrap()), ["Everybody"]);
        assert_eq!(scope.roles_with("can_execute_post").await.unwrap(), ["Crew"]);
    });
}

#[test]
fn whoever_has_left_the_platform_is_signed_out_and_programs_never_sign_in() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        write(&db, user(&home, "ama")).await;
        write(&db, User { is_bot: true, ..user(&home, "bot") }).await;
        for who in ["ama", "bot"] {
            let id = UserId::derive(home.installation, who);
            db.system().open_session(home.community, id, new(who.as_bytes(), 0)).await.unwrap();
        }
        assert!(signed_in(&db, b"ama", 1).await.is_some());
        assert!(db.system().session(b"bot", secs(1)).await.unwrap().is_none());
        write(&db, User { is_gone: true, ..user(&home, "ama") }).await;
        assert!(db.system().session(b"ama", secs(1)).await.unwrap().is_none());
    });
}

#[test]
fn a_member_ends_their_own_sessions_and_nobody_elses() {
    on_each(async |database| {
        let db = database.db().await;
        let system = db.system();
        let home = Home::build(&db).await;
        let whose =
            |who: &str| Whose::Member { community: home.community, user: UserId::derive(home.installation, who) };
        for (who, hash, at) in [("ama", b"a1", 0), ("ama", b"a2", 5), ("ben", b"b1", 0)] {
            write(&db, user(&home, who)).await;
            let id = UserId::derive(home.installation, who);
            system.open_session(home.community, id, new(hash, at)).await.unwrap();
        }
        system.create_link(b"link", secs(0), secs(900)).await.unwrap();
        assert!(system.redeem_link(b"link", new(b"op", 0)).await.unwrap());

        system.session_seen(b"a1", secs(60)).await.unwrap();
        let listed = system.sessions(whose("ama"), secs(70)).await.unwrap();
        let hashes: Vec<&[u8]> = listed.iter().map(|row| row.hash.as_slice()).collect();
        assert_eq!(hashes, [b"a1".as_slice(), b"a2"], "the last used first");
        assert_eq!((listed[0].seen_at, listed[0].agent.as_str()), (secs(60), "a browser"));

        assert!(!system.close_session_of(whose("ama"), b"b1").await.unwrap());
        assert!(!system.close_session_of(whose("ama"), b"op").await.unwrap());
        assert!(system.close_session_of(whose("ama"), b"a2").await.unwrap());
        assert_eq!(system.close_sessions(whose("ama")).await.unwrap(), 1);
        assert!(system.sessions(whose("ama"), secs(70)).await.unwrap().is_empty());
        assert!(signed_in(&db, b"b1", 70).await.is_some());
        assert_eq!(system.sessions(Whose::Operators, secs(70)).await.unwrap().len(), 1);
    });
}

#[test]
fn an_operator_chooses_a_community_that_exists_and_a_member_chooses_none() {
    on_each(async |database| {
        let db = database.db().await;
        let system = db.system();
        let home = Home::build(&db).await;
        assert_eq!(system.only_community().await.unwrap().map(|(id, _)| id), Some(home.community));
        let second = Home::build_in(&db, community(6, 0)).await;
        assert_eq!(system.only_community().await.unwrap(), None);
        write(&db, user(&home, "ama")).await;
        let ama = UserId::derive(home.installation, "ama");
        system.open_session(home.community, ama, new(b"ama", 0)).await.unwrap();
        system.create_link(b"link", secs(0), secs(900)).await.unwrap();
        assert!(system.redeem_link(b"link", new(b"op", 0)).await.unwrap());

        assert!(system.choose_community(b"op", second.community).await.unwrap());
        assert!(!system.choose_community(b"op", community(7, 7)).await.unwrap(), "there is none");
        let open = system.session(b"op", secs(1)).await.unwrap().unwrap();
        assert!(matches!(open.holder, Holder::Operator { chosen: Some((id, _)) } if id == second.community));
        assert!(!system.choose_community(b"ama", second.community).await.unwrap());
        assert_eq!(signed_in(&db, b"ama", 1).await.unwrap().user.community, home.community);
    });
}

#[test]
fn a_browser_comes_back_once_in_time_and_as_itself() {
    on_each(async |database| {
        let system = database.db().await.system();
        let journey = |state: &[u8]| NewJourney {
            state: state.to_vec(),
            browser: b"browser".to_vec(),
            luggage: "what is to be known".to_owned().into(),
            now: secs(0),
            expires_at: secs(600),
        };
        system.begin_journey(journey(b"one")).await.unwrap();
        system.begin_journey(journey(b"two")).await.unwrap();
        assert!(system.end_journey(b"one", b"another browser", secs(1)).await.unwrap().is_none());
        let luggage = system.end_journey(b"one", b"browser", secs(1)).await.unwrap().unwrap();
        assert_eq!(luggage.expose_secret(), "what is to be known");
        assert!(system.end_journey(b"one", b"browser", secs(2)).await.unwrap().is_none(), "only once");
        assert!(system.end_journey(b"two", b"browser", secs(600)).await.unwrap().is_none(), "too late");
        let stored = database.raw().await.bytes("SELECT sealed FROM journey").await;
        assert_eq!(stored.len(), 1);
        assert!(!String::from_utf8_lossy(&stored[0]).contains("known"), "it is sealed");
    });
}

/// Asks for something and goes away in the middle: after one step, then after two, and so on until it is answered.
async fn give_up_everywhere<T>(ask: impl AsyncFn() -> T) {
    for steps in 1_u32.. {
        let mut asked = Box::pin(ask());
        for _ in 0..steps {
            if futures::poll!(&mut asked).is_ready() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn whoever_goes_away_while_a_transaction_begins_leaves_no_connection_that_shows_others_the_past() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        write(&db, user(&home, "ama")).await;
        let ama = UserId::derive(home.installation, "ama");
        let db = &db;
        for round in 0..3_u8 {
            let hash = [b'a', round];
            give_up_everywhere(async || db.system().session(&hash, secs(1)).await).await;
            give_up_everywhere(async || db.system().open_session(home.community, ama, new(&hash, 0)).await).await;
            // Every connection sees what there is now, should one of them be inside a transaction already.
            for _ in 0..12 {
                assert!(db.system().has_community().await.unwrap());
            }
            for n in 0..12 {
                let hash = [b'b', round, n];
                db.system().open_session(home.community, ama, new(&hash, 0)).await.unwrap();
                assert!(signed_in(db, &hash, 1).await.is_some(), "round {round}, session {n}: it was just opened");
            }
        }
    });
}
