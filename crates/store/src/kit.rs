//! What a community begins with: its starter kit, and the permissions that go with types of actions.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    Timestamp,
    constitution::RoleDraft,
    ids::{CommunityId, PolicyId, PolicyVersionId, RoleId, UserId},
    kit::Holders,
    permission::{GUARDED, INTEGRATION_ADMIN, execute},
    policy::PolicyDraft,
};
use serde_json::json as object;

use crate::{
    changes::DecisionEntry,
    community::changed,
    decision,
    error::StoreError,
    fence, policy, role,
    scoped::Scoped,
    sql::{Arg, Conn, Rows, json},
    system::System,
};

/// A starter kit as it is written down.
#[derive(Debug, Clone)]
pub struct NewKit {
    /// The kit's id.
    pub kit: String,
    /// Its policies, first things first, each with new ids.
    pub policies: Vec<(PolicyDraft, PolicyId, PolicyVersionId)>,
    /// Its words and permissions for everybody's role.
    pub base: RoleDraft,
    /// Its other roles, each with a new id and with who has it at first.
    pub roles: Vec<(RoleDraft, RoleId, Holders)>,
    /// What integration admins may do about integrations under it.
    pub integration_admins: BTreeSet<String>,
    /// Who installs it; becomes an integration admin.
    pub installer: UserId,
    /// When.
    pub at: Timestamp,
}

/// What became of a starter kit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KitOutcome {
    /// The community begins with it.
    Installed,
    /// The community had it already; nothing was changed.
    Already,
    /// The community began with another one, by id; nothing was changed.
    Another(String),
    /// The community has or had policies, so that it began without a kit; nothing was changed.
    HasRules,
}

/// The permissions that go with a codename from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Default {
    /// A type of action, or another thing that is to be given once.
    pub codename: String,
    /// What everybody may do with it.
    pub everybody: BTreeSet<String>,
    /// What integration admins may do with it.
    pub integration_admins: BTreeSet<String>,
}

impl Scoped {
    /// The id of the starter kit the community began with, if it has chosen one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community.
    pub async fn kit(&self) -> Result<Option<String>, StoreError> {
        kit_of(&mut self.db().reader().await?.conn(), self.id()).await
    }

    /// Whether the community was founded and nothing came after it, as when the process ended in between: it has no
    /// starter kit, never had a policy, and nobody looks after its integrations.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_cut_short(&self) -> Result<bool, StoreError> {
        let sql = format!("SELECT c.id FROM community c WHERE c.id = $2 AND {CUT_SHORT}");
        let args = vec![INTEGRATION_ADMIN.into(), self.id().into()];
        let found = self.db().reader().await?.conn().first(&sql, args, |r| r.id::<CommunityId>()).await?;
        Ok(found.is_some())
    }

    /// Puts a starter kit in force: all of it or nothing, and once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community or the installer is not its member.
    pub async fn install_kit(&self, kit: NewKit) -> Result<KitOutcome, StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let kit = kit.clone();
                Box::pin(async move {
                    let heads = fence::check(conn, &[], BTreeSet::from([community])).await?;
                    // Before anything is read, so that two who choose at the same time do not both find nothing chosen.
                    changed(conn, community).await?;
                    match kit_of(conn, community).await? {
                        Some(known) if known == kit.kit => return Ok(KitOutcome::Already),
                        Some(known) => return Ok(KitOutcome::Another(known)),
                        None if has_rules(conn, community).await? => return Ok(KitOutcome::HasRules),
                        None => {}
                    }
                    put(conn, community, &kit).await?;
                    let entry = DecisionEntry {
                        community,
                        at: kit.at,
                        kind: "kit.installed".to_owned(),
                        body: object!({ "kit": kit.kit, "by": kit.installer }),
                    };
                    decision::append(conn, &[entry], heads).await?;
                    Ok(KitOutcome::Installed)
                })
            })
            .await
    }

    /// Gives the permissions that go with codenames the community has not heard of. Returns those codenames.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community.
    pub async fn give_defaults(&self, defaults: &[Default]) -> Result<Vec<String>, StoreError> {
        let community = self.id();
        let defaults = defaults.to_vec();
        self.db()
            .write(move |conn| {
                let defaults = defaults.clone();
                Box::pin(async move {
                    changed(conn, community).await?;
                    give(conn, community, &defaults).await
                })
            })
            .await
    }
}

/// That of a community `c` nothing is there but that it was founded; the name of the role of integration admins is `$1`.
const CUT_SHORT: &str = "c.kit IS NULL AND NOT EXISTS (SELECT 1 FROM policy p WHERE p.community_id = c.id) \
                         AND NOT EXISTS (SELECT 1 FROM role r JOIN role_member x ON x.role_id = r.id \
                         JOIN member m ON m.id = x.member_id AND m.community_id = c.id \
                         WHERE r.community_id = c.id AND x.community_id = c.id AND r.name = $1 \
                         AND NOT m.is_gone AND NOT m.is_bot)";

impl System {
    /// The platforms on which some place has a community that was founded and nothing more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn platforms_with_places_cut_short(&self) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT i.platform FROM community c JOIN installation i ON i.community_id = c.id \
             WHERE i.status <> 'uninstalled' AND {CUT_SHORT} ORDER BY i.platform"
        );
        self.db().reader().await?.conn().all(&sql, vec![INTEGRATION_ADMIN.into()], |r| r.text()).await
    }

    /// Communities that have not heard of one of these codenames.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn communities_unaware(&self, codenames: &BTreeSet<String>) -> Result<Vec<CommunityId>, StoreError> {
        let known: Vec<(CommunityId, BTreeSet<String>)> = self
            .db()
            .reader()
            .await?
            .conn()
            .all("SELECT id, known_actions FROM community ORDER BY id", Vec::new(), |r| Ok((r.id()?, r.json()?)))
            .await?;
        Ok(known.into_iter().filter(|(_, known)| !codenames.is_subset(known)).map(|(id, _)| id).collect())
    }
}

async fn kit_of(conn: &mut Conn<'_>, community: CommunityId) -> Result<Option<String>, StoreError> {
    conn.first("SELECT kit FROM community WHERE id = $1", vec![community.into()], |r| r.opt_text())
        .await?
        .ok_or(StoreError::NotFound { what: "community" })
}

/// Whether there is any policy, in whatever state. Who took the last one out of force, or had it suspended, must not be
/// able to begin anew with rules that nobody decided about.
async fn has_rules(conn: &mut Conn<'_>, community: CommunityId) -> Result<bool, StoreError> {
    let any = conn
        .first("SELECT id FROM policy WHERE community_id = $1 LIMIT 1", vec![community.into()], |r| r.id::<PolicyId>())
        .await?;
    Ok(any.is_some())
}

async fn put(conn: &mut Conn<'_>, community: CommunityId, kit: &NewKit) -> Result<(), StoreError> {
    let installer = conn
        .first(
            "SELECT id FROM member WHERE id = $1 AND community_id = $2",
            vec![kit.installer.into(), community.into()],
            |r| r.id::<UserId>(),
        )
        .await?
        .ok_or(StoreError::NotFound { what: "member" })?;
    conn.execute("UPDATE community SET kit = $2 WHERE id = $1", vec![community.into(), (&kit.kit).into()]).await?;
    let roles = role::all(conn, community).await?;
    let by_name: BTreeMap<&str, RoleId> = roles.iter().map(|r| (r.name.as_str(), r.id)).collect();
    if let Some(base) = roles.iter().find(|r| r.is_base) {
        // A name that is somebody else's stays theirs.
        let name = if by_name.contains_key(kit.base.name.as_str()) { &base.name } else { &kit.base.name };
        let draft = RoleDraft { name: name.clone(), ..kit.base.clone() };
        widen(conn, community, base.id, &draft, &base.permissions).await?;
    }
    let administrators: Vec<UserId> = conn
        .all(
            "SELECT id FROM member WHERE community_id = $1 AND is_admin AND NOT is_bot AND NOT is_gone ORDER BY id",
            vec![community.into()],
            |r| r.id(),
        )
        .await?;
    for (draft, id, holders) in &kit.roles {
        let id = match roles.iter().find(|r| r.name == draft.name) {
            Some(known) => {
                let same = RoleDraft { name: known.name.clone(), ..draft.clone() };
                widen(conn, community, known.id, &same, &known.permissions).await?;
                known.id
            }
            None => {
                role::insert(conn, &role::of(community, *id, draft)).await?;
                *id
            }
        };
        match holders {
            Holders::Everybody => {}
            Holders::Installer => hold(conn, community, id, &[installer]).await?,
            Holders::Administrators => {
                hold(conn, community, id, &administrators).await?;
                hold(conn, community, id, &[installer]).await?;
            }
        }
    }
    if let Some(admins) = roles.iter().find(|r| r.name == INTEGRATION_ADMIN) {
        // Until there were rules nobody could be asked; from now on the kit says whether they are.
        let unasked: BTreeSet<String> = GUARDED.iter().map(|(action_type, _)| execute(action_type)).collect();
        let kept = admins.permissions.difference(&unasked).chain(&kit.integration_admins);
        let permissions: BTreeSet<&String> = kept.collect();
        conn.execute(
            "UPDATE role SET permissions = $3 WHERE id = $1 AND community_id = $2",
            vec![admins.id.into(), community.into(), json(&permissions)?],
        )
        .await?;
        hold(conn, community, admins.id, &[installer]).await?;
    }
    for (position, (draft, id, version)) in (0..).zip(&kit.policies) {
        policy::add_at(conn, community, position, draft.clone(), kit.at, (*id, *version), None).await?;
    }
    Ok(())
}

/// Gives a role the draft's words and its permissions besides those it has.
async fn widen(
    conn: &mut Conn<'_>,
    community: CommunityId,
    id: RoleId,
    draft: &RoleDraft,
    known: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let permissions: BTreeSet<&String> = known.union(&draft.permissions).collect();
    conn.execute(
        "UPDATE role SET name = $3, description = $4, permissions = $5 WHERE id = $1 AND community_id = $2",
        vec![id.into(), community.into(), (&draft.name).into(), (&draft.description).into(), json(&permissions)?],
    )
    .await?;
    Ok(())
}

async fn hold(conn: &mut Conn<'_>, community: CommunityId, role: RoleId, members: &[UserId]) -> Result<(), StoreError> {
    let mut rows = Rows::new(3);
    for member in members {
        rows.push([role.into(), (*member).into(), community.into()]);
    }
    rows.execute(conn, "INSERT INTO role_member (role_id, member_id, community_id)", "ON CONFLICT DO NOTHING").await?;
    Ok(())
}

async fn give(conn: &mut Conn<'_>, community: CommunityId, defaults: &[Default]) -> Result<Vec<String>, StoreError> {
    let mut known: BTreeSet<String> = conn
        .first("SELECT known_actions FROM community WHERE id = $1", vec![community.into()], |r| r.json())
        .await?
        .ok_or(StoreError::NotFound { what: "community" })?;
    let fresh: Vec<&Default> = defaults.iter().filter(|d| !known.contains(&d.codename)).collect();
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let roles = role::all(conn, community).await?;
    if !roles.iter().any(|role| role.is_base) {
        // Its roles are still to come, and would never get what is noted as given now.
        return Ok(Vec::new());
    }
    for role in roles {
        let mut permissions = role.permissions.clone();
        for default in &fresh {
            if role.is_base {
                permissions.extend(default.everybody.iter().cloned());
            }
            if role.name == INTEGRATION_ADMIN {
                permissions.extend(default.integration_admins.iter().cloned());
            }
        }
        if permissions != role.permissions {
            conn.execute(
                "UPDATE role SET permissions = $3 WHERE id = $1 AND community_id = $2",
                vec![role.id.into(), community.into(), json(&permissions)?],
            )
            .await?;
        }
    }
    let fresh: Vec<String> = fresh.into_iter().map(|d| d.codename.clone()).collect();
    known.extend(fresh.iter().cloned());
    let args: Vec<Arg> = vec![community.into(), json(&known)?];
    conn.execute("UPDATE community SET known_actions = $2 WHERE id = $1", args).await?;
    Ok(fresh)
}
