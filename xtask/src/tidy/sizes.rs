//! Files stay short enough to be read in one go.

use super::{Finding, source};
use crate::workspace::Tree;

/// From here on a file should be split by use case.
const SOFT: usize = 400;
/// From here on it has to be. Tests and generated files are only reminded.
const HARD: usize = 800;

const SOURCES: [&str; 8] = [".rs", ".ts", ".js", ".css", ".html", ".sql", ".sh", ".py"];

/// Checks the length of every source file.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.iter() {
        if !SOURCES.iter().any(|ending| path.ends_with(ending)) || is_generated(text) {
            continue;
        }
        let all = text.lines().count();
        let product = if path.ends_with(".rs") { source::split(path, text).0.len() } else { all };
        if product > HARD {
            findings.push(Finding::error(
                path,
                0,
                format!("{product} lines without tests, {HARD} at most: split it by use case"),
            ));
        } else if all > SOFT {
            findings.push(Finding::warning(path, 0, format!("{all} lines, better {SOFT} at most")));
        }
    }
}

fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains(concat!("@", "generated")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::errors_of;

    fn file(head: &str, lines: usize) -> String {
        format!("{head}{}", "let a = 1;\n".repeat(lines))
    }

    fn findings(path: &str, text: &str) -> usize {
        let mut findings = Vec::new();
        check(&Tree::of(&[(path, text)]), &mut findings);
        findings.len()
    }

    #[test]
    fn a_long_file_is_a_warning_and_a_very_long_one_an_error() {
        assert_eq!(findings("crates/a/src/a.rs", &file("", SOFT)), 0);
        assert_eq!(findings("crates/a/src/a.rs", &file("", SOFT + 1)), 1);
        assert!(errors_of(check, &[("crates/a/src/a.rs", &file("", HARD))]).is_empty());
        assert_eq!(errors_of(check, &[("crates/a/src/a.rs", &file("", HARD + 1))]), ["crates/a/src/a.rs:0"]);
    }

    #[test]
    fn tests_and_generated_files_may_be_longer() {
        let tests = file("#[cfg(test)]\nmod tests {\n", HARD + 1);
        let generated = file(concat!("// @", "generated\n"), HARD + 1);
        assert!(errors_of(check, &[("crates/a/src/a.rs", &tests)]).is_empty());
        assert!(errors_of(check, &[("crates/a/tests/it/main.rs", &file("", HARD + 1))]).is_empty());
        assert!(errors_of(check, &[("web/src/a.ts", &generated)]).is_empty());
    }
}
