//! The rules about the rules: who may change them, how that is decided, and that it is done with the decision.

use policykit_core::{
    JsonMap, Timestamp,
    action::Standing,
    community::{Installation, InstallationStatus},
    constitution::{Amendment, DocumentDraft, RoleDraft},
    ids::{InstallationId, PolicyId, RoleId, UserId},
    policy::{PolicyDraft, PolicyKind},
    proposal::{EffectStatus, Status},
};
use policykit_testkit::{Draft, TestApp, shared_policy};

use crate::{
    policies::{no_forbidden_word, renames_by_vote},
    run_test,
};

const GENERAL: &str = "C0GENERAL";
const RANDOM: &str = "C0RANDOM";

/// Everybody asks, two decide.
fn changes_by_vote() -> Draft {
    Draft::constitution("Changes of the rules need a vote", &[])
        .check(
            "if not proposal.vote_post_id:\n  return PROPOSED\n\
             if proposal.get_yes_votes().count() >= 2:\n  return PASSED\n\
             if proposal.get_no_votes().count() >= 2:\n  return FAILED\n\
             return PROPOSED",
        )
        .notify("slack.initiate_vote(text=f'Shall we {action}?', channel='C0GENERAL')")
}

fn another_word() -> PolicyDraft {
    let mut draft = PolicyDraft::from(no_forbidden_word());
    draft.blocks.filter = "return 'turnip' in action.text".to_owned();
    draft
}

async fn amend(t: &TestApp, who: &str, amendment: &Amendment) {
    t.propose(&t.slack, who, &amendment.action_type(), amendment.fields()).await;
    t.settle().await;
}

async fn vote(t: &TestApp, choice: &str) {
    t.slack.vote("alice", GENERAL, choice).await;
    t.slack.vote("carol", GENERAL, choice).await;
    t.settle().await;
}

async fn in_force(t: &TestApp) -> Vec<(String, i64)> {
    let (db, community) = (t.db(), t.slack.community);
    let state = async move { db.community(community).state().await };
    let state = t.node().on(state).await.expect("the community is there");
    state.policies.into_iter().map(|p| (p.draft.name, p.version)).collect()
}

async fn last(t: &TestApp) -> policykit_core::proposal::Proposal {
    t.proposals(&t.slack).await.pop().expect("a proposal")
}

#[test]
fn a_policy_changes_by_a_vote_governs_from_then_on_and_can_be_changed_back() {
    run_test(async |t: &mut TestApp| {
        let old = PolicyDraft::from(no_forbidden_word());
        let policy = t.policy_in(t.slack.community, old.clone()).await;
        t.policy(changes_by_vote()).await;
        let change = |version, draft| Amendment::ChangePolicy { policy, version, draft };
        amend(t, "bob", &change(Some(1), another_word())).await;
        let question = t.slack.vote_message(GENERAL).expect("a vote").text;
        assert!(question.contains("Shall we change the rule “No forbidden word”?"), "{question}");
        let kept = t.slack.post("bob", GENERAL, "a turnip").await;
        t.settle().await;
        assert!(t.slack.message(GENERAL, &kept).is_some(), "not yet in force");

        vote(t, "Yes").await;
        let proposal = last(t).await;
        assert_eq!((proposal.status, proposal.effect), (Status::Passed, EffectStatus::Done));
        assert!(in_force(t).await.contains(&("No forbidden word".to_owned(), 2)));
        let gone = t.slack.post("bob", GENERAL, "a turnip").await;
        let allowed = t.slack.post("bob", GENERAL, "a forbidden word").await;
        t.settle().await;
        assert_eq!(t.slack.message(GENERAL, &gone), None);
        assert!(t.slack.message(GENERAL, &allowed).is_some());

        amend(t, "dave", &change(Some(2), old)).await;
        vote(t, "Yes").await;
        let gone = t.slack.post("bob", GENERAL, "another forbidden word").await;
        t.settle().await;
        assert_eq!(t.slack.message(GENERAL, &gone), None, "as it was");
        assert!(in_force(t).await.contains(&("No forbidden word".to_owned(), 3)));
    });
}

#[test]
fn what_the_vote_rejects_is_not_changed() {
    run_test(async |t: &mut TestApp| {
        t.policy(changes_by_vote()).await;
        amend(t, "bob", &Amendment::AddPolicy(renames_by_vote().into())).await;
        vote(t, "No").await;
        let proposal = last(t).await;
        assert_eq!((proposal.status, proposal.effect), (Status::Failed, EffectStatus::None));
        assert_eq!(t.story(&proposal).await.bundle.action.standing, Standing::Undone);
        assert_eq!(in_force(t).await.len(), 1);
        t.slack.rename("bob", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");
    });
}

#[test]
fn of_two_changes_made_from_the_same_version_the_second_says_that_it_came_too_late() {
    run_test(async |t: &mut TestApp| {
        let policy = t.policy_in(t.slack.community, no_forbidden_word().into()).await;
        t.policy(
            Draft::constitution("One yes is enough", &[])
                .check("return PASSED if proposal.get_yes_votes() else PROPOSED")
                .notify("slack.initiate_vote(text=action.description, channel='C0GENERAL')"),
        )
        .await;
        for description in ["first", "second"] {
            let draft = PolicyDraft { description: description.to_owned(), ..another_word() };
            amend(t, "bob", &Amendment::ChangePolicy { policy, version: Some(1), draft }).await;
        }
        for _ in 0..2 {
            // The one vote is closed by its first ballot, so the next press is on the other.
            t.slack.vote("alice", GENERAL, "Yes").await;
            t.settle().await;
        }
        let all = t.proposals(&t.slack).await;
        assert!(all.iter().all(|p| p.status == Status::Passed), "{all:#?}");
        let late: Vec<_> = all.iter().filter(|p| p.effect == EffectStatus::Refused).collect();
        assert_eq!(late.len(), 1);
        let why = late[0].effect_note.as_deref().expect("it says why");
        assert_eq!(why, "the policy has changed meanwhile: this was made from version 1, in force is 2");
        assert_eq!(t.story(late[0]).await.bundle.action.standing, Standing::Undone);
    });
}

#[test]
fn roles_and_documents_change_the_same_way_and_a_new_role_counts_at_once() {
    run_test(async |t: &mut TestApp| {
        t.policy(Draft::constitution("Everything passes", &[]).check("return PASSED")).await;
        t.policy(
            Draft::platform("Crew may rename", &["slackrenameconversation"])
                .check("return PASSED if action.initiator.has_role('Crew') else FAILED"),
        )
        .await;
        amend(t, "bob", &Amendment::AddRole(RoleDraft { name: "Crew".to_owned(), ..RoleDraft::default() })).await;
        t.slack.rename("dave", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "random");
        let role = {
            let (db, community) = (t.db(), t.slack.community);
            let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
            state.roles.iter().find(|r| r.name == "Crew").expect("the role").id
        };
        let users = [UserId::derive(t.slack.installation, "U04")].into();
        amend(t, "bob", &Amendment::AddUserRole { role, users }).await;
        t.slack.rename("dave", RANDOM, "lounge").await;
        t.settle().await;
        assert_eq!(t.slack.name_of(RANDOM), "lounge");

        let text = DocumentDraft { name: "Guidelines".to_owned(), text: "Be kind.".to_owned() };
        amend(t, "bob", &Amendment::AddDocument(text)).await;
        let (db, community) = (t.db(), t.slack.community);
        let documents = t.node().on(async move { db.community(community).documents().await }).await.expect("texts");
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0].text, "Be kind.");
    });
}

#[test]
fn whoever_may_do_without_asking_is_not_asked_and_whoever_may_not_propose_is_not_heard() {
    run_test(async |t: &mut TestApp| {
        t.policy(changes_by_vote()).await;
        t.role(&t.slack, "Keeper", &["can_execute_policykitaddrole"], &["ada"]).await;
        let add = |name: &str| Amendment::AddRole(RoleDraft { name: name.to_owned(), ..RoleDraft::default() });
        // Of two that are made at the same time, neither knows of the other when it is proposed.
        for twin in [add("At once"), add("At once")] {
            t.propose(&t.slack, "ada", &twin.action_type(), twin.fields()).await;
        }
        t.settle().await;
        assert!(t.proposals(&t.slack).await.is_empty());
        let (db, community) = (t.db(), t.slack.community);
        let (roles, actions) = t
            .node()
            .on(async move {
                let scoped = db.community(community);
                (scoped.state().await, scoped.actions(policykit_store::Page::first(10)).await)
            })
            .await;
        let names: Vec<_> = roles.expect("roles").roles.into_iter().map(|r| r.name).collect();
        assert!(names.contains(&"At once".to_owned()), "{names:?}");
        let mut standing: Vec<_> = actions.expect("actions").into_iter().map(|a| a.standing).collect();
        standing.sort_by_key(|s| s.as_str());
        assert_eq!(standing, [Standing::Stands, Standing::Undone], "a name is taken once");
    });
}

#[test]
fn what_cannot_be_made_is_refused_before_anybody_is_asked() {
    run_test(async |t: &mut TestApp| {
        t.policy(changes_by_vote()).await;
        let broken = Draft::platform("Broken", &[]).check("return PASSED if");
        let nameless = Draft::platform(" ", &[]).check("return PASSED");
        let gone = Amendment::DeleteRole { role: RoleId::from_uuid(uuid::Uuid::nil()) };
        for (action_type, fields, expected) in [
            ("policykitaddplatformpolicy".to_owned(), Amendment::AddPolicy(broken.into()).fields(), "line 1"),
            (
                "policykitaddplatformpolicy".to_owned(),
                Amendment::AddPolicy(nameless.into()).fields(),
                "`name` is empty",
            ),
            (gone.action_type(), JsonMap::new(), "role"),
            ("policykitaddeverything".to_owned(), JsonMap::new(), "policykitaddeverything"),
        ] {
            let refused = t.try_propose(&t.slack, "bob", &action_type, fields).await;
            let why = refused.expect_err("it cannot be made").to_string();
            assert!(why.contains(expected), "{why}");
        }
        t.settle().await;
        assert!(t.survey().await.inbox.is_empty(), "nothing was written down");
        // What can only be seen when it is decided is refused then.
        let kind = PolicyKind::Platform;
        amend(t, "bob", &Amendment::RemovePolicy { kind, policy: PolicyId::from_uuid(uuid::Uuid::nil()) }).await;
        vote(t, "Yes").await;
        let proposal = last(t).await;
        assert_eq!((proposal.status, proposal.effect), (Status::Passed, EffectStatus::Refused));
        assert_eq!(proposal.effect_note.as_deref(), Some("the policy is gone"));
    });
}

#[test]
fn the_published_constitution_policy_that_lets_everything_pass_and_tells_runs_unchanged() {
    let Some(all_pass) = shared_policy("All_Constitution_Actions_Pass_and_get_posted_in_Slack.json") else { return };
    run_test(async |t: &mut TestApp| {
        t.policy(all_pass.clone()).await;
        amend(t, "bob", &Amendment::AddPolicy(renames_by_vote().into())).await;
        assert_eq!(in_force(t).await.len(), 2);
        assert_eq!(
            t.slack.texts("C000111"),
            ["Constitution change 'add the rule “Renames need a vote”' proposed by bob passed."]
        );
    });
}

fn tells_of_new_roles() -> Draft {
    Draft::trigger("Tell of new roles", &["policykitaddrole"])
        .check("return PASSED")
        .success("slack.post_message(text=f'{action.initiator.readable_name}: a new role', channel='C0GENERAL')")
}

fn gardeners() -> Amendment {
    Amendment::AddRole(RoleDraft { name: "Gardeners".to_owned(), ..RoleDraft::default() })
}

#[test]
fn a_change_decided_by_vote_is_told_of_with_the_name_of_who_proposed_it() {
    run_test(async |t: &mut TestApp| {
        t.policy(changes_by_vote()).await;
        t.policy(tells_of_new_roles()).await;
        amend(t, "bob", &gardeners()).await;
        vote(t, "Yes").await;
        let said = t.slack.texts(GENERAL);
        assert!(said.contains(&"bob: a new role".to_owned()), "{said:?}");
    });
}

#[test]
fn policies_speak_where_the_community_is_and_not_where_it_was_removed_from() {
    run_test(async |t: &mut TestApp| {
        let removed = Installation {
            id: InstallationId::from_uuid(uuid::Uuid::from_u128(77)),
            community: t.slack.community,
            platform: "slack".to_owned(),
            external_id: "T0GONE".to_owned(),
            name: "Left long ago".to_owned(),
            acts_as: Vec::new(),
            settings: JsonMap::new(),
            status: InstallationStatus::Uninstalled,
        };
        // Older than the one that is there.
        let (db, row) = (t.db(), removed.clone());
        t.node()
            .on(async move { db.system().create_installation(&row, Timestamp::from_secs(1)).await })
            .await
            .expect("it is written");
        t.expect_installation(removed);
        t.policy(Draft::constitution("Everything passes", &[]).check("return PASSED")).await;
        t.policy(tells_of_new_roles()).await;
        amend(t, "bob", &gardeners()).await;
        assert_eq!(t.slack.texts(GENERAL), ["bob: a new role"]);
    });
}
