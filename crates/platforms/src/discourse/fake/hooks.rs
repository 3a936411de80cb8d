//! Web hooks: which there are, and what they are told.

mod manage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    deliver::{Job, sign},
    show,
    witness::Answer,
    world::{Place, World, moment},
};

/// Id, name and group of what a web hook can be told, as a forum of 2026 has them.
const EVENT_TYPES: &[(i64, &str, &str)] = &[
    (101, "topic_created", "topic"),
    (102, "topic_revised", "topic"),
    (103, "topic_edited", "topic"),
    (104, "topic_destroyed", "topic"),
    (105, "topic_recovered", "topic"),
    (201, "post_created", "post"),
    (202, "post_edited", "post"),
    (203, "post_destroyed", "post"),
    (204, "post_recovered", "post"),
    (301, "user_logged_in", "user"),
    (302, "user_logged_out", "user"),
    (303, "user_confirmed_email", "user"),
    (304, "user_created", "user"),
    (305, "user_approved", "user"),
    (306, "user_updated", "user"),
    (307, "user_destroyed", "user"),
    (308, "user_suspended", "user"),
    (309, "user_unsuspended", "user"),
    (401, "group_created", "group"),
    (402, "group_updated", "group"),
    (403, "group_destroyed", "group"),
    (501, "category_created", "category"),
    (502, "category_updated", "category"),
    (503, "category_destroyed", "category"),
    (601, "tag_created", "tag"),
    (602, "tag_updated", "tag"),
    (603, "tag_destroyed", "tag"),
    (901, "reviewable_created", "reviewable"),
    (902, "reviewable_updated", "reviewable"),
    (1001, "notification_created", "notification"),
    (1401, "group_user_added", "group_user"),
    (1402, "group_user_removed", "group_user"),
    (1501, "like_created", "like"),
    (1601, "user_promoted_created", "user_promoted"),
];

/// A web hook.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    id: i64,
    pub(super) payload_url: String,
    /// 1 for JSON, 2 for a form.
    pub(super) content_type: i64,
    pub(super) secret: String,
    wildcard: bool,
    event_types: Vec<i64>,
    categories: Vec<i64>,
    pub(super) active: bool,
    verify_certificate: bool,
    /// How often the address was gone.
    gone: u32,
    last_status: i64,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is being tried, or waits for a further try.
    Underway,
    /// A test holds it.
    Held,
    /// The app took it.
    Acked,
    /// It is not tried again.
    Failed,
    /// A test lost it.
    Lost,
}

/// An event on its way to a web hook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delivery {
    /// Position among all deliveries.
    pub index: usize,
    /// `X-Discourse-Event-Id`.
    pub event_id: u64,
    /// The id of the web hook.
    pub web_hook: i64,
    /// `X-Discourse-Event`, such as `post_created`.
    pub event: String,
    /// `X-Discourse-Event-Type`, such as `post`.
    pub event_type: String,
    /// Where it goes.
    pub url: String,
    /// The body, byte for byte.
    pub body: String,
    /// `X-Discourse-Event-Signature`, when the web hook has a secret.
    pub signature: Option<String>,
    /// What became of it.
    pub state: DeliveryState,
    /// What the app answered to each try.
    pub attempts: Vec<Answer>,
    #[serde(skip)]
    pub(super) content_type: &'static str,
}

/// All web hooks and deliveries.
#[derive(Debug, Default)]
pub(super) struct HookBook {
    hooks: BTreeMap<i64, Hook>,
    pub(super) all: Vec<Delivery>,
    pub(super) held: Vec<Job>,
    pub(super) paused: bool,
    /// Deliveries decided while the lock is held; made after it is released.
    pub(super) outbox: Vec<usize>,
    next_event: u64,
}

impl HookBook {
    pub(super) fn hook_mut(&mut self, id: i64) -> Option<&mut Hook> {
        self.hooks.get_mut(&id)
    }

    /// Ids of the web hooks that post to an address.
    pub(super) fn posting_to(&self, url: &str) -> Vec<i64> {
        self.hooks.values().filter(|hook| hook.payload_url == url).map(|hook| hook.id).collect()
    }

    /// Takes a web hook away without a word.
    pub(super) fn remove(&mut self, id: i64) {
        self.hooks.remove(&id);
    }

    fn next_event_id(&mut self) -> u64 {
        self.next_event = self.next_event.saturating_add(1);
        self.next_event
    }

    /// Puts the same content on its way under an id of its own.
    pub(super) fn again(&mut self, index: usize) -> Option<usize> {
        let mut delivery = self.all.get(index)?.clone();
        delivery.event_id = self.next_event_id();
        delivery.index = self.all.len();
        delivery.attempts.clear();
        delivery.state = DeliveryState::Underway;
        let index = delivery.index;
        self.all.push(delivery);
        Some(index)
    }
}

impl Hook {
    /// Counts an answer; four times gone and the web hook is switched off.
    pub(super) fn heard(&mut self, answer: &Answer) {
        let gone = matches!(answer, Answer::Status { status: 404 | 410 });
        self.gone = if gone { self.gone.saturating_add(1) } else { 0 };
        self.last_status = if answer.acked() { 3 } else { 2 };
        if self.gone >= 4 {
            (self.active, self.last_status) = (false, 4);
        }
    }
}

/// The name under which an event is chosen in a web hook's settings.
fn chosen_as(event: &str) -> &str {
    match event {
        "user_added_to_group" => "group_user_added",
        "user_removed_from_group" => "group_user_removed",
        "post_liked" => "like_created",
        "user_promoted" => "user_promoted_created",
        "reviewable_transitioned_to" | "reviewable_score_updated" => "reviewable_updated",
        status if status.starts_with("topic_") && status.ends_with("_status_updated") => "topic_edited",
        other => other,
    }
}

impl World {
    /// Tells all web hooks that want to hear of it.
    pub(super) fn tell(&mut self, event_type: &str, event: &str, payload: Value, category: Option<i64>) {
        let chosen = EVENT_TYPES.iter().find(|(_, name, _)| *name == chosen_as(event)).map(|(id, ..)| *id);
        let wants = |hook: &&Hook| {
            hook.active
                && (hook.wildcard || chosen.is_some_and(|chosen| hook.event_types.contains(&chosen)))
                && (hook.categories.is_empty() || category.is_some_and(|id| hook.categories.contains(&id)))
        };
        let hooks: Vec<i64> = self.hooks.hooks.values().filter(wants).map(|hook| hook.id).collect();
        if hooks.is_empty() {
            return;
        }
        let body = Value::Object([(event_type.to_owned(), payload)].into_iter().collect()).to_string();
        for hook in hooks {
            self.send(hook, event_type, event, body.clone());
        }
    }

    fn send(&mut self, hook: i64, event_type: &str, event: &str, body: String) {
        let event_id = self.hooks.next_event_id();
        let index = self.hooks.all.len();
        let Some(hook) = self.hooks.hooks.get(&hook) else { return };
        let signature = (!hook.secret.is_empty()).then(|| sign(&hook.secret, body.as_bytes()));
        let content_type =
            if hook.content_type == 2 { "application/x-www-form-urlencoded" } else { "application/json" };
        let delivery = Delivery {
            index,
            event_id,
            web_hook: hook.id,
            event: event.to_owned(),
            event_type: event_type.to_owned(),
            url: hook.payload_url.clone(),
            body,
            signature,
            state: DeliveryState::Underway,
            attempts: Vec::new(),
            content_type,
        };
        self.hooks.all.push(delivery);
        self.hooks.outbox.push(index);
    }

    fn category_of(&self, topic: i64) -> Option<i64> {
        match self.topics.get(&topic)?.place {
            Place::Category(id) => Some(id),
            Place::Message(_) => None,
        }
    }

    pub(super) fn tell_topic(&mut self, event: &str, topic: i64) {
        let payload = self.topic_for_hook(topic);
        self.tell("topic", event, payload, self.category_of(topic));
    }

    pub(super) fn tell_post(&mut self, event: &str, post: i64) {
        let Some(topic) = self.posts.get(&post).map(|post| post.topic) else { return };
        let payload = self.post_for_hook(post);
        self.tell("post", event, payload, self.category_of(topic));
    }

    pub(super) fn tell_user(&mut self, event: &str, user: i64) {
        let payload = self.user_for_hook(user);
        self.tell("user", event, payload, None);
    }

    pub(super) fn tell_group_user(&mut self, event: &str, group: i64, user: i64) {
        let owner = self.groups.get(&group).is_some_and(|group| group.owners.contains(&user));
        let payload = json!({
            "id": group.saturating_mul(10_000).saturating_add(user),
            "group_id": group,
            "user_id": user,
            "notification_level": 3,
            "owner": owner,
            "created_at": moment(self.now),
        });
        self.tell("group_user", event, payload, None);
    }

    pub(super) fn tell_like(&mut self, post: i64, user: i64) {
        let topic = self.posts.get(&post).map(|post| post.topic);
        let payload = json!({
            "post": self.post_for_hook(post),
            "user": self.users.get(&user).map(show::named_user),
        });
        self.tell("like", "post_liked", payload, topic.and_then(|topic| self.category_of(topic)));
    }
}
