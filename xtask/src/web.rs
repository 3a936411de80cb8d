//! The stages that need Node: scripts and style sheet, and the whole product in a browser.
//!
//! Where Node or Chromium cannot be had, a stage says in one line what is missing. A build machine (`CI=true`) must have
//! both: there it fails.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    stage::{self, Counts, Outcome},
    workspace::Workspace,
};

/// Names under which systems install the browser.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Checks and tests what is in `web/`, and looks whether the program was built with all of it.
pub(crate) fn scripts(workspace: &Workspace, counts: &mut Counts) -> Outcome {
    if !starts("npm") {
        return missing("npm is not installed (Node.js 20 or newer)");
    }
    let mut run = || -> Result<()> {
        install(workspace)?;
        stage::run(npm(workspace).args(["run", "--silent", "check"]))?;
        tests(npm(workspace).args(["test", "--silent"]), counts)?;
        let (_, bundle) = build(workspace)?;
        if bundle == Bundle::StylesAlone {
            bail!("the program was built without scripts: `touch web/package.json` and build again, it says why");
        }
        Ok(())
    };
    run().into()
}

/// Drives the demo and a server in a browser: every page at two widths and in two themes, the guided tour, and a
/// community from its first day to its last.
pub(crate) fn browser(workspace: &Workspace, counts: &mut Counts) -> Outcome {
    if !starts("npm") {
        return missing("npm is not installed (Node.js 20 or newer)");
    }
    let Some(chromium) = chromium() else {
        return missing("Chromium is not installed and apt-get cannot install it here (apt-get install chromium)");
    };
    let mut run = || -> Result<()> {
        install(workspace)?;
        let (program, _) = build(workspace)?;
        let pictures = workspace.target.join("screenshots");
        let mut command = Command::new("node");
        command
            .arg("browser/run.mjs")
            .current_dir(workspace.root.join("web"))
            .env("POLICYKIT_PROGRAM", program)
            .env("POLICYKIT_CHROMIUM", &chromium)
            .env("POLICYKIT_SCREENSHOTS", &pictures);
        tests(&mut command, counts)?;
        println!("screenshots: {}", pictures.display());
        Ok(())
    };
    run().into()
}

fn missing(what: &str) -> Outcome {
    if env::var("CI").is_ok_and(|ci| ci == "true") {
        Outcome::Failed(what.to_owned())
    } else {
        Outcome::Skipped(what.to_owned())
    }
}

fn starts(program: &str) -> bool {
    let tried = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    tried.is_ok_and(|said| said.status.success())
}

fn npm(workspace: &Workspace) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(workspace.root.join("web"));
    command
}

/// Installs what the lock file says, unless it is installed.
fn install(workspace: &Workspace) -> Result<()> {
    let web = workspace.root.join("web");
    let lock = std::fs::read(web.join("package-lock.json")).context("reading web/package-lock.json")?;
    let note = web.join("node_modules").join(".installed");
    if std::fs::read(&note).ok().as_ref() == Some(&lock) {
        return Ok(());
    }
    stage::run(npm(workspace).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    std::fs::write(&note, lock).context("writing down what was installed")
}

/// Runs tests whose runner speaks TAP, and counts them.
fn tests(command: &mut Command, counts: &mut Counts) -> Result<()> {
    let mut own = Counts::default();
    let status = stage::tee(command, |line| {
        if let Some(more) = Counts::from_tap(line) {
            own.add(more);
        }
    })?;
    counts.add(own);
    if !status.success() {
        bail!("{own}, and the test run ended with {status}");
    }
    if own.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// What a program was built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bundle {
    Whole,
    StylesAlone,
}

/// Builds the program; returns where it is and what it holds.
fn build(workspace: &Workspace) -> Result<(PathBuf, Bundle)> {
    // The same words as for chaos, or cargo would build the libraries again with other features.
    let words =
        ["build", "--locked", "-p", "policykit", "-p", "policykit-testkit", "--bin", "policykit", "--bin", "books"];
    let said = workspace
        .cargo()
        .args(words)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    if !said.status.success() {
        bail!("the program cannot be built");
    }
    let bundle = bundle(&String::from_utf8_lossy(&said.stdout));
    Ok((workspace.target.join("debug").join("policykit"), bundle))
}

/// Reads from cargo's messages what the server's build script has made.
fn bundle(messages: &str) -> Bundle {
    let mut scripts = messages.lines().filter(|line| line.contains("\"reason\":\"build-script-executed\""));
    if scripts.any(|line| line.contains("\"whole_bundle\"")) { Bundle::Whole } else { Bundle::StylesAlone }
}

/// The browser: the one that is named, one that is installed, or one installed now where that is allowed.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = env::var_os("POLICYKIT_CHROMIUM") {
        return Some(PathBuf::from(named));
    }
    installed().or_else(|| {
        println!("Chromium is not here: installing it, once for this machine");
        let apt = |words: &[&str]| {
            let mut command = Command::new("apt-get");
            command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let install = ["install", "--yes", "--no-install-recommends", "chromium"];
        (apt(&install) || (apt(&["update"]) && apt(&install))).then(installed).flatten()
    })
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    BROWSERS.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| is_file(file)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_script_made_is_read_from_cargos_messages() {
        let line = |cfgs: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\"}}\n{{\"reason\":\"build-script-executed\",\"package_id\":\
                 \"path+file:///x/crates/server#policykit@0.1.0\",\"cfgs\":[{cfgs}]}}\n"
            )
        };
        assert_eq!(bundle(&line("\"whole_bundle\"")), Bundle::Whole);
        assert_eq!(bundle(&line("")), Bundle::StylesAlone);
        assert_eq!(bundle(""), Bundle::StylesAlone);
    }
}
