//! The routes of a fake: the Web API, the response addresses, and `/control` for tests and the demo.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, Query, RawQuery, State},
    http::{HeaderMap, Method as Verb, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Fake,
    api::{self, Request},
    control::{Act, Denied, Setup},
    deliver::Order,
    faults::{CallRule, Chaos, DeliveryRule},
    oauth,
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
}

/// The body of `/control/act`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActOrder {
    /// Id or name of the workspace.
    pub team: String,
    /// Id or handle of who acts.
    pub user: String,
    /// What they do.
    pub act: Act,
}

#[derive(Debug, Deserialize)]
struct ChannelQuery {
    team: String,
    channel: String,
    user: Option<String>,
}

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

#[derive(Debug, Deserialize)]
struct Key {
    key: String,
}

#[derive(Debug, Deserialize)]
struct Text {
    text: String,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let body = json!({ "ok": false, "error": self.to_string() });
        api::json_response(StatusCode::UNPROCESSABLE_ENTITY, &body)
    }
}

/// All routes of a fake.
pub(super) fn router(fake: Fake) -> Router {
    Router::new()
        .route("/api/{method}", any(call))
        .route("/actions/{key}", post(respond))
        .route("/oauth/v2/authorize", get(oauth::ask).post(oauth::decide))
        .route("/openid/connect/authorize", get(oauth::ask).post(oauth::decide))
        .route("/health", get(|| async { "ok" }))
        .route("/control/act", post(act))
        .route("/control/setup", post(setup))
        .route("/control/teams", get(|State(fake): State<Fake>| async move { Json(fake.teams()) }))
        .route("/control/channel", get(channel))
        .route("/control/record", get(record))
        .route(
            "/control/doubles",
            get(|State(fake): State<Fake>, Query(q): Query<Key>| async move { Json(fake.doubles(&q.key)) }),
        )
        .route("/control/posts", get(posts))
        .route("/control/deliveries", get(deliveries))
        .route("/control/clicks", get(|State(fake): State<Fake>| async move { Json(fake.clicks()) }))
        .route("/control/faults", post(faults))
        .route("/control/network", post(network))
        .route("/control/verify_url", post(verify_url))
        .route("/control/quiesce", post(quiesce))
        // Larger than anything Slack accepts, so that the fake answers instead of the framework.
        .layer(DefaultBodyLimit::max(8 * 1024 * 1024))
        .with_state(fake)
}

async fn call(
    State(fake): State<Fake>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(method): Path<String>,
    verb: Verb,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    api::answer(fake.shared, line, Request { method, verb, headers, query, body }).await
}

async fn respond(
    State(fake): State<Fake>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(key): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(&body) else {
        return api::json_response(StatusCode::BAD_REQUEST, &json!({ "ok": false, "error": "invalid_payload" }));
    };
    let shown = Value::Object(body.clone());
    let (seq, fault) = fake.shared.with(|world| api::arrive(world, "response_url", None, shown));
    api::befall(fake.shared, line, seq, fault, move |world| world.respond(&key, body, seq)).await
}

async fn act(State(fake): State<Fake>, Json(order): Json<ActOrder>) -> Response {
    match fake.act(&order.team, &order.user, order.act).await {
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

async fn channel(State(fake): State<Fake>, Query(query): Query<ChannelQuery>) -> Response {
    match fake.channel(&query.team, &query.channel, query.user.as_deref()) {
        Ok(view) => Json(view).into_response(),
        Err(denied) => denied.into_response(),
    }
}

async fn record(State(fake): State<Fake>, Query(after): Query<After>) -> Response {
    Json(fake.record_after(after.after)).into_response()
}

async fn posts(State(fake): State<Fake>, Query(text): Query<Text>) -> Response {
    let record = fake.record_after(0);
    Json(super::witness::posts_containing(&record, &text.text)).into_response()
}

async fn deliveries(State(fake): State<Fake>) -> Response {
    Json(fake.deliveries()).into_response()
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
    };
    Json(json!({ "ok": true, "released": released })).into_response()
}

async fn verify_url(State(fake): State<Fake>) -> Response {
    match fake.verify_url().await {
        Ok(()) => Json(json!({ "ok": true })).into_response(),
        Err(denied) => denied.into_response(),
    }
}

async fn quiesce(State(fake): State<Fake>) -> Response {
    fake.quiesce().await;
    Json(json!({ "ok": true })).into_response()
}
