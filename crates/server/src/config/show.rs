//! The configuration as it is in force, for `config show`. Secrets appear as dots, never as themselves.

use secrecy::ExposeSecret;

use super::{Config, DatabaseUrl, Given, KeySource, LogFormat, names::SETTINGS};

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The setting, as a dotted path.
    pub path: String,
    /// Its value, quoted as in the file; secrets as dots.
    pub value: String,
    /// Where it comes from: `file`, `environment`, `default`.
    pub origin: &'static str,
}

const HIDDEN: &str = "\"••••••••\"";

/// The dotted paths of everything a configuration holds.
pub(super) fn paths(config: &Config) -> Vec<String> {
    SETTINGS
        .iter()
        .map(|s| s.name.to_owned())
        .chain(config.platforms.iter().flat_map(|(id, platform)| {
            platform.settings.keys().chain(platform.secrets.keys()).map(move |name| format!("platforms.{id}.{name}"))
        }))
        .collect()
}

/// The configuration, a line a setting.
pub fn lines(config: &Config) -> Vec<Line> {
    paths(config)
        .into_iter()
        .filter_map(|path| {
            let value = value(config, &path)?;
            let origin = match config.given(&path) {
                Some(Given::File) => "file",
                Some(Given::Environment) => "environment",
                None => "default",
            };
            Some(Line { path, value, origin })
        })
        .collect()
}

fn value(config: &Config, path: &str) -> Option<String> {
    let quoted = |text: &str| Some(format!("{text:?}"));
    let millis = |duration: std::time::Duration| Some(duration.as_millis().to_string());
    match path {
        "database_url" => quoted(&without_password(&config.database)),
        "public_url" => quoted(&config.base_url(None)),
        "listen" => quoted(&config.listen.to_string()),
        "trusted_proxies" => Some(format!("{:?}", config.trusted_proxies.words())),
        "secret_key" => matches!(config.secret_key, KeySource::Given(_)).then(|| HIDDEN.to_owned()),
        "secret_key_file" => match &config.secret_key {
            KeySource::Named(path) | KeySource::Generated(path) => quoted(&path.display().to_string()),
            KeySource::Given(_) => None,
        },
        "data_dir" => quoted(&config.data_dir.display().to_string()),
        "log" => quoted(&config.log),
        "log_format" => quoted(match config.log_format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }),
        "registration" => quoted(config.registration.word()),
        "sandbox" => quoted(config.sandbox.word()),
        "sandbox_memory_mib" => Some(config.sandbox_memory.to_string()),
        "sandbox_cpu_ms" => millis(config.sandbox_cpu),
        "engine.lease_ms" => millis(config.engine.lease),
        "engine.heartbeat_ms" => millis(config.engine.heartbeat),
        "engine.http_timeout_ms" => millis(config.engine.http_timeout),
        "engine.poll_ms" => millis(config.engine.poll),
        _ => {
            let (id, name) = path.strip_prefix("platforms.")?.rsplit_once('.')?;
            let platform = config.platforms.get(id)?;
            match platform.settings.get(name) {
                Some(text) => quoted(text),
                None => platform.secrets.get(name).map(|_| HIDDEN.to_owned()),
            }
        }
    }
}

/// The database's address for people: user name and password left out.
pub(crate) fn without_password(database: &DatabaseUrl) -> String {
    let url = database.url();
    let text = url.expose_secret();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            // The query may hold a password too (`?password=`).
            let rest = rest.split('?').next().unwrap_or_default();
            let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{rest}")
        }
        None => text.to_owned(),
    }
}
