//! Words that must not be in the files: waiting and skipping in tests, unfinished work, addresses of one machine.

use super::{Finding, source};
use crate::workspace::Tree;

/// What makes a test slow, shaky or silent. Each with the remedy.
const NOT_IN_TESTS: [(&str, &str); 3] = [
    ("sleep(", "wait for the event itself or move the fake clock"),
    ("#[ignore", "a test that does not run proves nothing: mend it or remove it"),
    ("#[cfg(ignore", "a test that does not run proves nothing: mend it or remove it"),
];

/// Unfinished work, anywhere in Rust.
const NOT_ANYWHERE: [&str; 4] =
    [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("TO", "DO"), concat!("FIX", "ME")];

/// Folders that exist on one machine only.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Package registries and their download hosts: which one a machine uses is its own matter.
const REGISTRY_HOSTS: [&str; 9] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("pypi.", "org"),
    concat!("files.", "pythonhosted.org"),
    concat!("deb.", "debian.org"),
    concat!("proxy.", "golang.org"),
    concat!("security.", "debian.org"),
];

/// The only place our Rust dependencies come from, as cargo writes it into its lock file.
const CARGO_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks all files.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    // The rules' own tests plant what they look for.
    for (path, text) in tree.iter().filter(|(path, _)| !path.starts_with("xtask/src/tidy/")) {
        if path.ends_with(".rs") {
            rust(path, text, findings);
        }
        if path == "Cargo.lock" {
            lock_file(path, text, findings);
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(found) = MACHINE_PATHS.iter().find(|p| starts_a_path(line, p)) {
                let message =
                    format!("`{found}` is a folder of one machine: use a path from the root of the repository");
                findings.push(Finding::error(path, index + 1, message));
            }
            // `web/.npmrc` keeps the addresses out of npm's lock file too.
            if let Some(host) = REGISTRY_HOSTS.iter().find(|host| line.contains(**host)) {
                let message = format!("`{host}` is a registry's host: which one is used is the machine's matter");
                findings.push(Finding::error(path, index + 1, message));
            }
        }
    }
}

fn rust(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (number, line) in source::split(path, text).1 {
        for (word, remedy) in NOT_IN_TESTS {
            if calls(source::code(line), word) {
                findings.push(Finding::error(path, number, format!("`{word}` in a test: {remedy}")));
            }
        }
    }
    for (index, line) in text.lines().enumerate() {
        if let Some(word) = NOT_ANYWHERE.iter().find(|word| source::has_word(line, word)) {
            findings.push(Finding::error(
                path,
                index + 1,
                format!("`{word}`: finish it, or write down as an issue what is missing"),
            ));
        }
    }
}

/// Whether the word stands by itself or behind a path; behind a dot it is somebody's own method, such as a fake clock's.
fn calls(line: &str, word: &str) -> bool {
    source::has_word(&line.replace(&format!(".{word}"), ""), word)
}

fn lock_file(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (index, line) in text.lines().enumerate() {
        let Some(source) = line.strip_prefix("source = ") else { continue };
        if source.trim_matches('"') != CARGO_SOURCE {
            findings.push(Finding::error(
                path,
                index + 1,
                format!("{source} is not the registry all our crates come from"),
            ));
        }
    }
}

/// Whether the text holds the folder as the beginning of a path, not as a part of a longer one or of an address.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|s| s.chars().next_back());
        let after = line.get(at + folder.len()..).and_then(|s| s.chars().next());
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '/' | '}' | '$' | '~'))
            && after.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::errors_of;

    #[test]
    fn waiting_and_skipping_is_found_in_tests() {
        let body = "#[test]\n#[ignore = \"slow\"]\nfn a() {\n    std::thread::sleep(d);\n    tokio::time::sleep(d).await;\n    sleep(d).await;\n}\n";
        assert_eq!(errors_of(check, &[("crates/server/tests/it/a.rs", body)]).len(), 4);
    }

    #[test]
    fn own_methods_comments_and_product_code_may_sleep() {
        let test = "// sleep(1) would be wrong\nclock.sleep(d);\noversleep(d);\n";
        let product = "tokio::time::sleep(d).await;\n";
        assert!(errors_of(check, &[("crates/a/tests/a.rs", test), ("crates/a/src/a.rs", product)]).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_anywhere() {
        let text = "fn a() {\n    todo!()\n}\n// FIXME later\n";
        assert_eq!(errors_of(check, &[("crates/a/src/a.rs", text)]), ["crates/a/src/a.rs:2", "crates/a/src/a.rs:4"]);
    }

    #[test]
    fn folders_of_one_machine_are_found_and_addresses_are_not() {
        let text =
            "see /work/main/a\nsee /home/ada/b\nhttps://example.org/work/a\n../work/a\n$X/root/a\nGET `/home/`\n";
        assert_eq!(errors_of(check, &[("docs/a.md", text)]), ["docs/a.md:1", "docs/a.md:2"]);
    }

    #[test]
    fn hosts_of_registries_are_found() {
        assert_eq!(errors_of(check, &[("docs/a.md", "https://registry.npmjs.org/x\n")]), ["docs/a.md:1"]);
        assert!(errors_of(check, &[("docs/a.md", "crates.io has it\n")]).is_empty());
    }

    #[test]
    fn a_crate_from_elsewhere_is_found_in_the_lock_file() {
        let text = format!("source = \"{CARGO_SOURCE}\"\nsource = \"git+https://example.org/a\"\n");
        assert_eq!(errors_of(check, &[("Cargo.lock", &text)]), ["Cargo.lock:2"]);
    }
}
