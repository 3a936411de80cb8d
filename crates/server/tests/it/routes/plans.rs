//! How SQLite goes about what pages ask: through indexes, and never through all there is of what grows.
//!
//! Nothing tells SQLite how many rows a table has. Of two ways that look alike to it, it may take the one that reads
//! everything a community ever did: a page is quick while a test is young and takes seconds in a year. So what is looked
//! at here is not how long it takes but the way it goes.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{ids::UserId, permission::INTEGRATION_ADMIN};
use policykit_server::{AppState, app, config::Registration};
use policykit_store::{Plan, Step};
use policykit_testkit::{Draft, Kind, Setup, TestApp, run_test_on};

use super::{GENERAL, Who, client, fill, give, paths, send};
use crate::{
    policies::{POST, RENAME, no_forbidden_word, renames_by_vote},
    serve,
    visitor::{Visitor, hide_everything},
};

/// Tables that hold more with everything that happens or with everybody who comes.
const GROW: [&str; 13] = [
    "action",
    "ballot",
    "call",
    "channel",
    "content",
    "decision",
    "evaluation",
    "inbox",
    "log_line",
    "member",
    "proposal",
    "recorded_read",
    "wake",
];

/// Statements that may read more than they return, by a part of their text that only they have, and why they may.
const EXCUSED: [(&str, &str); 3] = [
    ("SELECT count(*) FROM member WHERE", "how many people there are is counted in an index, and stands on one page"),
    ("SELECT installation_id, count(*) FROM member WHERE", "the same for each place, on the page of the integrations"),
    ("WHERE k.state = 'uncertain'", "the index holds nothing but calls that wait for a person"),
];

/// The tables that stand behind the names of a statement: `FROM proposal p` makes `p` a proposal.
fn tables(sql: &str) -> BTreeMap<String, BTreeSet<String>> {
    let words: Vec<&str> =
        sql.split(|c: char| c.is_whitespace() || c == '(' || c == ',').filter(|w| !w.is_empty()).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, word) in words.iter().enumerate() {
        if !["FROM", "JOIN"].contains(word) {
            continue;
        }
        let clean = |word: &str| word.trim_end_matches([')', ';']).to_owned();
        let Some(table) = words.get(at + 1).map(|word| clean(word)) else { continue };
        let name = words.get(at + 2).filter(|w| **w != "AS").or_else(|| words.get(at + 3)).map(|word| clean(word));
        found.entry(table.clone()).or_default().insert(table.clone());
        if let Some(name) = name {
            found.entry(name).or_default().insert(table);
        }
    }
    found
}

/// How far a step looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// Through everything there is.
    All,
    /// Through all that a community has.
    Community,
    /// At what an index finds.
    Found,
}

/// The name that a step reads, and how far.
fn read(step: &Step) -> Option<(String, Reads)> {
    let mut words = step.does.split_whitespace();
    let (does, name) = (words.next()?, words.next()?.to_owned());
    match does {
        "SCAN" => Some((name, Reads::All)),
        "SEARCH" if step.does.contains("(community_id=?)") => Some((name, Reads::Community)),
        "SEARCH" => Some((name, Reads::Found)),
        _ => None,
    }
}

/// Why a statement reads more than it has to, if it does.
fn fault(plan: &Plan) -> Option<String> {
    let tables = tables(&plan.statement);
    let grows = |name: &str| {
        let behind = tables.get(name).cloned().unwrap_or_else(|| BTreeSet::from([name.to_owned()]));
        behind.iter().any(|table| GROW.contains(&table.as_str()))
    };
    for step in &plan.steps {
        let Some((name, reads)) = read(step) else { continue };
        if !grows(&name) {
            continue;
        }
        match reads {
            Reads::All => return Some(format!("reads all of `{name}`: {}", step.does)),
            Reads::Found => continue,
            Reads::Community => {}
        }
        // All that a community has is gone through. In the order of an index and up to a limit that is how a list is read.
        let level: Vec<&Step> = plan.steps.iter().filter(|other| other.within == step.within).collect();
        if level.iter().any(|other| other.does.contains("USE TEMP B-TREE FOR ORDER BY")) {
            return Some(format!("sorts all that a community has of `{name}`: {}", step.does));
        }
        let first = level.iter().find_map(|other| read(other)).is_some_and(|(first, _)| first == name);
        if !first {
            return Some(format!("goes through all that a community has of `{name}`, again and again: {}", step.does));
        }
        let of_others = |other: &&&Step| {
            let found = read(other).is_some_and(|(of, _)| of != name && !tables.contains_key(&of));
            found || other.does.contains("AUTOMATIC") || other.does.starts_with("LIST SUBQUERY")
        };
        if let Some(other) = level.iter().find(of_others) {
            let why = "goes through all that a community has, where it is known which are wanted";
            return Some(format!("{why}: {}; {}", step.does, other.does));
        }
        let times = plan.statement.matches(&format!(" {name} ")).count();
        let known = ["id", "seq", "proposal_id", "evaluation_id", "action_id", "inbox_id", "voter_id", "external_id"];
        let known = known
            .iter()
            .any(|id| [" =", " IN"].iter().any(|sign| plan.statement.contains(&format!("{name}.{id}{sign} "))));
        if times <= 1 && known {
            return Some(format!(
                "goes through all that a community has of `{name}`, though ids are given: {}",
                step.does
            ));
        }
        if !plan.statement.contains("LIMIT") {
            return Some(format!("reads all that a community has of `{name}`, without an end: {}", step.does));
        }
    }
    None
}

/// A community in which a bit of everything has happened.
async fn furnish(t: &TestApp) {
    t.policy(renames_by_vote()).await;
    t.policy(no_forbidden_word()).await;
    t.policy(Draft::platform("Breaks", &[POST]).filter("return 'broken' in action.text").check("return 1 / 0")).await;
    t.role(&t.slack, "Readers", &[&format!("view_{RENAME}"), &format!("view_{POST}")], &["alice"]).await;
    give(t, t.slack.community, INTEGRATION_ADMIN, UserId::derive(t.slack.installation, "U04")).await;
    t.slack.rename("bob", "C0RANDOM", "lounge").await;
    t.settle().await;
    t.slack.vote("alice", GENERAL, "Yes").await;
    t.slack.post("alice", GENERAL, "a forbidden word for <@U02>").await;
    t.slack.post("alice", GENERAL, "a broken word").await;
    t.settle().await;
    // From now on operators see everything, and members what the other roles let them see.
    hide_everything(t, &t.slack).await;
}

#[test]
fn no_page_goes_through_all_there_is_of_what_grows() {
    run_test_on(Kind::Sqlite, serve, &Setup::default(), async |t: &mut TestApp| {
        t.expect_rows_from_outside();
        furnish(t).await;
        let router = app(AppState::new(t.engine(), "http://127.0.0.1:1", Registration::Open));
        let mut all = Vec::new();
        for path in paths(&router) {
            all.push(fill(t, &path).await);
        }
        let proposals = t.proposals(&t.slack).await;
        let (proposal, policy) = (proposals[0].id, proposals[0].policy);
        // From here on nothing is asked but by pages, and by nodes that look for work.
        t.db().note_statements();
        let client = client();
        for path in &all {
            for who in [Who::Operator, Who::IntegrationAdmin, Who::Member, Who::Visitor] {
                send(t, &client, "GET", path, who).await;
            }
        }
        let (everything, little) = (Visitor::operator(t, &t.slack).await, Visitor::member(t, &t.slack, "alice").await);
        let none = "00000000-0000-0000-0000-000000000000";
        let mut further: Vec<String> = proposals.iter().map(|p| format!("/proposals/{}", p.id)).collect();
        for status in ["", "&status=proposed", "&status=held", "&status=passed"] {
            for only in [String::new(), format!("&policy={policy}")] {
                for before in [String::new(), format!("&before=9999999999999999.{proposal}")] {
                    further.push(format!("/main/proposals?x=1{status}{only}{before}"));
                }
            }
        }
        for outcome in ["", "&outcome=passed", "&outcome=rules", "&outcome=refused"] {
            for only in [String::new(), format!("&policy={policy}")] {
                for part in ["", "&before=9", "&after=1"] {
                    further.push(format!("/main/decisions?x=1{outcome}{only}{part}"));
                }
            }
        }
        for further_part in [
            "/main/decisions/logs?level=trouble",
            "/main/decisions/logs?before=999999",
            "/main/decisions/logs?level=trouble&before=999999",
            "/main/policies?q=rename",
            "/main/policies?kind=platform&from=50",
            "/main/policies?kind=resting",
            "/main/members?q=bo",
            &format!("/main/members?after={none}&after_name=b"),
            &format!("/main/members?q=b&after={none}&after_name=b"),
            &format!("/main/held?before=9999999999999999.{none}"),
            &format!("/main/policies/recovery?before=9999999999999999.{none}"),
        ] {
            further.push(further_part.to_owned());
        }
        for path in &further {
            for who in [&everything, &little] {
                let status = who.get(path).await.status;
                assert!([200, 404].contains(&status), "{path}: {status}");
            }
        }
        let db = t.db();
        let plans = t.node().on(async move { db.plans().await }).await.expect("the plans");
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut wrong = String::new();
        for plan in &plans {
            let Some(fault) = fault(plan) else { continue };
            match EXCUSED.iter().find(|(part, _)| plan.statement.contains(part)) {
                Some((part, _)) => drop(used.insert(part)),
                None => {
                    let steps: Vec<&str> = plan.steps.iter().map(|step| step.does.as_str()).collect();
                    wrong += &format!("{fault}\n  {}\n  {}\n", plan.statement, steps.join("\n  "));
                }
            }
        }
        assert!(wrong.is_empty(), "these read more than they have to; put them right, or excuse them:\n{wrong}");
        let unused: Vec<_> = EXCUSED.iter().filter(|(part, _)| !used.contains(part)).collect();
        assert!(unused.is_empty(), "nothing needs these excuses any more: {unused:?}");
        assert!(plans.len() > 80, "only {} statements were seen", plans.len());
    });
}

fn plan(statement: &str, steps: &[(i64, i64, &str)]) -> Plan {
    let step = |&(number, within, does): &(i64, i64, &str)| Step { number, within, does: does.to_owned() };
    Plan { statement: statement.to_owned(), steps: steps.iter().map(step).collect() }
}

#[test]
fn ways_that_read_too_much_are_told_from_those_that_do_not() {
    let list = "SELECT p.id FROM proposal p WHERE p.community_id = $1 ORDER BY p.created_at DESC LIMIT $2";
    let all = "SEARCH p USING INDEX proposal_community (community_id=?)";
    assert_eq!(fault(&plan(list, &[(2, 0, all)])), None, "a list in the order of its index");
    let sorted = [(2, 0, all), (3, 0, "USE TEMP B-TREE FOR ORDER BY")];
    assert!(fault(&plan(list, &sorted)).expect("a fault").starts_with("sorts all"));
    assert!(fault(&plan(list, &[(2, 0, "SCAN p")])).expect("a fault").starts_with("reads all of `p`"));
    assert_eq!(fault(&plan("SELECT 1 FROM policy p", &[(2, 0, "SCAN p")])), None, "policies are few");
    let count = "SELECT count(*) FROM member m WHERE m.community_id = $1";
    let step = "SEARCH m USING COVERING INDEX member_name (community_id=?)";
    assert!(fault(&plan(count, &[(2, 0, step)])).expect("a fault").contains("without an end"));

    let found =
        "SELECT p.id FROM (VALUES ($2)) s JOIN proposal p WHERE p.id = s.column1 AND p.community_id = $1 LIMIT 5";
    let by_id = [(2, 0, "SCAN s"), (3, 0, "SEARCH p USING INDEX sqlite_autoindex_proposal_1 (id=?)")];
    assert_eq!(fault(&plan(found, &by_id)), None);
    let first = [(2, 0, all), (3, 0, "SEARCH s USING AUTOMATIC COVERING INDEX (column1=?)")];
    assert!(fault(&plan(found, &first)).expect("a fault").contains("it is known which are wanted"));
    let outer = format!("{all} LEFT-JOIN");
    let inner = [(2, 0, "SCAN s"), (3, 0, outer.as_str())];
    assert!(fault(&plan(found, &inner)).expect("a fault").contains("again and again"));
    let given = "SELECT p.id FROM proposal p WHERE p.community_id = $1 AND p.id IN ($2, $3) LIMIT 5";
    assert!(fault(&plan(given, &[(2, 0, all)])).expect("a fault").contains("though ids are given"));
}
