//! A sentence for the next page. It may name people, so it is kept here, sealed, and shown once to the browser it is for;
//! the address holds nothing but its number.

use std::time::Duration;

use axum::{
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use policykit_store::NewJourney;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    Token,
    cookie::{self, Kind},
};
use crate::http::{AppState, errors::PageError};

/// How long a note waits to be read.
const WAITS: Duration = Duration::from_secs(10 * 60);

/// How a note looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tone {
    /// Something went well.
    Good,
    /// Something did not.
    Bad,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// How it looks.
    pub(crate) tone: Tone,
    /// What happened.
    pub(crate) heading: String,
    /// Why, what to do, and what is safe.
    pub(crate) text: String,
}

impl Note {
    /// That something went well.
    pub(crate) fn good(heading: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, heading: heading.into(), text: text.into() }
    }

    /// That something did not.
    pub(crate) fn bad(heading: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, heading: heading.into(), text: text.into() }
    }

    /// The class of the notice.
    pub(crate) const fn tone(&self) -> &'static str {
        match self.tone {
            Tone::Good => "good",
            Tone::Bad => "bad",
        }
    }

    /// The drawing of the notice.
    pub(crate) const fn icon(&self) -> &'static str {
        match self.tone {
            Tone::Good => "tick",
            Tone::Bad => "warn",
        }
    }
}

/// Sends the browser to a page that shows the note.
pub(crate) async fn leave(app: &AppState, headers: &HeaderMap, to: &str, note: &Note) -> Result<Response, PageError> {
    let transport = app.transport();
    let browser = cookie::brought(Kind::Journey, transport, headers).unwrap_or_else(Token::fresh);
    let (number, now) = (Token::fresh(), app.engine().now());
    let luggage = serde_json::to_string(note).map_err(|e| PageError::Internal(e.to_string()))?;
    let new = NewJourney {
        state: number.hash(),
        browser: browser.hash(),
        luggage: SecretString::from(luggage),
        now,
        expires_at: now + WAITS,
    };
    app.engine().db().system().begin_journey(new).await?;
    let join = if to.contains('?') { '&' } else { '?' };
    let response = Redirect::to(&format!("{to}{join}note={}", number.reveal())).into_response();
    cookie::with(response, &cookie::set(Kind::Journey, transport, browser.reveal(), WAITS))
}

/// The note of this number, if it is for this browser and was not read before.
pub(crate) async fn read(app: &AppState, headers: &HeaderMap, number: &str) -> Result<Option<Note>, PageError> {
    // Reading takes the note away, which is a write: not for anything that cannot be a note's number.
    if !Token::is_one(number) {
        return Ok(None);
    }
    let Some(browser) = cookie::brought(Kind::Journey, app.transport(), headers) else { return Ok(None) };
    let (state, now) = (Token::brought(number).hash(), app.engine().now());
    let found = app.engine().db().system().end_journey(&state, &browser.hash(), now).await?;
    // What is no note is a way to a platform whose state was put into the wrong address: it is used up, and that is all.
    Ok(found.and_then(|text| serde_json::from_str(text.expose_secret()).ok()))
}
