//! The guided tour: what to do next, and what has been done already.

mod perform;
mod seen;

use std::time::Duration;

use serde::Serialize;

pub(super) use self::{perform::perform, seen::Seen};
use self::{
    perform::{Deed, Question},
    seen::ASKS,
};
use super::{
    cast::{Cast, Part},
    people::{COUNCIL, GENERAL, SHOW},
};
use crate::demo::Amend;

/// How far "Skip three days" goes; a little more, so that what ends after three days has ended.
pub(super) const SKIP: Duration = Duration::from_secs(3 * 24 * 60 * 60 + 60);

/// A step of the tour. Its texts have gaps that the cast fills in.
pub(super) struct Step {
    /// A few words for the list.
    title: &'static str,
    /// The heading while it is the next step.
    heading: &'static str,
    /// What to do and what will happen.
    text: &'static str,
    /// Whether it has been done, however that came about.
    done: fn(&Seen) -> bool,
    /// What does it for the visitor.
    deed: Deed,
    /// As whom to look at it, and in which channel.
    look: (Part, &'static str),
    /// What is to be seen there when it has been done for the visitor.
    shown: &'static str,
}

/// Who is asked in the channel of everybody, in the order in which they press for the visitor.
const EVERYBODY: &[Part] = &[Part::Ama, Part::Ines, Part::Theo, Part::Grace, Part::Fen];

const RENAME: Question =
    Question { channel: GENERAL, about: "proposes: #", by: EVERYBODY, needed: 2, otherwise: &Deed::Rename(Part::Fen) };
const LINK: Question = Question {
    channel: COUNCIL,
    about: "wants to post this",
    by: &[Part::Ama, Part::Grace],
    needed: 1,
    otherwise: &Deed::Say(Part::Bob, SHOW, |cast| &cast.link),
};
const CHANGE: Question = Question {
    channel: GENERAL,
    about: ASKS,
    by: EVERYBODY,
    needed: 2,
    otherwise: &Deed::Amend(Part::Fen, |cast| Amend::Replace { old: cast.word, new: cast.other_word }),
};
const RETURN: Question = Question { otherwise: &Deed::Amend(Part::Fen, |_| Amend::RollBack), ..CHANGE };

/// The steps in their order.
pub(super) static STEPS: [Step; 10] = [
    Step {
        title: "Break a rule",
        heading: "Break a rule",
        text: "One of this community’s rules says: no *{{word}}* here. Write a message with that word and watch it go. You \
               alone are told why.",
        done: |seen| seen.spoiler_gone,
        deed: Deed::Say(Part::Fen, GENERAL, |cast| &cast.slip),
        look: (Part::Fen, GENERAL),
        shown: "{{fen}} wrote a message with *{{word}}* in it. It was taken out at once, and {{fen}} alone is told why.",
    },
    Step {
        title: "Rename a channel",
        heading: "Rename a channel",
        text: "Open #{{lounge}}, press *Rename* and give it another name, such as {{wish}}. The rule puts the old name back \
               and asks everybody in #general.",
        done: |seen| seen.undone,
        deed: Deed::Rename(Part::Fen),
        look: (Part::Fen, GENERAL),
        shown: "{{fen}} renamed a channel. It has its old name again, and everybody is asked here, in #general.",
    },
    Step {
        title: "Vote as two people",
        heading: "Now vote, as two people",
        text: "In #general, press *Yes* under the question. Then change who you are at the top, and vote again. Press \
               another button to change a vote, the same one to take it back.",
        done: |seen| seen.voters >= 2 || seen.redone || seen.kept,
        deed: Deed::Agree(&RENAME),
        look: (Part::Ama, GENERAL),
        shown: "Two people have pressed *Yes* under the question in #general.",
    },
    Step {
        title: "Let three days pass",
        heading: "Let the vote end",
        text: "It passes with three votes for it, or after three days with more for than against. Press *Skip three days* \
               at the top: the channel gets its new name by itself.",
        done: |seen| seen.redone || seen.kept,
        deed: Deed::Wait,
        look: (Part::Ama, GENERAL),
        shown: "Three days have passed, and the vote has ended: see what became of the name in the list of channels.",
    },
    Step {
        title: "Post a link as the newcomer",
        heading: "Be new here",
        text: "Become *{{bob}}, newcomer* and post any link in #{{show}}. Links of newcomers are held for a steward; {{bob}} \
               is told so.",
        done: |seen| seen.link_gone,
        deed: Deed::Say(Part::Bob, SHOW, |cast| &cast.link),
        look: (Part::Bob, SHOW),
        shown: "You are {{bob}} now, who posted a link in #{{show}}. It waits for a steward, and {{bob}} alone is told so.",
    },
    Step {
        title: "Decide as a steward",
        heading: "Decide as a steward",
        text: "Become *{{ama}}, steward*, open #{{council}} and press *Yes*. The link of {{bob}} appears. Nobody but stewards \
               can answer this one: try it as {{fen}}. A new topic of #{{show}} is asked about there too: set one as \
               {{fen}}.",
        done: |seen| seen.link_back,
        deed: Deed::Agree(&LINK),
        look: (Part::Ama, COUNCIL),
        shown: "A steward pressed *Yes* here, in #{{council}}, which stewards alone can see. The link is in #{{show}} now.",
    },
    Step {
        title: "Read why",
        heading: "Read why",
        text: "Everything that happened is on record: which rules were asked, what they read, what they decided, who \
               voted. Press *Show me* and sign in as anybody.",
        done: |seen| seen.has_read,
        deed: Deed::Open("/demo/web?next=%2Fmain%2Fdecisions"),
        look: (Part::Fen, GENERAL),
        shown: "The record is open in another tab. Come back here when you have read enough.",
    },
    Step {
        title: "Change the rule itself",
        heading: "Change the rule itself",
        text: "On the web, open *Rules* and the one about *{{word}}*. Write another word in its filter, such as *{{other}}*, \
               and propose it. Saving is proposing: everybody is asked in #general.",
        done: |seen| seen.asked > 0,
        deed: Deed::Amend(Part::Fen, |cast| Amend::Replace { old: cast.word, new: cast.other_word }),
        look: (Part::Fen, GENERAL),
        shown: "{{fen}} proposed that the rule be about *{{other}}* from now on. Everybody is asked here, in #general; on the \
                web, *Rules* shows where it is written.",
    },
    Step {
        title: "Vote for the change",
        heading: "Vote for the change",
        text: "Back here, in #general, two votes decide: press *Yes*, become somebody else, press it again. From then on the \
               new version governs. Try both words.",
        done: |seen| seen.changed > 0,
        deed: Deed::Agree(&CHANGE),
        look: (Part::Ama, GENERAL),
        shown: "Two people have pressed *Yes*, and the new version of the rule governs. Try both words.",
    },
    Step {
        title: "Roll it back",
        heading: "Roll it back",
        text: "Every version is kept. On the web, go back to version 1 of the rule: that is a proposal too, and two votes \
               decide.",
        done: |seen| seen.changed > 1,
        deed: Deed::Agree(&RETURN),
        look: (Part::Ama, GENERAL),
        shown: "{{fen}} proposed to go back to version 1, two people pressed *Yes*, and the rule is as it was.",
    },
];

/// How the page shows a step.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    title: String,
    heading: String,
    text: String,
    pub(super) done: bool,
    /// What is opened in another tab to do it, where it is done there.
    open: Option<&'static str>,
    shown: String,
}

/// All steps with what has been done.
pub(super) fn tour(cast: &Cast, seen: &Seen) -> Vec<Shown> {
    STEPS
        .iter()
        .map(|step| Shown {
            title: cast.fill(step.title),
            heading: cast.fill(step.heading),
            text: cast.fill(step.text),
            done: (step.done)(seen),
            open: step.deed.opens(),
            shown: cast.fill(step.shown),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use policykit_core::Timestamp;

    use super::{
        super::people::{LOUNGE, TEAM},
        seen::{CHANGED, KEPT},
        *,
    };
    use crate::slack::fake::{Cause, Change, ChannelId, Entry, TeamId, Ts, UserId, What};

    fn record(changes: Vec<(Cause, Change)>) -> Vec<Entry> {
        changes
            .into_iter()
            .zip(1..)
            .map(|((cause, change), seq)| Entry {
                seq,
                at: Timestamp::default(),
                what: What::Effect { team: TeamId::from(TEAM), cause, change },
            })
            .collect()
    }

    fn renamed(from: &str, to: &str) -> Change {
        Change::Renamed { channel: ChannelId::from(LOUNGE), from: from.into(), to: to.into() }
    }

    fn done(record: &[Entry]) -> Vec<bool> {
        let cast = Cast::of(7);
        tour(&cast, &Seen::of(&cast, record, &[], false)).iter().map(|s| s.done).collect()
    }

    #[test]
    fn a_rename_counts_when_it_is_undone_and_the_vote_when_it_is_done_again() {
        let fen = || Cause::Person(UserId::from(Part::Fen.account()));
        let mut changes = vec![(fen(), renamed("random", "workbench"))];
        assert_eq!(done(&record(changes.clone())), [false; 10]);
        changes.push((Cause::Call(1), renamed("workbench", "random")));
        assert_eq!(
            done(&record(changes.clone())),
            [false, true, false, false, false, false, false, false, false, false]
        );
        changes.push((Cause::Call(2), renamed("random", "workbench")));
        assert_eq!(done(&record(changes)), [false, true, true, true, false, false, false, false, false, false]);
    }

    #[test]
    fn a_link_is_back_only_where_it_was_taken_out() {
        let deleted =
            |text: &str| Change::Deleted { channel: ChannelId::from(SHOW), ts: Ts::from("1.0"), text: text.into() };
        let posted = |channel: &str, text: &str| Change::Posted {
            channel: ChannelId::from(channel),
            ts: Ts::from("2.0"),
            user: UserId::from("U0BOT"),
            text: text.into(),
            metadata: None,
            thread_ts: None,
        };
        let link = Cast::of(7).link;
        let mut changes = vec![(Cause::Call(1), deleted(&link)), (Cause::Call(2), posted(COUNCIL, &link))];
        assert_eq!(
            done(&record(changes.clone())),
            [false, false, false, false, true, false, false, false, false, false]
        );
        changes.push((Cause::Call(3), posted(SHOW, &link)));
        assert_eq!(done(&record(changes)), [false, false, false, false, true, true, false, false, false, false]);
    }

    #[test]
    fn a_change_counts_when_it_is_asked_about_when_it_is_made_and_when_another_one_follows() {
        let said = |text: &str| {
            (
                Cause::Call(1),
                Change::Posted {
                    channel: ChannelId::from(GENERAL),
                    ts: Ts::from("2.0"),
                    user: UserId::from("U0BOT"),
                    text: text.into(),
                    metadata: None,
                    thread_ts: None,
                },
            )
        };
        // The words are those of the policy, or nobody would ever finish the tour.
        let policy = include_str!("policies/changes_by_vote.json");
        assert!(policy.contains(ASKS) && policy.contains(CHANGED));
        let renames = include_str!("policies/renames_by_vote.json");
        assert!(renames.contains(KEPT) && renames.contains("proposes: #"));
        assert!(include_str!("policies/newcomers_links.json").contains(LINK.about));
        let mut changes = vec![said(ASKS)];
        assert_eq!(done(&record(changes.clone()))[7..], [true, false, false]);
        changes.push(said(CHANGED));
        assert_eq!(done(&record(changes.clone()))[7..], [true, true, false]);
        changes.extend([said(ASKS), said(CHANGED)]);
        assert_eq!(done(&record(changes))[7..], [true, true, true]);
    }
}
