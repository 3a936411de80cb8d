//! Only the crate of the integrations names a platform. Everybody else works from descriptors, or adding a platform
//! would mean to search the whole source for places that branch on one.

use std::collections::BTreeSet;

use super::{Finding, source};
use crate::workspace::Tree;

/// The platforms of the plan, so that the rule holds before their folders are there.
const KNOWN: [&str; 8] =
    ["slack", "discord", "discourse", "reddit", "github", "opencollective", "loomio", "sourcecred"];

/// What can branch on a platform or show its name.
const SOURCES: [&str; 7] = [".rs", ".html", ".sql", ".ts", ".js", ".css", ".json"];

/// Checks the source of every crate but the integrations'.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let names = names(tree);
    for (path, text) in tree.iter().filter(|(path, _)| is_governed(path)) {
        let lines = if path.ends_with(".rs") {
            source::split(path, text).0
        } else {
            text.lines().enumerate().map(|(index, line)| (index + 1, line)).collect()
        };
        for (number, line) in lines {
            if let Some(name) = names.iter().find(|name| mentions(line, name)) {
                let message = format!("names the platform `{name}`: only `crates/platforms` may");
                findings.push(Finding::error(path, number, message));
            }
        }
    }
}

/// The known ones and every folder of the integrations' crate that holds a descriptor.
fn names(tree: &Tree) -> BTreeSet<String> {
    let folders = tree.iter().filter_map(|(path, _)| {
        path.strip_prefix("crates/platforms/src/")?.strip_suffix("/descriptor.rs").filter(|name| !name.contains('/'))
    });
    KNOWN.into_iter().chain(folders).map(str::to_lowercase).collect()
}

fn is_governed(path: &str) -> bool {
    (path.starts_with("crates/") || path.starts_with("web/"))
        && !path.starts_with("crates/platforms/")
        && !source::is_test_file(path)
        && !path.ends_with("package-lock.json")
        && SOURCES.iter().any(|ending| path.ends_with(ending))
}

/// Whether the line has the name as a word of its own, whatever its case; `_` and a change of case end a word, so
/// `slack_user` and `SlackUser` count and `slacken` does not.
fn mentions(line: &str, name: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices(name).any(|(at, _)| {
        let end = at + name.len();
        let (Some(before), Some(word), Some(after)) = (line.get(..at), line.get(at..end), line.get(end..)) else {
            return false;
        };
        let starts = before
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() || (c.is_lowercase() && word.starts_with(char::is_uppercase)));
        let ends = after
            .chars()
            .next()
            .is_none_or(|c| !c.is_alphabetic() || (c.is_uppercase() && word.ends_with(char::is_lowercase)));
        starts && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::errors_of;

    #[test]
    fn a_platform_is_found_in_any_crate_but_its_own() {
        let files = [
            ("crates/engine/src/a.rs", "//! As on Slack.\nif platform == \"discord\" {}\n"),
            ("crates/server/templates/a.html", "<p>\nJoin us on Loomio</p>\n"),
            ("crates/platforms/src/slack/api.rs", "slack\n"),
        ];
        let expected = ["crates/engine/src/a.rs:1", "crates/engine/src/a.rs:2", "crates/server/templates/a.html:2"];
        assert_eq!(errors_of(check, &files), expected);
    }

    #[test]
    fn tests_docs_and_policies_may_name_platforms() {
        let files = [
            ("crates/engine/src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    // slack\n}\n"),
            ("crates/server/tests/it/main.rs", "slack\n"),
            ("crates/testkit/src/lib.rs", "slack\n"),
            ("web/browser/server.test.ts", "slack\n"),
            ("docs/guides/slack.md", "slack\n"),
            ("policies/slack/a.py", "slack\n"),
        ];
        assert!(errors_of(check, &files).is_empty());
        assert_eq!(errors_of(check, &[("web/src/a.ts", "// slack\n")]), ["web/src/a.ts:1"]);
    }

    #[test]
    fn a_new_folder_with_a_descriptor_is_a_name_at_once() {
        let files = [("crates/platforms/src/townhall/descriptor.rs", ""), ("crates/core/src/a.rs", "// townhall\n")];
        assert_eq!(errors_of(check, &files), ["crates/core/src/a.rs:1"]);
        assert!(errors_of(check, &[("crates/core/src/a.rs", "// townhall\n")]).is_empty());
    }

    #[test]
    fn identifiers_count_and_longer_words_do_not() {
        for line in ["slack_user", "SlackUser", "POLICYKIT_SLACK_API_URL", "isSlack", "slack2", "(Slack)"] {
            assert!(mentions(line, "slack"), "{line}");
        }
        for line in ["slacken", "discordant", "preslack", "Slackers"] {
            assert!(!mentions(line, "slack") && !mentions(line, "discord"), "{line}");
        }
    }
}
