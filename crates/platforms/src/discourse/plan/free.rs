//! Making a request that a policy words itself, as far as it reaches nothing but what is written on the forum for its members.
//!
//! What reads is asked again after a crash; everything else is blind: whether it was done is then for a person to say.
//! Messages between members are kept out where the request is made: only the forum knows what is one.

use policykit_core::{Value, call::PlanStep};
use serde_json::json;

use super::{Raise, Step, Steps, answer};
use crate::discourse::actions::{FREE, FREE_READ, call, text};

/// What a policy may ask for: PolicyKit's key is an administrator's, so everything else is out of its reach. `#` stands for a
/// number and `*` for a name.
const ALLOWED: &[(&str, &[&str])] = &[
    (
        "GET",
        &[
            "latest",
            "top",
            "categories",
            "site",
            "about",
            "directory_items",
            "badges",
            "user-badges/*",
            "tags",
            "tag/*",
            "c/*",
            "c/*/#",
            "c/*/*/#",
            "c/*/show",
            "c/*/#/l/latest",
            "c/*/*/#/l/latest",
            "c/*/#/l/top",
            "c/*/*/#/l/top",
            "t/#",
            "t/*/#",
            "t/*/#/#",
            "t/#/posts",
            "posts",
            "posts/#",
            "posts/#/replies",
            "posts/#/revisions/#",
            "posts/#/revisions/latest",
            "posts/by_number/#/#",
            "polls/voters",
            "groups",
            "groups/*",
            "groups/*/members",
        ],
    ),
    ("POST", &["posts", "post_actions", "t/#/timer"]),
    (
        "PUT",
        &[
            "t/#",
            "t/-/#",
            "t/*/#",
            "t/#/status",
            "t/#/recover",
            "t/#/bookmark",
            "t/#/reset-bump-date",
            "t/#/tags",
            "posts/#",
            "posts/#/recover",
            "posts/#/locked",
            "posts/#/wiki",
            "posts/#/notice",
            "polls/toggle_status",
            "groups/#/members",
        ],
    ),
    ("DELETE", &["t/#", "posts/#", "post_actions/#", "groups/#/members"]),
];

/// Whether a path is one of those.
fn is_allowed(method: &str, path: &str) -> bool {
    let path = path.strip_suffix(".json").unwrap_or(path);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fits = |pattern: &str| {
        let (mut wanted, mut there) = (pattern.split('/'), path.split('/'));
        loop {
            match (wanted.next(), there.next()) {
                (None, None) => return true,
                (Some("#"), Some(part)) if is_number(part) => {}
                // What has a point in it may ask for another form of something else.
                (Some("*"), Some(part)) if !part.contains('.') && !is_number(part) => {}
                (Some(wanted), Some(part)) if wanted == part => {}
                _ => return false,
            }
        }
    };
    ALLOWED.iter().any(|(verb, patterns)| *verb == method && patterns.iter().any(|pattern| fits(pattern)))
}

impl Steps<'_> {
    /// `make_call(url, values, action, method)`, answered with what the forum answered.
    pub(super) fn make_call(self) -> Step {
        let method = text(self.args, "method").unwrap_or_else(|| "GET".to_owned());
        let (path, query) = self.where_to(&method)?;
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

    fn where_to(self, method: &str) -> Result<(String, impl Iterator<Item = (String, String)> + use<>), Raise> {
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
        if !is_allowed(method, path) {
            return Err(refused(
                "policies reach topics, posts, categories, tags and groups alone, and nothing that administers the forum or \
                 belongs to somebody alone",
            ));
        }
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok((path.to_owned(), pairs.into_iter()))
    }
}
