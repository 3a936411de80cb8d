//! What policies may call, for each method that the descriptor offers.

use policykit_core::{call::CallState, proposal::Status};
use policykit_testkit::{Draft, TestApp};

use super::{Stand, descriptor_of, everywhere, govern, proposal, settle, undoable};

/// Each method, with arguments that are good: the platform takes the request, and the policy goes on with what it returned.
pub(super) fn every_method<S: Stand>() {
    let about = undoable(S::ID).into_iter().next_back().expect("something that can be undone");
    everywhere(async |t: &mut TestApp, stand: &mut S| {
        stand.prepare(t, about.codename).await;
        let mut code = Vec::new();
        let methods = descriptor_of(S::ID).methods;
        for method in &methods {
            let arguments = stand.arguments(t, method.name).await;
            code.push(format!("x = {}.{}({arguments})", S::ID, method.name));
            code.push(format!("proposal.data.set('{}', str(x))", method.name));
        }
        settle(t, stand).await;
        govern(t, stand, Draft::platform("Everything", &[about.codename]).check(&code.join("\n")).notify("pass")).await;
        stand.happens(t, about.codename).await.expect("somebody can do it");
        settle(t, stand).await;
        let of = proposal(t, stand, about.codename).await;
        let survey = t.survey().await;
        let errors: Vec<_> = survey.evaluations.iter().filter_map(|e| e.error.as_ref()).collect();
        assert!(errors.is_empty(), "the policy goes through: {errors:?}\n{}", code.join("\n"));
        assert_eq!(of.status, Status::Proposed);
        let unsent: Vec<_> = survey.calls.iter().filter(|c| c.state != CallState::Sent).collect();
        assert!(unsent.is_empty(), "{unsent:#?}");
        for method in methods {
            assert!(of.data.contains_key(method.name), "{} was not reached", method.name);
        }
    });
}
