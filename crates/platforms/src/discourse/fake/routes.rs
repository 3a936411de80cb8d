//! The routes of a fake: the forum, the page that grants keys, and `/control` for tests and the demo.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Query, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Fake,
    api::{self, Request},
    control::{Act, Denied, Setup},
    deliver::Order,
    faults::{CallRule, Chaos, DeliveryRule},
    grant, page,
};
use crate::fakes::wire::Line;

/// An order about faults, as posted to `/control/faults`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultOrder {
    /// Queues a fault of calls.
    Call(CallRule),
    /// Queues a fault of deliveries.
    Delivery(DeliveryRule),
    /// Random faults from now on; none when null.
    Chaos(Option<Chaos>),
    /// Forgets all queued and random faults.
    Clear,
}

/// An order about deliveries, as posted to `/control/network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkOrder {
    /// Holds every delivery from now on.
    Pause,
    /// Delivers again, first what was held, in order.
    Resume,
    /// Delivers what is held, in this order; does not end a pause.
    Release(Order),
    /// Delivers once more, under the same id, what was delivered under it.
    Redeliver {
        /// `X-Discourse-Event-Id`.
        event_id: u64,
    },
}

/// The body of `/control/act`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActOrder {
    /// Who acts, by name.
    pub user: String,
    /// What they do.
    pub act: Act,
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "ok": false, "error": self.to_string() }))).into_response()
    }
}

/// All routes of a fake.
pub(super) fn router(fake: Fake) -> Router {
    Router::new()
        .route("/user-api-key/new", get(grant::ask))
        .route("/user-api-key", post(grant::decide))
        .route("/pages/forum.css", get(page::style))
        .route("/pages/act", post(page::act))
        .route("/control/act", post(act))
        .route("/control/setup", post(setup))
        .route("/control/record", get(record))
        .route("/control/deliveries", get(|State(fake): State<Fake>| async move { Json(fake.deliveries()) }))
        .route("/control/keys", get(|State(fake): State<Fake>| async move { Json(fake.granted_keys()) }))
        .route("/control/faults", post(faults))
        .route("/control/network", post(network))
        .route("/control/quiesce", post(quiesce))
        .fallback(forum)
        // Larger than anything a forum accepts, so that the fake answers instead of the framework.
        .layer(DefaultBodyLimit::max(8 * 1024 * 1024))
        .with_state(fake)
}

async fn forum(
    State(fake): State<Fake>,
    ConnectInfo(line): ConnectInfo<Line>,
    verb: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = percent_decoded(uri.path());
    if verb == Method::GET && page::wanted(&path, &headers) {
        return page::show(&fake, &path, uri.query(), &headers);
    }
    let query = uri.query().map(str::to_owned);
    api::answer(fake.shared, line, Request { verb, path, query, headers, body }).await
}

/// A path in plain letters; names of members and groups may hold others.
fn percent_decoded(path: &str) -> String {
    // A plus sign is itself in a path.
    let pair = format!("p={}", path.replace('+', "%2B").replace('&', "%26"));
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

async fn act(State(fake): State<Fake>, Json(order): Json<ActOrder>) -> Response {
    match fake.act(&order.user, order.act) {
        Ok(acted) => Json(acted).into_response(),
        Err(denied) => denied.into_response(),
    }
}

async fn setup(State(fake): State<Fake>, Json(setup): Json<Setup>) -> Response {
    match fake.set_up(setup) {
        Ok(made) => Json(made).into_response(),
        Err(denied) => denied.into_response(),
    }
}

async fn record(State(fake): State<Fake>, Query(after): Query<After>) -> Response {
    Json(fake.record_after(after.after)).into_response()
}

async fn faults(State(fake): State<Fake>, Json(order): Json<FaultOrder>) -> Response {
    match order {
        FaultOrder::Call(rule) => fake.fault_calls(rule),
        FaultOrder::Delivery(rule) => fake.fault_deliveries(rule),
        FaultOrder::Chaos(chaos) => fake.set_chaos(chaos),
        FaultOrder::Clear => fake.clear_faults(),
    }
    Json(json!({ "ok": true })).into_response()
}

async fn network(State(fake): State<Fake>, Json(order): Json<NetworkOrder>) -> Response {
    let released = match order {
        NetworkOrder::Pause => {
            fake.pause();
            0
        }
        NetworkOrder::Resume => fake.resume(),
        NetworkOrder::Release(order) => fake.release(order),
        NetworkOrder::Redeliver { event_id } => usize::from(fake.redeliver(event_id)),
    };
    Json(json!({ "ok": true, "released": released })).into_response()
}

async fn quiesce(State(fake): State<Fake>) -> Response {
    fake.quiesce().await;
    Json(json!({ "ok": true })).into_response()
}
