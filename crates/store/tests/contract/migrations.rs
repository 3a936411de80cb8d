//! Tables are brought up to date whatever they were, and a database of a newer version is left alone.

use std::{borrow::Cow, collections::BTreeSet, path::Path};

use futures::future::join_all;
use policykit_core::{community::Channel, ids::InstallationId, policy::PolicyKind};
use policykit_store::{Changes, ChannelRow, DecisionEntry, LogRow, StoreError};
use sqlx::migrate::Migrator;

use crate::support::{Home, Kind, Raw, TestDatabase, community, id, on_each, on_sqlite, secs};

/// The migrations as they stand in the source.
async fn known(kind: Kind) -> Migrator {
    let folder = match kind {
        Kind::Sqlite => "migrations/sqlite",
        Kind::Postgres => "migrations/postgres",
    };
    Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).await.unwrap()
}

/// Applies the first migration only.
async fn apply_first(database: &TestDatabase) {
    let all = known(database.kind).await;
    let first = Migrator { migrations: Cow::Owned(all.migrations[..1].to_vec()), ..Migrator::DEFAULT };
    match database.raw().await {
        Raw::Sqlite(mut conn) => first.run(&mut conn).await.unwrap(),
        Raw::Postgres(mut conn) => first.run(&mut conn).await.unwrap(),
    }
}

/// Rows of every table of the first migration, as they were written then.
fn rows_of_the_first(database: &TestDatabase) -> String {
    let home = community(5, 0);
    let (c, i) = (database.literal(home.uuid()), database.literal(id("installation")));
    let (p, v, m, r) =
        (database.literal(id("p")), database.literal(id("v")), database.literal(id("m")), database.literal(id("r")));
    let created = secs(0).micros();
    let draft = r#"{"kind": "trigger", "name": "old", "blocks": {"check": "return PASSED"}}"#;
    format!(
        "INSERT INTO community (id, name, created_at, version, shard) VALUES ({c}, 'Old', {created}, 4, 5);
         INSERT INTO installation (id, community_id, platform, external_id, name, acts_as, settings, status,
             status_note, created_at)
         VALUES ({i}, {c}, 'chat', 'T1', 'Old', '[\"BOT\"]', '{{\"bot_id\": \"B1\"}}', 'active', NULL, {created});
         INSERT INTO member (id, community_id, installation_id, external_id, name, is_admin, is_bot, is_gone)
         VALUES ({m}, {c}, {i}, 'U1', 'Ada', TRUE, FALSE, FALSE);
         INSERT INTO role (id, community_id, name, is_base, permissions) VALUES ({r}, {c}, 'Crew', FALSE, '[\"a\"]');
         INSERT INTO role_member (role_id, member_id, community_id) VALUES ({r}, {m}, {c});
         INSERT INTO policy (id, community_id, position, state, version_id) VALUES ({p}, {c}, 0, 'active', {v});
         INSERT INTO policy_version (id, policy_id, community_id, version, draft, created_at)
         VALUES ({v}, {p}, {c}, 1, '{draft}', {created});"
    )
}

#[test]
fn rows_of_the_first_version_are_read_after_all_later_migrations() {
    on_each(async |database| {
        apply_first(database).await;
        let mut raw = database.raw().await;
        raw.run(&rows_of_the_first(database)).await;
        let db = database.open().await;
        assert_eq!(db.pending_migrations().await.unwrap()[0], "0002 journal");
        db.migrate().await.unwrap();
        assert!(db.pending_migrations().await.unwrap().is_empty());
        let state = db.community(community(5, 0)).state().await.unwrap();
        assert_eq!((state.community.name.as_str(), state.version), ("Old", 4));
        assert_eq!(state.installations[0].acts_as, ["BOT"]);
        assert_eq!(state.policies[0].draft.kind, PolicyKind::Trigger);
        assert_eq!(state.policies[0].draft.blocks.check, "return PASSED");
        assert_eq!((state.roles[0].name.as_str(), state.roles[0].description.as_str()), ("Crew", ""));
        assert_eq!(state.role_members.len(), 1);
        let installation = InstallationId::from_uuid(id("installation"));
        assert_eq!(db.community(community(5, 0)).users(installation).await.unwrap()[0].name, "Ada");
        // And it is a database like any other from now on.
        let home = Home::build_in(&db, community(6, 0)).await;
        db.receive(vec![home.delivery("Ev1")]).await.unwrap();
    });
}

#[test]
fn ballots_written_before_votes_were_told_apart_belong_to_the_present_one_as_far_as_it_asks_their_voters() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let people = ["U1", "U2"];
        let keys = ["everybody", "some", "none"];
        let mut changes = Changes {
            users: people.map(|account| home.user(account)).to_vec(),
            actions: keys.map(|key| home.action(key)).to_vec(),
            proposals: keys.map(|key| home.proposal(key)).to_vec(),
            ..Changes::default()
        };
        changes.proposals[1].poll.as_mut().unwrap().electorate = Some(vec!["U2".to_owned(), "U22".to_owned()]);
        changes.proposals[2].poll = None;
        let ids: Vec<_> = changes.proposals.iter().map(|proposal| proposal.id).collect();
        let voters = people.map(|account| home.user(account).id);
        db.commit(changes).await.unwrap();
        let mut raw = database.raw().await;
        let (bytes, choice) = if database.kind == Kind::Sqlite { ("BLOB", "TEXT") } else { ("UUID", "JSON") };
        raw.run(&format!(
            "DROP TABLE ballot;
             CREATE TABLE ballot (proposal_id {bytes} NOT NULL, voter_id {bytes} NOT NULL, community_id {bytes} NOT NULL,
                 choice {choice}, cast_at BIGINT NOT NULL, inbox_id {bytes}, PRIMARY KEY (proposal_id, voter_id));"
        ))
        .await;
        for proposal in &ids {
            for voter in voters {
                raw.run(&format!(
                    "INSERT INTO ballot VALUES ({}, {}, {}, '{{\"kind\": \"boolean\", \"value\": true}}', 5, NULL)",
                    database.literal(proposal.uuid()),
                    database.literal(voter.uuid()),
                    database.literal(home.community.uuid())
                ))
                .await;
            }
        }
        let all = known(database.kind).await;
        raw.run(&all.iter().find(|migration| migration.description == "votes").unwrap().sql).await;
        let scope = db.community(home.community);
        let mut counted = Vec::new();
        for id in &ids {
            let ballots = scope.proposal(*id).await.unwrap().ballots;
            counted.push(ballots.into_iter().map(|b| b.voter.external_id).collect::<Vec<_>>());
        }
        assert_eq!(counted, [vec!["U1", "U2"], vec!["U2"], vec![]]);
        assert_eq!(raw.number("SELECT count(*) FROM ballot").await, 6, "what is not counted is kept");
    });
}

#[test]
fn actions_of_before_are_private_where_they_name_no_channel_that_is_known_to_be_open() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let fields = [
            ("open", r#"{"channel": "C1"}"#, false),
            ("private", r#"{"channel": "C2"}"#, true),
            ("unknown", r#"{"channel": "C3"}"#, true),
            ("nowhere", r#"{"text": "x"}"#, false),
            ("told of the open one", r#"{"data": {"channel": "C1"}}"#, false),
            ("told of an unknown one", r#"{"data": {"item": {"channel": "C3"}}}"#, true),
            ("told of something else", r#"{"data": "x"}"#, false),
        ];
        let channel = |id: &str, is_private| ChannelRow {
            community: home.community,
            installation: home.installation,
            channel: Channel { external_id: id.to_owned(), name: "n".to_owned(), is_private },
            at: secs(1),
        };
        db.commit(Changes {
            actions: fields.iter().map(|(key, ..)| home.action(key)).collect(),
            channels: vec![channel("C1", false), channel("C2", true)],
            proposals: vec![home.proposal("open")],
            logs: vec![home.log("open", "x"), LogRow { proposal: None, ..home.log("open", "y") }],
            decisions: vec![DecisionEntry {
                body: serde_json::json!({ "action": id("no action"), "action_type": "own" }),
                ..home.decision("recovery.announced")
            }],
            ..Changes::default()
        })
        .await
        .unwrap();
        let mut raw = database.raw().await;
        for (key, fields, _) in &fields {
            let of = database.literal(home.action(key).id.uuid());
            raw.run(&format!("UPDATE action SET fields = '{fields}' WHERE id = {of}")).await;
        }
        raw.run("ALTER TABLE action DROP COLUMN is_private").await;
        raw.run("ALTER TABLE log_line DROP COLUMN is_private").await;
        raw.run("UPDATE decision SET action_type = NULL WHERE seq > 0").await;
        let all = known(database.kind).await;
        raw.run(&all.iter().find(|migration| migration.description == "private actions").unwrap().sql).await;
        let scope = db.community(home.community);
        for (key, _, wanted) in fields {
            assert_eq!(scope.action(home.action(key).id).await.unwrap().is_private, wanted, "{key}");
        }
        assert_eq!(raw.number("SELECT count(*) FROM log_line WHERE is_private").await, 1);
        assert_eq!(raw.number("SELECT count(*) FROM decision WHERE action_type = 'own'").await, 1);
    });
}

#[test]
fn an_empty_database_has_every_migration_pending_and_a_migrated_one_none() {
    on_each(async |database| {
        let db = database.open().await;
        let pending = db.pending_migrations().await.unwrap();
        assert_eq!(pending.len(), known(database.kind).await.migrations.len());
        assert_eq!(pending[..2], ["0001 community", "0002 journal"]);
        db.migrate().await.unwrap();
        db.migrate().await.unwrap();
        assert!(db.pending_migrations().await.unwrap().is_empty());
    });
}

#[test]
fn several_nodes_that_start_on_an_empty_database_all_find_their_tables() {
    on_each(async |database| {
        let nodes = join_all((0..4).map(|_| database.open())).await;
        let tasks = nodes.iter().cloned().map(|db| tokio::spawn(async move { db.migrate().await }));
        for outcome in join_all(tasks).await {
            outcome.unwrap().unwrap();
        }
        let home = Home::build(&nodes[0]).await;
        nodes[3].receive(vec![home.delivery("Ev1")]).await.unwrap();
    });
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    on_each(async |database| {
        let db = database.db().await;
        let checksum = if database.kind == Kind::Sqlite { "X'00'" } else { "'\\x00'" };
        let mut raw = database.raw().await;
        raw.run(&format!(
            "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
             VALUES (9999, 'from the future', CURRENT_TIMESTAMP, TRUE, {checksum}, 0)"
        ))
        .await;
        for error in [db.migrate().await.unwrap_err(), db.pending_migrations().await.unwrap_err()] {
            assert!(matches!(error, StoreError::Database { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("9999") && text.contains("newer version of PolicyKit"), "{text}");
        }
        assert_eq!(raw.number("SELECT count(*) FROM _sqlx_migrations WHERE version = 9999").await, 1);
    });
}

#[test]
fn a_migration_that_was_changed_after_it_was_applied_is_refused() {
    on_each(async |database| {
        let db = database.db().await;
        let checksum = if database.kind == Kind::Sqlite { "X'00'" } else { "'\\x00'" };
        database.raw().await.run(&format!("UPDATE _sqlx_migrations SET checksum = {checksum} WHERE version = 2")).await;
        let error = db.migrate().await.unwrap_err().to_string();
        assert!(error.contains("migration 2") && error.contains("modified"), "{error}");
    });
}

#[test]
fn an_address_of_no_database_is_refused_with_a_reason() {
    on_sqlite(async |_| {
        for (url, why) in [
            ("mysql://localhost/x", "neither `sqlite:` nor `postgres:`"),
            ("", "neither `sqlite:` nor `postgres:`"),
            ("sqlite:/nonexistent-folder/x.db", "unable to open database file"),
        ] {
            let config = policykit_store::DbConfig { url: url.to_owned(), sealing: None };
            let error = policykit_store::Db::open(&config).await.unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    });
}

/// `table.column` with `!` when it cannot be NULL, indexes, and what was added to tables.
fn shape(sql: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut table = "";
    for line in sql.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            table = rest.trim_end_matches(" (");
        } else if line.starts_with("ALTER TABLE ") {
            // What a column is called on one database where the other has no such type.
            out.insert(line.replace(" JSONB", " TEXT").replace(" UUID", " BLOB").replace(" BYTEA", " BLOB"));
            table = "";
        } else if line.starts_with("CREATE ") {
            out.insert(line.to_owned());
            table = "";
        } else if let Some((column, rest)) = line.split_once(' ').filter(|_| !table.is_empty()) {
            if column.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                let fixed = if rest.contains("NOT NULL") || rest.contains("PRIMARY KEY") { "!" } else { "" };
                out.insert(format!("{table}.{column}{fixed}"));
            } else if column != "--" {
                out.insert(format!("{table}: {line}"));
            }
        }
        if line.starts_with(");") {
            table = "";
        }
    }
    out
}

#[test]
fn both_kinds_of_database_have_the_same_tables() {
    on_sqlite(async |_| {
        let (sqlite, postgres) = (known(Kind::Sqlite).await, known(Kind::Postgres).await);
        assert_eq!(sqlite.migrations.len(), postgres.migrations.len());
        for (one, other) in sqlite.iter().zip(postgres.iter()) {
            assert_eq!((one.version, &one.description), (other.version, &other.description));
            assert_eq!(shape(&one.sql), shape(&other.sql), "{}", one.description);
            assert!(!shape(&one.sql).is_empty(), "{}", one.description);
        }
    });
}
