//! The pages of the rules, over real HTTP: policies and their order, versions and the way back, roles, guidelines, what
//! is held, recovery. Whatever changes is proposed, and the page says what came of it.

use std::time::Duration;

use policykit_core::{
    Clock,
    community::User,
    constitution::{Amendment, RoleDraft},
    ids::{CommunityId, UserId},
    permission::SETTLE_HELD,
    policy::OnError,
    proposal::Status,
};
use policykit_engine::RECOVERY_WAITS;
use policykit_store::{Changes, CommunityState, NewSession, Page};
use policykit_testkit::{Draft, Raw, Reply, TestApp, Workspace};
use sha2::{Digest, Sha256};

use crate::run_test;

const GENERAL: &str = "C0GENERAL";

/// A browser without scripts.
struct Browser<'a> {
    t: &'a TestApp,
    token: String,
}

impl<'a> Browser<'a> {
    async fn member(t: &'a TestApp, workspace: &Workspace, account: &str) -> Self {
        let token = hex::encode(Sha256::digest(format!("{}{account}", workspace.team)));
        let user = UserId::derive(workspace.installation, account);
        let (db, community, new) = (t.db(), workspace.community, session(t, &token));
        let open = async move { db.system().open_session(community, user, new).await };
        t.node().on(open).await.expect("a session");
        Self { t, token }
    }

    async fn operator(t: &'a TestApp, looks_at: CommunityId) -> Self {
        let token = format!("an operator at {}", t.clock_secs());
        let link = Sha256::digest(format!("a link for {token}")).to_vec();
        let (db, new, now) = (t.db(), session(t, &token), t.clock.now());
        let hash = new.hash.clone();
        t.node()
            .on(async move {
                let system = db.system();
                system.create_link(&link, now, now + Duration::from_secs(60)).await?;
                system.redeem_link(&link, new).await?;
                system.choose_community(&hash, looks_at).await
            })
            .await
            .expect("a session");
        Self { t, token }
    }

    async fn get(&self, path: &str) -> Reply {
        self.t.send(&Raw::get(path).header("Cookie", format!("policykit={}", self.token))).await
    }

    async fn see(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        text(&reply.body)
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = hex::encode(Sha256::digest(format!("form\n{}", self.token)));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &csrf).extend_pairs(fields);
        let request = Raw::post(path)
            .header("Cookie", format!("policykit={}", self.token))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.finish());
        let reply = self.t.send(&request).await;
        self.t.settle().await;
        reply
    }

    /// Sends a form that is taken, and reads the page it leads to.
    async fn propose(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let reply = self.post(path, fields).await;
        assert_eq!(reply.status, 303, "{path}: {}", text(&reply.body));
        self.see(&location(&reply)).await
    }
}

fn session(t: &TestApp, token: &str) -> NewSession {
    let now = t.clock.now();
    let expires_at = now + Duration::from_secs(30 * 24 * 60 * 60);
    NewSession { hash: Sha256::digest(token).to_vec(), now, expires_at, agent: String::new() }
}

fn location(reply: &Reply) -> String {
    let line = reply.head.lines().find(|line| line.to_lowercase().starts_with("location:"));
    line.and_then(|line| line.split_once(':')).map(|(_, to)| to.trim().to_owned()).expect("it leads somewhere")
}

/// What people read of a page: no tags, single spaces.
pub(crate) fn text(html: &str) -> String {
    let mut words = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                words.push(' ');
            }
            c if !inside => words.push(c),
            _ => {}
        }
    }
    let words = words.replace("&quot;", "\"").replace("&#39;", "'").replace("&#34;", "\"").replace("&amp;", "&");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn everything_passes() -> Draft {
    Draft::constitution("Every change passes", &[]).check("return PASSED")
}

fn by_vote() -> Draft {
    Draft::constitution("Changes need a vote", &[])
        .check(
            "if not proposal.vote_post_id:\n  return PROPOSED\n\
             return PASSED if proposal.get_yes_votes() else PROPOSED",
        )
        .notify("slack.initiate_vote(text='Shall we?', channel='C0GENERAL')")
}

async fn state(t: &TestApp) -> CommunityState {
    let (db, community) = (t.db(), t.slack.community);
    t.node().on(async move { db.community(community).state().await }).await.expect("a state")
}

async fn policy(t: &TestApp, name: &str) -> String {
    let state = state(t).await;
    state.policies.iter().find(|p| p.draft.name == name).expect("the policy").id.to_string()
}

async fn role(t: &TestApp, name: &str) -> String {
    let state = state(t).await;
    state.roles.iter().find(|r| r.name == name).expect("the role").id.to_string()
}

#[test]
fn a_policy_is_written_changed_by_a_vote_compared_and_rolled_back_by_clicking() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let bob = Browser::member(t, &t.slack, "U02").await;
        let first = [
            ("kind", "platform"),
            ("name", "No turnips"),
            ("description", "Messages with turnips are undone."),
            ("action_types", "slackpostmessage"),
            ("filter", "return 'turnip' in action.text"),
            ("check", "return FAILED"),
            ("on_error", "hold"),
        ];
        let told = bob.propose("/main/policies/new", &first).await;
        assert!(told.contains("It passed and is in force “Every change passes” let it pass."), "{told}");
        assert!(told.contains("No turnips") && told.contains("In force, version 1"), "{told}");
        let id = policy(t, "No turnips").await;
        let gone = t.slack.post("dave", GENERAL, "a turnip").await;
        t.settle().await;
        assert_eq!(t.slack.message(GENERAL, &gone), None);

        t.policy_in(t.slack.community, by_vote().into()).await;
        let page = bob.see(&format!("/main/policies/{id}")).await;
        assert!(page.contains("Saving proposes it. “Changes need a vote” is asked first."), "{page}");
        assert!(page.contains("Propose version 2"), "{page}");
        let mut second = first;
        second[4] = ("filter", "return 'parsnip' in action.text\r\n");
        let second: Vec<_> = second.into_iter().chain([("version", "1")]).collect();
        let told = bob.propose(&format!("/main/policies/{id}"), &second).await;
        assert!(told.contains("It is proposed and waits for a decision"), "{told}");
        assert!(told.contains("In force, version 1"), "{told}");
        t.slack.vote("alice", GENERAL, "Yes").await;
        t.settle().await;
        let page = bob.see(&format!("/main/policies/{id}")).await;
        assert!(page.contains("In force, version 2") && page.contains("Version 1 and version 2"), "{page}");
        assert!(page.contains("removed: return 'turnip' in action.text"), "{page}");
        assert!(page.contains("added: return 'parsnip' in action.text"), "{page}");
        assert!(page.contains("How it was decided"), "{page}");

        let old = bob.see(&format!("/main/policies/{id}/versions/1")).await;
        assert!(old.contains("Propose to go back to version 1"), "{old}");
        let told = bob.propose(&format!("/main/policies/{id}/versions/1"), &[]).await;
        assert!(told.contains("waits for a decision"), "{told}");
        t.slack.vote("carol", GENERAL, "Yes").await;
        t.settle().await;
        let page = bob.see(&format!("/main/policies/{id}")).await;
        assert!(page.contains("In force, version 3"), "{page}");
        let gone = t.slack.post("dave", GENERAL, "another turnip").await;
        t.settle().await;
        assert_eq!(t.slack.message(GENERAL, &gone), None, "as it was");
    });
}

#[test]
fn what_is_wrong_is_said_beside_the_field_and_what_was_typed_is_kept() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let bob = Browser::member(t, &t.slack, "U02").await;
        let broken = [
            ("kind", "platform"),
            ("name", "Half <written>"),
            ("check", "return PASSED if"),
            ("success", "slack.post_message('kept')"),
        ];
        let reply = bob.post("/main/policies/new", &broken).await;
        assert_eq!(reply.status, 422);
        let page = text(&reply.body);
        assert!(page.contains("Nothing was proposed.") && page.contains("Line 1, column"), "{page}");
        assert!(reply.body.contains("slack.post_message(&#39;kept&#39;)"), "{}", reply.body);
        assert!(reply.body.contains("Half &#60;written&#62;"), "{}", reply.body);
        let nameless = bob.post("/main/policies/new", &[("kind", "trigger"), ("name", " "), ("check", "pass")]).await;
        assert_eq!(nameless.status, 422);
        assert!(text(&nameless.body).contains("name is empty; give it a name"), "{}", text(&nameless.body));
        let aimless = bob.post("/main/policies/new", &[("kind", "trigger"), ("name", "x"), ("check", "pass")]).await;
        assert!(text(&aimless.body).contains("must say what it reacts to"), "{}", text(&aimless.body));
        let (base, admins) = (role(t, "Base Role").await, role(t, "Integration Admin").await);
        let taken = bob.post("/main/roles/new", &[("name", "Base Role")]).await;
        assert!(text(&taken.body).contains("there is a role `Base Role` already"), "{}", text(&taken.body));
        let everybody = bob.post(&format!("/main/roles/{base}/grant"), &[("users", &base)]).await;
        assert!(text(&everybody.body).contains("everybody has this role"), "{}", text(&everybody.body));
        let nobody = bob.post(&format!("/main/roles/{admins}/grant"), &[]).await;
        assert!(text(&nobody.body).contains("name at least one member"), "{}", text(&nobody.body));
        let blank = bob.post("/main/documents/new", &[("name", ""), ("text", "Be kind.")]).await;
        assert!(text(&blank.body).contains("give it a name") && blank.body.contains("Be kind."), "{}", blank.body);
        let nonsense = bob.post("/main/policies/import", &[("policies", "{oops")]).await;
        assert!(text(&nonsense.body).contains("this is not a policy file"), "{}", text(&nonsense.body));
        assert!(t.proposals(&t.slack).await.is_empty(), "nothing was proposed");
    });
}

#[test]
fn a_long_list_of_policies_is_read_by_the_page_and_put_in_order_across_pages() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        for n in (0..55).rev() {
            let draft = Draft::platform(&format!("Rule {n:02}"), &["slackpostmessage"]).filter("return False");
            t.policy_in(t.slack.community, draft.check("return PASSED").into()).await;
        }
        let bob = Browser::member(t, &t.slack, "U02").await;
        let first = bob.see("/main/policies").await;
        assert!(first.contains("56 policies are in force") && first.contains("Further policies"), "{first}");
        assert!(first.contains("Rule 00") && first.contains("Rule 49") && !first.contains("Rule 50"), "{first}");
        let second = bob.see("/main/policies?kind=platform&from=50").await;
        assert!(second.contains("Rule 50") && second.contains("Rule 54"), "{second}");
        assert!(second.contains("Those before") && !second.contains("Rule 49"), "{second}");
        let found = bob.see("/main/policies?q=rule+5").await;
        assert!(
            found.contains("Rule 52") && !found.contains("Rule 10") && !found.contains("Propose this order"),
            "{found}"
        );
        // The last of the second page goes to the very top, and two before it change places.
        let ids = [53, 52, 54].map(|n| format!("Rule {n}"));
        let rest = [policy(t, "Rule 50").await, policy(t, "Rule 51").await];
        let ids = [policy(t, &ids[0]).await, policy(t, &ids[1]).await, policy(t, &ids[2]).await];
        let mut fields = vec![("kind", "platform"), ("from", "50")];
        for (id, was, place) in [
            (&rest[0], "51", "51"),
            (&rest[1], "52", "52"),
            (&ids[0], "54", "54"),
            (&ids[1], "53", "53"),
            (&ids[2], "55", "1"),
        ] {
            fields.extend([("order", id.as_str()), ("was", was), ("place", place)]);
        }
        let told = bob.propose("/main/policies/order", &fields).await;
        assert!(told.contains("It passed and is in force"), "{told}");
        let order: Vec<String> = state(t).await.policies.into_iter().map(|p| p.draft.name).collect();
        assert_eq!(order[..2], ["Rule 54", "Rule 00"]);
        assert_eq!(order[order.len() - 3..], ["Rule 53", "Rule 52", "Every change passes"]);
    });
}

#[test]
fn everybody_who_has_a_role_is_found_by_the_page_and_by_name() {
    run_test(async |t: &mut TestApp| {
        let role = t.role(&t.slack, "Crowd", &[], &["bob", "carol"]).await;
        let users: Vec<User> = (0..60)
            .map(|n| User {
                id: UserId::derive(t.slack.installation, &format!("UCROWD{n}")),
                community: t.slack.community,
                installation: t.slack.installation,
                external_id: format!("UCROWD{n}"),
                name: format!("Person {n:02}"),
                is_admin: false,
                is_bot: false,
                // Somebody who has left can have it still.
                is_gone: n == 59,
            })
            .collect();
        let (db, community) = (t.db(), t.slack.community);
        let members = users.iter().map(|user| user.id).collect();
        let add = async move {
            db.commit(Changes { users, ..Changes::default() }).await?;
            db.community(community).set_role_members(role, members).await
        };
        t.node().on(add).await.expect("they have it");
        let bob = Browser::member(t, &t.slack, "U02").await;
        let address = format!("/main/roles/{role}");
        let shown = bob.get(&address).await.body;
        let first = text(&shown);
        assert!(first.contains("60 people have it") && first.contains("More people"), "{first}");
        assert!(first.contains("Person 49") && !first.contains("Person 50"), "{first}");
        let next = shown.split("href=\"").find(|part| part.contains("after_name=")).expect("a further page");
        let next = next.split('"').next().expect("an address").replace("&amp;", "&").replace("&#38;", "&");
        let second = bob.see(&next).await;
        assert!(
            second.contains("Person 50") && second.contains("Person 59") && !second.contains("Person 49"),
            "{second}"
        );
        let found = bob.see(&format!("{address}?who=person+07")).await;
        assert!(found.contains("Person 07") && !found.contains("Person 08"), "{found}");
    });
}

#[test]
fn the_order_is_moved_on_the_page_and_proposed_as_one_change() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        for name in ["Third", "Second", "First"] {
            let draft = Draft::platform(name, &["slackpostmessage"]).filter("return False").check("return PASSED");
            t.policy_in(t.slack.community, draft.into()).await;
        }
        let bob = Browser::member(t, &t.slack, "U02").await;
        let ids = [policy(t, "First").await, policy(t, "Second").await, policy(t, "Third").await];
        let [first, second, third] = ids.each_ref().map(String::as_str);
        let up = format!("up:{third}");
        let fields =
            [("kind", "platform"), ("order", first), ("order", second), ("order", third), ("move", up.as_str())];
        let moved = bob.post("/main/policies/order", &fields).await;
        assert_eq!(moved.status, 200);
        assert!(text(&moved.body).contains("This order is not proposed yet"), "{}", text(&moved.body));
        assert!(t.proposals(&t.slack).await.is_empty());
        let fields = [("kind", "platform"), ("order", first), ("order", third), ("order", second)];
        let told = bob.propose("/main/policies/order", &fields).await;
        assert!(told.contains("It passed and is in force"), "{told}");
        let order: Vec<String> = state(t).await.policies.into_iter().map(|p| p.draft.name).collect();
        assert_eq!(order, ["First", "Third", "Second", "Every change passes"]);
        assert_eq!(t.proposals(&t.slack).await.len(), 1);
    });
}

#[test]
fn a_policy_is_taken_out_of_force_put_back_exported_and_imported() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let draft =
            Draft::platform("Words", &["slackpostmessage"]).filter("return 'x' in action.text").check("return FAILED");
        t.policy_in(t.slack.community, draft.into()).await;
        let bob = Browser::member(t, &t.slack, "U02").await;
        let id = policy(t, "Words").await;
        let file = bob.get(&format!("/main/policies/{id}/export")).await;
        assert!(file.head.to_lowercase().contains("content-disposition: attachment"), "{}", file.head);
        let told = bob.propose(&format!("/main/policies/{id}/remove"), &[]).await;
        assert!(told.contains("Out of force") && told.contains("Propose to put it back in force"), "{told}");
        let list = bob.see("/main/policies").await;
        assert!(list.contains("Not in force"), "{list}");
        bob.propose(&format!("/main/policies/{id}/recover"), &[]).await;
        assert!(bob.see(&format!("/main/policies/{id}")).await.contains("In force, version 1"));
        let taken = bob.post("/main/policies/import", &[("policies", &file.body)]).await;
        assert_eq!(taken.status, 422);
        let why = "policy `Words`: `name` cannot be told from that of the rule `Words`, which is in force";
        assert!(text(&taken.body).contains(why), "{}", text(&taken.body));
        let twice = file.body.trim().trim_start_matches('[').trim_end_matches(']').replace("Words", "Some words");
        let twice = bob.post("/main/policies/import", &[("policies", &format!("[{twice},{twice}]"))]).await;
        assert!(text(&twice.body).contains("cannot be told from that of `Some words`"), "{}", text(&twice.body));
        assert!(bob.see("/main/policies").await.contains("2 policies are in force"), "none of them was proposed");
        let renamed = file.body.replace("\"Words\"", "\"Other words\"");
        let told = bob.propose("/main/policies/import", &[("policies", &renamed)]).await;
        assert!(told.contains("It passed and is in force"), "{told}");
        let copies = state(t)
            .await
            .policies
            .into_iter()
            .filter(|p| p.draft.name.to_lowercase().ends_with("words"))
            .collect::<Vec<_>>();
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0].draft.blocks, copies[1].draft.blocks);
        assert_eq!(copies[0].draft.on_error, copies[1].draft.on_error, "as the exported one says");
        let all: serde_json::Value = serde_json::from_str(&bob.get("/main/policies/export").await.body).expect("JSON");
        assert_eq!(all.as_array().map(Vec::len), Some(3));
    });
}

#[test]
fn code_is_checked_for_the_editor_with_places_and_only_for_whoever_is_signed_in() {
    run_test(async |t: &mut TestApp| {
        let bob = Browser::member(t, &t.slack, "U02").await;
        let ask = |body: &'static str| {
            Raw::post("/api/v1/policies/check")
                .header("Cookie", format!("policykit={}", bob.token))
                .header("Content-Type", "application/json")
                .body(body)
        };
        let reply = t.send(&ask(r#"{"filter": "return True", "check": "x = 1\nreturn PASSED if"}"#)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let found: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        let first = &found["diagnostics"][0];
        assert_eq!((&first["block"], &first["line"]), (&"check".into(), &2.into()), "{found}");
        assert!(first["end_column"].as_u64() > first["column"].as_u64() && first["message"].is_string(), "{found}");
        // The same that the command line says, with the fields of the types that are ticked.
        let typo = r#"{"notify": "x = action.nmae", "action_types": ["slackrenameconversation"]}"#;
        let found: serde_json::Value = serde_json::from_str(&t.send(&ask(typo)).await.body).expect("JSON");
        let first = &found["diagnostics"][0];
        assert_eq!((&first["code"], &first["severity"]), (&"PK021".into(), &"error".into()), "{found}");
        assert_eq!((&first["column"], &first["end_column"]), (&12.into(), &16.into()), "{found}");
        let fine = t.send(&ask(r#"{"check": "return PASSED"}"#)).await;
        assert_eq!(fine.body, r#"{"diagnostics":[]}"#);
        let stranger = Raw::post("/api/v1/policies/check").header("Content-Type", "application/json").body("{}");
        assert_eq!(t.send(&stranger).await.status, 401);
    });
}

#[test]
fn roles_are_made_given_changed_taken_and_removed_by_clicking() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let bob = Browser::member(t, &t.slack, "U02").await;
        let fields = [("name", "Crew"), ("description", "Sail."), ("permissions", "can_execute_slackpinmessage")];
        let told = bob.propose("/main/roles/new", &fields).await;
        assert!(told.contains("It passed and is in force") && told.contains("Crew"), "{told}");
        let id = role(t, "Crew").await;
        let found = bob.get(&format!("/main/roles/{id}?find=dav")).await;
        assert!(text(&found.body).contains("dave"), "{}", text(&found.body));
        let dave = UserId::derive(t.slack.installation, "U04").to_string();
        assert!(found.body.contains(&dave));
        let told = bob.propose(&format!("/main/roles/{id}/grant"), &[("users", &dave)]).await;
        assert!(told.contains("Holders dave"), "{told}");
        let members = bob.see(&format!("/main/members?role={id}")).await;
        assert!(members.contains("dave") && !members.contains("erin U05"), "{members}");
        let fields = [
            ("name", "Sailors"),
            ("permissions", "can_execute_slackpinmessage"),
            ("permissions", "view_slackpinmessage"),
        ];
        bob.propose(&format!("/main/roles/{id}"), &fields).await;
        let crew = state(t).await.roles.into_iter().find(|r| r.name == "Sailors").expect("it has its new name");
        assert_eq!(crew.permissions.len(), 2);
        let told = bob.propose(&format!("/main/roles/{id}/revoke"), &[("users", &dave)]).await;
        assert!(told.contains("Nobody yet."), "{told}");
        bob.propose(&format!("/main/roles/{id}/delete"), &[]).await;
        assert_eq!(bob.get(&format!("/main/roles/{id}")).await.status, 404);
        let admins = role(t, "Integration Admin").await;
        let renamed = bob.post(&format!("/main/roles/{admins}"), &[("name", "Kings")]).await;
        assert_eq!(renamed.status, 422);
        assert!(text(&renamed.body).contains("must stay `Integration Admin`"), "{}", text(&renamed.body));
    });
}

#[test]
fn guidelines_are_added_changed_taken_out_and_put_back() {
    run_test(async |t: &mut TestApp| {
        t.policy_in(t.slack.community, everything_passes().into()).await;
        let bob = Browser::member(t, &t.slack, "U02").await;
        let empty = bob.see("/main/documents").await;
        assert!(empty.contains("No guidelines yet"), "{empty}");
        let told =
            bob.propose("/main/documents/new", &[("name", "Kindness"), ("text", "Be kind.\r\n\r\nAlways.")]).await;
        assert!(told.contains("Kindness") && told.contains("Be kind. Always."), "{told}");
        let (db, community) = (t.db(), t.slack.community);
        let id = t.node().on(async move { db.community(community).documents().await }).await.expect("texts")[0].id;
        bob.propose(&format!("/main/documents/{id}"), &[("name", "Kindness"), ("text", "Be very kind.")]).await;
        assert!(bob.see("/main/documents").await.contains("Be very kind."));
        let told = bob.propose(&format!("/main/documents/{id}/remove"), &[]).await;
        assert!(told.contains("Propose to put it back in force"), "{told}");
        assert!(bob.see("/main/documents").await.contains("Out of force Nothing is lost"));
        bob.propose(&format!("/main/documents/{id}/recover"), &[]).await;
        assert!(bob.see("/main/documents").await.contains("Be very kind."));
    });
}

#[test]
fn a_broken_base_constitution_policy_is_repaired_by_clicking() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let broken = Draft::constitution("Base", &[]).check("return action.no_such_thing").on_error(OnError::Hold);
        let id = t.policy_in(t.slack.community, broken.into()).await.to_string();
        let (bob, carol) = (Browser::member(t, &t.slack, "U02").await, Browser::member(t, &t.slack, "U03").await);
        let mended = [("name", "Base"), ("check", "return PASSED"), ("on_error", "hold"), ("version", "1")];
        let told = bob.propose(&format!("/main/policies/{id}"), &mended).await;
        assert!(told.contains("It waits for a person “Base” broke while it decided. Nothing was changed."), "{told}");
        let seen = bob.see("/main/held").await;
        assert!(seen.contains("You can look, but not decide") && seen.contains("Keepers"), "{seen}");
        let held = t.proposals(&t.slack).await.pop().expect("a proposal").id;
        let address = format!("/proposals/{held}/settle");
        let refused = bob.post(&address, &[("settled", "passed")]).await;
        assert_eq!(refused.status, 403);
        assert!(text(&refused.body).contains("Keepers"), "{}", text(&refused.body));

        let page = carol.get("/main/held").await;
        assert!(text(&page.body).contains("bob: change the rule about the rules “Base”"), "{}", text(&page.body));
        assert!(page.body.contains(&address), "{}", page.body);
        let settled = carol.post(&address, &[("settled", "passed")]).await;
        assert_eq!((settled.status, location(&settled)), (303, format!("/proposals/{held}")));
        assert!(carol.see("/main/held").await.contains("Nothing waits for a person"));
        let page = bob.see(&format!("/main/policies/{id}")).await;
        assert!(page.contains("In force, version 2"), "{page}");
        let told = bob.propose("/main/documents/new", &[("name", "It works"), ("text", "Again.")]).await;
        assert!(told.contains("It passed and is in force"), "{told}");
    });
}

#[test]
fn what_a_member_may_not_see_is_not_held_before_them_nor_told_of_nor_logged_for_them() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        let broken = Draft::constitution("Base", &[]).check("return action.no_such_thing").on_error(OnError::Hold);
        t.policy_in(t.slack.community, broken.into()).await;
        let strange = Draft::platform("Strange", &[]).filter("return action.no_such_thing");
        t.policy_in(t.slack.community, strange.into()).await;
        let role = RoleDraft { name: "Secret".to_owned(), ..RoleDraft::default() };
        let change = Amendment::AddRole(role);
        t.propose(&t.slack, "bob", &change.action_type(), change.fields()).await;
        t.slack.post("bob", "C0GENERAL", "hello").await;
        t.settle().await;
        let held = t.proposals(&t.slack).await.pop().expect("a proposal");
        let (bob, carol) = (Browser::member(t, &t.slack, "U02").await, Browser::member(t, &t.slack, "U03").await);
        let told = format!("/main/members?proposed={}", held.action);
        let (list, waits) = ("add the role “Secret”", "It waits for a person");
        assert!(carol.see("/main/held").await.contains(list));
        assert!(carol.see(&told).await.contains(waits));
        assert!(carol.see("/main/decisions/logs").await.contains("Strange"));

        let base = state(t).await.roles.into_iter().find(|r| r.is_base).expect("a base role");
        let lean = base.permissions.into_iter();
        let lean = lean.filter(|p| p != "view_policykitaddrole" && p != "view_slackpostmessage").collect();
        let (db, community, id) = (t.db(), t.slack.community, base.id);
        t.node().on(async move { db.community(community).set_permissions(id, lean).await }).await.expect("it is set");
        assert!(!carol.see("/main/held").await.contains(list), "it is hidden from her");
        assert!(!carol.see(&told).await.contains(waits));
        assert!(!carol.see("/main/decisions/logs").await.contains("Strange"));
        let settled = carol.post(&format!("/proposals/{}/settle", held.id), &[("settled", "passed")]).await;
        assert_eq!(settled.status, 404, "what is hidden from her is not there");
        assert!(bob.see(&told).await.contains(waits), "it is his own");
    });
}

#[test]
fn a_change_that_locks_everybody_out_says_why_it_was_not_made_and_the_way_back_is_announced_by_clicking() {
    run_test(async |t: &mut TestApp| {
        let id = t.policy_in(t.slack.community, everything_passes().into()).await.to_string();
        let bob = Browser::member(t, &t.slack, "U02").await;
        let wall = [("name", "Wall"), ("check", "return FAILED"), ("version", "1")];
        let told = bob.propose(&format!("/main/policies/{id}"), &wall).await;
        assert!(told.contains("It passed, but could not be done Afterwards nobody could change the rules"), "{told}");
        let meant: Vec<_> = wall.into_iter().chain([("accepts_lockout", "yes")]).collect();
        let told = bob.propose(&format!("/main/policies/{id}"), &meant).await;
        assert!(told.contains("It passed and is in force"), "{told}");
        assert_eq!(bob.post("/main/policies/recovery", &[]).await.status, 403);

        let operator = Browser::operator(t, t.slack.community).await;
        let page = operator.see("/main/policies/recovery").await;
        assert!(page.contains("No proposal can change the rules about the rules"), "{page}");
        let silent = operator.post("/main/policies/recovery", &[("what", &format!("restore:{id}:1"))]).await;
        assert_eq!(silent.status, 422);
        assert!(text(&silent.body).contains("say why, for everybody to read"), "{}", text(&silent.body));
        let what = format!("restore:{id}:1");
        let page = operator
            .propose("/main/policies/recovery", &[("what", what.as_str()), ("reason", "The wall went up by mistake.")])
            .await;
        assert!(page.contains("Announced") && page.contains("The wall went up by mistake."), "{page}");
        assert!(bob.see("/main/policies").await.contains("A recovery of the rules is announced"));
        let (db, community) = (t.db(), t.slack.community);
        let id_of = async move { db.community(community).recoveries(Page::first(10)).await };
        let recovery = t.node().on(id_of).await.expect("a list")[0].id;
        let address = format!("/main/policies/recovery/{recovery}");
        let early = operator.post(&address, &[("what", "carry_out")]).await;
        assert_eq!(early.status, 409);
        t.clock.advance(RECOVERY_WAITS);
        // The operator's session has ended meanwhile.
        let operator = Browser::operator(t, t.slack.community).await;
        let page = operator.propose(&address, &[("what", "carry_out")]).await;
        assert!(page.contains("Carried out"), "{page}");
        let told = bob.propose("/main/documents/new", &[("name", "It works"), ("text", "Again.")]).await;
        assert!(told.contains("It passed and is in force"), "{told}");
    });
}

#[test]
fn whoever_may_not_propose_is_told_who_can_and_nothing_of_another_community_is_there() {
    run_test(async |t: &mut TestApp| {
        let mine = t.policy_in(t.slack.community, everything_passes().into()).await.to_string();
        let operator = Browser::operator(t, t.slack.community).await;
        for path in ["/main/policies", "/main/members", "/main/documents", "/main/held"] {
            assert_eq!(operator.get(path).await.status, 200, "{path}: an operator sees everything");
        }
        let refused = operator.post("/main/documents/new", &[("name", "x")]).await;
        assert_eq!(refused.status, 403, "and takes no part");
        let base = state(t).await.roles.into_iter().find(|r| r.is_base).expect("a base role");
        let lean = base.permissions.into_iter().filter(|p| !p.contains("communitydoc")).collect();
        let (db, community, id) = (t.db(), t.slack.community, base.id);
        t.node().on(async move { db.community(community).set_permissions(id, lean).await }).await.expect("it is set");
        let bob = Browser::member(t, &t.slack, "U02").await;
        let refused = bob.post("/main/documents/new", &[("name", "x"), ("text", "y")]).await;
        assert_eq!(refused.status, 403);
        assert!(text(&refused.body).contains("You cannot add a document"), "{}", text(&refused.body));
        assert!(bob.see("/main/documents/new").await.contains("None of your roles lets you propose this"));

        let stranger = Browser::member(t, &t.other, "U02").await;
        let theirs = role(t, "Integration Admin").await;
        for path in [
            format!("/main/policies/{mine}"),
            format!("/main/policies/{mine}/export"),
            format!("/main/policies/{mine}/versions/1"),
            format!("/main/roles/{theirs}"),
        ] {
            assert_eq!(stranger.get(&path).await.status, 404, "{path}");
        }
        for path in [
            format!("/main/policies/{mine}"),
            format!("/main/policies/{mine}/remove"),
            format!("/main/roles/{theirs}/delete"),
        ] {
            assert_eq!(stranger.post(&path, &[("name", "x")]).await.status, 404, "{path}");
        }
        assert!(t.proposals(&t.slack).await.iter().all(|p| p.status == Status::Passed));
        assert!(t.proposals(&t.other).await.is_empty());
    });
}
