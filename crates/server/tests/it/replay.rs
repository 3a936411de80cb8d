//! Running evaluations again finds those whose record is not what their code does.

use policykit_core::{ids::EvaluationId, policy::Verdict};
use policykit_engine::ReplayReport;
use policykit_store::Changes;
use policykit_testkit::{Draft, Kind, Setup, TestApp};

use crate::{policies::POST, serve};

/// An application whose books are wrong at the end, so that the checks which hold after every other test do not.
fn with_wrong_books(body: &impl AsyncFn(&mut TestApp)) {
    for kind in Kind::available() {
        let world = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        world.expect("a runtime").block_on(async {
            let mut t = TestApp::start(kind, serve, Setup::default()).await;
            body(&mut t).await;
            t.kill().await;
        });
    }
}

#[test]
fn an_evaluation_recorded_otherwise_than_it_goes_is_found_out() {
    with_wrong_books(&async |t: &mut TestApp| {
        t.policy(Draft::platform("Everything passes", &[POST]).check("return PASSED")).await;
        t.slack.post("alice", "C0GENERAL", "hello").await;
        t.settle().await;
        let honest = t.survey().await.evaluations.remove(0);
        let mut forged = honest.clone();
        forged.seq = 2;
        forged.id = EvaluationId::derive(forged.proposal, forged.seq);
        forged.verdict = Some(Verdict::Failed);
        let mut failed = forged.clone();
        failed.seq = 3;
        failed.id = EvaluationId::derive(failed.proposal, failed.seq);
        (failed.verdict, failed.error) = (None, Some("it never failed".to_owned()));
        let (db, rows) = (t.db(), vec![forged.clone(), failed.clone()]);
        let commit = async move { db.commit(Changes { evaluations: rows, ..Changes::default() }).await };
        t.node().on(commit).await.expect("it is written down");
        for (evaluation, same) in [(honest, true), (forged, false), (failed, false)] {
            let engine = t.engine();
            let again = async move { engine.replay(evaluation.community, evaluation.id).await };
            let report = t.node().on(again).await.expect("it can be run again");
            assert_eq!(report == ReplayReport::Same, same, "{report:?}");
            assert_eq!(matches!(report, ReplayReport::Differs(_)), !same, "{report:?}");
        }
    });
}
