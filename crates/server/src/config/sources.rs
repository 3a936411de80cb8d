//! Where settings come from: a file and the environment. Both are checked for names nobody knows before they are read,
//! so that a misspelt setting is an answer and not a silence.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use figment::{
    Error as FigmentError, Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

use super::{
    ConfigError,
    names::{PLATFORM_SETTINGS, SETTINGS, nearest, platform_setting, variable},
};

/// What the configuration must know of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformNames {
    /// Its id.
    pub id: String,
    /// Names of what its installations are given. Their variables belong to `install`, not to the configuration.
    pub credentials: Vec<String>,
}

/// Reads the file. `None` is no file at all, which is fine.
pub(super) fn read_file(path: &Path) -> Result<Dict, ConfigError> {
    let text = fs::read_to_string(path).map_err(|e| ConfigError::Unreadable { path: path.to_owned(), source: e })?;
    let syntax = |message: &str| ConfigError::Syntax { path: path.to_owned(), message: bare(message) };
    let data = Toml::string(&text).data().map_err(|e| syntax(&e.kind.to_string()))?;
    Ok(data.into_values().next().unwrap_or_default())
}

/// First and last line of a parser's message: the lines between quote the file, which may hold secrets.
fn bare(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    match lines.as_slice() {
        [] => "not valid TOML".to_owned(),
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first}: {last}"),
    }
}

/// Refuses names in the file that nobody knows.
pub(super) fn check_file(path: &Path, data: &Dict, platforms: &[PlatformNames]) -> Result<(), ConfigError> {
    let unknown = |key: String, nearest: Option<String>| {
        Err(ConfigError::UnknownKey { key, place: format!("in `{}`", path.display()), nearest })
    };
    for (key, value) in data {
        match (key.as_str(), value) {
            ("engine", Value::Dict(_, inner)) => {
                for name in inner.keys() {
                    let full = format!("engine.{name}");
                    if !SETTINGS.iter().any(|s| s.name == full) {
                        return unknown(full.clone(), near(&full));
                    }
                }
            }
            ("platforms", Value::Dict(_, sections)) => {
                for (id, section) in sections {
                    if !platforms.iter().any(|p| p.id == *id) {
                        let known: Vec<String> = platforms.iter().map(|p| p.id.clone()).collect();
                        let guess = nearest(id, known.iter().map(String::as_str)).map(str::to_owned);
                        return Err(ConfigError::UnknownPlatform {
                            id: id.clone(),
                            path: path.to_owned(),
                            nearest: guess,
                            known,
                        });
                    }
                    for name in section.as_dict().into_iter().flat_map(Dict::keys) {
                        if platform_setting(name).is_none() {
                            let guess = nearest(name, PLATFORM_SETTINGS.iter().map(|(n, _)| *n));
                            return unknown(
                                format!("platforms.{id}.{name}"),
                                guess.map(|g| format!("platforms.{id}.{g}")),
                            );
                        }
                    }
                }
            }
            ("engine" | "platforms", _) => {}
            (name, _) if SETTINGS.iter().any(|s| s.name == name) => {}
            (name, _) => return unknown(name.to_owned(), near(name)),
        }
    }
    Ok(())
}

fn near(wrong: &str) -> Option<String> {
    nearest(wrong, SETTINGS.iter().map(|s| s.name).chain(["engine", "platforms"])).map(str::to_owned)
}

/// The settings found in the environment, by dotted path.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Picks ours out of the environment, and refuses what begins like ours and is unknown.
    pub(super) fn read(
        environment: impl IntoIterator<Item = (String, String)>,
        platforms: &[PlatformNames],
    ) -> Result<Self, ConfigError> {
        let mut known: BTreeMap<String, String> =
            SETTINGS.iter().map(|s| (variable(s.name), s.name.to_owned())).collect();
        for platform in platforms {
            for (name, _) in PLATFORM_SETTINGS {
                let path = format!("platforms.{}.{name}", platform.id);
                known.insert(variable(&path), path);
            }
        }
        let mut found = BTreeMap::new();
        for (name, value) in environment {
            if !name.starts_with("POLICYKIT_") || value.is_empty() {
                continue;
            }
            if let Some(path) = known.get(&name) {
                found.insert(path.clone(), value);
            } else if !is_somebody_elses(&name, &value, platforms) {
                return Err(ConfigError::UnknownKey {
                    nearest: nearest(&name, known.keys().map(String::as_str)).map(str::to_owned),
                    key: name,
                    place: "in the environment".to_owned(),
                });
            }
        }
        Ok(Self(found))
    }

    /// Whether this path was set here.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

/// Names that begin like ours and are read by somebody else: the command line, `install`, tests, and what Kubernetes
/// sets in every container for a service called `policykit`.
fn is_somebody_elses(name: &str, value: &str, platforms: &[PlatformNames]) -> bool {
    let rest = name.trim_start_matches("POLICYKIT_");
    let of_kubernetes = rest == "SERVICE_HOST"
        || rest.starts_with("SERVICE_PORT")
        || rest.starts_with("PORT_")
        || (rest == "PORT" && value.contains("://"));
    let of_install =
        platforms.iter().any(|p| p.credentials.iter().any(|c| variable(&format!("platforms.{}.{c}", p.id)) == name));
    rest == "CONFIG" || rest.starts_with("TEST_") || of_kubernetes || of_install
}

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, FigmentError> {
        let mut root = Dict::new();
        for (path, value) in &self.0 {
            // Always text: a secret of digits must not become a number.
            insert(&mut root, path, Value::from(value.as_str()));
        }
        Ok(Map::from([(Profile::Default, root)]))
    }
}

fn insert(dict: &mut Dict, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            dict.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = dict.entry(head.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The file to read: the one that was named, else `policykit.toml` here if there is one.
pub(super) fn choose_file(named: Option<&Path>) -> Option<PathBuf> {
    named.map_or_else(
        || Some(PathBuf::from("policykit.toml")).filter(|default| default.is_file()),
        |path| Some(path.to_owned()),
    )
}
