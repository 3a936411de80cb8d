//! `serve`, `worker`, `migrate` and `operator-link`: the commands that run the server or prepare it.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use axum::Router;
use policykit_core::Clock;
use policykit_engine::Engine;
use policykit_store::Db;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    context::{Context, Opened},
    key::Origin,
    output::{line, note},
};
use crate::http::{self, AppState, LINK_LASTS, Token};

/// How long unfinished work may take after the signal to stop. What is not finished then is taken up by the next start.
const DRAIN: Duration = Duration::from_secs(10);

/// `policykit serve`.
pub(crate) async fn serve(context: Context, listen: Option<SocketAddr>) -> anyhow::Result<ExitCode> {
    let address = listen.unwrap_or(context.config.listen);
    // The port first: a server that runs already is the likeliest thing to be in the way.
    let (listener, bound) = bind(address).await?;
    let Opened { db, first } = context.open().await?;
    let base = context.config.base_url(Some(bound));
    if first == Origin::Generated {
        // Where nobody is at the keyboard, what is written here is kept by whatever keeps logs, for others to read.
        if io::stderr().is_terminal() {
            note(format_args!(
                "to see the record of proposals, open this link (it works once): {}",
                link(&context, &db, &base).await?
            ));
        } else {
            note("to see the record of proposals, make a link that signs you in: `policykit operator-link`");
        }
    }
    let engine = context.engine_for_good(db)?;
    let config = &context.config;
    let state = AppState::behind(engine.clone(), &base, config.registration, config.trusted_proxies.clone());
    let stop = state.stop();
    run(engine, listener, http::app(state), stop, &format!("PolicyKit: http://{bound}")).await
}

/// `policykit worker`.
pub(crate) async fn worker(context: Context, health: SocketAddr) -> anyhow::Result<ExitCode> {
    let (listener, bound) = bind(health).await?;
    let Opened { db, .. } = context.open().await?;
    let engine = context.engine_for_good(db)?;
    let state = AppState::new(engine.clone(), &format!("http://{bound}"), context.config.registration);
    let stop = state.stop();
    run(engine, listener, http::health_app(state), stop, &format!("PolicyKit worker: http://{bound}")).await
}

pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("`{address}` cannot be listened on; is another server running? choose another with `--listen`")
    })?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Serves and works until told to stop, which is passed on by `stop`; `ready` is the one line printed once requests are
/// answered.
pub(super) async fn run(
    engine: Engine,
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    ready: &str,
) -> anyhow::Result<ExitCode> {
    let mut work = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    });
    let mut server = tokio::spawn({
        let stop = stop.clone();
        async move {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
        }
    });
    line(ready);
    let mut failure = None;
    tokio::select! {
        name = asked_to_stop() => tracing::info!(signal = name?, "stopping"),
        ended = &mut work => failure = Some(match ended {
            Ok(Ok(())) => anyhow::anyhow!("the work behind the pages ended by itself"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the work behind the pages stopped"),
            Err(error) => anyhow::Error::new(error).context("the work behind the pages broke"),
        }),
        ended = &mut server => failure = Some(match ended {
            Ok(Ok(())) => anyhow::anyhow!("the listener ended by itself"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the listener stopped"),
            Err(error) => anyhow::Error::new(error).context("the listener broke"),
        }),
    }
    stop.cancel();
    let drained = timeout(DRAIN, async {
        if !server.is_finished() {
            let _ = (&mut server).await;
        }
        if !work.is_finished() { (&mut work).await.ok() } else { None }
    })
    .await;
    match drained {
        Ok(Some(Err(error))) if failure.is_none() => {
            failure = Some(anyhow::Error::new(error).context("the work could not be put down in order"));
        }
        Ok(_) => {}
        Err(_) => {
            tracing::warn!("not everything was finished in time; the next start goes on with it");
            work.abort();
            server.abort();
        }
    }
    engine.db().close().await;
    match failure {
        Some(error) => Err(error),
        None => Ok(ExitCode::SUCCESS),
    }
}

pub(crate) async fn asked_to_stop() -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// `policykit migrate`.
pub(crate) async fn migrate(context: &Context) -> anyhow::Result<ExitCode> {
    let (key, _) = super::key::take(&context.config)?;
    let db = context.connect(Some(key)).await?;
    let pending = db.pending_migrations().await?;
    db.migrate().await.context("the database could not be brought up to date")?;
    for migration in &pending {
        line(format_args!("applied {migration}"));
    }
    if pending.is_empty() {
        note("the database is up to date");
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// `policykit operator-link`.
pub(crate) async fn operator_link(context: &Context) -> anyhow::Result<ExitCode> {
    if context.config.public_url.is_none() && context.config.listen.port() == 0 {
        bail!("the address of the server is not known; set `public_url`, or `listen` with a port");
    }
    let Opened { db, .. } = context.open().await?;
    let base = context.config.base_url(None);
    line(link(context, &db, &base).await?);
    note(format_args!("it works once, for {} minutes", LINK_LASTS.as_secs() / 60));
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn link(context: &Context, db: &Db, base: &str) -> anyhow::Result<String> {
    let token = fresh_link(context.clock.as_ref(), db).await?;
    Ok(format!("{base}/operator/{}", token.reveal()))
}

/// Makes a link for an operator: what stands at the end of its address.
pub(super) async fn fresh_link(clock: &dyn Clock, db: &Db) -> anyhow::Result<Token> {
    let token = Token::fresh();
    let now = clock.now();
    db.system().create_link(&token.hash(), now, now + LINK_LASTS).await?;
    Ok(token)
}
