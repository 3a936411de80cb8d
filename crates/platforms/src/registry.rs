//! The integrations this build has, and what is derived from their descriptors.

use std::{collections::BTreeMap, fmt, sync::Arc};

use policykit_core::descriptor::{Method, PlatformDescriptor};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    declared::{self, StandIn},
    discourse::Discourse,
    http::Http,
    platform::Platform,
    slack::Slack,
    sourcecred::SourceCred,
};

/// All integrations of this build: one line each.
pub fn registry(http: &Arc<Http>) -> Registry {
    Registry::new(vec![
        Arc::new(Discourse::new(Arc::clone(http))),
        Arc::new(Slack::new(Arc::clone(http))),
        Arc::new(SourceCred::new(Arc::clone(http))),
    ])
}

/// A set of integrations by id, and what is known of platforms beside them.
#[derive(Clone)]
pub struct Registry {
    built: BTreeMap<&'static str, Arc<dyn Platform>>,
    /// Platforms that policies may be written for and that cannot be connected: none of them is in `built`.
    declared: Arc<[PlatformDescriptor]>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.built.keys()).finish()
    }
}

/// What `policykit platforms --json` shows of an integration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlatformRow {
    /// Its id.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// How access is obtained.
    pub auth: Value,
    /// Methods of its object in policy code.
    pub actions: Vec<&'static str>,
    /// Events that trigger policies can react to.
    pub triggers: Vec<&'static str>,
    /// Action types that can be governed.
    pub governable: Vec<&'static str>,
    /// Kinds of votes it can carry.
    pub voting: Value,
}

impl Registry {
    /// Of these integrations; of two with the same id the later one counts.
    pub fn new(list: Vec<Arc<dyn Platform>>) -> Self {
        let built: BTreeMap<_, _> = list.into_iter().map(|platform| (platform.descriptor().id, platform)).collect();
        let declared = declared::descriptors().into_iter().filter(|d| !built.contains_key(d.id)).collect();
        Self { built, declared }
    }

    /// Without previews but those that are asked for, by id. Policies may be written for them all the same.
    #[must_use]
    pub fn without_previews(self, asked: impl Fn(&str) -> bool) -> Self {
        let Self { built, declared } = self;
        let (built, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            built.into_iter().partition(|(id, platform)| !platform.descriptor().preview || asked(id));
        let left = left.into_values().map(|platform| platform.descriptor().clone());
        Self { built, declared: declared.iter().cloned().chain(left).collect() }
    }

    /// The integration with this id.
    pub fn get(&self, id: &str) -> Option<&dyn Platform> {
        self.built.get(id).map(AsRef::as_ref)
    }

    /// What a scenario plays with: the integration with this id, to be put into another set, or what stands in for one
    /// that is declared only.
    pub fn shared(&self, id: &str) -> Option<Arc<dyn Platform>> {
        self.built.get(id).cloned().or_else(|| {
            let declared = self.declared.iter().find(|d| d.id == id)?;
            Some(Arc::new(StandIn::new(declared.clone())))
        })
    }

    /// All ids, sorted.
    pub fn ids(&self) -> Vec<&'static str> {
        self.built.keys().copied().collect()
    }

    /// Whether people have accounts on a platform. Of one that this build does not know it is believed.
    pub fn has_people(&self, id: &str) -> bool {
        self.known().into_iter().find(|descriptor| descriptor.id == id).is_none_or(PlatformDescriptor::has_people)
    }

    /// The descriptors of what can be connected, sorted by id.
    pub fn descriptors(&self) -> impl Iterator<Item = &PlatformDescriptor> {
        self.built.values().map(|platform| platform.descriptor())
    }

    /// The descriptors of everything that policies may be written for, sorted by id.
    pub fn known(&self) -> Vec<&PlatformDescriptor> {
        let mut all: Vec<_> = self.descriptors().chain(self.declared.iter()).collect();
        all.sort_by_key(|d| d.id);
        all
    }

    /// The methods of each platform's object, by the platform's id: what policy code may call where it is connected.
    pub fn methods(&self) -> BTreeMap<String, Vec<Method>> {
        self.known().into_iter().map(|d| (d.id.to_owned(), d.all_methods())).collect()
    }

    /// The table behind `policykit platforms`.
    pub fn table(&self) -> Vec<PlatformRow> {
        self.descriptors()
            .map(|d| PlatformRow {
                id: d.id,
                name: d.name,
                auth: json!(d.auth),
                actions: d.methods.iter().map(|m| m.name).collect(),
                triggers: d.triggers.iter().map(|t| t.event_type).collect(),
                governable: d.governable.iter().map(|a| a.codename).collect(),
                voting: json!(d.voting),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use policykit_core::{
        SystemClock,
        descriptor::{MethodEffect, ParamKind, TriggerShape},
    };

    use super::*;
    use crate::HttpOptions;

    #[test]
    fn what_is_a_preview_is_connected_only_where_it_is_asked_for() {
        let http = Arc::new(Http::new(Arc::new(SystemClock), HttpOptions::default()).unwrap());
        let previews: Vec<_> = registry(&http).descriptors().filter(|d| d.preview).map(|d| d.id).collect();
        assert!(!previews.is_empty() && !previews.contains(&"slack"), "{previews:?}");
        for id in previews {
            assert!(registry(&http).without_previews(|asked| asked == id).get(id).is_some());
            let without = registry(&http).without_previews(|asked| asked != id);
            assert!(without.get(id).is_none() && without.get("slack").is_some());
            assert!(without.known().iter().any(|d| d.id == id), "policies for {id} can be written");
        }
    }

    fn all() -> Registry {
        registry(&Arc::new(Http::new(Arc::new(SystemClock), HttpOptions::default()).unwrap()))
    }

    #[test]
    fn every_platform_of_the_plan_is_known_and_only_what_is_built_can_be_connected() {
        let all = all();
        let known: Vec<&str> = all.known().iter().map(|d| d.id).collect();
        assert_eq!(
            known,
            ["discord", "discourse", "github", "loomio", "metagov", "opencollective", "reddit", "slack", "sourcecred"]
        );
        assert_eq!(all.ids(), ["discourse", "slack", "sourcecred"]);
        assert!(all.get("discord").is_none());
        assert!(all.table().iter().all(|row| ["discourse", "slack", "sourcecred"].contains(&row.id)));
        assert!(all.shared("discord").is_some() && all.shared("slak").is_none());
    }

    #[test]
    fn what_is_declared_can_be_told_apart_and_stored() {
        let all = all();
        let (mut types, mut events) = (BTreeSet::new(), BTreeSet::new());
        for d in all.known() {
            let mut methods = BTreeSet::new();
            for method in d.all_methods() {
                assert!(methods.insert(method.name), "{}.{} stands there twice", d.id, method.name);
                assert!(!method.doc.is_empty() && !method.doc.ends_with('.'), "{}.{}", d.id, method.name);
                let params: Vec<&str> = method.params.iter().map(|p| p.name).collect();
                let unique: BTreeSet<&str> = params.iter().copied().collect();
                assert_eq!(params.len(), unique.len(), "{}.{}", d.id, method.name);
                let optional = method.params.iter().map(|p| p.default.is_some());
                assert!(optional.is_sorted(), "{}.{}: what must be given comes first", d.id, method.name);
                for param in &method.params {
                    if let (ParamKind::OneOf(words), Some(Value::String(default))) = (param.kind, &param.default) {
                        assert!(words.contains(&default.as_str()), "{}.{}: {default}", d.id, method.name);
                    }
                }
                // The engine turns what such methods answer into members.
                let members = method.returns == policykit_core::descriptor::Returns::Members;
                assert_eq!(
                    members && method.effect == MethodEffect::Read,
                    method.name.starts_with("get_users"),
                    "{}.{}",
                    d.id,
                    method.name
                );
            }
            for t in &d.governable {
                assert!(types.insert(t.codename), "{} stands there twice", t.codename);
                assert!(t.codename.starts_with(d.id) && t.codename.len() <= 30, "{}", t.codename);
                assert!(!t.fields.is_empty() && !t.label.is_empty(), "{}", t.codename);
            }
            for t in &d.triggers {
                assert!(events.insert(t.event_type), "{} stands there twice", t.event_type);
                let generic = t.event_type.starts_with(&format!("{}.", d.id));
                assert_eq!(generic, t.shape == TriggerShape::Event, "{}", t.event_type);
            }
        }
        assert!(types.is_disjoint(&events));
    }

    #[test]
    fn what_the_original_could_do_is_there_with_the_same_arguments_in_the_same_order() {
        let methods = all().methods();
        for (platform, name, params) in [
            ("slack", "initiate_vote", &["users", "post_type", "text", "channel", "options"][..]),
            (
                "slack",
                "initiate_advanced_vote",
                &["candidates", "options", "users", "post_type", "title", "channel", "details"],
            ),
            ("slack", "post_message", &["text", "users", "post_type", "channel", "thread_ts", "reply_broadcast"]),
            ("slack", "get_conversations", &["types", "types_arg"]),
            ("slack", "get_real_users", &[]),
            ("slack", "get_users_in_channel", &["channel"]),
            ("slack", "rename_conversation", &["channel", "name"]),
            ("slack", "kick_conversation", &["channel", "user"]),
            ("slack", "join_conversation", &["channel", "users"]),
            ("slack", "make_call", &["method_name", "values"]),
            ("discord", "initiate_vote", &["users", "post_type", "text", "channel", "options"]),
            ("discord", "post_message", &["text", "channel", "message_id"]),
            ("discourse", "post_message", &["text", "topic_id"]),
            ("discourse", "initiate_vote", &["users", "text", "topic_id"]),
            ("discourse", "make_call", &["url", "values", "action", "method"]),
            ("reddit", "initiate_vote", &["users"]),
            ("reddit", "make_call", &["url", "values", "action", "method"]),
            ("github", "initiate_vote", &["repo_name", "text"]),
            ("opencollective", "post_message", &["text", "expense_id"]),
            ("opencollective", "process_expense", &["expense_id", "action"]),
            ("loomio", "initiate_vote", &["title", "closing_at", "options", "details", "poll_type"]),
            ("sourcecred", "get_cred", &["username", "id"]),
            ("sourcecred", "fetch_total_credcred", &[]),
            ("metagov", "start_process", &["name"]),
            ("metagov", "get_process", &[]),
            ("metagov", "close_process", &[]),
            ("metagov", "perform_action", &["name"]),
            ("github", "get_users", &["role_names"]),
            ("github", "get_users_with_permission", &["permission"]),
            ("github", "get_roles", &[]),
            ("github", "get_username_to_readable_name_dict", &[]),
        ] {
            let method = methods[platform].iter().find(|m| m.name == name);
            let Some(method) = method else { panic!("{platform}.{name} is missing") };
            let given: Vec<&str> = method.params.iter().map(|p| p.name).collect();
            assert!(given.starts_with(params), "{platform}.{name}: {given:?}");
        }
    }
}
