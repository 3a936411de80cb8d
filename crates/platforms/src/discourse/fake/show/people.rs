//! Members and groups.

use serde_json::{Value, json};

use super::{avatar, full_name, merge, set};
use crate::discourse::fake::world::{Group, PostKind, SYSTEM, User, World, moment};

impl World {
    fn posts_by(&self, user: i64) -> usize {
        let by = |post: &&crate::discourse::fake::world::Post| {
            post.user == user && post.kind == PostKind::Regular && post.deleted.is_none()
        };
        self.posts.values().filter(by).count()
    }

    fn topics_by(&self, user: i64) -> usize {
        self.topics.values().filter(|topic| topic.user == user && topic.deleted.is_none()).count()
    }

    fn last_post_by(&self, user: i64) -> Option<String> {
        self.posts.values().filter(|post| post.user == user).map(|post| post.created_at).max().map(moment)
    }

    /// A member's card.
    pub(in crate::discourse::fake) fn user_view(&self, viewer: Option<i64>, user: &User) -> Value {
        let seen = viewer.and_then(|id| self.users.get(&id));
        let groups: Vec<&Group> = self.groups_of(user).filter(|group| Self::sees_group(seen, group)).collect();
        let mut card = json!({
            "id": user.id,
            "username": user.username,
            "name": full_name(user),
            "avatar_template": avatar(user),
            "last_posted_at": self.last_post_by(user.id),
            "last_seen_at": moment(self.now),
            "created_at": moment(user.created_at),
            "ignored": false,
            "muted": false,
            "can_ignore_user": false,
            "can_mute_user": false,
            "can_send_private_messages": seen.is_some_and(|viewer| self.may_message(viewer)),
            "can_send_private_message_to_user": seen.is_some_and(|viewer| self.may_message(viewer)),
            "trust_level": user.trust_level,
            "moderator": user.moderator,
            "admin": user.admin,
            "title": user.title,
        });
        merge(
            &mut card,
            json!({
                "badge_count": 0,
                "custom_fields": {},
                "time_read": 0,
                "recent_time_read": 0,
                "primary_group_id": null,
                "primary_group_name": null,
                "flair_group_id": null,
                "flair_name": null,
                "flair_url": null,
                "flair_bg_color": null,
                "flair_color": null,
                "staged": false,
                "can_edit": viewer == Some(user.id) || seen.is_some_and(User::staff),
                "can_edit_username": seen.is_some_and(|viewer| viewer.admin),
                "can_edit_email": seen.is_some_and(|viewer| viewer.admin),
                "can_edit_name": viewer == Some(user.id),
                "uploaded_avatar_id": null,
                "has_title_badges": false,
                "pending_count": 0,
                "profile_view_count": 0,
                "can_upload_profile_header": false,
                "can_upload_user_card_background": false,
                "post_count": self.posts_by(user.id),
                "topic_count": self.topics_by(user.id),
                "featured_user_badge_ids": [],
                "invited_by": null,
                "groups": groups.iter().map(|group| self.group_view(seen, group)).collect::<Vec<_>>(),
            }),
        );
        for (field, restraint) in [("suspended_till", &user.suspended), ("silenced_till", &user.silenced)] {
            if let Some(restraint) = restraint.as_ref().filter(|restraint| restraint.till > self.now) {
                set(&mut card, field, json!(moment(restraint.till)));
                if field == "suspended_till" {
                    set(&mut card, "suspend_reason", json!(restraint.reason));
                }
            }
        }
        if viewer == Some(user.id) {
            set(&mut card, "email", json!(user.email));
        }
        json!({ "user_badges": [], "user": card })
    }

    /// The member that a key acts as.
    pub(in crate::discourse::fake) fn current_user_view(&self, user: &User) -> Value {
        json!({
            "current_user": {
                "id": user.id,
                "username": user.username,
                "name": full_name(user),
                "avatar_template": avatar(user),
                "unread_notifications": 0,
                "unread_high_priority_notifications": 0,
                "admin": user.admin,
                "moderator": user.moderator,
                "staff": user.staff(),
                "title": user.title,
                "trust_level": user.trust_level,
                "can_create_topic": true,
                "can_send_private_messages": self.may_message(user),
                "groups": self.groups_of(user).map(|group| json!({ "id": group.id, "name": group.name })).collect::<Vec<_>>(),
            },
        })
    }

    /// A member as administrators see them in lists.
    pub(in crate::discourse::fake) fn admin_user_view(&self, user: &User) -> Value {
        json!({
            "id": user.id,
            "username": user.username,
            "name": full_name(user),
            "avatar_template": avatar(user),
            "active": user.active,
            "admin": user.admin,
            "moderator": user.moderator,
            "last_seen_at": moment(self.now),
            "last_emailed_at": null,
            "created_at": moment(user.created_at),
            "last_seen_age": 0.0,
            "last_emailed_age": null,
            "created_at_age": 0.0,
            "trust_level": user.trust_level,
            "manual_locked_trust_level": null,
            "title": user.title,
            "time_read": 0,
            "staged": false,
            "days_visited": 1,
            "posts_read_count": 0,
            "topics_entered": 0,
            "post_count": self.posts_by(user.id),
        })
    }

    /// A member as web hooks are told of them.
    pub(in crate::discourse::fake) fn user_for_hook(&self, id: i64) -> Value {
        let Some(user) = self.users.get(&id) else { return Value::Null };
        let mut view = self.user_view(Some(SYSTEM), user).get("user").cloned().unwrap_or_default();
        super::drop_fields(
            &mut view,
            &[
                "ignored",
                "muted",
                "can_ignore_user",
                "can_mute_user",
                "can_send_private_messages",
                "can_send_private_message_to_user",
            ],
        );
        set(&mut view, "email", json!(user.email));
        view
    }

    /// A line of the directory.
    pub(in crate::discourse::fake) fn directory_item(&self, user: &User) -> Value {
        json!({
            "id": user.id,
            "likes_received": self.posts.values().filter(|post| post.user == user.id).map(|post| post.likes.len()).sum::<usize>(),
            "likes_given": self.posts.values().filter(|post| post.likes.contains(&user.id)).count(),
            "topics_entered": 0,
            "topic_count": self.topics_by(user.id),
            "post_count": self.posts_by(user.id),
            "posts_read": 0,
            "days_visited": 1,
            "user": {
                "id": user.id, "username": user.username, "name": full_name(user), "avatar_template": avatar(user),
                "title": user.title,
            },
        })
    }

    /// The members of a group, in their order.
    pub(in crate::discourse::fake) fn members_of<'a>(&'a self, group: &'a Group) -> Vec<&'a User> {
        let mut members: Vec<&User> = self.users.values().filter(|user| user.id != SYSTEM && group.has(user)).collect();
        members.sort_by_key(|user| user.username.to_lowercase());
        members
    }

    /// A group.
    pub(in crate::discourse::fake) fn group_view(&self, viewer: Option<&User>, group: &Group) -> Value {
        let manages = viewer.is_some_and(|viewer| Self::may_manage_group(viewer, group));
        json!({
            "id": group.id,
            "automatic": group.automatic(),
            "name": group.name,
            "display_name": group.name,
            "user_count": self.members_of(group).len(),
            "mentionable_level": 0,
            "messageable_level": 0,
            "visibility_level": if group.hidden { 2 } else { 0 },
            "primary_group": false,
            "title": null,
            "grant_trust_level": null,
            "incoming_email": null,
            "has_messages": false,
            "flair_url": null,
            "flair_bg_color": null,
            "flair_color": null,
            "bio_raw": "",
            "bio_cooked": null,
            "bio_excerpt": null,
            "public_admission": group.public_admission,
            "public_exit": group.public_admission,
            "allow_membership_requests": false,
            "full_name": group.full_name,
            "default_notification_level": 3,
            "membership_request_template": null,
            "is_group_user": viewer.is_some_and(|viewer| group.has(viewer)),
            "is_group_owner": viewer.is_some_and(|viewer| group.owners.contains(&viewer.id)),
            "members_visibility_level": 0,
            "can_see_members": true,
            "can_admin_group": manages,
            "can_edit_group": manages,
            "publish_read_state": false,
        })
    }

    /// A member of a group.
    pub(in crate::discourse::fake) fn group_member(&self, user: &User) -> Value {
        json!({
            "id": user.id,
            "username": user.username,
            "name": full_name(user),
            "avatar_template": avatar(user),
            "title": user.title,
            "last_posted_at": self.last_post_by(user.id),
            "last_seen_at": moment(self.now),
            "added_at": moment(user.created_at),
            "timezone": null,
        })
    }
}
