//! Where in its file a block failed. The engine knows lines of blocks only.

use std::path::PathBuf;

use policykit_core::policy::Block;
use policykit_policy::PolicyFile;

/// A policy in our own format, and its file.
pub(super) struct Written {
    pub(super) file: PathBuf,
    pub(super) policy: PolicyFile,
}

/// What is said of a failure, with the place in the file of the policy where that is known.
pub(super) fn with_place(said: &str, policy: Option<&str>, written: &[Written]) -> String {
    place(said, policy, written).map_or_else(|| said.to_owned(), |place| format!("{said}; it is written at {place}"))
}

fn place(said: &str, policy: Option<&str>, written: &[Written]) -> Option<String> {
    let (_, rest) = said.split_once(" at line ")?;
    let (line, rest) = rest.split_once(", column ")?;
    let (column, rest) = rest.split_once(" of ")?;
    let block = Block::parse(rest.split(|c: char| !c.is_alphabetic()).next()?)?;
    let Written { file, policy } = match written {
        [one] => one,
        several => several.iter().find(|one| policy == Some(one.policy.draft.name.as_str()))?,
    };
    let (line, column) = policy.place(block, line.parse().ok()?, column.parse().ok()?)?;
    Some(format!("{}:{line}:{column}", file.display()))
}

#[cfg(test)]
mod tests {
    use policykit_policy::from_python;

    use super::*;

    fn written(name: &str) -> Written {
        let text = format!(
            "# /// policy\n# name = \"{name}\"\n# kind = \"platform\"\n# action_types = [\"post\"]\n# ///\n\n\n\
             def check():\n    x = 1\n    return proposal.nothing\n"
        );
        Written { file: PathBuf::from(format!("{name}.py")), policy: from_python(&text).expect("a policy") }
    }

    #[test]
    fn a_failure_is_told_with_the_line_of_the_file() {
        let said = "AttributeError at line 2, column 8 of check: no attribute";
        let all = [written("one"), written("two")];
        assert_eq!(with_place(said, Some("two"), &all), format!("{said}; it is written at two.py:10:12"));
        assert_eq!(with_place(said, None, &all[..1]), format!("{said}; it is written at one.py:10:12"));
        for (said, policy) in [(said, None), (said, Some("three")), ("expected true, came false", Some("one"))] {
            assert_eq!(with_place(said, policy, &all), said, "{policy:?}");
        }
    }
}
