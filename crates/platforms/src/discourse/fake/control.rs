//! What tests and the demo ask of a fake: members' deeds at the forum's own pages, and changes from outside.

mod deeds;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    config::{ApiKeySeed, CategorySeed, GroupSeed, Limits, MemberSeed, Settings},
    errors::Refusal,
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
    /// Gives a member another name, which leaves the old one to others.
    Renamed {
        /// The name so far.
        username: String,
        /// The name from now on.
        to: String,
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
