//! Sessions of operators and members, and what is known of a browser while it is away at a platform. Only hashes of
//! tokens are kept.

use std::collections::BTreeSet;

use policykit_core::{
    Timestamp,
    community::User,
    ids::{CommunityId, RoleId, UserId},
};

use crate::{
    error::StoreError,
    member::{self, COLUMNS as MEMBER},
    sql::{Arg, Conn},
    system::System,
};

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Hash of its token.
    pub hash: Vec<u8>,
    /// Now.
    pub now: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What the browser says it is.
    pub agent: String,
}

/// Whose sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those of the operators of this server; they have no names.
    Operators,
    /// Those of a member.
    Member {
        /// The tenant.
        community: CommunityId,
        /// Who.
        user: UserId,
    },
}

/// An open session and what its holder may do at this moment.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// When it was last used, to the hour.
    pub seen_at: Timestamp,
    /// Who holds it.
    pub holder: Holder,
}

/// Who holds a session.
#[derive(Debug, Clone)]
pub enum Holder {
    /// An operator of this server.
    Operator {
        /// The community they have chosen to look at, with its name.
        chosen: Option<(CommunityId, String)>,
    },
    /// A member who has not left.
    Member(Box<SignedIn>),
}

/// A member with their roles.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The member.
    pub user: User,
    /// Name of the community.
    pub community_name: String,
    /// Their roles by name, the base role included.
    pub roles: Vec<(RoleId, String)>,
    /// Permissions of all of them.
    pub permissions: BTreeSet<String>,
}

/// One line of a list of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Hash of its token: names the session, opens nothing.
    pub hash: Vec<u8>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    pub seen_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What the browser said it is.
    pub agent: String,
}

/// Opens a session, and forgets those that have ended.
pub(crate) async fn open(conn: &mut Conn<'_>, whose: Whose, new: &NewSession) -> Result<(), StoreError> {
    conn.execute("DELETE FROM session WHERE expires_at <= $1", vec![new.now.into()]).await?;
    let (community, user) = match whose {
        Whose::Operators => (None, None),
        Whose::Member { community, user } => (Some(community), Some(user)),
    };
    conn.execute(
        "INSERT INTO session (token_hash, community_id, member_id, created_at, seen_at, expires_at, agent) \
         VALUES ($1, $2, $3, $4, $4, $5, $6)",
        vec![
            new.hash.clone().into(),
            community.into(),
            user.into(),
            new.now.into(),
            new.expires_at.into(),
            (&new.agent).into(),
        ],
    )
    .await
    .map(|_| ())
}

/// The condition for `whose`, with its arguments; the first parameter is number `from`.
fn of(whose: Whose, from: usize) -> (String, Vec<Arg>) {
    match whose {
        Whose::Operators => ("member_id IS NULL".to_owned(), Vec::new()),
        Whose::Member { community, user } => (
            format!("member_id = ${from} AND community_id = ${}", from.saturating_add(1)),
            vec![user.into(), community.into()],
        ),
    }
}

impl System {
    /// Opens a session of a member.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn open_session(&self, community: CommunityId, user: UserId, new: NewSession) -> Result<(), StoreError> {
        self.db()
            .write(move |conn| {
                let new = new.clone();
                Box::pin(async move { open(conn, Whose::Member { community, user }, &new).await })
            })
            .await
    }

    /// The session with this token hash, with what its holder may do now, if it has not ended, its holder has not left and
    /// the place that they signed in from has not been removed: it may have been opened while that was decided.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, hash: &[u8], now: Timestamp) -> Result<Option<OpenSession>, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let mut conn = tx.conn();
        let sql = format!(
            "SELECT s.seen_at, s.member_id, c.name, c.id, {MEMBER} FROM session s \
             LEFT JOIN community c ON c.id = s.community_id \
             LEFT JOIN member m ON m.id = s.member_id AND m.community_id = s.community_id \
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND NOT EXISTS (SELECT 1 FROM installation i \
             WHERE i.id = m.installation_id AND i.status = 'uninstalled')"
        );
        let found = conn
            .first(&sql, vec![hash.into(), now.into()], |r| {
                Ok((
                    r.time()?,
                    r.opt_id::<UserId>()?,
                    r.opt_text()?,
                    r.opt_id::<CommunityId>()?,
                    r.or_missing(member::read)?,
                ))
            })
            .await?;
        let Some((seen_at, owner, name, community, user)) = found else { return Ok(None) };
        let holder = match (owner, user) {
            (None, _) => Some(Holder::Operator { chosen: community.zip(name) }),
            // Whoever has left a platform has left here too, and a program does not sign in.
            (Some(_), Some(user)) if !user.is_gone && !user.is_bot => {
                let rows: Vec<(RoleId, String, BTreeSet<String>)> = conn
                    .all(
                        "SELECT r.id, r.name, r.permissions FROM role r WHERE r.community_id = $1 AND (r.is_base \
                         OR EXISTS (SELECT 1 FROM role_member x WHERE x.role_id = r.id AND x.member_id = $2)) \
                         ORDER BY r.name, r.id",
                        vec![user.community.into(), user.id.into()],
                        |r| Ok((r.id()?, r.text()?, r.json()?)),
                    )
                    .await?;
                let mut signed_in = SignedIn {
                    user,
                    community_name: name.unwrap_or_default(),
                    roles: Vec::with_capacity(rows.len()),
                    permissions: BTreeSet::new(),
                };
                for (id, name, permissions) in rows {
                    signed_in.roles.push((id, name));
                    signed_in.permissions.extend(permissions);
                }
                Some(Holder::Member(Box::new(signed_in)))
            }
            (Some(_), _) => None,
        };
        tx.end().await?;
        Ok(holder.map(|holder| OpenSession { seen_at, holder }))
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn session_seen(&self, hash: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.session_write("UPDATE session SET seen_at = $1 WHERE token_hash = $2", vec![now.into(), hash.into()])
            .await
            .map(|_| ())
    }

    /// Notes which community an operator looks at. `false` when the session is no operator's, or there is no such
    /// community.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn choose_community(&self, hash: &[u8], community: CommunityId) -> Result<bool, StoreError> {
        let changed = self
            .session_write(
                "UPDATE session SET community_id = $1 WHERE token_hash = $2 AND member_id IS NULL \
                 AND EXISTS (SELECT 1 FROM community c WHERE c.id = $1)",
                vec![community.into(), hash.into()],
            )
            .await?;
        Ok(changed == 1)
    }

    /// The only community of this server; `None` when there is none or there are several.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn only_community(&self) -> Result<Option<(CommunityId, String)>, StoreError> {
        let mut reader = self.db().reader().await?;
        let some = reader
            .conn()
            .all("SELECT id, name FROM community LIMIT 2", Vec::new(), |r| Ok((r.id()?, r.text()?)))
            .await?;
        Ok(<[_; 1]>::try_from(some).ok().map(|[only]| only))
    }

    /// Whether this server has any community.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_community(&self) -> Result<bool, StoreError> {
        let mut reader = self.db().reader().await?;
        let some = reader.conn().first("SELECT 1 FROM community LIMIT 1", Vec::new(), |_| Ok(())).await?;
        Ok(some.is_some())
    }

    /// Open sessions, the last used first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sessions(&self, whose: Whose, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        let (condition, more) = of(whose, 2);
        let sql = format!(
            "SELECT token_hash, created_at, seen_at, expires_at, agent FROM session \
             WHERE expires_at > $1 AND {condition} ORDER BY seen_at DESC, token_hash LIMIT 200"
        );
        let mut args: Vec<Arg> = vec![now.into()];
        args.extend(more);
        let mut reader = self.db().reader().await?;
        reader
            .conn()
            .all(&sql, args, |r| {
                Ok(SessionRow {
                    hash: r.bytes()?,
                    created_at: r.time()?,
                    seen_at: r.time()?,
                    expires_at: r.time()?,
                    agent: r.text()?,
                })
            })
            .await
    }

    /// Ends a session. One that is not known has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn close_session(&self, hash: &[u8]) -> Result<(), StoreError> {
        self.session_write("DELETE FROM session WHERE token_hash = $1", vec![hash.into()]).await.map(|_| ())
    }

    /// Ends one session of these. `false` when it is none of them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn close_session_of(&self, whose: Whose, hash: &[u8]) -> Result<bool, StoreError> {
        let (condition, more) = of(whose, 2);
        let sql = format!("DELETE FROM session WHERE token_hash = $1 AND {condition}");
        let mut args: Vec<Arg> = vec![hash.into()];
        args.extend(more);
        Ok(self.session_write(&sql, args).await? == 1)
    }

    /// Ends all of these sessions. Returns how many there were.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn close_sessions(&self, whose: Whose) -> Result<u64, StoreError> {
        let (condition, args) = of(whose, 1);
        self.session_write(&format!("DELETE FROM session WHERE {condition}"), args).await
    }

    async fn session_write(&self, sql: &str, args: Vec<Arg>) -> Result<u64, StoreError> {
        let sql = sql.to_owned();
        self.db()
            .write(move |conn| {
                let (sql, args) = (sql.clone(), args.clone());
                Box::pin(async move { conn.execute(&sql, args).await })
            })
            .await
    }
}
