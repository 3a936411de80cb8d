//! Floating-point numbers keep every bit: a decision replayed on a number that differs in the last place is another one.

use policykit_core::Value;
use policykit_store::Changes;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use crate::support::{Home, on_each};

#[test]
fn floating_point_numbers_keep_every_bit() {
    on_each(async |database| {
        let db = database.db().await;
        let home = Home::build(&db).await;
        let numbers = proptest::collection::vec(any::<f64>().prop_filter("of JSON", |n| n.is_finite()), 300);
        let mut runner = TestRunner::new(Config { cases: 3, failure_persistence: None, ..Config::default() });
        let case = std::cell::Cell::new(0);
        let outcome = runner.run(&numbers, |numbers| {
            case.set(case.get() + 1);
            let key = case.get().to_string();
            let (values, fields) = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    let mut action = home.action(&key);
                    action.fields.insert("numbers".to_owned(), json!(numbers));
                    let values = Value::List(numbers.iter().copied().map(Value::Float).collect());
                    let changes = Changes {
                        actions: vec![action],
                        evaluations: vec![home.evaluation(&key, 1)],
                        reads: vec![home.read(&key, 0, values)],
                        ..Changes::default()
                    };
                    db.commit(changes).await.unwrap();
                    let scoped = db.community(home.community);
                    let mut record = scoped.evaluation(home.evaluation(&key, 1).id).await.unwrap();
                    (record.reads.remove(0).value, scoped.action(home.action(&key).id).await.unwrap().fields)
                })
            });
            let Value::List(values) = values else { panic!("a list") };
            for (n, wanted) in numbers.iter().enumerate() {
                let Value::Float(found) = values[n] else { panic!("a float") };
                prop_assert_eq!(found.to_bits(), wanted.to_bits(), "answer {} became {}", wanted, found);
                let field = fields["numbers"][n].as_f64().unwrap();
                prop_assert_eq!(field.to_bits(), wanted.to_bits(), "field {} became {}", wanted, field);
                prop_assert!(fields["numbers"][n].is_f64(), "field {} is no float any more", wanted);
            }
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{}", error.to_string().lines().next().unwrap_or_default());
        }
    });
}
