//! What Open Collective offers.

mod events;
mod methods;

use policykit_core::descriptor::PlatformDescriptor;

use crate::declare::{ActionType, Auth, Credential, Field, Holder, Scope, Voting, Webhook, platform, undoable};

/// What Open Collective offers.
pub(crate) fn descriptor() -> PlatformDescriptor {
    PlatformDescriptor {
        auth: vec![Auth::OAuth, Auth::ApiKey],
        webhook: Webhook::PerInstallation,
        credentials: vec![Credential {
            name: "personal_token",
            doc: "token of an account that administers the collective; in its settings under For developers",
        }],
        scopes: scopes(),
        governable: governable(),
        triggers: events::triggers(),
        methods: methods::methods(),
        voting: vec![Voting::Boolean],
        ..platform("opencollective", "Open Collective")
    }
}

fn scopes() -> Vec<Scope> {
    [
        ("email", "to know whose grant it is"),
        ("account", "to see the collective and who is in it"),
        ("expenses", "to decide about expenses and to comment on them"),
        ("conversations", "to open conversations"),
        ("webhooks", "to be told of what happens"),
    ]
    .map(|(name, doc)| Scope { name, holder: Holder::Installer, doc })
    .into()
}

fn governable() -> Vec<ActionType> {
    const EXPENSE: Field = Field::used("expense_id", "id of the expense");
    const WHY: Field = Field::used("message", "what is said to whoever submitted it");
    vec![
        undoable("opencollectiveapproveexpense", "approve an expense", vec![EXPENSE, WHY]),
        undoable("opencollectiveunapproveexpense", "take the approval of an expense back", vec![EXPENSE, WHY]),
        undoable("opencollectiverejectexpense", "reject an expense", vec![EXPENSE, WHY]),
        undoable("opencollectiveholdexpense", "put an expense on hold", vec![EXPENSE, WHY]),
        undoable("opencollectivereleaseexpense", "release an expense that was on hold", vec![EXPENSE, WHY]),
    ]
}
