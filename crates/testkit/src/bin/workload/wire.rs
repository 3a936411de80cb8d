//! Workload h as the world meets it: signed events over HTTP, answered and evaluated by the product as a process of its own.

use std::{fs, sync::Arc, time::Duration};

use policykit_testkit::{Client, Served};
use rustix::time::ClockId;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    Bench, CONNECTIONS, Failure, KEY, clock,
    input::{PLATFORM, SECRET, delivery},
    number, round,
};

/// Hundredths of a second, in which Linux counts processor time.
const TICKS: f64 = 100.0;

pub(crate) async fn measure(
    bench: &Bench,
    program: &str,
    place: &str,
    url: String,
    fake: &str,
    events: usize,
    policies: usize,
) -> Result<Value, Failure> {
    let folder = tempfile::tempdir()?;
    let settings = [
        ("POLICYKIT_DATABASE_URL", url),
        ("POLICYKIT_SECRET_KEY", KEY.iter().map(|byte| format!("{byte:02x}")).collect()),
        ("POLICYKIT_SANDBOX", place.to_owned()),
        ("POLICYKIT_SLACK_API_URL", format!("{fake}/api/")),
        ("POLICYKIT_SLACK_SIGNING_SECRET", SECRET.to_owned()),
    ];
    // Whoever runs and stops lets go of what it holds. A server that finds everything held looks again only after a
    // heartbeat, which would be measured.
    let stopped = CancellationToken::new();
    stopped.cancel();
    bench.engine.run(stopped).await?;
    let server = Served::start(program, folder.path(), &settings).await?;
    let path = format!("/api/hooks/{PLATFORM}");
    // Signing is the platform's work, done before.
    let deliveries: Arc<Vec<_>> = Arc::new((0..events).map(delivery).collect());
    let (began, worked) = (clock(ClockId::Monotonic), cpu(&server)?);
    let mut senders = JoinSet::new();
    for sender in 0..CONNECTIONS {
        let mut client = Client::connect(server.address()).await?;
        let (deliveries, path) = (Arc::clone(&deliveries), path.clone());
        senders.spawn(async move {
            let (mut acks, mut refused) = (Vec::new(), 0_usize);
            for (headers, body) in deliveries.iter().skip(sender).step_by(CONNECTIONS) {
                let begun = clock(ClockId::Monotonic);
                let status = client.post(&path, headers, body).await?;
                acks.push(clock(ClockId::Monotonic) - begun);
                refused += usize::from(status != 200);
            }
            Ok::<_, Failure>((acks, refused))
        });
    }
    let (mut acks, mut refused) = (Vec::with_capacity(events), 0);
    while let Some(done) = senders.join_next().await {
        let (mut more, bad) = done??;
        acks.append(&mut more);
        refused += bad;
    }
    let acked = clock(ClockId::Monotonic) - began;
    if policies > 0 {
        let all = i64::try_from(events.saturating_sub(refused))?;
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        while bench.db.count_decided().await? < all {
            looks.tick().await;
        }
    }
    let took = clock(ClockId::Monotonic) - began;
    let worked = cpu(&server)? - worked;
    let memory = memory(&server)?;
    server.kill().await?;
    let settled = json!({
        "seconds": round(took), "per_second": (number(events) / took).round(),
        "server_cpu_us_each": round(worked * 1e6 / number(events)), "server_mb_at_most": memory,
        "refused": refused,
    });
    let acks_per_second = (number(events) / acked).round();
    bench.report(events, &mut acks, json!({ "all": settled, "acks_per_second": acks_per_second })).await
}

/// Processor time that the server has used, in seconds.
fn cpu(server: &Served) -> Result<f64, Failure> {
    let pid = server.pid().ok_or("the server has ended")?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name, which may hold anything and ends with the last bracket: the 12th and 13th are user and system time.
    let (_, rest) = stat.rsplit_once(')').ok_or("an unreadable stat")?;
    let ticks: u32 = rest.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u32>().ok()).sum();
    Ok(f64::from(ticks) / TICKS)
}

/// The most memory the server has held, in megabytes.
fn memory(server: &Served) -> Result<u64, Failure> {
    let pid = server.pid().ok_or("the server has ended")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(peak.ok_or("an unreadable status")? / 1_024)
}
