//! What happens while policies cannot be run: nothing is decided, nothing is lost, and the node lives.

use std::{collections::BTreeSet, os::unix::fs::symlink, path::PathBuf, sync::Arc, time::Duration};

use policykit_core::{constitution::Amendment, ids::UserId, proposal::Status};
use policykit_engine::EngineError;
use policykit_policy::{Budget, Sandbox, WorkerOptions, Workers};
use policykit_store::InboxState;
use policykit_testkit::{Draft, Kind, Setup, TestApp, run_test_on, run_test_with};
use rustix::process::{Pid, Signal, kill_process};

use super::workers;
use crate::{
    policies::{POST, no_forbidden_word},
    serve,
};

const GENERAL: &str = "C0GENERAL";
const ADD_POLICY: &str = "can_execute_policykitaddconstitutionpolicy";
const TAKE_ROLE: &str = "can_execute_policykitremoveuserrole";

/// Runs a body on every database, with policies in workers whose program is there once it appears.
fn story(body: &impl AsyncFn(&mut TestApp, &Missing)) {
    for kind in Kind::available() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("policykit");
        let options = WorkerOptions {
            program: program.clone(),
            arguments: ["sandbox", "--memory-mib", "128"].map(str::to_owned).into(),
            count: 1,
            patience: Duration::from_millis(500),
            budget: Budget::default(),
        };
        let missing = Missing { pool: Arc::new(Workers::new(options).expect("a thread")), program };
        let setup = Setup { sandbox: Arc::clone(&missing.pool) as Arc<dyn Sandbox>, ..Setup::default() };
        run_test_on(kind, serve, &setup, async |t: &mut TestApp| body(t, &missing).await);
    }
}

/// Workers whose program is not there.
struct Missing {
    pool: Arc<Workers>,
    program: PathBuf,
}

impl Missing {
    /// Now it is; the first one runs, so that nobody who is in haste has to wait for its start.
    fn appear(&self) {
        symlink(env!("CARGO_BIN_EXE_policykit"), &self.program).expect("a link");
        self.pool.try_one().expect("it starts");
    }
}

async fn cannot_go_on(t: &TestApp, waiting: usize) {
    let why = t.node().drain().await.expect_err("it cannot be dealt with");
    assert!(matches!(why, EngineError::Nowhere(_)), "{why}");
    let inbox = t.survey().await.inbox;
    assert_eq!(inbox.iter().filter(|row| row.state == InboxState::New).count(), waiting, "it waits: {inbox:#?}");
}

#[test]
fn what_cannot_be_run_waits_until_it_can_whether_it_is_a_filter_or_a_check() {
    for policy in [no_forbidden_word(), no_forbidden_word().filter("")] {
        story(&async |t: &mut TestApp, missing: &Missing| {
            t.policy(policy.clone()).await;
            let posts = [
                t.slack.post("bob", GENERAL, "a forbidden word").await,
                t.slack.post("alice", GENERAL, "another forbidden word").await,
            ];
            t.fake().quiesce().await;
            // More often than a policy may fail.
            for _ in 0..6 {
                cannot_go_on(t, 2).await;
            }
            assert!(t.proposals(&t.slack).await.is_empty(), "nothing is decided or held");
            missing.appear();
            t.settle().await;
            let proposals = t.proposals(&t.slack).await;
            assert_eq!(proposals.len(), 2);
            assert!(proposals.iter().all(|p| p.status == Status::Failed && p.error.is_none()), "{proposals:#?}");
            assert!(posts.iter().all(|post| t.slack.message(GENERAL, post).is_none()), "they are carried out");
        });
    }
}

#[test]
fn a_change_of_the_rules_that_cannot_be_rehearsed_is_neither_made_nor_lost() {
    story(&async |t: &mut TestApp, missing: &Missing| {
        t.policy_in(t.slack.community, Draft::constitution("Changes", &[]).check("return PASSED").into()).await;
        let role = t.role(&t.slack, "Founders", &[ADD_POLICY, TAKE_ROLE], &["carol"]).await;
        let carol = UserId::derive(t.slack.installation, "U03");
        // She may do it without asking anybody, so only the rehearsal runs a policy.
        let change = Amendment::RemoveUserRole { role, users: BTreeSet::from([carol]) };
        t.propose(&t.slack, "carol", &change.action_type(), change.fields()).await;
        let holders = async || {
            let (db, community) = (t.db(), t.slack.community);
            let state = t.node().on(async move { db.community(community).state().await }).await.expect("a state");
            state.role_members.get(&carol).is_some_and(|roles| roles.contains(&role))
        };
        cannot_go_on(t, 1).await;
        assert!(holders().await, "it is not made unchecked");
        let (engine, community) = (t.engine(), t.slack.community);
        let way = t.node().on(async move { engine.changeable(community).await }).await;
        assert!(matches!(way, Err(EngineError::Nowhere(_))), "nobody is told that there is no way: {way:?}");
        missing.appear();
        t.settle().await;
        assert!(!holders().await, "it is made once it can be checked");
    });
}

#[test]
fn a_node_lives_while_all_its_workers_are_busy() {
    let pool = workers(1);
    let setup = Setup { sandbox: Arc::clone(&pool) as Arc<dyn Sandbox>, ..Setup::default() };
    run_test_with(serve, &setup, async |t: &mut TestApp| {
        t.policy(Draft::platform("Looks", &[POST]).filter("return action.text == 'x'").check("return FAILED")).await;
        t.slack.post("bob", GENERAL, "y").await;
        t.settle().await;
        let worker = pool.processes()[0];
        let signal = |signal| {
            let id = i32::try_from(worker).ok().and_then(Pid::from_raw).expect("a process");
            kill_process(id, signal).expect("it runs");
        };
        signal(Signal::STOP);
        let gone = t.slack.post("bob", GENERAL, "x").await;
        t.fake().quiesce().await;
        let work = t.node().drain_aside();
        // The node's runtime has one thread. Whoever kept it while waiting for a worker would keep the lease from being
        // renewed.
        let alive = async |rounds: usize| {
            for _ in 0..rounds {
                let beat = t.node().on(async { tokio::task::yield_now().await });
                tokio::time::timeout(Duration::from_secs(30), beat).await.expect("the node lives");
            }
        };
        while pool.busy() == 0 {
            alive(1).await;
        }
        alive(100).await;
        assert!(!work.is_finished(), "the policy has not been run");
        signal(Signal::CONT);
        work.await.expect("no panic").expect("it goes on");
        t.settle().await;
        assert!(t.slack.message(GENERAL, &gone).is_none(), "and does what it says");
    });
}
