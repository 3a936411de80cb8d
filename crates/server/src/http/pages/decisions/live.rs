//! New entries as they are written: server-sent events, each with its number in the record, so that a browser that was
//! away goes on exactly where it was.

use std::{convert::Infallible, time::Duration};

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response, Sse, sse::Event},
};
use futures::{Stream, stream};
use policykit_store::{News, Part};

use super::{Asked, entry::entry};
use crate::{
    http::{AppState, auth::Inside, errors::PageError, slots::Slot},
    shown::spelt_out,
};

/// How often the database is asked for what other nodes may have written, and whether the browser is still there.
const LOOK: Duration = Duration::from_secs(2);
/// A stream ends after so long; the browser opens it anew, and what its visitor may see is asked anew.
const LASTS: Duration = Duration::from_secs(120);
/// How soon the browser opens it anew.
const AGAIN: Duration = Duration::from_secs(1);
/// How many entries are read at a time.
const BATCH: usize = 50;

struct Following {
    app: AppState,
    inside: Inside,
    asked: Asked,
    _slot: Slot<Vec<u8>>,
    news: News,
    seen: i64,
    waiting: std::vec::IntoIter<Event>,
    until: tokio::time::Instant,
}

/// `GET /main/decisions/live`: entries after `Last-Event-ID`, or after the number in the address.
pub(super) async fn stream(
    State(app): State<AppState>,
    inside: Inside,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let Some(slot) = app.streams().take(inside.viewer.session().hash()) else {
        return Ok((StatusCode::TOO_MANY_REQUESTS, "This session has as many open streams as it may.").into_response());
    };
    let scope = app.engine().db().community(inside.community);
    let seen = match last.or_else(|| asked.after.parse().ok()) {
        Some(seen) => seen,
        None => scope.record_head().await?.map_or(0, |(last, _)| last),
    };
    let following = Following {
        asked,
        _slot: slot,
        // Subscribed before the first look, so that nothing falls between the two.
        news: app.engine().db().decided(),
        seen,
        waiting: Vec::new().into_iter(),
        until: tokio::time::Instant::now() + LASTS,
        app,
        inside,
    };
    let mut response = Sse::new(events(following)).into_response();
    // A proxy that collects answers before it passes them on would keep the news back.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn events(following: Following) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    // The first event is a comment: whoever connects knows at once that the stream is open.
    let open = Event::default().comment("open").retry(AGAIN);
    let first = stream::once(async move { Ok(open) });
    futures::StreamExt::chain(
        first,
        stream::unfold(following, |mut following| async move {
            let event = following.next().await?;
            Some((Ok(event), following))
        }),
    )
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.next() {
                return Some(event);
            }
            if tokio::time::Instant::now() >= self.until {
                return None;
            }
            // Sessions end and roles are taken away while a stream is open.
            match self.inside.again(&self.app).await {
                Ok(Some(inside)) => self.inside = inside,
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, "the stream of decisions ends");
                    return None;
                }
            }
            let filter = self.asked.filter(&self.app, &self.inside);
            let scope = self.app.engine().db().community(self.inside.community);
            let lines = match scope.record(&filter, Part::After(self.seen), BATCH).await {
                Ok(lines) => lines,
                // The browser comes again and says where it was.
                Err(error) => {
                    tracing::warn!(%error, "the stream of decisions ends");
                    return None;
                }
            };
            if !lines.is_empty() {
                let mut events = Vec::with_capacity(lines.len());
                for line in &lines {
                    self.seen = line.entry.seq;
                    if let Ok(html) = entry(&self.app, line).render() {
                        events.push(Event::default().id(self.seen.to_string()).data(spelt_out(&html)));
                    }
                }
                self.waiting = events.into_iter();
                continue;
            }
            let waited = tokio::time::Instant::now();
            tokio::select! {
                () = self.news.next() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.app.stopping() => return None,
            }
            if waited.elapsed() >= LOOK {
                // Also how a browser that has gone away is noticed.
                return Some(Event::default().comment(""));
            }
        }
    }
}
