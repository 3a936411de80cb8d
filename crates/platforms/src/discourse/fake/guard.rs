//! Who may do what: Discourse's rules about staff, levels of trust, categories and personal messages.

use super::{
    config::Permission,
    errors::Refusal,
    world::{Category, Group, Place, Post, PostKind, SYSTEM, Topic, User, World},
};

impl World {
    /// The most that somebody may do in a category.
    pub(super) fn permission(&self, user: Option<&User>, category: &Category) -> Option<Permission> {
        if category.permissions.is_empty() || user.is_some_and(|user| user.admin) {
            return Some(Permission::Full);
        }
        let belongs = |name: &str| {
            name == "everyone"
                || user.is_some_and(|user| self.find_group(name).is_some_and(|group: &Group| group.has(user)))
        };
        category.permissions.iter().filter(|(group, _)| belongs(group)).map(|(_, permission)| *permission).max()
    }

    fn place_permission(&self, user: Option<&User>, topic: &Topic) -> Option<Permission> {
        match &topic.place {
            Place::Category(id) => self.permission(user, self.categories.get(id)?),
            Place::Message(among) => {
                user.filter(|user| user.admin || among.contains(&user.id)).map(|_| Permission::Full)
            }
        }
    }

    /// Whether somebody sees a topic; deleted ones are seen by the staff.
    pub(super) fn sees_topic(&self, user: Option<&User>, topic: &Topic) -> bool {
        self.place_permission(user, topic).is_some() && (topic.deleted.is_none() || user.is_some_and(User::staff))
    }

    /// Whether somebody sees a post; deleted ones are seen by the staff.
    pub(super) fn sees_post(&self, user: Option<&User>, post: &Post) -> bool {
        self.topics.get(&post.topic).is_some_and(|topic| self.sees_topic(user, topic))
            && (post.deleted.is_none() || user.is_some_and(User::staff))
    }

    /// Whether somebody may take part at all.
    fn silent(&self, user: &User) -> bool {
        user.silenced.as_ref().is_some_and(|restraint| restraint.till > self.now)
    }

    pub(super) fn may_open_topic(&self, user: &User, category: &Category) -> bool {
        !self.silent(user) && self.permission(Some(user), category) == Some(Permission::Full)
    }

    pub(super) fn may_reply(&self, user: &User, topic: &Topic) -> bool {
        let open = topic.deleted.is_none() && !topic.archived && (!topic.closed || user.staff());
        open && !self.silent(user) && self.place_permission(Some(user), topic) >= Some(Permission::Reply)
    }

    pub(super) fn may_message(&self, user: &User) -> bool {
        user.staff() || (user.trust_level >= 1 && !self.silent(user))
    }

    /// Whether the time in which an author may edit is over.
    fn edit_time_over(&self, user: &User, post: &Post) -> bool {
        let limits = &self.settings;
        let minutes =
            if user.trust_level >= 2 { limits.tl2_post_edit_time_limit_mins } else { limits.post_edit_time_limit_mins };
        let allowed = i64::try_from(minutes).unwrap_or(i64::MAX).saturating_mul(60_000_000);
        minutes > 0 && self.now.micros_since(post.created_at) > allowed
    }

    pub(super) fn may_edit_post(&self, user: &User, post: &Post) -> bool {
        let Ok(topic) = self.topic(post.topic) else { return false };
        if !self.sees_post(Some(user), post) || post.kind != PostKind::Regular {
            return false;
        }
        if user.staff() {
            return true;
        }
        if self.silent(user) || topic.archived || post.locked_by.is_some() || post.deleted.is_some() {
            return false;
        }
        user.trust_level >= 4 || (post.user == user.id && post.taken_back.is_none() && !self.edit_time_over(user, post))
    }

    /// Whether somebody may rename a topic, move it, and change its tags.
    pub(super) fn may_edit_topic(&self, user: &User, topic: &Topic) -> bool {
        if !self.sees_topic(Some(user), topic) {
            return false;
        }
        if user.staff() {
            return true;
        }
        let among_all = matches!(topic.place, Place::Category(_));
        if self.silent(user) || topic.archived || topic.deleted.is_some() {
            return false;
        }
        (among_all && user.trust_level >= 3)
            || (topic.user == user.id && self.first_post(topic.id).is_ok_and(|first| !self.edit_time_over(user, first)))
    }

    pub(super) fn may_delete_post(&self, user: &User, post: &Post) -> bool {
        if post.deleted.is_some() || !self.sees_post(Some(user), post) {
            return false;
        }
        let Ok(topic) = self.topic(post.topic) else { return false };
        if post.number == 1 {
            return self.may_delete_topic(user, topic);
        }
        user.staff() || (post.user == user.id && !topic.archived && post.taken_back.is_none())
    }

    pub(super) fn may_delete_topic(&self, user: &User, topic: &Topic) -> bool {
        if topic.deleted.is_some() || !self.sees_topic(Some(user), topic) {
            return false;
        }
        let answered = self.posts_of(topic.id).any(|post| post.number > 1 && post.kind == PostKind::Regular);
        let taken_back = self.first_post(topic.id).is_ok_and(|first| first.taken_back.is_some());
        user.staff() || (topic.user == user.id && !answered && !topic.archived && !taken_back)
    }

    pub(super) fn may_recover_post(&self, user: &User, post: &Post) -> bool {
        if !self.sees_post(Some(user), post) {
            return false;
        }
        if user.staff() {
            return post.deleted.is_some() || post.taken_back.is_some();
        }
        post.user == user.id && post.taken_back.is_some() && post.deleted.is_none()
    }

    /// Whether somebody may close, archive, pin and hide topics.
    pub(super) fn may_moderate(&self, user: &User, topic: &Topic) -> bool {
        self.sees_topic(Some(user), topic)
            && (user.staff() || (user.trust_level >= 4 && matches!(topic.place, Place::Category(_))))
    }

    pub(super) fn may_manage_group(user: &User, group: &Group) -> bool {
        !group.automatic() && (user.admin || group.owners.contains(&user.id))
    }

    pub(super) fn sees_group(user: Option<&User>, group: &Group) -> bool {
        !group.hidden || user.is_some_and(|user| user.admin || group.has(user) || group.owners.contains(&user.id))
    }

    /// Whether somebody may grant an application a key of theirs.
    pub(super) fn may_grant_keys(&self, user: &User) -> bool {
        user.staff()
            || self
                .settings
                .user_api_key_allowed_groups
                .iter()
                .any(|name| name == "everyone" || self.find_group(name).is_some_and(|group| group.has(user)))
    }

    /// A topic that somebody sees: hidden ones are told from missing ones, as Discourse does.
    pub(super) fn seen_topic(&self, user: Option<i64>, id: i64) -> Result<&Topic, Refusal> {
        let user = user.and_then(|id| self.users.get(&id));
        let topic = self.topic(id)?;
        if self.sees_topic(user, topic) {
            return Ok(topic);
        }
        Err(if topic.deleted.is_some() { Refusal::NotFound } else { Refusal::InvalidAccess })
    }

    /// A post that somebody sees.
    pub(super) fn seen_post(&self, user: Option<i64>, id: i64) -> Result<&Post, Refusal> {
        let user = user.and_then(|id| self.users.get(&id));
        let post = self.post(id)?;
        if self.sees_post(user, post) {
            return Ok(post);
        }
        let gone = post.deleted.is_some() || self.topic(post.topic)?.deleted.is_some();
        Err(if gone { Refusal::NotFound } else { Refusal::InvalidAccess })
    }

    /// Somebody of the staff, or a refusal: to others such addresses do not exist.
    pub(super) fn staff_only(&self, user: Option<i64>) -> Result<&User, Refusal> {
        let user = user.and_then(|id| self.users.get(&id));
        user.filter(|user| user.staff()).ok_or(Refusal::NotFound)
    }

    /// An administrator, or a refusal.
    pub(super) fn admin_only(&self, user: Option<i64>) -> Result<&User, Refusal> {
        let user = user.and_then(|id| self.users.get(&id));
        user.filter(|user| user.admin).ok_or(Refusal::NotFound)
    }

    /// Whether this is the forum's own account.
    pub(super) const fn is_system(user: i64) -> bool {
        user == SYSTEM
    }
}
