//! Web hooks: which there are, what they are told, and the routes by which an administrator manages them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::{Host, Url};

use super::{
    deliver::{Job, sign},
    errors::Refusal,
    params::Params,
    show,
    witness::{Answer, Change},
    world::{Actor, Place, World, moment, next_id},
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
        let body = json!({ event_type: payload }).to_string();
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

    /// All web hooks, for an administrator.
    pub(super) fn list_hooks(&self) -> Value {
        let views: Vec<Value> = self.hooks.hooks.values().map(|hook| self.hook_view(hook)).collect();
        json!({
            "total_rows_web_hooks": views.len(),
            "load_more_web_hooks": "/admin/api/web_hooks?limit=50&offset=50",
            "web_hooks": views,
            "extras": {
                "grouped_event_types": grouped(),
                "default_event_types": EVENT_TYPES.iter().filter(|(_, _, group)| *group == "post").map(type_view).collect::<Vec<_>>(),
                "content_types": [{ "id": 1, "name": "application/json" }, { "id": 2, "name": "application/x-www-form-urlencoded" }],
                "delivery_statuses": [
                    { "id": 1, "name": "inactive" }, { "id": 2, "name": "failed" },
                    { "id": 3, "name": "successful" }, { "id": 4, "name": "disabled" },
                ],
            },
        })
    }

    /// One web hook.
    pub(super) fn show_hook(&self, id: i64) -> Result<Value, Refusal> {
        let hook = self.hooks.hooks.get(&id).ok_or(Refusal::NotFound)?;
        Ok(json!({ "web_hook": self.hook_view(hook) }))
    }

    /// Makes a web hook, or changes one.
    pub(super) fn save_hook(&mut self, actor: &Actor, id: Option<i64>, params: &Params) -> Result<Value, Refusal> {
        let params = params.within("web_hook").ok_or(Refusal::Missing("web_hook"))?;
        let mut hook = match id {
            Some(id) => self.hooks.hooks.get(&id).ok_or(Refusal::NotFound)?.clone(),
            None => Hook {
                id: next_id(&self.hooks.hooks),
                payload_url: String::new(),
                content_type: 1,
                secret: String::new(),
                wildcard: false,
                event_types: Vec::new(),
                categories: Vec::new(),
                active: false,
                verify_certificate: true,
                gone: 0,
                last_status: 1,
            },
        };
        let ids = |name| params.list(name).map(|ids| ids.iter().filter_map(|id| id.parse().ok()).collect::<Vec<i64>>());
        if let Some(url) = params.text("payload_url") {
            url.trim().clone_into(&mut hook.payload_url);
        }
        hook.content_type = params.int("content_type").unwrap_or(hook.content_type);
        hook.secret = params.text("secret").unwrap_or(hook.secret);
        hook.wildcard = params.flag("wildcard_web_hook").unwrap_or(hook.wildcard);
        hook.verify_certificate = params.flag("verify_certificate").unwrap_or(hook.verify_certificate);
        hook.active = params.flag("active").unwrap_or(hook.active);
        hook.event_types = ids("web_hook_event_type_ids").unwrap_or(hook.event_types);
        hook.event_types.retain(|id| EVENT_TYPES.iter().any(|(known, ..)| known == id));
        hook.categories = ids("category_ids").unwrap_or(hook.categories);
        let errors = self.hook_errors(&hook);
        if !errors.is_empty() {
            return Err(Refusal::Unprocessable { action: None, errors });
        }
        let user = self.name_of(actor.user);
        let change = match id {
            None => Change::WebHookCreated { web_hook: hook.id, payload_url: hook.payload_url.clone(), user },
            Some(web_hook) => Change::WebHookChanged { web_hook, active: hook.active, user },
        };
        self.note(actor, change);
        let view = json!({ "web_hook": self.hook_view(&hook) });
        self.hooks.hooks.insert(hook.id, hook);
        Ok(view)
    }

    fn hook_errors(&self, hook: &Hook) -> Vec<String> {
        let mut errors = Vec::new();
        if hook.payload_url.is_empty() {
            errors.push("Payload URL can't be blank".to_owned());
        }
        match Url::parse(&hook.payload_url).ok().filter(|url| matches!(url.scheme(), "http" | "https")) {
            None => errors.push("Payload URL is invalid".to_owned()),
            Some(url) if self.settings.block_internal_web_hooks && internal(&url) => {
                errors.push("Payload URL cannot be used because it resolves to a blocked or internal IP".to_owned());
            }
            Some(_) => {}
        }
        if !hook.secret.is_empty() && hook.secret.chars().count() < 12 {
            errors.push("Secret is too short (minimum is 12 characters)".to_owned());
        }
        if hook.event_types.is_empty() && !hook.wildcard {
            errors.push("Web hook event types can't be blank".to_owned());
        }
        errors
    }

    /// Takes a web hook away.
    pub(super) fn delete_hook(&mut self, actor: &Actor, id: i64) -> Result<Value, Refusal> {
        self.hooks.hooks.remove(&id).ok_or(Refusal::NotFound)?;
        let user = self.name_of(actor.user);
        self.note(actor, Change::WebHookDeleted { web_hook: id, user });
        Ok(json!({ "success": "OK" }))
    }

    /// Tries a web hook, also one that is switched off.
    pub(super) fn ping_hook(&mut self, id: i64) -> Result<Value, Refusal> {
        self.hooks.hooks.get(&id).ok_or(Refusal::NotFound)?;
        self.send(id, "ping", "ping", json!({ "ping": "OK" }).to_string());
        Ok(json!({ "success": "OK" }))
    }

    /// What a web hook was told.
    pub(super) fn hook_events(&self, id: i64) -> Result<Value, Refusal> {
        self.hooks.hooks.get(&id).ok_or(Refusal::NotFound)?;
        let of_hook = self.hooks.all.iter().rev().filter(|delivery| delivery.web_hook == id);
        let views: Vec<Value> = of_hook.map(|delivery| self.event_view(delivery)).collect();
        Ok(json!({
            "total_rows_web_hook_events": views.len(),
            "web_hook_events": views,
            "load_more_web_hook_events": format!("/admin/api/web_hook_events/{id}?limit=50&offset=50"),
            "extras": { "web_hook_id": id },
        }))
    }

    /// Tells a web hook once more what it was told, under the same id.
    pub(super) fn redeliver(&mut self, hook: i64, event_id: u64) -> Result<Value, Refusal> {
        let told = |delivery: &&mut Delivery| delivery.web_hook == hook && delivery.event_id == event_id;
        let delivery = self.hooks.all.iter_mut().find(told).ok_or(Refusal::NotFound)?;
        delivery.state = DeliveryState::Underway;
        let index = delivery.index;
        self.hooks.outbox.push(index);
        let delivery = self.hooks.all.get(index).ok_or(Refusal::NotFound)?;
        Ok(json!({ "web_hook_event": self.event_view(delivery) }))
    }

    fn event_view(&self, delivery: &Delivery) -> Value {
        let status = match delivery.attempts.last() {
            Some(Answer::Status { status }) => i64::from(*status),
            Some(Answer::Timeout | Answer::ConnectionFailed) => -1,
            None => 0,
        };
        json!({
            "id": delivery.event_id,
            "web_hook_id": delivery.web_hook,
            "request_url": delivery.url,
            "status": status,
            "headers": json!({ "X-Discourse-Event-Id": delivery.event_id, "X-Discourse-Event": delivery.event }).to_string(),
            "payload": delivery.body,
            "created_at": moment(self.now),
        })
    }

    fn hook_view(&self, hook: &Hook) -> Value {
        let types = EVENT_TYPES.iter().filter(|(id, ..)| hook.event_types.contains(id)).map(type_view);
        let categories = hook.categories.iter().filter_map(|id| self.categories.get(id));
        json!({
            "id": hook.id,
            "payload_url": hook.payload_url,
            "content_type": hook.content_type,
            "last_delivery_status": hook.last_status,
            "secret": hook.secret,
            "wildcard_web_hook": hook.wildcard,
            "verify_certificate": hook.verify_certificate,
            "active": hook.active,
            "web_hook_event_types": types.collect::<Vec<_>>(),
            "categories": categories.map(|category| json!({ "id": category.id, "name": category.name, "slug": category.slug })).collect::<Vec<_>>(),
            "tags": [],
            "groups": [],
        })
    }
}

fn type_view((id, name, group): &(i64, &str, &str)) -> Value {
    json!({ "id": id, "name": name, "group": group })
}

fn grouped() -> Value {
    let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for event_type in EVENT_TYPES {
        groups.entry(event_type.2).or_default().push(type_view(event_type));
    }
    json!(groups)
}

/// Whether an address lies in the forum's own network.
fn internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => true,
    }
}
