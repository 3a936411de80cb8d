//! What has come about, read from the fake's own record: a step counts however it came about, and reloading loses nothing.

use std::collections::BTreeSet;

use super::super::{cast::Cast, people::GENERAL};
use crate::slack::fake::{Cause, Change, Click, Entry, What};

/// What the policy about changes of the rules says in the chat, by which its steps are recognised.
pub(super) const ASKS: &str = "wants to change the rule";
/// What it says when a change has passed.
pub(super) const CHANGED: &str = "The vote has passed";
/// What the policy about renames says when the channel is not renamed.
pub(super) const KEPT: &str = "keeps its name";

/// What has come about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in super::super) struct Seen {
    pub(super) spoiler_gone: bool,
    pub(super) undone: bool,
    pub(super) redone: bool,
    /// The name stays: the vote has ended that way.
    pub(super) kept: bool,
    pub(super) link_gone: bool,
    pub(super) link_back: bool,
    pub(super) asked: usize,
    pub(super) changed: usize,
    /// How many have voted in the channel where everybody is asked.
    pub(super) voters: usize,
    /// The record was opened.
    pub(super) has_read: bool,
}

impl Seen {
    /// What the record says, and who has pressed what.
    pub(in super::super) fn of(cast: &Cast, record: &[Entry], clicks: &[Click], has_read: bool) -> Self {
        let voters = clicks.iter().filter(|c| c.taken() && c.channel.as_str() == GENERAL).map(|c| &c.user);
        let voters = voters.collect::<BTreeSet<_>>().len();
        let mut seen = Self { voters, has_read, ..Self::default() };
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
                    seen.kept |= text.contains(KEPT);
                    let channel = channel.to_string();
                    seen.link_back |= gone.iter().any(|(place, link)| *place == channel && text.contains(link));
                }
                _ => {}
            }
        }
        seen
    }
}
