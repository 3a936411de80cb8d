//! Undoing and doing, for each type of action that the descriptor offers.

use policykit_core::{
    call::OperationClass,
    descriptor::ActionType,
    proposal::{EffectStatus, Proposal, Status},
};
use policykit_testkit::{Draft, Kind, TestApp};

use super::{
    A_DAY, Stand, Trouble, a_day_later, at, descriptor_of, everywhere, govern, proposal, proposals, propose, settle,
    undoable,
};

/// What a call is made for.
const REVERT: &str = "revert";
const EXECUTE: &str = "execute";

fn forbid(of: &ActionType) -> Draft {
    Draft::platform("Never", &[of.codename]).check("return FAILED")
}

fn end(proposal: &Proposal) -> (Status, EffectStatus) {
    (proposal.status, proposal.effect)
}

/// Whatever can be undone is undone once, also where the platform tells of it twice.
pub(super) fn forbidden<S: Stand>() {
    for of in undoable(S::ID) {
        everywhere(async |t: &mut TestApp, stand: &mut S| {
            stand.prepare(t, of.codename).await;
            settle(t, stand).await;
            govern(t, stand, forbid(&of)).await;
            stand.repeats_itself(t);
            let Some(fields) = stand.happens(t, of.codename).await else {
                panic!("{} can be undone, so somebody must be able to do it there", of.codename)
            };
            settle(t, stand).await;
            assert!(!stand.is_so(t, of.codename, &fields), "{} stands: {fields:?}", of.codename);
            let proposal = proposal(t, stand, of.codename).await;
            assert_eq!(end(&proposal), (Status::Failed, EffectStatus::Done), "{}: {proposal:?}", of.codename);
            let calls = t.survey().await.calls;
            let undoing = calls.iter().filter(|call| call.purpose == REVERT && call.proposal == Some(proposal.id));
            assert_eq!(undoing.count(), 1, "{}: {calls:#?}", of.codename);
        });
    }
}

/// Tells of something contested until it passes, a day later.
async fn contest<S: Stand>(t: &mut TestApp, stand: &mut S, of: &ActionType) -> Proposal {
    contest_with(t, stand, of, &[], None).await
}

/// The same, where something befalls the operations that undo and do it.
async fn contest_with<S: Stand>(
    t: &mut TestApp,
    stand: &mut S,
    of: &ActionType,
    operations: &[String],
    trouble: Option<Trouble>,
) -> Proposal {
    let befall = |t: &TestApp, stand: &S| {
        for (operation, trouble) in operations.iter().zip(trouble.into_iter().cycle()) {
            stand.trouble(t, operation, trouble);
        }
    };
    stand.prepare(t, of.codename).await;
    settle(t, stand).await;
    govern(t, stand, a_day_later(of.codename, "PASSED")).await;
    befall(t, stand);
    let fields = stand.happens(t, of.codename).await.expect("somebody can do it");
    settle(t, stand).await;
    let why = format!("{} with {trouble:?}", of.codename);
    assert!(!stand.is_so(t, of.codename, &fields), "{why}: it is contested and stands");
    assert_eq!(proposal(t, stand, of.codename).await.status, Status::Proposed, "{why}");
    befall(t, stand);
    t.advance(A_DAY).await;
    settle(t, stand).await;
    assert!(stand.is_so(t, of.codename, &fields), "{why}: it has passed and does not stand");
    let proposal = proposal(t, stand, of.codename).await;
    assert_eq!(end(&proposal), (Status::Passed, EffectStatus::Done), "{why}: {proposal:?}");
    proposal
}

/// What is contested is undone until it passes, and what we do about it is nobody's action.
pub(super) fn contested<S: Stand>() {
    for of in undoable(S::ID) {
        everywhere(async |t: &mut TestApp, stand: &mut S| {
            contest(t, stand, &of).await;
        });
    }
}

/// What can be proposed here is done when it passes.
pub(super) fn proposed<S: Stand>() {
    for of in descriptor_of(S::ID).governable {
        everywhere(async |t: &mut TestApp, stand: &mut S| {
            stand.prepare(t, of.codename).await;
            let fields = stand.proposed(t, of.codename).await;
            settle(t, stand).await;
            govern(t, stand, a_day_later(of.codename, "PASSED")).await;
            propose(t, stand, of.codename, fields.clone()).await;
            settle(t, stand).await;
            assert!(!stand.is_so(t, of.codename, &fields), "{} is so before it has passed", of.codename);
            t.advance(A_DAY).await;
            settle(t, stand).await;
            let proposal = proposal(t, stand, of.codename).await;
            assert_eq!(end(&proposal), (Status::Passed, EffectStatus::Done), "{}: {proposal:?}", of.codename);
            assert!(stand.is_so(t, of.codename, &fields), "{} is not so: {fields:?}", of.codename);
        });
    }
}

/// A refusal is an outcome, and people read why.
pub(super) fn refused<S: Stand>() {
    for of in undoable(S::ID) {
        everywhere(async |t: &mut TestApp, stand: &mut S| {
            stand.prepare(t, of.codename).await;
            settle(t, stand).await;
            govern(t, stand, forbid(&of)).await;
            stand.refuses(t, of.codename);
            let fields = stand.happens(t, of.codename).await.expect("somebody can do it");
            settle(t, stand).await;
            assert!(stand.is_so(t, of.codename, &fields), "{} was undone against the platform's will", of.codename);
            let proposal = proposal(t, stand, of.codename).await;
            assert_eq!(end(&proposal), (Status::Failed, EffectStatus::Refused), "{}: {proposal:?}", of.codename);
            let note = proposal.effect_note.unwrap_or_default();
            assert!(note.contains(' '), "{}: why it was refused is said in words: `{note}`", of.codename);
        });
    }
}

/// Two of each type, told in the reverse order: neither is so in the end.
pub(super) fn reversed<S: Stand>() {
    for of in undoable(S::ID) {
        everywhere(async |t: &mut TestApp, stand: &mut S| {
            stand.prepare(t, of.codename).await;
            settle(t, stand).await;
            govern(t, stand, forbid(&of)).await;
            stand.holds_back(t);
            let mut both = Vec::new();
            for _ in 0..2 {
                both.push(stand.happens(t, of.codename).await.expect("somebody can do it"));
            }
            stand.turns_round(t).await;
            settle(t, stand).await;
            for one in &both {
                assert!(!stand.is_so(t, of.codename, one), "{} stands: {one:?}", of.codename);
            }
            let proposals = proposals(t, stand, of.codename).await;
            let ends: Vec<_> = proposals.iter().map(end).collect();
            assert_eq!(ends, [(Status::Failed, EffectStatus::Done); 2], "{}: {proposals:?}", of.codename);
        });
    }
}

/// Whatever befalls the requests, the end is the same; only what leaves no trace may stay uncertain.
pub(super) fn troubled<S: Stand>() {
    for (nth, of) in undoable(S::ID).iter().enumerate() {
        let mut operations = Vec::new();
        let mut is_blind = false;
        let learnt = std::sync::Mutex::new(Vec::new());
        at(&[Kind::Sqlite], async |t: &mut TestApp, stand: &mut S| {
            let proposal = contest(t, stand, of).await;
            let calls = t.survey().await.calls;
            let effects = calls.iter().filter(|call| {
                call.proposal == Some(proposal.id) && [REVERT, EXECUTE].iter().any(|p| call.purpose.starts_with(p))
            });
            let of_effects = effects.map(|call| (call.call.operation.to_string(), call.class));
            learnt.lock().expect("one thread").extend(of_effects);
        });
        for (operation, class) in learnt.into_inner().expect("one thread") {
            is_blind |= class == OperationClass::Blind;
            if !operations.contains(&operation) {
                operations.push(operation);
            }
        }
        assert!(!operations.is_empty(), "{} is undone by requests", of.codename);
        for (i, trouble) in Trouble::ALL.into_iter().enumerate() {
            // What nobody can look up is uncertain after a lost answer, and a person is asked.
            if is_blind && trouble.leaves_in_doubt() {
                continue;
            }
            let mut kinds = Kind::available();
            if i != nth % Trouble::ALL.len() {
                kinds.retain(|kind| *kind == Kind::Sqlite);
            }
            at(&kinds, async |t: &mut TestApp, stand: &mut S| {
                contest_with(t, stand, of, &operations, Some(trouble)).await;
            });
        }
    }
}
