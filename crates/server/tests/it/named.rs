//! Whoever votes on a change of the rules knows which rule is changed: by the name that is in force, whatever the proposer
//! says, in the vote, on the page, in lists and in the record; and sees what would be different.

use std::collections::BTreeSet;

use policykit_core::{
    JsonMap,
    constitution::{Amendment, DocumentDraft, RoleDraft},
    ids::{DocumentId, PolicyId, UserId},
    policy::{PolicyDraft, PolicyKind},
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_engine::Changeable;
use policykit_testkit::{Draft, TestApp};
use serde_json::json;

use crate::{
    policies::no_forbidden_word,
    rescue::changeable,
    rules::text,
    run_test,
    seen::{seen, words},
    visitor::Visitor,
};

const GENERAL: &str = "C0GENERAL";

/// Everybody is asked in the words of the engine; the first vote decides.
fn asks() -> Draft {
    Draft::constitution("Changes are asked about", &[])
        .check(
            "if proposal.get_yes_votes():\n  return PASSED\n\
             if proposal.get_no_votes():\n  return FAILED\n\
             return PROPOSED",
        )
        .notify("slack.initiate_vote(text=f'{action.initiator.readable_name} wants to {action}.', channel='C0GENERAL')")
}

fn named(name: &str) -> Draft {
    Draft::platform(name, &["slackpostmessage"]).filter("return False").check("return PASSED")
}

/// What a proposer could say of what they change.
fn lies(fields: JsonMap) -> JsonMap {
    let names = ["previous_name", "policy_name", "role_name", "doc_name", "integration_name"];
    let lies = names.map(|field| (field.to_owned(), json!("Harmless housekeeping")));
    let old = ["previous_text", "previous_description"].map(|field| (field.to_owned(), json!("Harmless words")));
    let lists = [
        ("user_names".to_owned(), json!(["Harmless person"])),
        ("previous_permissions".to_owned(), json!([])),
        ("previous_order".to_owned(), json!([])),
    ];
    fields.into_iter().chain(lies).chain(old).chain(lists).collect()
}

/// Somebody proposes a change and lies about what it changes.
async fn propose(t: &TestApp, who: &str, amendment: &Amendment) -> Proposal {
    t.propose(&t.slack, who, &amendment.action_type(), lies(amendment.fields())).await;
    t.settle().await;
    t.proposals(&t.slack).await.pop().expect("a proposal")
}

fn question(t: &TestApp) -> String {
    t.slack.vote_message(GENERAL).expect("a vote").text
}

#[test]
fn a_rule_that_is_renamed_while_it_is_gutted_is_told_of_by_its_name_in_force() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, no_forbidden_word().into()).await;
        t.policy_in(t.slack.community, named("Harmless housekeeping").into()).await;
        t.policy(asks()).await;
        let gutted = PolicyDraft { name: "Welcome words".to_owned(), ..named("").into() };
        let change = |draft: PolicyDraft| Amendment::ChangePolicy { policy, version: Some(1), draft };
        let proposal =
            propose(t, "bob", &change(PolicyDraft { action_types: vec!["slackpostmessage".to_owned()], ..gutted }))
                .await;

        let told = "change the rule “No forbidden word” and call it “Welcome words”";
        let asked = question(t);
        assert!(asked.contains(&format!("bob wants to {told}.")), "{asked}");
        let alice = Visitor::member(t, &t.slack, "alice").await;
        let address = format!("/proposals/{}", proposal.id);
        let page = alice.get(&address).await.body;
        seen("a-rule-is-renamed", &words(&page));
        let page = text(&page);
        assert!(page.contains(&format!("bob proposes to {told}")), "{page}");
        assert!(page.contains("From version 1, in force, to what is proposed."), "{page}");
        for line in [
            "removed: No forbidden word",
            "added: Welcome words",
            "removed: return 'forbidden' in action.text",
            "added: return False",
            "removed: return FAILED",
            "added: return PASSED",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
        assert!(!page.contains("Harmless"), "{page}");
        // What stays as it is, is not listed.
        let html = alice.get(&address).await.body;
        assert!(html.contains("Difference in filter") && !html.contains("Difference in action types"), "{html}");
        assert!(!html.contains("Difference in initialize") && !html.contains("Difference in on error"), "{html}");
        for list in ["/main", "/main/proposals"] {
            let list = text(&alice.get(list).await.body);
            assert!(list.contains(&format!("bob proposes to {told}")), "{list}");
        }

        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let page = text(&alice.get(&address).await.body);
        assert!(page.contains("From version 1 to version 2, which was made by this."), "{page}");
        assert!(page.contains("removed: return FAILED") && page.contains("added: return PASSED"), "{page}");
        let record = text(&alice.get("/main/decisions").await.body);
        assert!(record.contains(told), "{record}");

        // A later change does not turn the story of this one.
        let later =
            propose(t, "bob", &Amendment::ChangePolicy { policy, version: Some(2), draft: no_forbidden_word().into() })
                .await;
        assert!(question(t).contains("change the rule “Welcome words” and call it “No forbidden word”"));
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let page = text(&alice.get(&address).await.body);
        assert!(page.contains("From version 1 to version 2") && page.contains("added: Welcome words"), "{page}");
        let page = text(&alice.get(&format!("/proposals/{}", later.id)).await.body);
        assert!(page.contains("From version 2 to version 3") && page.contains("added: return FAILED"), "{page}");
    });
}

#[test]
fn a_change_made_from_an_older_version_says_that_it_came_too_late() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, no_forbidden_word().into()).await;
        t.policy(asks()).await;
        let change = |check: &str| Amendment::ChangePolicy {
            policy,
            version: Some(1),
            draft: no_forbidden_word().check(check).into(),
        };
        let first = propose(t, "bob", &change("a = 1\nreturn FAILED")).await;
        let second = propose(t, "bob", &change("b = 2\nreturn FAILED")).await;
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        let page = text(&alice.get(&format!("/proposals/{}", first.id)).await.body);
        assert!(page.contains("From version 2, in force, to what is proposed."), "{page}");
        assert!(page.contains("removed: b = 2") && page.contains("added: a = 1"), "{page}");
        assert!(page.contains("made from version 1, and version 2 is in force by now"), "{page}");
        let page = text(&alice.get(&format!("/proposals/{}", second.id)).await.body);
        assert!(page.contains("added: b = 2") && !page.contains("by now"), "{page}");
    });
}

#[test]
fn whatever_is_changed_is_named_by_what_is_in_force_and_compared_with_it() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, no_forbidden_word().into()).await;
        let other = t.policy_in(t.slack.community, named("Quiet hours").into()).await;
        let crew = t.role(&t.slack, "Crew", &["add_slackpostmessage"], &["carol"]).await;
        t.policy(asks()).await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        let charter = DocumentDraft { name: "Charter".to_owned(), text: "We meet on Thursdays.\nBe kind.".to_owned() };
        propose(t, "bob", &Amendment::AddDocument(charter.clone())).await;
        assert!(question(t).contains("bob wants to add the document “Charter”."), "{}", question(t));
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let document = document(t).await;
        let kind = PolicyKind::Platform;
        let users: BTreeSet<UserId> =
            ["U01", "U04"].map(|account| UserId::derive(t.slack.installation, account)).into();
        let role = RoleDraft {
            name: "Guests".to_owned(),
            description: "Look on.".to_owned(),
            permissions: BTreeSet::from(["view_slackpostmessage".to_owned()]),
        };
        let late = DocumentDraft { name: "Bylaws".to_owned(), text: "We meet on Fridays.\nBe kind.".to_owned() };
        for (amendment, told, shown) in [
            (
                Amendment::RemovePolicy { kind, policy },
                "take the rule “No forbidden word” out of force",
                vec!["removed: return FAILED"],
            ),
            (
                Amendment::OrderPolicies { kind, order: vec![policy, other] },
                "change the order of the rules",
                vec!["added: No forbidden word Quiet hours removed: No forbidden word"],
            ),
            (
                Amendment::EditRole { role: crew, draft: role },
                "change the role “Crew” and call it “Guests”",
                vec![
                    "removed: Crew",
                    "added: Guests",
                    "added: Look on.",
                    "removed: Slack: propose: ",
                    "added: Slack: see: ",
                ],
            ),
            (
                Amendment::AddUserRole { role: crew, users: users.clone() },
                "give the role “Crew” to alice and dave",
                vec!["added: alice", "added: dave"],
            ),
            (
                Amendment::RemoveUserRole { role: crew, users },
                "take the role “Crew” from alice and dave",
                vec!["removed: alice", "removed: dave"],
            ),
            (Amendment::DeleteRole { role: crew }, "remove the role “Crew”", vec!["removed: Crew"]),
            (
                Amendment::ChangeDocument { document, draft: late },
                "change the document “Charter” and call it “Bylaws”",
                vec!["removed: We meet on Thursdays.", "added: We meet on Fridays.", "Be kind."],
            ),
            (
                Amendment::DeleteDocument { document },
                "take the document “Charter” out of force",
                vec!["removed: We meet on Thursdays."],
            ),
        ] {
            let proposal = propose(t, "bob", &amendment).await;
            let asked = question(t);
            // Members are in the order of their ids, which are different in every community.
            let turned = told.replace("alice and dave", "dave and alice");
            assert!(asked.contains(&format!("wants to {told}.")) || asked.contains(&turned), "{told}: {asked}");
            let page = text(&alice.get(&format!("/proposals/{}", proposal.id)).await.body);
            assert!(page.contains(told) || page.contains(&turned), "{told}: {page}");
            for line in &shown {
                assert!(page.contains(line), "{line}: {page}");
            }
            assert!(!page.contains("Harmless") && !asked.contains("Harmless"), "{page}");
            t.slack.vote("alice", GENERAL, "No").await;
            t.settle().await;
            // Refused, it is still compared with what was in force then.
            if !matches!(amendment, Amendment::DeleteRole { .. }) {
                let page = text(&alice.get(&format!("/proposals/{}", proposal.id)).await.body);
                for line in &shown {
                    assert!(page.contains(line), "{line}: {page}");
                }
            }
        }
    });
}

async fn document(t: &TestApp) -> DocumentId {
    let scope = t.db().community(t.slack.community);
    t.node().on(async move { scope.document_names(1).await }).await.expect("documents")[0].0
}

#[test]
fn a_name_that_is_taken_is_refused_where_it_is_typed_and_again_when_it_is_made() {
    run_test(async |t: &mut TestApp| {
        let word = t.policy_in(t.slack.community, no_forbidden_word().into()).await;
        let quiet = t.policy_in(t.slack.community, named("Quiet hours").into()).await;
        t.role(&t.slack, "Crew", &[], &[]).await;
        t.policy(asks()).await;
        let alice = Visitor::member(t, &t.slack, "alice").await;
        for name in ["Quiet hours", "  quiet   HOURS ", "Quiet hоurs", "Quiet\u{a0}hours"] {
            let form = [
                ("name", name),
                ("action_types", "slackpostmessage"),
                ("filter", "return False"),
                ("check", "return PASSED"),
                ("on_error", "hold"),
                ("version", "1"),
            ];
            let reply = alice.post(&format!("/main/policies/{word}"), &form).await;
            let page = text(&reply.body);
            assert_eq!(reply.status, 422, "{page}");
            let why = "cannot be told from that of the rule `Quiet hours`, which is in force; take another name";
            assert!(page.contains(why), "{name:?}: {page}");
        }
        let refused = |amendment: Amendment| {
            let t = &*t;
            async move {
                let tried = t.try_propose(&t.slack, "bob", &amendment.action_type(), amendment.fields()).await;
                tried.expect_err("it is refused").to_string()
            }
        };
        let why = refused(Amendment::AddPolicy(named("quiet hours").into())).await;
        assert!(why.contains("take another name"), "{why}");
        let why = refused(Amendment::AddPolicy(named("Quiet\u{202E}hours").into())).await;
        assert!(why.contains("cannot be seen (U+202E)"), "{why}");
        let why = refused(Amendment::AddRole(RoleDraft { name: "CREW".to_owned(), ..RoleDraft::default() })).await;
        assert!(why.contains("the role `Crew`"), "{why}");
        assert!(t.proposals(&t.slack).await.is_empty(), "nobody was asked");

        // Two that are proposed at the same time cannot know of each other.
        let twins = ["Tea", "TEA"].map(|name| Amendment::AddPolicy(named(name).into()));
        let mut late = Vec::new();
        for twin in &twins {
            late.push(propose(t, "bob", twin).await.id);
        }
        for _ in &twins {
            t.slack.vote("alice", GENERAL, "Yes").await;
            t.settle().await;
        }
        let all = t.proposals(&t.slack).await;
        let refused_one: Vec<&Proposal> = all.iter().filter(|p| p.effect == EffectStatus::Refused).collect();
        assert!(all.iter().all(|p| p.status == Status::Passed) && refused_one.len() == 1, "{all:#?}");
        let why = refused_one[0].effect_note.as_deref().expect("why");
        assert!(why.contains("its name cannot be told from that of the rule `"), "{why}");

        // The same with roles.
        let roles = ["Mods", "Mоds"].map(|name| RoleDraft { name: name.to_owned(), ..RoleDraft::default() });
        let mut asked = Vec::new();
        for role in roles {
            asked.push(propose(t, "bob", &Amendment::AddRole(role)).await.id);
        }
        for _ in &asked {
            t.slack.vote("alice", GENERAL, "Yes").await;
            t.settle().await;
        }
        let all = t.proposals(&t.slack).await;
        let refused_one: Vec<_> =
            all.iter().filter(|p| asked.contains(&p.id) && p.effect == EffectStatus::Refused).collect();
        assert_eq!(refused_one.len(), 1, "{all:#?}");
        let why = refused_one[0].effect_note.as_deref().expect("why");
        assert!(why.contains("its name cannot be told from that of the role `"), "{why}");

        // What comes back in force needs its name too.
        let kind = PolicyKind::Platform;
        passes(t, &Amendment::RemovePolicy { kind, policy: quiet }).await;
        passes(t, &Amendment::AddPolicy(named("Quiet Hours").into())).await;
        let why = refused(Amendment::RecoverPolicy { kind, policy: quiet }).await;
        assert!(why.contains("is called like the rule `Quiet Hours`, which is in force"), "{why}");
        let page = alice.post(&format!("/main/policies/{quiet}/recover"), &[]).await;
        assert!(text(&page.body).contains("is called like the rule"), "{}", text(&page.body));
    });
}

async fn passes(t: &TestApp, amendment: &Amendment) {
    let proposal = propose(t, "bob", amendment).await;
    t.slack.vote("alice", GENERAL, "Yes").await;
    t.settle().await;
    let all = t.proposals(&t.slack).await;
    let now = all.iter().find(|p| p.id == proposal.id).expect("the proposal");
    assert_eq!((now.status, now.effect), (Status::Passed, EffectStatus::Done), "{now:#?}");
}

#[test]
fn rules_that_are_alike_already_can_be_changed_as_they_are() {
    run_test(async |t: &mut TestApp| {
        let one = t.policy_in(t.slack.community, named("Quiet hours").into()).await;
        t.policy_in(t.slack.community, named("Quiet hours").into()).await;
        t.policy(asks()).await;
        let draft: PolicyDraft = named("Quiet hours").check("return FAILED").into();
        passes(t, &Amendment::ChangePolicy { policy: one, version: Some(1), draft }).await;
    });
}

#[test]
fn a_change_of_nothing_that_is_there_is_named_after_nothing() {
    run_test(async |t: &mut TestApp| {
        t.policy(asks()).await;
        let policy = PolicyId::from_uuid(uuid::Uuid::nil());
        propose(t, "bob", &Amendment::RemovePolicy { kind: PolicyKind::Platform, policy }).await;
        let asked = question(t);
        assert!(asked.contains("wants to take a rule out of force.") && !asked.contains("Harmless"), "{asked}");
    });
}

#[test]
fn a_rule_that_goes_by_the_name_in_force_is_a_way_to_change_the_rules() {
    run_test(async |t: &mut TestApp| {
        let by_name = "if action.action_type == 'policykitchangeconstitutionpolicy' and \
                       action.previous_name == 'Goes by names':\n  return PASSED\nreturn FAILED";
        t.policy(Draft::constitution("Goes by names", &[]).check(by_name)).await;
        assert!(matches!(changeable(t).await, Changeable::Yes(_)));
    });
}
