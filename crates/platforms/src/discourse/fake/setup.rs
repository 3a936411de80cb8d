//! Builds a forum from the configuration, and changes it from outside later by request of a test.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    config::{ApiKeySeed, CategorySeed, FakeConfig, GroupSeed, MemberSeed},
    control::{Denied, Made, Setup},
    keys::AdminKey,
    params::Params,
    witness::Cause,
    world::{Actor, Category, Group, Membership, SYSTEM, User, World, next_id, slug},
};

/// Says whether somebody belongs to a group.
type Belongs = fn(&User) -> bool;

/// Ids, names and members of the groups that Discourse keeps by itself.
const AUTOMATIC: [(i64, &str, Belongs); 8] = [
    (1, "admins", |user| user.admin),
    (2, "moderators", |user| user.moderator),
    (3, "staff", User::staff),
    (10, "trust_level_0", |_| true),
    (11, "trust_level_1", |user| user.trust_level >= 1),
    (12, "trust_level_2", |user| user.trust_level >= 2),
    (13, "trust_level_3", |user| user.trust_level >= 3),
    (14, "trust_level_4", |user| user.trust_level >= 4),
];

impl World {
    /// Everything that the configuration says.
    pub(super) fn build(&mut self, config: &FakeConfig) -> Result<(), Denied> {
        for (id, name, belongs) in AUTOMATIC {
            let group = Group {
                id,
                name: name.to_owned(),
                full_name: None,
                membership: Membership::Automatic(belongs),
                owners: BTreeSet::new(),
                public_admission: false,
                hidden: false,
            };
            self.groups.insert(id, group);
        }
        let mut system = self.member(&MemberSeed {
            username: "system".to_owned(),
            admin: true,
            moderator: true,
            trust_level: Some(4),
            ..MemberSeed::default()
        });
        system.id = SYSTEM;
        self.users.insert(SYSTEM, system);
        for member in &config.members {
            self.add_member(member)?;
        }
        for group in &config.groups {
            self.add_group(group)?;
        }
        if config.categories.is_empty() {
            self.add_category(&CategorySeed { name: "General".to_owned(), ..CategorySeed::default() })?;
        }
        for category in &config.categories {
            self.add_category(category)?;
        }
        for key in &config.api_keys {
            self.add_api_key(key)?;
        }
        self.keys.limits = config.limits;
        // What was built was there before anybody listened.
        self.hooks.outbox.clear();
        Ok(())
    }

    /// Does what a test asks for.
    pub(super) fn set_up(&mut self, setup: Setup) -> Result<Made, Denied> {
        let mut made = Made::default();
        match setup {
            Setup::Member(seed) => {
                let id = self.add_member(&seed)?;
                self.tell_user("user_created", id);
                made.id = Some(id);
            }
            Setup::Group(seed) => made.id = Some(self.add_group(&seed)?),
            Setup::Category(seed) => made.id = Some(self.add_category(&seed)?),
            Setup::ApiKey(seed) => made.key = Some(self.add_api_key(&seed)?),
            Setup::RevokeApiKeys { username } => {
                let user = username.map(|name| self.member_id(&name)).transpose()?;
                for key in self.keys.admin.iter_mut().filter(|key| user.is_none() || key.user == user) {
                    key.revoked = true;
                }
            }
            Setup::RevokeUserKeys { username } => {
                let user = self.member_id(&username)?;
                for key in self.keys.user.iter_mut().filter(|key| key.user == user) {
                    key.revoked = true;
                }
            }
            Setup::Standing { username, admin, moderator, trust_level, active } => {
                let id = self.member_id(&username)?;
                if let Some(user) = self.users.get_mut(&id) {
                    user.admin = admin.unwrap_or(user.admin);
                    user.moderator = moderator.unwrap_or(user.moderator);
                    user.active = active.unwrap_or(user.active);
                    let before = user.trust_level;
                    user.trust_level = trust_level.unwrap_or(before).min(4);
                    if user.trust_level > before {
                        let payload = self.user_for_hook(id);
                        self.tell("user_promoted", "user_promoted", payload, None);
                    }
                }
                self.tell_user("user_updated", id);
            }
            Setup::Renamed { username, to } => {
                let id = self.member_id(&username)?;
                if let Some(user) = self.users.get_mut(&id) {
                    user.username = to;
                }
                self.tell_user("user_updated", id);
            }
            Setup::Settings(settings) => self.settings = *settings,
            Setup::Limits(limits) => self.keys.limits = limits,
            Setup::WebHook { payload_url, secret } => made.id = Some(self.add_web_hook(&payload_url, &secret)?),
        }
        Ok(made)
    }

    /// The id of a member that a test names.
    pub(super) fn member_id(&self, name: &str) -> Result<i64, Denied> {
        self.find_user(name).map(|user| user.id).ok_or_else(|| Denied::UnknownMember(name.to_owned()))
    }

    fn member(&self, seed: &MemberSeed) -> User {
        User {
            id: next_id(&self.users),
            username: seed.username.clone(),
            name: seed.name.clone(),
            email: seed.email.clone().unwrap_or_else(|| format!("{}@example.org", seed.username.to_lowercase())),
            admin: seed.admin,
            moderator: seed.moderator,
            trust_level: seed.trust_level.unwrap_or(1).min(4),
            active: true,
            title: None,
            created_at: self.now,
            suspended: None,
            silenced: None,
        }
    }

    fn add_member(&mut self, seed: &MemberSeed) -> Result<i64, Denied> {
        if seed.username.is_empty() || self.find_user(&seed.username).is_some() {
            return Err(Denied::Taken(seed.username.clone()));
        }
        let user = self.member(seed);
        let id = user.id;
        self.users.insert(id, user);
        Ok(id)
    }

    fn add_group(&mut self, seed: &GroupSeed) -> Result<i64, Denied> {
        if seed.name.is_empty() || self.find_group(&seed.name).is_some() {
            return Err(Denied::Taken(seed.name.clone()));
        }
        // Discourse's own ids end below 40.
        let id = next_id(&self.groups).max(41);
        let ids = |names: &[String]| names.iter().map(|name| self.member_id(name)).collect::<Result<Vec<_>, _>>();
        let (members, owners) = (ids(&seed.members)?, ids(&seed.owners)?);
        let group = Group {
            id,
            name: seed.name.clone(),
            full_name: seed.full_name.clone(),
            membership: Membership::Listed(members),
            owners: owners.into_iter().collect(),
            public_admission: seed.public_admission,
            hidden: seed.hidden,
        };
        self.groups.insert(id, group);
        Ok(id)
    }

    fn add_category(&mut self, seed: &CategorySeed) -> Result<i64, Denied> {
        if seed.name.is_empty() || self.find_category(&seed.name).is_some() {
            return Err(Denied::Taken(seed.name.clone()));
        }
        if let Some((name, _)) =
            seed.permissions.iter().find(|(name, _)| name != "everyone" && self.find_group(name).is_none())
        {
            return Err(Denied::UnknownGroup(name.clone()));
        }
        let id = next_id(&self.categories);
        let category = Category {
            id,
            name: seed.name.clone(),
            slug: slug(&seed.name),
            description: seed.description.clone(),
            color: seed.color.clone().unwrap_or_else(|| "0088CC".to_owned()),
            permissions: seed.permissions.clone(),
        };
        self.categories.insert(id, category);
        Ok(id)
    }

    fn add_api_key(&mut self, seed: &ApiKeySeed) -> Result<String, Denied> {
        let user = seed.username.as_deref().map(|name| self.member_id(name)).transpose()?;
        let key = seed.key.clone().unwrap_or_else(|| self.mint("api key"));
        self.keys.admin.push(AdminKey { key: key.clone(), user, revoked: false });
        Ok(key)
    }

    /// A web hook that is told everything, as an administrator makes it on the forum's own page.
    fn add_web_hook(&mut self, payload_url: &str, secret: &str) -> Result<i64, Denied> {
        for known in self.hooks.posting_to(payload_url) {
            self.hooks.remove(known);
        }
        let settings = json!({
            "web_hook": { "payload_url": payload_url, "secret": secret, "wildcard_web_hook": true, "active": true },
        });
        let params = Params::read(None, "application/json", settings.to_string().as_bytes());
        let actor = Actor { user: SYSTEM, cause: Cause::Person("system".to_owned()) };
        let view = params.and_then(|params| self.save_hook(&actor, None, &params)).map_err(Denied::from)?;
        let id = view.pointer("/web_hook/id").and_then(serde_json::Value::as_i64);
        id.ok_or(Denied::Refused { status: 500, errors: Vec::new() })
    }
}
