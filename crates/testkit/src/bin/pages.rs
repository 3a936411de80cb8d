//! Fills a database as a large community would over the years, and measures how long the pages of a server on it take.
//!
//! `pages DATABASE-URL PROGRAM`: fills the database when it is empty, starts `PROGRAM serve` on it, walks every page as a
//! member and as the operator, and prints one JSON document. Measures; judges nothing. Times are those of a client on the
//! same machine, from the first byte sent to the last byte read.

#[path = "pages/seed.rs"]
mod seed;

use std::{collections::BTreeMap, error::Error, net::SocketAddr};

use policykit_store::{Db, DbConfig, SealingKey};
use policykit_testkit::{Raw, Served};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use seed::{Seeded, seed};

type Failure = Box<dyn Error + Send + Sync>;

/// What seals the credentials of the measured server.
const KEY: [u8; 32] = [7; 32];
/// How often each page is asked for; once more before, so that nothing is measured that happens once.
const TIMES: usize = 25;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program whose result is what it prints")]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or("give DATABASE-URL PROGRAM");
    let (url, program) = (word()?, word()?);
    let db = Db::open(&DbConfig { url: url.clone(), sealing: Some(SealingKey::new("bench", KEY)) }).await?;
    db.migrate().await?;
    let began = now();
    let seeded = seed(&db).await?;
    let filled = now() - began;
    db.close().await;
    let folder = tempfile::tempdir()?;
    let settings = [("POLICYKIT_DATABASE_URL", url), ("POLICYKIT_SECRET_KEY", hex(&KEY))];
    let server = Served::start(&program, folder.path(), &settings).await?;
    let walked = walk(server.address(), &seeded).await;
    server.kill().await?;
    println!("{}", json!({ "filled_s": filled, "pages": walked? }));
    Ok(())
}

async fn walk(address: SocketAddr, seeded: &Seeded) -> Result<Value, Failure> {
    let proposals = seeded.proposals.iter().map(|(what, id)| (format!("/proposals/{id}"), *what));
    let plain = [
        "/main",
        "/main/proposals",
        "/main/proposals?status=proposed",
        "/main/proposals?status=held",
        "/main/decisions",
        "/main/decisions?outcome=problem",
        "/main/decisions?outcome=rules",
        "/main/decisions/logs",
        "/main/decisions/logs?level=trouble",
        "/main/policies",
        "/main/policies/new",
        "/main/members",
        "/main/documents",
        "/main/held",
        "/main/settings",
        "/main/settings/integrations",
        "/main/you",
    ];
    let mut pages: Vec<(String, String)> = plain.iter().map(|path| ((*path).to_owned(), (*path).to_owned())).collect();
    pages.extend(proposals.map(|(path, what)| (path, format!("/proposals/… {what}"))));
    pages.push((format!("/main/proposals?policy={}", seeded.policy), "/main/proposals?policy=…".to_owned()));
    pages.push((format!("/main/decisions?policy={}", seeded.policy), "/main/decisions?policy=…".to_owned()));
    pages.push((format!("/main/policies/{}", seeded.policy), "/main/policies/…".to_owned()));
    pages.push((format!("/main/roles/{}", seeded.role), "/main/roles/…".to_owned()));
    pages.push((
        format!("/main/proposals?before={}", seeded.middle),
        "/main/proposals?before=… (the middle)".to_owned(),
    ));
    pages.push(("/main/decisions?before=50000".to_owned(), "/main/decisions?before=50000".to_owned()));
    let mut report = BTreeMap::new();
    for (who, token) in [("member", &seeded.member), ("narrow", &seeded.narrow), ("operator", &seeded.operator)] {
        for (path, name) in &pages {
            let request = Raw::get(path).header("Cookie", format!("policykit={token}"));
            let mut times = Vec::with_capacity(TIMES);
            let mut reply = request.send(address).await;
            for _ in 0..TIMES {
                let began = now();
                reply = request.send(address).await;
                times.push((now() - began) * 1_000.0);
            }
            times.sort_by(f64::total_cmp);
            report.insert(
                format!("{who} {name}"),
                json!({
                    "p50_ms": times.get(TIMES / 2).map(|ms| round(*ms)), "max_ms": times.last().map(|ms| round(*ms)),
                    "status": reply.status, "bytes": reply.body.len(),
                }),
            );
        }
    }
    Ok(serde_json::to_value(report)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn round(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

/// Seconds that have passed since some moment, for differences alone.
fn now() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    f64::from(u32::try_from(time.tv_sec).unwrap_or(u32::MAX)) + f64::from(nanos) / 1e9
}
