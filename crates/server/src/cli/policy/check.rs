//! `policy check`: what can be said about policies before they run.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use policykit_policy::{CODES, Diagnostic, MontySandbox, Severity, Vocabulary, diagnose};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::output::{line, note},
    USAGE,
    files::{self, Found},
};

/// What `policy check` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Policies, or folders with policies in them (`.py`, `.json`)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// For people, for programs, or as SARIF 2.1.0 for code review tools
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Human,
    Json,
    Sarif,
}

/// A finding with its place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    file: String,
    policy: Option<String>,
    block: Option<&'static str>,
    code: &'static str,
    severity: &'static str,
    /// Whether lines are counted in the file; in files of several policies they are counted in the block.
    in_file: bool,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: String,
}

/// `policykit policy check`.
pub(crate) fn check(args: &CheckArgs, vocabulary: &Vocabulary) -> ExitCode {
    let files = match files::find(&args.files, &["py", "json"]) {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => return usage("there is no policy; policies are files that end with `.py` or `.json`"),
        Err(why) => return usage(format_args!("{why:#}")),
    };
    let mut findings = Vec::new();
    for file in &files {
        match files::open(file) {
            Ok(all) => findings.extend(all.iter().flat_map(|found| of(file, found, vocabulary))),
            Err(files::Unusable::Unreadable(why)) => return usage(why),
            Err(files::Unusable::NoPolicy { line, column, problem }) => findings.push(Finding {
                file: file.display().to_string(),
                policy: None,
                block: None,
                code: "PK005",
                severity: Severity::Error.as_str(),
                in_file: line > 0,
                line,
                column,
                end_line: line,
                end_column: column,
                message: problem,
            }),
        }
    }
    match args.format {
        Format::Human => findings.iter().for_each(tell),
        Format::Json => line(format_args!("{:#}", json!(findings))),
        Format::Sarif => line(format_args!("{:#}", sarif(&findings))),
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage(why: impl std::fmt::Display) -> ExitCode {
    note(format_args!("error: {why}"));
    USAGE.into()
}

fn of(file: &Path, found: &Found, vocabulary: &Vocabulary) -> Vec<Finding> {
    diagnose(&MontySandbox, &found.draft, vocabulary)
        .into_iter()
        .map(|d| {
            let Diagnostic { code, severity, block, line, column, end_line, end_column, message } = d;
            let start = found.python.as_ref().and_then(|p| p.place(block, line, column));
            let end = found.python.as_ref().and_then(|p| p.place(block, end_line, end_column));
            let ((line, column), (end_line, end_column)) = match (start, end) {
                (Some(start), Some(end)) => (start, end),
                _ => ((line, column), (end_line, end_column)),
            };
            Finding {
                file: file.display().to_string(),
                policy: Some(found.draft.name.clone()),
                block: Some(block.as_str()),
                code,
                severity: severity.as_str(),
                in_file: start.is_some(),
                line,
                column,
                end_line,
                end_column,
                message,
            }
        })
        .collect()
}

fn tell(finding: &Finding) {
    let Finding { file, policy, block, code, severity, in_file, line: at, column, message, .. } = finding;
    match (policy, block) {
        (Some(policy), Some(block)) if !in_file => {
            line(format_args!("{file}: `{policy}` {block}:{at}:{column}: {severity} {code}: {message}"));
        }
        _ if *in_file => line(format_args!("{file}:{at}:{column}: {severity} {code}: {message}")),
        _ => line(format_args!("{file}: {severity} {code}: {message}")),
    }
}

fn sarif(findings: &[Finding]) -> Value {
    let results: Vec<Value> = findings
        .iter()
        .map(|f| {
            let artifact = json!({ "uri": f.file });
            let place = match f.block {
                _ if f.in_file => {
                    let region = json!({
                        "startLine": f.line, "startColumn": f.column, "endLine": f.end_line, "endColumn": f.end_column,
                    });
                    json!({ "physicalLocation": { "artifactLocation": artifact, "region": region } })
                }
                Some(block) => {
                    let policy = f.policy.as_deref().unwrap_or_default();
                    let name = format!("{policy}: {block}:{}:{}", f.line, f.column);
                    let logical = json!([{ "name": block, "fullyQualifiedName": name }]);
                    json!({ "physicalLocation": { "artifactLocation": artifact }, "logicalLocations": logical })
                }
                None => json!({ "physicalLocation": { "artifactLocation": artifact } }),
            };
            json!({
                "ruleId": f.code, "level": f.severity, "message": { "text": f.message }, "locations": [place],
            })
        })
        .collect();
    let rules: Vec<Value> = CODES.iter().map(|code| json!({ "id": code })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "columnKind": "unicodeCodePoints",
            "tool": { "driver": { "name": "policykit", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
}
