//! Pages for people. Each area has a file of its own; whoever is not signed in is shown how to.

mod communities;
mod connecting;
mod dashboard;
mod decisions;
mod documents;
mod finding;
mod held;
mod kits;
mod line;
mod list;
mod login;
mod mentions;
mod policies;
mod proposing;
mod roles;
mod seats;
mod settings;
mod setup;
pub(super) mod sight;
mod story;
mod waiting;
mod words;
mod you;

use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};

use super::{AppState, auth::Viewer};

/// The routes of the pages.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(start))
        .route("/login", get(login::login))
        .route("/main/you", get(you::you))
        .route("/main/you/sessions/end", post(you::end_session))
        .route("/main/you/sessions/end-all", post(you::end_all))
        .route("/main/communities", get(communities::communities))
        .route("/main/community", post(communities::choose))
        .route("/main/setup", get(setup::setup))
        .route("/main/kit", get(kits::kits).post(kits::choose))
        .route("/main/settings", get(settings::settings))
        .route("/main/settings/integrations", get(settings::integrations))
        .route("/main/settings/integrations/{id}/remove", post(settings::remove))
        .route("/logout", post(you::sign_out))
        .merge(connecting::routes())
        .merge(policies::routes())
        .merge(roles::routes())
        .merge(documents::routes())
        .merge(held::routes())
        .merge(dashboard::routes())
        .merge(decisions::routes())
        .merge(list::routes())
        .merge(story::routes())
}

async fn start(viewer: Option<Viewer>) -> Redirect {
    Redirect::to(if viewer.is_some() { "/main" } else { "/login" })
}
