//! The same programs through our engine and through CPython 3.11: what one says, the other has to say.
//!
//! Programs are generated from a seed, which is printed; `POLICYKIT_SEED` and `POLICYKIT_PROGRAMS` choose another seed and
//! another number. A difference is printed with as few statements as still show it. What features of the language do is
//! written down beside each, so that it is tested where there is no CPython as well.

mod programs;

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use policykit_core::{Value, policy::Block};
use policykit_policy::{FailureKind, MontySandbox, Progress, Run, Sandbox};

use self::programs::{Program, program};
use crate::common::{blocks, methods, snapshot};

/// How many of a thousand programs may differ. To be lowered, never raised.
const STILL_DIFFERENT: usize = 2;

/// Runs each program of a JSON list as the body of a function, and prints what comes of each.
const REFERENCE: &str = r#"
import sys, json, datetime, math, itertools, random, re, string, base64
def run(source):
    names = dict(datetime=datetime, math=math, itertools=itertools, random=random, re=re, string=string, base64=base64, json=json,
        print=lambda *a, **k: None)
    body = 'def block():\n' + ''.join(' ' + line for line in source.splitlines(True)) + '\n pass\n'
    try:
        exec(compile(body, 'block', 'exec'), names)
        result = names['block']()
        return '= ' + (result if isinstance(result, str) else repr(result))
    except SyntaxError as e:
        return '? ' + str(e)
    except BaseException as e:
        return '! ' + type(e).__name__
print(json.dumps([run(source) for source in json.load(sys.stdin)]))
"#;

fn python() -> Command {
    let mut python = Command::new("python3");
    python.args(["-I", "-S", "-W", "ignore"]).env("TZ", "UTC").env("PYTHONHASHSEED", "0");
    python
}

/// Whether the reference is here.
fn is_here() -> bool {
    let version = python().arg("--version").output().map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    match version {
        Ok(version) if version.starts_with("Python 3.11") => true,
        other => {
            eprintln!("skipped: programs are compared with CPython 3.11, and python3 is {other:?}");
            false
        }
    }
}

/// What CPython makes of programs.
fn theirs(programs: &[String]) -> Vec<String> {
    let mut child = python().args(["-c", REFERENCE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = serde_json::to_vec(programs).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What we make of a program. That the interpreter panics is a difference like any other.
fn ours(source: &str) -> String {
    std::panic::catch_unwind(|| run(source)).unwrap_or_else(|_| "# panic".to_owned())
}

fn run(source: &str) -> String {
    let program = match MontySandbox.compile(&blocks(Block::Check, source)) {
        Ok(program) => program,
        Err(problems) => return format!("? {}", problems.first().map(ToString::to_string).unwrap_or_default()),
    };
    let mut run = Run::new(Arc::new(MontySandbox), Arc::new(program), snapshot(), methods());
    match run.start(Block::Check) {
        Progress::Done(Value::Str(text)) => format!("= {}", text.replace("re.PatternError", "re.error")),
        Progress::Done(other) => format!("= {other:?}"),
        Progress::Failed(failure) => match failure.kind {
            // Exceptions of modules are called by other names.
            FailureKind::Exception(class) => match class.rsplit('.').next().unwrap_or_default() {
                "PatternError" => "! error".to_owned(),
                class => format!("! {class}"),
            },
            FailureKind::Limit(limit) => format!("# {limit:?}: {}", failure.message),
            FailureKind::Nowhere => format!("# nowhere: {}", failure.message),
        },
        other => format!("# {other:?}"),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The program with as few steps as still tell the two apart.
fn smallest(mut program: Program) -> Program {
    loop {
        let fewer: Vec<Program> = (0..program.steps.len()).map(|at| program.without(at)).collect();
        let sources: Vec<String> = fewer.iter().map(Program::source).collect();
        let found = theirs(&sources).iter().zip(&sources).position(|(theirs, source)| *theirs != ours(source));
        match found.and_then(|at| fewer.into_iter().nth(at)) {
            Some(smaller) => program = smaller,
            None => return program,
        }
    }
}

#[test]
fn generated_programs_do_what_they_do_in_cpython() {
    if !is_here() {
        return;
    }
    let seed = number("POLICYKIT_SEED", 20_231_114);
    let count = number("POLICYKIT_PROGRAMS", 5_400);
    eprintln!("seed {seed}, {count} programs; POLICYKIT_SEED and POLICYKIT_PROGRAMS choose others");
    let programs: Vec<Program> = (0..count).map(|n| program(seed, n)).collect();
    let sources: Vec<String> = programs.iter().map(Program::source).collect();
    // Two at a time, and CPython beside them.
    let (first, second) = sources.split_at(sources.len() / 2);
    let all = |sources: &[String]| sources.iter().map(|source| ours(source)).collect::<Vec<_>>();
    let (theirs, ours) = std::thread::scope(|scope| {
        let reference = scope.spawn(|| theirs(&sources));
        let other = scope.spawn(|| all(second));
        let mut ours = all(first);
        ours.extend(other.join().unwrap());
        (reference.join().unwrap(), ours)
    });
    assert_eq!(theirs.len(), sources.len(), "an answer for each");
    let (mut values, mut no_python) = (0, 0);
    let mut different = Vec::new();
    for (((program, source), theirs), ours) in programs.iter().zip(&sources).zip(&theirs).zip(&ours) {
        if theirs.starts_with('?') {
            no_python += 1;
            eprintln!("not Python: {theirs}\n{source}");
            continue;
        }
        values += usize::from(theirs.starts_with('='));
        if theirs != ours {
            different.push(program);
        }
    }
    assert!(values * 2 > sources.len(), "most programs come to their end: {values}");
    let most = usize::try_from(number("POLICYKIT_SHOWN", 5)).unwrap();
    for program in different.iter().take(most) {
        let source = smallest((*program).clone()).source();
        let theirs = self::theirs(std::slice::from_ref(&source));
        eprintln!(
            "--- program {}\n{source}\n  CPython {}\n  here    {}",
            program.number,
            theirs[0],
            self::ours(&source)
        );
    }
    assert_eq!(no_python, 0, "what is generated is Python");
    let known = sources.len() * STILL_DIFFERENT / 1_000;
    assert!(different.len() <= known, "{} of {count} programs of seed {seed} differ, {known} may", different.len());
}

/// The programs of a file, and what is written down beside each.
fn written_down(file: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/blocks/differential").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let mut all = Vec::new();
    for part in text.split("\n\n").map(str::trim).filter(|part| part.lines().any(|line| line.starts_with("#>"))) {
        let mut lines: Vec<&str> = part.lines().filter(|line| !line.starts_with("# ")).collect();
        let expected = lines.pop().and_then(|line| line.strip_prefix("#> ")).unwrap().to_owned();
        let last = lines.pop().unwrap();
        let end = match last.strip_prefix("! ") {
            Some(statement) => statement.to_owned(),
            None => format!("return repr(({last}))"),
        };
        lines.push(&end);
        all.push((lines.join("\n"), expected));
    }
    all
}

#[test]
fn features_do_what_is_written_down() {
    let mut different = Vec::new();
    let features = written_down("features.txt");
    assert!(features.len() > 250, "{}", features.len());
    for (source, expected) in &features {
        let found = ours(source);
        if found != *expected {
            different.push(format!("{source}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn what_is_written_down_is_what_cpython_does() {
    if !is_here() {
        return;
    }
    let (sources, expected): (Vec<_>, Vec<_>) = written_down("features.txt").into_iter().unzip();
    for ((source, expected), theirs) in sources.iter().zip(&expected).zip(theirs(&sources)) {
        assert_eq!(*expected, theirs, "{source}");
    }
}

/// Differences that are the interpreter's own: they stand in `docs/reference/differences.md`. When one of these turns out
/// to be mended, it is to be taken out of both.
#[test]
fn known_differences_are_as_they_are_described() {
    let known = written_down("differences.txt");
    let sources: Vec<String> = known.iter().map(|(source, _)| source.clone()).collect();
    for (source, expected) in &known {
        assert_eq!(*expected, ours(source), "{source}");
    }
    if is_here() {
        for ((source, expected), theirs) in known.iter().zip(theirs(&sources)) {
            assert_ne!(*expected, theirs, "no difference any more: {source}");
        }
    }
}
