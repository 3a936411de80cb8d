//! What waits for the staff's eyes before it is posted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    errors::Refusal,
    show,
    witness::Change,
    world::{Actor, Place, World, moment, next_id},
};

/// Something written and checked, not yet posted.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) user: i64,
    pub(super) raw: String,
    pub(super) title: Option<String>,
    pub(super) place: Option<Place>,
    pub(super) tags: Vec<String>,
    pub(super) topic: Option<i64>,
    pub(super) reply_to: Option<i64>,
}

/// What waits, and what waited.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<i64, Reviewable>);

#[derive(Debug, Clone)]
struct Reviewable {
    draft: Draft,
    at: policykit_core::Timestamp,
    /// 0 pending, 1 approved, 2 rejected.
    status: u8,
    version: i64,
    post: Option<i64>,
}

impl World {
    /// Puts something aside; returns its id there.
    pub(super) fn queue(&mut self, actor: &Actor, draft: Draft) -> i64 {
        let id = next_id(&self.waiting.0);
        let change = Change::Queued { reviewable: id, raw: draft.raw.clone(), user: self.name_of(draft.user) };
        self.note(actor, change);
        self.waiting.0.insert(id, Reviewable { draft, at: self.now, status: 0, version: 0, post: None });
        if let Ok(payload) = self.reviewable_view(id) {
            self.tell("reviewable", "reviewable_created", payload, None);
        }
        id
    }

    /// What waits, newest first.
    pub(super) fn reviewables(&self) -> Value {
        let pending = self.waiting.0.iter().rev().filter(|(_, waiting)| waiting.status == 0);
        let views: Vec<Value> = pending.filter_map(|(id, _)| self.reviewable_view(*id).ok()).collect();
        json!({
            "reviewables": views,
            "meta": {
                "total_rows_reviewables": views.len(), "load_more_reviewables": "/review?offset=10",
                "types": { "created_by": "user" }, "reviewable_types": [], "unseen_reviewable_count": views.len(),
            },
        })
    }

    /// Approves or rejects.
    pub(super) fn review(
        &mut self,
        actor: &Actor,
        id: i64,
        deed: &str,
        version: Option<i64>,
    ) -> Result<Value, Refusal> {
        let waiting = self.waiting.0.get(&id).ok_or(Refusal::NotFound)?.clone();
        let approved = match deed {
            "approve_post" => true,
            "reject_post" => false,
            _ => return Err(Refusal::InvalidAccess),
        };
        if waiting.status != 0 {
            return Err(Refusal::InvalidAccess);
        }
        if version.ok_or(Refusal::Missing("version"))? != waiting.version {
            return Err(Refusal::rule(
                "Someone else has already handled this reviewable item. Please refresh to see the latest status.",
            ));
        }
        let post = if approved { Some(self.publish(actor, waiting.draft)?) } else { None };
        if let Some(kept) = self.waiting.0.get_mut(&id) {
            (kept.status, kept.post) = (if approved { 1 } else { 2 }, post);
            kept.version = kept.version.saturating_add(1);
        }
        let user = self.name_of(actor.user);
        self.note(actor, Change::Reviewed { reviewable: id, approved, user });
        let payload = self.reviewable_view(id)?;
        self.tell("reviewable", "reviewable_transitioned_to", payload, None);
        let state = if approved { "approved" } else { "rejected" };
        Ok(json!({
            "reviewable_perform_result": {
                "success": true, "transition_to": state, "transition_to_id": if approved { 1 } else { 2 },
                "created_post_id": post, "remove_reviewable_ids": [id], "version": waiting.version.saturating_add(1),
                "reviewable_count": 0,
            },
        }))
    }

    fn reviewable_view(&self, id: i64) -> Result<Value, Refusal> {
        let waiting = self.waiting.0.get(&id).ok_or(Refusal::NotFound)?;
        let draft = &waiting.draft;
        let category = match &draft.place {
            Some(Place::Category(id)) => Some(*id),
            _ => None,
        };
        Ok(json!({
            "id": id,
            "type": "ReviewableQueuedPost",
            "topic_id": draft.topic,
            "topic_tags": draft.tags,
            "category_id": category,
            "created_at": moment(waiting.at),
            "can_edit": true,
            "score": 0.0,
            "version": waiting.version,
            "status": waiting.status,
            "payload": { "raw": draft.raw, "title": draft.title, "tags": draft.tags },
            "created_by": self.users.get(&draft.user).map(show::basic_user),
            "target_created_by_id": draft.user,
            "post_id": waiting.post,
        }))
    }
}
