//! Writing results, notes and failures. The only place that touches the two outputs directly.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use crate::shown::spelt_out;

/// A line of the result, to stdout. A reader who has gone away is no failure.
pub(crate) fn line(text: impl Display) {
    let mut out = io::stdout().lock();
    let text = text.to_string();
    let _ = writeln!(out, "{}", spelt_out(&text)).and_then(|()| out.flush());
}

/// A result that is a file of its own, to stdout as it is.
pub(crate) fn verbatim(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line for the person at the keyboard, to stderr.
pub(crate) fn note(text: impl Display) {
    let text = text.to_string();
    let _ = writeln!(io::stderr().lock(), "{}", spelt_out(&text));
}

/// Says why the command failed, causes included.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    note(format_args!("error: {}", told_once(error)));
    ExitCode::FAILURE
}

/// The chain of causes; a cause that its wrapper has told already is left out.
fn told_once(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("the disk is full").context("writing failed: the disk is full").context("stopped");
        assert_eq!(told_once(&error), "stopped: writing failed: the disk is full");
    }
}
