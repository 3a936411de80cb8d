use policykit_core::{
    JsonMap, Timestamp,
    community::{Community, Installation},
    constitution::RoleDraft,
    ids::{ActionId, InstallationId, PolicyVersionId},
};
use uuid::Uuid;

use super::*;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn community() -> CommunityId {
    CommunityId::from_uuid(id(1))
}

fn user(n: u128) -> User {
    User {
        id: UserId::from_uuid(id(n)),
        community: community(),
        installation: InstallationId::from_uuid(id(2)),
        external_id: format!("U{n}"),
        name: format!("member {n}"),
        is_admin: false,
        is_bot: false,
        is_gone: false,
    }
}

fn role(n: u128, permissions: &[&str]) -> Role {
    Role {
        id: RoleId::from_uuid(id(n)),
        community: community(),
        name: format!("role {n}"),
        description: String::new(),
        is_base: false,
        permissions: permissions.iter().map(|p| (*p).to_owned()).collect(),
    }
}

/// Rules with one constitution policy, version 3, and these roles, each held by a member of its own.
fn rules(roles: Vec<Role>) -> Rules {
    let members: Vec<User> = (0..roles.len()).map(|n| user(1_000 + n as u128)).collect();
    let role_members = members.iter().zip(&roles).map(|(m, r)| (m.id, BTreeSet::from([r.id]))).collect();
    let policy = Policy {
        id: PolicyId::from_uuid(id(3)),
        version_id: PolicyVersionId::from_uuid(id(4)),
        version: 3,
        position: 0,
        draft: simplest(),
    };
    let installation = Installation {
        id: InstallationId::from_uuid(id(2)),
        community: community(),
        platform: "p".to_owned(),
        external_id: "P".to_owned(),
        name: "P".to_owned(),
        acts_as: Vec::new(),
        settings: JsonMap::new(),
        status: InstallationStatus::Active,
    };
    Rules {
        all: BTreeMap::from([(policy.id, policy.clone())]),
        names: vec![(policy.id, policy.draft.name.clone()), (PolicyId::from_uuid(id(6)), "Taken".to_owned())],
        state: CommunityState {
            community: Community { id: community(), name: "c".to_owned(), created_at: Timestamp::default() },
            version: 1,
            installations: vec![installation],
            policies: vec![policy],
            roles,
            role_members,
        },
        known: Arc::new(members.iter().map(|m| m.id).collect()),
        members: Arc::new(members),
    }
}

fn imagined(rules: &Rules, amendment: Amendment) -> Rules {
    let mut next = rules.clone();
    next.imagine(&NewAmendment {
        community: community(),
        action: ActionId::from_uuid(id(9)),
        proposal: None,
        amendment,
        at: Timestamp::default(),
        accepts_lockout: false,
        forbidden: None,
        judged_by: None,
        announce: None,
    });
    next
}

#[test]
fn those_who_may_do_most_are_tried_first_however_many_roles_there_are() {
    let mut roles: Vec<Role> = (100..300).map(|n| role(n, &["add_x"])).collect();
    roles.push(role(300, &["add_x", "add_y", "can_execute_y"]));
    let rules = rules(roles);
    let casts = rules.casts();
    assert_eq!(casts.len(), MOST_CASTS);
    assert_eq!(casts[0].id, user(1_200).id);
}

#[test]
fn what_the_store_will_refuse_changes_nothing() {
    let before = rules(vec![role(100, &["add_x"]), role(101, &[])]);
    let policy = before.state.policies[0].id;
    let (crew, nobody) = (RoleId::from_uuid(id(100)), RoleId::from_uuid(id(102)));
    let other = PolicyDraft { name: "other".to_owned(), ..simplest() };
    let change = |version| Amendment::ChangePolicy { policy, version, draft: other.clone() };
    let kind = PolicyKind::Platform;
    let taken = RoleDraft { name: "role 101".to_owned(), ..RoleDraft::default() };
    let member = user(1_000).id;
    for refused in [
        change(Some(2)),
        Amendment::AddPolicy(PolicyDraft { name: "TAKEN".to_owned(), ..simplest() }),
        Amendment::ChangePolicy {
            policy,
            version: None,
            draft: PolicyDraft { name: "taken".to_owned(), ..simplest() },
        },
        Amendment::ChangePolicy { policy: PolicyId::from_uuid(id(5)), version: None, draft: other.clone() },
        Amendment::RemovePolicy { kind, policy },
        Amendment::OrderPolicies { kind: PolicyKind::Constitution, order: vec![policy, policy] },
        Amendment::EditRole { role: crew, draft: taken },
        Amendment::AddUserRole { role: crew, users: BTreeSet::from([member, user(7).id]) },
        Amendment::AddUserRole { role: nobody, users: BTreeSet::from([member]) },
    ] {
        let after = imagined(&before, refused.clone());
        assert_eq!(after.state.policies, before.state.policies, "{refused:?}");
        assert_eq!(after.state.roles, before.state.roles, "{refused:?}");
        assert_eq!(after.state.role_members, before.state.role_members, "{refused:?}");
    }
    let changed = imagined(&before, change(Some(3)));
    assert_eq!((changed.state.policies[0].version, changed.state.policies[0].draft.name.as_str()), (4, "other"));
    let given = imagined(&before, Amendment::AddUserRole { role: RoleId::from_uuid(id(101)), users: [member].into() });
    assert_eq!(given.state.role_members[&member].len(), 2);
}

#[test]
fn who_is_written_down_with_a_change_can_be_given_a_role_by_it() {
    let mut before = rules(vec![role(100, &["add_x"])]);
    before.meet(&[user(7)]);
    let users = BTreeSet::from([user(7).id]);
    let after = imagined(&before, Amendment::AddUserRole { role: RoleId::from_uuid(id(100)), users });
    assert_eq!(after.permissions(&user(7)), BTreeSet::from(["add_x".to_owned()]));
}
