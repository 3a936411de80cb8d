//! What SourceCred itself has written, served as it is.

use std::{fs, net::Ipv4Addr, path::PathBuf};

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use policykit_core::Value;
use policykit_platforms::{platform::AppConfig, sourcecred::fake::FakeConfig};
use serde_json::json;
use tokio::net::TcpListener;

use crate::rig::Rig;

/// The folder of an instance, or one line that says that it is not there.
fn recorded(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/sourcecred").join(name);
    let found = folder.is_dir().then_some(folder);
    if found.is_none() {
        eprintln!("not checked: there is no ../shared/data/sourcecred/{name}");
    }
    found
}

/// Serves a folder; returns where.
async fn published(folder: PathBuf) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let file = async move |Path(path): Path<String>| fs::read(folder.join(path)).map_err(|_| StatusCode::NOT_FOUND);
    let router = Router::new().route("/{*path}", get(file));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

async fn rig_at(base: &str) -> Rig {
    let mut rig = Rig::of(FakeConfig::default()).await;
    let host = base.trim_start_matches("http://").to_owned();
    rig.app = AppConfig { settings: [("allow_hosts".to_owned(), host)].into(), ..AppConfig::default() };
    rig
}

#[tokio::test]
async fn an_instance_that_sourcecred_wrote_is_read() {
    let Some(folder) = recorded("test-instance") else { return };
    let base = published(folder).await;
    let rig = rig_at(&base).await;
    assert_eq!(rig.inspect(&base).await.unwrap().external_id, base);
    let read = async |method: &str, args: &[(&str, serde_json::Value)]| rig.read_at(&base, method, args).await.unwrap();
    assert_eq!(read("get_cred", &[("username", json!("dandelion"))]).await, Value::Float(319.072_698_854_460_2));
    for (id, plugin, cred) in [
        ("decentralion", "github", 319.072_698_854_460_2),
        ("d11", "discourse", 319.072_698_854_460_2),
        ("wchargin", "sourcecred/github", 18.912_674_432_217_43),
        ("0x2ccc7cd913677553766873483ed9eeddb77a0bb0", "ethereum", 4.628_877_928_465_515e-30),
        ("decentralion", "discourse", 0.0),
    ] {
        let args = [("id", json!(id)), ("plugin", json!(plugin))];
        assert_eq!(read("get_cred", &args).await, Value::Float(cred), "{plugin} {id}");
    }
    // Earned, less what was passed on; both stand in the ledger.
    for (name, grain) in [
        ("dandelion", "3185.57535360030408704"),
        ("william", "197.2591064502531072"),
        ("SourceCred", "1617.16554014944280576"),
        ("beanow", "0"),
    ] {
        assert_eq!(read("get_grain", &[("username", json!(name))]).await, Value::str(grain), "{name}");
    }
    let Value::List(all) = read("get_accounts", &[]).await else { panic!("no list") };
    assert_eq!(all.len(), 10);
}

#[tokio::test]
async fn the_template_of_an_instance_has_published_nothing_yet() {
    let Some(folder) = recorded("template-instance") else { return };
    let base = published(folder).await;
    let told = rig_at(&base).await.inspect(&base).await.unwrap_err();
    assert!(told.contains("no SourceCred instance"), "{told}");
}
