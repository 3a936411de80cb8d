//! A workspace of the stand-in: what people do there and what they see.

use std::{sync::Arc, time::Duration};

use policykit_core::{
    FakeClock,
    ids::{CommunityId, InstallationId},
};
use policykit_platforms::slack::fake::{Act, ChannelView, Click, Denied, Fake, MessageView, Press, TeamId, Ts};

/// A workspace with a community that governs it.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The stand-in it is part of.
    pub fake: Fake,
    /// Its id.
    pub team: TeamId,
    /// The community.
    pub community: CommunityId,
    /// Its presence here.
    pub installation: InstallationId,
    pub(crate) clock: Arc<FakeClock>,
}

impl Workspace {
    /// Lets a person do something. Names, handles and ids of people and channels are understood.
    ///
    /// # Errors
    /// When the client would not let them.
    pub async fn act(&self, who: &str, act: Act) -> Result<policykit_platforms::slack::fake::Acted, Denied> {
        // People never do two things in the same microsecond, and deliveries are dealt with in the order of their time.
        self.clock.advance(Duration::from_millis(1));
        self.fake.act(self.team.as_str(), who, act).await
    }

    /// Somebody writes a message.
    pub async fn post(&self, who: &str, channel: &str, text: &str) -> Ts {
        let act = Act::Post { channel: channel.into(), text: text.into(), thread_ts: None };
        self.act(who, act).await.expect("they may write").ts.expect("a message has an id")
    }

    /// Somebody renames a channel.
    pub async fn rename(&self, who: &str, channel: &str, name: &str) {
        self.act(who, Act::Rename { channel: channel.into(), name: name.into() }).await.expect("they may rename");
    }

    /// Somebody pins a message.
    pub async fn pin(&self, who: &str, channel: &str, ts: &Ts) {
        self.act(who, Act::Pin { channel: channel.into(), ts: ts.clone() }).await.expect("they may pin");
    }

    /// Somebody adds somebody to a channel.
    pub async fn invite(&self, who: &str, channel: &str, whom: &str) {
        self.act(who, Act::Invite { channel: channel.into(), user: whom.into() }).await.expect("they may invite");
    }

    /// Somebody presses a button of a message and waits for the answer.
    ///
    /// # Errors
    /// When there is no such button.
    pub async fn press(&self, who: &str, channel: &str, ts: &Ts, label: &str) -> Result<Click, Denied> {
        self.clock.advance(Duration::from_millis(1));
        let message = self.message(channel, ts).ok_or(Denied::Refused("message_not_found"))?;
        let control = message.controls.iter().find(|c| c.label.contains(label));
        let on = control.map_or_else(|| Press::Label(label.to_owned()), |c| Press::ActionId(c.action_id.clone()));
        self.fake.press(self.team.as_str(), who, channel, ts, on).await
    }

    /// Somebody presses a button of the newest message of a channel that has buttons, and is not shown an error.
    pub async fn vote(&self, who: &str, channel: &str, label: &str) -> Click {
        let ts = self.vote_message(channel).expect("there is a message with buttons").ts;
        let click = self.press(who, channel, &ts, label).await.expect("there is such a button");
        assert!(click.taken(), "{who} is shown an error after pressing {label}: {:?}", click.answer);
        click
    }

    /// A channel as everybody sees it, by id or name.
    pub fn channel(&self, channel: &str) -> ChannelView {
        self.fake.channel(self.team.as_str(), channel, None).expect("there is such a channel")
    }

    /// The present name of a channel that was called `channel` at the start.
    pub fn name_of(&self, channel: &str) -> String {
        self.channel(channel).channel.name
    }

    /// A message, while it lives.
    pub fn message(&self, channel: &str, ts: &Ts) -> Option<MessageView> {
        self.channel(channel).messages.into_iter().find(|m| m.ts == *ts)
    }

    /// What people wrote and apps posted in a channel, without the platform's own lines.
    pub fn texts(&self, channel: &str) -> Vec<String> {
        self.channel(channel).messages.into_iter().filter(|m| m.subtype.is_none()).map(|m| m.text).collect()
    }

    /// The messages of the application's bot in a channel.
    pub fn bot_messages(&self, channel: &str) -> Vec<MessageView> {
        let team = self.fake.team(self.team.as_str()).expect("the workspace");
        self.channel(channel).messages.into_iter().filter(|m| m.user == team.bot_user).collect()
    }

    /// The newest message of a channel that has buttons.
    pub fn vote_message(&self, channel: &str) -> Option<MessageView> {
        self.channel(channel).messages.into_iter().rev().find(|m| !m.controls.is_empty())
    }

    /// What was said to one person alone in a channel.
    pub fn whispers(&self, who: &str, channel: &str) -> Vec<String> {
        let view = self.fake.channel(self.team.as_str(), channel, Some(who)).expect("they see the channel");
        view.messages.into_iter().filter(|m| m.ephemeral).map(|m| m.text).collect()
    }
}
