//! `demo`: PolicyKit in a community that exists on this machine alone, with a page to act in it.
//!
//! Engine, database and web pages are the real ones. Only the platform is a stand-in, and the clock can be moved ahead.

mod guard;
mod stage;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clap::Args;
use policykit_core::{Clock, ids::CommunityId};
use policykit_engine::{Engine, Install, Installed};
use policykit_platforms::{
    Registry,
    demo::{Props, Scenery},
};
use policykit_policy::from_policykit_json;
use policykit_store::{Base, Db};

use self::stage::{DemoClock, Playing, Stage};
use super::{
    context::{Context, Opened, integrations},
    output::note,
    serve,
};
use crate::{
    config::{Config, PlatformSettings, Registration, variable},
    http::{self, AppState},
    telemetry,
};

/// What `demo` takes.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder that keeps PolicyKit's data; without it everything is gone in the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Number that names, words and channels follow from; without it they are others each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The setting of a platform that names hosts of one's own which may be read.
const ALLOW_HOSTS: &str = "allow_hosts";

/// `policykit demo`.
pub(crate) async fn demo(args: DemoArgs) -> anyhow::Result<ExitCode> {
    if !args.listen.ip().is_loopback() {
        bail!("in the demo anybody may act as anybody, so it listens on this machine alone; choose 127.0.0.1");
    }
    let (listener, bound) = serve::bind(args.listen).await?;
    let base = format!("http://{bound}");
    let temporary = match &args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("no temporary folder can be made; name one with `--data`")?),
    };
    let folder = args.data.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path)).unwrap_or(Path::new("."));
    let cast = cast(folder, args.seed)?;
    let stage = Arc::new(Stage::default());
    let clock = Arc::clone(&stage.clock);
    let scenery = Scenery::set(Props {
        clock: clock.clone(),
        stagehand: stage.clone(),
        seed: rand::random(),
        cast,
        stylesheet: http::stylesheet().to_owned(),
        icon: http::mark().to_owned(),
        web: "/auth/{platform}/login".to_owned(),
        operator: "/demo-record".to_owned(),
    })
    .await
    .context("the simulated platform cannot be started")?;
    let context = context(folder, &scenery, clock)?;
    let Opened { db, .. } = match temporary {
        Some(_) => context.open_in_passing().await?,
        None => context.open().await?,
    };
    let engine = context.engine_for_good(db.clone())?;
    let Installed { community, installation, .. } = furnish(&engine, &scenery).await?;
    // Nobody else puts anything there.
    let _ = stage.playing.set(Playing { engine: engine.clone(), community, installation });
    scenery.deliver_to(&base);
    let state = AppState::new(engine.clone(), &base, context.config.registration);
    let stop = state.stop();
    let app = router(&scenery, state.clone(), Desk { clock: context.clock, db, state });
    scenery.prologue().await.context("the simulated community could not be opened")?;
    note("the chat is simulated; everything else is PolicyKit as it is. Ctrl-C ends it");
    let ended = serve::run(engine, listener, app, stop, &format!("PolicyKit demo: http://{bound}")).await;
    drop((scenery, temporary));
    ended
}

/// The file in the demo's folder that keeps its number.
const SEED_FILE: &str = "demo-seed";

/// The number that the people of the demo follow from. A folder that is kept must meet the same people again.
fn cast(folder: &Path, asked: Option<u64>) -> anyhow::Result<u64> {
    let file = folder.join(SEED_FILE);
    let kept = match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().ok(),
        Err(_) => None,
    };
    match (kept, asked) {
        (Some(kept), Some(asked)) if kept != asked => bail!(
            "`{}` holds the demo of `--seed {kept}`; leave `--seed` out, or name another folder with `--data`",
            folder.display()
        ),
        (Some(kept), _) => Ok(kept),
        (None, asked) => {
            // Short, so that it can be typed.
            let seed = asked.unwrap_or_else(|| u64::from(rand::random::<u16>()));
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, format!("{seed}\n"))).with_context(
                || format!("`{}` cannot be written to; name another folder with `--data`", folder.display()),
            )?;
            Ok(seed)
        }
    }
}

/// A configuration for this folder; the one of a real server must not be touched by a demo.
fn context(folder: &Path, scenery: &Scenery, clock: Arc<DemoClock>) -> anyhow::Result<Context> {
    let folder = folder.display().to_string();
    let environment = [
        ("POLICYKIT_DATA_DIR".to_owned(), folder),
        ("POLICYKIT_LOG".to_owned(), std::env::var("POLICYKIT_LOG").unwrap_or_else(|_| "warn".to_owned())),
    ];
    let mut config = Config::without_file(environment)?;
    telemetry::start(&config.log, config.log_format);
    // Whoever skips three days skips the end of the lease too; it is taken again with the next heartbeat.
    config.engine.heartbeat = config.engine.heartbeat.min(Duration::from_millis(500));
    config.engine.poll = config.engine.poll.min(Duration::from_millis(250));
    // Only this machine can come, and its visitor may be anybody.
    config.registration = Registration::Open;
    let registry = Arc::new(integrations(Duration::from_secs(8))?.without_previews(|_| false));
    let app = scenery.app.clone();
    let app = PlatformSettings { settings: app.settings, secrets: app.secrets };
    config.platforms = stand_ins_allowed(&registry, |name| std::env::var(name).ok());
    config.platforms.insert(scenery.platform.to_owned(), app);
    Ok(Context { config, registry, clock })
}

/// What of the environment counts in a demo: which hosts of this machine may be read, so that a further platform can be tried
/// against its stand-in.
fn stand_ins_allowed(
    registry: &Registry,
    environment: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, PlatformSettings> {
    let allowed = |id: &str| {
        let hosts = environment(&variable(&format!("platforms.{id}.{ALLOW_HOSTS}")))?;
        let settings = [(ALLOW_HOSTS.to_owned(), hosts)].into();
        Some((id.to_owned(), PlatformSettings { settings, ..PlatformSettings::default() }))
    };
    registry.ids().into_iter().filter_map(allowed).collect()
}

/// Installs the community with its roles and policies, unless the folder has it from an earlier demo.
async fn furnish(engine: &Engine, scenery: &Scenery) -> anyhow::Result<Installed> {
    let install = Install {
        platform: scenery.platform.to_owned(),
        credentials: scenery.credentials.clone(),
        ..Install::default()
    };
    let installed =
        engine.install(install).await.map_err(|error| anyhow::anyhow!("the demo was not set up: {error}"))?;
    let community = installed.community;
    let db = engine.db().community(community);
    let state = db.state().await?;
    if !state.policies.is_empty() {
        return Ok(installed);
    }
    for (name, holders) in &scenery.roles {
        let role = db.add_role(name, Base::No, BTreeSet::new(), uuid::Uuid::from_bytes(rand::random())).await?;
        let accounts: Vec<String> = holders.iter().map(|h| (*h).to_owned()).collect();
        let people = db.users_by_external(installed.installation, &accounts).await?;
        db.set_role_members(role.id, people.iter().map(|p| p.id).collect()).await?;
    }
    add_policies(engine, community, &scenery.policies).await?;
    Ok(installed)
}

async fn add_policies(engine: &Engine, community: CommunityId, policies: &[String]) -> anyhow::Result<()> {
    // New policies go on top, so the last one is added first.
    for text in policies.iter().rev() {
        for draft in from_policykit_json(text)?.into_iter().rev() {
            engine.add_policy(community, draft).await?;
        }
    }
    Ok(())
}

/// Who lets the visitor into the record.
#[derive(Debug)]
struct Desk {
    clock: Arc<dyn Clock>,
    db: Db,
    state: AppState,
}

/// The demo's page in front of the whole site.
fn router(scenery: &Scenery, app: AppState, desk: Desk) -> Router {
    Router::new()
        .route("/demo-record", post(record))
        .with_state(Arc::new(desk))
        .nest("/demo/", scenery.page.clone())
        .route("/", get(|| async { Redirect::temporary("/demo/") }))
        .route("/demo", get(|| async { Redirect::temporary("/demo/") }))
        .fallback_service(http::app(app))
        .layer(middleware::from_fn(guard::guard))
}

/// Signs the visitor in to the record, with a link like any operator's. Only the button of the demo's own page does it, see
/// [`guard`].
async fn record(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    let opened = async {
        let link = serve::fresh_link(desk.clock.as_ref(), &desk.db).await?;
        anyhow::Ok(http::open_for_operator(&desk.state, &headers, &link).await)
    };
    match opened.await {
        Ok(Ok(Some(response))) => response,
        Ok(Err(error)) => error.into_response(),
        Ok(Ok(None)) => unavailable(&"the link is used up already"),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "no link to the record could be made");
    (StatusCode::SERVICE_UNAVAILABLE, "The record cannot be opened just now. Try again.\n").into_response()
}

#[cfg(test)]
mod tests {
    use policykit_policy::{MontySandbox, Sandbox as _};

    use super::*;

    #[test]
    fn of_the_environment_nothing_but_hosts_of_ones_own_counts() {
        let registry = integrations(Duration::from_secs(1)).expect("the integrations");
        let allowed = stand_ins_allowed(&registry, |name| Some(format!("value of {name}")));
        assert_eq!(allowed.len(), registry.ids().len());
        for (id, settings) in allowed {
            assert!(settings.secrets.is_empty());
            let expected = format!("value of {}", variable(&format!("platforms.{id}.allow_hosts")));
            assert_eq!(settings.settings.into_iter().collect::<Vec<_>>(), [("allow_hosts".to_owned(), expected)]);
        }
        assert_eq!(stand_ins_allowed(&registry, |_| None).len(), 0);
    }

    #[tokio::test]
    async fn the_policies_of_the_demo_have_nothing_wrong_with_them() {
        let stage = Arc::new(Stage::default());
        let props = Props {
            clock: stage.clock.clone(),
            stagehand: stage,
            seed: 7,
            cast: 7,
            stylesheet: String::new(),
            icon: String::new(),
            web: "/".to_owned(),
            operator: "/".to_owned(),
        };
        let scenery = Scenery::set(props).await.expect("it stands");
        assert!(scenery.policies.len() >= 5);
        for text in &scenery.policies {
            for draft in from_policykit_json(text).expect("the exchange format") {
                let compiled = MontySandbox.compile(&draft.blocks);
                assert!(compiled.is_ok(), "{}: {:?}", draft.name, compiled.err());
            }
        }
    }
}
