//! Tells test code from product code, and code from its comments, as far as the rules need it.
//!
//! No parser: it relies on rustfmt's layout, which the format stage enforces.

/// Numbered lines of a Rust file, from 1.
pub(super) type Lines<'a> = Vec<(usize, &'a str)>;

/// Whether everything in this file is test code.
pub(super) fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["crates/testkit/", "web/browser/", "web/test/"].iter().any(|folder| path.starts_with(folder))
        || path.split('/').any(|folder| matches!(folder, "tests" | "benches"))
        || name == "tests.rs"
        || name.ends_with("_tests.rs")
}

/// The lines of a Rust file that ship, and those that only tests see.
///
/// A test module reaches to the end of its file; clippy demands that nothing follows it.
pub(super) fn split<'a>(path: &str, text: &'a str) -> (Lines<'a>, Lines<'a>) {
    let lines: Lines<'a> = text.lines().enumerate().map(|(index, line)| (index + 1, line)).collect();
    if is_test_file(path) {
        return (Vec::new(), lines);
    }
    let mut product = Vec::new();
    let mut tests = Vec::new();
    let mut rest = lines.into_iter().peekable();
    while let Some(line) = rest.next() {
        if !is_test_attribute(line.1) {
            product.push(line);
            continue;
        }
        tests.push(line);
        while let Some(attribute) = rest.next_if(|(_, next)| next.trim_start().starts_with("#[")) {
            tests.push(attribute);
        }
        let Some(item) = rest.next() else { break };
        tests.push(item);
        let code = item.1.trim_end();
        if code.ends_with(';') || code.ends_with("{}") || code.ends_with(',') {
            continue;
        }
        if code.trim_start().split(' ').any(|word| word == "mod") {
            tests.extend(rest);
            break;
        }
        let indent: String = code.chars().take_while(|c| *c == ' ').collect();
        for line in rest.by_ref() {
            tests.push(line);
            if line.1.strip_prefix(&indent).is_some_and(|end| matches!(end, "}" | "};" | ")" | ");")) {
                break;
            }
        }
    }
    (product, tests)
}

fn is_test_attribute(line: &str) -> bool {
    let line = line.trim();
    line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test")
}

/// The line without its `//` comment. A `//` inside a string (an address) is taken for a comment as well when a space
/// stands before it, which the rules can live with.
pub(super) fn code(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

/// Whether `needle` occurs in `line` with no letter, digit or underscore around it.
pub(super) fn has_word(line: &str, needle: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(needle).any(|(at, _)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        let after = line.get(at + needle.len()..).and_then(|s| s.chars().next());
        let joins = |outer: Option<char>, inner: Option<char>| {
            outer.is_some_and(part_of_word) && inner.is_some_and(part_of_word)
        };
        !joins(before, needle.chars().next()) && !joins(after, needle.chars().next_back())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(text: &str) -> Vec<&str> {
        split("crates/core/src/a.rs", text).0.into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn a_test_module_reaches_to_the_end() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    const X: &str = r\"\n}\n\";\n}\n";
        assert_eq!(shipped(text), ["fn a() {}", ""]);
    }

    #[test]
    fn a_test_helper_ends_where_its_brace_does() {
        let text = "impl A {\n    #[cfg(test)]\n    fn of() {\n        if x {\n        }\n    }\n    fn b() {}\n}\n";
        assert_eq!(shipped(text), ["impl A {", "    fn b() {}", "}"]);
        assert_eq!(shipped("#[cfg(test)]\nmod tests;\nfn b() {}\n"), ["fn b() {}"]);
    }

    #[test]
    fn files_of_tests_ship_nothing() {
        for path in ["crates/server/tests/it/main.rs", "crates/core/src/a/tests.rs", "crates/testkit/src/lib.rs"] {
            assert!(split(path, "fn a() {}\n").0.is_empty(), "{path}");
        }
    }

    #[test]
    fn words_end_at_other_letters() {
        assert!(has_word("sleep(1)", "sleep("));
        assert!(has_word("time::sleep(1)", "sleep("));
        assert!(!has_word("oversleep(1)", "sleep("));
        assert!(!has_word("a_date_b", "date"));
    }
}
