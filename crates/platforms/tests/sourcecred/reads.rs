//! What is read, and how often.

use policykit_core::Value;
use policykit_platforms::{
    Platform as _,
    sourcecred::fake::{Act, Analysis, FakeConfig, Form, LedgerForm},
};
use serde_json::json;

use crate::rig::{DISCORD, Rig, account, acts};

fn every_form() -> Vec<FakeConfig> {
    let mut all = Vec::new();
    for form in [Form::Packed, Form::Plain] {
        for analysis in [Analysis::Written, Analysis::Absent] {
            for ledger in [LedgerForm::Lines, LedgerForm::List] {
                all.push(FakeConfig { form, analysis, ledger, acts: acts(), record: None });
            }
        }
    }
    all
}

#[tokio::test]
async fn every_form_of_an_instance_says_the_same() {
    for config in every_form() {
        let shown = format!("{:?} {:?} {:?}", config.form, config.analysis, config.ledger);
        let rig = Rig::of(config).await;
        let cred = async |args: &[(&str, serde_json::Value)]| rig.read("get_cred", args).await.unwrap();
        assert_eq!(cred(&[("username", json!("ada"))]).await, Value::Float(27.75), "{shown}");
        assert_eq!(cred(&[("id", json!("ADA-L")), ("plugin", json!("github"))]).await, Value::Float(27.75), "{shown}");
        assert_eq!(cred(&[("id", json!("111"))]).await, Value::Float(27.75), "{shown}");
        assert_eq!(cred(&[("username", json!("ben"))]).await, Value::Float(0.0), "{shown}");
        let recent = [("username", json!("ada")), ("intervals", json!(1))];
        assert_eq!(rig.read("get_recent_cred", &recent).await.unwrap(), Value::Float(7.5), "{shown}");
        for (name, expected) in [("ada", "9007199254740993"), ("ben", "0.000000000000000001"), ("dan", "0")] {
            let grain = rig.read("get_grain", &[("username", json!(name))]).await.unwrap();
            assert_eq!(grain, Value::str(expected), "{shown}: {name}");
        }
        for total in ["get_total_cred", "fetch_total_credcred"] {
            assert_eq!(rig.read(total, &[]).await.unwrap(), Value::Float(27.75), "{shown}");
        }
    }
}

#[tokio::test]
async fn whoever_is_not_there_has_nothing_and_whoever_is_unclear_is_an_error() {
    let rig = Rig::start().await;
    assert_eq!(rig.cred("nobody").await, Ok(0.0));
    let id = |id: &str| [("id", json!(id)), ("plugin", json!("discord"))];
    assert_eq!(rig.read("get_cred", &id("999")).await, Ok(Value::Float(0.0)));
    assert_eq!(rig.read("get_cred", &id("333")).await, Ok(Value::Float(4.0)), "nobody has claimed it yet");
    for args in [&[][..], &[("username", json!("ada")), ("id", json!("111"))]] {
        let told = rig.read("get_cred", args).await.unwrap_err();
        assert!(told.reason().contains("`username`"), "{told}");
    }
    let none = [("username", json!("ada")), ("intervals", json!(0))];
    assert!(rig.read("get_recent_cred", &none).await.is_err());
    assert!(rig.read("get_everything", &[]).await.is_err());
}

#[tokio::test]
async fn everybody_is_listed_by_cred() {
    let rig = Rig::start().await;
    let Value::List(all) = rig.read("get_accounts", &[]).await.unwrap() else { panic!("no list") };
    let shown: Vec<serde_json::Value> = all.iter().map(Value::to_json).collect();
    assert_eq!(shown[0], json!({ "name": "ada", "cred": 27.75, "grain": "9007199254740993" }));
    assert_eq!(shown[1], json!({ "name": "ben", "cred": 0.0, "grain": "0.000000000000000001" }));
    assert_eq!(shown.len(), 2);
}

#[tokio::test]
async fn an_instance_is_read_again_only_when_it_may_have_changed() {
    let rig = Rig::start().await;
    let accounts = |status| ("output/accounts.json".to_owned(), status);
    for _ in 0..3 {
        assert_eq!(rig.cred("ada").await, Ok(27.75));
    }
    assert_eq!(rig.asked(), [accounts(200)], "once");
    rig.later();
    assert_eq!(rig.cred("ada").await, Ok(27.75));
    assert_eq!(rig.asked(), [accounts(200), accounts(304)], "it is as it was");
    rig.fake.act(Act::Earn { account: account(DISCORD, "111"), cred: 2.0 }).unwrap();
    rig.later();
    assert_eq!(rig.cred("ada").await, Ok(29.75));
    assert_eq!(rig.asked().last(), Some(&accounts(200)));
}

#[tokio::test]
async fn what_is_read_in_parts_is_put_together_of_what_is_there_now() {
    let rig = Rig::of(FakeConfig { analysis: Analysis::Absent, acts: acts(), ..FakeConfig::default() }).await;
    assert_eq!(rig.cred("ada").await, Ok(27.75));
    rig.later();
    // The ledger changes, the other file does not.
    rig.fake.act(Act::Rename { name: "ada".to_owned(), new: "countess".to_owned() }).unwrap();
    rig.fake.act(Act::Write { form: Form::Packed, analysis: Analysis::Absent, ledger: LedgerForm::Absent }).unwrap();
    assert_eq!(rig.cred("countess").await, Ok(27.75));
    let grain = rig.read("get_grain", &[("username", json!("countess"))]).await.unwrap_err();
    assert!(grain.reason().contains("no ledger"), "{grain}");
}

#[tokio::test]
async fn one_who_asks_many_times_at_once_asks_the_instance_once() {
    let rig = Rig::start().await;
    let all = futures::future::join_all((0..20).map(|_| rig.cred("ada"))).await;
    assert!(all.iter().all(|cred| *cred == Ok(27.75)), "{all:?}");
    assert_eq!(rig.asked().len(), 1);
}

#[tokio::test]
async fn an_instance_is_found_under_its_address_alone() {
    let rig = Rig::start().await;
    let base = rig.fake.base_url().to_owned();
    let found = rig.inspect(&format!(" {base}/#/explorer ")).await.unwrap();
    assert_eq!((found.external_id.as_str(), found.acts_as.len()), (base.as_str(), 0));
    assert_eq!(rig.platform.descriptor().answers_in(&found.settings)["url"], base);
    let told = rig.inspect(&format!("{base}/elsewhere")).await.unwrap_err();
    assert!(told.contains("no SourceCred instance"), "{told}");
    let told = rig.inspect("somewhere").await.unwrap_err();
    assert!(told.contains("no address"), "{told}");
}
