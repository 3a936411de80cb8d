//! The names that may appear in the configuration, what each is for, and how a wrong one is answered.
//!
//! Platforms are not named here: their sections and variables are derived from the ids the registry gives.

/// A setting of the server itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its name in the file; in the environment `POLICYKIT_` and the name in capitals, dots as underscores.
    pub(crate) name: &'static str,
    /// What to give, as the remedy in a refusal.
    pub(crate) remedy: &'static str,
}

/// Everything but the platforms' sections.
pub(crate) const SETTINGS: [Setting; 17] = [
    Setting {
        name: "database_url",
        remedy: "give an address such as `sqlite:data/policykit.db` or `postgres://user:password@host/database`",
    },
    Setting {
        name: "public_url",
        remedy: "give the address under which people and platforms reach this server, such as `https://policykit.example.org`",
    },
    Setting { name: "listen", remedy: "give an address and a port, such as `127.0.0.1:8080`" },
    Setting {
        name: "trusted_proxies",
        remedy: "give the addresses or networks of the proxies in front of this server, such as `10.0.0.5` or `10.0.0.0/24`",
    },
    Setting { name: "secret_key", remedy: "give 64 hexadecimal digits, such as `openssl rand -hex 32` prints" },
    Setting { name: "secret_key_file", remedy: "give the path of a file that holds 64 hexadecimal digits" },
    Setting { name: "data_dir", remedy: "give the path of a folder for the database and the key, such as `./data`" },
    Setting { name: "log", remedy: "give a filter such as `info` or `info,policykit_engine=debug`" },
    Setting { name: "log_format", remedy: "give `text` or `json`" },
    Setting { name: "registration", remedy: "give `open`, `operator` or `closed`" },
    Setting { name: "sandbox", remedy: "give `workers` or `in-process`" },
    Setting { name: "sandbox_memory_mib", remedy: "give a whole number from 96 to 65536, such as `128`" },
    Setting { name: "sandbox_cpu_ms", remedy: "give a whole number of milliseconds from 10 to 10000, such as `200`" },
    Setting { name: "engine.lease_ms", remedy: "give a whole number of milliseconds, such as `12000`" },
    Setting { name: "engine.heartbeat_ms", remedy: "give a whole number of milliseconds, such as `5000`" },
    Setting { name: "engine.http_timeout_ms", remedy: "give a whole number of milliseconds, such as `10000`" },
    Setting { name: "engine.poll_ms", remedy: "give a whole number of milliseconds, such as `1000`" },
];

/// What kind of value a platform's setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Text that may be shown.
    Text,
    /// An address that may be shown.
    Address,
    /// Something that must never be shown.
    Secret,
}

/// What a platform's section may hold, whichever platform it is.
pub(crate) const PLATFORM_SETTINGS: [(&str, Holds); 10] = [
    ("client_id", Holds::Text),
    ("client_secret", Holds::Secret),
    ("signing_secret", Holds::Secret),
    ("public_key", Holds::Text),
    ("app_token", Holds::Secret),
    ("api_url", Holds::Address),
    ("authorize_url", Holds::Address),
    ("token_url", Holds::Address),
    ("allow_hosts", Holds::Text),
    (PREVIEW, Holds::Text),
];

/// Setting of a platform's own section by which an operator asks for what is a preview.
pub(crate) const PREVIEW: &str = "preview";

/// What a platform's setting holds; unknown names hold nothing.
pub(crate) fn platform_setting(name: &str) -> Option<Holds> {
    PLATFORM_SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, holds)| *holds)
}

/// The remedy for a setting, by its dotted path.
pub(crate) fn remedy(path: &str) -> String {
    if let Some(setting) = SETTINGS.iter().find(|s| s.name == path) {
        return setting.remedy.to_owned();
    }
    match path.rsplit_once('.') {
        Some((_, key)) if platform_setting(key) == Some(Holds::Address) => {
            "give an address such as `https://example.org/api/`".to_owned()
        }
        Some(("platforms", _)) | None => "write it as a section with a name and a value a line".to_owned(),
        Some(_) => "give it as text in quotation marks".to_owned(),
    }
}

/// The known name nearest to a wrong one, unless it is too far to be what was meant.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3))
        .min()
        .map(|(_, name)| name)
}

/// The variable for a dotted path: `platforms.x.api_url` is `POLICYKIT_X_API_URL`.
pub(crate) fn variable(path: &str) -> String {
    let path = path.strip_prefix("platforms.").unwrap_or(path);
    format!("POLICYKIT_{}", path.replace(['.', '-'], "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_recognised_and_a_far_one_is_not() {
        assert_eq!(nearest("lissen", ["listen", "log"]), Some("listen"));
        assert_eq!(nearest("databse_url", SETTINGS.iter().map(|s| s.name)), Some("database_url"));
        assert_eq!(nearest("colour", ["listen", "log"]), None);
    }

    #[test]
    fn variables_follow_from_paths() {
        assert_eq!(variable("listen"), "POLICYKIT_LISTEN");
        assert_eq!(variable("engine.lease_ms"), "POLICYKIT_ENGINE_LEASE_MS");
        assert_eq!(variable("platforms.town-hall.api_url"), "POLICYKIT_TOWN_HALL_API_URL");
    }
}
