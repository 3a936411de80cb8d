//! Configuration: `policykit.toml` and `POLICYKIT_*` variables, read into one tree, checked, and refused with a remedy.
//!
//! Variables win over the file. Nothing here opens a database or a socket, and no secret is ever put into a message.

mod names;
mod proxies;
mod show;
mod sources;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use figment::{
    Figment,
    error::{Actual, Kind},
    providers::Serialized,
};
use policykit_store::SealingKey;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};
use tracing_subscriber::filter::Targets;
use url::{Host, Url};

pub use proxies::Proxies;
pub use show::{Line, lines};
pub use sources::PlatformNames;

use names::{Holds, platform_setting, remedy};
pub(crate) use names::{PREVIEW, variable};
use proxies::Several;

/// How much memory each process that runs policies may take, in MiB. Two of them and a server stay below 400.
const SANDBOX_MEMORY: u64 = 128;

/// Everything the server can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the data is.
    pub database: DatabaseUrl,
    /// The address under which the server is reached, when it was given.
    pub public_url: Option<Url>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Which proxies in front of this server say for whom they ask.
    pub trusted_proxies: Proxies,
    /// Where the key that seals secrets comes from.
    pub secret_key: KeySource,
    /// Folder of the database file and of the generated key.
    pub data_dir: PathBuf,
    /// Filter of the log.
    pub log: String,
    /// Form of the log.
    pub log_format: LogFormat,
    /// The engine's numbers.
    pub engine: EngineNumbers,
    /// Who may connect a new community from a browser.
    pub registration: Registration,
    /// Where policy code runs.
    pub sandbox: Sandbox,
    /// How much memory each process that runs policies may take, in MiB.
    pub sandbox_memory: u64,
    /// How long a block may compute in one of them.
    pub sandbox_cpu: Duration,
    /// Server-wide settings per platform id.
    pub platforms: BTreeMap<String, PlatformSettings>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Which settings were given, and where.
    given: BTreeMap<String, Given>,
}

/// Where a setting was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// In the file.
    File,
    /// In the environment.
    Environment,
}

/// Where the data is.
#[derive(Debug, Clone)]
pub enum DatabaseUrl {
    /// An address that was given; it may hold a password.
    Given(SecretString),
    /// Nothing was given: a file in the data folder.
    File(PathBuf),
}

impl DatabaseUrl {
    /// The address to connect to.
    pub fn url(&self) -> SecretString {
        match self {
            Self::Given(url) => url.clone(),
            // In an address `%` begins an escape and `?` the parameters.
            Self::File(path) => {
                let path = path.display().to_string().replace('%', "%25").replace('?', "%3F");
                SecretString::from(format!("sqlite:{path}"))
            }
        }
    }
}

/// Where the key that seals secrets comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// It was given: 64 hexadecimal digits, or several keys as the store reads them (`ID:DIGITS,…`, the first one seals).
    Given(SecretString),
    /// It is in this file, which must exist.
    Named(PathBuf),
    /// Nothing was given: this file in the data folder, written on the first start.
    Generated(PathBuf),
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Who may connect a new community from a browser. The command line may always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Registration {
    /// Whoever administers one on its platform.
    Open,
    /// The same for the first one; then whoever is signed in as the operator of this server.
    #[default]
    Operator,
    /// Nobody.
    Closed,
}

impl Registration {
    /// As it is written in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Operator => "operator",
            Self::Closed => "closed",
        }
    }
}

/// Where policy code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// In child processes that the kernel holds.
    #[default]
    Workers,
    /// In the server itself.
    InProcess,
}

impl Sandbox {
    /// As it is written in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::InProcess => "in-process",
        }
    }
}

/// The engine's numbers. All but the poll matter when several nodes share a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineNumbers {
    /// How long work stays with a node that is not heard of.
    pub lease: Duration,
    /// How often a node says that it lives.
    pub heartbeat: Duration,
    /// How long an outbound request may take.
    pub http_timeout: Duration,
    /// How long to wait at most before looking for work nobody announced.
    pub poll: Duration,
}

/// Server-wide settings of one platform.
#[derive(Debug, Clone, Default)]
pub struct PlatformSettings {
    /// What may be shown.
    pub settings: BTreeMap<String, String>,
    /// What may not.
    pub secrets: BTreeMap<String, SecretString>,
}

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file `{}` cannot be read: {source}; name an existing file with `--config` or leave it out", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file `{}` is not valid TOML: {message}; values that are text need quotation marks", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and what, without the line itself.
        message: String,
    },
    /// A name nobody knows.
    #[error("there is no setting `{key}` ({place}); {}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// The name as it was written.
        key: String,
        /// Where it was written.
        place: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A section for a platform nobody knows.
    #[error("there is no platform `{id}` (in `{}`); {}", path.display(), platform_guess(nearest.as_deref(), known))]
    UnknownPlatform {
        /// The id as it was written.
        id: String,
        /// The file it was written in.
        path: PathBuf,
        /// What may have been meant.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A value that cannot be used.
    #[error("`{field}`{} {problem}; {remedy}", place(.field, *.given, .file.as_deref()))]
    Invalid {
        /// The setting, as a dotted path.
        field: String,
        /// Where it was given.
        given: Option<Given>,
        /// The file that was read, if any.
        file: Option<PathBuf>,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "remove it, or see `policykit config show` for the settings there are".to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}

fn platform_guess(nearest: Option<&str>, known: &[String]) -> String {
    nearest.map_or_else(
        || format!("there are: {}", known.join(", ")),
        |name| format!("did you mean `[platforms.{name}]`?"),
    )
}

fn place(field: &str, given: Option<Given>, file: Option<&Path>) -> String {
    match (given, file) {
        (Some(Given::Environment), _) => format!(" (`{}` in the environment)", variable(field)),
        (Some(Given::File), Some(path)) => format!(" (in `{}`)", path.display()),
        _ => String::new(),
    }
}

impl Config {
    /// Reads the file that was named, or `policykit.toml` here if there is one, and then the environment.
    ///
    /// # Errors
    /// The first thing that is wrong, with its remedy.
    pub fn load(
        named: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        platforms: &[PlatformNames],
    ) -> Result<Self, ConfigError> {
        Self::assemble(sources::choose_file(named), environment, platforms)
    }

    /// Reads these variables and no file, whatever lies in this folder.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn without_file(environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        Self::assemble(None, environment, &[])
    }

    fn assemble(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
        platforms: &[PlatformNames],
    ) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        let mut in_file = figment::value::Dict::new();
        if let Some(path) = &file {
            in_file = sources::read_file(path)?;
            sources::check_file(path, &in_file, platforms)?;
            figment = figment.merge(Serialized::defaults(in_file.clone()));
        }
        let variables = sources::Variables::read(environment, platforms)?;
        let given = |path: &str| {
            let in_file = figment::value::Value::from(in_file.clone()).find(path).is_some();
            variables.has(path).then_some(Given::Environment).or_else(|| in_file.then_some(Given::File))
        };
        let raw: Raw = figment.merge(variables.clone()).extract().map_err(|error| {
            let field = error.path.join(".");
            ConfigError::Invalid {
                problem: wrong_type(&error.kind),
                remedy: remedy(&field),
                given: given(&field),
                file: file.clone(),
                field,
            }
        })?;
        raw.check(file, &given)
    }

    /// The address under which the server is reached, without a slash at the end; `bound` is where it listens in fact.
    pub fn base_url(&self, bound: Option<SocketAddr>) -> String {
        if let Some(url) = &self.public_url {
            return url.as_str().trim_end_matches('/').to_owned();
        }
        let mut address = bound.unwrap_or(self.listen);
        if address.ip().is_unspecified() {
            // Listening everywhere includes here, and `0.0.0.0` is no address to open in a browser.
            address.set_ip(if address.is_ipv4() {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            } else {
                IpAddr::V6(Ipv6Addr::LOCALHOST)
            });
        }
        format!("http://{address}")
    }

    /// Where a setting was given, if it was.
    pub fn given(&self, path: &str) -> Option<Given> {
        self.given.get(path).copied()
    }
}

fn wrong_type(kind: &Kind) -> String {
    match kind {
        // The value itself is left out: it may be a secret.
        Kind::InvalidType(found, expected) => {
            let found = match found {
                Actual::Bool(_) => "true or false",
                Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_) => "a number",
                Actual::Char(_) | Actual::Str(_) => "text",
                Actual::Seq => "a list",
                Actual::Map => "a section",
                _ => "something else",
            };
            let expected = match expected.as_str() {
                "a string" | "path string" => "text",
                "a map" => "a section",
                other if other.starts_with("struct ") => "a section",
                other => other,
            };
            format!("must be {expected}, not {found}")
        }
        Kind::Message(message) => message.clone(),
        other => other.to_string(),
    }
}

/// The tree as it is written, before it is checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    database_url: Option<SecretString>,
    public_url: Option<String>,
    listen: Option<String>,
    trusted_proxies: Option<Several>,
    secret_key: Option<SecretString>,
    secret_key_file: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    log: Option<String>,
    log_format: Option<String>,
    registration: Option<String>,
    sandbox: Option<String>,
    sandbox_memory_mib: Option<Whole>,
    sandbox_cpu_ms: Option<Whole>,
    engine: RawEngine,
    platforms: BTreeMap<String, BTreeMap<String, SecretString>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEngine {
    lease_ms: Option<Whole>,
    heartbeat_ms: Option<Whole>,
    http_timeout_ms: Option<Whole>,
    poll_ms: Option<Whole>,
}

/// A whole number, written as one in the file or as digits in a variable.
#[derive(Debug, Clone, Copy)]
struct Whole(u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl de::Visitor<'_> for Number {
            type Value = u64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<u64, E> {
                Ok(v)
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<u64, E> {
                u64::try_from(v).map_err(|_| E::custom(format!("`{v}` is negative")))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<u64, E> {
                v.trim().parse().map_err(|_| E::custom(format!("`{v}` is not a whole number")))
            }
        }
        deserializer.deserialize_any(Number).map(Self)
    }
}

impl Raw {
    fn check(self, file: Option<PathBuf>, given: &dyn Fn(&str) -> Option<Given>) -> Result<Config, ConfigError> {
        let refuse = |field: &str, problem: String| ConfigError::Invalid {
            field: field.to_owned(),
            given: given(field),
            file: file.clone(),
            problem,
            remedy: remedy(field),
        };
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from("./data"));
        let database = match self.database_url {
            None => DatabaseUrl::File(data_dir.join("policykit.db")),
            Some(url) if ["sqlite:", "postgres:", "postgresql:"].iter().any(|s| url.expose_secret().starts_with(s)) => {
                DatabaseUrl::Given(url)
            }
            Some(_) => return Err(refuse("database_url", "is neither SQLite's nor PostgreSQL's".to_owned())),
        };
        let public_url = match self.public_url {
            None => None,
            Some(text) => Some(public_url(&text).map_err(|problem| refuse("public_url", problem))?),
        };
        let listen = match self.listen {
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            Some(text) => {
                text.parse().map_err(|_| refuse("listen", format!("is `{text}`, which is no address with a port")))?
            }
        };
        let trusted_proxies = match &self.trusted_proxies {
            None => Proxies::default(),
            Some(Several(texts)) => {
                Proxies::read(texts.iter().map(String::as_str)).map_err(|problem| refuse("trusted_proxies", problem))?
            }
        };
        let secret_key = match (self.secret_key, self.secret_key_file) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Invalid {
                    remedy: "give only one of `secret_key` and `secret_key_file`".to_owned(),
                    field: "secret_key".to_owned(),
                    given: given("secret_key"),
                    file: file.clone(),
                    problem: "is given together with `secret_key_file`".to_owned(),
                });
            }
            (Some(key), None) if key.expose_secret().parse::<SealingKey>().is_ok() => KeySource::Given(key),
            (Some(_), None) => return Err(refuse("secret_key", "is not a key".to_owned())),
            (None, Some(path)) => KeySource::Named(path),
            (None, None) => KeySource::Generated(data_dir.join("secret.key")),
        };
        let log_format = match self.log_format.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => return Err(refuse("log_format", format!("is `{other}`, which there is not"))),
        };
        let log = self.log.unwrap_or_else(|| "info".to_owned());
        if log.parse::<Targets>().is_err() {
            return Err(refuse("log", format!("is `{log}`, which is no filter")));
        }
        let registration = match self.registration.as_deref() {
            None => Registration::default(),
            Some("open") => Registration::Open,
            Some("operator") => Registration::Operator,
            Some("closed") => Registration::Closed,
            Some(other) => return Err(refuse("registration", format!("is `{other}`, which there is not"))),
        };
        let sandbox = match self.sandbox.as_deref() {
            None => Sandbox::default(),
            Some("workers") => Sandbox::Workers,
            Some("in-process") => Sandbox::InProcess,
            Some(other) => return Err(refuse("sandbox", format!("is `{other}`, which there is not"))),
        };
        let sandbox_memory = match self.sandbox_memory_mib {
            None => SANDBOX_MEMORY,
            // The compiler's stack alone takes 64.
            Some(Whole(mib)) if (96..=65_536).contains(&mib) => mib,
            Some(Whole(mib)) => return Err(refuse("sandbox_memory_mib", format!("is {mib}"))),
        };
        let sandbox_cpu = match self.sandbox_cpu_ms.map_or(200, |Whole(millis)| millis) {
            millis @ 10..=10_000 => Duration::from_millis(millis),
            millis => return Err(refuse("sandbox_cpu_ms", format!("is {millis}"))),
        };
        let engine = self.engine.check(&refuse)?;
        let platforms = self
            .platforms
            .into_iter()
            .map(|(id, section)| platform(&id, section, &refuse).map(|settings| (id, settings)))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let mut config = Config {
            database,
            public_url,
            listen,
            trusted_proxies,
            secret_key,
            data_dir,
            log,
            log_format,
            engine,
            registration,
            sandbox,
            sandbox_memory,
            sandbox_cpu,
            platforms,
            file,
            given: BTreeMap::new(),
        };
        config.given =
            show::paths(&config).into_iter().filter_map(|path| given(&path).map(|place| (path, place))).collect();
        Ok(config)
    }
}

impl RawEngine {
    fn check(self, refuse: &dyn Fn(&str, String) -> ConfigError) -> Result<EngineNumbers, ConfigError> {
        let take = |name: &str, value: Option<Whole>, default: u64| match value.map_or(default, |m| m.0) {
            0 => Err(refuse(&format!("engine.{name}"), "is 0".to_owned())),
            millis => Ok(Duration::from_millis(millis)),
        };
        let numbers = EngineNumbers {
            lease: take("lease_ms", self.lease_ms, 12_000)?,
            heartbeat: take("heartbeat_ms", self.heartbeat_ms, 5_000)?,
            http_timeout: take("http_timeout_ms", self.http_timeout_ms, 10_000)?,
            poll: take("poll_ms", self.poll_ms, 1_000)?,
        };
        if numbers.heartbeat * 2 > numbers.lease {
            return Err(ConfigError::Invalid {
                field: "engine.heartbeat_ms".to_owned(),
                // The two may come from two places.
                given: None,
                file: None,
                problem: "is more than half of `engine.lease_ms`, so one late heartbeat would lose the lease"
                    .to_owned(),
                remedy: "make the heartbeat shorter or the lease longer".to_owned(),
            });
        }
        Ok(numbers)
    }
}

fn platform(
    id: &str,
    section: BTreeMap<String, SecretString>,
    refuse: &dyn Fn(&str, String) -> ConfigError,
) -> Result<PlatformSettings, ConfigError> {
    let mut settings = PlatformSettings::default();
    for (name, value) in section {
        match platform_setting(&name) {
            Some(Holds::Secret) | None => {
                settings.secrets.insert(name, value);
            }
            Some(Holds::Address) => {
                let text = value.expose_secret().to_owned();
                let usable = Url::parse(&text).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
                if !usable {
                    let field = format!("platforms.{id}.{name}");
                    return Err(refuse(&field, format!("is `{text}`, which is no http or https address")));
                }
                settings.settings.insert(name, text);
            }
            Some(Holds::Text) => {
                settings.settings.insert(name, value.expose_secret().to_owned());
            }
        }
    }
    Ok(settings)
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("is `{text}`, which is no address ({e})"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("is `{text}`, which is no http or https address"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(format!("is `{text}`, but only scheme, host and port can be given"));
    }
    if url.scheme() == "http" && !is_here(&url) {
        return Err(format!("is `{text}`, but sign-in over plain http is safe only on this machine: it must be https"));
    }
    Ok(url)
}

/// Whether an address names this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
