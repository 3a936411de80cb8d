//! What trigger policies hear, for each event that the descriptor offers.

use policykit_core::proposal::Status;
use policykit_testkit::{Draft, TestApp};

use super::{Stand, descriptor_of, everywhere, govern, settle};

/// Every event reaches the policies that ask for it, and no others.
pub(super) fn every_event<S: Stand>() {
    let triggers = descriptor_of(S::ID).triggers;
    everywhere(async |t: &mut TestApp, stand: &mut S| {
        for of in &triggers {
            let filter = format!("return action.event_type == '{}'", of.event_type);
            let hears = Draft::trigger(of.event_type, &["webhooktriggeraction"])
                .filter(&filter)
                .check("return PASSED")
                .success("x = action.data.keys()");
            govern(t, stand, hears).await;
        }
        let mut told = 0;
        for of in &triggers {
            let before = t.survey().await.proposals.len();
            if !stand.tells(t, of.event_type).await {
                continue;
            }
            told += 1;
            settle(t, stand).await;
            let survey = t.survey().await;
            let is_it = |p: &policykit_core::proposal::Proposal| {
                let action = survey.actions.iter().find(|action| action.id == p.action).expect("its action");
                action.fields.get("event_type").is_some_and(|event| event == of.event_type)
            };
            let heard: Vec<_> = survey.proposals.iter().skip(before).collect();
            assert!(survey.proposals.iter().any(is_it), "{} is heard; what is: {heard:#?}", of.event_type);
        }
        // What is rare on a platform may be missing at its stand-in; what people do every day may not.
        assert!(told * 4 >= triggers.len(), "only {told} of {} events were tried", triggers.len());
        let survey = t.survey().await;
        let errors: Vec<_> = survey.evaluations.iter().filter_map(|e| e.error.as_ref()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert!(survey.proposals.iter().all(|p| p.status == Status::Passed), "{:#?}", survey.proposals);
    });
}
