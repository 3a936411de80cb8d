//! What policy code may touch besides platforms, as a page of the documentation.

use std::fmt::Write as _;

use policykit_core::{ObjectKind, constitution};

use crate::objects::known::{Known, attributes, methods, reading};

/// Names that every block has.
const NAMES: &[(&str, &str)] = &[
    ("action", "an [Action](#action): what somebody did or proposes"),
    ("policy", "a [Policy](#policy): the one whose code this is"),
    ("proposal", "a [Proposal](#proposal): the decision about the action"),
    ("variables", "what `initialize` leaves for the other blocks: `variables.x` and `variables[\"x\"]` are the same"),
    ("logger", "a [Logger](#logger): lines in the log of the proposal"),
    ("community", "the [Community](#community)"),
    ("constitution", "the same"),
    ("PASSED, FAILED, PROPOSED", "what `check` returns"),
    ("datetime, math, random, json, string, base64, itertools", "modules, with and without `import`"),
];

/// Kinds of objects, with what they are.
const KINDS: &[(ObjectKind, &str, &str)] = &[
    (
        ObjectKind::Action,
        "Action",
        "What somebody did or proposes. It has the fields of its type as well, which the pages of the platforms and [changes of the rules](#changes-of-the-rules) list; \
         events have `event_type` and `data`.",
    ),
    (ObjectKind::Proposal, "Proposal", "The decision about an action, from its beginning to its end."),
    (ObjectKind::Data, "DataStore", "What a proposal keeps from one run to the next: everything that JSON can say."),
    (ObjectKind::Policy, "Policy", "A policy."),
    (
        ObjectKind::Vote,
        "Vote",
        "What somebody voted: with `boolean_value`, with `value`, or with `candidate` and `option`, depending on the vote.",
    ),
    (ObjectKind::User, "User", "A member on one platform."),
    (ObjectKind::Role, "Role", "A role of the community."),
    (ObjectKind::Community, "Community", "The community, on whatever platforms it is."),
    (ObjectKind::Platform, "Platform", "The community on one platform. Methods are on the pages of the platforms."),
    (ObjectKind::Document, "Document", "A guideline or another text that the community agreed on."),
    (
        ObjectKind::Process,
        "Process",
        "A vote or something else that a plugin carries. All its keys are attributes, and `get` finds them too.",
    ),
    (ObjectKind::Logger, "Logger", "Lines for the log of the proposal."),
];

/// What can be done with lists of votes, members, roles and documents.
const LISTS: &[(&str, &str)] = &[
    ("count()", "how many there are"),
    ("exists()", "whether there is any"),
    ("first(), last()", "the first and the last; `None` when there is none"),
    ("all()", "the list itself"),
    (
        "filter(field=value), exclude(field=value)",
        "those of which it is so, or not so; `user__username=…` follows attributes, and a field can end with `__in`, \
         `__gt`, `__gte`, `__lt`, `__lte`, `__contains`, `__icontains`, `__startswith`, `__endswith`, `__iexact` and \
         `__isnull`",
    ),
    ("order_by(\"field\", \"-other\")", "in this order, backwards with a minus"),
    ("values_list(\"field\", flat=True)", "the values of a field; without `flat` tuples of several"),
    ("distinct()", "without repetitions"),
];

/// The page.
pub fn reference() -> String {
    let mut page = "# What policy code can touch\n\n\
        <!-- Written from the code; `crates/policy/tests/blocks/reference.rs` says how. -->\n\n\
        The objects of the platforms are on [pages of their own](platforms/common.md). What differs from the original is in \
        [differences](differences.md).\n\n## Names in every block\n\n| name | what it is |\n|---|---|\n"
        .to_owned();
    for (name, what) in NAMES {
        let names: Vec<String> = name.split(", ").map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "| {} | {what} |", names.join(", "));
    }
    page.push_str(
        "\nAnd the platforms that the community is connected to, each under its id. A platform that it is not connected \
         to is no name: code that uses it fails with a `NameError`.\n",
    );
    for (kind, name, what) in KINDS {
        object(&mut page, *kind, name, what);
    }
    changes(&mut page);
    page.push_str(
        "\n## Lists\n\nLists of votes, members, roles, policies and documents can be counted with `len`, looped over, sliced \
         and asked for their truth, and have these methods.\n\n| | |\n|---|---|\n",
    );
    for (call, what) in LISTS {
        let _ = writeln!(page, "| `{call}` | {what} |");
    }
    page
}

/// The types of changes of the rules with their fields.
fn changes(page: &mut String) {
    page.push_str(
        "\n## Changes of the rules\n\nThe types of actions that constitution policies decide about, with their fields. \
         `str(action)` says in a sentence what is changed, with its name in force: “change the rule “No spoilers” and call it \
         “No endings””. Ask people with these words and not with `action.name`, which is what the proposer typed.\n\nFields \
         in bold are proposed. The others are looked up when the change is proposed, whatever the proposer says of them; \
         what is not there (any more) has an empty name.\n",
    );
    for change in constitution::action_types() {
        let _ = writeln!(page, "\n### `{}`: {}\n\n| field | what it holds |\n|---|---|", change.codename, change.label);
        for field in &change.fields {
            let mark = if field.used_to_execute { "**" } else { "" };
            let _ = writeln!(page, "| {mark}`{}`{mark} | {} |", field.name, field.doc);
        }
    }
}

fn object(page: &mut String, kind: ObjectKind, name: &str, what: &str) {
    let _ = writeln!(page, "\n## {name}\n\n{what}");
    if !attributes(kind).is_empty() {
        page.push_str("\n| attribute | type | what it is |\n|---|---|---|\n");
    }
    for Known { name, shape, doc } in attributes(kind) {
        let _ = writeln!(page, "| `{name}` | `{shape}` | {doc} |");
    }
    let reading = reading(kind);
    if !methods(kind).is_empty() || !reading.is_empty() {
        page.push_str("\n| method | what it does |\n|---|---|\n");
    }
    for Known { name, shape, doc } in methods(kind) {
        let _ = writeln!(page, "| `{name}{shape}` | {doc} |");
    }
    for method in &reading {
        let _ = writeln!(page, "| `{}` | {} |", method.signature(), method.doc);
    }
}
