//! Looking for work costs nothing however long the history is: the statements that claim it use the partial indexes.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, Once},
};

use policykit_core::call::CallState;
use policykit_store::{Changes, Lines, Sight};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::support::{Home, Raw, every_fence, on_postgres, on_sqlite, secs};

/// Every statement that reads, as far as tests look at them, that the driver says it ran, in whatever test.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Takes down the statements that the driver logs: the very ones that the store makes, not a copy kept here.
struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Statement);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Statement;

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !["SELECT", "WITH t"].iter().any(|start| value.trim_start().starts_with(start)) {
            return;
        }
        let words: Vec<&str> = value.split_whitespace().collect();
        if field.name() == "db.statement" {
            SEEN.lock().unwrap().insert(words.join(" "));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

fn statements_with(parts: &[&str]) -> Vec<String> {
    SEEN.lock().unwrap().iter().filter(|sql| parts.iter().all(|part| sql.contains(part))).cloned().collect()
}

/// From now on statements are taken down.
fn take_down() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Statements).unwrap());
}

async fn plan(raw: &mut Raw, sql: &str) -> String {
    let Raw::Sqlite(conn) = raw else { panic!("of SQLite") };
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(&format!("EXPLAIN QUERY PLAN {sql}")).fetch_all(conn).await.unwrap();
    rows.into_iter().map(|(_, _, _, step)| step).collect::<Vec<_>>().join("; ")
}

/// As many rows that are dealt with, so that reading them all would show.
const HISTORY: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
    INSERT INTO inbox (id, community_id, installation_id, platform, scope, delivery_key, kind, body, received_at,
        state, note, tries, shard)
    SELECT randomblob(16), COMMUNITY, randomblob(16), 'chat', 'T', i, 'event', NULL, i, 'done', NULL, 1, 5 FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
    INSERT INTO call (id, community_id, installation_id, purpose, idx, operation, args, args_hash, class, state,
        attempt, fence, due_at, created_at, updated_at, shard)
    SELECT randomblob(16), COMMUNITY, randomblob(16), 'check', 0, 'post', '{}', '', 'marked', 'sent', 1, 1, i, i, i, 5
    FROM n;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
    INSERT INTO evaluation (id, community_id, proposal_id, seq, cause, runtime, snapshot, state, started_at, considered,
        shard)
    SELECT randomblob(16), COMMUNITY, randomblob(16), 1, 'first', 'b', '{}', 'settled', i, '[]', 5 FROM n;";

#[test]
fn claims_use_the_partial_indexes() {
    take_down();
    on_sqlite(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut raw = database.raw().await;
        raw.run(&HISTORY.replace("COMMUNITY", &database.literal(home.community.uuid()))).await;
        db.receive(vec![home.delivery("Ev1")]).await.unwrap();
        let changes = Changes {
            calls: vec![home.call("k", 0)],
            evaluations: vec![home.evaluation("k", 1)],
            wakes: vec![home.wake("k", "timer", secs(1))],
            ..Changes::default()
        };
        db.commit(changes).await.unwrap();

        let fences = every_fence(&db).await;
        let scattered: Vec<_> = fences.iter().copied().filter(|fence| fence.shard % 2 == 1).collect();
        for ours in [&fences, &scattered] {
            assert_eq!(db.inbox_new(ours, 200).await.unwrap().len(), 1);
            assert_eq!(db.inbox_parked(ours, 200).await.unwrap().len(), 0);
            assert_eq!(db.due_wakes(ours, secs(9), 200).await.unwrap().len(), 1);
            let open = [CallState::Planned, CallState::Retry];
            assert_eq!(db.calls_in_state(ours, &open, secs(9), 200).await.unwrap().len(), 1);
            assert_eq!(db.calls_in_state(ours, &[CallState::Sending], secs(9), 200).await.unwrap().len(), 0);
            assert_eq!(db.running_evaluations(ours).await.unwrap().len(), 1);
            assert_eq!(db.next_due(ours).await.unwrap(), Some(secs(1)));
        }
        let scoped = db.community(home.community);
        scoped.sending_calls(home.installation).await.unwrap();
        db.system().calls(CallState::Uncertain, 10).await.unwrap();

        for (parts, index) in [
            (&["FROM inbox i", "i.state = 'new'"][..], "inbox_new"),
            (&["FROM inbox i", "i.state = 'parked'"], "inbox_parked"),
            (&["FROM call k", "k.state IN ('planned', 'sending', 'retry')"], "call_open"),
            (&["FROM call k", "k.state IN ('planned', 'sending', 'retry')", "k.updated_at >"], "call_ahead"),
            (&["FROM call k", "k.state = 'sending'"], "call_sending"),
            (&["FROM call k", "k.state = 'uncertain'"], "call_uncertain"),
            (&["FROM evaluation e", "e.state = 'running'"], "evaluation_running"),
            (&["FROM wake", "due_at <="], "wake_due"),
            (&["SELECT min(due_at)"], "call_open"),
        ] {
            let statements = statements_with(parts);
            assert!(!statements.is_empty(), "no statement like {parts:?} was seen");
            for sql in statements {
                let plan = plan(&mut raw, &sql).await;
                assert!(plan.contains(&format!("INDEX {index}")), "{sql}\n{plan}");
                for table in ["i", "k", "e", "inbox", "call", "evaluation"] {
                    let whole = |step: &str| step == format!("SCAN {table}");
                    assert!(!plan.split("; ").any(whole), "reads a whole table: {sql}\n{plan}");
                }
                let sorted = ["inbox_new", "inbox_parked"].contains(&index);
                assert!(!(sorted && plan.contains("TEMP B-TREE")), "sorts: {sql}\n{plan}");
            }
        }
    });
}

/// PostgreSQL takes the index it thinks finds a row first, by how often values occur: of a type that never does it may look
/// through a whole table in some order, and that takes longer with every year.
#[test]
fn types_of_which_there_is_nothing_are_looked_up_in_the_index_by_type() {
    take_down();
    on_postgres(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut raw = database.raw().await;
        let community = database.literal(home.community.uuid());
        raw.run(&format!(
            "INSERT INTO log_line (community_id, level, message, at, action_type) \
             SELECT {community}::uuid, 'info', 'x', n, 'often' FROM generate_series(1, 30000) n; ANALYZE log_line;"
        ))
        .await;
        let sight = Sight::only(["never".to_owned(), "often".to_owned()].into());
        let found = db.community(home.community).log_lines(Lines::All, &sight, None, 7).await.unwrap();
        assert_eq!(found.len(), 7);
        let nothing = Sight::only(["never".to_owned()].into());
        let found = db.community(home.community).log_lines(Lines::All, &nothing, None, 7).await.unwrap();
        assert_eq!(found.len(), 0);

        let statements = statements_with(&["WITH t (word)", "FROM log_line x", "($2), ($3)"]);
        let [sql] = &statements[..] else { panic!("one such statement was seen: {statements:?}") };
        raw.run(&format!("PREPARE looked_up (uuid, text, text) AS {sql}")).await;
        let Raw::Postgres(conn) = &mut raw else { panic!("of PostgreSQL") };
        let explain = format!("EXPLAIN EXECUTE looked_up ({community}, 'never', 'often')");
        let steps: Vec<(String,)> = sqlx::query_as(&explain).fetch_all(conn).await.unwrap();
        let plan = steps.into_iter().map(|(step,)| step).collect::<Vec<_>>().join("\n");
        assert!(plan.contains("using log_line_type"), "{sql}\n{plan}");
    });
}
