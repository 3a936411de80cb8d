//! The chat page: three files, and the routes that its script asks.
//!
//! Whoever reaches it may act as anybody: whoever mounts it must see to it that only this machine does. What changes
//! something takes JSON, which no foreign page can send without asking first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    cast::Cast,
    people::{GENERAL, TEAM},
    tour::{self, SKIP, STEPS, Seen, Shown},
};
use crate::{
    demo::Props,
    slack::{
        ID,
        api::refusal,
        fake::{Act, ChannelKind, ChannelView, Denied, Fake},
    },
};

const HTML: &str = include_str!("chat.html");
const CSS: &str = include_str!("chat.css");
const SCRIPT: &str = include_str!("chat.js");

const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
                              connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How often it is looked whether something has happened, for a page that waits.
const LOOK: Duration = Duration::from_millis(50);
/// How long a page waits before it asks again.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the routes share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) fake: Fake,
    pub(super) cast: Cast,
    pub(super) props: Props,
    html: String,
    has_read: AtomicBool,
}

type Page = Arc<Inner>;

/// The routes, to be mounted at `/demo`.
pub(super) fn router(fake: Fake, cast: Cast, props: Props) -> Router {
    let html = HTML
        .replace("{{stylesheet}}", &props.stylesheet)
        .replace("{{icon}}", &props.icon)
        .replace("{{operator}}", &props.operator);
    Router::new()
        .route("/", get(|State(page): State<Page>| async move { file("text/html; charset=utf-8", page.html.clone()) }))
        .route("/chat.css", get(|| async { file("text/css; charset=utf-8", CSS) }))
        .route("/chat.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/state", get(state))
        .route("/act", post(act))
        .route("/show", post(show))
        .route("/skip", post(skip))
        .route("/web", get(web))
        .layer(middleware::from_fn(protect))
        .with_state(Arc::new(Inner { fake, cast, props, html, has_read: AtomicBool::new(false) }))
}

fn file(content_type: &'static str, content: impl IntoResponse) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], content)
}

async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The page says to its own routes where it is from, and to nobody else.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

/// Who looks, and at what.
#[derive(Debug, Deserialize)]
struct Looking {
    user: String,
    channel: String,
    /// The version the page shows already: the answer waits for another one.
    since: Option<usize>,
}

#[derive(Debug, Serialize)]
struct PersonShown {
    id: &'static str,
    name: String,
    standing: &'static str,
}

#[derive(Debug, Serialize)]
struct ChannelShown {
    id: String,
    name: String,
    private: bool,
}

#[derive(Debug, Serialize)]
struct Shot {
    version: usize,
    /// Microseconds since 1970, by the demo's clock.
    now: i64,
    community: String,
    people: Vec<PersonShown>,
    channels: Vec<ChannelShown>,
    room: Option<ChannelView>,
    tour: Vec<Shown>,
}

impl Inner {
    /// What has come about by now.
    pub(super) fn seen(&self) -> Seen {
        Seen::of(&self.cast, &self.fake.record(), &self.fake.clicks(), self.has_read.load(Ordering::Relaxed))
    }

    /// Grows with everything that happens.
    fn version(&self) -> usize {
        self.fake.record().len().saturating_add(usize::from(self.has_read.load(Ordering::Relaxed)))
    }

    /// Until something has happened since `known`, or the patience ends.
    async fn news_since(&self, known: usize) {
        let mut look = tokio::time::interval(LOOK);
        let watch = async {
            while self.version() == known {
                look.tick().await;
            }
        };
        // When nothing happens the page asks again.
        let _ = tokio::time::timeout(PATIENCE, watch).await;
    }
}

/// Everything the page shows; 204 when nothing has happened for a while.
async fn state(State(page): State<Page>, Query(looking): Query<Looking>) -> Response {
    if let Some(known) = looking.since {
        page.news_since(known).await;
        if page.version() == known {
            return StatusCode::NO_CONTENT.into_response();
        }
    }
    // Before the record: what happens in between is shown twice rather than never.
    let version = page.version();
    let seen = page.seen();
    let Some(team) = page.fake.team(TEAM) else {
        return refused(StatusCode::NOT_FOUND, "the workspace is gone; start the demo again");
    };
    let seen_by = |members: &[crate::slack::fake::UserId], kind| {
        kind == ChannelKind::Public || members.iter().any(|m| m.as_str() == looking.user)
    };
    let channels = team
        .channels
        .iter()
        .filter(|c| !c.archived && seen_by(&c.members, c.kind))
        .map(|c| ChannelShown { id: c.id.to_string(), name: c.name.clone(), private: c.kind != ChannelKind::Public })
        .collect();
    // Whoever may not look into this channel is shown the one that everybody may.
    let view = |channel: &str| page.fake.channel(TEAM, channel, Some(&looking.user)).ok();
    let room = view(&looking.channel).or_else(|| view(GENERAL));
    let tour = tour::tour(&page.cast, &seen);
    let people = page.cast.people.iter();
    let people = people.map(|person| PersonShown {
        id: person.part.account(),
        name: person.name.clone(),
        standing: person.part.standing().word(),
    });
    let (people, community) = (people.collect(), page.cast.community.clone());
    let now = page.props.clock.now().micros();
    Json(Shot { version, now, community, people, channels, room, tour }).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    user: String,
    act: Act,
}

async fn act(State(page): State<Page>, Json(order): Json<Order>) -> Response {
    match page.fake.act(TEAM, &order.user, order.act).await {
        Ok(acted) => {
            let refused_by_app = acted.click.as_ref().is_some_and(|click| !click.taken());
            if refused_by_app {
                return refused(StatusCode::BAD_GATEWAY, "PolicyKit did not take the click; press again");
            }
            Json(acted).into_response()
        }
        Err(denied) => refused(StatusCode::UNPROCESSABLE_ENTITY, &in_words(&denied)),
    }
}

/// Why somebody may not do something, as a sentence.
pub(super) fn in_words(denied: &Denied) -> String {
    let why = match denied {
        Denied::Refused(code) => refusal::explain(code, &Value::Null),
        denied => denied.to_string(),
    };
    let mut letters = why.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepWanted {
    step: usize,
}

/// Does a step for the visitor and says as whom and in which channel to look at it.
async fn show(State(page): State<Page>, Json(wanted): Json<StepWanted>) -> Response {
    let Some(step) = STEPS.get(wanted.step) else {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "the tour has no such step");
    };
    match tour::perform(&page, step).await {
        Ok(scene) => Json(scene).into_response(),
        Err(why) => refused(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

/// Three days pass. The body says nothing, but it must be there.
async fn skip(State(page): State<Page>, Json(_): Json<Value>) -> Response {
    page.props.stagehand.skip(SKIP);
    Json(json!({ "ok": true })).into_response()
}

/// Where to go on the web: a path of PolicyKit's pages, which looks at it before it follows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Going {
    next: Option<String>,
}

async fn web(State(page): State<Page>, Query(going): Query<Going>) -> Redirect {
    page.has_read.store(true, Ordering::Relaxed);
    let login = page.props.web.replace("{platform}", ID);
    Redirect::to(&match going.next {
        Some(next) => format!(
            "{login}?{}",
            url::form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish()
        ),
        None => login,
    })
}
