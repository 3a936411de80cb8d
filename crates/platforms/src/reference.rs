//! What platforms offer to policies, as pages of the documentation. `tests/reference.rs` holds the pages in
//! `docs/reference/platforms` against this.

use std::fmt::Write as _;

use policykit_core::{
    descriptor::{
        ActionType, Auth, Field, Method, MethodEffect, PlatformDescriptor, Reversible, TriggerShape, TriggerType,
        Voting, Webhook, common_methods,
    },
    permission,
};

/// Whether a platform can be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    /// It can.
    Yes,
    /// Policies for it can be written, checked and played in scenarios, and that is all.
    No,
}

/// The page of one platform.
pub fn page(of: &PlatformDescriptor, built: Built) -> String {
    let mut page = format!("# {} in policies\n\n{GENERATED}\n", of.name);
    let standing = match built {
        Built::Yes => "It can be connected.".to_owned(),
        Built::No => format!(
            "**It cannot be connected yet.** Policies for it can be written, checked and played in scenarios. In a \
             community, code that uses `{}` fails with a `NameError`.",
            of.id
        ),
    };
    let _ = writeln!(page, "\n{standing}\n");
    let auth: Vec<&str> = of
        .auth
        .iter()
        .map(|auth| match auth {
            Auth::None => "none is needed",
            Auth::ApiKey => "a key that somebody copies",
            Auth::OAuth => "a grant on the platform's own page",
        })
        .collect();
    let webhook = match of.webhook {
        Webhook::AppWide => "the platform tells, at one address for all communities",
        Webhook::PerInstallation => "the platform tells, at a secret address for each community",
        Webhook::None => "PolicyKit asks in intervals, or has nothing to hear of",
    };
    let _ = writeln!(page, "| | |\n|---|---|\n| access | {} |\n| events | {webhook} |", auth.join("; "));
    let _ = writeln!(page, "| votes | {} |", votes(&of.voting));
    let _ = writeln!(page, "\n## Methods of `{}`\n", of.id);
    page.push_str("Those that change something are written down before they are made, and are made once.\n");
    for (title, effect) in [("Changing", MethodEffect::Call), ("Reading", MethodEffect::Read)] {
        let methods: Vec<&Method> = of.methods.iter().filter(|m| m.effect == effect).collect();
        if !methods.is_empty() {
            let _ = writeln!(page, "\n### {title}\n");
            methods.into_iter().for_each(|m| method(&mut page, m));
        }
    }
    page.push_str("\nAnd [what every platform's object has](common.md).\n");
    actions(&mut page, &of.governable);
    triggers(&mut page, of);
    if !of.scopes.is_empty() {
        page.push_str("\n## What PolicyKit asks to be allowed\n\n| | what for |\n|---|---|\n");
        for scope in &of.scopes {
            let _ = writeln!(page, "| `{}` | {} |", scope.name, scope.doc);
        }
    }
    page
}

/// The page of what all platforms have in common.
pub fn common<'a>(platforms: impl IntoIterator<Item = (&'a PlatformDescriptor, Built)>) -> String {
    let mut page = format!("# Platforms in policies\n\n{GENERATED}\n");
    page.push_str("\n| platform | object | can be connected | actions that can be governed | events | votes |\n|---|---|---|---|---|---|\n");
    for (of, built) in platforms {
        let _ = writeln!(
            page,
            "| [{}]({}.md) | `{}` | {} | {} | {} | {} |",
            of.name,
            of.id,
            of.id,
            if built == Built::Yes { "yes" } else { "not yet" },
            of.governable.len(),
            of.triggers.len(),
            votes(&of.voting)
        );
    }
    page.push_str(
        "\n## What every platform's object has\n\nThe attributes `platform`, `team_id`, `community_name` and `community`, \
         and these methods. They are answered from what PolicyKit knows, without asking the platform.\n\n",
    );
    common_methods().iter().for_each(|m| method(&mut page, m));
    page
}

const GENERATED: &str = "<!-- Written from the descriptors; `crates/platforms/tests/reference.rs` says how. -->";

fn votes(voting: &[Voting]) -> String {
    let words: Vec<&str> = voting
        .iter()
        .map(|kind| match kind {
            Voting::Boolean => "yes or no",
            Voting::Choice => "one of several",
            Voting::Multi => "several of several",
            Voting::Select => "one for each candidate",
        })
        .collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn method(page: &mut String, method: &Method) {
    let needs = if method.needs.is_empty() { String::new() } else { format!(" Needs `{}`.", method.needs) };
    let _ = writeln!(page, "- `{}`  \n  {}.{needs}", method.signature(), capital(method.doc));
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn actions(page: &mut String, governable: &[ActionType]) {
    if governable.is_empty() {
        page.push_str("\n## Actions that can be governed\n\nNone.\n");
        return;
    }
    page.push_str(
        "\n## Actions that can be governed\n\nFields in bold are part of what is done, and asked for when the action is \
         proposed.\n",
    );
    for action in governable {
        let undo = match action.reversible {
            Reversible::Yes => "It can be undone.",
            Reversible::No => "It cannot be undone.",
        };
        let _ = writeln!(page, "\n### `{}`: {}\n", action.codename, action.label);
        let (propose, execute) = (permission::propose(action.codename), permission::execute(action.codename));
        let _ = writeln!(page, "{undo} Permissions: `{propose}` to propose it, `{execute}` to do it without asking.\n");
        fields(page, &action.fields);
    }
}

fn triggers(page: &mut String, of: &PlatformDescriptor) {
    let (own, events): (Vec<&TriggerType>, Vec<&TriggerType>) =
        of.triggers.iter().partition(|t| t.shape == TriggerShape::Own);
    if of.triggers.is_empty() {
        page.push_str("\n## Events\n\nNone.\n");
        return;
    }
    page.push_str("\n## Events\n");
    for event in own {
        let _ = writeln!(page, "\n### `{}`: {}\n", event.event_type, event.doc);
        fields(page, event.fields);
    }
    if !events.is_empty() {
        page.push_str(
            "\n### As `webhooktriggeraction`\n\n`action.event_type` is the event, `action.data` a dictionary with at \
             least these keys where the platform has something to say of them.\n\n| event | when | data |\n|---|---|---|\n",
        );
    }
    for event in events {
        let names: Vec<String> = event.fields.iter().map(|f| format!("`{}`", f.name)).collect();
        let _ = writeln!(page, "| `{}` | {} | {} |", event.event_type, event.doc, names.join(", "));
    }
}

fn fields(page: &mut String, fields: &[Field]) {
    page.push_str("| field | type | what it holds |\n|---|---|---|\n");
    for field in fields {
        let mark = if field.used_to_execute { "**" } else { "" };
        let _ = writeln!(page, "| {mark}`{}`{mark} | `{}` | {} |", field.name, field.kind.python(), field.doc);
    }
}
