//! Values and texts are read back as they were written; what cannot be kept is replaced or refused when it is written,
//! never found out when it is read.

use policykit_core::{
    JsonMap, ObjectKind, ObjectRef, Value,
    community::{Installation, InstallationStatus},
    ids::InstallationId,
};
use policykit_store::{Changes, Db, ProposalChange, StoreError};
use serde_json::json;

use crate::support::{Home, id, on_each, secs};

async fn write(db: &Db, home: &Home, key: &str, value: Value) -> Result<(), StoreError> {
    db.commit(Changes {
        actions: vec![home.action(key)],
        proposals: vec![home.proposal(key)],
        evaluations: vec![home.evaluation(key, 1)],
        reads: vec![home.read(key, 0, value.clone())],
        proposal_changes: vec![ProposalChange {
            variables: Some(value),
            ..ProposalChange::of(home.proposal(key).id, 1)
        }],
        ..Changes::default()
    })
    .await
}

/// As an answer, and as `variables`.
async fn read(db: &Db, home: &Home, key: &str) -> (Value, Value) {
    let scoped = db.community(home.community);
    let record = scoped.evaluation(home.evaluation(key, 1).id).await.unwrap();
    let bundle = scoped.proposal(home.proposal(key).id).await.unwrap();
    (record.reads[0].value.clone(), bundle.proposal.variables)
}

fn every_value() -> Vec<Value> {
    let object = ObjectRef {
        kind: ObjectKind::User,
        id: "U1".to_owned(),
        label: "Ada".to_owned(),
        attrs: vec![("n".to_owned(), Value::Int(1))],
    };
    vec![
        Value::None,
        Value::Bool(false),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Float(0.1 + 0.2),
        Value::Float(1e300),
        Value::Float(1e16),
        Value::Float(2.0),
        Value::Float(f64::MIN_POSITIVE),
        Value::str(""),
        Value::str("ünï \u{301} 🙂 \u{202e} \"quoted\" \\ \\u0000 \n\t\u{7f}\u{1}"),
        Value::List(vec![Value::None, Value::Tuple(vec![]), Value::Dict(vec![])]),
        // In insertion order, with keys of any kind, also of equal spelling.
        Value::Dict(vec![
            (Value::str("b"), Value::Int(1)),
            (Value::str("a"), Value::Int(2)),
            (Value::Int(1), Value::None),
        ]),
        Value::DateTime(secs(1)),
        Value::Duration(i64::MIN),
        Value::Object(object),
    ]
}

#[test]
fn values_of_every_kind_are_read_back_equal() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        for (n, value) in every_value().into_iter().enumerate() {
            let key = n.to_string();
            write(&db, &home, &key, value.clone()).await.unwrap();
            assert_eq!(read(&db, &home, &key).await, (value.clone(), value));
        }
    });
}

#[test]
fn numbers_that_json_does_not_have_are_read_back_all_the_same() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        for (n, number) in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN].into_iter().enumerate() {
            let key = n.to_string();
            write(&db, &home, &key, Value::List(vec![Value::Float(number)])).await.unwrap();
            let (answer, variables) = read(&db, &home, &key).await;
            let wanted = format!("{:?}", Value::List(vec![Value::Float(number)]));
            assert_eq!(format!("{answer:?}"), wanted);
            assert_eq!(format!("{variables:?}"), wanted);
        }
        let key = "zero";
        write(&db, &home, key, Value::Float(-0.0)).await.unwrap();
        assert_eq!(format!("{:?}", read(&db, &home, key).await.0), "Float(-0.0)", "the sign of zero shows in texts");
    });
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Int(1), |inner, _| Value::List(vec![inner]))
}

#[test]
fn what_is_nested_too_deeply_to_be_read_back_is_refused_when_it_is_written() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        for depth in [10, 40, 60, 62, 63, 64, 65, 100, 200] {
            let key = depth.to_string();
            match write(&db, &home, &key, nested(depth)).await {
                Ok(()) => assert_eq!(read(&db, &home, &key).await.0, nested(depth)),
                Err(error) => {
                    assert!(depth > 60, "{depth}");
                    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
                    assert!(error.to_string().contains("nested"), "{error}");
                    let gone = db.community(home.community).proposal(home.proposal(&key).id).await;
                    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
                }
            }
        }
        // Brackets within text are no nesting.
        let text = Value::str("[{\"\\".repeat(500));
        write(&db, &home, "text", text.clone()).await.unwrap();
        assert_eq!(read(&db, &home, "text").await.0, text);
    });
}

fn extremes() -> JsonMap {
    let object = json!({
        "min": i64::MIN, "max": i64::MAX, "unsigned": u64::MAX, "zero": 0, "float": 0.1, "sum": 0.1 + 0.2, "whole": 2.0,
        "large": 1e16, "huge": 1.797_693_134_862_315_7e308, "tiny": 5e-324, "negative": -1.5e-7, "null": null,
        "": "empty key", "🙂": "ünï \u{2028}", "nested": {"z": [1, [2, {"a": []}]], "a": {}}, "escape": "\\u0000 \u{1f}",
    });
    object.as_object().cloned().unwrap()
}

#[test]
fn json_is_read_back_equal_number_by_number() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut made = Changes {
            actions: vec![home.action("k")],
            proposals: vec![home.proposal("k")],
            evaluations: vec![home.evaluation("k", 1)],
            calls: vec![home.call("k", 0)],
            ..Changes::default()
        };
        made.actions[0].fields = extremes();
        made.proposals[0].data = extremes();
        made.evaluations[0].snapshot.action.fields = extremes();
        made.evaluations[0].considered = extremes().into();
        made.calls[0].call.args = extremes();
        db.commit(made.clone()).await.unwrap();
        let scoped = db.community(home.community);
        let bundle = scoped.proposal(home.proposal("k").id).await.unwrap();
        let record = scoped.evaluation(made.evaluations[0].id).await.unwrap();
        for (what, found) in [
            ("fields", &bundle.action.fields),
            ("data", &bundle.proposal.data),
            ("snapshot", &record.evaluation.snapshot.action.fields),
            ("considered", record.evaluation.considered.as_object().unwrap()),
            ("args", &record.calls[0].call.args),
        ] {
            for (key, value) in &extremes() {
                assert_eq!(found.get(key), Some(value), "{what}: `{key}`");
            }
        }
        assert_eq!(
            record.calls[0].call.args_hash(),
            record.calls[0].args_hash,
            "a replay asks for what was written down"
        );
        assert_eq!(record.evaluation.snapshot.seed, u64::MAX);
    });
}

#[test]
fn the_character_nul_is_replaced_the_same_way_on_both() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let mut made = Changes {
            actions: vec![home.action("k")],
            proposals: vec![home.proposal("k")],
            logs: vec![home.log("k", "a\0b")],
            users: vec![home.user("U1")],
            ..Changes::default()
        };
        made.actions[0].fields.insert("a\0b".to_owned(), json!("c\0d \\u0000"));
        made.proposals[0].variables = Value::str("\0");
        made.users[0].name = "Ada\0".to_owned();
        db.commit(made).await.unwrap();
        let scoped = db.community(home.community);
        let bundle = scoped.proposal(home.proposal("k").id).await.unwrap();
        assert_eq!(bundle.action.fields["a\u{fffd}b"], json!("c\u{fffd}d \\u0000"));
        assert_eq!(bundle.proposal.variables, Value::str("\u{fffd}"));
        assert_eq!(bundle.initiator.unwrap().name, "Ada\u{fffd}");
        assert_eq!(scoped.logs(home.proposal("k").id).await.unwrap()[0].message, "a\u{fffd}b");
    });
}

#[test]
fn large_answers_are_kept_once_however_often_they_were_read() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let directory = Value::List((0..2000).map(|n| Value::str(format!("member {n}"))).collect());
        let sizes = [1, 4000, 4060, 4096, 5000, 200_000].map(|size| Value::str("ü".repeat(size / 2)));
        let mut reads: Vec<_> = (0..3).map(|idx| home.read("k", idx, directory.clone())).collect();
        reads.extend((3..).zip(sizes).map(|(idx, value)| home.read("k", idx, value)));
        let mut other = home.read("k2", 0, directory.clone());
        other.key = "who is here?".to_owned();
        let evaluations = vec![home.evaluation("k", 1), home.evaluation("k2", 1)];
        let mut all = reads.clone();
        all.push(other.clone());
        db.commit(Changes { evaluations, reads: all, ..Changes::default() }).await.unwrap();
        let scoped = db.community(home.community);
        assert_eq!(scoped.evaluation(home.evaluation("k", 1).id).await.unwrap().reads, reads);
        assert_eq!(scoped.evaluation(home.evaluation("k2", 1).id).await.unwrap().reads, [other]);
        let mut raw = database.raw().await;
        assert!(raw.number("SELECT count(*) FROM content").await <= 4, "the directory once, not four times");
    });
}

#[test]
fn texts_are_no_statements() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let text = "'); DROP TABLE inbox; -- $1 ? %s";
        let row = Installation {
            id: InstallationId::from_uuid(id("second")),
            community: home.community,
            platform: text.to_owned(),
            external_id: text.to_owned(),
            name: text.to_owned(),
            acts_as: vec![text.to_owned()],
            settings: extremes(),
            status: InstallationStatus::Active,
        };
        db.system().create_installation(&row, secs(1)).await.unwrap();
        assert_eq!(db.system().installation_by_external(text, text).await.unwrap(), Some(row));
    });
}
