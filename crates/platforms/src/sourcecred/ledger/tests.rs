//! Ledgers in both forms, and every kind of entry that changes a balance.

use serde_json::{Value, json};

use super::*;

fn create(id: &str, name: &str) -> Value {
    let address = format!("N\0sourcecred\0core\0IDENTITY\0USER\0{id}\0");
    let identity = json!({ "id": id, "name": name, "address": address, "aliases": [], "subtype": "USER" });
    json!({ "type": "CREATE_IDENTITY", "identity": identity })
}

fn distribute(receipts: &[(&str, &str)]) -> Value {
    let receipts: Vec<Value> = receipts.iter().map(|(id, amount)| json!({ "id": id, "amount": amount })).collect();
    json!({ "type": "DISTRIBUTE_GRAIN", "distribution": { "id": "d", "credTimestamp": 1, "allocations": [{ "id": "a", "receipts": receipts }] } })
}

fn transfer(from: &str, to: &str, amount: &str) -> Value {
    json!({ "type": "TRANSFER_GRAIN", "from": from, "to": to, "amount": amount, "memo": null })
}

fn kind(name: &str) -> Value {
    json!({ "type": name })
}

fn lines(actions: &[Value]) -> String {
    let entry = |action| json!({ "action": action, "ledgerTimestamp": 1, "uuid": "u", "version": "1" }).to_string();
    actions.iter().map(entry).collect::<Vec<_>>().join("\n")
}

fn play(actions: &[Value]) -> Result<Ledger, String> {
    Ledger::read(lines(actions).as_bytes())
}

fn balance(ledger: &Ledger, id: &str) -> String {
    let holder = &ledger.holders[ledger.number(id).unwrap()];
    ledger.balance(holder).unwrap().decimal()
}

#[test]
fn entries_stand_on_lines_or_in_a_list() {
    let actions = [create("a", "ada"), distribute(&[("a", "2500000000000000000")])];
    let on_lines = lines(&actions);
    let in_a_list = format!("[\n{}\n]", on_lines.replace('\n', ",\n"));
    for text in [on_lines, in_a_list] {
        assert_eq!(balance(&Ledger::read(text.as_bytes()).unwrap(), "a"), "2.5", "{text}");
    }
    for empty in ["[]", "[]\n", "", "\n"] {
        assert_eq!(Ledger::read(empty.as_bytes()).unwrap().holders().count(), 0, "{empty:?}");
    }
}

#[test]
fn grain_is_given_and_passed_on_to_the_last_unit() {
    let ledger = play(&[
        create("a", "ada"),
        create("b", "ben"),
        distribute(&[("a", "9007199254740993"), ("b", "1")]),
        distribute(&[("a", "1")]),
        transfer("a", "b", "3"),
    ])
    .unwrap();
    assert_eq!(balance(&ledger, "a"), "0.009007199254740991");
    assert_eq!(balance(&ledger, "b"), "0.000000000000000004");
}

#[test]
fn whoever_is_merged_into_another_leaves_them_everything() {
    let ledger = play(&[
        create("a", "ada"),
        create("b", "ben"),
        json!({ "type": "ADD_ALIAS", "identityId": "b", "alias": { "address": "N\0x\0y\0z\0", "description": "" } }),
        distribute(&[("a", "1"), ("b", "2")]),
        json!({ "type": "MERGE_IDENTITIES", "base": "a", "target": "b" }),
        distribute(&[("b", "4")]),
        json!({ "type": "RENAME_IDENTITY", "identityId": "a", "newName": "ada-lovelace" }),
    ])
    .unwrap();
    let holders: Vec<&Holder> = ledger.holders().map(|(_, holder)| holder).collect();
    assert_eq!(holders.len(), 1);
    assert_eq!(
        (holders[0].identity.name.0.as_str(), holders[0].ids.as_slice()),
        ("ada-lovelace", &["a".into(), "b".into()][..])
    );
    let aliases: Vec<&str> = holders[0].identity.aliases.iter().map(|alias| alias.address.as_str()).collect();
    assert_eq!(aliases, ["N\0x\0y\0z\0", "N\0sourcecred\0core\0IDENTITY\0USER\0b\0"]);
    assert_eq!(balance(&ledger, "b"), "0.000000000000000007", "also what came under the old id");
}

#[test]
fn balances_are_kept_only_while_accounts_are_kept_here() {
    let mut actions = vec![create("a", "ada"), distribute(&[("a", "8")]), kind("SET_EXTERNAL_CURRENCY")];
    assert_eq!(balance(&play(&actions).unwrap(), "a"), "0.000000000000000008", "a currency alone changes nothing");
    actions.extend([kind("DISABLE_ACCOUNTING"), distribute(&[("a", "16")])]);
    assert_eq!(balance(&play(&actions).unwrap(), "a"), "0");
    actions.extend([kind("ENABLE_ACCOUNTING"), distribute(&[("a", "32")])]);
    assert_eq!(balance(&play(&actions).unwrap(), "a"), "0.000000000000000032");
    actions.extend([kind("DISABLE_ACCOUNTING"), kind("SET_EXTERNAL_CURRENCY"), kind("ENABLE_ACCOUNTING")]);
    assert_eq!(balance(&play(&actions).unwrap(), "a"), "0");
}

#[test]
fn a_ledger_that_contradicts_itself_is_not_believed() {
    let (ada, ben) = (create("a", "ada"), create("b", "ben"));
    for (actions, expected) in [
        (vec![ada.clone(), ada.clone()], "creates `a` twice"),
        (vec![ada.clone(), distribute(&[("b", "1")])], "never created"),
        (vec![ada.clone(), ben.clone(), transfer("a", "b", "1")], "more grain than they have"),
        (vec![ada.clone(), distribute(&[("a", "-1")])], "less than no grain"),
        (vec![ada.clone(), distribute(&[("a", "1.5")])], "is no amount"),
        (vec![ada.clone(), json!({ "type": "MERGE_IDENTITIES", "base": "a", "target": "a" })], "with itself"),
        (vec![json!({ "type": "CREATE_IDENTITY" })], "not what SourceCred writes"),
    ] {
        let told = play(&actions).unwrap_err();
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(Ledger::read(b"{\"action\":").is_err());
}

#[test]
fn what_nobody_asks_for_is_passed_over() {
    let stuffed = json!({ "type": "TOGGLE_ACTIVATION", "identityId": "a", "x": [[0, { "y": [0, 0] }], 0] });
    let ledger = play(&[create("a", "ada"), distribute(&[("a", "1")]), stuffed]).unwrap();
    assert_eq!(balance(&ledger, "a"), "0.000000000000000001");
}

#[test]
fn a_ledger_holds_no_more_people_than_can_be_kept() {
    let all: Vec<Value> = (0..=MOST_PEOPLE).map(|number| create(&format!("i{number}"), "x")).collect();
    assert_eq!(play(&all[1..]).unwrap().holders().count(), MOST_PEOPLE);
    assert_eq!(play(&all).unwrap_err(), "it creates more than 20000 identities");
    let merge = |number| json!({ "type": "MERGE_IDENTITIES", "base": format!("i{}", number + 1), "target": format!("i{number}") });
    let together = |count: usize| [&all[..=count], &(0..count).map(merge).collect::<Vec<_>>()].concat();
    assert_eq!(play(&together(MOST_TOGETHER - 1)).unwrap().holders().count(), 1);
    assert_eq!(play(&together(MOST_TOGETHER)).unwrap_err(), "it merges more than 1000 identities into one");
}

#[test]
fn what_is_not_understood_makes_balances_doubtful_and_nothing_else() {
    let ledger = play(&[create("a", "ada"), distribute(&[("a", "1")]), kind("BURN_GRAIN")]).unwrap();
    let (_, ada) = ledger.holders().next().unwrap();
    assert!(ledger.balance(ada).is_err());
    let known = ["TOGGLE_ACTIVATION", "CHANGE_IDENTITY_TYPE", "SET_PAYOUT_ADDRESS", "ENABLE_GRAIN_INTEGRATION"];
    let more = ["DISABLE_GRAIN_INTEGRATION", "MARK_DISTRIBUTION_EXECUTED", "REMOVE_EXTERNAL_CURRENCY"];
    let all: Vec<Value> = std::iter::once(create("a", "ada")).chain(known.into_iter().chain(more).map(kind)).collect();
    assert_eq!(balance(&play(&all).unwrap(), "a"), "0");
}
