//! Members' deeds at the forum's own pages, held to the same rules as calls.

use serde_json::{Value, json};

use super::{Act, Acted, Denied};
use crate::discourse::fake::{
    editing::{Edit, Status},
    errors::Refusal,
    params::Params,
    polls::markup::Kind,
    witness::Cause,
    world::{Actor, Post, World},
    writing::{NewTopic, Posted},
};

impl World {
    /// Lets a member do something, as far as the forum lets them.
    pub(in crate::discourse::fake) fn act(&mut self, user: &str, act: Act) -> Result<Acted, Denied> {
        let id = self.member_id(user)?;
        let member = self.user(id)?.clone();
        if !member.usable(self.now) {
            return Err(Refusal::InvalidAccess.into());
        }
        let actor = Actor { user: id, cause: Cause::Person(member.username.clone()) };
        let mut acted = Acted::default();
        match act {
            Act::Topic { title, raw, category, tags } => {
                let category = category.map(|name| self.category_id(&name)).transpose()?;
                let posted = self.open_topic(&actor, &NewTopic { title, raw, category, tags, among: None })?;
                acted = self.posted(posted);
            }
            Act::Message { title, raw, to } => {
                let among = to.iter().map(|name| self.member_id(name)).collect::<Result<Vec<_>, _>>()?;
                let new = &NewTopic { title, raw, category: None, tags: Vec::new(), among: Some(among) };
                let posted = self.open_topic(&actor, new)?;
                acted = self.posted(posted);
            }
            Act::Reply { topic, raw, to } => {
                let posted = self.reply(&actor, topic, &raw, to)?;
                acted = self.posted(posted);
            }
            Act::Edit { post, raw, reason } => {
                let seen = self.seen_post(Some(id), post)?;
                allow(self.may_edit_post(&member, seen))?;
                self.edit(&actor, post, &Edit { raw: Some(raw), reason, ..Edit::default() })?;
            }
            Act::Rename { topic, title } => {
                self.edit_topic(&actor, topic, &Edit { title: Some(title), ..Edit::default() })?;
            }
            Act::Move { topic, category } => {
                let category = Some(self.category_id(&category)?);
                self.edit_topic(&actor, topic, &Edit { category, ..Edit::default() })?;
            }
            Act::Tag { topic, tags } => {
                self.edit_topic(&actor, topic, &Edit { tags: Some(tags), ..Edit::default() })?;
            }
            Act::Status { topic, status, enabled } => {
                let seen = self.seen_topic(Some(id), topic)?;
                allow(self.may_moderate(&member, seen))?;
                let status = Status::parse(&status).ok_or(Refusal::InvalidParameters("status"))?;
                self.set_status(&actor, topic, status, enabled)?;
            }
            Act::DeleteTopic { topic } => {
                let seen = self.seen_topic(Some(id), topic)?;
                allow(self.may_delete_topic(&member, seen))?;
                let first = self.first_post(topic)?.id;
                self.delete(&actor, first)?;
            }
            Act::RecoverTopic { topic } => {
                self.seen_topic(Some(id), topic)?;
                let first = self.first_post(topic)?;
                allow(self.may_recover_post(&member, first))?;
                let first = first.id;
                self.recover(&actor, first)?;
            }
            Act::DeletePost { post } => {
                let seen = self.seen_post(Some(id), post)?;
                allow(self.may_delete_post(&member, seen))?;
                self.delete(&actor, post)?;
            }
            Act::RecoverPost { post } => {
                let seen = self.seen_post(Some(id), post)?;
                allow(self.may_recover_post(&member, seen))?;
                self.recover(&actor, post)?;
            }
            Act::Like { post } => {
                self.seen_post(Some(id), post)?;
                self.like(&actor, post)?;
            }
            Act::Vote { post, poll, options } => {
                let seen = self.seen_post(Some(id), post)?;
                let ballot =
                    json!({ "post_id": post, "poll_name": poll, "options": options_of(seen, &poll, &options) });
                let params = Params::read(None, "application/json", ballot.to_string().as_bytes())?;
                if options.is_empty() {
                    self.unvote(&actor, &params)?;
                } else {
                    self.vote(&actor, &params)?;
                }
            }
            Act::Poll { post, poll, status } => {
                self.seen_post(Some(id), post)?;
                let order = json!({ "post_id": post, "poll_name": poll, "status": status });
                let params = Params::read(None, "application/json", order.to_string().as_bytes())?;
                self.toggle_poll(&actor, &params)?;
            }
            Act::AddToGroup { group, members } => {
                let (group, members) = self.of_group(id, &group, &members)?;
                self.add_to_group(&actor, group, &members)?;
            }
            Act::RemoveFromGroup { group, members } => {
                let (group, members) = self.of_group(id, &group, &members)?;
                self.remove_from_group(&actor, group, &members)?;
            }
            Act::Review { reviewable, approve } => {
                self.staff_only(Some(id))?;
                let deed = if approve { "approve_post" } else { "reject_post" };
                self.review(&actor, reviewable, deed, Some(0))?;
            }
        }
        Ok(acted)
    }

    fn edit_topic(&mut self, actor: &Actor, topic: i64, edit: &Edit) -> Result<(), Denied> {
        let seen = self.seen_topic(Some(actor.user), topic)?;
        allow(self.may_edit_topic(self.user(actor.user)?, seen))?;
        let first = self.first_post(topic)?.id;
        self.edit(actor, first, edit)?;
        Ok(())
    }

    fn posted(&self, posted: Posted) -> Acted {
        match posted {
            Posted::Post(post) => {
                let topic = self.posts.get(&post).map(|post| post.topic);
                Acted { topic, post: Some(post), reviewable: None }
            }
            Posted::Waits(reviewable) => Acted { reviewable: Some(reviewable), ..Acted::default() },
        }
    }

    fn category_id(&self, name: &str) -> Result<i64, Denied> {
        let category = self.find_category(name).map(|category| category.id);
        category.ok_or_else(|| Denied::UnknownCategory(name.to_owned()))
    }

    fn of_group(&self, by: i64, group: &str, members: &[String]) -> Result<(i64, Vec<i64>), Denied> {
        let group = self.find_group(group).ok_or_else(|| Denied::UnknownGroup(group.to_owned()))?;
        allow(Self::may_manage_group(self.user(by)?, group))?;
        let members = members.iter().map(|name| self.member_id(name)).collect::<Result<Vec<_>, _>>()?;
        Ok((group.id, members))
    }
}

fn allow(may: bool) -> Result<(), Refusal> {
    if may { Ok(()) } else { Err(Refusal::InvalidAccess) }
}

/// Options named by their ids or words, in the shape of a vote.
fn options_of(post: &Post, poll: &str, named: &[String]) -> Value {
    let poll = post.polls.iter().find(|known| known.shape.name == poll);
    let id_of = |name: &String| {
        let options = poll.into_iter().flat_map(|poll| &poll.shape.options);
        options.clone().find(|option| option.html == *name).map_or_else(|| name.clone(), |option| option.id.clone())
    };
    let ids = named.iter().map(id_of);
    if poll.is_some_and(|poll| poll.shape.kind == Kind::Ranked) {
        return ids.zip(1..).map(|(id, rank)| json!({ "digest": id, "rank": rank })).collect();
    }
    ids.map(Value::from).collect()
}
