//! Builds and changes workspaces from outside: at start from the configuration, later by request of a test.

use std::collections::BTreeSet;

use super::{
    config::{BOT_SCOPES, ChannelSeed, INSTALLER_SCOPES, TeamSeed, UserSeed, UserTokenSeed, UsergroupSeed},
    control::{Denied, Made, Setup, TeamView, UserView},
    ids::{ChannelId, TeamId, UserId, mint, mint_secret},
    people::summary,
    state::{BotRef, Channel, ChannelKind, Installed, Team, Token, TokenKind, User, Usergroup, World},
};

impl World {
    /// Does what a test asks for.
    pub(super) fn set_up(&mut self, setup: Setup) -> Result<Made, Denied> {
        let mut made = Made::default();
        match setup {
            Setup::Team { team } => {
                let id = self.add_team(&team)?;
                made.token = self.living_token(&id, None);
                made.id = Some(id.to_string());
            }
            Setup::User { team, user } => {
                let team = self.find_team(&team)?.id.clone();
                let id = self.add_user(&team, &user)?;
                self.emit_user(&team, &id, "team_join");
                made.id = Some(id.to_string());
            }
            Setup::Channel { team, channel } => {
                let team = self.find_team(&team)?.id.clone();
                made.id = Some(self.add_channel(&team, &channel)?.to_string());
            }
            Setup::Usergroup { team, usergroup } => {
                let team = self.find_team(&team)?.id.clone();
                made.id = Some(self.add_usergroup(&team, &usergroup)?);
            }
            Setup::UserToken { team, token } => {
                let team = self.find_team(&team)?.id.clone();
                made.token = Some(self.add_user_token(&team, &token)?);
            }
            Setup::RevokeToken { token } => self.revoke_token(&token).ok_or(Denied::UnknownToken)?,
            Setup::Manifest { manifest } => self.app.seed.apply(&manifest).map_err(Denied::BadManifest)?,
            Setup::Expire { token } => {
                let now = self.now.secs();
                self.tokens.get_mut(&token).ok_or(Denied::UnknownToken)?.expires_at = Some(now);
            }
            Setup::Rotation { lifetime_secs } => {
                let app = &mut self.app.seed;
                app.token_rotation = lifetime_secs.is_some();
                app.token_lifetime_secs = lifetime_secs.unwrap_or(app.token_lifetime_secs);
            }
            Setup::Scopes { token, scopes } => {
                self.tokens.get_mut(&token).ok_or(Denied::UnknownToken)?.scopes = scopes.into_iter().collect();
            }
            Setup::Prefs { team, prefs } => {
                let team = self.find_team(&team)?.id.clone();
                if let Some(team) = self.teams.get_mut(&team) {
                    team.prefs = prefs;
                }
            }
            Setup::Admin { team, user, is_admin } => self.change_user(&team, &user, |user| user.is_admin = is_admin)?,
            Setup::Deactivate { team, user } => self.change_user(&team, &user, |user| user.deleted = true)?,
            Setup::Urls { events_url, interactivity_url } => {
                let app = &mut self.app.seed;
                app.events_url = events_url.or_else(|| app.events_url.take());
                app.interactivity_url = interactivity_url.or_else(|| app.interactivity_url.take());
            }
            Setup::Uninstall { team } => {
                let team = self.find_team(&team)?.id.clone();
                self.remove_app(&team);
            }
        }
        Ok(made)
    }

    fn change_user(&mut self, team: &str, user: &str, change: impl FnOnce(&mut User)) -> Result<(), Denied> {
        let team = self.find_team(team)?;
        let user = team.find_user(user).ok_or_else(|| Denied::UnknownUser(user.to_owned()))?.id.clone();
        let team = team.id.clone();
        let now = self.now.secs();
        if let Some(user) = self.teams.get_mut(&team).and_then(|team| team.users.get_mut(&user)) {
            change(user);
            user.updated = now;
        }
        self.emit_user(&team, &user, "user_change");
        Ok(())
    }

    /// Adds a workspace with everything in it and installs the app there.
    pub(super) fn add_team(&mut self, seed: &TeamSeed) -> Result<TeamId, Denied> {
        let nth = self.teams.len().to_string();
        let id = TeamId::new(seed.id.clone().unwrap_or_else(|| mint(self.seed, "T", &["team", &nth])));
        if self.teams.contains_key(&id) {
            return Err(Denied::Taken(id.to_string()));
        }
        let slug: String =
            seed.name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let bot = BotRef {
            bot_id: mint(self.seed, "B", &[id.as_str()]),
            app_id: self.app.id.clone(),
            name: self.app.seed.name.clone(),
        };
        let bot_user = UserId::new(mint(self.seed, "U", &[id.as_str(), "bot"]));
        let team = Team {
            id: id.clone(),
            name: seed.name.clone(),
            domain: seed.domain.clone().unwrap_or_else(|| format!("{slug}-{nth}")),
            prefs: seed.prefs,
            users: [(bot_user.clone(), bot_user_of(&bot, &bot_user, self.now.secs()))].into(),
            channels: std::collections::BTreeMap::new(),
            usergroups: Vec::new(),
            scheduled: Vec::new(),
            bot,
            bot_user: bot_user.clone(),
            installed: if seed.not_installed { Installed::No } else { Installed::Yes },
        };
        self.teams.insert(id.clone(), team);
        for user in &seed.users {
            self.add_user(&id, user)?;
        }
        for channel in &seed.channels {
            self.add_channel(&id, channel)?;
        }
        for group in &seed.usergroups {
            self.add_usergroup(&id, group)?;
        }
        if seed.not_installed {
            return Ok(id);
        }
        let token = seed.bot_token.clone().unwrap_or_else(|| mint_secret(self.seed, "xoxb-", &[id.as_str()]));
        self.add_token(token, TokenKind::Bot, &id, &bot_user, seed.bot_scopes.as_deref())?;
        for token in &seed.user_tokens {
            self.add_user_token(&id, token)?;
        }
        Ok(id)
    }

    fn add_user(&mut self, team: &TeamId, seed: &UserSeed) -> Result<UserId, Denied> {
        let id = seed.id.clone().unwrap_or_else(|| mint(self.seed, "U", &[team.as_str(), "user", &seed.name]));
        let id = UserId::new(id);
        let now = self.now.secs();
        let real_name = seed.real_name.clone().unwrap_or_else(|| seed.name.clone());
        let user = User {
            id: id.clone(),
            name: seed.name.clone(),
            display_name: real_name.clone(),
            real_name,
            title: String::new(),
            status_text: String::new(),
            email: seed.email.clone(),
            is_admin: seed.is_admin,
            is_owner: seed.is_owner,
            is_bot: seed.is_bot,
            deleted: seed.deleted,
            updated: now,
        };
        let team = self.teams.get_mut(team).ok_or_else(|| Denied::UnknownTeam(team.to_string()))?;
        if team.users.values().any(|known| known.id == id || known.name == seed.name) {
            return Err(Denied::Taken(seed.name.clone()));
        }
        team.users.insert(id.clone(), user);
        Ok(id)
    }

    fn add_channel(&mut self, team_id: &TeamId, seed: &ChannelSeed) -> Result<ChannelId, Denied> {
        let id = seed.id.clone().unwrap_or_else(|| mint(self.seed, "C", &[team_id.as_str(), "channel", &seed.name]));
        let id = ChannelId::new(id);
        let now = self.now.secs();
        let team = self.teams.get_mut(team_id).ok_or_else(|| Denied::UnknownTeam(team_id.to_string()))?;
        if team.channels.values().any(|known| known.id == id || known.name == seed.name) {
            return Err(Denied::Taken(seed.name.clone()));
        }
        let find = |name: &String| {
            team.find_user(name).map(|user| user.id.clone()).ok_or_else(|| Denied::UnknownUser(name.clone()))
        };
        let people = || team.users.values().filter(|user| !user.is_bot && !user.deleted).map(|user| user.id.clone());
        let mut members: Vec<UserId> = match &seed.members {
            Some(names) => names.iter().map(find).collect::<Result<_, _>>()?,
            None => people().collect(),
        };
        let creator = match &seed.creator {
            Some(name) => find(name)?,
            None => people().next().unwrap_or_else(|| team.bot_user.clone()),
        };
        if seed.bot_is_member && !members.contains(&team.bot_user) {
            members.push(team.bot_user.clone());
        }
        let kind = if seed.is_private { ChannelKind::Private } else { ChannelKind::Public };
        let mut channel = Channel::new(id.clone(), seed.name.clone(), kind, creator, members, now);
        channel.is_general = seed.is_general;
        channel.archived = seed.archived;
        team.channels.insert(id.clone(), channel);
        Ok(id)
    }

    fn add_usergroup(&mut self, team_id: &TeamId, seed: &UsergroupSeed) -> Result<String, Denied> {
        let id = seed.id.clone().unwrap_or_else(|| mint(self.seed, "S", &[team_id.as_str(), "group", &seed.name]));
        let created = self.now.secs();
        let team = self.teams.get_mut(team_id).ok_or_else(|| Denied::UnknownTeam(team_id.to_string()))?;
        let mut users = Vec::new();
        for name in &seed.users {
            users.push(team.find_user(name).ok_or_else(|| Denied::UnknownUser(name.clone()))?.id.clone());
        }
        team.usergroups.push(Usergroup {
            id: id.clone(),
            name: seed.name.clone(),
            handle: seed.handle.clone(),
            created_by: users.first().unwrap_or(&team.bot_user).clone(),
            users,
            created,
        });
        Ok(id)
    }

    fn add_user_token(&mut self, team_id: &TeamId, seed: &UserTokenSeed) -> Result<String, Denied> {
        let team = self.teams.get(team_id).ok_or_else(|| Denied::UnknownTeam(team_id.to_string()))?;
        let user = team.find_user(&seed.user).ok_or_else(|| Denied::UnknownUser(seed.user.clone()))?.id.clone();
        let nth = self.tokens.len().to_string();
        let token = seed
            .token
            .clone()
            .unwrap_or_else(|| mint_secret(self.seed, "xoxp-", &[team_id.as_str(), user.as_str(), &nth]));
        self.add_token(token.clone(), TokenKind::User, team_id, &user, seed.scopes.as_deref())?;
        Ok(token)
    }

    fn add_token(
        &mut self,
        token: String,
        kind: TokenKind,
        team: &TeamId,
        user: &UserId,
        scopes: Option<&[String]>,
    ) -> Result<(), Denied> {
        if self.tokens.contains_key(&token) {
            return Err(Denied::Taken("token".into()));
        }
        let usual = match kind {
            TokenKind::Bot => BOT_SCOPES,
            TokenKind::User => INSTALLER_SCOPES,
        };
        let scopes: BTreeSet<String> = scopes.map_or_else(
            || usual.iter().map(|scope| (*scope).to_owned()).collect(),
            |own| own.iter().cloned().collect(),
        );
        let token_state =
            Token { kind, team: team.clone(), user: user.clone(), scopes, revoked: false, expires_at: None };
        self.tokens.insert(token, token_state);
        Ok(())
    }

    /// A token that still works: of a person, or the bot's.
    fn living_token(&self, team: &TeamId, person: Option<&UserId>) -> Option<String> {
        let fits = |token: &Token| {
            !token.revoked
                && token.expires_at.is_none_or(|end| end > self.now.secs())
                && !token.scopes.contains("openid")
                && token.team == *team
                && match person {
                    Some(person) => token.kind == TokenKind::User && token.user == *person,
                    None => token.kind == TokenKind::Bot,
                }
        };
        self.tokens.iter().find(|(_, token)| fits(token)).map(|(secret, _)| secret.clone())
    }

    /// All workspaces, with everything a test needs to address them.
    pub(super) fn team_views(&self) -> Vec<TeamView> {
        self.teams
            .values()
            .map(|team| TeamView {
                id: team.id.clone(),
                name: team.name.clone(),
                app_id: self.app.id.clone(),
                bot_id: team.bot.bot_id.clone(),
                bot_user: team.bot_user.clone(),
                bot_token: self.living_token(&team.id, None),
                users: team
                    .users
                    .values()
                    .map(|user| UserView {
                        id: user.id.clone(),
                        name: user.name.clone(),
                        real_name: user.real_name.clone(),
                        is_admin: user.is_admin || user.is_owner,
                        is_bot: user.is_bot,
                        deleted: user.deleted,
                        token: self.living_token(&team.id, Some(&user.id)),
                    })
                    .collect(),
                channels: team.channels.values().map(summary).collect(),
            })
            .collect()
    }
}

fn bot_user_of(bot: &BotRef, id: &UserId, now: i64) -> User {
    User {
        id: id.clone(),
        name: bot.name.clone(),
        real_name: bot.name.clone(),
        display_name: bot.name.clone(),
        title: String::new(),
        status_text: String::new(),
        email: None,
        is_admin: false,
        is_owner: false,
        is_bot: true,
        deleted: false,
        updated: now,
    }
}
