//! Waiting a moment for what a form has set going, so that the page that follows can show it.

use std::time::Duration;

use policykit_core::ids::{CommunityId, InboxId};
use policykit_store::{InboxState, StoreError};

use crate::http::AppState;

/// How long somebody waits at most to see it done; after that the page says that it is written down.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked for what another node may have dealt with.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until a delivery has been dealt with, but not for long.
pub(super) async fn until_taken_in(app: &AppState, community: CommunityId, written: InboxId) -> Result<(), StoreError> {
    let db = app.engine().db();
    let scope = db.community(community);
    let mut news = db.taken_in();
    let patience = tokio::time::sleep(PATIENCE);
    tokio::pin!(patience);
    loop {
        if scope.inbox_state(written).await? != Some(InboxState::New) {
            return Ok(());
        }
        tokio::select! {
            () = news.next() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = &mut patience => return Ok(()),
        }
    }
}
