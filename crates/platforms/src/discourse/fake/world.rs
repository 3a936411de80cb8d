//! The forum the fake keeps: members, groups, categories, topics, posts. Held behind one mutex, never across an await.
//!
//! Only data and look-ups live here; who may do what is in `guard`, what people do in `writing` and beside it.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{
    config::{Permission, Settings},
    errors::Refusal,
    faults::Faults,
    hooks::HookBook,
    keys::Keys,
    limits::Budgets,
    polls::Poll,
    waiting::Waiting,
    witness::{Cause, Witness},
};

/// The id of `system`, the forum's own account.
pub(super) const SYSTEM: i64 = -1;

/// Everything the fake knows.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) title: String,
    pub(super) base_url: String,
    pub(super) settings: Settings,
    pub(super) users: BTreeMap<i64, User>,
    pub(super) groups: BTreeMap<i64, Group>,
    pub(super) categories: BTreeMap<i64, Category>,
    /// Ids of tags by their names.
    pub(super) tags: BTreeMap<String, i64>,
    pub(super) topics: BTreeMap<i64, Topic>,
    pub(super) posts: BTreeMap<i64, Post>,
    /// Topics by the ids that other systems gave them.
    pub(super) external_ids: BTreeMap<String, i64>,
    pub(super) waiting: Waiting,
    pub(super) keys: Keys,
    pub(super) budgets: Budgets,
    pub(super) hooks: HookBook,
    pub(super) faults: Faults,
    pub(super) witness: Witness,
    /// The moment the lock was taken.
    pub(super) now: Timestamp,
    minted: u64,
}

/// A member.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) name: Option<String>,
    pub(super) email: String,
    pub(super) admin: bool,
    pub(super) moderator: bool,
    pub(super) trust_level: u8,
    pub(super) active: bool,
    pub(super) title: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) suspended: Option<Restraint>,
    pub(super) silenced: Option<Restraint>,
}

/// What keeps a member from taking part.
#[derive(Debug, Clone)]
pub(super) struct Restraint {
    /// As it was given; nothing here ends by itself but what says when.
    pub(super) till: Timestamp,
    pub(super) reason: String,
}

impl User {
    /// Whether the member belongs to the staff.
    pub(super) const fn staff(&self) -> bool {
        self.admin || self.moderator
    }

    /// Whether the account may be used at all.
    pub(super) fn usable(&self, now: Timestamp) -> bool {
        self.active && self.suspended.as_ref().is_none_or(|restraint| restraint.till <= now)
    }
}

/// Who belongs to a group.
#[derive(Debug, Clone)]
pub(super) enum Membership {
    /// Whom this is true of; Discourse keeps such groups by itself.
    Automatic(fn(&User) -> bool),
    /// These, in the order in which they came.
    Listed(Vec<i64>),
}

/// A group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) full_name: Option<String>,
    pub(super) membership: Membership,
    pub(super) owners: BTreeSet<i64>,
    pub(super) public_admission: bool,
    pub(super) hidden: bool,
}

impl Group {
    /// Whether this member belongs to it.
    pub(super) fn has(&self, user: &User) -> bool {
        match &self.membership {
            Membership::Automatic(belongs) => belongs(user),
            Membership::Listed(members) => members.contains(&user.id),
        }
    }

    /// Whether Discourse keeps it by itself.
    pub(super) const fn automatic(&self) -> bool {
        matches!(self.membership, Membership::Automatic(_))
    }
}

/// A category.
#[derive(Debug, Clone)]
pub(super) struct Category {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) description: String,
    pub(super) color: String,
    /// By names of groups; everyone may everything when empty.
    pub(super) permissions: Vec<(String, Permission)>,
}

/// Whether a topic is for everybody who sees its category, or for some members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a category.
    Category(i64),
    /// Among these members.
    Message(BTreeSet<i64>),
}

/// Who deleted something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deleted {
    pub(super) at: Timestamp,
    pub(super) by: i64,
}

/// A topic. Deleted ones stay.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) place: Place,
    pub(super) tags: Vec<String>,
    pub(super) user: i64,
    pub(super) created_at: Timestamp,
    pub(super) bumped_at: Timestamp,
    pub(super) closed: bool,
    pub(super) archived: bool,
    pub(super) visible: bool,
    pub(super) pinned: Option<Timestamp>,
    pub(super) deleted: Option<Deleted>,
    pub(super) highest_post_number: i64,
}

/// What sort of post it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostKind {
    /// Somebody's words.
    Regular,
    /// A line that says what happened to the topic; its code, such as `closed.enabled`.
    SmallAction(&'static str),
}

/// A post. Deleted ones stay.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) id: i64,
    pub(super) topic: i64,
    pub(super) number: i64,
    pub(super) kind: PostKind,
    pub(super) user: i64,
    pub(super) raw: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) reply_to: Option<i64>,
    pub(super) version: i64,
    pub(super) last_version_at: Timestamp,
    pub(super) last_editor: i64,
    pub(super) edit_reason: Option<String>,
    pub(super) revisions: Vec<Revision>,
    pub(super) deleted: Option<Deleted>,
    /// The author took it back; the words before.
    pub(super) taken_back: Option<String>,
    pub(super) locked_by: Option<i64>,
    pub(super) likes: Vec<i64>,
    pub(super) polls: Vec<Poll>,
}

/// What an edit may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) raw: String,
    /// Of the topic; none for answers.
    pub(super) title: Option<String>,
    pub(super) category: Option<i64>,
    pub(super) tags: Option<Vec<String>>,
}

/// One step in the history of a post.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    /// From 2 on.
    pub(super) number: i64,
    pub(super) at: Timestamp,
    pub(super) by: i64,
    pub(super) reason: Option<String>,
    pub(super) before: Content,
    pub(super) after: Content,
}

/// Who does something.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) user: i64,
    pub(super) cause: Cause,
}

impl World {
    pub(super) fn new(seed: u64, settings: Settings, witness: Witness, base_url: String, title: String) -> Self {
        Self {
            seed,
            title,
            base_url,
            settings,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            categories: BTreeMap::new(),
            tags: BTreeMap::new(),
            topics: BTreeMap::new(),
            posts: BTreeMap::new(),
            external_ids: BTreeMap::new(),
            waiting: Waiting::default(),
            keys: Keys::default(),
            budgets: Budgets::default(),
            hooks: HookBook::default(),
            faults: Faults::new(seed),
            witness,
            now: Timestamp::default(),
            minted: 0,
        }
    }

    /// A fresh secret of 32 hexadecimal digits.
    pub(super) fn mint(&mut self, what: &str) -> String {
        self.minted = self.minted.saturating_add(1);
        let mut hasher = Sha256::new();
        hasher.update(format!("{}\0{what}\0{}", self.seed, self.minted));
        hex::encode(hasher.finalize()).chars().take(32).collect()
    }

    /// A member by name, whatever its case, or by id.
    pub(super) fn find_user(&self, name_or_id: &str) -> Option<&User> {
        let by_name = self.users.values().find(|user| user.username.eq_ignore_ascii_case(name_or_id));
        by_name.or_else(|| self.users.get(&name_or_id.parse().ok()?))
    }

    /// A group by name, whatever its case, or by id.
    pub(super) fn find_group(&self, name_or_id: &str) -> Option<&Group> {
        let by_name = self.groups.values().find(|group| group.name.eq_ignore_ascii_case(name_or_id));
        by_name.or_else(|| self.groups.get(&name_or_id.parse().ok()?))
    }

    /// A category by id, slug or name.
    pub(super) fn find_category(&self, text: &str) -> Option<&Category> {
        let by_id = text.parse().ok().and_then(|id: i64| self.categories.get(&id));
        by_id.or_else(|| {
            self.categories.values().find(|category| category.slug == text || category.name.eq_ignore_ascii_case(text))
        })
    }

    /// A member of whom it is known that there is one.
    pub(super) fn user(&self, id: i64) -> Result<&User, Refusal> {
        self.users.get(&id).ok_or(Refusal::NotFound)
    }

    pub(super) fn topic(&self, id: i64) -> Result<&Topic, Refusal> {
        self.topics.get(&id).ok_or(Refusal::NotFound)
    }

    pub(super) fn topic_mut(&mut self, id: i64) -> Result<&mut Topic, Refusal> {
        self.topics.get_mut(&id).ok_or(Refusal::NotFound)
    }

    pub(super) fn post(&self, id: i64) -> Result<&Post, Refusal> {
        self.posts.get(&id).ok_or(Refusal::NotFound)
    }

    pub(super) fn post_mut(&mut self, id: i64) -> Result<&mut Post, Refusal> {
        self.posts.get_mut(&id).ok_or(Refusal::NotFound)
    }

    /// All posts of a topic in their order, deleted ones too.
    pub(super) fn posts_of(&self, topic: i64) -> impl Iterator<Item = &Post> {
        self.posts.values().filter(move |post| post.topic == topic)
    }

    /// The first post of a topic.
    pub(super) fn first_post(&self, topic: i64) -> Result<&Post, Refusal> {
        self.posts_of(topic).find(|post| post.number == 1).ok_or(Refusal::NotFound)
    }

    /// What a post says, with what only first posts have.
    pub(super) fn content(&self, post: &Post) -> Result<Content, Refusal> {
        let raw = post.raw.clone();
        if post.number != 1 {
            return Ok(Content { raw, title: None, category: None, tags: None });
        }
        let topic = self.topic(post.topic)?;
        let category = match topic.place {
            Place::Category(id) => Some(id),
            Place::Message(_) => None,
        };
        Ok(Content { raw, title: Some(topic.title.clone()), category, tags: Some(topic.tags.clone()) })
    }

    /// Names of the groups that somebody belongs to.
    pub(super) fn groups_of<'a>(&'a self, user: &'a User) -> impl Iterator<Item = &'a Group> {
        self.groups.values().filter(move |group| group.has(user))
    }
}

/// The id after the last one.
pub(super) fn next_id<T>(map: &BTreeMap<i64, T>) -> i64 {
    map.keys().next_back().copied().unwrap_or(0).max(0).saturating_add(1)
}

/// A title as it stands in addresses.
pub(super) fn slug(title: &str) -> String {
    let mut slug = String::new();
    for letter in title.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-').to_owned();
    if slug.is_empty() { "topic".to_owned() } else { slug }
}

/// A moment as Discourse writes it, with milliseconds.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    // `2026-11-23T16:15:06.000000Z`: three digits of the fraction are kept.
    format!("{}Z", text.get(..23).unwrap_or(&text))
}
