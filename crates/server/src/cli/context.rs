//! What most commands begin with: configuration, integrations, database, engine.

use std::{collections::BTreeSet, env, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use policykit_core::{Clock, IdSource, SystemClock, SystemIds, ids::NodeId};
use policykit_engine::{Deps, Engine, Options};
use policykit_platforms::{Http, HttpOptions, Registry, platform::AppConfig, registry};
use policykit_policy::Sandbox;
use policykit_store::{Db, DbConfig, SealingKey};
use secrecy::ExposeSecret;

use super::{key, output::note, sandbox};
use crate::{
    config::{Config, DatabaseUrl, PREVIEW, PlatformNames},
    telemetry,
};

/// What most commands need.
#[derive(Debug)]
pub(crate) struct Context {
    /// The configuration.
    pub(crate) config: Config,
    /// The integrations.
    pub(crate) registry: Arc<Registry>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// An open database, and what there is to say about it.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The database.
    pub(crate) db: Db,
    /// Whether this is the first start.
    pub(crate) first: key::Origin,
}

/// The integrations of this build, previews among them.
pub(crate) fn integrations(timeout: Duration) -> anyhow::Result<Registry> {
    let options = HttpOptions { timeout, ..HttpOptions::default() };
    let http = Http::new(Arc::new(SystemClock), options).context("no connection can be made from this machine")?;
    Ok(registry(&Arc::new(http)))
}

/// What the configuration must know of the integrations.
pub(crate) fn names(registry: &Registry) -> Vec<PlatformNames> {
    registry
        .descriptors()
        .map(|d| PlatformNames {
            id: d.id.to_owned(),
            credentials: d.credentials.iter().map(|c| c.name.to_owned()).collect(),
        })
        .collect()
}

/// Reads the configuration: the file named on the command line, else the one named in the environment.
pub(crate) fn configuration(named: Option<&Path>, registry: &Registry) -> anyhow::Result<Config> {
    let from_environment = env::var_os("POLICYKIT_CONFIG").filter(|v| !v.is_empty());
    let named = named.or_else(|| from_environment.as_deref().map(Path::new));
    // A variable that is no text cannot be one of ours.
    let environment = env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    Ok(Config::load(named, environment, &names(registry))?)
}

/// The previews that the operator asks for, by the id of their platform.
fn previews(config: &Config) -> anyhow::Result<BTreeSet<&str>> {
    let mut asked = BTreeSet::new();
    for (id, own) in &config.platforms {
        match own.settings.get(PREVIEW).map(String::as_str) {
            None | Some("false") => {}
            Some("true") => {
                asked.insert(id.as_str());
            }
            Some(other) => bail!("`platforms.{id}.{PREVIEW}` is `{other}`; give `\"true\"` or leave it out"),
        }
    }
    Ok(asked)
}

/// A request must be over before the engine stops believing that it may be under way.
fn request_timeout(http_timeout: Duration) -> Duration {
    http_timeout.mul_f64(0.8)
}

impl Context {
    /// Reads the configuration and starts the log.
    pub(crate) fn load(named: Option<&Path>) -> anyhow::Result<Self> {
        let usual = request_timeout(Duration::from_secs(10));
        let mut registry = integrations(usual)?;
        let config = configuration(named, &registry)?;
        let wanted = request_timeout(config.engine.http_timeout);
        if wanted != usual {
            registry = integrations(wanted)?;
        }
        let asked = previews(&config)?;
        registry = registry.without_previews(|id| asked.contains(id));
        telemetry::start(&config.log, config.log_format);
        Ok(Self { config, registry: Arc::new(registry), clock: Arc::new(SystemClock) })
    }

    /// Opens the database and brings it up to date; on the very first start makes both it and the key, and says where
    /// they are.
    pub(crate) async fn open(&self) -> anyhow::Result<Opened> {
        let opened = self.open_in_passing().await?;
        if opened.first == key::Origin::Generated {
            note(format_args!(
                "PolicyKit keeps its data in {}; the key that seals secrets is in {} (keep a copy elsewhere)",
                match &self.config.database {
                    DatabaseUrl::File(path) => path.display().to_string(),
                    DatabaseUrl::Given(_) => "the configured database".to_owned(),
                },
                self.config.data_dir.join("secret.key").display()
            ));
        }
        Ok(opened)
    }

    /// As [`Context::open`], for what nobody will want to find again.
    pub(crate) async fn open_in_passing(&self) -> anyhow::Result<Opened> {
        let (key, first) = key::take(&self.config)?;
        let db = self.connect(Some(key)).await?;
        db.migrate().await.context("the database could not be brought up to date; nothing else was done")?;
        Ok(Opened { db, first })
    }

    /// Opens the database as it is.
    pub(crate) async fn connect(&self, key: Option<SealingKey>) -> anyhow::Result<Db> {
        if let DatabaseUrl::File(path) = &self.config.database
            && let Some(folder) = path.parent()
        {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the folder `{}` cannot be made; see `data_dir`", folder.display()))?;
        }
        let config = DbConfig { url: self.config.database.url().expose_secret().to_owned(), sealing: key };
        Db::open(&config).await.context("the database cannot be opened; see `database_url`")
    }

    /// An engine on this database, for a command that runs few policies or none.
    pub(crate) fn engine(&self, db: Db) -> anyhow::Result<Engine> {
        Ok(self.engine_with(db, sandbox::make(&self.config)?))
    }

    /// An engine on this database, once it is certain that policies can be run.
    pub(crate) fn engine_for_good(&self, db: Db) -> anyhow::Result<Engine> {
        Ok(self.engine_with(db, sandbox::ready(&self.config)?))
    }

    fn engine_with(&self, db: Db, sandbox: Arc<dyn Sandbox>) -> Engine {
        let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
        let numbers = self.config.engine;
        let node = NodeId::from_uuid(ids.uuid(self.clock.now()));
        let options = Options {
            lease_ttl: numbers.lease,
            heartbeat: numbers.heartbeat,
            http_timeout: numbers.http_timeout,
            poll: numbers.poll,
            // A port that is still to be chosen is no address.
            address: (self.config.public_url.is_some() || self.config.listen.port() != 0)
                .then(|| self.config.base_url(None)),
            ..Options::new(node)
        };
        Engine::new(Deps {
            db,
            registry: Arc::clone(&self.registry),
            sandbox,
            clock: Arc::clone(&self.clock),
            ids,
            apps: self.apps(),
            options,
        })
    }

    /// Server-wide settings of the platforms.
    pub(crate) fn apps(&self) -> std::collections::BTreeMap<String, AppConfig> {
        self.config
            .platforms
            .iter()
            .map(|(id, p)| (id.clone(), AppConfig { settings: p.settings.clone(), secrets: p.secrets.clone() }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_asked_for_in_the_section_of_its_platform() {
        let registry = integrations(Duration::from_secs(1)).unwrap();
        let id = registry.descriptors().find(|d| d.preview).unwrap().id;
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = |answer: &str| {
            std::fs::write(file.path(), format!("[platforms.{id}]\n{PREVIEW} = \"{answer}\"\n")).unwrap();
            let config = Config::load(Some(file.path()), std::iter::empty(), &names(&registry)).unwrap();
            previews(&config).map(|asked| asked.contains(id)).map_err(|e| e.to_string())
        };
        assert_eq!((said("true"), said("false")), (Ok(true), Ok(false)));
        assert!(said("perhaps").unwrap_err().contains("leave it out"));
    }
}
