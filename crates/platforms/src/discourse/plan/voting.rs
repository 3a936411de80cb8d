//! Asking people to vote: a post that says what is asked and leads to PolicyKit's page, where the votes are cast.

use policykit_core::{
    Timestamp,
    ballot::{Poll, PollKind},
    call::{LocalEffect, PlanStep},
};

use super::{Raise, Step, Steps, answer, known, text_of};
use crate::discourse::{
    actions::{FIND, call, id, new_post, new_topic, text, texts},
    descriptor::URL,
    harmless, people, vote,
};

impl Steps<'_> {
    /// Yes or no, one of several, or several of several.
    pub(super) fn initiate_vote(self) -> Step {
        let options = texts(self.args.get("options"));
        let multiple = self.args.get("multiple") == Some(&serde_json::Value::Bool(true));
        let kind = match (options.is_empty(), multiple) {
            (true, true) => return Err(Raise::value("`multiple` needs `options` to choose from")),
            (true, false) => PollKind::Boolean,
            (false, true) => PollKind::Multi,
            (false, false) => PollKind::Choice,
        };
        let (mut so_far, mut electorate) = (self.so_far, None);
        let asked = match self.args.get("users") {
            None | Some(serde_json::Value::Null) => None,
            Some(users) => match texts(Some(users)) {
                none if none.is_empty() => {
                    return Err(Raise::value(
                        "`users` is empty, so nobody could vote; leave it out to let everybody vote",
                    ));
                }
                some => Some(some),
            },
        };
        // Whoever is named is who has the name now.
        for one in asked.into_iter().flatten() {
            let among: &mut Vec<String> = electorate.get_or_insert_default();
            if people::number(&one).is_some() {
                among.push(one);
                continue;
            }
            let call = call(FIND, serde_json::json!({ "user": one }));
            let Some((outcome, rest)) = so_far.split_first() else { return Ok(PlanStep::Send(call)) };
            let account = answer(outcome, &call)?.and_then(|reply| text_of(reply, "account"));
            among.push(known(account, &call)?);
            so_far = rest;
        }
        let question = super::whole_text(self.args, "text").unwrap_or_else(|| {
            format!("Please vote on the policy **{}**.", harmless::literally(self.context.policy_name))
        });
        let mut poll = Poll {
            kind,
            text: question,
            options: if kind == PollKind::Boolean { vec!["yes".to_owned(), "no".to_owned()] } else { options },
            candidates: Vec::new(),
            closes_at: self.closes_at()?,
            installation: self.context.installation.id,
            electorate,
            channel: String::new(),
            post_id: String::new(),
            url: None,
        };
        let raw = vote::asked(&poll);
        let there = id(self.args, "topic_id");
        let call = match (there, text(self.args, "title")) {
            (Some(topic), _) => new_post(topic, &raw, None),
            (None, Some(title)) => new_topic(&title, &raw, id(self.args, "category"), &[]),
            (None, None) => match id(&self.context.action.fields, "topic_id") {
                Some(topic) => new_post(topic, &raw, None),
                None => {
                    return Err(Raise::value(
                        "the action did not happen in a topic of the forum, so `topic_id` or `title` must be given",
                    ));
                }
            },
        };
        let call =
            vote::leading_to(vote::asking(self.careful(call), poll.electorate.as_deref()), self.context.proposal);
        let Some(outcome) = so_far.first() else { return Ok(PlanStep::Send(call)) };
        let reply = answer(outcome, &call)?;
        let of = |name: &str| known(reply.and_then(|reply| text_of(reply, name)), &call);
        let (post, topic) = (of("post_id")?, of("topic_id")?);
        poll.channel.clone_from(&topic);
        poll.url = text(&self.context.installation.settings, URL).map(|forum| format!("{forum}/p/{post}"));
        poll.post_id.clone_from(&post);
        Ok(PlanStep::Done { value: policykit_core::Value::Str(post), effects: vec![LocalEffect::VoteStarted(poll)] })
    }

    fn closes_at(self) -> Result<Option<Timestamp>, Raise> {
        let Some(given) = text(self.args, "closes_at") else { return Ok(None) };
        if let Ok(seconds) = given.parse::<i64>() {
            return Ok(Some(Timestamp::from_secs(seconds)));
        }
        let moment: Result<jiff::Timestamp, _> = given.parse();
        moment
            .map(|moment| Some(Timestamp::from_micros(moment.as_microsecond())))
            .map_err(|_| Raise::value(format!("`closes_at` must be a moment, not `{given}`")))
    }
}
