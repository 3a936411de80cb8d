//! Actions.

use policykit_core::{
    Timestamp,
    action::{Action, Origin, Standing},
    ids::{ActionId, InstallationId},
    policy::PolicyKind,
};

use crate::{
    changes::ActionChange,
    error::StoreError,
    rounds::rounds,
    rows::Page,
    scoped::Scoped,
    sql::{Arg, Conn, Reader, Rows, json},
};

/// The columns of an action, in the order in which [`read`] reads them; the table is `a`.
pub(crate) const COLUMNS: &str = "a.id, a.community_id, a.installation_id, a.inbox_id, a.kind, a.action_type, \
                                  a.initiator_id, a.origin, a.fields, a.about, a.is_private, a.reverted, \
                                  a.standing, a.occurred_at";

pub(crate) fn read(r: &mut Reader<'_>) -> Result<Action, StoreError> {
    Ok(Action {
        id: r.id()?,
        community: r.id()?,
        installation: r.opt_id()?,
        inbox: r.opt_id()?,
        kind: r.word(PolicyKind::parse)?,
        action_type: r.text()?,
        initiator: r.opt_id()?,
        origin: r.word(Origin::parse)?,
        fields: r.json()?,
        about: r.opt_text()?,
        is_private: r.flag()?,
        reverted: r.flag()?,
        standing: r.word(Standing::parse)?,
        occurred_at: r.time()?,
    })
}

/// Writes new actions; those that exist are left as they are.
pub(crate) async fn insert(conn: &mut Conn<'_>, actions: &[Action]) -> Result<(), StoreError> {
    let mut rows = Rows::new(14);
    for action in actions {
        rows.push([
            action.id.into(),
            action.community.into(),
            action.installation.into(),
            action.inbox.into(),
            action.kind.as_str().into(),
            (&action.action_type).into(),
            action.initiator.into(),
            action.origin.as_str().into(),
            json(&action.fields)?,
            action.about.as_deref().into(),
            action.is_private.into(),
            action.reverted.into(),
            action.standing.as_str().into(),
            action.occurred_at.into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO action (id, community_id, installation_id, inbox_id, kind, action_type, initiator_id, origin, \
         fields, about, is_private, reverted, standing, occurred_at)",
        "ON CONFLICT DO NOTHING",
    )
    .await?;
    Ok(())
}

/// Writes changes of actions.
pub(crate) async fn apply(conn: &mut Conn<'_>, changes: &[ActionChange]) -> Result<(), StoreError> {
    for round in rounds(changes, |change| change.id) {
        let wanted = round.len() as u64;
        let mut rows = Rows::new(4);
        for change in round {
            rows.push([
                change.id.into(),
                change.reverted.into(),
                change.standing.map(Standing::as_str).into(),
                change.done_at.into(),
            ]);
        }
        let changed = rows
            .execute(
                conn,
                "WITH v (id, reverted, standing, done_at) AS (",
                ") UPDATE action SET reverted = COALESCE(v.reverted, action.reverted), \
                 standing = COALESCE(v.standing, action.standing), done_at = COALESCE(v.done_at, action.done_at) FROM v WHERE action.id = v.id",
            )
            .await?;
        if changed != wanted {
            return Err(StoreError::NotFound { what: "action" });
        }
    }
    Ok(())
}

impl Scoped {
    /// One action.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is none with this id in the community.
    pub async fn action(&self, id: ActionId) -> Result<Action, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM action a WHERE a.community_id = $1 AND a.id = $2");
        self.db()
            .reader()
            .await?
            .conn()
            .first(&sql, vec![self.id().into(), id.into()], read)
            .await?
            .ok_or(StoreError::NotFound { what: "action" })
    }

    /// The latest changes of the state with this key, each with the time at which it was decided to carry it out, if it was.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn changes_of(
        &self,
        installation: InstallationId,
        about: &str,
        most: usize,
    ) -> Result<Vec<(Action, Option<Timestamp>)>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, a.done_at FROM action a \
             WHERE a.community_id = $1 AND a.installation_id = $2 AND a.about = $3 \
             ORDER BY a.occurred_at DESC, a.id DESC LIMIT $4"
        );
        let args = vec![self.id().into(), installation.into(), about.into(), Arg::limit(most)];
        self.db().reader().await?.conn().all(&sql, args, |r| Ok((read(r)?, r.opt_time()?))).await
    }

    /// Actions, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn actions(&self, page: Page<ActionId>) -> Result<Vec<Action>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(page.limit)];
        let before = before(&page.before, "a.occurred_at", "a.id", &mut args);
        let sql = format!(
            "SELECT {COLUMNS} FROM action a WHERE a.community_id = $1 {before} \
             ORDER BY a.occurred_at DESC, a.id DESC LIMIT $2"
        );
        self.db().reader().await?.conn().all(&sql, args, read).await
    }
}

/// A condition that a row of a list, latest first, comes after the last one of the page before.
pub(crate) fn before<I: Copy>(last: &Option<(Timestamp, I)>, at: &str, id: &str, args: &mut Vec<Arg>) -> String
where
    Arg: From<I>,
{
    let Some((time, last)) = *last else { return String::new() };
    args.push(time.into());
    args.push(last.into());
    format!("AND ({at}, {id}) < (${}, ${})", args.len() - 1, args.len())
}
