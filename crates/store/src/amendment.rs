//! Changes of the rules take effect in the transaction that decides them: either both are written or neither.
//!
//! By the time a change is decided, what it is about may be gone. Then nothing is changed, the proposal says so, and
//! the decision stands.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    action::Standing,
    constitution::{Amendment, RoleDraft, clash, is_protected},
    ids::{CommunityId, DocumentId, PolicyId, PolicyVersionId, RoleId, UserId},
    policy::{PolicyDraft, PolicyKind},
    proposal::EffectStatus,
};
use serde_json::json as object;

use crate::{
    changes::{DecisionEntry, NewAmendment},
    community::{changed, changed_from},
    document::{self, InForce},
    error::StoreError,
    inbox, integration,
    policy::{self, MadeBy, PolicyState},
    role, shelf,
    sql::{Arg, Conn, Rows, json, list, values},
};

/// How many members one statement names; every database takes that many parameters. What was proposed before there was
/// a limit may name more.
const AT_ONCE: usize = 1_000;

/// Why a change was decided and yet not made.
type Refused = String;

/// Has everybody else who changes the rules of these communities wait, and makes sure that the changes were judged by the
/// rules as they are. Before anything else in the transaction changes the rules.
pub(crate) async fn claim(conn: &mut Conn<'_>, amendments: &[NewAmendment]) -> Result<(), StoreError> {
    let mut communities: BTreeMap<CommunityId, Option<i64>> = BTreeMap::new();
    for new in amendments {
        let judged_by = communities.entry(new.community).or_default();
        *judged_by = judged_by.or(new.judged_by);
    }
    for (community, judged_by) in communities {
        match judged_by {
            Some(version) => changed_from(conn, community, version).await?,
            None => changed(conn, community).await?,
        }
    }
    Ok(())
}

/// Carries changes out, in their order, after [`claim`]. Returns what is to be written about them into the log of
/// decisions.
pub(crate) async fn apply(conn: &mut Conn<'_>, amendments: &[NewAmendment]) -> Result<Vec<DecisionEntry>, StoreError> {
    let mut entries = Vec::with_capacity(amendments.len());
    for new in amendments {
        let refused = match &new.forbidden {
            Some(why) => Some(why.clone()),
            None => carry_out(conn, new).await?.err(),
        };
        if let Some(why) = &refused {
            note_refusal(conn, new, why).await?;
        } else if let Some(delivery) = &new.announce {
            // Other nodes are told of deliveries where they are received; this one is for whoever commits.
            inbox::insert(conn, std::slice::from_ref(delivery), true).await?;
        }
        let word = if refused.is_some() { "refused" } else { "done" };
        entries.push(DecisionEntry {
            community: new.community,
            at: new.at,
            kind: format!("amendment.{word}"),
            body: object!({
                "action": new.action, "proposal": new.proposal, "action_type": new.amendment.action_type(),
                "note": refused,
            }),
        });
    }
    Ok(entries)
}

async fn note_refusal(conn: &mut Conn<'_>, new: &NewAmendment, why: &str) -> Result<(), StoreError> {
    if let Some(proposal) = new.proposal {
        conn.execute(
            "UPDATE proposal SET effect = $3, effect_note = $4 WHERE id = $1 AND community_id = $2",
            vec![proposal.into(), new.community.into(), EffectStatus::Refused.as_str().into(), why.into()],
        )
        .await?;
    }
    conn.execute(
        "UPDATE action SET standing = $3 WHERE id = $1 AND community_id = $2",
        vec![new.action.into(), new.community.into(), Standing::Undone.as_str().into()],
    )
    .await?;
    Ok(())
}

async fn carry_out(conn: &mut Conn<'_>, new: &NewAmendment) -> Result<Result<(), Refused>, StoreError> {
    let (community, now) = (new.community, new.at);
    let gone = |found: bool, what: &str| if found { Ok(()) } else { Err(format!("the {what} is gone")) };
    if is_made(conn, new).await? {
        return Ok(Err("this change has been made already".to_owned()));
    }
    Ok(match &new.amendment {
        Amendment::AddPolicy(draft) => {
            if let Err(why) = free(conn, community, None, &draft.name).await? {
                return Ok(Err(why));
            }
            let ids = (PolicyId::derive(new.action), PolicyVersionId::derive(new.action));
            policy::add(conn, community, draft.clone(), now, ids, Some(made_by(new))).await?;
            Ok(())
        }
        Amendment::ChangePolicy { policy, version, draft } => {
            change_policy(conn, new, *policy, *version, draft).await?
        }
        Amendment::RemovePolicy { kind, policy } => match find_policy(conn, community, *policy, *kind).await? {
            Ok(_) => gone(policy::set_state(conn, community, *policy, PolicyState::Inactive).await?, "policy"),
            Err(why) => Err(why),
        },
        Amendment::RecoverPolicy { kind, policy } => recover(conn, community, *policy, *kind).await?,
        Amendment::OrderPolicies { kind, order } => reorder(conn, community, *kind, order).await?,
        Amendment::AddRole(draft) => {
            if let Err(why) = free_role(conn, community, None, draft).await? {
                return Ok(Err(why));
            }
            let added = role::insert(conn, &role::of(community, RoleId::derive(new.action), draft)).await?;
            if added { Ok(()) } else { Err(taken(draft)) }
        }
        Amendment::EditRole { role, draft } => edit_role(conn, community, *role, draft).await?,
        Amendment::DeleteRole { role } => delete_role(conn, community, *role).await?,
        Amendment::AddUserRole { role, users } => give(conn, community, *role, users).await?,
        Amendment::RemoveUserRole { role, users } => take(conn, community, *role, users).await?,
        Amendment::AddDocument(draft) => {
            document::insert(conn, community, DocumentId::derive(new.action), draft, now).await?;
            Ok(())
        }
        Amendment::ChangeDocument { document, draft } => {
            gone(document::change(conn, community, *document, draft, now).await?, "document")
        }
        Amendment::DeleteDocument { document } => {
            gone(document::put(conn, community, *document, InForce::No, now).await?, "document")
        }
        Amendment::RecoverDocument { document } => {
            gone(document::put(conn, community, *document, InForce::Yes, now).await?, "document")
        }
        Amendment::AddIntegration(draft) => integration::add(conn, new, draft).await?,
        Amendment::RemoveIntegration { integration } => integration::remove(conn, community, *integration).await?,
    })
}

/// Whether what the change would write is there already: an action changes the rules once, whoever decides it again.
async fn is_made(conn: &mut Conn<'_>, new: &NewAmendment) -> Result<bool, StoreError> {
    let (sql, id): (_, Arg) = match &new.amendment {
        Amendment::AddPolicy(_) | Amendment::ChangePolicy { .. } => (
            "SELECT id FROM policy_version WHERE id = $1 AND community_id = $2",
            PolicyVersionId::derive(new.action).into(),
        ),
        Amendment::AddDocument(_) => {
            ("SELECT id FROM document WHERE id = $1 AND community_id = $2", DocumentId::derive(new.action).into())
        }
        _ => return Ok(false),
    };
    Ok(conn.first(sql, vec![id, new.community.into()], |_| Ok(())).await?.is_some())
}

const fn made_by(new: &NewAmendment) -> MadeBy {
    MadeBy { action: new.action, proposal: new.proposal }
}

/// A policy's version in force, if it is there and of this kind.
async fn find_policy(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: PolicyId,
    kind: PolicyKind,
) -> Result<Result<i64, Refused>, StoreError> {
    let found: Option<(PolicyDraft, i64)> = conn
        .first(
            "SELECT pv.draft, pv.version FROM policy po \
             JOIN policy_version pv ON pv.id = po.version_id AND pv.community_id = po.community_id \
             WHERE po.community_id = $1 AND po.id = $2",
            vec![community.into(), id.into()],
            |r| Ok((r.json()?, r.int()?)),
        )
        .await?;
    Ok(match found {
        None => Err("the policy is gone".to_owned()),
        Some((draft, _)) if draft.kind != kind => {
            Err(format!("the policy governs {} actions, not {} ones", draft.kind.as_str(), kind.as_str()))
        }
        Some((_, version)) => Ok(version),
    })
}

/// That no other policy in force has a name that people would take for this one: it may have been given since the change was
/// proposed.
async fn free(
    conn: &mut Conn<'_>,
    community: CommunityId,
    own: Option<PolicyId>,
    name: &str,
) -> Result<Result<(), Refused>, StoreError> {
    let names = shelf::names(conn, community).await?;
    Ok(match clash(&names, own, name) {
        None => Ok(()),
        Some(other) => Err(format!("its name cannot be told from that of the rule `{other}`, which is in force")),
    })
}

async fn change_policy(
    conn: &mut Conn<'_>,
    new: &NewAmendment,
    id: PolicyId,
    from: Option<i64>,
    draft: &PolicyDraft,
) -> Result<Result<(), Refused>, StoreError> {
    match find_policy(conn, new.community, id, draft.kind).await? {
        Err(why) => Ok(Err(why)),
        Ok(now) if from.is_some_and(|from| from != now) => {
            let from = from.unwrap_or_default();
            Ok(Err(format!("the policy has changed meanwhile: this was made from version {from}, in force is {now}")))
        }
        Ok(_) => {
            if let Err(why) = free(conn, new.community, Some(id), &draft.name).await? {
                return Ok(Err(why));
            }
            let version_id = PolicyVersionId::derive(new.action);
            policy::save_version(conn, new.community, id, draft.clone(), new.at, version_id, Some(made_by(new)))
                .await?;
            Ok(Ok(()))
        }
    }
}

/// Puts a policy back in force above the others.
async fn recover(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: PolicyId,
    kind: PolicyKind,
) -> Result<Result<(), Refused>, StoreError> {
    if let Err(why) = find_policy(conn, community, id, kind).await? {
        return Ok(Err(why));
    }
    let name = policy::name(conn, community, id).await?;
    if let Err(why) = free(conn, community, Some(id), &name).await? {
        return Ok(Err(why));
    }
    let position = policy::above_all(conn, community).await?;
    conn.execute(
        "UPDATE policy SET state = 'active', position = $3 WHERE id = $1 AND community_id = $2",
        vec![id.into(), community.into(), position.into()],
    )
    .await?;
    Ok(Ok(()))
}

/// Gives the policies of a kind their places anew. The places they have among them stay those of this kind, so that
/// nothing moves between kinds.
async fn reorder(
    conn: &mut Conn<'_>,
    community: CommunityId,
    kind: PolicyKind,
    order: &[PolicyId],
) -> Result<Result<(), Refused>, StoreError> {
    let current: Vec<(PolicyId, i64)> = policy::active(conn, community)
        .await?
        .into_iter()
        .filter(|p| p.draft.kind == kind)
        .map(|p| (p.id, p.position))
        .collect();
    let wanted: BTreeSet<&PolicyId> = order.iter().collect();
    if wanted != current.iter().map(|(id, _)| id).collect() || wanted.len() != order.len() {
        return Ok(Err("the policies in force have changed meanwhile; put all of them in order again".to_owned()));
    }
    let mut places: Vec<i64> = current.iter().map(|(_, position)| *position).collect();
    places.sort_unstable();
    let mut rows = Rows::new(3);
    for (id, position) in order.iter().zip(places) {
        rows.push([(*id).into(), community.into(), position.into()]);
    }
    rows.execute(
        conn,
        "WITH v (id, community_id, position) AS (",
        ") UPDATE policy SET position = v.position FROM v \
         WHERE policy.id = v.id AND policy.community_id = v.community_id",
    )
    .await?;
    Ok(Ok(()))
}

fn taken(draft: &RoleDraft) -> Refused {
    format!("there is a role `{}` already", draft.name)
}

/// That no other role is called like that, or so that people could not tell them apart.
async fn free_role(
    conn: &mut Conn<'_>,
    community: CommunityId,
    own: Option<RoleId>,
    draft: &RoleDraft,
) -> Result<Result<(), Refused>, StoreError> {
    let names: Vec<_> = role::all(conn, community).await?.into_iter().map(|role| (role.id, role.name)).collect();
    Ok(match clash(&names, own, &draft.name) {
        None => Ok(()),
        Some(other) if other == draft.name => Err(taken(draft)),
        Some(other) => Err(format!("its name cannot be told from that of the role `{other}`")),
    })
}

async fn edit_role(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: RoleId,
    draft: &RoleDraft,
) -> Result<Result<(), Refused>, StoreError> {
    let Some((name, _)) = role::find(conn, community, id).await? else {
        return Ok(Err("the role is gone".to_owned()));
    };
    if name != draft.name {
        if is_protected(&name, false) {
            return Ok(Err(format!("the role `{name}` must keep its name")));
        }
        if let Err(why) = free_role(conn, community, Some(id), draft).await? {
            return Ok(Err(why));
        }
    }
    conn.execute(
        "UPDATE role SET name = $3, description = $4, permissions = $5 WHERE id = $1 AND community_id = $2",
        vec![id.into(), community.into(), (&draft.name).into(), (&draft.description).into(), json(&draft.permissions)?],
    )
    .await?;
    Ok(Ok(()))
}

async fn delete_role(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: RoleId,
) -> Result<Result<(), Refused>, StoreError> {
    match role::find(conn, community, id).await? {
        None => Ok(Err("the role is gone".to_owned())),
        Some((name, is_base)) if is_protected(&name, is_base) => Ok(Err(format!("the role `{name}` must stay"))),
        Some(_) => {
            for sql in [
                "DELETE FROM role_member WHERE role_id = $1 AND community_id = $2",
                "DELETE FROM role WHERE id = $1 AND community_id = $2",
            ] {
                conn.execute(sql, vec![id.into(), community.into()]).await?;
            }
            Ok(Ok(()))
        }
    }
}

async fn give(
    conn: &mut Conn<'_>,
    community: CommunityId,
    role: RoleId,
    users: &BTreeSet<UserId>,
) -> Result<Result<(), Refused>, StoreError> {
    if role::find(conn, community, role).await?.is_none() {
        return Ok(Err("the role is gone".to_owned()));
    }
    let users: Vec<UserId> = users.iter().copied().collect();
    let mut known: Vec<UserId> = Vec::with_capacity(users.len());
    for some in users.chunks(AT_ONCE) {
        let mut args: Vec<Arg> = some.iter().map(|user| (*user).into()).collect();
        args.push(community.into());
        let sql = format!(
            "SELECT m.id FROM (VALUES {}) s CROSS JOIN member m WHERE m.id = s.column1 AND m.community_id = ${}",
            values(some.len(), 1, 1),
            some.len().saturating_add(1)
        );
        known.extend(conn.all(&sql, args, |r| r.id::<UserId>()).await?);
    }
    if known.len() != users.len() {
        return Ok(Err("somebody it names is not a member".to_owned()));
    }
    let mut rows = Rows::new(3);
    for user in known {
        rows.push([role.into(), user.into(), community.into()]);
    }
    rows.execute(conn, "INSERT INTO role_member (role_id, member_id, community_id)", "ON CONFLICT DO NOTHING").await?;
    Ok(Ok(()))
}

async fn take(
    conn: &mut Conn<'_>,
    community: CommunityId,
    role: RoleId,
    users: &BTreeSet<UserId>,
) -> Result<Result<(), Refused>, StoreError> {
    if role::find(conn, community, role).await?.is_none() {
        return Ok(Err("the role is gone".to_owned()));
    }
    let users: Vec<UserId> = users.iter().copied().collect();
    for some in users.chunks(AT_ONCE) {
        let mut args: Vec<Arg> = some.iter().map(|user| (*user).into()).collect();
        let after = some.len();
        args.extend([role.into(), community.into()]);
        let sql = format!(
            "DELETE FROM role_member WHERE member_id IN ({}) AND role_id = ${} AND community_id = ${}",
            list(after, 1),
            after.saturating_add(1),
            after.saturating_add(2)
        );
        conn.execute(&sql, args).await?;
    }
    Ok(Ok(()))
}
