//! The integrations this build has, and what is derived from their descriptors.

use std::{collections::BTreeMap, fmt, sync::Arc};

use policykit_core::descriptor::{Method, PlatformDescriptor};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{http::Http, platform::Platform, slack::Slack};

/// All integrations of this build: one line each.
pub fn registry(http: &Arc<Http>) -> Registry {
    Registry::new(vec![Arc::new(Slack::new(Arc::clone(http)))])
}

/// A set of integrations by id.
#[derive(Clone)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Platform>>);

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
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
        Self(list.into_iter().map(|platform| (platform.descriptor().id, platform)).collect())
    }

    /// The integration with this id.
    pub fn get(&self, id: &str) -> Option<&dyn Platform> {
        self.0.get(id).map(AsRef::as_ref)
    }

    /// The integration with this id, to be put into another set.
    pub fn shared(&self, id: &str) -> Option<Arc<dyn Platform>> {
        self.0.get(id).cloned()
    }

    /// All ids, sorted.
    pub fn ids(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// All descriptors, sorted by id.
    pub fn descriptors(&self) -> impl Iterator<Item = &PlatformDescriptor> {
        self.0.values().map(|platform| platform.descriptor())
    }

    /// The methods of each platform's object, by the platform's id: what policy code may call.
    pub fn methods(&self) -> BTreeMap<String, Vec<Method>> {
        self.descriptors().map(|d| (d.id.to_owned(), d.methods.clone())).collect()
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
