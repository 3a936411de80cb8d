//! Polls: voting, taking a vote back, ending, and what whom is shown. What a poll is stands in the words of its post.

pub(super) mod markup;
mod runoff;

use policykit_core::Timestamp;
use serde_json::{Map, Value, json};

use self::markup::{Kind, Results, Shape};
use super::{
    errors::Refusal,
    params::Params,
    show,
    witness::Change,
    world::{Actor, User, World, moment},
};

/// A poll of a post.
#[derive(Debug, Clone)]
pub(super) struct Poll {
    pub(super) shape: Shape,
    pub(super) closed: bool,
    pub(super) begun_at: Timestamp,
    /// In the order in which they came.
    pub(super) votes: Vec<Vote>,
}

/// One option chosen by one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vote {
    pub(super) user: i64,
    pub(super) option: String,
    /// From 1 on in ranked polls, where 0 says that the option is left out; 0 in all others.
    pub(super) rank: i64,
}

impl Poll {
    /// How many members voted.
    pub(super) fn voters(&self) -> usize {
        let mut users: Vec<i64> = self.votes.iter().map(|vote| vote.user).collect();
        users.sort_unstable();
        users.dedup();
        users.len()
    }

    /// What somebody chose.
    pub(super) fn chosen_by(&self, user: i64) -> Vec<&Vote> {
        self.votes.iter().filter(|vote| vote.user == user).collect()
    }

    /// Whether somebody is shown how the vote stands.
    pub(super) fn shows_results(&self, viewer: Option<&User>) -> bool {
        match self.shape.results {
            Results::Always => true,
            Results::OnVote => self.closed || viewer.is_some_and(|viewer| !self.chosen_by(viewer.id).is_empty()),
            Results::OnClose => self.closed,
            Results::StaffOnly => viewer.is_some_and(User::staff),
        }
    }

    fn shows_voters(&self, viewer: Option<&User>) -> bool {
        self.shape.public && self.shows_results(viewer)
    }
}

impl World {
    /// Ends the polls whose time has come.
    pub(super) fn close_due_polls(&mut self) {
        let now = self.now;
        for poll in self.posts.values_mut().flat_map(|post| &mut post.polls) {
            poll.closed = poll.closed || poll.shape.close.is_some_and(|close| close <= now);
        }
    }

    /// Votes; returns what Discourse answers.
    pub(super) fn vote(&mut self, actor: &Actor, params: &Params) -> Result<Value, Refusal> {
        let (post, name) = which(params)?;
        let given = params.value("options").cloned().ok_or(Refusal::Missing("options"))?;
        self.check_vote(actor, post, &name)?;
        let poll = self.poll_mut(post, &name)?;
        let mut chosen = poll.shape.read_options(actor.user, &given);
        if chosen.is_empty() {
            return Err(Refusal::rule("You must select at least 1 valid option."));
        }
        poll.shape.check_count(chosen.len())?;
        // Options that stay chosen keep their place in line.
        let ranked = poll.shape.kind == Kind::Ranked;
        poll.votes
            .retain(|vote| vote.user != actor.user || (!ranked && chosen.iter().any(|new| new.option == vote.option)));
        chosen.retain(|new| !poll.votes.contains(new));
        poll.votes.extend(chosen);
        let options = poll.chosen_by(actor.user).into_iter().map(|vote| vote.option.clone()).collect();
        let user = self.name_of(actor.user);
        self.note(actor, Change::Voted { post, poll: name.clone(), options, user });
        let poll = self.poll(post, &name)?;
        Ok(json!({ "poll": self.poll_after_vote(poll, actor.user), "vote": given }))
    }

    /// Takes a vote back.
    pub(super) fn unvote(&mut self, actor: &Actor, params: &Params) -> Result<Value, Refusal> {
        let (post, name) = which(params)?;
        self.check_vote(actor, post, &name)?;
        self.poll_mut(post, &name)?.votes.retain(|vote| vote.user != actor.user);
        let user = self.name_of(actor.user);
        self.note(actor, Change::Voted { post, poll: name.clone(), options: Vec::new(), user });
        let poll = self.poll(post, &name)?;
        Ok(json!({ "poll": self.poll_view(poll, Some(actor.user)) }))
    }

    /// Ends a poll, or opens it again.
    pub(super) fn toggle_poll(&mut self, actor: &Actor, params: &Params) -> Result<Value, Refusal> {
        let (id, name) = which(params)?;
        let status = params.required("status")?;
        let post = self.posts.get(&id).filter(|post| post.deleted.is_none()).ok_or_else(gone)?;
        if self.topic(post.topic)?.archived {
            return Err(Refusal::rule("The topic must be open to toggle status."));
        }
        if post.user != actor.user && !self.user(actor.user)?.staff() {
            return Err(Refusal::rule("Only a staff member or the original poster can toggle a poll status."));
        }
        let closed = match status.as_str() {
            "closed" => true,
            "open" => false,
            _ => return Err(Refusal::InvalidParameters("status")),
        };
        self.poll_mut(id, &name)?.closed = closed;
        let user = self.name_of(actor.user);
        self.note(actor, Change::PollToggled { post: id, poll: name.clone(), closed, user });
        let poll = self.poll(id, &name)?;
        Ok(json!({ "poll": self.poll_view(poll, Some(actor.user)) }))
    }

    /// Who voted how, a page at a time.
    pub(super) fn voters(&self, viewer: Option<i64>, params: &Params) -> Result<Value, Refusal> {
        let (id, name) = which(params)?;
        let post = self.posts.get(&id).ok_or(Refusal::InvalidParameters("post_id"))?;
        let poll = post.polls.iter().find(|poll| poll.shape.name == name);
        let poll = poll.ok_or(Refusal::InvalidParameters("poll_name"))?;
        self.seen_post(viewer, id)?;
        let user = viewer.and_then(|id| self.users.get(&id));
        if !poll.shows_voters(user) {
            return Err(Refusal::InvalidParameters("poll_name"));
        }
        let limit = params.int("limit").unwrap_or(25).clamp(1, 50);
        let page = params.int("page").unwrap_or(1).max(1);
        Ok(json!({ "voters": self.voters_page(poll, params.text("option_id").as_deref(), limit, page) }))
    }

    fn voters_page(&self, poll: &Poll, option: Option<&str>, limit: i64, page: i64) -> Value {
        let offset = page.saturating_sub(1).saturating_mul(limit);
        let mut by_option: Map<String, Value> = Map::new();
        let mut flat = Vec::new();
        for shape in poll.shape.options.iter().filter(|shape| option.is_none_or(|wanted| wanted == shape.id)) {
            let votes = poll.votes.iter().filter(|vote| vote.option == shape.id);
            // Discourse counts rows from 1 and takes those between the offset and the end, both included: later pages
            // begin with the last row of the page before.
            let rows = (1_i64..).zip(votes).filter(|(row, _)| (offset..=offset.saturating_add(limit)).contains(row));
            let shown: Vec<Value> = rows.map(|(_, vote)| self.voter_view(poll, vote)).collect();
            if poll.shape.kind == Kind::Number {
                flat.extend(shown);
            } else if !shown.is_empty() {
                by_option.insert(shape.id.clone(), Value::Array(shown));
            }
        }
        match (by_option.is_empty(), flat.is_empty()) {
            (true, true) => Value::Null,
            (true, false) => Value::Array(flat),
            _ => Value::Object(by_option),
        }
    }

    fn voter_view(&self, poll: &Poll, vote: &Vote) -> Value {
        let user = self.users.get(&vote.user).map(show::named_user).unwrap_or_default();
        if poll.shape.kind != Kind::Ranked {
            return user;
        }
        let rank = if vote.rank == 0 { "Abstain".to_owned() } else { vote.rank.to_string() };
        json!({ "rank": rank, "user": user })
    }

    /// A poll as somebody sees it.
    pub(super) fn poll_view(&self, poll: &Poll, viewer: Option<i64>) -> Value {
        let viewer = viewer.and_then(|id| self.users.get(&id));
        let shape = &poll.shape;
        let results = poll.shows_results(viewer);
        let options = shape.options.iter().map(|option| {
            let mut view = json!({ "id": option.id, "html": option.html });
            if results {
                show::set(&mut view, "votes", json!(poll.votes.iter().filter(|vote| vote.option == option.id).count()));
            }
            view
        });
        let mut view = json!({
            "name": shape.name,
            "type": shape.kind.word(),
            "status": if poll.closed { "closed" } else { "open" },
            "results": shape.results.word(),
            "options": options.collect::<Vec<_>>(),
            "voters": poll.voters(),
            "chart_type": "bar",
            "title": shape.title,
        });
        if shape.public {
            show::set(&mut view, "public", json!(true));
        }
        if matches!(shape.kind, Kind::Multiple | Kind::Number) {
            show::set_some(&mut view, "min", shape.min.map(Value::from));
            show::set_some(&mut view, "max", shape.max.map(Value::from));
        }
        if shape.kind == Kind::Number {
            show::set_some(&mut view, "step", shape.step.map(Value::from));
        }
        show::set_some(&mut view, "close", shape.close.map(|close| json!(moment(close))));
        show::set_some(&mut view, "groups", shape.groups.clone().map(Value::from));
        if poll.shows_voters(viewer) {
            show::set(&mut view, "preloaded_voters", self.voters_page(poll, None, 25, 1));
        }
        if shape.kind == Kind::Ranked && results {
            show::set(&mut view, "ranked_choice_outcome", runoff::outcome(poll));
        }
        view
    }

    fn poll_after_vote(&self, poll: &Poll, user: i64) -> Value {
        let mut view = self.poll_view(poll, Some(user));
        let chosen = poll.chosen_by(user);
        let options = view.get_mut("options").and_then(Value::as_array_mut).into_iter().flatten();
        for option in options {
            let id = option.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let vote = chosen.iter().find(|vote| vote.option == id);
            if poll.shape.kind == Kind::Multiple {
                show::set(option, "chosen", json!(vote.is_some()));
            } else if poll.shape.kind == Kind::Ranked {
                show::set(option, "rank", json!(vote.map(|vote| vec![vote.rank]).unwrap_or_default()));
            }
        }
        view
    }

    fn check_vote(&self, actor: &Actor, id: i64, name: &str) -> Result<(), Refusal> {
        let post = self.posts.get(&id).filter(|post| post.deleted.is_none()).ok_or_else(gone)?;
        let topic = self.topic(post.topic)?;
        if topic.archived {
            return Err(Refusal::rule("The topic must be open to vote."));
        }
        let user = self.user(actor.user)?;
        if !self.may_reply(user, topic) {
            return Err(Refusal::rule("You can't vote because you can't post in this topic."));
        }
        let poll = self.poll(id, name)?;
        if poll.closed {
            return Err(Refusal::rule("Poll must be open to vote."));
        }
        if let Some(groups) = &poll.shape.groups {
            let belongs = self
                .groups_of(user)
                .any(|group| groups.split(',').any(|name| name.trim().eq_ignore_ascii_case(&group.name)));
            if !belongs {
                return Err(Refusal::rule(format!("You need to be a member of {groups} to vote in this poll.")));
            }
        }
        Ok(())
    }

    fn poll(&self, post: i64, name: &str) -> Result<&Poll, Refusal> {
        let post = self.posts.get(&post).ok_or_else(gone)?;
        post.polls.iter().find(|poll| poll.shape.name == name).ok_or_else(|| no_poll(name))
    }

    fn poll_mut(&mut self, post: i64, name: &str) -> Result<&mut Poll, Refusal> {
        let post = self.posts.get_mut(&post).ok_or_else(gone)?;
        post.polls.iter_mut().find(|poll| poll.shape.name == name).ok_or_else(|| no_poll(name))
    }
}

fn which(params: &Params) -> Result<(i64, String), Refusal> {
    let post = params.required("post_id")?;
    let post = post.parse().map_err(|_| Refusal::InvalidParameters("post_id"))?;
    Ok((post, params.required("poll_name")?))
}

fn gone() -> Refusal {
    Refusal::rule("Cannot act on a deleted post.")
}

fn no_poll(name: &str) -> Refusal {
    Refusal::rule(format!("No poll named <strong>{name}</strong> associated with this post."))
}
