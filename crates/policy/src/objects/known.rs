//! What objects of the host have, by name: for hints, for the reference, and for what is said about code before it runs.
//! Tests hold these lists against the objects themselves.

use policykit_core::{
    ObjectKind,
    descriptor::{Method, Param, ParamKind, Returns, common_methods},
};

/// An attribute or a method of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Its type; of a method its parameters and what it returns.
    pub(crate) shape: &'static str,
    pub(crate) doc: &'static str,
}

const fn known(name: &'static str, shape: &'static str, doc: &'static str) -> Known {
    Known { name, shape, doc }
}

const ID: Known = known("id", "str", "its id");
const PK: Known = known("pk", "str", "the same");
const COMMUNITY: Known = known("community", "Community", "the community");
const THE_COMMUNITY: Known = known("constitution_community", "Community", "the community");

/// Attributes that every object of this kind has.
pub(crate) const fn attributes(kind: ObjectKind) -> &'static [Known] {
    match kind {
        ObjectKind::Action => {
            const {
                &[
                    ID,
                    PK,
                    known("action_type", "str", "what sort of action it is"),
                    known("kind", "str", "platform, constitution or trigger"),
                    known("initiator", "User", "who did it; None when that is not known"),
                    known(
                        "community_origin",
                        "bool",
                        "whether it happened on the platform rather than being proposed here",
                    ),
                    known("community_revert", "bool", "whether it is undone at the moment"),
                    known("is_bundled", "bool", "always False"),
                    known("proposal", "Proposal", "the proposal about it"),
                    known("community", "Platform", "where it happened; for changes of the rules, the community"),
                    known("data_store", "None", "always None; keep things in proposal.data"),
                ]
            }
        }
        ObjectKind::Policy => {
            const {
                &[
                    ID,
                    PK,
                    known("name", "str", "its name"),
                    known("description", "str", "what it is for"),
                    known("kind", "str", "platform, constitution or trigger"),
                    known("version", "int", "which version of it runs"),
                    known("action_types", "list[str]", "what it governs; empty for everything of its kind"),
                    known("is_active", "bool", "always True: what is not in force does not run"),
                    known("is_bundled", "bool", "always False"),
                    known("bundled_policies", "list", "always empty"),
                    COMMUNITY,
                ]
            }
        }
        ObjectKind::Proposal => {
            const {
                &[
                    ID,
                    PK,
                    known("proposal_time", "datetime", "when it began"),
                    known("status", "str", "proposed, passed or failed"),
                    known("data", "DataStore", "what its policy keeps for later"),
                    known("vote_post_id", "str", "id of the post that carries the vote; None before there is one"),
                    known("vote_url", "str", "where the vote can be seen; None where there is no such place"),
                    known("is_vote_closed", "bool", "whether no more votes are taken"),
                    known("policy", "Policy", "the policy that decides"),
                    known("action", "Action", "what is decided about"),
                ]
            }
        }
        ObjectKind::Platform => {
            const {
                &[
                    known("platform", "str", "the platform's id"),
                    known("team_id", "str", "the community's id there"),
                    known("community_name", "str", "the community's name there"),
                    COMMUNITY,
                ]
            }
        }
        ObjectKind::Community => {
            const {
                &[
                    ID,
                    PK,
                    known("name", "str", "its name"),
                    known("community_name", "str", "its name"),
                    known("platform", "str", "always constitution"),
                    COMMUNITY,
                    THE_COMMUNITY,
                ]
            }
        }
        ObjectKind::User => {
            const {
                &[
                    ID,
                    PK,
                    known(
                        "username",
                        "str",
                        "the account's id on its platform, or its name there where that is what people go by",
                    ),
                    known("readable_name", "str", "the name to show, which is also how it reads as text"),
                    known(
                        "is_community_admin",
                        "bool",
                        "whether the platform says that they administer the community there",
                    ),
                    known("role_names", "list[str]", "names of their roles"),
                    known("groups", "list[Role]", "their roles"),
                    known("user_permissions", "list", "always empty: permissions come with roles"),
                    COMMUNITY,
                    THE_COMMUNITY,
                ]
            }
        }
        ObjectKind::Role => {
            const {
                &[
                    ID,
                    PK,
                    known("role_name", "str", "its name"),
                    known("name", "str", "its name"),
                    known("description", "str", "what it is for"),
                    known("is_base_role", "bool", "whether every member has it"),
                    known("permissions", "list[str]", "what its members may do"),
                    known("user_set", "list[User]", "who has it"),
                    COMMUNITY,
                ]
            }
        }
        ObjectKind::Vote => {
            const {
                &[
                    known("user", "User", "who voted"),
                    known("vote_time", "datetime", "when they voted or last changed their vote"),
                    known("proposal", "Proposal", "what they voted on"),
                ]
            }
        }
        ObjectKind::Document => {
            const {
                &[
                    ID,
                    PK,
                    known("name", "str", "its name"),
                    known("text", "str", "what it says"),
                    known("is_active", "bool", "whether it is in force"),
                    COMMUNITY,
                ]
            }
        }
        ObjectKind::Process => {
            const {
                &[
                    known("status", "str", "created, pending or completed"),
                    known("outcome", "dict", "what came of it so far"),
                    known("errors", "dict", "what went wrong; None for nothing"),
                    known("url", "str", "where it can be seen; None where there is no such place"),
                ]
            }
        }
        ObjectKind::Data | ObjectKind::Variables | ObjectKind::Logger | ObjectKind::Failure => &[],
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
    ObjectKind::Document,
    ObjectKind::Process,
];

/// Methods that every object of this kind has, besides those that [`reading`] lists; those of platforms are in their
/// descriptors.
pub(crate) const fn methods(kind: ObjectKind) -> &'static [Known] {
    const LOGGED: &str = "(message) -> None";
    const BY_USERS: &str = "(users=None) -> list[Vote]";
    match kind {
        ObjectKind::Action => {
            const {
                &[
                    known("revert", "() -> None", "undoes it, unless it is undone already"),
                    known("execute", "() -> None", "carries it out, or carries it out again"),
                    known("description", "() -> str", "how it reads in a sentence"),
                ]
            }
        }
        ObjectKind::Proposal => {
            const {
                &[
                    known("get_yes_votes", BY_USERS, "votes in favour; of these users only when some are given"),
                    known("get_no_votes", BY_USERS, "votes against"),
                    known("get_all_boolean_votes", BY_USERS, "both; each has boolean_value"),
                    known(
                        "get_choice_votes",
                        "(value=None) -> list[Vote]",
                        "votes for options, or for one of them; each has value",
                    ),
                    known("get_all_number_votes", BY_USERS, "votes for numbers; no platform carries such votes yet"),
                    known("get_one_number_votes", "(value, users=None) -> list[Vote]", "likewise, for one number"),
                    known(
                        "get_all_select_votes",
                        "() -> list[Vote]",
                        "an option for a candidate each; each has candidate and option",
                    ),
                    known("get_select_votes_by_users", "() -> dict", "account, then candidate, then option"),
                    known(
                        "get_select_votes_by_candidates",
                        "(users=None) -> dict",
                        "candidate, then option, then the accounts",
                    ),
                    known("get_select_voters", "() -> list[str]", "the accounts that picked something"),
                    known(
                        "get_active_votes",
                        "() -> list[Vote]",
                        "the votes of whatever sort is running; None without a vote",
                    ),
                    known("get_time_elapsed", "() -> timedelta", "how long ago it began"),
                    known("save", "() -> None", "does nothing: everything is kept by itself"),
                ]
            }
        }
        ObjectKind::Data => {
            const {
                &[
                    known("get", "(key) -> Any", "what was kept under a name; None for nothing"),
                    known("set", "(key, value) -> bool", "keeps something under a name"),
                    known("remove", "(key) -> bool", "forgets it; True when there was something"),
                ]
            }
        }
        ObjectKind::User => {
            const {
                &[
                    known("has_role", "(name) -> bool", "whether they have a role"),
                    known("get_roles", "() -> list[Role]", "their roles"),
                ]
            }
        }
        ObjectKind::Community => {
            const {
                &[
                    known("get_platform_communities", "() -> list[Platform]", "the platforms it is on"),
                    known(
                        "get_platform_community",
                        "(name) -> Platform",
                        "the platform with this id; None when it is not on it",
                    ),
                ]
            }
        }
        ObjectKind::Logger => {
            const {
                &[
                    known("debug", LOGGED, "a line for whoever writes the policy"),
                    known("info", LOGGED, "a line for whoever wants to know"),
                    known("log", LOGGED, "the same"),
                    known("warning", LOGGED, "a line that something may be wrong"),
                    known("warn", LOGGED, "the same"),
                    known("error", LOGGED, "a line that something is wrong"),
                    known("exception", LOGGED, "the same"),
                    known("critical", LOGGED, "the same"),
                ]
            }
        }
        ObjectKind::Vote => const { &[known("get_time_elapsed", "() -> timedelta", "how long ago it was cast")] },
        ObjectKind::Process => const { &[known("get", "(key, default=None) -> Any", "one of its keys")] },
        ObjectKind::Policy
        | ObjectKind::Platform
        | ObjectKind::Role
        | ObjectKind::Document
        | ObjectKind::Variables
        | ObjectKind::Failure => &[],
    }
}

/// Methods of objects of this kind that are answered with what is known of the community, outside the run.
pub(crate) fn reading(kind: ObjectKind) -> Vec<Method> {
    let active = || vec![Param::or("is_active", ParamKind::Bool, true.into())];
    let policies = |name, doc| Method::read(name, doc, active()).returning(Returns::List);
    match kind {
        ObjectKind::Community => {
            let mut all = common_methods();
            all.extend([
                Method::read("get_members", "the members on all platforms", Vec::new()).returning(Returns::Members),
                Method::read("get_documents", "the guidelines and other documents in force", active())
                    .returning(Returns::List),
                policies("get_policies", "the policies in force, those that are asked first at the beginning"),
                policies("get_platform_policies", "those of them that govern what is done on platforms"),
                policies("get_constitution_policies", "those of them that govern changes of the rules"),
                policies("get_trigger_policies", "those of them that react to something"),
            ]);
            all
        }
        ObjectKind::User => vec![
            Method::read(
                "has_perm",
                "whether one of their roles has a permission, by its name such as can_execute_…",
                vec![Param::needed("permission", ParamKind::Text)],
            )
            .returning(Returns::Bool),
            Method::read(
                "find_linked_username",
                "the account of the same person on another platform; None when no two accounts of theirs are linked",
                vec![Param::needed("platform", ParamKind::Text)],
            )
            .returning(Returns::Text),
        ],
        _ => Vec::new(),
    }
}

/// Names of all attributes of a kind.
pub(crate) fn attribute_names(kind: ObjectKind) -> Vec<&'static str> {
    attributes(kind).iter().map(|k| k.name).collect()
}

/// Names of all methods of a kind.
pub(crate) fn method_names(kind: ObjectKind) -> Vec<&'static str> {
    methods(kind).iter().map(|k| k.name).chain(reading(kind).iter().map(|m| m.name)).collect()
}
