//! Making a request that a policy words itself, as far as it reaches nothing that only administrators may do.
//!
//! What reads is asked again after a crash; everything else is blind: whether it was done is then for a person to say.

use policykit_core::{Value, call::PlanStep};
use serde_json::json;

use super::{Raise, Step, Steps, answer};
use crate::discourse::actions::{FREE, FREE_READ, call, text};

/// Where a policy must not go: PolicyKit's key is an administrator's, and what is below these is theirs alone, or somebody's
/// account, or our own access.
const DENIED: &[(&str, &str)] = &[
    ("admin", "it administers the forum"),
    ("session", "it concerns PolicyKit's own access"),
    ("user-api-key", "it concerns PolicyKit's own access"),
    ("user-api-keys", "it concerns PolicyKit's own access"),
    ("auth", "it concerns somebody's access"),
    ("associate", "it concerns somebody's access"),
    ("users", "it concerns somebody's account"),
    ("u", "it concerns somebody's account"),
    ("email", "it concerns somebody's account"),
    ("sidekiq", "it administers the forum"),
    ("logs", "it administers the forum"),
    ("site_settings", "it administers the forum"),
    ("topics", "it shows messages between members"),
];

impl Steps<'_> {
    /// `make_call(url, values, action, method)`, answered with what the forum answered.
    pub(super) fn make_call(self) -> Step {
        let (path, query) = self.where_to()?;
        let method = text(self.args, "method").unwrap_or_else(|| "GET".to_owned());
        let mut values = self.args.get("values").and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
        values.extend(query.map(|(name, value)| (name, value.into())));
        let operation = if method == "GET" { FREE_READ } else { FREE };
        let call = call(operation, json!({ "method": method, "path": path, "values": values }));
        match self.so_far.first() {
            None => Ok(PlanStep::Send(call)),
            Some(outcome) => {
                let value = match answer(outcome, &call)? {
                    Some(reply) => Value::from_json(reply),
                    None => Value::None,
                };
                Ok(PlanStep::Done { value, effects: Vec::new() })
            }
        }
    }

    fn where_to(self) -> Result<(String, impl Iterator<Item = (String, String)> + use<>), Raise> {
        let url = self.text("url")?;
        let refused = |why: &str| Raise::value(format!("`make_call` cannot be used for `{url}`: {why}"));
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        let path = path.trim().trim_start_matches('/');
        // What is written in another way than plainly could be read by the forum as something else than it is here.
        let is_plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if !path.split('/').all(is_plain) {
            return Err(refused("it is not a path on the forum, such as `latest.json`"));
        }
        let first = path.split(['/', '.']).next().unwrap_or_default().to_ascii_lowercase();
        if let Some((_, why)) = DENIED.iter().find(|(denied, _)| *denied == first) {
            return Err(refused(why));
        }
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok((path.to_owned(), pairs.into_iter()))
    }
}
