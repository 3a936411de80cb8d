//! Addresses of nodes: who an account on some platform is.
//!
//! An address is a path whose parts end in a NUL: the mark of a node, the owner and the name of a plugin, then whatever the
//! plugin writes. Ids are compared within a plugin and a kind, never by their last part alone: the same word can be a
//! name on GitHub and the name of a repository.

use super::files::text;

/// Begins every address of a node.
const NODE: &str = "N";

/// The address of somebody's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// Who made the plugin.
    owner: String,
    /// The plugin, which is mostly named after a platform.
    plugin: String,
    /// The id within the plugin.
    id: String,
    /// Whether two ids that differ in their capitals alone are the same account there.
    capitals: Capitals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capitals {
    Matter,
    DoNotMatter,
}

impl Account {
    /// Reads an address; `None` when it is not the address of an account.
    pub(super) fn read(address: &str) -> Option<Self> {
        let parts: Vec<&str> = address.strip_suffix('\0')?.split('\0').collect();
        let (mark, owner, plugin, rest) = match parts.as_slice() {
            [mark, owner, plugin, rest @ ..] => (*mark, *owner, *plugin, rest),
            _ => return None,
        };
        let (id, capitals) = match (owner, plugin, rest) {
            ("sourcecred", "github", ["USERLIKE", _, id]) | ("sourcecred", "discourse", ["user", _, id]) => {
                (id, Capitals::DoNotMatter)
            }
            ("sourcecred", "discord", ["MEMBER", _, id])
            | ("sourcecred", "core", ["IDENTITY", id] | ["IDENTITY", _, id]) => (id, Capitals::Matter),
            ("sourcecred", "ethereum", [id]) => (id, Capitals::DoNotMatter),
            // A node of one of these that is nobody.
            ("sourcecred", "github" | "discourse" | "discord" | "core" | "ethereum", _) => return None,
            (_, _, [.., id]) => (id, Capitals::Matter),
            _ => return None,
        };
        if mark != NODE || id.is_empty() {
            return None;
        }
        Some(Self { owner: owner.to_owned(), plugin: plugin.to_owned(), id: (*id).to_owned(), capitals })
    }

    /// Whether this is the account with this id; `plugin` is a plugin's name, alone or behind its owner and a slash.
    pub(super) fn is(&self, id: &str, plugin: Option<&str>) -> bool {
        let same = match self.capitals {
            Capitals::Matter => self.id == id,
            Capitals::DoNotMatter => self.id.eq_ignore_ascii_case(id),
        };
        same && plugin.is_none_or(|plugin| match plugin.split_once('/') {
            Some((owner, name)) => self.owner == owner && self.plugin == name,
            None => self.plugin == plugin,
        })
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        text(&self.owner) + text(&self.plugin) + text(&self.id)
    }

    /// The plugin's name, for people.
    pub(super) fn plugin(&self) -> &str {
        &self.plugin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&str]) -> Option<Account> {
        Account::read(&format!("{}\0", parts.join("\0")))
    }

    #[test]
    fn accounts_are_told_from_other_nodes() {
        for parts in [
            &["N", "sourcecred", "github", "USERLIKE", "USER", "ada"][..],
            &["N", "sourcecred", "github", "USERLIKE", "BOT", "ada"],
            &["N", "sourcecred", "discord", "MEMBER", "user", "ada"],
            &["N", "sourcecred", "discourse", "user", "https://forum.example.org", "ada"],
            &["N", "sourcecred", "core", "IDENTITY", "USER", "ada"],
            &["N", "sourcecred", "core", "IDENTITY", "ada"],
            &["N", "sourcecred", "ethereum", "ada"],
            &["N", "somebody", "slack", "member", "ada"],
        ] {
            assert!(read(parts).is_some_and(|account| account.is("ada", Some(parts[2]))), "{parts:?}");
        }
        for parts in [
            &["N", "sourcecred", "github", "REPO", "ada", "ada"][..],
            &["N", "sourcecred", "discourse", "topic", "https://forum.example.org", "ada"],
            &["N", "sourcecred", "discord", "MESSAGE", "1", "ada"],
            &["E", "sourcecred", "github", "USERLIKE", "USER", "ada"],
            &["N", "sourcecred", "github"],
            &["N", "somebody", "slack", "member", ""],
        ] {
            assert_eq!(read(parts), None, "{parts:?}");
        }
        assert_eq!(Account::read("N\0sourcecred\0github\0USERLIKE\0USER\0ada"), None, "the last part does not end");
    }

    #[test]
    fn an_id_counts_within_its_plugin_alone() {
        let account = read(&["N", "sourcecred", "github", "USERLIKE", "USER", "Ada"]).unwrap();
        assert!(account.is("ada", Some("github")) && account.is("ADA", Some("sourcecred/github")));
        assert!(!account.is("ada", Some("discord")) && !account.is("ada", Some("other/github")));
        assert!(!account.is("USER", None), "no part but the last is the id");
        let member = read(&["N", "sourcecred", "discord", "MEMBER", "user", "12a"]).unwrap();
        assert!(member.is("12a", None) && !member.is("12A", None));
    }
}
