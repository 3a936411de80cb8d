//! The types of changes of the rules, described as those of platforms are.

use crate::{
    descriptor::{ActionType, Field, Reversible},
    permission::{ADD_INTEGRATION_TYPE, REMOVE_INTEGRATION_TYPE},
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
            ("policykitaddplatformpolicy", "add a platform policy"),
            ("policykitchangeplatformpolicy", "change a platform policy"),
            ("policykitremoveplatformpolicy", "take a platform policy out of force"),
            ("policykitrecoverplatformpolicy", "put a platform policy back in force"),
            ("policykitorderplatformpolicies", "change the order of the platform policies"),
        ),
        (
            ("policykitaddconstitutionpolicy", "add a constitution policy"),
            ("policykitchangeconstitutionpolicy", "change a constitution policy"),
            ("policykitremoveconstitutionpolicy", "take a constitution policy out of force"),
            ("policykitrecoverconstitutionpolicy", "put a constitution policy back in force"),
            ("policykitorderconstitutionpolicies", "change the order of the constitution policies"),
        ),
        (
            ("policykitaddtriggerpolicy", "add a trigger policy"),
            ("policykitchangetriggerpolicy", "change a trigger policy"),
            ("policykitremovetriggerpolicy", "take a trigger policy out of force"),
            ("policykitrecovertriggerpolicy", "put a trigger policy back in force"),
            ("policykitordertriggerpolicies", "change the order of the trigger policies"),
        ),
    ] {
        all.push(of(add, CODE.to_vec()));
        all.push(of(change, with(&[POLICY, field("version", "the version it was made from")], &CODE)));
        all.push(of(remove, vec![POLICY]));
        all.push(of(recover, vec![POLICY]));
        all.push(of(order, vec![field("order", "ids of all of them, first things first")]));
    }
    all.extend([
        of(("policykitaddrole", "add a role"), vec![NAME, DESCRIPTION, permissions]),
        of(("policykiteditrole", "change a role"), vec![ROLE, NAME, DESCRIPTION, permissions]),
        of(("policykitdeleterole", "remove a role"), vec![ROLE]),
        of(("policykitadduserrole", "give members a role"), vec![ROLE, USERS]),
        of(("policykitremoveuserrole", "take a role from members"), vec![ROLE, USERS]),
        of(("policykitaddcommunitydoc", "add a document"), vec![NAME, TEXT]),
        of(("policykitchangecommunitydoc", "change a document"), vec![DOC, NAME, TEXT]),
        of(("policykitdeletecommunitydoc", "take a document out of force"), vec![DOC]),
        of(("policykitrecovercommunitydoc", "put a document back in force"), vec![DOC]),
        of(
            (ADD_INTEGRATION_TYPE, "add an integration"),
            vec![
                field("platform", "id of the platform"),
                field("external_id", "the platform's id of the place"),
                field("name", "name of the place"),
            ],
        ),
        of((REMOVE_INTEGRATION_TYPE, "remove an integration"), vec![field("integration", "id of the integration")]),
    ]);
    all
}

const fn field(name: &'static str, doc: &'static str) -> Field {
    Field::used(name, doc)
}

fn of((codename, label): (&'static str, &'static str), fields: Vec<Field>) -> ActionType {
    ActionType { codename, label, fields, reversible: Reversible::No, state: None }
}

/// How a type of change reads in a sentence, if it is one.
pub fn label(action_type: &str) -> Option<&'static str> {
    action_types().into_iter().find(|t| t.codename == action_type).map(|t| t.label)
}
