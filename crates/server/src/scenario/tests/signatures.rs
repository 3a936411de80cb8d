//! The methods of the original's platform objects, with their parameters: code that was written for it goes on running.

use policykit_core::descriptor::{Method, Param, ParamKind};
use serde_json::{Value, json};

use super::registry;

/// What must be given.
const NEEDED: Option<Value> = None;

/// Method, its parameters in order and what they are when they are left out.
type Signature = (&'static str, Vec<(&'static str, Option<Value>)>);

fn none(name: &'static str) -> (&'static str, Option<Value>) {
    (name, Some(Value::Null))
}

fn needed(name: &'static str) -> (&'static str, Option<Value>) {
    (name, NEEDED)
}

/// The original's, by platform: §3.7 to §3.16.
fn originals() -> Vec<(&'static str, Vec<Signature>)> {
    let channel = || ("post_type", Some(json!("channel")));
    let text = || ("post_type", Some(json!("channel")));
    let by_url = || vec![needed("url"), none("values"), none("action")];
    vec![
        (
            "slack",
            vec![
                ("initiate_vote", vec![none("users"), channel(), none("text"), none("channel"), none("options")]),
                (
                    "initiate_advanced_vote",
                    vec![
                        needed("candidates"),
                        needed("options"),
                        none("users"),
                        channel(),
                        none("title"),
                        none("channel"),
                        none("details"),
                    ],
                ),
                (
                    "post_message",
                    vec![
                        needed("text"),
                        none("users"),
                        text(),
                        none("channel"),
                        none("thread_ts"),
                        ("reply_broadcast", Some(json!(false))),
                    ],
                ),
                (
                    "get_conversations",
                    vec![("types", Some(json!(["channel"]))), ("types_arg", Some(json!("public_channel")))],
                ),
                ("get_real_users", vec![]),
                ("rename_conversation", vec![needed("channel"), needed("name")]),
                ("kick_conversation", vec![needed("channel"), needed("user")]),
                ("join_conversation", vec![needed("channel"), needed("users")]),
                ("make_call", vec![needed("method_name")]),
            ],
        ),
        (
            "discord",
            vec![
                ("initiate_vote", vec![none("users"), channel(), none("text"), none("channel"), none("options")]),
                ("post_message", vec![needed("text"), none("channel"), none("message_id")]),
            ],
        ),
        (
            "discourse",
            vec![
                ("post_message", vec![needed("text"), needed("topic_id")]),
                ("initiate_vote", vec![none("users"), none("text"), none("topic_id")]),
                ("make_call", by_url()),
            ],
        ),
        ("reddit", vec![("initiate_vote", vec![none("users")]), ("make_call", by_url())]),
        ("github", vec![("initiate_vote", vec![needed("repo_name"), none("text")])]),
        (
            "opencollective",
            vec![
                ("post_message", vec![needed("text"), needed("expense_id")]),
                ("process_expense", vec![needed("expense_id"), needed("action")]),
            ],
        ),
        (
            "loomio",
            vec![(
                "initiate_vote",
                vec![
                    needed("title"),
                    needed("closing_at"),
                    needed("options"),
                    none("details"),
                    ("poll_type", Some(json!("proposal"))),
                ],
            )],
        ),
        ("sourcecred", vec![("get_cred", vec![none("username"), none("id")]), ("fetch_total_credcred", vec![])]),
        (
            "metagov",
            vec![
                ("start_process", vec![needed("name")]),
                ("perform_action", vec![needed("name")]),
                ("get_process", vec![]),
                ("close_process", vec![]),
            ],
        ),
    ]
}

/// What may be given by name to a poll elsewhere.
const OF_POLLS: &[&str] = &[
    "subgroup",
    "specified_voters_only",
    "hide_results_until_closed",
    "anonymous",
    "discussion_id",
    "voter_can_add_options",
    "recipient_audience",
    "notify_on_closing_soon",
    "recipient_user_ids",
    "recipient_emails",
    "recipient_message",
    "details_format",
];

#[test]
fn every_method_of_the_original_takes_what_it_took() {
    let registry = registry();
    let mut wrong = Vec::new();
    for (platform, signatures) in originals() {
        let known = registry.known();
        let descriptor = known.into_iter().find(|d| d.id == platform).expect("it is declared");
        let all = descriptor.all_methods();
        for (name, wanted) in signatures {
            let Some(method) = all.iter().find(|m| m.name == name) else {
                wrong.push(format!("{platform} has no {name}"));
                continue;
            };
            let beginning: Vec<(&str, Option<Value>)> =
                method.params.iter().take(wanted.len()).map(|p| (p.name, p.default.clone())).collect();
            let rest: Vec<&str> =
                method.params.iter().skip(wanted.len()).filter(|p| p.default.is_none()).map(|p| p.name).collect();
            if beginning != wanted || !rest.is_empty() {
                wrong.push(format!("{platform}.{} instead of {wanted:?}", method.signature()));
            }
        }
        for common in ["get_users", "get_users_with_permission", "get_roles", "get_username_to_readable_name_dict"] {
            if all.iter().all(|m| m.name != common) {
                wrong.push(format!("{platform} has no {common}"));
            }
        }
    }
    let known = registry.known();
    let polls = known.into_iter().find(|d| d.id == "loomio").expect("it is declared").all_methods();
    let poll = polls.iter().find(|m| m.name == "initiate_vote").expect("polls");
    wrong.extend(OF_POLLS.iter().filter(|name| !takes(poll, name)).map(|name| format!("a poll takes no {name}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn takes(method: &Method, name: &str) -> bool {
    method.params.iter().any(|p: &Param| p.name == name || p.kind == ParamKind::Rest)
}
