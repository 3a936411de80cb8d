//! The guided tour: what to do next, what has been done already, and doing it for the visitor.
//!
//! Progress is read from the fake's own record, so a step counts however it came about, and reloading loses nothing.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use super::people::{GENERAL, RANDOM, SHOW, STEWARDS, TEAM};
use crate::slack::fake::{Act, Cause, Change, Denied, Entry, Fake, Press, What};

/// How far "Skip three days" goes; a little more, so that what ends after three days has ended.
pub(super) const SKIP: Duration = Duration::from_secs(3 * 24 * 60 * 60 + 60);

const SPOILER: &str = "Spoiler: in the end the clockmaker did it.";
const LINK: &str = "Found this for the lathe: https://example.org/free-chisels";

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
}

const STEPS: [Step; 7] = [Step::Spoil, Step::Rename, Step::Vote, Step::Wait, Step::Link, Step::Judge, Step::Read];

/// How the page shows a step.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// A few words for the list.
    pub(super) title: &'static str,
    /// The heading while it is the next step.
    pub(super) heading: &'static str,
    /// What to do and what will happen.
    pub(super) text: &'static str,
    pub(super) done: bool,
}

impl Step {
    pub(super) fn numbered(number: usize) -> Option<Self> {
        STEPS.get(number).copied()
    }

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Spoil => (
                "Break a rule",
                "Break a rule",
                "This is a small community with four rules. One says: no spoilers. Write a message with the word *spoiler* \
                 and watch it go. You alone are told why.",
            ),
            Self::Rename => (
                "Rename a channel",
                "Rename a channel",
                "Open #random, press *Rename* and give it another name. The rule puts the old name back and asks \
                 everybody in #general.",
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
                "Become *Bob, newcomer* and post any link in #show-and-tell. Links of newcomers wait for a steward; \
                 Bob is told so.",
            ),
            Self::Judge => (
                "Decide as a steward",
                "Decide as a steward",
                "Become *Ama, steward*, open #stewards and press *Yes*. Bob's link appears. Nobody but stewards can \
                 answer this one: try it as Fen.",
            ),
            Self::Read => (
                "Read why",
                "Read why",
                "Everything that happened is on record: which rules were asked, what they read, what they decided, \
                 who voted. Open the record on the web.",
            ),
        }
    }
}

/// All steps with what has been done.
pub(super) fn tour(record: &[Entry], voters: usize, has_read: bool) -> Vec<Shown> {
    let seen = Seen::of(record);
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
            };
            Shown { title, heading, text, done }
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
}

impl Seen {
    fn of(record: &[Entry]) -> Self {
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
                    seen.spoiler_gone |= text.to_lowercase().contains("spoiler");
                    if text.contains("http") {
                        seen.link_gone = true;
                        gone.insert((channel.to_string(), text.clone()));
                    }
                }
                (Cause::Call(_), Change::Posted { channel, text, .. }) => {
                    let channel = channel.to_string();
                    seen.link_back |= gone.iter().any(|(place, link)| *place == channel && text.contains(link));
                }
                _ => {}
            }
        }
        seen
    }
}

/// Does a step for the visitor. `Ok(None)` when there is nothing to do in the chat.
///
/// # Errors
/// As the fake refuses it, such as when there is no vote to take part in yet.
pub(super) async fn show(fake: &Fake, step: Step) -> Result<Option<&'static str>, Denied> {
    match step {
        Step::Spoil => {
            fake.post(TEAM, "fen", GENERAL, SPOILER).await?;
            Ok(Some(GENERAL))
        }
        Step::Rename => {
            let now = fake.channel(TEAM, RANDOM, None)?.channel.name;
            let wish = if now == "workbench" { "sawdust" } else { "workbench" };
            fake.rename(TEAM, "fen", RANDOM, wish).await?;
            Ok(Some(GENERAL))
        }
        Step::Vote => {
            for who in ["ama", "ines"] {
                agree(fake, who, GENERAL).await?;
            }
            Ok(Some(GENERAL))
        }
        Step::Link => {
            fake.post(TEAM, "bob", SHOW, LINK).await?;
            Ok(Some(SHOW))
        }
        Step::Judge => {
            agree(fake, "ama", STEWARDS).await?;
            Ok(Some(SHOW))
        }
        Step::Wait | Step::Read => Ok(None),
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
        Change::Renamed { channel: ChannelId::from(RANDOM), from: from.into(), to: to.into() }
    }

    fn done(record: &[Entry]) -> Vec<bool> {
        tour(record, 0, false).iter().map(|s| s.done).collect()
    }

    #[test]
    fn a_rename_counts_when_it_is_undone_and_the_vote_when_it_is_done_again() {
        let fen = || Cause::Person(UserId::from("U0FEN"));
        let mut changes = vec![(fen(), renamed("random", "workbench"))];
        assert_eq!(done(&record(changes.clone())), [false; 7]);
        changes.push((Cause::Call(1), renamed("workbench", "random")));
        assert_eq!(done(&record(changes.clone())), [false, true, false, false, false, false, false]);
        changes.push((Cause::Call(2), renamed("random", "workbench")));
        assert_eq!(done(&record(changes)), [false, true, true, true, false, false, false]);
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
        let mut changes = vec![(Cause::Call(1), deleted(LINK)), (Cause::Call(2), posted(STEWARDS, LINK))];
        assert_eq!(done(&record(changes.clone())), [false, false, false, false, true, false, false]);
        changes.push((Cause::Call(3), posted(SHOW, LINK)));
        assert_eq!(done(&record(changes)), [false, false, false, false, true, true, false]);
    }
}
