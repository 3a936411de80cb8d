//! What a visitor may see: an operator everything, a member what the roles they have allow, and of what happened in a private
//! conversation what they did themselves or are asked about by name. The store hands out nothing else.

use policykit_core::permission::{VIEW_PRIVATE, view};
use policykit_store::{Private, Sight, Types};

use crate::http::{AppState, auth::Viewer};

/// What this visitor may see in the community they are in.
pub(crate) fn sight(app: &AppState, viewer: &Viewer) -> Sight {
    let Some(member) = viewer.member() else { return Sight::EVERYTHING };
    let private = if member.may(VIEW_PRIVATE) {
        Private::Everything
    } else {
        Private::Own { member: member.user, account: member.external_id.clone(), installation: member.installation }
    };
    let types = app.engine().visible_types();
    if types.iter().all(|action_type| member.may(&view(action_type))) {
        // Also types that no integration knows any more: nothing is hidden from this member.
        return Sight { types: Types::Everything, private };
    }
    let types = member.permissions.iter().filter_map(|p| p.strip_prefix("view_")).map(str::to_owned).collect();
    Sight { types: Types::Only(types), private }
}
