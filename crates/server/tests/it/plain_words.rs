//! What people are told when something cannot be done as they wanted it, and what time it is where they are told.

use policykit_core::{Clock as _, permission::SETTLE_HELD, proposal::Status};
use policykit_testkit::{Draft, TestApp};

use crate::{policies::POST, run_test, visitor::Visitor};

#[test]
fn what_is_held_is_quoted_and_who_may_not_decide_is_told_so_before_anything_that_their_form_says() {
    run_test(async |t: &mut TestApp| {
        t.role(&t.slack, "Keepers", &[SETTLE_HELD], &["carol"]).await;
        t.policy(Draft::platform("Broken", &[POST]).check("return action.no_such_thing")).await;
        t.slack.post("alice", "C0GENERAL", "see <#C0RANDOM|random>").await;
        t.settle().await;
        let held = t.proposal().await;
        assert_eq!(held.status, Status::Held);
        let (bob, carol) = (Visitor::member(t, &t.slack, "bob").await, Visitor::member(t, &t.slack, "carol").await);
        let list = bob.get("/main/held").await.body;
        assert!(list.contains("<blockquote>“see #random”</blockquote>"), "{list}");
        let address = format!("/proposals/{}/settle", held.id);
        for said in ["neither", "", "passed"] {
            let refused = bob.post(&address, &[("settled", said)]).await;
            assert_eq!(refused.status, 403, "{said}: {}", refused.body);
            assert!(refused.body.contains("You cannot decide about what is held"), "{said}: {}", refused.body);
        }
        for said in [&[("settled", "neither")][..], &[]] {
            let unread = carol.post(&address, said).await;
            assert_eq!(unread.status, 422, "{said:?}");
            assert!(unread.body.contains("it does not say what is to become of it"), "{said:?}: {}", unread.body);
        }
        t.settle().await;
        assert_eq!(t.proposal().await.status, Status::Held);
    });
}

#[test]
fn a_slash_at_the_end_of_an_address_is_forgiven_and_leads_to_no_other_site() {
    run_test(async |t: &mut TestApp| {
        let carol = Visitor::member(t, &t.slack, "carol").await;
        for (typed, meant) in [("/main/", "/main"), ("/main/policies/?before=7", "/main/policies?before=7")] {
            let reply = carol.get(typed).await;
            let head = reply.head.to_lowercase();
            assert_eq!(reply.status, 308, "{typed}: {head}");
            assert!(head.lines().any(|line| line.trim_end() == format!("location: {meant}")), "{typed}: {head}");
        }
        for typed in ["//evil.example/", "///", "/main//", "/\\evil.example/", "/nowhere"] {
            let reply = carol.get(typed).await;
            assert!(matches!(reply.status, 400 | 404), "{typed}: {}", reply.head);
        }
        assert_eq!(carol.post("/main/", &[]).await.status, 404, "what is sent is not sent on");
    });
}

#[test]
fn a_form_that_cannot_be_taken_is_said_to_be_so_without_the_words_of_a_program() {
    run_test(async |t: &mut TestApp| {
        let carol = Visitor::member(t, &t.slack, "carol").await;
        let incomplete = carol.post("/main/kit", &[]).await;
        assert_eq!(incomplete.status, 422);
        assert!(incomplete.body.contains("the field `kit` is missing"), "{}", incomplete.body);
        let endless = "x".repeat(2 << 20);
        let large = carol.post("/main/documents/new", &[("name", "Charter"), ("text", &endless)]).await;
        assert_eq!(large.status, 413, "{}", large.head);
        assert!(large.body.contains("This is more than a form may hold"), "{}", large.body);
    });
}

#[test]
fn a_page_says_when_it_was_made_by_the_clock_that_everything_goes_by() {
    run_test(async |t: &mut TestApp| {
        let carol = Visitor::member(t, &t.slack, "carol").await;
        t.advance(std::time::Duration::from_hours(24 * 3)).await;
        let shown = carol.get("/main").await.body;
        assert!(shown.contains(&format!("data-now=\"{}\"", t.clock.now())), "{shown}");
    });
}
