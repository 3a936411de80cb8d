//! How much memory a hostile instance can take. It stands alone, for what is measured is that of the whole process.

#![cfg(all(feature = "demo", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is the result")]
#![expect(clippy::panic, dead_code, reason = "the rig serves other tests too")]

#[path = "sourcecred/rig.rs"]
mod rig;

use futures::future::join_all;
use miniz_oxide::deflate::compress_to_vec_zlib;
use policykit_platforms::sourcecred::fake::{Analysis, FakeConfig, Trouble};

use crate::rig::{Rig, acts};

/// The most that this process ever took, in MiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

/// Some kilobytes that hold this so often, between these.
fn packed(before: &str, again: &str, times: usize, after: &str) -> Vec<u8> {
    let body = compress_to_vec_zlib(format!("{before}{}{after}", again.repeat(times)).as_bytes(), 6);
    assert!(body.len() < 100_000, "{}", body.len());
    body
}

#[tokio::test]
async fn some_kilobytes_from_a_stranger_do_not_become_gigabytes() {
    const TIMES: usize = 1_000_000;
    let rig = Rig::of(FakeConfig { analysis: Analysis::Absent, acts: acts(), ..FakeConfig::default() }).await;
    let base = rig.fake.base_url().to_owned();
    let person = |more: &str| format!(r#"{{"identity":{{"id":"a","name":"a","address":""}},"cred":1,{more}"#);

    // What nobody asks for is passed over, and costs nothing.
    let body = packed(r#"{"action":{"type":"TOGGLE_ACTIVATION","x":[0"#, ",0", TIMES, "]}}");
    rig.fake.trouble(Some(Trouble::Instead { path: "data/ledger.json".to_owned(), body }));
    let before = peak();
    assert_eq!(rig.cred("ada").await, Ok(27.75));
    assert!(peak() - before < 40, "{} MiB", peak() - before);

    // Neither more than anybody needs, nor as much as is allowed but too much for anything that is kept.
    let (view, accounts) = ("output/credGrainView", "output/accounts.json");
    for (path, body, expected) in [
        (
            view,
            packed(&format!(r#"{{"participants":[{}"credPerInterval":[0"#, person("")), ",0", 8_000_000, "]}]}"),
            "values",
        ),
        (
            view,
            packed(&format!(r#"{{"participants":[{}"credPerInterval":[0"#, person("")), ",0", TIMES, "]}]}"),
            "5200 intervals",
        ),
        (
            accounts,
            packed(
                r#"{"accounts":[{"totalCred":0,"account":{"identity":{"id":"a","name":"a","address":""},"balance":"0","mergedIdentityIds":["a""#,
                r#","a""#,
                TIMES,
                "]}}]}",
            ),
            "1000 accounts",
        ),
    ] {
        rig.fake.trouble(Some(Trouble::Instead { path: path.to_owned(), body }));
        // As many at once as somebody likes.
        let before = peak();
        for told in join_all((0..4).map(|_| rig.inspect(&base))).await {
            let told = told.unwrap_err();
            assert!(told.contains(expected), "{expected}: {told}");
        }
        assert!(peak() - before < 150, "{expected}: {} MiB", peak() - before);
    }
}
