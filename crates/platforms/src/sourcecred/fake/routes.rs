//! The routes of a fake: the files of the instance, and `/control` for tests and the demo.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::stream;
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Act, Denied, Fake};

/// What is wrong with the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trouble {
    /// Every request is answered with this status.
    Status {
        /// Which.
        status: u16,
    },
    /// Requests are taken and never answered.
    Hang,
    /// Every file is this long, without saying so beforehand.
    Long {
        /// In bytes.
        bytes: usize,
    },
    /// Every file is small and unpacks to this length.
    Bomb {
        /// In bytes.
        bytes: usize,
    },
    /// One file holds these bytes instead.
    Instead {
        /// Its path.
        path: String,
        /// What it holds.
        body: Vec<u8>,
    },
    /// Every file holds JSON of another sort.
    WrongJson,
    /// Every file is a page for people, with a good status.
    Pages,
    /// Files end in their middle.
    Cut,
    /// Every request is sent on to the same path below this address.
    Redirect {
        /// The address, without a slash at its end.
        to: String,
    },
    /// Files have no marks, and what was known before is not asked about.
    NoMarks,
}

/// A request for a file, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The path, without a slash at its beginning.
    pub path: String,
    /// The mark of the version that was known.
    pub mark: Option<String>,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
}

/// What was asked, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) record: Vec<Asked>,
    pub(super) trouble: Option<Trouble>,
    file: Option<File>,
}

impl Journal {
    pub(super) fn open(record: Option<PathBuf>) -> io::Result<Self> {
        let file = record.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { file, ..Self::default() })
    }

    fn write(&mut self, asked: Asked) {
        if let Some(file) = &mut self.file
            && let Ok(line) = serde_json::to_string(&asked)
            && let Err(error) = writeln!(file, "{line}")
        {
            tracing::error!(%error, "the record cannot be written");
        }
        self.record.push(asked);
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

pub(super) fn router(fake: Fake) -> Router {
    Router::new()
        .route("/control/act", post(act))
        .route("/control/trouble", post(trouble))
        .route("/control/people", get(people))
        .route("/control/record", get(record))
        .route("/{*path}", get(file))
        .with_state(fake)
}

async fn act(State(fake): State<Fake>, Json(act): Json<Act>) -> Result<Response, Denied> {
    fake.act(act)?;
    Ok(Json(json!({ "ok": true })).into_response())
}

async fn trouble(State(fake): State<Fake>, Json(trouble): Json<Option<Trouble>>) -> Response {
    fake.trouble(trouble);
    Json(json!({ "ok": true })).into_response()
}

async fn people(State(fake): State<Fake>) -> Response {
    Json(fake.people()).into_response()
}

async fn record(State(fake): State<Fake>) -> Response {
    Json(fake.record()).into_response()
}

async fn file(State(fake): State<Fake>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let mark = headers.get(header::IF_NONE_MATCH).and_then(|mark| mark.to_str().ok()).map(str::to_owned);
    let wrong = fake.journal().trouble.clone();
    let content = fake.world().file(&path);
    if wrong == Some(Trouble::Hang) {
        fake.journal().write(Asked { path, mark, status: 0 });
        return std::future::pending().await;
    }
    let response = answer(&path, content, mark.as_deref(), wrong.as_ref());
    fake.journal().write(Asked { path, mark, status: response.status().as_u16() });
    response
}

fn answer(path: &str, content: Option<Vec<u8>>, mark: Option<&str>, wrong: Option<&Trouble>) -> Response {
    match wrong {
        Some(Trouble::Status { status }) => {
            return StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        }
        Some(Trouble::Redirect { to }) => {
            return (StatusCode::FOUND, [(header::LOCATION, format!("{to}/{path}"))]).into_response();
        }
        Some(Trouble::Long { bytes }) => {
            let chunk = Bytes::from(vec![b' '; 1 << 16]);
            let count = bytes.div_ceil(1 << 16);
            let chunks = (0..count).map(move |_| Ok::<_, io::Error>(chunk.clone()));
            return Body::from_stream(stream::iter(chunks)).into_response();
        }
        Some(Trouble::Bomb { bytes }) => return compress_to_vec_zlib(&vec![b' '; *bytes], 6).into_response(),
        Some(Trouble::WrongJson) => return Json(json!({ "rows": [1, 2, 3] })).into_response(),
        Some(Trouble::Pages) => return "<!doctype html><title>Cred</title>".into_response(),
        Some(Trouble::Instead { path: instead, body }) if instead == path => return body.clone().into_response(),
        Some(Trouble::Instead { .. } | Trouble::Cut | Trouble::NoMarks | Trouble::Hang) | None => {}
    }
    let Some(content) = content else { return StatusCode::NOT_FOUND.into_response() };
    if wrong == Some(&Trouble::Cut) {
        let half = Bytes::copy_from_slice(content.get(..content.len() / 2).unwrap_or_default());
        let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose");
        return Body::from_stream(stream::iter([Ok(half), Err(broken)])).into_response();
    }
    let own = format!("\"{}\"", hex::encode(Sha256::digest(&content)));
    if wrong == Some(&Trouble::NoMarks) {
        return content.into_response();
    }
    if mark == Some(own.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = content.into_response();
    if let Ok(own) = HeaderValue::from_str(&own) {
        response.headers_mut().insert(header::ETAG, own);
    }
    response
}
