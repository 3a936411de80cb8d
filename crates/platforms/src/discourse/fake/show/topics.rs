//! Topics, lists of them, and categories.

use serde_json::{Value, json};

use super::{basic_user, merge, posts::Raw, set, set_some};
use crate::discourse::fake::{
    config::Permission,
    world::{Category, Place, Post, PostKind, SYSTEM, Topic, User, World, moment, slug},
};

/// Posts that come with a topic.
const CHUNK: usize = 20;
/// Topics of one page of a list.
const PAGE: usize = 30;

impl World {
    /// A topic as somebody sees it, with its first posts.
    pub(in crate::discourse::fake) fn topic_view(&self, viewer: Option<i64>, topic: &Topic) -> Value {
        let user = viewer.and_then(|id| self.users.get(&id));
        let mut view = self.topic_fields(topic);
        let seen: Vec<&Post> = self.posts_of(topic.id).filter(|post| self.in_stream(user, topic, post)).collect();
        let posts: Vec<Value> = seen
            .iter()
            .take(CHUNK)
            .map(|post| {
                let mut shown = self.post_view(viewer, post, Raw::Absent);
                set(&mut shown, "read", json!(true));
                set(&mut shown, "link_counts", json!([]));
                shown
            })
            .collect();
        let stream: Vec<i64> = seen.iter().map(|post| post.id).collect();
        set(&mut view, "post_stream", json!({ "posts": posts, "stream": stream }));
        set(&mut view, "timeline_lookup", json!([[1, 0]]));
        set(&mut view, "suggested_topics", json!([]));
        set(&mut view, "details", self.details(user, topic));
        set(&mut view, "chunk_size", json!(CHUNK));
        set(&mut view, "draft", Value::Null);
        set(&mut view, "draft_key", json!(format!("topic_{}", topic.id)));
        set(&mut view, "draft_sequence", json!(0));
        set(&mut view, "current_post_number", json!(1));
        set(&mut view, "message_bus_last_id", json!(0));
        set(&mut view, "has_summary", json!(false));
        set(&mut view, "topic_timer", Value::Null);
        set(&mut view, "show_read_indicator", json!(false));
        set(&mut view, "bookmarks", json!([]));
        set(&mut view, "image_url", Value::Null);
        set(&mut view, "slow_mode_seconds", json!(0));
        set(&mut view, "slow_mode_enabled_until", Value::Null);
        set(&mut view, "actions_summary", json!([{ "id": 4, "count": 0, "hidden": false, "can_act": user.is_some() }]));
        view
    }

    /// Whether a post is part of what somebody reads in a topic: deleted ones are not, unless the whole topic is.
    fn in_stream(&self, user: Option<&User>, topic: &Topic, post: &Post) -> bool {
        post.deleted.is_none() || (topic.deleted.is_some() && user.is_some_and(User::staff))
    }

    /// What is said of a topic to anybody and to web hooks.
    fn topic_fields(&self, topic: &Topic) -> Value {
        let posts: Vec<&Post> = self.posts_of(topic.id).collect();
        let regular = |post: &&&Post| post.kind == PostKind::Regular && post.deleted.is_none();
        let last = posts.iter().rev().find(regular);
        let likes: usize = posts.iter().map(|post| post.likes.len()).sum();
        let deleted_by = topic.deleted.and_then(|deleted| self.users.get(&deleted.by)).map(basic_user);
        let words: usize = posts.iter().map(|post| post.raw.split_whitespace().count()).sum();
        let mut authors: Vec<i64> = posts.iter().filter(regular).map(|post| post.user).collect();
        authors.sort_unstable();
        authors.dedup();
        let mut view = json!({
            "id": topic.id,
            "title": topic.title,
            "fancy_title": super::posts::escape(&topic.title),
            "posts_count": self.living_posts(topic.id),
            "created_at": moment(topic.created_at),
            "views": 1,
            "reply_count": posts.iter().filter(|post| post.reply_to.is_some()).count(),
            "like_count": likes,
            "last_posted_at": last.map(|post| moment(post.created_at)),
            "visible": topic.visible,
            "closed": topic.closed,
            "archived": topic.archived,
            "archetype": archetype(topic),
            "slug": slug(&topic.title),
        });
        merge(
            &mut view,
            json!({
                "word_count": words,
                "deleted_at": topic.deleted.map(|deleted| moment(deleted.at)),
                "user_id": topic.user,
                "featured_link": null,
                "pinned_globally": false,
                "pinned_at": topic.pinned.map(moment),
                "pinned_until": null,
                "unpinned": null,
                "pinned": topic.pinned.is_some(),
                "highest_post_number": topic.highest_post_number,
                "deleted_by": deleted_by,
                "has_deleted": posts.iter().any(|post| post.deleted.is_some()),
                "bookmarked": false,
                "participant_count": authors.len(),
                "thumbnails": null,
                "tags": self.tags_view(&topic.tags),
                "tags_descriptions": {},
            }),
        );
        set_some(&mut view, "category_id", category_of(topic).map(Value::from));
        view
    }

    fn details(&self, user: Option<&User>, topic: &Topic) -> Value {
        let may = |allowed: &dyn Fn(&User) -> bool| user.is_some_and(allowed);
        let last = self.posts_of(topic.id).filter(|post| post.deleted.is_none()).last();
        let moderate = may(&|user| self.may_moderate(user, topic));
        let staff = may(&User::staff);
        let mut details = json!({
            "can_edit": may(&|user| self.may_edit_topic(user, topic)),
            "notification_level": 1,
            "can_move_posts": staff,
            "can_delete": may(&|user| self.may_delete_topic(user, topic)),
            "can_remove_allowed_users": staff,
            "can_create_post": may(&|user| self.may_reply(user, topic)),
            "can_reply_as_new_topic": user.is_some(),
            "can_flag_topic": user.is_some(),
            "can_convert_topic": staff,
            "can_review_topic": staff,
            "can_close_topic": moderate,
            "can_archive_topic": moderate,
            "can_split_merge_topic": staff,
            "can_edit_staff_notes": staff,
            "can_toggle_topic_visibility": moderate,
            "can_pin_unpin_topic": moderate,
            "can_moderate_category": staff,
            "can_remove_self_id": user.map_or(0, |user| user.id),
            "created_by": self.users.get(&topic.user).map(basic_user),
            "last_poster": last.and_then(|post| self.users.get(&post.user)).map(basic_user),
        });
        if let Place::Message(among) = &topic.place {
            let users: Vec<Value> = among.iter().filter_map(|id| self.users.get(id)).map(basic_user).collect();
            set(&mut details, "allowed_users", json!(users));
            set(&mut details, "allowed_groups", json!([]));
        }
        details
    }

    /// A topic as web hooks are told of it. Who edited it is not told.
    pub(in crate::discourse::fake) fn topic_for_hook(&self, id: i64) -> Value {
        let Some(topic) = self.topics.get(&id) else { return Value::Null };
        let mut view = self.topic_fields(topic);
        let last = self.posts_of(id).filter(|post| post.deleted.is_none()).last();
        set(&mut view, "created_by", json!(self.users.get(&topic.user).map(basic_user)));
        set(&mut view, "last_poster", json!(last.and_then(|post| self.users.get(&post.user)).map(basic_user)));
        view
    }

    /// A topic in the fewest words.
    pub(in crate::discourse::fake) fn basic_topic(&self, topic: &Topic) -> Value {
        json!({
            "id": topic.id,
            "title": topic.title,
            "fancy_title": super::posts::escape(&topic.title),
            "slug": slug(&topic.title),
            "posts_count": self.living_posts(topic.id),
        })
    }

    /// Topics that somebody sees, the last touched first, a page at a time.
    pub(in crate::discourse::fake) fn topic_list(
        &self,
        viewer: Option<i64>,
        wanted: impl Fn(&Topic) -> bool,
        page: usize,
        more: &str,
    ) -> Value {
        let user = viewer.and_then(|id| self.users.get(&id));
        let listed = |topic: &&Topic| {
            topic.deleted.is_none()
                && category_of(topic).is_some()
                && self.sees_topic(user, topic)
                && (topic.visible || user.is_some_and(User::staff))
                && wanted(topic)
        };
        let mut topics: Vec<&Topic> = self.topics.values().filter(listed).collect();
        topics.sort_by_key(|topic| (topic.pinned.is_none(), std::cmp::Reverse((topic.bumped_at, topic.id))));
        let ends = topics.len() <= page.saturating_add(1).saturating_mul(PAGE);
        let shown: Vec<&Topic> = topics.into_iter().skip(page.saturating_mul(PAGE)).take(PAGE).collect();
        let mut users: Vec<i64> = shown.iter().map(|topic| topic.user).collect();
        users.sort_unstable();
        users.dedup();
        let mut list = json!({
            "can_create_topic": user.is_some(),
            "draft": null,
            "draft_key": "new_topic",
            "draft_sequence": 0,
            "per_page": PAGE,
            "topics": shown.iter().map(|topic| self.listed_topic(topic)).collect::<Vec<_>>(),
        });
        if !ends {
            set(&mut list, "more_topics_url", json!(format!("{more}?page={}", page.saturating_add(1))));
        }
        json!({
            "users": users.iter().filter_map(|id| self.users.get(id)).map(basic_user).collect::<Vec<_>>(),
            "primary_groups": [],
            "topic_list": list,
        })
    }

    fn listed_topic(&self, topic: &Topic) -> Value {
        let mut view = self.topic_fields(topic);
        let last = self.posts_of(topic.id).filter(|post| post.deleted.is_none()).last();
        let last = last.and_then(|post| self.users.get(&post.user));
        super::drop_fields(
            &mut view,
            &[
                "word_count",
                "deleted_at",
                "user_id",
                "pinned_at",
                "pinned_until",
                "deleted_by",
                "has_deleted",
                "participant_count",
                "thumbnails",
            ],
        );
        set(&mut view, "image_url", Value::Null);
        set(&mut view, "bumped", json!(true));
        set(&mut view, "bumped_at", json!(moment(topic.bumped_at)));
        set(&mut view, "unseen", json!(false));
        set(&mut view, "liked", json!(false));
        set(&mut view, "has_summary", json!(false));
        set(&mut view, "op_like_count", json!(0));
        set(&mut view, "last_poster_username", json!(last.map(|user| user.username.as_str())));
        let posters = json!([{
            "extras": "latest single", "description": "Original Poster, Most Recent Poster", "user_id": topic.user,
            "primary_group_id": null, "flair_group_id": null,
        }]);
        set(&mut view, "posters", posters);
        view
    }

    /// A category as somebody sees it.
    pub(in crate::discourse::fake) fn category_view(&self, viewer: Option<i64>, category: &Category) -> Option<Value> {
        let user = viewer.and_then(|id| self.users.get(&id));
        let permission = self.permission(user, category)?;
        let topics =
            self.topics.values().filter(|topic| category_of(topic) == Some(category.id) && topic.deleted.is_none());
        let ids: Vec<i64> = topics.map(|topic| topic.id).collect();
        let posts: usize = ids.iter().map(|id| self.living_posts(*id)).sum();
        Some(json!({
            "id": category.id,
            "name": category.name,
            "color": category.color,
            "text_color": "FFFFFF",
            "style_type": "square",
            "emoji": null,
            "icon": null,
            "slug": category.slug,
            "topic_count": ids.len(),
            "post_count": posts,
            "position": category.id,
            "description": category.description,
            "description_text": category.description,
            "description_excerpt": category.description,
            "topic_url": format!("/t/about-the-{}-category/0", category.slug),
            "read_restricted": !category.permissions.is_empty()
                && !category.permissions.iter().any(|(group, _)| group == "everyone"),
            "permission": match permission { Permission::Full => 1, Permission::Reply => 2, Permission::ReadOnly => 3 },
            "notification_level": 1,
            "topic_template": null,
            "has_children": false,
            "num_featured_topics": 3,
            "minimum_required_tags": 0,
        }))
    }

    /// The categories that somebody sees.
    pub(in crate::discourse::fake) fn categories_view(&self, viewer: Option<i64>) -> Vec<Value> {
        self.categories.values().filter_map(|category| self.category_view(viewer, category)).collect()
    }

    /// The site as everybody sees it.
    pub(in crate::discourse::fake) fn site_view(&self, viewer: Option<i64>) -> Value {
        let groups =
            self.groups.values().filter(|group| Self::sees_group(viewer.and_then(|id| self.users.get(&id)), group));
        json!({
            "default_archetype": "regular",
            "notification_types": { "mentioned": 1, "replied": 2, "quoted": 3, "edited": 4, "liked": 5, "private_message": 6 },
            "post_types": { "regular": 1, "moderator_action": 2, "small_action": 3, "whisper": 4 },
            "trust_levels": { "newuser": 0, "basic": 1, "member": 2, "regular": 3, "leader": 4 },
            "groups": groups.map(|group| json!({
                "id": group.id, "name": group.name, "automatic": group.automatic(), "flair_url": null,
                "flair_bg_color": null, "flair_color": null,
            })).collect::<Vec<_>>(),
            "archetypes": [{ "id": "regular", "name": "Regular Topic", "options": [] }, { "id": "private_message", "name": "Personal Message", "options": [] }],
            "uncategorized_category_id": 1,
            "can_create_tag": viewer.is_some(),
            "can_tag_topics": viewer.is_some(),
            "categories": self.categories_view(viewer),
        })
    }

    /// What the forum says about itself.
    pub(in crate::discourse::fake) fn about_view(&self) -> Value {
        let who = |wanted: fn(&User) -> bool| {
            let users = self.users.values().filter(|user| wanted(user) && user.id != SYSTEM);
            users.map(basic_user).collect::<Vec<_>>()
        };
        json!({
            "users": self.users.values().map(basic_user).collect::<Vec<_>>(),
            "about": {
                "stats": {
                    "topics_count": self.topics.values().filter(|topic| topic.deleted.is_none()).count(),
                    "posts_count": self.posts.values().filter(|post| post.deleted.is_none()).count(),
                    "users_count": self.users.len().saturating_sub(1),
                },
                "description": "",
                "title": self.title,
                "locale": "en",
                "version": "2026.8.0",
                "https": self.base_url.starts_with("https"),
                "can_see_about_stats": true,
                "admins": who(|user| user.admin),
                "moderators": who(|user| user.moderator),
            },
        })
    }
}

const fn archetype(topic: &Topic) -> &'static str {
    match topic.place {
        Place::Category(_) => "regular",
        Place::Message(_) => "private_message",
    }
}

/// The category of a topic that is not for some members alone.
pub(in crate::discourse::fake) const fn category_of(topic: &Topic) -> Option<i64> {
    match topic.place {
        Place::Category(id) => Some(id),
        Place::Message(_) => None,
    }
}
