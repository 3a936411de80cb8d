//! Addresses behind other words: which of them a text that a policy wrote may have, since it may quote what anybody wrote.

use std::collections::BTreeSet;

use policykit_core::policy::Block;
use serde_json::Value;
use url::Url;

use crate::platform::PlanContext;

/// Hosts whose addresses may stand behind other words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Linked(BTreeSet<String>);

impl Linked {
    /// Those that stand in some code.
    #[cfg(test)]
    pub(crate) fn named_in(code: &str) -> Self {
        Self(named(code).collect())
    }

    /// Those that the policy names, and that of the place itself. Gathered once: a text may hold very many addresses.
    pub(crate) fn by(context: &PlanContext<'_>) -> Self {
        let mut hosts: BTreeSet<String> =
            Block::ALL.into_iter().flat_map(|block| named(context.blocks.get(block))).collect();
        let place = context.installation.settings.get("url").and_then(Value::as_str);
        hosts.extend(place.and_then(|own| Url::parse(own).ok()?.host_str().map(str::to_owned)));
        Self(hosts)
    }

    /// Whether an address may stand behind words.
    pub(crate) fn allows(&self, address: &str) -> bool {
        // Before an `@` stands no host, however much it looks like one.
        Url::parse(address).is_ok_and(|url| {
            let is_plain = url.username().is_empty() && url.password().is_none();
            is_plain && url.host_str().is_some_and(|host| self.0.contains(host))
        })
    }
}

/// The hosts of the addresses that stand in some code.
fn named(code: &str) -> impl Iterator<Item = String> {
    let belongs = |sign: char| sign.is_alphanumeric() || matches!(sign, '.' | '-' | '_');
    code.split("://").skip(1).filter_map(move |after| {
        let (host, then) = after.split_at(after.find(|sign| !belongs(sign)).unwrap_or(after.len()));
        (!host.is_empty() && !then.starts_with('@')).then(|| host.to_ascii_lowercase())
    })
}
