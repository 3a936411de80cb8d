//! What a filled-in ballot says.

use std::collections::BTreeSet;

use policykit_core::ballot::{BallotValue, Cast, PollKind};

use super::{
    super::booth::{self, Booth, Says, VoteView},
    seen, with_candidates,
};

fn filled(candidates: &[&str], was: &[&str], picks: &[&str]) -> booth::Filled {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    booth::Filled { choices: vec!["yes".into()], candidates: owned(candidates), was: owned(was), picks: owned(picks) }
}

#[test]
fn a_filled_in_ballot_about_candidates_says_what_was_changed_on_it_alone() {
    let story = with_candidates(&[]);
    let poll = story.proposal.poll.as_ref().expect("a vote");
    let said = booth::cast(poll, None, filled(&["Bo", "Ada", "Cy"], &["", "no", "yes"], &["yes", "", "yes"]));
    let wanted = [("Bo".to_owned(), Some("yes".to_owned())), ("Ada".to_owned(), None)];
    assert_eq!(said, Says::Ballot(Cast::Picks(wanted.into())), "what stands for Cy may be newer than the page");
    assert_eq!(booth::cast(poll, None, filled(&["Bo", "Ada"], &["", "no"], &["", "no"])), Says::NothingNew);
    for nothing in [
        filled(&["Bo", "Ada"], &["", ""], &["", ""]),
        filled(&["Bo"], &[""], &["yes", "no"]),
        filled(&["Bo"], &[], &["yes"]),
        filled(&[], &[], &[]),
    ] {
        assert_eq!(booth::cast(poll, None, nothing), Says::Nothing);
    }
}

#[test]
fn whatever_a_candidate_or_an_option_is_called_it_comes_back_as_it_was_sent() {
    let names = ["a\nb", "a\r\nb", "100% + 1 = \"x\" & <b>", "naïve 🙂", " ", "%41", ";", ""];
    for kind in [PollKind::Select, PollKind::Choice, PollKind::Multi] {
        for name in names {
            let mut story = with_candidates(&[]);
            let poll = story.proposal.poll.as_mut().expect("a vote");
            poll.kind = kind;
            poll.candidates = if kind == PollKind::Select { vec![name.to_owned()] } else { Vec::new() };
            poll.options = vec![name.to_owned(), "other".to_owned()];
            let Some(VoteView { booth: Booth::Open(ballot), .. }) = seen(&story).vote else { panic!("a ballot") };
            let poll = story.proposal.poll.as_ref().expect("a vote");
            let (sent, wanted) = match ballot.candidates.first() {
                // An option without a name cannot be told from none.
                Some(_) if name.is_empty() => continue,
                Some(who) => (
                    filled(&[&who.value], &[&who.was], &[&who.options[0].value]),
                    Cast::Picks([(name.to_owned(), Some(name.to_owned()))].into()),
                ),
                None => {
                    let wanted = [name.to_owned()];
                    let cast =
                        if kind == PollKind::Multi { Cast::Several(wanted.into()) } else { Cast::For(name.into()) };
                    (booth::Filled { choices: vec![ballot.options[0].value.clone()], ..booth::Filled::default() }, cast)
                }
            };
            assert!(!sent.choices.iter().chain(&sent.picks).any(|text| text.contains(['\n', '\r'])), "{sent:?}");
            assert_eq!(booth::cast(poll, None, sent), Says::Ballot(wanted), "{kind:?} {name:?}");
        }
    }
}

#[test]
fn several_choices_take_the_place_only_of_what_whoever_sends_them_has_seen() {
    let mut story = with_candidates(&[]);
    let poll = story.proposal.poll.as_mut().expect("a vote");
    poll.kind = PollKind::Multi;
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<String>>();
    let poll = &*poll;
    let says = |stands: &[&str], was: &[&str], chosen: &[&str]| {
        let own = (!stands.is_empty()).then(|| BallotValue::Multi(set(stands)));
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let filled = booth::Filled { choices: owned(chosen), was: owned(was), ..booth::Filled::default() };
        booth::cast(poll, own.as_ref(), filled)
    };
    assert_eq!(says(&[], &[], &["tea"]), Says::Ballot(Cast::Several(set(&["tea"]))));
    assert_eq!(says(&["tea"], &["tea"], &["tea", "cake"]), Says::Ballot(Cast::Several(set(&["tea", "cake"]))));
    assert_eq!(says(&["cake"], &["tea"], &["tea", "pie"]), Says::Outdated, "it would take back the cake");
    assert_eq!(says(&["cake"], &[], &["tea"]), Says::Outdated, "first said elsewhere");
    assert_eq!(says(&[], &["tea"], &["tea"]), Says::Outdated, "taken back elsewhere");
    assert_eq!(says(&["cake", "tea"], &["tea"], &["tea", "cake"]), Says::NothingNew, "it says the same");
    assert_eq!(says(&["tea"], &["tea"], &[]), Says::Nothing);
}
