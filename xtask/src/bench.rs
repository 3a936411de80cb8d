//! Measures the workloads named by the performance page, by their ids, on both databases.
//!
//! The work is done by the helper `workload` of the testkit, one process with an empty database for each row. What is
//! measured is the engine with the store and the sandbox under it; `h` alone goes over HTTP to the product as a process of
//! its own, and `h-inside` is the same without HTTP, where statements and commits can be counted.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{postgres::Cluster, workspace::Workspace};

/// The workloads that can be measured.
const WORKLOADS: [&str; 5] = ["a", "b", "c", "h-inside", "h"];
/// Matching alone: how many policies look at each event, and how many times as many events as in the other rows, because
/// each takes so little. It never asks a database, so one of them is enough.
const MATCHING: ([u32; 3], u32) = ([1, 10, 100], 10);

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Ids of the workloads; all without any. `pages` alone measures the pages of a large community instead
    #[arg(value_name = "WORKLOAD")]
    pub(crate) workloads: Vec<String>,
    /// How many events each row puts through
    #[arg(long, default_value_t = 4_000)]
    pub(crate) events: u32,
    /// How many policies there are; a row without any is added, as the cost of everything else
    #[arg(long, default_value_t = 10)]
    pub(crate) policies: u32,
    /// Where policies run: `workers` or `in-process`
    #[arg(long, default_value = "workers")]
    pub(crate) sandbox: String,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Measures and prints.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let chosen: Vec<&str> = if args.workloads.is_empty() {
        WORKLOADS.to_vec()
    } else {
        args.workloads.iter().map(String::as_str).collect()
    };
    if chosen == ["pages"] {
        return pages(workspace, args.json);
    }
    if let Some(unknown) = chosen.iter().find(|id| !WORKLOADS.contains(id)) {
        bail!("there is no workload `{unknown}` here; there are {}, and `pages` alone", WORKLOADS.join(", "));
    }
    build(workspace, "workload")?;
    let cluster = Cluster::start(workspace)?;
    let mut rows = Vec::new();
    for (database, number) in [("sqlite", 0_usize), ("postgres", 1)] {
        for (order, id) in chosen.iter().enumerate() {
            let (counts, events) = match (*id, database) {
                ("a", "sqlite") => (MATCHING.0.to_vec(), args.events.saturating_mul(MATCHING.1)),
                ("a", _) => continue,
                _ => (vec![args.policies, 0], args.events),
            };
            for policies in counts {
                let name = format!("bench_{}_{number}_{order}_{policies}", std::process::id());
                let (report, url) =
                    measure(workspace, &cluster, database, &name, &args.sandbox, (id, events, policies))?;
                drop_database(&cluster, database, &name, &url)?;
                let row = json!({ "workload": id, "database": database, "policies": policies, "report": report });
                if !args.json {
                    print_row(&row);
                }
                rows.push(row);
            }
        }
    }
    if args.json {
        println!("{}", Value::Array(rows));
    }
    Ok(())
}

/// How long each page takes in a large community, on both databases.
fn pages(workspace: &Workspace, as_json: bool) -> Result<()> {
    build(workspace, "pages")?;
    let cluster = Cluster::start(workspace)?;
    let mut reports = Vec::new();
    for database in ["sqlite", "postgres"] {
        let name = format!("bench_pages_{}", std::process::id());
        let url = empty_database(workspace, &cluster, database, &name)?;
        let said = Command::new(workspace.target.join("release/pages"))
            .arg(&url)
            .arg(workspace.target.join("release/policykit"))
            .output()
            .context("starting the walk over the pages")?;
        drop_database(&cluster, database, &name, &url)?;
        if !said.status.success() {
            bail!("the pages on {database}: {}", String::from_utf8_lossy(&said.stderr).trim());
        }
        let report: Value = serde_json::from_slice(&said.stdout).context("understanding what was measured")?;
        if !as_json {
            println!("{database}:");
            for (page, took) in report.get("pages").and_then(Value::as_object).into_iter().flatten() {
                let number = |key: &str| took.get(key).and_then(Value::as_f64).unwrap_or_default();
                println!("    {page:<70} {:>7.1} {:>7.1} ms  {}", number("p50_ms"), number("max_ms"), number("status"));
            }
        }
        reports.push(json!({ "database": database, "report": report }));
    }
    if as_json {
        println!("{}", Value::Array(reports));
    }
    Ok(())
}

/// Builds the product and the helper that measures it.
fn build(workspace: &Workspace, helper: &str) -> Result<()> {
    let packages = ["build", "--quiet", "--release", "-p", "policykit-testkit", "-p", "policykit"];
    let programs = ["--bin", "policykit", "--bin", helper];
    // Without optimising across crates, which takes minutes and changes a few per cent.
    crate::stage::run(workspace.cargo().args(packages).args(programs).env("CARGO_PROFILE_RELEASE_LTO", "off"))
}

fn empty_database(workspace: &Workspace, cluster: &Cluster, database: &str, name: &str) -> Result<String> {
    if database == "sqlite" {
        let folder = workspace.scratch().join("bench");
        std::fs::create_dir_all(&folder).context("creating the folder of the measured databases")?;
        return Ok(format!("sqlite:{}", folder.join(format!("{name}.db")).display()));
    }
    psql(cluster.url(), &format!("CREATE DATABASE {name}"))?;
    let (place, _) = cluster.url().rsplit_once('/').context("the address of the database names no database")?;
    Ok(format!("{place}/{name}"))
}

fn measure(
    workspace: &Workspace,
    cluster: &Cluster,
    database: &str,
    name: &str,
    sandbox: &str,
    (id, events, policies): (&str, u32, u32),
) -> Result<(Value, String)> {
    let url = empty_database(workspace, cluster, database, name)?;
    let said = Command::new(workspace.target.join("release/workload"))
        .args([id, &url, &events.to_string(), &policies.to_string()])
        .arg(workspace.target.join("release/policykit"))
        .arg(sandbox)
        .output()
        .context("starting the workload")?;
    if !said.status.success() {
        bail!("workload {id} on {database}: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    let report = serde_json::from_slice(&said.stdout).context("understanding what the workload measured")?;
    Ok((report, url))
}

fn drop_database(cluster: &Cluster, database: &str, name: &str, url: &str) -> Result<()> {
    if database != "sqlite" {
        return psql(cluster.url(), &format!("DROP DATABASE {name} WITH (FORCE)"));
    }
    let path = url.trim_start_matches("sqlite:");
    for suffix in ["", "-wal", "-shm"] {
        // The last handle has removed the log and its index already, unless something went wrong.
        let _gone = std::fs::remove_file(format!("{path}{suffix}"));
    }
    Ok(())
}

fn print_row(row: &Value) {
    let text = |name: &str| row.get(name).map_or_else(String::new, |v| v.to_string().replace('"', ""));
    println!("{} on {}, {} policies:", text("workload"), text("database"), text("policies"));
    let report = row.get("report").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in report {
        println!("    {name:<18} {}", value.to_string().replace(['{', '}', '"'], "").replace(',', ", "));
    }
}

fn psql(server: &str, statement: &str) -> Result<()> {
    let said = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", server, "--command", statement])
        .output()
        .context("starting psql")?;
    if !said.status.success() {
        bail!("`{statement}`: {}", String::from_utf8_lossy(&said.stderr).trim());
    }
    Ok(())
}
