//! Roles: named sets of members and permissions.

use std::collections::{BTreeMap, BTreeSet};

use policykit_core::{
    community::Role,
    constitution::RoleDraft,
    ids::{CommunityId, RoleId, UserId},
};
use uuid::Uuid;

use crate::{
    changes::Permitted,
    community::changed,
    error::StoreError,
    scoped::Scoped,
    sql::{Arg, Conn, Rows, json, list},
};

/// Whether a role is everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// Every member has it.
    Yes,
    /// Those it is given to have it.
    No,
}

/// The roles of a community, by name.
pub(crate) async fn all(conn: &mut Conn<'_>, community: CommunityId) -> Result<Vec<Role>, StoreError> {
    conn.all(
        "SELECT id, community_id, name, description, is_base, permissions FROM role WHERE community_id = $1 \
         ORDER BY name, id",
        vec![community.into()],
        |r| {
            Ok(Role {
                id: r.id()?,
                community: r.id()?,
                name: r.text()?,
                description: r.text()?,
                is_base: r.flag()?,
                permissions: r.json()?,
            })
        },
    )
    .await
}

/// Who has which role.
/// Whether one of a member's roles has a permission at this moment of the transaction.
pub(crate) async fn may(
    conn: &mut Conn<'_>,
    community: CommunityId,
    member: UserId,
    permission: &str,
) -> Result<bool, StoreError> {
    let own: Vec<BTreeSet<String>> = conn
        .all(
            "SELECT r.permissions FROM role r WHERE r.community_id = $1 AND (r.is_base \
             OR EXISTS (SELECT 1 FROM role_member x WHERE x.role_id = r.id AND x.member_id = $2))",
            vec![community.into(), member.into()],
            |r| r.json(),
        )
        .await?;
    Ok(own.iter().any(|permissions| permissions.contains(permission)))
}

/// Fails when a member has lost a permission that a decision rests on.
pub(crate) async fn check(conn: &mut Conn<'_>, permitted: &[Permitted]) -> Result<(), StoreError> {
    for Permitted { community, member, permission } in permitted {
        if !may(conn, *community, *member, permission).await? {
            return Err(StoreError::conflict(format!("the permission `{permission}` of who decided")));
        }
    }
    Ok(())
}

pub(crate) async fn members(
    conn: &mut Conn<'_>,
    community: CommunityId,
) -> Result<BTreeMap<UserId, BTreeSet<RoleId>>, StoreError> {
    let pairs: Vec<(UserId, RoleId)> = conn
        .all("SELECT member_id, role_id FROM role_member WHERE community_id = $1", vec![community.into()], |r| {
            Ok((r.id()?, r.id()?))
        })
        .await?;
    let mut members: BTreeMap<UserId, BTreeSet<RoleId>> = BTreeMap::new();
    for (member, role) in pairs {
        members.entry(member).or_default().insert(role);
    }
    Ok(members)
}

/// A role nobody has yet.
pub(crate) fn of(community: CommunityId, id: RoleId, draft: &RoleDraft) -> Role {
    Role {
        id,
        community,
        name: draft.name.clone(),
        description: draft.description.clone(),
        is_base: false,
        permissions: draft.permissions.clone(),
    }
}

/// Adds a role; false when there is one of this name.
pub(crate) async fn insert(conn: &mut Conn<'_>, role: &Role) -> Result<bool, StoreError> {
    let added = conn
        .execute(
            "INSERT INTO role (id, community_id, name, description, is_base, permissions) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            vec![
                role.id.into(),
                role.community.into(),
                (&role.name).into(),
                (&role.description).into(),
                role.is_base.into(),
                json(&role.permissions)?,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// A role's name and whether it is everybody's.
pub(crate) async fn find(
    conn: &mut Conn<'_>,
    community: CommunityId,
    role: RoleId,
) -> Result<Option<(String, bool)>, StoreError> {
    conn.first(
        "SELECT name, is_base FROM role WHERE id = $1 AND community_id = $2",
        vec![role.into(), community.into()],
        |r| Ok((r.text()?, r.flag()?)),
    )
    .await
}

impl Scoped {
    /// The roles of the community, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn roles(&self) -> Result<Vec<Role>, StoreError> {
        all(&mut self.db().reader().await?.conn(), self.id()).await
    }

    /// How many members have each role; the base role is everybody's and not counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn role_sizes(&self) -> Result<BTreeMap<RoleId, usize>, StoreError> {
        let sql = "SELECT role_id, count(*) FROM role_member WHERE community_id = $1 GROUP BY role_id";
        let mut reader = self.db().reader().await?;
        let sizes = reader.conn().all(sql, vec![self.id().into()], |r| Ok((r.id()?, r.int()?))).await?;
        Ok(sizes.into_iter().map(|(role, count)| (role, usize::try_from(count).unwrap_or_default())).collect())
    }

    /// Which roles these members have, besides the base role.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn roles_of(&self, members: &[UserId]) -> Result<BTreeMap<UserId, BTreeSet<RoleId>>, StoreError> {
        if members.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut args: Vec<Arg> = vec![self.id().into()];
        args.extend(members.iter().map(|id| Arg::from(*id)));
        let sql = format!(
            "SELECT member_id, role_id FROM role_member WHERE community_id = $1 AND member_id IN ({})",
            list(members.len(), 2)
        );
        let mut reader = self.db().reader().await?;
        let pairs: Vec<(UserId, RoleId)> = reader.conn().all(&sql, args, |r| Ok((r.id()?, r.id()?))).await?;
        let mut roles: BTreeMap<UserId, BTreeSet<RoleId>> = BTreeMap::new();
        for (member, role) in pairs {
            roles.entry(member).or_default().insert(role);
        }
        Ok(roles)
    }

    /// Names of the roles that have a permission.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn roles_with(&self, permission: &str) -> Result<Vec<String>, StoreError> {
        let roles = all(&mut self.db().reader().await?.conn(), self.id()).await?;
        Ok(roles.into_iter().filter(|role| role.permissions.contains(permission)).map(|role| role.name).collect())
    }

    /// Adds a role. `id` is new.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such community; [`StoreError::Conflict`] when a role of this name is
    /// there already.
    pub async fn add_role(
        &self,
        name: &str,
        base: Base,
        permissions: BTreeSet<String>,
        id: Uuid,
    ) -> Result<Role, StoreError> {
        let role = Role {
            id: RoleId::from_uuid(id),
            community: self.id(),
            name: name.to_owned(),
            description: String::new(),
            is_base: base == Base::Yes,
            permissions,
        };
        self.db()
            .write(move |conn| {
                let role = role.clone();
                Box::pin(async move {
                    changed(conn, role.community).await?;
                    let added = insert(conn, &role).await?;
                    if added { Ok(role) } else { Err(StoreError::conflict(format!("a role `{}`", role.name))) }
                })
            })
            .await
    }

    /// Gives a role further permissions.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such role in the community.
    pub async fn grant(&self, role: RoleId, permissions: BTreeSet<String>) -> Result<(), StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let mut permissions = permissions.clone();
                Box::pin(async move {
                    changed(conn, community).await?;
                    let known: BTreeSet<String> = conn
                        .first(
                            "SELECT permissions FROM role WHERE id = $1 AND community_id = $2",
                            vec![role.into(), community.into()],
                            |r| r.json(),
                        )
                        .await?
                        .ok_or(StoreError::NotFound { what: "role" })?;
                    permissions.extend(known);
                    conn.execute(
                        "UPDATE role SET permissions = $1 WHERE id = $2 AND community_id = $3",
                        vec![json(&permissions)?, role.into(), community.into()],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Makes these permissions, and only these, those of a role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such role in the community.
    pub async fn set_permissions(&self, role: RoleId, permissions: BTreeSet<String>) -> Result<(), StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let permissions = permissions.clone();
                Box::pin(async move {
                    changed(conn, community).await?;
                    let found = conn
                        .execute(
                            "UPDATE role SET permissions = $1 WHERE id = $2 AND community_id = $3",
                            vec![json(&permissions)?, role.into(), community.into()],
                        )
                        .await?;
                    if found == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "role" }) }
                })
            })
            .await
    }

    /// Makes these members, and only these, the holders of a role.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the role or one of the members is not of the community; nothing is changed then.
    pub async fn set_role_members(&self, role: RoleId, members: BTreeSet<UserId>) -> Result<(), StoreError> {
        let community = self.id();
        self.db()
            .write(move |conn| {
                let members = members.clone();
                Box::pin(async move {
                    changed(conn, community).await?;
                    conn.first(
                        "SELECT id FROM role WHERE id = $1 AND community_id = $2",
                        vec![role.into(), community.into()],
                        |r| r.id::<RoleId>(),
                    )
                    .await?
                    .ok_or(StoreError::NotFound { what: "role" })?;
                    conn.execute(
                        "DELETE FROM role_member WHERE role_id = $1 AND community_id = $2",
                        vec![role.into(), community.into()],
                    )
                    .await?;
                    let wanted = members.len() as u64;
                    let mut rows = Rows::new(3);
                    for member in members {
                        rows.push([role.into(), member.into(), community.into()]);
                    }
                    let added = rows
                        .execute(
                            conn,
                            "WITH v (role_id, member_id, community_id) AS (",
                            ") INSERT INTO role_member (role_id, member_id, community_id) \
                             SELECT v.role_id, m.id, m.community_id FROM v \
                             JOIN member m ON m.id = v.member_id AND m.community_id = v.community_id",
                        )
                        .await?;
                    if added == wanted { Ok(()) } else { Err(StoreError::NotFound { what: "member" }) }
                })
            })
            .await
    }
}
