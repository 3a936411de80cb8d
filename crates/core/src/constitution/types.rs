//! The types of changes of the rules, described as those of platforms are.

use std::sync::LazyLock;

use super::subject::{
    DOC_NAME, INTEGRATION_NAME, POLICY_NAME, PREVIOUS_DESCRIPTION, PREVIOUS_NAME, PREVIOUS_ORDER, PREVIOUS_PERMISSIONS,
    PREVIOUS_TEXT, ROLE_NAME, USER_NAMES,
};
use crate::{
    descriptor::{ActionType, Field, Reversible},
    permission::{ADD_INTEGRATION_TYPE, REMOVE_INTEGRATION_TYPE},
    policy::PolicyKind,
};

/// All types of changes, described as those of platforms are: for permissions, forms, lint and documentation.
pub fn action_types() -> Vec<ActionType> {
    const NAME: Field = field("name", "its name");
    const DESCRIPTION: Field = field("description", "what it is for");
    const POLICY: Field = field("policy", "id of the policy");
    const ROLE: Field = field("role", "id of the role");
    const USERS: Field = field("users", "ids of the members");
    const DOC: Field = field("doc", "id of the document");
    const TEXT: Field = field("text", "what it says");
    const BEFORE: Field = Field::told(PREVIOUS_NAME, "its name in force");
    const POLICY_IN_FORCE: Field = Field::told(POLICY_NAME, "its name in force");
    const ROLE_IN_FORCE: Field = Field::told(ROLE_NAME, "name of the role in force");
    const DOC_IN_FORCE: Field = Field::told(DOC_NAME, "its name in force");
    const NAMES: Field = Field::told(USER_NAMES, "names of the members");
    const CODE: [Field; 9] = [
        NAME,
        DESCRIPTION,
        field("action_types", "what it governs; nothing means everything of its kind"),
        field("filter", "code of the filter"),
        field("initialize", "code of the first step"),
        field("check", "code of the decision"),
        field("notify", "code of the announcement"),
        field("success", "code of what follows when it passes"),
        field("fail", "code of what follows when it fails"),
    ];
    let with = |first: &[Field], rest: &[Field]| [first, rest].concat();
    let mut all = Vec::new();
    let permissions = field("permissions", "what its members may do");
    for (add, change, remove, recover, order) in [
        (
            ("policykitaddplatformpolicy", "add a rule"),
            ("policykitchangeplatformpolicy", "change a rule"),
            ("policykitremoveplatformpolicy", "take a rule out of force"),
            ("policykitrecoverplatformpolicy", "put a rule back in force"),
            ("policykitorderplatformpolicies", "change the order of the rules"),
        ),
        (
            ("policykitaddconstitutionpolicy", "add a rule about the rules"),
            ("policykitchangeconstitutionpolicy", "change a rule about the rules"),
            ("policykitremoveconstitutionpolicy", "take a rule about the rules out of force"),
            ("policykitrecoverconstitutionpolicy", "put a rule about the rules back in force"),
            ("policykitorderconstitutionpolicies", "change the order of the rules about the rules"),
        ),
        (
            ("policykitaddtriggerpolicy", "add a rule that reacts"),
            ("policykitchangetriggerpolicy", "change a rule that reacts"),
            ("policykitremovetriggerpolicy", "take a rule that reacts out of force"),
            ("policykitrecovertriggerpolicy", "put a rule that reacts back in force"),
            ("policykitordertriggerpolicies", "change the order of the rules that react"),
        ),
    ] {
        all.push(of(add, CODE.to_vec()));
        all.push(of(change, with(&[BEFORE, POLICY, field("version", "the version it was made from")], &CODE)));
        all.push(of(remove, vec![POLICY, POLICY_IN_FORCE]));
        all.push(of(recover, vec![POLICY, POLICY_IN_FORCE]));
        let order_in_force = Field::told(PREVIOUS_ORDER, "the order in force");
        all.push(of(order, vec![field("order", "ids of all of them, first things first"), order_in_force]));
    }
    all.extend([
        of(("policykitaddrole", "add a role"), vec![NAME, DESCRIPTION, permissions]),
        of(
            ("policykiteditrole", "change a role"),
            vec![
                BEFORE,
                ROLE,
                NAME,
                DESCRIPTION,
                permissions,
                Field::told(PREVIOUS_DESCRIPTION, "what it is for in force"),
                Field::told(PREVIOUS_PERMISSIONS, "what its members may do in force"),
            ],
        ),
        of(("policykitdeleterole", "remove a role"), vec![ROLE, ROLE_IN_FORCE]),
        of(("policykitadduserrole", "give members a role"), vec![ROLE, ROLE_IN_FORCE, USERS, NAMES]),
        of(("policykitremoveuserrole", "take a role from members"), vec![ROLE, ROLE_IN_FORCE, USERS, NAMES]),
        of(("policykitaddcommunitydoc", "add a document"), vec![NAME, TEXT]),
        of(
            ("policykitchangecommunitydoc", "change a document"),
            vec![BEFORE, DOC, NAME, TEXT, Field::told(PREVIOUS_TEXT, "its text in force")],
        ),
        of(("policykitdeletecommunitydoc", "take a document out of force"), vec![DOC, DOC_IN_FORCE]),
        of(("policykitrecovercommunitydoc", "put a document back in force"), vec![DOC, DOC_IN_FORCE]),
        of(
            (ADD_INTEGRATION_TYPE, "add an integration"),
            vec![
                field("platform", "id of the platform"),
                field("external_id", "the platform's id of the place"),
                field("name", "name of the place"),
            ],
        ),
        of(
            (REMOVE_INTEGRATION_TYPE, "remove an integration"),
            vec![field("integration", "id of the integration"), Field::told(INTEGRATION_NAME, "name of the place")],
        ),
    ]);
    all
}

const fn field(name: &'static str, doc: &'static str) -> Field {
    Field::used(name, doc)
}

fn of((codename, label): (&'static str, &'static str), fields: Vec<Field>) -> ActionType {
    ActionType { codename, label, fields, reversible: Reversible::No, state: None }
}

/// What people call a policy of a kind.
pub(super) const fn noun(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Platform => "rule",
        PolicyKind::Constitution => "rule about the rules",
        PolicyKind::Trigger => "rule that reacts",
    }
}

/// How a type of change reads in a sentence, if it is one; with the name of what is changed see [`super::described`].
pub fn label(action_type: &str) -> Option<&'static str> {
    known(action_type).map(|t| t.label)
}

/// What the fields of a type of change hold; nothing for what is none.
pub fn fields(action_type: &str) -> &'static [Field] {
    known(action_type).map_or(&[], |t| t.fields.as_slice())
}

fn known(action_type: &str) -> Option<&'static ActionType> {
    static TYPES: LazyLock<Vec<ActionType>> = LazyLock::new(action_types);
    TYPES.iter().find(|t| t.codename == action_type)
}
