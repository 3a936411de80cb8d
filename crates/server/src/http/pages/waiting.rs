//! Waiting a moment for what a form has set going, so that the page that follows can show it.

use std::time::Duration;

use policykit_core::ids::{CommunityId, InboxId};
use policykit_store::{InboxState, StoreError};

use crate::http::AppState;

/// How long somebody waits at most to see it done; after that the page says that it is written down.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked for what another node may have dealt with.
const LOOK: Duration = Duration::from_millis(50);

/// Looks again whenever a delivery has been dealt with, until there is something to see; `None` when that takes long.
pub(super) async fn until<T, F>(app: &AppState, look: impl Fn() -> F) -> Result<Option<T>, StoreError>
where
    F: Future<Output = Result<Option<T>, StoreError>>,
{
    // Before the first look, so that nothing that happens during it is missed.
    let mut news = app.engine().db().taken_in();
    let patience = tokio::time::sleep(PATIENCE);
    tokio::pin!(patience);
    loop {
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        tokio::select! {
            () = news.next() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = &mut patience => return Ok(None),
        }
    }
}

/// Waits until a delivery has been dealt with, but not for long.
pub(super) async fn until_taken_in(app: &AppState, community: CommunityId, written: InboxId) -> Result<(), StoreError> {
    let scope = app.engine().db().community(community);
    let look = || async { Ok((scope.inbox_state(written).await? != Some(InboxState::New)).then_some(())) };
    until(app, look).await.map(|_| ())
}
