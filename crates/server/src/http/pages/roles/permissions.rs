//! Permissions in words, for people who choose what a role allows.

use std::collections::BTreeSet;

use policykit_core::{constitution, descriptor::ActionType, kit::Allow, permission};
use policykit_engine::Engine;

/// Types of actions that stand together.
#[derive(Debug, Clone)]
pub(super) struct PermissionGroup {
    /// Where they happen.
    pub(super) name: String,
    /// The types.
    pub(super) rows: Vec<PermissionRow>,
}

/// What a role allows with one type of action.
#[derive(Debug, Clone)]
pub(super) struct PermissionRow {
    /// How the type reads.
    pub(super) label: String,
    /// To see, to propose, to do without asking.
    pub(super) boxes: Vec<PermissionBox>,
}

/// A permission to tick.
#[derive(Debug, Clone)]
pub(super) struct PermissionBox {
    pub(super) codename: String,
    pub(super) words: String,
    pub(super) ticked: bool,
}

/// All permissions by platform, ticked where `chosen` has them; and those that belong to no type of action.
pub(super) fn groups(engine: &Engine, chosen: &BTreeSet<String>) -> (Vec<PermissionGroup>, Vec<PermissionBox>) {
    let row = |t: &ActionType| PermissionRow {
        label: t.label.to_owned(),
        boxes: [(Allow::View, "see"), (Allow::Propose, "propose"), (Allow::Execute, "do without asking")]
            .into_iter()
            .map(|(allow, words)| {
                let codename = allow.codename(t.codename);
                PermissionBox { ticked: chosen.contains(&codename), words: words.to_owned(), codename }
            })
            .collect(),
    };
    let mut groups: Vec<PermissionGroup> = engine
        .registry()
        .descriptors()
        .map(|d| PermissionGroup { name: d.name.to_owned(), rows: d.governable.iter().map(row).collect() })
        .collect();
    groups.push(PermissionGroup {
        name: "Changes of the rules".to_owned(),
        rows: constitution::action_types().iter().map(row).collect(),
    });
    let known: BTreeSet<&str> =
        groups.iter().flat_map(|g| &g.rows).flat_map(|r| &r.boxes).map(|b| b.codename.as_str()).collect();
    let mut others: Vec<PermissionBox> = permission::OF_INTEGRATION_ADMINS
        .into_iter()
        .chain([permission::VIEW_PRIVATE])
        .filter(|codename| !known.contains(codename))
        .map(|codename| PermissionBox {
            codename: codename.to_owned(),
            words: words(codename).to_owned(),
            ticked: chosen.contains(codename),
        })
        .collect();
    let listed: BTreeSet<String> = others.iter().map(|b| b.codename.clone()).collect();
    // What this server does not know is kept as it is.
    others.extend(chosen.iter().filter(|c| !known.contains(c.as_str()) && !listed.contains(*c)).map(|codename| {
        PermissionBox {
            codename: codename.clone(),
            words: format!("“{codename}”, not known to this server"),
            ticked: true,
        }
    }));
    (groups, others)
}

fn words(codename: &str) -> &'static str {
    match codename {
        permission::SETTLE_HELD => "decide about what is held because a policy broke",
        permission::SETTLE_CALLS => "say what became of a call that nobody can tell about",
        permission::VIEW_PRIVATE => "read what was said in private conversations",
        permission::RECOVER => "announce a recovery when the rules can no longer be changed",
        _ => "something else",
    }
}

/// Everything that a role allows, a line each, in the order of [`groups`].
pub(in crate::http::pages) fn lines(engine: &Engine, permissions: &BTreeSet<String>) -> Vec<String> {
    let (groups, others) = groups(engine, permissions);
    let typed = groups.iter().flat_map(|group| {
        group.rows.iter().flat_map(move |row| {
            let ticked = row.boxes.iter().filter(|b| b.ticked);
            ticked.map(move |b| format!("{}: {}: {}", group.name, b.words, row.label))
        })
    });
    typed.chain(others.iter().filter(|b| b.ticked).map(|b| super::super::proposing::sentence(&b.words))).collect()
}

/// What a role allows, in a few lines for the list of roles.
pub(super) fn summary(engine: &Engine, permissions: &BTreeSet<String>) -> Vec<String> {
    let (groups, others) = groups(engine, permissions);
    let mut lines = Vec::new();
    for group in groups {
        for (at, verb) in [(2, "do without asking"), (1, "propose"), (0, "see")] {
            let allowed: Vec<&str> = group
                .rows
                .iter()
                .filter(|r| r.boxes.get(at).is_some_and(|b| b.ticked))
                .map(|r| r.label.as_str())
                .collect();
            let place = &group.name;
            match allowed.as_slice() {
                [] => {}
                all if all.len() == group.rows.len() => lines.push(format!("{place}: {verb} everything")),
                few if few.len() <= 2 => lines.push(format!("{place}: {verb}: {}", few.join(", "))),
                [first, rest @ ..] => lines.push(format!("{place}: {verb}: {first} and {} more", rest.len())),
            }
        }
    }
    lines.extend(others.into_iter().filter(|b| b.ticked).map(|b| super::super::proposing::sentence(&b.words)));
    lines
}
