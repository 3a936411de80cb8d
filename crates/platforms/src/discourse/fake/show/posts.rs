//! Posts and their history.

use serde_json::{Map, Value, json};

use super::{basic_user, full_name, merge, set, set_some};
use crate::discourse::fake::{
    errors::Refusal,
    world::{Content, Place, Post, PostKind, Revision, User, World, moment, slug},
};

impl World {
    /// A post as somebody sees it; with its words as they were written when `raw` says so.
    pub(in crate::discourse::fake) fn post_view(&self, viewer: Option<i64>, post: &Post, raw: Raw) -> Value {
        let user = self.users.get(&post.user);
        let viewer_user = viewer.and_then(|id| self.users.get(&id));
        let may = |rule: &dyn Fn(&User) -> bool| viewer_user.is_some_and(rule);
        let topic = self.topics.get(&post.topic);
        let topic_slug = topic.map(|topic| slug(&topic.title)).unwrap_or_default();
        let replies = self.posts_of(post.topic).filter(|other| other.reply_to == Some(post.number)).count();
        let (kind, action_code) = match post.kind {
            PostKind::Regular => (1, None),
            PostKind::SmallAction(code) => (3, Some(code)),
        };
        let mut view = json!({
            "id": post.id,
            "name": user.map(full_name),
            "username": user.map(|user| user.username.as_str()),
            "avatar_template": user.map(super::avatar),
            "created_at": moment(post.created_at),
            "cooked": cook(&post.raw),
            "post_number": post.number,
            "post_type": kind,
            "posts_count": self.living_posts(post.topic),
            "updated_at": moment(post.updated_at),
            "reply_count": replies,
            "reply_to_post_number": post.reply_to,
            "quote_count": 0,
            "incoming_link_count": 0,
            "reads": 1,
            "readers_count": 0,
            "score": 0.2,
            "yours": viewer == Some(post.user),
            "topic_id": post.topic,
            "topic_slug": topic_slug,
        });
        merge(
            &mut view,
            json!({
                "display_username": user.map(full_name),
                "primary_group_name": null,
                "flair_name": null,
                "flair_url": null,
                "flair_bg_color": null,
                "flair_color": null,
                "flair_group_id": null,
                "badges_granted": [],
                "version": post.version,
                "can_edit": may(&|user| self.may_edit_post(user, post)),
                "can_delete": may(&|user| self.may_delete_post(user, post)),
                "can_recover": may(&|user| self.may_recover_post(user, post)),
                "can_see_hidden_post": may(&User::staff),
                "can_wiki": may(&User::staff),
                "user_title": user.and_then(|user| user.title.as_deref()),
                "bookmarked": false,
                "actions_summary": actions(post, viewer),
                "moderator": user.is_some_and(|user| user.moderator),
                "admin": user.is_some_and(|user| user.admin),
                "staff": user.is_some_and(User::staff),
                "user_id": post.user,
                "hidden": false,
                "trust_level": user.map(|user| user.trust_level),
                "deleted_at": post.deleted.map(|deleted| moment(deleted.at)),
                "user_deleted": post.taken_back.is_some(),
                "edit_reason": post.edit_reason,
                "can_view_edit_history": true,
                "wiki": false,
                "reviewable_id": null,
                "reviewable_score_count": 0,
                "reviewable_score_pending_count": 0,
                "post_url": format!("/t/{topic_slug}/{}/{}", post.topic, post.number),
                "mentioned_users": [],
            }),
        );
        if raw == Raw::Shown {
            set(&mut view, "raw", json!(post.raw));
        }
        set_some(&mut view, "action_code", action_code.map(Value::from));
        if viewer_user.is_some_and(User::staff) {
            let by = post.deleted.and_then(|deleted| self.users.get(&deleted.by)).map(basic_user);
            set_some(&mut view, "deleted_by", by);
            set(&mut view, "locked", json!(post.locked_by.is_some()));
        }
        if !post.polls.is_empty() {
            let polls: Vec<Value> = post.polls.iter().map(|poll| self.poll_view(poll, viewer)).collect();
            set(&mut view, "polls", json!(polls));
            let votes: Map<String, Value> = post
                .polls
                .iter()
                .filter_map(|poll| {
                    let chosen = poll.chosen_by(viewer?);
                    let ids: Vec<&str> = chosen.iter().map(|vote| vote.option.as_str()).collect();
                    (!ids.is_empty()).then(|| (poll.shape.name.clone(), json!(ids)))
                })
                .collect();
            if !votes.is_empty() {
                set(&mut view, "polls_votes", Value::Object(votes));
            }
        }
        view
    }

    /// A post as web hooks are told of it. Who edited or deleted it is only told of deletions.
    pub(in crate::discourse::fake) fn post_for_hook(&self, id: i64) -> Value {
        let Some(post) = self.posts.get(&id) else { return Value::Null };
        let mut view = self.post_view(Some(crate::discourse::fake::world::SYSTEM), post, Raw::Shown);
        super::drop_fields(
            &mut view,
            &[
                "can_edit",
                "can_delete",
                "can_recover",
                "can_see_hidden_post",
                "can_wiki",
                "actions_summary",
                "can_view_edit_history",
                "yours",
                "flair_url",
                "flair_bg_color",
                "flair_color",
                "mentioned_users",
                "badges_granted",
            ],
        );
        if let Some(topic) = self.topics.get(&post.topic) {
            set(&mut view, "topic_title", json!(topic.title));
            set(&mut view, "topic_posts_count", json!(self.living_posts(topic.id)));
            set(&mut view, "topic_filtered_posts_count", json!(self.living_posts(topic.id)));
            let (archetype, category) = match topic.place {
                Place::Category(id) => ("regular", Some(id)),
                Place::Message(_) => ("private_message", None),
            };
            set(&mut view, "topic_archetype", json!(archetype));
            if let Some(category) = category.and_then(|id| self.categories.get(&id)) {
                set(&mut view, "category_id", json!(category.id));
                set(&mut view, "category_slug", json!(category.slug));
            }
        }
        view
    }

    /// How many posts of a topic are not deleted.
    pub(in crate::discourse::fake) fn living_posts(&self, topic: i64) -> usize {
        self.posts_of(topic).filter(|post| post.deleted.is_none() && post.kind == PostKind::Regular).count()
    }

    /// One step in the history of a post; the last one when no number is given.
    pub(in crate::discourse::fake) fn revision_view(&self, post: &Post, number: Option<i64>) -> Result<Value, Refusal> {
        let revision = match number {
            Some(number) => post.revisions.iter().find(|revision| revision.number == number),
            None => post.revisions.last(),
        };
        let revision = revision.ok_or(Refusal::NotFound)?;
        let neighbour = |step: i64| {
            let wanted = revision.number.saturating_add(step);
            post.revisions.iter().find(|other| other.number == wanted).map(|other| other.number)
        };
        let by = self.users.get(&revision.by);
        let mut view = json!({
            "created_at": moment(revision.at),
            "post_id": post.id,
            "previous_hidden": false,
            "current_hidden": false,
            "first_revision": post.revisions.first().map(|first| first.number),
            "previous_revision": neighbour(-1),
            "current_revision": revision.number,
            "next_revision": neighbour(1),
            "last_revision": post.revisions.last().map(|last| last.number),
            "current_version": revision.number,
            "version_count": post.version,
            "username": by.map(|user| user.username.as_str()),
            "display_username": by.map(full_name),
            "avatar_template": by.map(super::avatar),
            "acting_user_name": by.map(full_name),
            "edit_reason": revision.reason,
            "body_changes": body_changes(revision),
            "title_changes": title_changes(&revision.before, &revision.after),
            "user_changes": null,
            "wiki": false,
            "can_edit": true,
        });
        if revision.before.category != revision.after.category {
            let change = json!({ "previous": revision.before.category, "current": revision.after.category });
            set(&mut view, "category_id_changes", change);
        }
        if let (Some(before), Some(after)) = (&revision.before.tags, &revision.after.tags)
            && before != after
        {
            set(&mut view, "tags_changes", json!({ "previous": before, "current": after }));
        }
        Ok(view)
    }
}

/// Whether the words of a post are shown as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::discourse::fake) enum Raw {
    Shown,
    Absent,
}

fn actions(post: &Post, viewer: Option<i64>) -> Value {
    let Some(viewer) = viewer else { return json!([]) };
    let mut actions = vec![json!({ "id": 3, "can_act": true }), json!({ "id": 4, "can_act": true })];
    let mut like = json!({ "id": 2 });
    if !post.likes.is_empty() {
        set(&mut like, "count", json!(post.likes.len()));
    }
    if post.likes.contains(&viewer) {
        set(&mut like, "acted", json!(true));
        set(&mut like, "can_undo", json!(true));
    } else if post.user != viewer {
        set(&mut like, "can_act", json!(true));
    }
    // Nothing is said of what somebody can neither do nor see done.
    if post.user != viewer || !post.likes.is_empty() {
        actions.insert(0, like);
    }
    Value::Array(actions)
}

fn body_changes(revision: &Revision) -> Value {
    let (before, after) = (&revision.before.raw, &revision.after.raw);
    let inline = if before == after {
        format!("<div class=\"inline-diff\">{}</div>", cook(after))
    } else {
        format!("<div class=\"inline-diff\"><del>{}</del><ins>{}</ins></div>", cook(before), cook(after))
    };
    let markdown = format!(
        "<table class=\"markdown\"><tr><td class=\"diff-del\">{}</td><td class=\"diff-ins\">{}</td></tr></table>",
        escape(before),
        escape(after)
    );
    json!({ "inline": inline, "side_by_side": inline, "side_by_side_markdown": markdown })
}

fn title_changes(before: &Content, after: &Content) -> Value {
    match (&before.title, &after.title) {
        (Some(before), Some(after)) if before != after => {
            let inline = format!(
                "<div class=\"inline-diff\"><div><del>{}</del><ins>{}</ins></div></div>",
                escape(before),
                escape(after)
            );
            json!({ "inline": inline, "side_by_side": inline })
        }
        (Some(_), Some(after)) => {
            json!({ "inline": format!("<div class=\"inline-diff\"><div>{}</div></div>", escape(after)) })
        }
        _ => Value::Null,
    }
}

/// Words in HTML. Markup is not looked into but for paragraphs; HTML comments vanish, as they do in Discourse.
pub(in crate::discourse::fake) fn cook(raw: &str) -> String {
    let mut words = String::new();
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("<!--") {
        words.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    words.push_str(rest);
    let words = without_polls(&words);
    let paragraphs = words.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    paragraphs.map(|text| format!("<p>{}</p>", escape(text).replace('\n', "<br>\n"))).collect::<Vec<_>>().join("\n")
}

/// The words without polls, in whose places their forms stand.
fn without_polls(words: &str) -> String {
    let mut inside = false;
    let outside = |line: &&str| {
        let line = line.trim();
        inside = inside || (line.starts_with("[poll") && line.ends_with(']'));
        let shown = !inside;
        inside = inside && line != "[/poll]";
        shown
    };
    words.lines().filter(outside).collect::<Vec<_>>().join("\n")
}

/// Text in HTML.
pub(in crate::discourse::fake) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
