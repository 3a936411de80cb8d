//! Plants faults one at a time and looks whether the tests notice.
//!
//! The table `xtask/mutants.toml` names for each fault the file, the exact snippet, what to put in its place and the
//! test that has to turn red. The project's own tree is never touched: faults are planted in a copy with a build
//! folder of its own. A fault that does not compile proves nothing and is an error, like a test that is red anyway.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    postgres::Cluster,
    stage::Counts,
    tidy::Finding,
    workspace::{Tree, Workspace},
};

/// Where the faults are written down.
pub(crate) const TABLE: &str = "xtask/mutants.toml";

/// A fault whose test still runs after this long hangs.
const TIME_LIMIT_SECONDS: &str = "900";

/// Which faults to plant.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Only the faults with these names
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    mutant: Vec<Mutant>,
}

/// One planted fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// What is broken, in a few words with dashes.
    name: String,
    /// The file it is planted in, from the root.
    file: String,
    /// The exact text that is replaced; must occur once.
    find: String,
    /// What takes its place.
    replace: String,
    /// Package whose tests are run.
    package: String,
    /// Which of its test binaries: `lib`, `bins` or the name of an integration test.
    #[serde(default = "lib")]
    target: String,
    /// Part of the name of the tests that have to turn red.
    test: String,
    /// Features of the package without which there are no such tests.
    #[serde(default)]
    features: String,
    /// Whether the tests need a PostgreSQL.
    #[serde(default)]
    postgres: bool,
}

fn lib() -> String {
    "lib".to_owned()
}

impl Mutant {
    /// Two faults with the same suite are proven by the same tests.
    fn suite(&self) -> Suite<'_> {
        Suite { package: &self.package, target: &self.target, features: &self.features, test: &self.test }
    }

    fn plant(&self, source: &str) -> Result<String> {
        match source.matches(&self.find).count() {
            1 if self.find != self.replace => Ok(source.replacen(&self.find, &self.replace, 1)),
            1 => bail!("the fault `{}` changes nothing", self.name),
            n => bail!("the snippet of the fault `{}` occurs {n} times in `{}`, not once", self.name, self.file),
        }
    }
}

/// The tests by which a fault is to be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Suite<'a> {
    package: &'a str,
    target: &'a str,
    features: &'a str,
    test: &'a str,
}

/// What a run of the tests said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// At least one test ran and failed.
    Red,
    /// At least one test ran, none failed.
    Green,
    /// No test has this name.
    NoTest,
    /// It does not compile.
    DoesNotBuild,
    /// It ran into the time limit.
    Hangs,
}

/// Plants the faults, prints a table and fails unless every one was noticed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let table = fs::read_to_string(workspace.root.join(TABLE)).with_context(|| format!("reading `{TABLE}`"))?;
    let mutants = select(parse(&table)?, &args.only)?;
    let bench = Bench::set_up(workspace, mutants.iter().any(|m| m.postgres))?;
    let mut unusable = BTreeSet::new();
    for suite in mutants.iter().map(Mutant::suite).collect::<BTreeSet<_>>() {
        let verdict = bench.test(suite)?;
        if verdict != Verdict::Green {
            println!("{suite:?} without any fault: {verdict:?}");
            unusable.insert(suite);
        }
    }
    let mut unnoticed = 0_usize;
    for mutant in &mutants {
        let verdict = if unusable.contains(&mutant.suite()) { None } else { Some(bench.try_fault(mutant)?) };
        let word = match verdict {
            Some(Verdict::Red) => "noticed".to_owned(),
            Some(other) => format!("NOT NOTICED ({other:?})"),
            None => "NOT NOTICED (its test is not green without the fault)".to_owned(),
        };
        unnoticed += usize::from(verdict != Some(Verdict::Red));
        println!("{:<40} {:<60} {word}", mutant.name, mutant.test);
    }
    println!("{} of {} faults noticed", mutants.len() - unnoticed, mutants.len());
    if unnoticed > 0 {
        bail!("{unnoticed} faults were not noticed");
    }
    Ok(())
}

/// Checks that every snippet of the table occurs exactly once where it says, so that the table does not rot.
pub(crate) fn tidy(tree: &Tree, findings: &mut Vec<Finding>) {
    let Some(table) = tree.get(TABLE) else { return };
    match parse(table) {
        Ok(mutants) => {
            for mutant in mutants {
                let planted = match tree.get(&mutant.file) {
                    Some(source) => mutant.plant(source).map(drop).map_err(|error| error.to_string()),
                    None => {
                        Err(format!("the fault `{}` names a file that is not here: `{}`", mutant.name, mutant.file))
                    }
                };
                findings.extend(planted.err().map(|why| Finding::error(TABLE, 0, why)));
            }
        }
        Err(error) => findings.push(Finding::error(TABLE, 0, format!("{error:#}"))),
    }
}

fn parse(table: &str) -> Result<Vec<Mutant>> {
    let mutants = toml::from_str::<Table>(table).with_context(|| format!("reading `{TABLE}`"))?.mutant;
    let mut names = BTreeSet::new();
    match mutants.iter().find(|m| !names.insert(m.name.as_str())) {
        Some(twice) => bail!("two faults are named `{}`", twice.name),
        None => Ok(mutants),
    }
}

fn select(mutants: Vec<Mutant>, only: &[String]) -> Result<Vec<Mutant>> {
    if let Some(unknown) = only.iter().find(|name| !mutants.iter().any(|m| m.name == **name)) {
        bail!("there is no fault named `{unknown}` in `{TABLE}`");
    }
    Ok(mutants.into_iter().filter(|m| only.is_empty() || only.contains(&m.name)).collect())
}

/// The copy in which faults are planted.
struct Bench {
    tree: PathBuf,
    target: PathBuf,
    cluster: Option<Cluster>,
}

impl Bench {
    fn set_up(workspace: &Workspace, with_postgres: bool) -> Result<Self> {
        let home = workspace.target.join("mutants");
        let tree = home.join("tree");
        let paths = Tree::paths(workspace)?;
        for path in &paths {
            copy_if_changed(&workspace.root.join(path), &tree.join(path))?;
        }
        remove_others(&tree, &tree, &paths.iter().map(String::as_str).collect())?;
        link_shared(workspace, &home)?;
        let cluster = if with_postgres { Some(Cluster::start(workspace)?) } else { None };
        Ok(Self { tree, target: home.join("build"), cluster })
    }

    fn try_fault(&self, mutant: &Mutant) -> Result<Verdict> {
        let file = self.tree.join(&mutant.file);
        let source = fs::read_to_string(&file).with_context(|| format!("reading `{}`", mutant.file))?;
        fs::write(&file, mutant.plant(&source)?).with_context(|| format!("changing `{}`", mutant.file))?;
        let verdict = self.test(mutant.suite());
        fs::write(&file, source).with_context(|| format!("restoring `{}`", mutant.file))?;
        verdict
    }

    fn test(&self, suite: Suite<'_>) -> Result<Verdict> {
        // Compiling is not timed: the limit is for tests that hang.
        let mut build = self.cargo(Command::new("cargo"), suite);
        let built = build.arg("--no-run").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !built.context("starting cargo")?.success() {
            return Ok(Verdict::DoesNotBuild);
        }
        let mut limited = Command::new("timeout");
        limited.args(["--kill-after=10", TIME_LIMIT_SECONDS, "cargo"]);
        let said = self.cargo(limited, suite).arg("--").arg(suite.test).output().context("starting cargo")?;
        Ok(judge(&String::from_utf8_lossy(&said.stdout), said.status.code()))
    }

    fn cargo(&self, mut command: Command, suite: Suite<'_>) -> Command {
        command.args(["test", "--quiet", "--package", suite.package, "--features", suite.features]);
        match suite.target {
            target @ ("lib" | "bins") => command.arg(format!("--{target}")),
            integration => command.args(["--test", integration]),
        };
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target).stdin(Stdio::null());
        // Half of the time goes into linking what nobody will read in a debugger.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        if let Some(cluster) = &self.cluster {
            command.env("POLICYKIT_TEST_POSTGRES", cluster.url());
        }
        command
    }
}

fn judge(output: &str, code: Option<i32>) -> Verdict {
    let mut counts = Counts::default();
    output.lines().filter_map(Counts::from_line).for_each(|more| counts.add(more));
    let started = output
        .lines()
        .filter_map(|line| line.strip_prefix("running ")?.split(' ').next()?.parse::<u64>().ok())
        .sum::<u64>();
    match code {
        // What `timeout` answers when it had to end the command.
        Some(124 | 137) => Verdict::Hangs,
        Some(0) if counts.passed > 0 => Verdict::Green,
        Some(0) => Verdict::NoTest,
        // A test that takes its whole process down leaves no closing line.
        _ if counts.failed > 0 || started > counts.passed => Verdict::Red,
        _ => Verdict::NoTest,
    }
}

/// Leaves equal files alone, so that cargo builds only what differs from the last time.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    // A file that is tracked and deleted has nothing to copy.
    let Ok(wanted) = fs::read(from) else { return Ok(()) };
    if fs::read(to).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating `{}`", folder.display()))?;
    }
    fs::write(to, wanted).with_context(|| format!("writing `{}`", to.display()))
}

/// Removes from the copy what the project no longer has.
fn remove_others(root: &Path, folder: &Path, paths: &BTreeSet<&str>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(root, &path, paths)?;
        } else if !path.strip_prefix(root).ok().and_then(Path::to_str).is_some_and(|p| paths.contains(p)) {
            fs::remove_file(&path).with_context(|| format!("removing `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// Tests look for third-party data in `shared` beside the repository, so it has to be beside the copy as well.
fn link_shared(workspace: &Workspace, home: &Path) -> Result<()> {
    let shared = workspace.root.join("../shared");
    let link = home.join("shared");
    if shared.is_dir() && fs::symlink_metadata(&link).is_err() {
        let shared = shared.canonicalize().context("finding the shared data")?;
        symlink(shared, &link).context("linking the shared data beside the copy")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"
        [[mutant]]
        name = "fence-unchecked"
        file = "crates/store/src/call.rs"
        find = "AND fence = $2"
        replace = ""
        package = "policykit-store"
        test = "a_stale_fence_settles_nothing"
    "#;

    fn tidy_of(source: &str) -> Vec<String> {
        let tree = Tree::of(&[(TABLE, ENTRY), ("crates/store/src/call.rs", source)]);
        let mut findings = Vec::new();
        tidy(&tree, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_without_faults_is_read() {
        assert_eq!(parse("# none yet\n").unwrap(), []);
    }

    #[test]
    fn a_snippet_that_occurs_once_is_replaced() {
        let mutant = parse(ENTRY).unwrap().remove(0);
        assert_eq!(mutant.plant("WHERE id = $1 AND fence = $2 RETURNING").unwrap(), "WHERE id = $1  RETURNING");
        assert_eq!(tidy_of("WHERE id = $1 AND fence = $2"), Vec::<String>::new());
    }

    #[test]
    fn a_snippet_that_is_gone_or_occurs_twice_is_an_error() {
        assert_eq!(tidy_of("nothing of the sort").len(), 1);
        assert_eq!(tidy_of("AND fence = $2 AND fence = $2").len(), 1);
    }

    #[test]
    fn two_faults_of_one_name_are_refused() {
        assert!(parse(&format!("{ENTRY}{ENTRY}")).unwrap_err().to_string().contains("fence-unchecked"));
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let all = parse(ENTRY).unwrap();
        assert!(select(all.clone(), &["scope-missing".to_owned()]).is_err());
        assert_eq!(select(all, &["fence-unchecked".to_owned()]).unwrap().len(), 1);
    }

    #[test]
    fn only_a_test_that_ran_and_failed_counts_as_noticed() {
        let red = "running 1 test\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out";
        let green = "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out";
        let none = "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out";
        assert_eq!(judge(red, Some(101)), Verdict::Red);
        assert_eq!(judge(green, Some(0)), Verdict::Green);
        assert_eq!(judge(none, Some(0)), Verdict::NoTest);
        assert_eq!(judge("running 1 test\n", Some(101)), Verdict::Red);
        assert_eq!(judge("", Some(101)), Verdict::NoTest);
        assert_eq!(judge("running 1 test\n", Some(124)), Verdict::Hangs);
    }
}
