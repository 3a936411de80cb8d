//! Plays a day: people act, people vote, the server is hurt; three threads that share nothing but the fake.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{
    fake::{Fake, Pressed, Seen},
    hurt::{Hurt, Saboteur},
    pace,
    random::Random,
    script::{Choice, Post, SQUARE, Script, What, question},
};
use crate::stage::Stopwatch;

/// Within this time after the last act every vote has to have appeared and been voted on.
const VOTING_LIMIT: Duration = Duration::from_secs(90);
/// Between two rounds of the voters.
const ROUND: Duration = Duration::from_millis(20);

/// What people did.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Every message with the id it got.
    pub(super) posts: Vec<(Post, String)>,
    /// Every press of a button.
    pub(super) presses: Vec<Press>,
    /// What was done to the server, for people to read.
    pub(super) hurts: Vec<Hurt>,
}

/// Somebody pressed a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Press {
    /// Place of the rename in the script.
    pub(super) rename: usize,
    /// Who.
    pub(super) voter: &'static str,
    /// Which.
    pub(super) choice: Choice,
    /// Whether the server took it.
    pub(super) acked: bool,
}

/// Plays the script to its end.
pub(super) fn play(script: &Script, seed: u64, fake: &Fake, saboteur: &mut dyn Saboteur) -> Result<Played> {
    let watch = Stopwatch::start();
    let (renamed, opened) = channel();
    let (hurt, orders) = channel();
    thread::scope(|scope| {
        let voters = scope.spawn(move || vote(script, seed, fake, &opened));
        let sabotage = scope.spawn(move || {
            let mut hurts = Vec::new();
            while let Ok((step, delay)) = orders.recv() {
                pace::pause(delay);
                let what = saboteur.hurt(fake)?;
                hurts.push(Hurt { at: watch.elapsed(), step, delay, what });
            }
            Ok::<_, anyhow::Error>(hurts)
        });
        let posts = act(script, fake, &renamed, &hurt);
        // The others end when nobody can tell them anything any more.
        drop((renamed, hurt));
        let presses = voters.join().map_err(|_| anyhow!("the voters panicked"));
        let hurts = sabotage.join().map_err(|_| anyhow!("the saboteur panicked"));
        // What went wrong with the server explains what went wrong with the people.
        let hurts = hurts??;
        Ok(Played { posts: posts?, presses: presses??, hurts })
    })
}

/// People write and rename; the others are told of each rename and each moment.
fn act(
    script: &Script,
    fake: &Fake,
    renamed: &Sender<usize>,
    hurt: &Sender<(usize, Duration)>,
) -> Result<Vec<(Post, String)>> {
    let mut posts = Vec::new();
    let mut moments = script.moments.iter().peekable();
    for (number, step) in script.steps.iter().enumerate() {
        match &step.what {
            What::Post(post) => {
                let acted =
                    fake.act(post.team, post.user, &json!({ "do": "post", "channel": SQUARE, "text": post.text() }))?;
                let ts = acted.get("ts").and_then(Value::as_str).context("a message got no id")?;
                posts.push((post.clone(), ts.to_owned()));
            }
            What::Rename(index) => {
                let rename = script.renames.get(*index).context("the script renames nothing there")?;
                let act = json!({ "do": "rename", "channel": rename.channel, "name": rename.new });
                fake.act(rename.team, rename.user, &act)?;
                // The voters may have given up, which they say themselves.
                let _gone = renamed.send(*index);
            }
        }
        while let Some(moment) = moments.next_if(|moment| moment.step <= number) {
            let _gone = hurt.send((moment.step, moment.delay));
        }
        pace::pause(step.pause);
    }
    for moment in moments {
        let _gone = hurt.send((moment.step, moment.delay));
    }
    Ok(posts)
}

/// A rename on its way to a decision.
struct Open {
    rename: usize,
    /// How many of the planned votes the server has taken.
    taken: usize,
}

/// People vote as planned: whoever sees an error presses again, as people do.
fn vote(script: &Script, seed: u64, fake: &Fake, opened: &Receiver<usize>) -> Result<Vec<Press>> {
    let mut random = Random::new(seed ^ 0x0b0e);
    let mut open: Vec<Open> = Vec::new();
    let mut presses = Vec::new();
    let mut last = Stopwatch::start();
    let mut over = false;
    while !(over && open.is_empty()) {
        loop {
            match opened.try_recv() {
                Ok(rename) => {
                    open.push(Open { rename, taken: 0 });
                    last = Stopwatch::start();
                }
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                    over = true;
                    break;
                }
            }
        }
        random.shuffle(&mut open);
        let mut still = Vec::with_capacity(open.len());
        for mut one in open {
            if step(script, fake, &mut one, &mut presses)? == Voting::GoesOn {
                still.push(one);
            }
        }
        open = still;
        if last.elapsed() > VOTING_LIMIT {
            let names: BTreeMap<_, _> = open
                .iter()
                .filter_map(|one| script.renames.get(one.rename).map(|r| ((r.team, r.new.as_str()), one.taken)))
                .collect();
            bail!("some votes never came to their end; votes taken of each: {names:?}");
        }
        pace::pause(ROUND);
    }
    Ok(presses)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voting {
    GoesOn,
    Over,
}

/// The next planned vote about one rename, if its message is there.
fn step(script: &Script, fake: &Fake, one: &mut Open, presses: &mut Vec<Press>) -> Result<Voting> {
    let rename = script.renames.get(one.rename).context("the script renames nothing there")?;
    let Some(vote) = rename.votes.get(one.taken) else { return Ok(Voting::Over) };
    let ts = match fake.look(rename.team, &rename.channel, &question(rename))? {
        Seen::Nothing => return Ok(Voting::GoesOn),
        // Decided by a vote whose answer got lost.
        Seen::Closed => return Ok(Voting::Over),
        Seen::Open(ts) => ts,
    };
    let acked = match fake.press(rename.team, vote.voter, &rename.channel, &ts, vote.choice)? {
        Pressed::Gone => return Ok(Voting::GoesOn),
        Pressed::Acked => true,
        Pressed::Failed => false,
    };
    presses.push(Press { rename: one.rename, voter: vote.voter, choice: vote.choice, acked });
    if acked {
        one.taken += 1;
    }
    Ok(if one.taken == rename.votes.len() { Voting::Over } else { Voting::GoesOn })
}
