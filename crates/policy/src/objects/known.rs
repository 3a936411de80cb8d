//! What objects of the host have, by name: for hints and for what is said about code before it runs. Tests hold these
//! lists against the objects themselves.

use policykit_core::ObjectKind;

/// Attributes that every object of this kind has.
pub(crate) const fn attributes(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Action => &[
            "id",
            "pk",
            "action_type",
            "kind",
            "initiator",
            "community_origin",
            "community_revert",
            "is_bundled",
            "proposal",
            "community",
        ],
        ObjectKind::Policy => &["id", "pk", "name", "description", "kind", "version", "community"],
        ObjectKind::Proposal => &[
            "id",
            "pk",
            "proposal_time",
            "status",
            "data",
            "vote_post_id",
            "vote_url",
            "is_vote_closed",
            "policy",
            "action",
        ],
        ObjectKind::Platform => &["platform", "team_id", "community_name", "community"],
        ObjectKind::Community => &["id", "name", "community_name"],
        ObjectKind::User => &["username", "readable_name", "is_community_admin", "role_names", "community"],
        ObjectKind::Role => &["role_name", "name"],
        ObjectKind::Data | ObjectKind::Variables | ObjectKind::Logger | ObjectKind::Vote => &[],
    }
}

/// Every kind of object.
pub(crate) const KINDS: &[ObjectKind] = &[
    ObjectKind::Action,
    ObjectKind::Policy,
    ObjectKind::Proposal,
    ObjectKind::Data,
    ObjectKind::Logger,
    ObjectKind::User,
    ObjectKind::Role,
    ObjectKind::Vote,
    ObjectKind::Community,
];

/// Methods that every object of this kind has; those of platforms are in their descriptors.
pub(crate) const fn methods(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Action => &["revert", "execute", "description"],
        ObjectKind::Proposal => &[
            "get_yes_votes",
            "get_no_votes",
            "get_all_boolean_votes",
            "get_choice_votes",
            "get_all_number_votes",
            "get_one_number_votes",
            "get_all_select_votes",
            "get_select_votes_by_users",
            "get_select_votes_by_candidates",
            "get_select_voters",
            "get_active_votes",
            "get_time_elapsed",
            "save",
        ],
        ObjectKind::Data => &["get", "set", "remove"],
        ObjectKind::User => &["has_role", "get_roles"],
        ObjectKind::Logger => &["debug", "info", "log", "warn", "warning", "error", "exception", "critical"],
        ObjectKind::Vote => &["get_time_elapsed"],
        _ => &[],
    }
}
