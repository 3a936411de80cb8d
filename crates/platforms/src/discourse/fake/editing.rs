//! Changing what was written: edits and their history, deletion and its end, and the state of topics.

use super::{
    errors::Refusal,
    polls::{self, markup},
    witness::Change,
    world::{Actor, Content, Deleted, Place, Post, PostKind, Revision, World},
    writing::{First, prettify, tidy},
};

/// What the author's own deletion leaves behind.
const TAKEN_BACK: &str = "(post deleted by author)";
const TOPIC_TAKEN_BACK: &str = "(topic deleted by author)";
/// How many letters may change without a revision during the period of grace.
const GRACE_LETTERS: usize = 100;

/// A change of what was written; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(super) struct Edit {
    pub(super) raw: Option<String>,
    pub(super) title: Option<String>,
    pub(super) category: Option<i64>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) reason: Option<String>,
    /// A revision is made in any case.
    pub(super) by_force: bool,
}

/// Whether a deed changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Changed,
    Nothing,
}

/// The states that a topic can be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Closed,
    Archived,
    Visible,
    Pinned,
}

impl Status {
    /// Reads Discourse's word, and gives it back with the code of the line that tells of it.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "closed" => Some(Self::Closed),
            "archived" => Some(Self::Archived),
            "visible" => Some(Self::Visible),
            "pinned" | "pinned_globally" => Some(Self::Pinned),
            _ => None,
        }
    }

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Closed => ("closed", "closed.enabled", "closed.disabled"),
            Self::Archived => ("archived", "archived.enabled", "archived.disabled"),
            Self::Visible => ("visible", "visible.enabled", "visible.disabled"),
            Self::Pinned => ("pinned", "pinned.enabled", "pinned.disabled"),
        }
    }
}

impl World {
    /// Edits a post, and its topic when it is the first one, without asking whether anybody may.
    pub(super) fn edit(&mut self, actor: &Actor, id: i64, edit: &Edit) -> Result<Done, Refusal> {
        let post = self.post(id)?.clone();
        let before = self.content(&post)?;
        let after = self.edited(actor, &post, &before, edit)?;
        if after == before {
            return Ok(Done::Nothing);
        }
        let polls = self.polls_after(&post, &after.raw)?;
        let topic_changed =
            (&after.title, after.category, &after.tags) != (&before.title, before.category, &before.tags);
        let own_revision = edit.by_force || self.makes_revision(actor, &post, &before, &after);
        let now = self.now;
        let kept = self.post_mut(id)?;
        kept.raw.clone_from(&after.raw);
        kept.polls = polls;
        kept.updated_at = now;
        kept.last_editor = actor.user;
        if let Some(reason) = &edit.reason {
            kept.edit_reason = Some(reason.clone());
        }
        if own_revision {
            kept.version = kept.version.saturating_add(1);
            kept.last_version_at = now;
            let (number, reason) = (kept.version, edit.reason.clone());
            kept.revisions.push(Revision { number, at: now, by: actor.user, reason, before, after: after.clone() });
        } else if let Some(last) = kept.revisions.last_mut() {
            last.after.clone_from(&after);
        }
        let version = kept.version;
        self.put_into_topic(&post, &after)?;
        let (topic, user) = (post.topic, self.name_of(actor.user));
        let title = after.title.clone();
        self.note(actor, Change::PostEdited { topic, post: id, raw: after.raw, title, version, user });
        if self.topic(topic)?.deleted.is_none() {
            if post.number == 1 && topic_changed {
                self.tell_topic("topic_edited", topic);
            } else {
                self.tell_post("post_edited", id);
            }
        }
        Ok(Done::Changed)
    }

    fn put_into_topic(&mut self, post: &Post, after: &Content) -> Result<(), Refusal> {
        if let Some(tags) = &after.tags {
            for tag in tags {
                let next = i64::try_from(self.tags.len()).unwrap_or(i64::MAX).saturating_add(1);
                self.tags.entry(tag.clone()).or_insert(next);
            }
        }
        let topic = self.topic_mut(post.topic)?;
        if let Some(title) = &after.title {
            topic.title.clone_from(title);
        }
        if let Some(tags) = &after.tags {
            topic.tags.clone_from(tags);
        }
        if let Some(category) = after.category {
            topic.place = Place::Category(category);
        }
        Ok(())
    }

    /// What a post would say, or what is wrong with it.
    fn edited(&self, actor: &Actor, post: &Post, before: &Content, edit: &Edit) -> Result<Content, Refusal> {
        let user = self.user(actor.user)?;
        let place = &self.topic(post.topic)?.place;
        let mut after = before.clone();
        let mut errors = Vec::new();
        if let Some(raw) = &edit.raw {
            after.raw = tidy(raw);
            // What stood there once may stand there again.
            if after.raw != before.raw && !edit.by_force {
                let first = if post.number == 1 { First::Yes } else { First::No };
                errors.extend(self.body_errors(user, &after.raw, place, first));
            }
        }
        if let (Some(title), Some(_)) = (&edit.title, &before.title) {
            let title = prettify(title);
            errors.extend(self.title_errors(&title, place, Some(post.topic)));
            after.title = Some(title);
        }
        if let (Some(tags), Some(_)) = (&edit.tags, &before.tags) {
            after.tags = Some(self.allowed_tags(user, tags));
        }
        if let (Some(id), Some(_)) = (edit.category, before.category) {
            let category = self.categories.get(&id).ok_or(Refusal::InvalidParameters("category_id"))?;
            if !self.may_open_topic(user, category) {
                return Err(Refusal::InvalidAccess);
            }
            after.category = Some(id);
        }
        if errors.is_empty() { Ok(after) } else { Err(Refusal::Unprocessable { action: None, errors }) }
    }

    /// The polls of a post after an edit: votes stay where nothing of the poll was changed.
    fn polls_after(&self, post: &Post, raw: &str) -> Result<Vec<polls::Poll>, Refusal> {
        let minutes = self.settings.poll_edit_window_mins;
        let window = i64::try_from(minutes).unwrap_or(i64::MAX).saturating_mul(60_000_000);
        let late = |poll: &polls::Poll| {
            !poll.votes.is_empty() && minutes > 0 && self.now.micros_since(poll.begun_at) >= window
        };
        let mut after = Vec::new();
        for shape in markup::read(raw) {
            match post.polls.iter().find(|poll| poll.shape.name == shape.name) {
                Some(poll) if poll.shape == shape => after.push(poll.clone()),
                Some(poll) if late(poll) => {
                    let which = if shape.name == "poll" {
                        "a poll".to_owned()
                    } else {
                        format!("the poll named {}", shape.name)
                    };
                    return Err(Refusal::rule(format!("You cannot change {which} after the first {minutes} minutes.")));
                }
                _ => after.push(shape.begin(self.now)),
            }
        }
        Ok(after)
    }

    fn makes_revision(&self, actor: &Actor, post: &Post, before: &Content, after: &Content) -> bool {
        let grace =
            i64::try_from(self.settings.editing_grace_period_secs).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let much = before.raw.chars().count().abs_diff(after.raw.chars().count()) > GRACE_LETTERS;
        actor.user != post.user
            || actor.user != post.last_editor
            || much
            || self.now.micros_since(post.last_version_at) > grace
    }

    /// Deletes a post, and its topic when it is the first one. The staff makes it vanish, authors take it back.
    pub(super) fn delete(&mut self, actor: &Actor, id: i64) -> Result<(), Refusal> {
        let post = self.post(id)?.clone();
        let user = self.user(actor.user)?;
        let (staff, name) = (user.staff(), user.username.clone());
        if staff {
            let deleted = Deleted { at: self.now, by: actor.user };
            self.post_mut(id)?.deleted = Some(deleted);
            if post.number == 1 {
                self.topic_mut(post.topic)?.deleted = Some(deleted);
            }
        } else {
            let words = if post.number == 1 { TOPIC_TAKEN_BACK } else { TAKEN_BACK };
            self.post_mut(id)?.taken_back = Some(post.raw.clone());
            self.rewrite(actor, id, words)?;
        }
        self.note(actor, Change::PostDeleted { topic: post.topic, post: id, user: name.clone() });
        self.tell_post("post_destroyed", id);
        if post.number == 1 {
            if staff {
                self.note(actor, Change::TopicDeleted { topic: post.topic, user: name });
            }
            self.tell_topic("topic_destroyed", post.topic);
        }
        Ok(())
    }

    /// Brings back what was deleted.
    pub(super) fn recover(&mut self, actor: &Actor, id: i64) -> Result<(), Refusal> {
        let post = self.post(id)?.clone();
        if post.deleted.is_some() {
            self.post_mut(id)?.deleted = None;
        } else if let Some(raw) = &post.taken_back {
            self.post_mut(id)?.taken_back = None;
            self.rewrite(actor, id, raw)?;
        }
        let user = self.name_of(actor.user);
        self.note(actor, Change::PostRecovered { topic: post.topic, post: id, user: user.clone() });
        if post.number == 1 {
            self.topic_mut(post.topic)?.deleted = None;
        }
        self.tell_post("post_recovered", id);
        if post.number == 1 {
            self.note(actor, Change::TopicRecovered { topic: post.topic, user });
            self.tell_topic("topic_recovered", post.topic);
        }
        Ok(())
    }

    /// Sets the words of a post with a revision of its own and without asking how long they are.
    fn rewrite(&mut self, actor: &Actor, id: i64, raw: &str) -> Result<(), Refusal> {
        let post = self.post(id)?.clone();
        let before = self.content(&post)?;
        let after = Content { raw: raw.to_owned(), ..before.clone() };
        let now = self.now;
        let kept = self.post_mut(id)?;
        raw.clone_into(&mut kept.raw);
        kept.version = kept.version.saturating_add(1);
        (kept.updated_at, kept.last_version_at, kept.last_editor) = (now, now, actor.user);
        let number = kept.version;
        kept.revisions.push(Revision { number, at: now, by: actor.user, reason: None, before, after });
        self.tell_post("post_edited", id);
        Ok(())
    }

    /// Puts an earlier state in force again: what stood before this revision.
    pub(super) fn revert(&mut self, actor: &Actor, id: i64, number: i64) -> Result<(), Refusal> {
        let post = self.post(id)?;
        let revision = post.revisions.iter().find(|revision| revision.number == number).ok_or(Refusal::NotFound)?;
        let (before, after) = (revision.before.clone(), revision.after.clone());
        let edit = Edit {
            raw: (before.raw != after.raw).then(|| before.raw.clone()),
            title: before.title.clone().filter(|_| before.title != after.title),
            category: before.category.filter(|_| before.category != after.category),
            tags: before.tags.clone().filter(|_| before.tags != after.tags),
            reason: Some(format!("reverted to version #{}", number.saturating_sub(1))),
            by_force: true,
        };
        match self.edit(actor, id, &edit)? {
            Done::Changed => Ok(()),
            Done::Nothing => {
                Err(Refusal::rule("The version you are trying to revert to is the same as the current version."))
            }
        }
    }

    /// Closes, archives, hides or pins a topic, or the reverse.
    pub(super) fn set_status(&mut self, actor: &Actor, id: i64, status: Status, on: bool) -> Result<Done, Refusal> {
        let now = self.now;
        let topic = self.topic_mut(id)?;
        let (word, enabled, disabled) = status.words();
        let held = match status {
            Status::Closed => std::mem::replace(&mut topic.closed, on),
            Status::Archived => std::mem::replace(&mut topic.archived, on),
            Status::Visible => std::mem::replace(&mut topic.visible, on),
            Status::Pinned => std::mem::replace(&mut topic.pinned, on.then_some(now)).is_some(),
        };
        if held == on {
            return Ok(Done::Nothing);
        }
        let user = self.name_of(actor.user);
        self.note(actor, Change::StatusSet { topic: id, status: word.to_owned(), enabled: on, user });
        self.tell_topic(&format!("topic_{word}_status_updated"), id);
        let code = if on { enabled } else { disabled };
        let line = self.add_post(actor, id, String::new(), None, PostKind::SmallAction(code))?;
        self.tell_post("post_created", line);
        Ok(Done::Changed)
    }

    /// Keeps a post from being edited by its author, or allows it again.
    pub(super) fn set_lock(&mut self, actor: &Actor, id: i64, on: bool) -> Result<(), Refusal> {
        let by = actor.user;
        self.post_mut(id)?.locked_by = on.then_some(by);
        let user = self.name_of(by);
        self.note(actor, Change::LockSet { post: id, locked: on, user });
        Ok(())
    }

    /// Likes a post.
    pub(super) fn like(&mut self, actor: &Actor, id: i64) -> Result<(), Refusal> {
        let post = self.post_mut(id)?;
        if post.user == actor.user || post.likes.contains(&actor.user) {
            return Err(Refusal::InvalidAccess);
        }
        post.likes.push(actor.user);
        let user = self.name_of(actor.user);
        self.note(actor, Change::Liked { post: id, user });
        self.tell_like(id, actor.user);
        Ok(())
    }
}
