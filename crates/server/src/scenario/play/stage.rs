//! The stage: a community of the scenario's own on the real engine, with the world in place of the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use policykit_core::{
    Clock as _, FakeClock, FakeIds, IdSource, JsonMap,
    community::{Installation, InstallationStatus, Profile},
    ids::{InstallationId, NodeId, RoleId},
    policy::PolicyDraft,
};
use policykit_engine::{Deps, Engine, Install, Installed, Options};
use policykit_platforms::{Platform, Registry};
use policykit_policy::MontySandbox;
use policykit_store::{Base, Db, DbConfig, SealingKey};

use super::{
    super::{
        Scenario, ScenarioError,
        recorded::{COMMUNITY, PROGRAM, Recorded, World},
    },
    KEY, Pace, Stage, cannot, with_variables,
};

impl<'a> Stage<'a> {
    /// Puts together the community, its members and roles, and its policies.
    pub(super) async fn set(
        scenario: &'a Scenario,
        policies: Vec<PolicyDraft>,
        registry: &Registry,
        pace: Pace,
    ) -> Result<Self, ScenarioError> {
        let fail = |what: String| cannot(&scenario.file, &what);
        let script = &scenario.script;
        let mut people: BTreeMap<String, Vec<Profile>> = BTreeMap::new();
        for user in &script.community.users {
            people.entry(scenario.platform_of(&user.id.value).to_owned()).or_default().push(Profile {
                external_id: user.id.value.clone(),
                name: user.name.clone().unwrap_or_else(|| user.id.value.clone()),
                is_admin: user.admin,
                is_bot: user.bot,
                is_gone: false,
            });
        }
        let name = script.community.name.clone().unwrap_or_else(|| "Community".to_owned());
        let world = Arc::new(World::new(name, people, script.replies.clone()));
        let integrations =
            scenario.platforms().map(|id| registry.shared(id).ok_or_else(|| fail(format!("there is no `{id}`"))));
        let integrations: Vec<Arc<dyn Platform>> = integrations.collect::<Result<_, _>>()?;

        let config = DbConfig { url: "sqlite::memory:".to_owned(), sealing: Some(SealingKey::new("scenario", KEY)) };
        let db = Db::open(&config).await.map_err(|e| fail(e.to_string()))?;
        db.migrate().await.map_err(|e| fail(e.to_string()))?;
        let clock = Arc::new(FakeClock::new(scenario.starts()?));
        let ids: Arc<dyn IdSource> = Arc::new(FakeIds::new(1));
        let recorded = integrations.iter().map(|integration| -> Arc<dyn Platform> {
            Arc::new(Recorded::new(Arc::clone(integration), Arc::clone(&world)))
        });
        let engine = Engine::new(Deps {
            db: db.clone(),
            registry: Arc::new(Registry::new(recorded.collect())),
            sandbox: Arc::new(MontySandbox),
            clock: Arc::<FakeClock>::clone(&clock),
            ids: Arc::clone(&ids),
            apps: [].into(),
            options: Options::new(NodeId::from_uuid(ids.uuid(clock.now()))),
        });
        let mut installed: Option<Installed> = None;
        let mut installations = BTreeMap::new();
        for integration in &integrations {
            let descriptor = integration.descriptor();
            if let Some(first) = &installed {
                // A further place of the community that is there.
                let place = Installation {
                    id: InstallationId::from_uuid(ids.uuid(clock.now())),
                    community: first.community,
                    platform: descriptor.id.to_owned(),
                    external_id: COMMUNITY.to_owned(),
                    name: world.name.clone(),
                    acts_as: vec![PROGRAM.to_owned()],
                    settings: JsonMap::new(),
                    status: InstallationStatus::Active,
                };
                db.system().create_installation(&place, clock.now()).await.map_err(|e| fail(e.to_string()))?;
            }
            let credentials = descriptor.credentials.iter().map(|c| (c.name.to_owned(), "none".into()));
            let wanted = Install {
                platform: descriptor.id.to_owned(),
                credentials: credentials.collect(),
                // Nobody is asked for them here.
                answers: descriptor.questions.iter().map(|q| (q.name.to_owned(), "none".to_owned())).collect(),
                ..Install::default()
            };
            let there = engine.install(wanted).await.map_err(|e| fail(e.to_string()))?;
            installations.insert(descriptor.id.to_owned(), there.installation);
            installed.get_or_insert(there);
        }
        let Some(installed) = installed else { return Err(fail("it names no platform".to_owned())) };
        let mut stage = Self {
            scenario,
            engine,
            clock,
            world,
            community: installed.community,
            installations,
            logged: 0,
            troubles: 0,
            pace,
        };
        stage.roles(ids.as_ref()).await?;
        // New policies go on top.
        for draft in policies.into_iter().rev() {
            let added = stage.engine.add_policy(stage.community, with_variables(draft, &script.variables)).await;
            added.map_err(|e| fail(e.to_string()))?;
        }
        stage.drain().await?;
        Ok(stage)
    }

    async fn roles(&mut self, ids: &dyn IdSource) -> Result<(), ScenarioError> {
        let scope = self.engine.db().community(self.community);
        let known = scope.state().await.map_err(|e| self.fail(e))?.roles;
        let community = &self.scenario.script.community;
        for role in &community.roles {
            let permissions: BTreeSet<String> = role.permissions.iter().cloned().collect();
            let id = match known.iter().find(|k| k.name == role.name.value) {
                Some(known) => {
                    scope.set_permissions(known.id, permissions).await.map_err(|e| self.fail(e))?;
                    known.id
                }
                None => {
                    let new = ids.uuid(self.clock.now());
                    let added = scope.add_role(&role.name.value, Base::No, permissions, new).await;
                    added.map_err(|e| self.fail(e))?;
                    RoleId::from_uuid(new)
                }
            };
            let members = community
                .users
                .iter()
                .filter(|user| user.roles.iter().any(|r| r.value == role.name.value))
                .map(|user| self.user(&user.id.value))
                .collect::<Result<_, _>>()?;
            scope.set_role_members(id, members).await.map_err(|e| self.fail(e))?;
        }
        Ok(())
    }
}
