//! The guided tour: what to do next, what has been done already, and doing it for the visitor.
//!
//! Progress is read from the fake's own record, so a step counts however it came about, and reloading loses nothing.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use super::{
    cast::{Cast, Part},
    people::{COUNCIL, GENERAL, LOUNGE, SHOW, TEAM},
};
use crate::slack::fake::{Act, Cause, Change, Denied, Entry, Fake, Press, What};

/// How far "Skip three days" goes; a little more, so that what ends after three days has ended.
pub(super) const SKIP: Duration = Duration::from_secs(3 * 24 * 60 * 60 + 60);

/// What the policy about changes of the rules says in the chat. The tour recognises its steps by it.
const ASKS: &str = "wants to change the rule";
const CHANGED: &str = "has a new version";

/// A step of the tour, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Spoil,
    Rename,
    Vote,
    Wait,
    Link,
    Judge,
    Read,
    Change,
    Adopt,
    Return,
}

const STEPS: [Step; 10] = [
    Step::Spoil,
    Step::Rename,
    Step::Vote,
    Step::Wait,
    Step::Link,
    Step::Judge,
    Step::Read,
    Step::Change,
    Step::Adopt,
    Step::Return,
];

/// How the page shows a step.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// A few words for the list.
    pub(super) title: String,
    /// The heading while it is the next step.
    pub(super) heading: String,
    /// What to do and what will happen.
    pub(super) text: String,
    pub(super) done: bool,
}

impl Step {
    pub(super) fn numbered(number: usize) -> Option<Self> {
        STEPS.get(number).copied()
    }

    /// Title, heading and text, with gaps that the cast fills in.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Spoil => (
                "Break a rule",
                "Break a rule",
                "This is a small community with a few rules. One says: no *{{word}}* here. Write a message with that word \
                 and watch it go. You alone are told why.",
            ),
            Self::Rename => (
                "Rename a channel",
                "Rename a channel",
                "Open #{{lounge}}, press *Rename* and give it another name, such as {{wish}}. The rule puts the old name \
                 back and asks everybody in #general.",
            ),
            Self::Vote => (
                "Vote as two people",
                "Now vote, as two people",
                "In #general, press *Yes* under the question. Then change who you are at the top, and vote again. \
                 Press another button to change a vote, the same one to take it back.",
            ),
            Self::Wait => (
                "Let three days pass",
                "Let the vote end",
                "It passes with three votes for it, or after three days with more for than against. Press *Skip three \
                 days* at the top: the channel gets its new name by itself.",
            ),
            Self::Link => (
                "Post a link as the newcomer",
                "Be new here",
                "Become *{{bob}}, newcomer* and post any link in #{{show}}. Links of newcomers are held for a steward; \
                 {{bob}} is told so.",
            ),
            Self::Judge => (
                "Decide as a steward",
                "Decide as a steward",
                "Become *{{ama}}, steward*, open #{{council}} and press *Yes*. The link of {{bob}} appears. Nobody but \
                 stewards can answer this one: try it as {{fen}}. A new topic of #{{show}} is asked about there too: set \
                 one as {{fen}}.",
            ),
            Self::Read => (
                "Read why",
                "Read why",
                "Everything that happened is on record: which rules were asked, what they read, what they decided, \
                 who voted. Press *See it on the web* and sign in as whom you act as.",
            ),
            Self::Change => (
                "Change the rule itself",
                "Change the rule itself",
                "On the web, open *Rules* and the one about *{{word}}*. Write another word in its filter, such as \
                 *{{other}}*, and propose it. Saving is proposing: everybody is asked in #general.",
            ),
            Self::Adopt => (
                "Vote for the change",
                "Vote for the change",
                "Back here, in #general, two votes decide: press *Yes*, become somebody else, press it again. From then on \
                 the new version governs. Try both words.",
            ),
            Self::Return => (
                "Roll it back",
                "Roll it back",
                "Every version is kept. On the web, go back to version 1 of the rule: that is a proposal too, and two \
                 votes decide.",
            ),
        }
    }
}

/// All steps with what has been done.
pub(super) fn tour(cast: &Cast, record: &[Entry], voters: usize, has_read: bool) -> Vec<Shown> {
    let seen = Seen::of(cast, record);
    STEPS
        .iter()
        .map(|step| {
            let (title, heading, text) = step.words();
            let done = match step {
                Step::Spoil => seen.spoiler_gone,
                Step::Rename => seen.undone,
                Step::Vote => voters >= 2 || seen.redone,
                Step::Wait => seen.redone,
                Step::Link => seen.link_gone,
                Step::Judge => seen.link_back,
                Step::Read => has_read,
                Step::Change => seen.asked > 0,
                Step::Adopt => seen.changed > 0,
                Step::Return => seen.changed > 1,
            };
            Shown { title: cast.fill(title), heading: cast.fill(heading), text: cast.fill(text), done }
        })
        .collect()
}

#[derive(Debug, Default)]
struct Seen {
    spoiler_gone: bool,
    undone: bool,
    redone: bool,
    link_gone: bool,
    link_back: bool,
    asked: usize,
    changed: usize,
}

impl Seen {
    fn of(cast: &Cast, record: &[Entry]) -> Self {
        let mut seen = Self::default();
        let mut wished: BTreeSet<(String, String)> = BTreeSet::new();
        let mut gone: BTreeSet<(String, String)> = BTreeSet::new();
        for entry in record {
            let What::Effect { cause, change, .. } = &entry.what else { continue };
            match (cause, change) {
                (Cause::Person(_), Change::Renamed { channel, to, .. }) => {
                    wished.insert((channel.to_string(), to.clone()));
                }
                (Cause::Call(_), Change::Renamed { channel, from, to }) => {
                    seen.redone |= seen.undone && wished.contains(&(channel.to_string(), to.clone()));
                    seen.undone |= wished.contains(&(channel.to_string(), from.clone()));
                }
                (Cause::Call(_), Change::Deleted { channel, text, .. }) => {
                    seen.spoiler_gone |= text.to_lowercase().contains(cast.word);
                    if text.contains("http") {
                        seen.link_gone = true;
                        gone.insert((channel.to_string(), text.clone()));
                    }
                }
                (Cause::Call(_), Change::Posted { channel, text, .. }) => {
                    seen.asked = seen.asked.saturating_add(usize::from(text.contains(ASKS)));
                    seen.changed = seen.changed.saturating_add(usize::from(text.contains(CHANGED)));
                    let channel = channel.to_string();
                    seen.link_back |= gone.iter().any(|(place, link)| *place == channel && text.contains(link));
                }
                _ => {}
            }
        }
        seen
    }
}

/// What follows from doing a step for the visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// Look at this channel.
    Look(&'static str),
    /// The clock is to be moved.
    Skip,
    /// It is done on the web.
    Web,
}

/// Does a step for the visitor.
///
/// # Errors
/// As the fake refuses it, such as when there is no vote to take part in yet.
pub(super) async fn show(fake: &Fake, cast: &Cast, step: Step) -> Result<Then, Denied> {
    match step {
        Step::Spoil => {
            fake.post(TEAM, Part::Fen.account(), GENERAL, &cast.slip).await?;
            Ok(Then::Look(GENERAL))
        }
        Step::Rename => {
            let now = fake.channel(TEAM, LOUNGE, None)?.channel.name;
            let [one, other] = cast.wishes;
            fake.rename(TEAM, Part::Fen.account(), LOUNGE, if now == one { other } else { one }).await?;
            Ok(Then::Look(GENERAL))
        }
        Step::Vote | Step::Adopt => {
            for part in [Part::Ama, Part::Ines] {
                agree(fake, part.account(), GENERAL).await?;
            }
            Ok(Then::Look(GENERAL))
        }
        Step::Link => {
            fake.post(TEAM, Part::Bob.account(), SHOW, &cast.link).await?;
            Ok(Then::Look(SHOW))
        }
        Step::Judge => {
            agree(fake, Part::Ama.account(), COUNCIL).await?;
            Ok(Then::Look(SHOW))
        }
        Step::Wait => Ok(Then::Skip),
        Step::Read | Step::Change | Step::Return => Ok(Then::Web),
    }
}

/// Presses the first button of the newest message that has one.
async fn agree(fake: &Fake, who: &str, channel: &str) -> Result<(), Denied> {
    let view = fake.channel(TEAM, channel, Some(who))?;
    let asked =
        view.messages.iter().rev().find_map(|m| m.controls.first().map(|c| (m.ts.clone(), c.action_id.clone())));
    let (ts, button) = asked.ok_or(Denied::NoSuchControl(Press::Label("Yes".to_owned())))?;
    let press = Act::Press { channel: channel.to_owned(), ts, on: Press::ActionId(button), option: None };
    fake.act(TEAM, who, press).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use policykit_core::Timestamp;

    use super::*;
    use crate::slack::fake::{ChannelId, TeamId, Ts, UserId};

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
        tour(&Cast::of(7), record, 0, false).iter().map(|s| s.done).collect()
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
        let mut changes = vec![said(ASKS)];
        assert_eq!(done(&record(changes.clone()))[7..], [true, false, false]);
        changes.push(said(CHANGED));
        assert_eq!(done(&record(changes.clone()))[7..], [true, true, false]);
        changes.extend([said(ASKS), said(CHANGED)]);
        assert_eq!(done(&record(changes))[7..], [true, true, true]);
    }
}
