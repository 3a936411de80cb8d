//! What a visitor may see: an operator everything, a member what the roles they have allow.

use policykit_core::permission::view;
use policykit_store::Sight;

use crate::http::{AppState, auth::Viewer};

/// What this visitor may see in the community they are in.
pub(crate) fn sight(app: &AppState, viewer: &Viewer) -> Sight {
    let Some(member) = viewer.member() else { return Sight::Everything };
    let types = app.engine().visible_types();
    if types.iter().all(|action_type| member.may(&view(action_type))) {
        // Also types that no integration knows any more: nothing is hidden from this member.
        return Sight::Everything;
    }
    Sight::Only(member.permissions.iter().filter_map(|p| p.strip_prefix("view_")).map(str::to_owned).collect())
}
