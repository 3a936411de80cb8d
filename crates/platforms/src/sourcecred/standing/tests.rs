//! Who is found by what, and what the two kinds of files come to.

use serde_json::{Value, json};

use super::*;
use crate::sourcecred::files::json as parsed;

fn address(parts: &[&str]) -> String {
    format!("N\0{}\0", parts.join("\0"))
}

fn identity(id: &str, name: &str, aliases: &[&[&str]]) -> Value {
    let aliases: Vec<Value> =
        aliases.iter().map(|parts| json!({ "address": address(parts), "description": "" })).collect();
    json!({ "id": id, "name": name, "subtype": "USER", "address": address(&["sourcecred", "core", "IDENTITY", "USER", id]), "aliases": aliases })
}

const FORUM: [&str; 4] = ["sourcecred", "discourse", "user", "https://forum.example.org"];

fn by_accounts() -> Standing {
    let github = ["sourcecred", "github", "USERLIKE", "USER", "Ada"];
    let forum = [&FORUM[..], &["ada"]].concat();
    let file = json!({
        "accounts": [
            { "account": { "active": true, "balance": "12500000000000000000", "paid": "0", "identity": identity("i1", "Ada", &[&github]), "mergedIdentityIds": ["i1", "i0"] }, "cred": [1.0, 2.0, 3.5], "totalCred": 6.5 },
            { "account": { "active": false, "balance": "0", "paid": "0", "identity": identity("i2", "ben", &[&forum]) }, "cred": [0, 40, 0], "totalCred": 40 },
        ],
        "unclaimedAliases": [
            { "alias": { "address": address(&["sourcecred", "discord", "MEMBER", "user", "777"]), "description": "cy" }, "cred": [0, 0, 9], "totalCred": 9 },
            { "address": address(&["sourcecred", "github", "USERLIKE", "USER", "dan"]), "description": "dan", "cred": [1, 1, 0] },
            { "alias": { "address": address(&["sourcecred", "github", "REPO", "x", "y"]), "description": "" }, "cred": [], "totalCred": 5 },
        ],
        "intervals": [],
    });
    Standing::of_accounts(parsed(file.to_string().as_bytes()).unwrap()).unwrap()
}

fn cred(standing: &Standing, whom: Whom<'_>) -> Option<f64> {
    standing.find(whom).unwrap().map(Person::cred)
}

#[test]
fn somebody_is_found_by_name_and_by_every_id_of_theirs() {
    let standing = by_accounts();
    for whom in [
        Whom::Name("Ada"),
        Whom::Name("ADA"),
        Whom::Id("ada", Some("github")),
        Whom::Id("Ada", Some("sourcecred/github")),
        Whom::Id("i1", None),
        Whom::Id("i0", Some("core")),
    ] {
        assert_eq!(cred(&standing, whom), Some(6.5), "{whom:?}");
    }
    assert_eq!(cred(&standing, Whom::Id("ada", Some("discourse"))), Some(40.0), "another with the same name there");
    assert_eq!(cred(&standing, Whom::Id("777", None)), Some(9.0), "nobody has claimed that account");
    assert_eq!(cred(&standing, Whom::Id("dan", Some("github"))), Some(2.0), "as older versions write it");
    for whom in [Whom::Name("777"), Whom::Id("ada", Some("discord")), Whom::Id("y", None), Whom::Id("Ben", None)] {
        assert_eq!(cred(&standing, whom), None, "{whom:?}");
    }
}

#[test]
fn where_several_could_be_meant_nobody_is() {
    let told = by_accounts().find(Whom::Id("ada", None)).unwrap_err();
    assert!(told.contains("github") && told.contains("discourse") && told.contains("`plugin`"), "{told}");
}

#[test]
fn sums_are_of_those_with_an_account_and_recent_is_the_end_of_the_list() {
    let standing = by_accounts();
    assert!((standing.total() - 46.5).abs() < f64::EPSILON);
    let names: Vec<&str> = standing.accounts().into_iter().map(Person::name).collect();
    assert_eq!(names, ["ben", "Ada"]);
    let ada = standing.find(Whom::Name("Ada")).unwrap().unwrap();
    let recent: Vec<f64> = [0, 1, 2, 99].into_iter().map(|n| ada.recent(n)).collect();
    assert_eq!(recent, [0.0, 3.5, 5.5, 6.5]);
    assert_eq!(ada.grain().unwrap().decimal(), "12.5");
}

#[test]
fn a_balance_that_is_none_is_not_passed_over() {
    let one = json!({ "account": { "balance": "12.5", "identity": identity("i1", "ada", &[]) }, "totalCred": 1 });
    let file = json!({ "accounts": [one] });
    assert!(Standing::of_accounts(parsed(file.to_string().as_bytes()).unwrap()).unwrap_err().contains("no amount"));
}

fn view() -> ViewFile {
    let one = |id, name, cred: f64, per: [f64; 2]| json!({ "identity": identity(id, name, &[]), "active": true, "cred": cred, "credPerInterval": per, "grainEarned": "0" });
    let file = json!({ "intervals": [], "participants": [one("i1", "ada", 3.0, [1.0, 2.0]), one("i2", "ada2", 4.0, [4.0, 0.0])] });
    parsed(file.to_string().as_bytes()).unwrap()
}

#[test]
fn the_ledger_adds_who_was_merged_who_came_since_and_what_they_have() {
    let created = |id, name| json!({ "action": { "type": "CREATE_IDENTITY", "identity": identity(id, name, &[]) } });
    let alias = json!({ "address": address(&["sourcecred", "discord", "MEMBER", "user", "5"]), "description": "" });
    let entries = json!([
        created("i1", "ada"),
        created("i2", "ada2"),
        created("i3", "new"),
        { "action": { "type": "ADD_ALIAS", "identityId": "i3", "alias": alias } },
        { "action": { "type": "MERGE_IDENTITIES", "base": "i1", "target": "i2" } },
    ]);
    let ledger = Ledger::read(entries.to_string().as_bytes()).unwrap();
    let standing = Standing::of_view(&view(), Some(&ledger)).unwrap();
    let ada = standing.find(Whom::Id("i2", None)).unwrap().unwrap();
    assert_eq!((ada.name(), ada.cred(), ada.recent(1), ada.recent(2)), ("ada", 7.0, 2.0, 7.0));
    assert_eq!(cred(&standing, Whom::Name("ada2")), None, "the name is free again");
    assert_eq!(cred(&standing, Whom::Id("5", Some("discord"))), Some(0.0));
}

#[test]
fn without_a_ledger_there_is_cred_and_no_grain() {
    let standing = Standing::of_view(&view(), None).unwrap();
    let ada = standing.find(Whom::Name("ada")).unwrap().unwrap();
    assert_eq!((ada.cred(), ada.grain().is_err()), (3.0, true));
}
