//! The HTTP side: webhooks in, pages out. Handlers translate; decisions are the engine's.

mod assets;
mod auth;
mod chrome;
mod errors;
mod health;
mod hooks;
mod layers;
mod pages;
mod slots;

use std::sync::Arc;

use axum::Router;
use policykit_core::ids::CommunityId;
use policykit_engine::Engine;
use tokio_util::sync::CancellationToken;

#[cfg(feature = "demo")]
pub(crate) use assets::{mark, stylesheet};
use auth::Attempts;
pub(crate) use auth::{LINK_LASTS, Token};
#[cfg(feature = "demo")]
pub(crate) use auth::{is_foreign, open_for_operator};
pub(crate) use layers::Transport;
use slots::Slots;

use crate::config::{Proxies, Registration};

/// How many streams one session may have open: pages in tabs, not more.
const STREAMS: usize = 3;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    engine: Engine,
    transport: Transport,
    base_url: String,
    stop: CancellationToken,
    attempts: Attempts,
    registration: Registration,
    proxies: Proxies,
    checks: Slots<CommunityId>,
    streams: Slots<Vec<u8>>,
}

impl AppState {
    /// For a server reached under `base_url`: over https cookies are bound to it. `registration` says who may connect a
    /// new community from a browser.
    pub fn new(engine: Engine, base_url: &str, registration: Registration) -> Self {
        Self::behind(engine, base_url, registration, Proxies::default())
    }

    /// The same behind proxies that say for whom they ask.
    pub fn behind(engine: Engine, base_url: &str, registration: Registration, proxies: Proxies) -> Self {
        let transport = if base_url.starts_with("https://") { Transport::Https } else { Transport::LocalHttp };
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self(Arc::new(Inner {
            engine,
            transport,
            base_url,
            stop: CancellationToken::new(),
            attempts: Attempts::default(),
            registration,
            proxies,
            checks: Slots::of(1),
            streams: Slots::of(STREAMS),
        }))
    }

    /// Cancelled when the server stops: streams that would never end by themselves end then.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// Waits until the server is told to stop.
    pub(crate) async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The address under which the server is reached, without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        &self.0.base_url
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// Who is believed on where a request comes from.
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    /// Who may connect a new community from a browser.
    pub(crate) fn registration(&self) -> Registration {
        self.0.registration
    }

    /// A record is checked once at a time.
    pub(crate) fn checks(&self) -> &Slots<CommunityId> {
        &self.0.checks
    }

    /// The streams of every session, by what is stored of it.
    pub(crate) fn streams(&self) -> &Slots<Vec<u8>> {
        &self.0.streams
    }

    pub(crate) fn transport(&self) -> Transport {
        self.0.transport
    }
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").field("transport", &self.0.transport).finish_non_exhaustive()
    }
}

/// The whole site: webhooks, pages, assets and health.
pub fn app(state: AppState) -> Router {
    let transport = state.transport();
    let signing_in = auth::routes(state.engine().registry());
    let routes = Router::new()
        .merge(hooks::routes())
        .merge(pages::routes().merge(signing_in).method_not_allowed_fallback(errors::wrong_method))
        .merge(health::routes())
        .merge(assets::routes())
        .fallback(errors::fallback)
        .with_state(state);
    layers::around(routes, transport)
}

/// What a worker answers: whether it lives and is ready, and nothing else.
pub fn health_app(state: AppState) -> Router {
    let transport = state.transport();
    layers::around(health::routes().fallback(errors::fallback).with_state(state), transport)
}
