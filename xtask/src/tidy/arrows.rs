//! Who may know whom: `server → engine → {store, policy, platforms} → core`, and which crate sees which heavy library.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Finding, source};
use crate::workspace::{Tree, Workspace};

/// Each package of the workspace and those it may be built with.
const ARROWS: [(&str, &[&str]); 8] = [
    ("policykit-core", &[]),
    ("policykit-policy", &["policykit-core"]),
    ("policykit-platforms", &["policykit-core"]),
    ("policykit-store", &["policykit-core"]),
    ("policykit-engine", &["policykit-core", "policykit-policy", "policykit-platforms", "policykit-store"]),
    (
        "policykit",
        &["policykit-core", "policykit-policy", "policykit-platforms", "policykit-store", "policykit-engine"],
    ),
    (
        "policykit-testkit",
        &["policykit-core", "policykit-policy", "policykit-platforms", "policykit-store", "policykit-engine"],
    ),
    // Builds in seconds, whatever state the product is in.
    ("xtask", &[]),
];

/// Helps tests, ships nowhere.
const TESTKIT: &str = "policykit-testkit";

/// Libraries that only some packages may see, by the beginning of their names.
const HEAVY: [(&str, &[Seen]); 7] = [
    ("sqlx", &[Seen::Always("policykit-store")]),
    ("reqwest", &[Seen::Always("policykit-platforms"), Seen::Always(TESTKIT), Seen::InTests("policykit")]),
    ("axum", &[Seen::Always("policykit"), Seen::Optional("policykit-platforms")]),
    ("askama", &[Seen::Always("policykit")]),
    ("monty", &[Seen::Always("policykit-policy")]),
    ("ruff_", &[Seen::Always("policykit-policy")]),
    ("chacha20poly1305", &[Seen::Always("policykit-store")]),
];

/// What would give the core I/O, async or a source of randomness of its own.
const NOT_IN_CORE: [&str; 10] =
    ["tokio", "futures", "async", "hyper", "reqwest", "sqlx", "axum", "rand", "tracing", "secrecy"];

/// Words in the core's source that say the same.
const NOT_IN_CORE_SOURCE: [&str; 7] =
    ["async fn", "async move", ".await", "std::fs", "std::net", "std::process", "std::thread"];

#[derive(Debug, Clone, Copy)]
enum Seen {
    Always(&'static str),
    Optional(&'static str),
    InTests(&'static str),
}

impl Seen {
    fn allows(self, package: &str, dependency: &Dependency) -> bool {
        match self {
            Self::Always(name) => name == package,
            Self::Optional(name) => name == package && (dependency.optional || dependency.is_dev()),
            Self::InTests(name) => name == package && dependency.is_dev(),
        }
    }
}

/// What cargo says about a package of the workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// None, `dev` or `build`.
    kind: Option<String>,
    optional: bool,
}

impl Dependency {
    fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

/// Asks cargo for the packages of the workspace.
pub(super) fn packages(workspace: &Workspace) -> Result<Vec<Package>> {
    let said = workspace.cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output();
    let said = said.context("starting cargo")?;
    if !said.status.success() {
        bail!("cargo cannot read the workspace: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    parse(&said.stdout)
}

fn parse(metadata: &[u8]) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    Ok(serde_json::from_slice::<Metadata>(metadata).context("reading what cargo says about the workspace")?.packages)
}

/// Checks every dependency of every package.
pub(super) fn check(packages: &[Package], findings: &mut Vec<Finding>) {
    for package in packages {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            let message = "has no place in the map of crates: give it one in `ARCHITECTURE.md` and in xtask's arrows";
            findings.push(Finding::error(&package.name, 0, message));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(message) = complaint(package, allowed, dependency) {
                findings.push(Finding::error(&package.name, 0, message));
            }
        }
    }
}

fn complaint(package: &Package, allowed: &[&str], dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    if ARROWS.iter().any(|(ours, _)| *ours == name) {
        let for_tests = name == TESTKIT && dependency.is_dev() && !allowed.is_empty();
        return (!allowed.contains(&name) && !for_tests).then(|| format!("must not know `{name}`"));
    }
    if package.name == "policykit-core" && !dependency.is_dev() && NOT_IN_CORE.iter().any(|p| name.starts_with(p)) {
        return Some(format!("must stay pure, without `{name}`"));
    }
    let (library, seen) = HEAVY.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    (!seen.iter().any(|s| s.allows(&package.name, dependency))).then(|| format!("must not see `{library}`"))
}

/// Checks that every package takes the lints of the workspace.
pub(super) fn lints(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let inherits = toml::from_str::<toml::Table>(text)
            .ok()
            .and_then(|manifest| manifest.get("lints")?.get("workspace")?.as_bool())
            .unwrap_or(false);
        if !inherits {
            findings.push(Finding::error(
                path,
                0,
                "does not take the lints of the workspace: add `[lints] workspace = true`",
            ));
        }
    }
}

/// Checks that the core's source neither waits for anything nor reaches outside.
pub(super) fn pure_core(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.iter().filter(|(path, _)| path.starts_with("crates/core/src/") && path.ends_with(".rs")) {
        for (number, line) in source::split(path, text).0 {
            if let Some(word) = NOT_IN_CORE_SOURCE.iter().find(|word| source::has_word(source::code(line), word)) {
                findings.push(Finding::error(
                    path,
                    number,
                    format!("`{word}` has no place in the core, which stays pure"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::errors_of;

    fn complaints(package: &str, dependency: &str, kind: Option<&str>, optional: bool) -> usize {
        let metadata = serde_json::json!({ "packages": [{
            "name": package,
            "dependencies": [{ "name": dependency, "kind": kind, "optional": optional }],
        }]});
        let mut findings = Vec::new();
        check(&parse(metadata.to_string().as_bytes()).unwrap(), &mut findings);
        findings.len()
    }

    #[test]
    fn arrows_against_the_direction_are_found() {
        for (from, to) in [
            ("policykit-core", "policykit-store"),
            ("policykit-core", "policykit-testkit"),
            ("policykit-store", "policykit-policy"),
            ("policykit-platforms", "policykit-store"),
            ("policykit-policy", "policykit-engine"),
            ("policykit-engine", "policykit"),
            ("policykit-engine", "policykit-testkit"),
            ("policykit-testkit", "policykit"),
            ("xtask", "policykit-core"),
        ] {
            assert_eq!(complaints(from, to, None, false), 1, "{from} → {to}");
        }
        assert_eq!(complaints("policykit-core", "policykit-testkit", Some("dev"), false), 1);
        assert_eq!(complaints("policykit-store", "policykit-engine", Some("dev"), false), 1);
    }

    #[test]
    fn arrows_of_the_map_are_allowed() {
        for (from, to) in [
            ("policykit-store", "policykit-core"),
            ("policykit-engine", "policykit-platforms"),
            ("policykit", "policykit-engine"),
            ("policykit", "policykit-core"),
        ] {
            assert_eq!(complaints(from, to, None, false), 0, "{from} → {to}");
        }
        assert_eq!(complaints("policykit", "policykit-testkit", Some("dev"), false), 0);
    }

    #[test]
    fn heavy_libraries_are_seen_only_where_they_belong() {
        assert_eq!(complaints("policykit-store", "sqlx", None, false), 0);
        assert_eq!(complaints("policykit-engine", "sqlx", None, false), 1);
        assert_eq!(complaints("policykit", "sqlx-core", Some("dev"), false), 1);
        assert_eq!(complaints("policykit", "reqwest", Some("dev"), false), 0);
        assert_eq!(complaints("policykit", "reqwest", None, false), 1);
        assert_eq!(complaints("policykit-platforms", "axum", None, true), 0);
        assert_eq!(complaints("policykit-platforms", "axum", None, false), 1);
        assert_eq!(complaints("policykit-engine", "axum", None, true), 1);
        assert_eq!(complaints("policykit-core", "tokio", None, false), 1);
        assert_eq!(complaints("policykit-core", "serde", None, false), 0);
    }

    #[test]
    fn a_crate_without_a_place_in_the_map_is_found() {
        assert_eq!(complaints("policykit-extra", "serde", None, false), 1);
    }

    #[test]
    fn a_package_with_lints_of_its_own_is_found() {
        let files = [
            ("Cargo.toml", "[workspace]\n"),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"),
            ("crates/b/Cargo.toml", "[package]\nname = \"b\"\n"),
            ("crates/c/Cargo.toml", "[package]\nname = \"c\"\n[lints.rust]\nunsafe_code = \"allow\"\n"),
        ];
        assert_eq!(errors_of(lints, &files), ["crates/b/Cargo.toml:0", "crates/c/Cargo.toml:0"]);
    }

    #[test]
    fn waiting_and_reaching_outside_is_found_in_the_core_alone() {
        let files = [
            ("crates/core/src/a.rs", "//! no async fn here\npub async fn a() {}\nuse std::fs::read;\n"),
            ("crates/engine/src/a.rs", "pub async fn a() {}\n"),
        ];
        assert_eq!(errors_of(pure_core, &files), ["crates/core/src/a.rs:2", "crates/core/src/a.rs:3"]);
    }
}
