//! What the rules noted down themselves, latest first.

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use policykit_store::Lines;
use serde::Deserialize;

use crate::http::{
    AppState,
    auth::Inside,
    chrome::Chrome,
    errors::{PageError, page},
    pages::{
        mentions::{Notation, Written, name_all},
        sight::sight,
        story::level,
        words::{Moment, WITHHELD, moment},
    },
};

const PER_PAGE: usize = 50;

#[derive(Debug, Template)]
#[template(path = "logs.html")]
struct LogsPage {
    chrome: Chrome,
    troubles: bool,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
}

#[derive(Debug, Clone)]
struct Row {
    icon: &'static str,
    tone: &'static str,
    message: String,
    at: Moment,
    /// The proposal it is about: its address and the name of its rule.
    about: Option<(String, String)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    level: String,
    before: String,
}

/// `GET /main/decisions/logs`.
pub(super) async fn show(
    State(app): State<AppState>,
    inside: Inside,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let troubles = asked.level == "trouble";
    let before = asked.before.parse::<i64>().ok();
    let scope = app.engine().db().community(inside.community);
    let mut found = scope
        .log_lines(
            if troubles { Lines::Troubles } else { Lines::All },
            &sight(&app, &inside.viewer),
            before,
            PER_PAGE + 1,
        )
        .await?;
    let more = found.len() > PER_PAGE;
    found.truncate(PER_PAGE);
    let notes = found.iter_mut().map(|found| Written {
        at: found.installation,
        text: &mut found.line.message,
        notation: Notation::Noted,
    });
    name_all(&app, &scope, &inside.viewer, notes.collect()).await?;
    let base = if troubles { "/main/decisions/logs?level=trouble" } else { "/main/decisions/logs" };
    let next = found.last().filter(|_| more).map(|last| last.ord);
    Ok(page(&LogsPage {
        chrome: inside.chrome(),
        troubles,
        rows: found
            .into_iter()
            .map(|found| {
                let (icon, tone) = level(&found.line.level);
                let about = found.proposal.map(|id| format!("/proposals/{id}")).zip(found.policy_name);
                let message = if found.withheld { WITHHELD.to_owned() } else { found.line.message };
                Row { icon, tone, message, at: moment(found.line.at), about }
            })
            .collect(),
        newest: before.map(|_| base.to_owned()),
        older: next.map(|ord| format!("{base}{}before={ord}", if troubles { "&" } else { "?" })),
    }))
}
