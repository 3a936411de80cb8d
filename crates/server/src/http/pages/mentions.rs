//! What people wrote as they read it where they wrote it: with names for whom they mention. Records stay as they are; only
//! what is shown is put this way.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::ids::InstallationId;
use policykit_platforms::Platform;
use policykit_store::{ProposalLine, Scoped, StoreError};

use super::{line::LineView, words};
use crate::http::AppState;

/// How many letters of what somebody wrote stand in a line.
const IN_A_LINE: usize = 80;

/// A text about to be shown, and where it was written; what was written nowhere is nobody's notation.
pub(crate) type Written<'a> = (Option<InstallationId>, &'a mut String);

/// Puts names into texts. Nothing is asked of the database where there is nothing to put.
pub(crate) async fn name_all(app: &AppState, scope: &Scoped, texts: Vec<Written<'_>>) -> Result<(), StoreError> {
    let registry = app.engine().registry();
    let platforms: Vec<&dyn Platform> = registry.descriptors().filter_map(|d| registry.get(d.id)).collect();
    let differs = |text: &str| platforms.iter().any(|p| p.readable(text, &|_| None) != text);
    let texts: Vec<Written<'_>> = texts.into_iter().filter(|(at, text)| at.is_some() && differs(text)).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let mut texts = texts;
    for installation in scope.installations().await? {
        let Some(platform) = registry.get(&installation.platform) else { continue };
        let mut here: Vec<&mut Written<'_>> = texts.iter_mut().filter(|(at, _)| *at == Some(installation.id)).collect();
        let mentioned: BTreeSet<String> = here.iter().flat_map(|(_, text)| platform.mentions(text)).collect();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        if !mentioned.is_empty() {
            let mentioned: Vec<String> = mentioned.into_iter().collect();
            let found = scope.users_by_external(installation.id, &mentioned).await?;
            names.extend(found.into_iter().map(|user| (user.external_id, user.name)));
        }
        for (_, text) in &mut here {
            **text = platform.readable(text, &|account| names.get(account).cloned());
        }
    }
    Ok(())
}

/// Puts names into the lines of a list, then cuts what was written: the other way about a mention would be cut apart.
pub(crate) async fn name_lines(
    app: &AppState,
    scope: &Scoped,
    found: &[ProposalLine],
    lines: &mut [LineView],
) -> Result<(), StoreError> {
    let mut texts: Vec<Written<'_>> = Vec::new();
    for (found, line) in found.iter().zip(lines.iter_mut()) {
        let asked_at = found.poll.as_ref().map(|poll| poll.installation);
        texts.push((asked_at, &mut line.question));
        texts.extend(line.excerpt.as_mut().map(|excerpt| (found.installation, excerpt)));
    }
    name_all(app, scope, texts).await?;
    for line in lines {
        line.excerpt = line.excerpt.take().map(|excerpt| words::cut(&excerpt, IN_A_LINE));
    }
    Ok(())
}
