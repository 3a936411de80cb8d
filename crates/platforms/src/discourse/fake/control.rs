//! What tests and the demo ask of a fake: members' deeds at the forum's own pages, and changes from outside.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    config::{ApiKeySeed, CategorySeed, GroupSeed, Limits, MemberSeed, Settings},
    editing::{Edit, Status},
    errors::Refusal,
    params::Params,
    witness::Cause,
    world::{Actor, Post, World},
    writing::{NewTopic, Posted},
};

/// What a member does at the forum's own pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Opens a topic.
    Topic {
        /// Its title.
        title: String,
        /// What the first post says.
        raw: String,
        /// Id, slug or name of the category; the first one when absent.
        #[serde(default)]
        category: Option<String>,
        /// Its tags.
        #[serde(default)]
        tags: Vec<String>,
    },
    /// Writes to some members alone.
    Message {
        /// The title.
        title: String,
        /// What it says.
        raw: String,
        /// To whom, by their names.
        to: Vec<String>,
    },
    /// Answers in a topic.
    Reply {
        /// Its id.
        topic: i64,
        /// What the answer says.
        raw: String,
        /// The number of the post that is answered.
        #[serde(default)]
        to: Option<i64>,
    },
    /// Edits a post.
    Edit {
        /// Its id.
        post: i64,
        /// What it says from now on.
        raw: String,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Renames a topic.
    Rename {
        /// Its id.
        topic: i64,
        /// Its title from now on.
        title: String,
    },
    /// Moves a topic to another category.
    Move {
        /// Its id.
        topic: i64,
        /// Id, slug or name of the category.
        category: String,
    },
    /// Replaces the tags of a topic.
    Tag {
        /// Its id.
        topic: i64,
        /// All of them.
        tags: Vec<String>,
    },
    /// Closes, archives, hides or pins a topic, or the reverse.
    Status {
        /// Its id.
        topic: i64,
        /// `closed`, `archived`, `visible` or `pinned`.
        status: String,
        /// Whether it is so from now on.
        enabled: bool,
    },
    /// Deletes a topic.
    DeleteTopic {
        /// Its id.
        topic: i64,
    },
    /// Brings a topic back.
    RecoverTopic {
        /// Its id.
        topic: i64,
    },
    /// Deletes a post.
    DeletePost {
        /// Its id.
        post: i64,
    },
    /// Brings a post back.
    RecoverPost {
        /// Its id.
        post: i64,
    },
    /// Likes a post.
    Like {
        /// Its id.
        post: i64,
    },
    /// Votes in a poll; takes the vote back when no option is named.
    Vote {
        /// The id of its post.
        post: i64,
        /// Its name; `poll` when absent.
        #[serde(default = "default_poll")]
        poll: String,
        /// Options by their ids or their words; in ranked polls the best first.
        options: Vec<String>,
    },
    /// Ends a poll, or opens it again.
    Poll {
        /// The id of its post.
        post: i64,
        /// Its name; `poll` when absent.
        #[serde(default = "default_poll")]
        poll: String,
        /// `open` or `closed`.
        status: String,
    },
    /// Adds members to a group.
    AddToGroup {
        /// Its name.
        group: String,
        /// Their names.
        members: Vec<String>,
    },
    /// Takes members out of a group.
    RemoveFromGroup {
        /// Its name.
        group: String,
        /// Their names.
        members: Vec<String>,
    },
    /// Deals with what waits for the staff's eyes.
    Review {
        /// Its id.
        reviewable: i64,
        /// Whether it is posted.
        approve: bool,
    },
}

fn default_poll() -> String {
    "poll".to_owned()
}

/// What a deed brought about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// The topic.
    pub topic: Option<i64>,
    /// The post.
    pub post: Option<i64>,
    /// What waits for the staff's eyes instead.
    pub reviewable: Option<i64>,
}

/// A change from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Setup {
    /// A new member.
    Member(MemberSeed),
    /// A new group.
    Group(GroupSeed),
    /// A new category.
    Category(CategorySeed),
    /// A new key of an administrator.
    ApiKey(ApiKeySeed),
    /// Revokes administrators' keys.
    RevokeApiKeys {
        /// Only those that are good for this member alone; all when absent.
        #[serde(default)]
        username: Option<String>,
    },
    /// Revokes all keys that a member granted.
    RevokeUserKeys {
        /// The member.
        username: String,
    },
    /// Changes what a member is; what is absent stays.
    Standing {
        /// The member.
        username: String,
        /// Administers the forum.
        #[serde(default)]
        admin: Option<bool>,
        /// Moderates the forum.
        #[serde(default)]
        moderator: Option<bool>,
        /// From 0 to 4.
        #[serde(default)]
        trust_level: Option<u8>,
        /// Whether the account may be used.
        #[serde(default)]
        active: Option<bool>,
    },
    /// Replaces all settings of the site.
    Settings(Box<Settings>),
    /// Replaces the limits.
    Limits(Limits),
    /// Makes a web hook that is told everything; it takes the place of others to the same address.
    WebHook {
        /// Where it posts to.
        payload_url: String,
        /// What it signs with; not at all when empty.
        secret: String,
    },
}

/// What a change from outside made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The id.
    pub id: Option<i64>,
    /// The key.
    pub key: Option<String>,
}

/// Why something cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such member.
    #[error("there is no member `{0}`")]
    UnknownMember(String),
    /// There is no such group.
    #[error("there is no group `{0}`")]
    UnknownGroup(String),
    /// There is no such category.
    #[error("there is no category `{0}`")]
    UnknownCategory(String),
    /// The name is taken, or none.
    #[error("the name `{0}` is taken or empty")]
    Taken(String),
    /// The forum refuses.
    #[error("the forum answers {status}: {}", errors.join("; "))]
    Refused {
        /// Under this status.
        status: u16,
        /// In these words.
        errors: Vec<String>,
    },
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        let (status, body, _) = refusal.answer();
        let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
        Self::Refused { status, errors: errors.filter_map(Value::as_str).map(str::to_owned).collect() }
    }
}

impl World {
    /// Lets a member do something, as far as the forum lets them.
    pub(super) fn act(&mut self, user: &str, act: Act) -> Result<Acted, Denied> {
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
                let posted = self.open_topic(&actor, NewTopic { title, raw, category, tags, among: None })?;
                acted = self.posted(posted);
            }
            Act::Message { title, raw, to } => {
                let among = to.iter().map(|name| self.member_id(name)).collect::<Result<Vec<_>, _>>()?;
                let new = NewTopic { title, raw, category: None, tags: Vec::new(), among: Some(among) };
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
                self.edit(&actor, post, Edit { raw: Some(raw), reason, ..Edit::default() })?;
            }
            Act::Rename { topic, title } => {
                self.edit_topic(&actor, topic, Edit { title: Some(title), ..Edit::default() })?;
            }
            Act::Move { topic, category } => {
                let category = Some(self.category_id(&category)?);
                self.edit_topic(&actor, topic, Edit { category, ..Edit::default() })?;
            }
            Act::Tag { topic, tags } => {
                self.edit_topic(&actor, topic, Edit { tags: Some(tags), ..Edit::default() })?;
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

    fn edit_topic(&mut self, actor: &Actor, topic: i64, edit: Edit) -> Result<(), Denied> {
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
    if poll.is_some_and(|poll| poll.shape.kind == super::polls::markup::Kind::Ranked) {
        return ids.zip(1..).map(|(id, rank)| json!({ "digest": id, "rank": rank })).collect();
    }
    ids.map(Value::from).collect()
}
