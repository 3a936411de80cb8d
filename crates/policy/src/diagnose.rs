//! What can be said about a policy before it runs: for the editor, for the command line, for whoever proposes it.
//!
//! One function, [`diagnose`], so that all of them say the same. Every finding has a stable code with a page of its own in
//! `docs/reference/diagnostics`.

mod bindings;
mod flow;
mod host;
mod once;

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    constitution,
    descriptor::{PlatformDescriptor, TriggerShape},
    policy::{Block, PolicyDraft},
};
use ruff_text_size::Ranged;

use crate::{
    Sandbox,
    error::{Diagnostic, Severity, line_column},
    methods::MethodTable,
    rewrite,
};

/// Every code there is, in order. A code is never used for something else.
pub const CODES: &[&str] = &[
    "PK000", "PK001", "PK002", "PK003", "PK004", "PK005", "PK010", "PK011", "PK012", "PK013", "PK014", "PK015",
    "PK016", "PK017", "PK018", "PK019", "PK020", "PK021", "PK022", "PK023", "PK024", "PK025", "PK026", "PK027",
    "PK028", "PK029",
];

/// What policies can name besides the words of the language: platforms, their methods, types of actions and their fields.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Methods by platform.
    methods: MethodTable,
    /// Fields by type of action.
    fields: BTreeMap<String, Vec<String>>,
    /// Events that trigger policies react to, by the name in `action.event_type`.
    triggers: BTreeSet<String>,
}

impl Vocabulary {
    /// That of these platforms, and of changes of the rules.
    pub fn new<'a>(descriptors: impl IntoIterator<Item = &'a PlatformDescriptor>) -> Self {
        let descriptors: Vec<&PlatformDescriptor> = descriptors.into_iter().collect();
        let mut vocabulary = Self::default();
        let mut note = |t: &policykit_core::descriptor::ActionType| {
            let fields = t.fields.iter().map(|f| f.name.to_owned()).collect();
            vocabulary.fields.insert(t.codename.to_owned(), fields);
        };
        for descriptor in &descriptors {
            descriptor.governable.iter().for_each(&mut note);
            vocabulary.methods.insert(descriptor.id.to_owned(), descriptor.all_methods());
        }
        constitution::action_types().iter().for_each(&mut note);
        for trigger in descriptors.iter().flat_map(|d| &d.triggers) {
            match trigger.shape {
                TriggerShape::Event => {
                    vocabulary.triggers.insert(trigger.event_type.to_owned());
                }
                TriggerShape::Own => {
                    let fields = trigger.fields.iter().map(|f| f.name.to_owned()).collect();
                    vocabulary.fields.insert(trigger.event_type.to_owned(), fields);
                }
            }
        }
        vocabulary
    }

    /// Fields that an action of the policy can have; those of all actions where the policy does not say which it is for.
    fn fields_of(&self, draft: &PolicyDraft) -> BTreeSet<&str> {
        let events = ["event_type", "data"];
        let known = |t: &String| self.fields.contains_key(t);
        if draft.action_types.is_empty() || !draft.action_types.iter().all(known) {
            return self.fields.values().flatten().map(String::as_str).chain(events).collect();
        }
        draft.action_types.iter().filter_map(|t| self.fields.get(t)).flatten().map(String::as_str).collect()
    }
}

/// Something found in a block, by its place in the source.
struct Finding {
    code: &'static str,
    severity: Severity,
    start: usize,
    end: usize,
    message: String,
}

impl Finding {
    fn new(code: &'static str, severity: Severity, node: &impl Ranged, message: impl Into<String>) -> Self {
        Self { code, severity, start: node.start().into(), end: node.end().into(), message: message.into() }
    }
}

/// Everything that can be found in a policy's code, by block and place. Errors make the code fail whenever it comes there;
/// with what [`Sandbox::compile`] finds it cannot run at all.
pub fn diagnose(sandbox: &dyn Sandbox, draft: &PolicyDraft, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = sandbox.compile(&draft.blocks).err().unwrap_or_default();
    for diagnostic in &mut all {
        diagnostic.widen(draft.blocks.get(diagnostic.block));
    }
    for block in Block::ALL {
        let source = draft.blocks.get(block).replace("\r\n", "\n").replace('\r', "\n");
        if rewrite::is_blank(&source) || source.len() > rewrite::MAX_SOURCE {
            continue;
        }
        // What cannot be parsed has been told.
        let Ok(parsed) = ruff_python_parser::parse_module(&source) else { continue };
        let body = &parsed.syntax().body;
        let bound = rewrite::Facts::of(body);
        let mut findings = Vec::new();
        bindings::unknown_names(body, &bound, vocabulary, &mut findings);
        host::misused_objects(body, &bound, draft, vocabulary, &mut findings);
        flow::unreachable(body, &mut findings);
        match block {
            Block::Filter => flow::filter(body, draft, &mut findings),
            Block::Check => flow::check(body, &bound, &mut findings),
            _ => {}
        }
        for found in findings {
            let (line, column) = line_column(&source, found.start);
            let (end_line, end_column) = line_column(&source, found.end);
            // What cannot be compiled is told once.
            if all.iter().any(|known| known.block == block && (known.line, known.column) == (line, column)) {
                continue;
            }
            let (code, severity, message) = (found.code, found.severity, found.message);
            all.push(Diagnostic { code, severity, block, line, column, end_line, end_column, message });
        }
    }
    all.sort_by_key(|d| (d.block, d.line, d.column, d.code));
    all
}
