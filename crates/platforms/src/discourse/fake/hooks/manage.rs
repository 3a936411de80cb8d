//! The routes by which an administrator manages web hooks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::{Host, Url};

use super::{Delivery, DeliveryState, EVENT_TYPES, Hook};
use crate::discourse::fake::{
    errors::Refusal,
    params::Params,
    witness::{Answer, Change},
    world::{Actor, World, moment, next_id},
};

impl World {
    /// All web hooks, for an administrator.
    pub(in crate::discourse::fake) fn list_hooks(&self) -> Value {
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
    pub(in crate::discourse::fake) fn show_hook(&self, id: i64) -> Result<Value, Refusal> {
        let hook = self.hooks.hooks.get(&id).ok_or(Refusal::NotFound)?;
        Ok(json!({ "web_hook": self.hook_view(hook) }))
    }

    /// Makes a web hook, or changes one.
    pub(in crate::discourse::fake) fn save_hook(
        &mut self,
        actor: &Actor,
        id: Option<i64>,
        params: &Params,
    ) -> Result<Value, Refusal> {
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
    pub(in crate::discourse::fake) fn delete_hook(&mut self, actor: &Actor, id: i64) -> Result<Value, Refusal> {
        self.hooks.hooks.remove(&id).ok_or(Refusal::NotFound)?;
        let user = self.name_of(actor.user);
        self.note(actor, Change::WebHookDeleted { web_hook: id, user });
        Ok(json!({ "success": "OK" }))
    }

    /// Tries a web hook, also one that is switched off.
    pub(in crate::discourse::fake) fn ping_hook(&mut self, id: i64) -> Result<Value, Refusal> {
        self.hooks.hooks.get(&id).ok_or(Refusal::NotFound)?;
        self.send(id, "ping", "ping", json!({ "ping": "OK" }).to_string());
        Ok(json!({ "success": "OK" }))
    }

    /// What a web hook was told.
    pub(in crate::discourse::fake) fn hook_events(&self, id: i64) -> Result<Value, Refusal> {
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
    pub(in crate::discourse::fake) fn redeliver(&mut self, hook: i64, event_id: u64) -> Result<Value, Refusal> {
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
