//! Starting a vote: the message that carries it, then the vote itself.

use policykit_core::{
    Timestamp, Value,
    ballot::{Poll, PollKind},
    call::{LocalEffect, PlanStep},
    proposal::Status,
};
use serde_json::json;

use super::{PostType, Raise, Step, Steps, field, known, texts};
use crate::slack::{
    actions::{call, people, text, whole},
    harmless,
    vote::{self, Look},
};

/// What is asked.
struct Ballot {
    kind: PollKind,
    question: String,
    options: Vec<String>,
    candidates: Vec<String>,
}

impl Steps<'_> {
    /// Yes or no, one of several, or several of several.
    pub(super) fn initiate_vote(self) -> Step {
        let options = self.args.get("options").map(texts).unwrap_or_default();
        let multiple = self.args.get("multiple") == Some(&serde_json::Value::Bool(true));
        let kind = match (options.is_empty(), multiple) {
            (true, true) => return Err(Raise::value("`multiple` needs `options` to choose from")),
            (true, false) => PollKind::Boolean,
            (false, true) => PollKind::Multi,
            (false, false) => PollKind::Choice,
        };
        let question = text(self.args, "text").unwrap_or_else(|| match kind {
            PollKind::Boolean => {
                format!("Please vote on the policy *{}*.", harmless::escaped(self.context.policy_name))
            }
            _ => "Please vote.".to_owned(),
        });
        let options = if kind == PollKind::Boolean { vec!["yes".to_owned(), "no".to_owned()] } else { options };
        self.start(Ballot { kind, question, options, candidates: Vec::new() })
    }

    /// One option for each candidate.
    pub(super) fn initiate_advanced_vote(self) -> Step {
        let list = |name: &str| self.args.get(name).map(texts).unwrap_or_default();
        let title = text(self.args, "title").unwrap_or_else(|| "Please vote.".to_owned());
        let question = match text(self.args, "details") {
            Some(details) => format!("*{title}*\n{details}"),
            None => format!("*{title}*"),
        };
        self.start(Ballot {
            kind: PollKind::Select,
            question,
            options: list("options"),
            candidates: list("candidates"),
        })
    }

    fn start(self, ballot: Ballot) -> Step {
        let Ballot { kind, question, options, candidates } = ballot;
        if let Some(problem) = vote::problem(kind, &options, &candidates) {
            return Err(Raise::value(problem));
        }
        let electorate = match self.args.get("users") {
            None | Some(serde_json::Value::Null) => None,
            Some(users) => match people(users) {
                none if none.is_empty() => {
                    return Err(Raise::value(
                        "`users` is empty, so nobody could vote; leave it out to let everybody vote",
                    ));
                }
                some => Some(some),
            },
        };
        let closes_at = self.args.get("closes_at").and_then(whole).map(Timestamp::from_secs);
        let (channel, so_far) = match self.post_type()? {
            PostType::Channel => (self.channel()?, self.so_far),
            PostType::Mpim => {
                let open = call("conversations.open", json!({ "users": self.users_needed()?.join(",") }));
                let Some((outcome, rest)) = self.so_far.split_first() else { return Ok(PlanStep::Send(open)) };
                (known(field(outcome, &open, "channel")?, &open)?, rest)
            }
            PostType::Im | PostType::Ephemeral => {
                return Err(Raise::value("a vote needs `post_type` to be `channel` or `mpim`"));
            }
        };
        let mut poll = Poll {
            kind,
            text: question,
            options,
            candidates,
            closes_at,
            installation: self.context.installation.id,
            electorate,
            channel: channel.clone(),
            post_id: String::new(),
            url: None,
        };
        let mut args = vote::message(&Look::of(self.context.proposal, &poll), &[], Status::Proposed);
        args.insert("channel".to_owned(), channel.clone().into());
        let post = call("chat.postMessage", args.into());
        let Some(outcome) = so_far.first() else { return Ok(PlanStep::Send(post)) };
        let ts = known(field(outcome, &post, "ts")?, &post)?;
        // Slack answers with the channel's id, also when it was addressed by name.
        poll.channel = field(outcome, &post, "channel")?.unwrap_or(channel);
        let workspace = text(&self.context.installation.settings, "url").unwrap_or_default();
        poll.url = vote::permalink(&workspace, &poll.channel, &ts);
        poll.post_id.clone_from(&ts);
        Ok(PlanStep::Done { value: Value::Str(ts), effects: vec![LocalEffect::VoteStarted(poll)] })
    }
}
