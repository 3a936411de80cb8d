//! Members as pages list them: by name, a part at a time.

use std::collections::BTreeMap;

use policykit_core::{
    community::User,
    ids::{InstallationId, RoleId, UserId},
};

use crate::{
    error::StoreError,
    member,
    scoped::Scoped,
    sql::{Arg, values},
};

/// As much of a name as stands in the index by name.
const BEGINNING: &str = "substr(m.name, 1, 100)";

/// Whether those are among the members who have left, and programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crowd {
    /// They are not.
    #[default]
    Present,
    /// They are.
    Everybody,
}

/// Which members to list.
#[derive(Debug, Clone, Default)]
pub struct PeopleFilter {
    /// Who is a member at all.
    pub crowd: Crowd,
    /// Part of a name or an account's id, whatever its case.
    pub search: String,
    /// Only those who have this role. Everybody has the base role: it is not listed with anybody.
    pub role: Option<RoleId>,
    /// Name and id of the last member of the page before.
    pub after: Option<(String, UserId)>,
    /// How many at most.
    pub limit: usize,
}

impl Scoped {
    /// Members by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn people(&self, filter: &PeopleFilter) -> Result<Vec<User>, StoreError> {
        let mut args: Vec<Arg> = vec![self.id().into(), Arg::limit(filter.limit)];
        let mut conditions = match filter.crowd {
            Crowd::Present => " AND NOT m.is_gone AND NOT m.is_bot".to_owned(),
            Crowd::Everybody => String::new(),
        };
        if !filter.search.trim().is_empty() {
            args.push(pattern(filter.search.trim()).into());
            let at = args.len();
            conditions.push_str(&format!(
                " AND (lower(m.name) LIKE ${at} ESCAPE '!' OR lower(m.external_id) LIKE ${at} ESCAPE '!')"
            ));
        }
        if let Some(role) = filter.role {
            args.push(role.into());
            conditions.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM role_member rm \
                 WHERE rm.role_id = ${} AND rm.member_id = m.id AND rm.community_id = m.community_id)",
                args.len()
            ));
        }
        if let Some((name, id)) = &filter.after {
            args.push(name.into());
            args.push((*id).into());
            let (name, id) = (args.len() - 1, args.len());
            conditions
                .push_str(&format!(" AND ({BEGINNING}, m.name, m.id) > (substr(${name}, 1, 100), ${name}, ${id})"));
        }
        let sql = format!(
            "SELECT {} FROM member m WHERE m.community_id = $1{conditions} ORDER BY {BEGINNING}, m.name, m.id LIMIT $2",
            member::COLUMNS
        );
        self.db().reader().await?.conn().all(&sql, args, member::read).await
    }

    /// How many members have not left and are no programs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_people(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM member WHERE community_id = $1 AND NOT is_gone AND NOT is_bot";
        let found = self.db().reader().await?.conn().first(sql, vec![self.id().into()], |r| r.int()).await?;
        Ok(found.unwrap_or_default())
    }

    /// The same by where their accounts are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_people_by_place(&self) -> Result<BTreeMap<InstallationId, usize>, StoreError> {
        let sql = "SELECT installation_id, count(*) FROM member \
                   WHERE community_id = $1 AND NOT is_gone AND NOT is_bot GROUP BY installation_id";
        let mut reader = self.db().reader().await?;
        let counts = reader.conn().all(sql, vec![self.id().into()], |r| Ok((r.id()?, r.int()?))).await?;
        Ok(counts.into_iter().map(|(place, count)| (place, usize::try_from(count).unwrap_or_default())).collect())
    }

    /// These members, by name; those the community does not have are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn people_by_id(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        const LOOKUP: usize = 500;
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(LOOKUP) {
            let mut args: Vec<Arg> = vec![self.id().into()];
            args.extend(some.iter().map(|id| Arg::from(*id)));
            let sql = format!(
                "SELECT {} FROM (VALUES {}) s CROSS JOIN member m WHERE m.id = s.column1 AND m.community_id = $1",
                member::COLUMNS,
                values(some.len(), 1, 2)
            );
            found.append(&mut self.db().reader().await?.conn().all(&sql, args, member::read).await?);
        }
        found.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        Ok(found)
    }
}

/// A pattern that matches texts which contain `text`, taken by its letters.
pub(crate) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
