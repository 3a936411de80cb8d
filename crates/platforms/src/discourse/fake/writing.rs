//! Opening topics, answering, writing to some members alone: what Discourse checks, and what it does then.

use std::collections::BTreeSet;

use super::{
    errors::Refusal,
    polls::markup,
    waiting::Draft,
    witness::Change,
    world::{Actor, Place, Post, PostKind, SYSTEM, Topic, User, World, next_id},
};

/// The word under which posting is refused.
const CREATE: Option<&str> = Some("create_post");

/// A topic to be opened.
#[derive(Debug, Clone)]
pub(super) struct NewTopic {
    pub(super) title: String,
    pub(super) raw: String,
    pub(super) category: Option<i64>,
    pub(super) tags: Vec<String>,
    /// Members it is for, when it is for some alone.
    pub(super) among: Option<Vec<i64>>,
}

/// What came of posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posted {
    /// A post with this id.
    Post(i64),
    /// It waits for the staff's eyes, under this id.
    Waits(i64),
}

impl World {
    /// Opens a topic.
    pub(super) fn open_topic(&mut self, actor: &Actor, new: &NewTopic) -> Result<Posted, Refusal> {
        let user = self.user(actor.user)?.clone();
        let place = self.place_of(&user, new)?;
        let title = prettify(&new.title);
        let raw = tidy(&new.raw);
        let mut errors = self.title_errors(&title, &place, None);
        errors.extend(self.body_errors(&user, &raw, &place, First::Yes));
        if errors.is_empty() && matches!(place, Place::Category(_)) {
            errors.extend(self.duplicate(&user, &raw));
        }
        refuse(errors)?;
        let tags = self.allowed_tags(&user, &new.tags);
        let draft =
            Draft { user: user.id, raw, title: Some(title), place: Some(place), tags, topic: None, reply_to: None };
        self.post_or_queue(actor, &user, draft)
    }

    /// Answers in a topic.
    pub(super) fn reply(
        &mut self,
        actor: &Actor,
        topic: i64,
        raw: &str,
        reply_to: Option<i64>,
    ) -> Result<Posted, Refusal> {
        let user = self.user(actor.user)?.clone();
        let allowed = self.topics.get(&topic).filter(|topic| self.may_reply(&user, topic));
        let Some(place) = allowed.map(|topic| topic.place.clone()) else {
            return Err(Refusal::Unprocessable {
                action: CREATE,
                errors: vec![
                    "Something has gone wrong. Perhaps this topic was closed or deleted while you were looking at it?"
                        .to_owned(),
                ],
            });
        };
        let raw = tidy(raw);
        let mut errors = self.body_errors(&user, &raw, &place, First::No);
        if errors.is_empty() {
            errors.extend(self.duplicate(&user, &raw));
        }
        refuse(errors)?;
        let draft =
            Draft { user: user.id, raw, title: None, place: None, tags: Vec::new(), topic: Some(topic), reply_to };
        self.post_or_queue(actor, &user, draft)
    }

    fn post_or_queue(&mut self, actor: &Actor, user: &User, draft: Draft) -> Result<Posted, Refusal> {
        let message = matches!(draft.place, Some(Place::Message(_)));
        if self.settings.approve_new_members && user.trust_level == 0 && !user.staff() && !message {
            return Ok(Posted::Waits(self.queue(actor, draft)));
        }
        self.publish(actor, draft).map(Posted::Post)
    }

    /// Posts what was checked.
    pub(super) fn publish(&mut self, actor: &Actor, draft: Draft) -> Result<i64, Refusal> {
        let author = Actor { user: draft.user, cause: actor.cause.clone() };
        let (topic, opened) = match (draft.topic, draft.title, draft.place) {
            (None, Some(title), Some(place)) => (self.add_topic(&author, title, place, draft.tags), true),
            (Some(topic), ..) => (topic, false),
            _ => return Err(Refusal::NotFound),
        };
        let id = self.add_post(&author, topic, draft.raw, draft.reply_to, PostKind::Regular)?;
        if opened {
            self.tell_topic("topic_created", topic);
        }
        self.tell_post("post_created", id);
        Ok(id)
    }

    fn add_topic(&mut self, actor: &Actor, title: String, place: Place, tags: Vec<String>) -> i64 {
        let id = next_id(&self.topics);
        for tag in &tags {
            let next = i64::try_from(self.tags.len()).unwrap_or(i64::MAX).saturating_add(1);
            self.tags.entry(tag.clone()).or_insert(next);
        }
        let change = Change::TopicCreated { topic: id, title: title.clone(), user: self.name_of(actor.user) };
        self.note(actor, change);
        self.topics.insert(
            id,
            Topic {
                id,
                title,
                place,
                tags,
                user: actor.user,
                created_at: self.now,
                bumped_at: self.now,
                closed: false,
                archived: false,
                visible: true,
                pinned: None,
                deleted: None,
                highest_post_number: 0,
            },
        );
        id
    }

    /// Adds a post without asking whether anybody may.
    pub(super) fn add_post(
        &mut self,
        actor: &Actor,
        topic: i64,
        raw: String,
        reply_to: Option<i64>,
        kind: PostKind,
    ) -> Result<i64, Refusal> {
        let (id, now) = (next_id(&self.posts), self.now);
        let in_topic = self.topic_mut(topic)?;
        in_topic.highest_post_number = in_topic.highest_post_number.saturating_add(1);
        let number = in_topic.highest_post_number;
        if kind == PostKind::Regular {
            in_topic.bumped_at = now;
        }
        let polls = markup::read(&raw).into_iter().map(|poll| poll.begin(now)).collect();
        let change = Change::PostCreated { topic, post: id, raw: raw.clone(), user: self.name_of(actor.user) };
        self.note(actor, change);
        self.posts.insert(
            id,
            Post {
                id,
                topic,
                number,
                kind,
                user: actor.user,
                raw,
                created_at: now,
                updated_at: now,
                reply_to: reply_to.filter(|to| *to < number && *to > 0),
                version: 1,
                last_version_at: now,
                last_editor: actor.user,
                edit_reason: None,
                revisions: Vec::new(),
                deleted: None,
                taken_back: None,
                locked_by: None,
                likes: Vec::new(),
                polls,
            },
        );
        Ok(id)
    }

    fn place_of(&self, user: &User, new: &NewTopic) -> Result<Place, Refusal> {
        if let Some(among) = &new.among {
            if !self.may_message(user) {
                return Err(Refusal::InvalidAccess);
            }
            if among.is_empty() {
                let errors = vec!["You must select a valid user.".to_owned()];
                return Err(Refusal::Unprocessable { action: CREATE, errors });
            }
            let among: BTreeSet<i64> = among.iter().copied().chain([user.id]).collect();
            return Ok(Place::Message(among));
        }
        let id = new.category.or_else(|| self.categories.keys().next().copied());
        let category = id.and_then(|id| self.categories.get(&id)).ok_or(Refusal::InvalidParameters("category"))?;
        if !self.may_open_topic(user, category) {
            return Err(Refusal::InvalidAccess);
        }
        Ok(Place::Category(category.id))
    }

    /// Tags that may be set by somebody: others' names fall out without a word, as in Discourse.
    pub(super) fn allowed_tags(&self, user: &User, tags: &[String]) -> Vec<String> {
        let may_make = user.staff() || user.trust_level >= self.settings.min_trust_to_create_tag;
        let mut allowed: Vec<String> = Vec::new();
        for tag in tags {
            let tag = tag.trim().to_lowercase().replace(' ', "-");
            if !tag.is_empty() && !allowed.contains(&tag) && (may_make || self.tags.contains_key(&tag)) {
                allowed.push(tag);
            }
        }
        allowed
    }

    /// What is wrong with a title.
    pub(super) fn title_errors(&self, title: &str, place: &Place, of: Option<i64>) -> Vec<String> {
        let among_all = matches!(place, Place::Category(_));
        let least = if among_all { self.settings.min_topic_title_length } else { 2 };
        let length = title.chars().count();
        if length == 0 {
            return vec!["Title can't be blank".to_owned()];
        }
        if length < least {
            return vec![format!("Title is too short (minimum is {least} characters)")];
        }
        if length > 255 {
            return vec!["Title is too long (maximum is 255 characters)".to_owned()];
        }
        let taken = self.topics.values().any(|topic| {
            Some(topic.id) != of
                && topic.deleted.is_none()
                && matches!(topic.place, Place::Category(_))
                && topic.title.to_lowercase() == title.to_lowercase()
        });
        if taken && among_all && !self.settings.allow_duplicate_topic_titles {
            return vec!["Title has already been used".to_owned()];
        }
        Vec::new()
    }

    /// What is wrong with the words of a post.
    pub(super) fn body_errors(&self, user: &User, raw: &str, place: &Place, first: First) -> Vec<String> {
        let limits = &self.settings;
        let least = match (place, first) {
            (Place::Message(_), _) => limits.min_personal_message_post_length,
            (Place::Category(_), First::Yes) => limits.min_first_post_length,
            (Place::Category(_), First::No) => limits.min_post_length,
        };
        let length = raw.chars().count();
        if length == 0 {
            return vec!["Body can't be blank".to_owned()];
        }
        if length < least {
            return vec![format!("Body is too short (minimum is {least} characters)")];
        }
        if length > limits.max_post_length {
            return vec![format!("Body is limited to {} characters; you entered {length}.", limits.max_post_length)];
        }
        let polls = markup::read(raw);
        if !polls.is_empty() && !user.staff() && user.trust_level < limits.min_trust_to_create_poll {
            return vec!["You are not allowed to create polls.".to_owned()];
        }
        markup::wrong(&polls, limits.poll_maximum_options).into_iter().collect()
    }

    /// The same words by the same member a moment ago. The staff may repeat itself.
    fn duplicate(&self, user: &User, raw: &str) -> Option<String> {
        let window = i64::try_from(self.settings.unique_posts_mins).unwrap_or(i64::MAX).saturating_mul(60_000_000);
        let recent = |post: &Post| {
            post.user == user.id
                && self.now.micros_since(post.created_at) < window
                && squeezed(&post.raw) == squeezed(raw)
        };
        (!user.staff() && user.id != SYSTEM && self.posts.values().any(recent))
            .then(|| "Body is too similar to what you recently posted".to_owned())
    }

    /// A member's name, for the record.
    pub(super) fn name_of(&self, user: i64) -> String {
        self.users.get(&user).map(|user| user.username.clone()).unwrap_or_default()
    }
}

/// Whether a post opens its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Yes,
    No,
}

fn refuse(errors: Vec<String>) -> Result<(), Refusal> {
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Unprocessable { action: CREATE, errors }) }
}

/// What is compared to find the same words again.
fn squeezed(raw: &str) -> String {
    raw.split_whitespace().collect::<String>().to_lowercase()
}

/// The words as Discourse keeps them.
pub(super) fn tidy(raw: &str) -> String {
    raw.replace("\r\n", "\n").trim_end().to_owned()
}

/// A title as Discourse keeps it: with a capital, without spaces and full stops too many, and not all in capitals.
pub(super) fn prettify(title: &str) -> String {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = title.trim_end_matches('.');
    let shouted = title.chars().any(char::is_alphabetic) && !title.chars().any(char::is_lowercase);
    let title = if shouted && title.contains(' ') { title.to_lowercase() } else { title.to_owned() };
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
