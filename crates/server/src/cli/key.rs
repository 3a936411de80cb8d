//! The key that seals secrets: given, in a named file, or generated on the first start.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use anyhow::{Context as _, bail};
use policykit_store::SealingKey;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, DatabaseUrl, KeySource};

/// Whether the key was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was.
    Known,
    /// It has just been generated.
    Generated,
}

/// Reads the key; on the very first start generates it.
///
/// # Errors
/// When a file that should hold it does not, or a database is there without the key that belongs to it.
pub(crate) fn take(config: &Config) -> anyhow::Result<(SealingKey, Origin)> {
    match &config.secret_key {
        KeySource::Given(key) => Ok((parse(key)?, Origin::Known)),
        KeySource::Named(path) => Ok((read(path)?, Origin::Known)),
        KeySource::Generated(path) if path.exists() => Ok((read(path)?, Origin::Known)),
        KeySource::Generated(path) => {
            if let DatabaseUrl::File(database) = &config.database
                && database.exists()
            {
                bail!(
                    "the key that opens the secrets in `{}` is missing; put it back as `{}`, or move the database away to start anew",
                    database.display(),
                    path.display()
                );
            }
            generate(path)
        }
    }
}

/// Reads the key without ever generating one.
pub(crate) fn find(config: &Config) -> anyhow::Result<SealingKey> {
    match &config.secret_key {
        KeySource::Given(key) => parse(key),
        KeySource::Named(path) | KeySource::Generated(path) => read(path),
    }
}

fn read(path: &Path) -> anyhow::Result<SealingKey> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("the key file `{}` cannot be read; see `secret_key_file`", path.display()))?;
    // The store says what is wrong with a key without quoting it.
    parse(&SecretString::from(text.trim())).with_context(|| format!("the key file `{}` holds no key", path.display()))
}

fn parse(key: &SecretString) -> anyhow::Result<SealingKey> {
    Ok(key.expose_secret().parse()?)
}

fn generate(path: &Path) -> anyhow::Result<(SealingKey, Origin)> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("the folder `{}` cannot be made; see `data_dir`", folder.display()))?;
    }
    let key = hex::encode(rand::random::<[u8; 32]>());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Ok(file) => file,
        // Another process starting at the same moment was faster: its key is the key.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok((read(path)?, Origin::Known)),
        Err(error) => {
            return Err(error).with_context(|| format!("the key file `{}` cannot be written", path.display()));
        }
    };
    writeln!(file, "{key}")?;
    file.sync_all()?;
    Ok((parse(&SecretString::from(key))?, Origin::Generated))
}

/// Whether others on this machine may read the key file.
pub(crate) fn readable_by_others(config: &Config) -> bool {
    let (KeySource::Named(path) | KeySource::Generated(path)) = &config.secret_key else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path) -> Config {
        let environment = [("POLICYKIT_DATA_DIR".to_owned(), folder.join("data").display().to_string())];
        Config::load(None, environment, &[]).expect("valid")
    }

    #[test]
    fn the_first_start_writes_a_key_that_only_its_owner_can_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path());
        assert_eq!(take(&config).expect("a key").1, Origin::Generated);
        assert!(!readable_by_others(&config));
        let file = folder.path().join("data/secret.key");
        let first = fs::read_to_string(&file).expect("it is there");
        assert_eq!(take(&config).expect("the same").1, Origin::Known);
        assert_eq!(fs::read_to_string(&file).expect("it is there"), first);
        find(&config).expect("the same");
    }

    #[test]
    fn a_database_without_its_key_is_not_opened_with_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path());
        fs::create_dir_all(folder.path().join("data")).expect("the folder");
        fs::write(folder.path().join("data/policykit.db"), "x").expect("the file");
        let said = take(&config).expect_err("it is refused").to_string();
        assert!(said.contains("is missing; put it back as"), "{said}");
        assert!(!folder.path().join("data/secret.key").exists());
    }

    #[test]
    fn a_key_file_with_something_else_in_it_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path());
        fs::create_dir_all(folder.path().join("data")).expect("the folder");
        fs::write(folder.path().join("data/secret.key"), "hunter2").expect("the file");
        let said = format!("{:#}", take(&config).expect_err("it is refused"));
        assert!(said.contains("is not 64 hexadecimal digits") && !said.contains("hunter2"), "{said}");
    }
}
