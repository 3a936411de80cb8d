//! What the stages of a run share: starting commands, counting tests, taking the time.

use std::{
    fmt,
    io::{BufRead, BufReader},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Takes the time of a stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "how long a stage took is measured, nothing is decided by it")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything in it holds.
    Passed,
    /// Something does not, in one line.
    Failed(String),
    /// It was not run, and why.
    Skipped(String),
}

impl From<Result<()>> for Outcome {
    fn from(result: Result<()>) -> Self {
        result.map_or_else(|error| Self::Failed(format!("{error:#}")), |()| Self::Passed)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("ok"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}

/// How many tests ran, as the test runners themselves say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests marked as ignored, hence not run.
    pub(crate) ignored: u64,
}

impl Counts {
    /// Reads the closing line of one test binary; any other line is nothing.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let (_, numbers) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let mut counts = Self::default();
        for part in numbers.split(';') {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => counts.passed = number,
                "failed" => counts.failed = number,
                "ignored" => counts.ignored = number,
                _ => {}
            }
        }
        Some(counts)
    }

    /// Reads a closing line of a runner that speaks TAP; any other line is nothing.
    pub(crate) fn from_tap(line: &str) -> Option<Self> {
        let (what, number) = line.strip_prefix("# ")?.split_once(' ')?;
        let number = number.parse().ok()?;
        let none = Self::default();
        match what {
            "pass" => Some(Self { passed: number, ..none }),
            "fail" | "cancelled" => Some(Self { failed: number, ..none }),
            "skipped" | "todo" => Some(Self { ignored: number, ..none }),
            _ => None,
        }
    }

    /// Adds those of another binary.
    pub(crate) const fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// The one closing line of a run.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 { write!(f, ", {} skipped", self.ignored) } else { Ok(()) }
    }
}

/// What tests that failed said, for the end of a long run: whoever reads only that has to see why.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    blocks: Vec<Vec<String>>,
    inside: bool,
}

impl Failures {
    /// So many of the last lines of a test are kept; the reason stands at the end.
    const KEPT: usize = 60;

    /// Reads a line of a test binary: what stands between `---- name stdout ----` and the list of names after it.
    pub(crate) fn read(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" ----") {
            self.inside = true;
            self.blocks.push(vec![line.to_owned()]);
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.inside = false;
        } else if let Some(block) = self.blocks.last_mut().filter(|_| self.inside) {
            if block.len() > Self::KEPT {
                block.remove(1);
            }
            block.push(line.to_owned());
        }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.blocks.iter().flatten().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Runs a command whose exit code is its answer.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = display(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("starting `{name}`"))?;
    if !status.success() {
        bail!("`{name}` ended with {status}");
    }
    Ok(())
}

/// Runs a command, shows its standard output line by line as it comes and hands each line to `on_line`.
pub(crate) fn tee(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let name = display(command);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| format!("starting `{name}`"))?;
    let mut output = BufReader::new(child.stdout.take().context("the output was not piped")?);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).with_context(|| format!("reading what `{name}` prints"))? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        on_line(text.trim_end());
        line.clear();
    }
    child.wait().with_context(|| format!("waiting for `{name}`"))
}

/// The command as one would type it, without its folder and environment.
pub(crate) fn display(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_binary_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.52s";
        assert_eq!(Counts::from_line(line), Some(Counts { passed: 12, failed: 3, ignored: 1 }));
    }

    #[test]
    fn the_closing_lines_of_a_tap_runner_are_counted() {
        let mut all = Counts::default();
        for line in ["# tests 7", "# pass 4", "# fail 1", "# cancelled 1", "# skipped 1", "# Subtest: 3", "# pass"] {
            all.add(Counts::from_tap(line).unwrap_or_default());
        }
        assert_eq!(all, Counts { passed: 4, failed: 2, ignored: 1 });
    }

    #[test]
    fn what_failed_tests_said_is_kept_to_its_last_lines() {
        let mut failures = Failures::default();
        let long = (0..200).map(|n| format!("line {n}"));
        for line in ["test a ... FAILED".to_owned(), "failures:".to_owned(), "---- a stdout ----".to_owned()]
            .into_iter()
            .chain(long)
            .chain(["---- b stdout ----", "panicked", "failures:", "    a", "test result: FAILED."].map(str::to_owned))
        {
            failures.read(&line);
        }
        let said = failures.to_string();
        assert!(said.starts_with("---- a stdout ----\nline 140\n"), "{said}");
        assert!(said.ends_with("line 199\n---- b stdout ----\npanicked\n"), "{said}");
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in ["running 5 tests", "test result", "test a::b ... ok", "12 passed, 0 failed", "test result: ok"] {
            assert_eq!(Counts::from_line(line), None, "{line}");
        }
    }

    #[test]
    fn binaries_are_added_up_and_skipped_tests_are_named_only_when_there_are_any() {
        let mut all = Counts::default();
        assert_eq!(all.to_string(), "0 passed, 0 failed");
        all.add(Counts { passed: 2, failed: 0, ignored: 0 });
        all.add(Counts { passed: 3, failed: 1, ignored: 4 });
        assert_eq!(all.to_string(), "5 passed, 1 failed, 4 skipped");
    }

    #[test]
    fn every_line_of_a_command_is_seen_and_its_exit_code_kept() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; printf 'two\\377'; exit 7"]);
        let status = tee(&mut command, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two\u{fffd}"]);
        assert_eq!(status.code(), Some(7));
    }

    #[test]
    fn a_command_that_fails_is_an_error_that_names_it() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 3"), "{error}");
    }
}
