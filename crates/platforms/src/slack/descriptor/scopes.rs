//! What is asked for when the app is installed.

use policykit_core::descriptor::{Holder, Scope};

/// What is asked for when the app is installed.
pub(in crate::slack) fn scopes() -> Vec<Scope> {
    let bot = [
        ("app_mentions:read", "to hear when it is mentioned"),
        ("channels:history", "to hear what is posted in public channels"),
        ("channels:join", "to join the channels it posts in"),
        ("channels:manage", "to set topics and to open channels"),
        ("channels:read", "to list public channels and their members"),
        ("chat:write", "to post"),
        ("chat:write.public", "to post in public channels it is not in"),
        ("emoji:read", "to hear of new emoji"),
        ("files:read", "to hear of shared files"),
        ("groups:history", "to hear what is posted in private channels it was invited to"),
        ("groups:read", "to list those channels and their members"),
        ("groups:write", "to set their topics"),
        ("im:history", "to hear what it is told directly"),
        ("im:read", "to know its direct messages"),
        ("im:write", "to write to somebody directly"),
        ("mpim:history", "to hear what is said in groups it is in"),
        ("mpim:read", "to know those groups"),
        ("mpim:write", "to write to a group of people directly"),
        ("pins:read", "to hear what is pinned"),
        ("pins:write", "to pin and unpin"),
        ("reactions:read", "to hear reactions"),
        ("reactions:write", "to react"),
        ("team:read", "to know the workspace's name"),
        ("usergroups:read", "to know user groups and who is in them"),
        ("usergroups:write", "to change who is in a user group"),
        ("users:read", "to know the workspace's people"),
    ];
    let installer = [
        ("channels:write", "to rename and archive public channels, and to add and remove people"),
        ("chat:write", "to delete messages of others"),
        ("groups:write", "the same in private channels"),
    ];
    let of = |holder: Holder| move |(name, doc): (&'static str, &'static str)| Scope { name, holder, doc };
    bot.into_iter().map(of(Holder::Program)).chain(installer.into_iter().map(of(Holder::Installer))).collect()
}
