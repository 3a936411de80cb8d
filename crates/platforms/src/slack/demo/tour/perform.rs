//! Doing a step of the tour for the visitor, and waiting until it has come about.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;

use super::{
    super::{
        cast::{Cast, Part},
        page::{Inner, in_words},
        people::{LOUNGE, TEAM},
    },
    SKIP, Step,
};
use crate::{
    demo::{Amend, Wanted},
    slack::fake::{Act, Denied, MessageView, Press, Ts},
};

/// How long what follows from something done may take, before the visitor is told that it takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a question that is on its way may take, before it is taken for one that is not.
const ON_ITS_WAY: Duration = Duration::from_millis(1_500);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// What does a step for the visitor.
pub(super) enum Deed {
    /// Somebody writes this in a channel.
    Say(Part, &'static str, fn(&Cast) -> &str),
    /// Somebody gives the channel that may be renamed another name.
    Rename(Part),
    /// Some of those who are asked agree.
    Agree(&'static Question),
    /// Three days pass.
    Wait,
    /// Somebody proposes another version of the rule about the word.
    Amend(Part, fn(&Cast) -> Amend),
    /// Nothing but the visitor's looking at this address.
    Open(&'static str),
}

/// A question with buttons below it.
pub(super) struct Question {
    /// Where it is asked.
    pub(super) channel: &'static str,
    /// Words by which it is known.
    pub(super) about: &'static str,
    /// Who presses, in this order; who has pressed already is left alone: a second time takes a vote back.
    pub(super) by: &'static [Part],
    /// How many have to have pressed.
    pub(super) needed: usize,
    /// What leads to such a question, where none is open.
    pub(super) otherwise: &'static Deed,
}

/// Where a step that was done can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Scene {
    user: &'static str,
    channel: &'static str,
}

impl Deed {
    /// What the visitor opens, where they do it themselves.
    pub(super) const fn opens(&self) -> Option<&'static str> {
        if let Self::Open(address) = self { Some(*address) } else { None }
    }
}

/// Does a step for the visitor, waits until it has come about, and says where it can be seen.
///
/// # Errors
/// Says in a sentence what stands in the way.
pub(in super::super) async fn perform(page: &Inner, step: &'static Step) -> Result<Scene, String> {
    let (part, channel) = step.look;
    let scene = Scene { user: part.account(), channel };
    if step.deed.opens().is_some() || (step.done)(&page.seen()) {
        return Ok(scene);
    }
    match &step.deed {
        Deed::Agree(question) => agree(page, question).await?,
        deed => begin(page, deed).await?,
    }
    until(PATIENCE, || (step.done)(&page.seen()).then_some(scene.clone())).await.ok_or_else(late)
}

fn late() -> String {
    "What follows takes longer than usual. Wait a moment, then press “Show me” once more.".to_owned()
}

/// Does what needs no question to be there.
async fn begin(page: &Inner, deed: &Deed) -> Result<(), String> {
    let denied = |denied: Denied| in_words(&denied);
    match deed {
        Deed::Say(part, channel, text) => {
            page.fake.post(TEAM, part.account(), channel, text(&page.cast)).await.map(drop).map_err(denied)
        }
        Deed::Rename(part) => {
            let now = page.fake.channel(TEAM, LOUNGE, None).map_err(denied)?.channel.name;
            let [one, other] = page.cast.wishes;
            let name = if now == one { other } else { one };
            page.fake.rename(TEAM, part.account(), LOUNGE, name).await.map(drop).map_err(denied)
        }
        Deed::Wait => {
            page.props.stagehand.skip(SKIP);
            Ok(())
        }
        Deed::Amend(part, amend) => {
            let wanted = Wanted { account: part.account(), rule: page.cast.word_rule(), amend: amend(&page.cast) };
            page.props.stagehand.amend(wanted).await
        }
        Deed::Agree(_) | Deed::Open(_) => Ok(()),
    }
}

/// As many as are needed press the first button below the question. Where none is open, and none comes, it is led to first.
async fn agree(page: &Inner, question: &Question) -> Result<(), String> {
    let asked = || open_question(page, question);
    let found = match until(ON_ITS_WAY, asked).await {
        Some(found) => found,
        None => {
            begin(page, question.otherwise).await?;
            until(PATIENCE, asked).await.ok_or_else(late)?
        }
    };
    let mut pressed: BTreeSet<String> = voted(page, &found.ts);
    for part in question.by {
        if pressed.len() >= question.needed {
            break;
        }
        let button = found.controls.first().map(|control| control.action_id.clone()).unwrap_or_default();
        if pressed.insert(part.account().to_owned()) {
            let on = Press::ActionId(button);
            let press = Act::Press { channel: question.channel.to_owned(), ts: found.ts.clone(), on, option: None };
            page.fake.act(TEAM, part.account(), press).await.map_err(|denied| in_words(&denied))?;
        }
    }
    Ok(())
}

/// The newest question of this sort that can still be answered. Where as many have answered as it takes, its buttons are
/// about to go.
fn open_question(page: &Inner, question: &Question) -> Option<MessageView> {
    let view = page.fake.channel(TEAM, question.channel, question.by.first().map(|part| part.account())).ok()?;
    let is_open = |m: &MessageView| {
        !m.controls.is_empty() && m.text.contains(question.about) && voted(page, &m.ts).len() < question.needed
    };
    view.messages.into_iter().rev().find(is_open)
}

/// Who has pressed a button below it.
fn voted(page: &Inner, ts: &Ts) -> BTreeSet<String> {
    let clicks = page.fake.clicks();
    clicks.iter().filter(|c| c.ts == *ts && c.taken()).map(|c| c.user.to_string()).collect()
}

/// Looks until there is something to see; `None` when that takes longer than `patience`.
async fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let mut again = tokio::time::interval(LOOK);
    let watch = async {
        loop {
            again.tick().await;
            if let Some(found) = look() {
                return found;
            }
        }
    };
    tokio::time::timeout(patience, watch).await.ok()
}
