//! What happens on a day, drawn from its seed: who writes what, who renames which channel, who votes how, and when the
//! server is hurt. Both workspaces have the same names, ids of people and channels and policies, so that anything that
//! leaks from one into the other shows.

use std::time::Duration;

use serde_json::{Value, json};

use super::random::Random;

/// Messages on a day, both workspaces together.
const POSTS: u32 = 200;
/// Renames on a day, both workspaces together.
const RENAMES: u32 = 20;
/// Where messages are written.
pub(super) const SQUARE: &str = "C0SQUARE";
/// The administrator whose token the server acts with.
const ADMIN: &str = "U0ADA";
/// Everybody else.
const MEMBERS: [&str; 4] = ["U0BEN", "U0CYD", "U0DAN", "U0EVE"];
/// A pause after an act is at most this long, in milliseconds.
const LONGEST_PAUSE: u64 = 50;
/// The server is hurt at most so long after the act it follows, in milliseconds.
const LONGEST_DELAY: u64 = 400;

/// The workspaces, by their ids.
pub(super) const TEAMS: [&str; 2] = ["T0EAST", "T0WEST"];

/// A day.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// What people do, in order.
    pub(super) steps: Vec<Step>,
    /// The renames, as steps name them.
    pub(super) renames: Vec<Rename>,
    /// When the server is hurt, in order.
    pub(super) moments: Vec<Moment>,
}

/// One thing a person does, and how long nothing happens after it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// What.
    pub(super) what: What,
    /// The pause after it.
    pub(super) pause: Duration,
}

/// See [`Step`].
#[derive(Debug, Clone)]
pub(super) enum What {
    /// Somebody writes a message.
    Post(Post),
    /// Somebody renames a channel; place in [`Script::renames`].
    Rename(usize),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    /// Workspace.
    pub(super) team: &'static str,
    /// Author.
    pub(super) user: &'static str,
    /// What must become of it.
    pub(super) kind: PostKind,
    /// Number within the workspace.
    pub(super) number: u32,
}

impl Post {
    /// What it says.
    pub(super) fn text(&self) -> String {
        let word = match self.kind {
            PostKind::Allowed => "hello",
            PostKind::Forbidden => "forbidden",
            PostKind::Question => "question",
        };
        format!("{word} {} to all who read this", self.number)
    }
}

/// What must become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostKind {
    /// It stays.
    Allowed,
    /// It is deleted, and its author is told.
    Forbidden,
    /// It stays and is answered.
    Question,
}

/// A channel that is renamed and voted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rename {
    /// Workspace.
    pub(super) team: &'static str,
    /// Who renames.
    pub(super) user: &'static str,
    /// The channel.
    pub(super) channel: String,
    /// Its name before.
    pub(super) old: String,
    /// The name it is given.
    pub(super) new: String,
    /// Who votes how, in order; the one that decides is the last.
    pub(super) votes: Vec<Vote>,
}

/// A vote somebody means to cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vote {
    /// Who.
    pub(super) voter: &'static str,
    /// How.
    pub(super) choice: Choice,
}

/// How somebody votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Choice {
    /// For it.
    Yes,
    /// Against it.
    No,
}

impl Choice {
    /// The word the server stores.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
        }
    }

    /// The button's label contains it.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Yes => "Yes",
            Self::No => "No",
        }
    }
}

/// When the server is hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// After so many steps.
    pub(super) step: usize,
    /// And after this time.
    pub(super) delay: Duration,
}

impl Script {
    /// The day of this seed, on which the server is hurt so many times.
    pub(super) fn of(seed: u64, hurts: u32) -> Self {
        let mut random = Random::new(seed);
        let renames: Vec<Rename> = (0..RENAMES).map(|n| rename(&mut random, n)).collect();
        let mut what: Vec<What> = (0..POSTS).map(|n| What::Post(post(&mut random, n))).collect();
        what.extend((0..renames.len()).map(What::Rename));
        random.shuffle(&mut what);
        let steps: Vec<Step> = what
            .into_iter()
            .map(|what| Step { what, pause: Duration::from_millis(random.below(LONGEST_PAUSE)) })
            .collect();
        // Some moments lie behind the last step, when only the server is still at work.
        let last = u64::try_from(steps.len()).unwrap_or_default() + 20;
        let mut moments: Vec<Moment> = (0..hurts)
            .map(|_| Moment {
                step: usize::try_from(random.below(last)).unwrap_or_default(),
                delay: Duration::from_millis(random.below(LONGEST_DELAY)),
            })
            .collect();
        moments.sort_by_key(|moment| moment.step);
        Self { steps, renames, moments }
    }
}

fn team(n: u32) -> &'static str {
    let [east, west] = TEAMS;
    if n.is_multiple_of(2) { east } else { west }
}

fn post(random: &mut Random, n: u32) -> Post {
    let kind = match random.below(10) {
        0..=3 => PostKind::Forbidden,
        4..=6 => PostKind::Question,
        _ => PostKind::Allowed,
    };
    Post { team: team(n), user: random.pick(&MEMBERS, ADMIN), kind, number: n / 2 }
}

fn rename(random: &mut Random, n: u32) -> Rename {
    // The administrator's own renames look like what the server does with the administrator's token.
    let user = if random.below(4) == 0 { ADMIN } else { random.pick(&MEMBERS, ADMIN) };
    let mut voters = MEMBERS;
    random.shuffle(&mut voters);
    let [one, two, three, _] = voters;
    let yes = |voter| Vote { voter, choice: Choice::Yes };
    let no = |voter| Vote { voter, choice: Choice::No };
    let votes = match random.below(6) {
        0 | 1 => vec![yes(one), yes(two)],
        2 => vec![yes(one), no(two), yes(three)],
        3 => vec![no(one), yes(one), yes(two)],
        4 => vec![no(one), no(two)],
        _ => vec![yes(one), no(two)],
    };
    let number = n / 2;
    Rename {
        team: team(n),
        user,
        channel: format!("C0ROOM{number:02}"),
        old: format!("room-{number:02}"),
        new: format!("hall-{number:02}"),
        votes,
    }
}

/// What the vote about a rename asks; the name makes it one of a kind in its workspace.
pub(super) fn question(rename: &Rename) -> String {
    format!("Shall this be called {}?", rename.new)
}

/// What is posted when a rename has passed.
pub(super) fn announcement(rename: &Rename) -> String {
    format!("From now on this is called {}!", rename.new)
}

/// What a question is answered with.
pub(super) fn answer(number: u32) -> String {
    format!("The answer to {number}.")
}

/// What the author of a forbidden message is told.
pub(super) fn reason(number: u32) -> String {
    format!("Your message {number} was removed.")
}

/// The policies of both communities, in the form in which PolicyKit exchanges them.
pub(super) fn policies() -> [Value; 3] {
    let policy = |kind: &str, action: &str, name: &str, blocks: [&str; 4]| {
        let [filter, check, notify, rest] = blocks;
        let (success, fail) = if name == "guard" { ("pass", rest) } else { (rest, "pass") };
        json!({
            "policy_kind": kind, "action_types": [action], "name": name, "description": "", "is_bundled": false,
            "filter": filter, "initialize": "pass", "check": check, "notify": notify, "success": success, "fail": fail,
        })
    };
    [
        policy(
            "Platform",
            "slackpostmessage",
            "guard",
            [
                "return action.text.startswith(\"forbidden\")",
                "return FAILED",
                "pass",
                "number = action.text.split()[1]\nslack.post_message(text=f\"Your message {number} was removed.\", channel=action.channel, users=[action.initiator], post_type=\"ephemeral\")",
            ],
        ),
        policy(
            "Platform",
            "slackrenameconversation",
            "renames are voted on",
            [
                "return True",
                "if not proposal.vote_post_id:\n  return PROPOSED\nif len(proposal.get_yes_votes()) >= 2:\n  return PASSED\nif len(proposal.get_no_votes()) >= 2:\n  return FAILED\nreturn PROPOSED",
                "slack.initiate_vote(text=f\"Shall this be called {action.name}?\", channel=action.channel)",
                "slack.post_message(text=f\"From now on this is called {action.name}!\", channel=action.channel)",
            ],
        ),
        policy(
            "Trigger",
            "slackpostmessage",
            "answers",
            [
                "return action.text.startswith(\"question\")",
                "return PASSED",
                "pass",
                "number = action.text.split()[1]\nslack.post_message(text=f\"The answer to {number}.\", channel=action.channel)",
            ],
        ),
    ]
}

/// The workspaces as the fake is to begin with them.
pub(super) fn workspaces() -> Vec<Value> {
    let people: Vec<Value> = std::iter::once(ADMIN)
        .chain(MEMBERS)
        .map(|id| {
            let name = id.trim_start_matches("U0").to_lowercase();
            json!({ "id": id, "name": name, "is_admin": id == ADMIN, "is_owner": id == ADMIN })
        })
        .collect();
    let rooms = (0..RENAMES / 2).map(|n| json!({ "id": format!("C0ROOM{n:02}"), "name": format!("room-{n:02}") }));
    let square = json!({ "id": SQUARE, "name": "square", "is_general": true });
    let channels: Vec<Value> = std::iter::once(square).chain(rooms).collect();
    TEAMS
        .iter()
        .map(|team| {
            json!({
                "id": team, "name": "Townhall", "domain": team.to_lowercase(), "users": people, "channels": channels,
                "bot_token": bot_token(team), "user_tokens": [{ "user": ADMIN, "token": admin_token(team) }],
            })
        })
        .collect()
}

/// The token of the app's bot.
pub(super) fn bot_token(team: &str) -> String {
    format!("xoxb-chaos-{team}")
}

/// The token that acts as the administrator.
pub(super) fn admin_token(team: &str) -> String {
    format!("xoxp-chaos-{team}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_everything_it_is_meant_to_have() {
        let script = Script::of(1, 5);
        assert_eq!(script.steps.len(), 220);
        assert_eq!(script.renames.len(), 20);
        assert_eq!(script.moments.len(), 5);
        let kinds = |wanted| {
            let posts = script.steps.iter().filter_map(|s| match &s.what {
                What::Post(post) => Some(post.kind),
                What::Rename(_) => None,
            });
            posts.filter(|kind| *kind == wanted).count()
        };
        assert!(kinds(PostKind::Forbidden) > 40 && kinds(PostKind::Question) > 30 && kinds(PostKind::Allowed) > 30);
        assert!(script.renames.iter().any(|r| r.user == ADMIN));
    }

    #[test]
    fn the_same_seed_gives_the_same_day() {
        assert_eq!(format!("{:?}", Script::of(9, 5)), format!("{:?}", Script::of(9, 5)));
        assert_ne!(format!("{:?}", Script::of(9, 5)), format!("{:?}", Script::of(10, 5)));
    }

    #[test]
    fn no_vote_is_planned_after_the_one_that_decides() {
        for rename in (0..50).flat_map(|seed| Script::of(seed, 0).renames) {
            for decided in 1..rename.votes.len() {
                let mut last = std::collections::BTreeMap::new();
                last.extend(rename.votes.iter().take(decided).map(|v| (v.voter, v.choice)));
                let of = |choice| last.values().filter(|c| **c == choice).count();
                assert!(of(Choice::Yes) < 2 && of(Choice::No) < 2, "{rename:?}");
            }
        }
    }

    #[test]
    fn the_policies_say_what_the_judge_looks_for() {
        let all = serde_json::to_string(&policies()).unwrap();
        for text in
            ["The answer to {number}.", "Your message {number} was removed.", "Shall this be called {action.name}?"]
        {
            assert!(all.contains(text), "{text}");
        }
        let rename = Script::of(1, 0).renames.remove(0);
        assert_eq!(question(&rename), format!("Shall this be called {}?", rename.new));
        assert_eq!(announcement(&rename), format!("From now on this is called {}!", rename.new));
    }
}
