//! Sealing of secrets: what stands in the database is of no use without the key, and of no use in another place.

use std::{fmt, str::FromStr};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use crate::error::StoreError;

const KEY: usize = 32;
const NONCE: usize = 24;

/// The keys that seal and open secrets. New ones are sealed with the first; each names the key it was sealed with, so a
/// key can be replaced while older secrets still open.
pub struct SealingKey {
    keys: Vec<(String, SecretBox<[u8; KEY]>)>,
}

/// A sealed secret as it is stored.
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
}

/// Where a secret stands: opened in any other place it does not open.
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) row: &'a str,
    pub(crate) column: &'a str,
}

/// What is wrong with a text that should be keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("the secret key is empty; give `ID:` and 64 hexadecimal digits, made with `openssl rand -hex 32`")]
    Empty,
    /// One is not 32 bytes.
    #[error("the secret key `{0}` is not 64 hexadecimal digits; make one with `openssl rand -hex 32`")]
    Malformed(String),
    /// Two have the same name.
    #[error("two secret keys are called `{0}`; give each its own id")]
    Duplicate(String),
}

impl SealingKey {
    /// One key.
    pub fn new(id: &str, key: [u8; KEY]) -> Self {
        Self { keys: vec![(id.to_owned(), SecretBox::new(Box::new(key)))] }
    }

    /// Adds a key that only opens what was sealed with it.
    #[must_use]
    pub fn with_older(mut self, id: &str, key: [u8; KEY]) -> Self {
        self.keys.push((id.to_owned(), SecretBox::new(Box::new(key))));
        self
    }

    pub(crate) fn seal(&self, place: &Place<'_>, secret: &SecretString) -> Result<Sealed, StoreError> {
        let (key_id, key) = self.keys.first().ok_or_else(|| StoreError::corrupt("there is no key to seal with"))?;
        let mut nonce = [0_u8; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let aad = place.aad(key_id);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: &aad };
        let sealed = cipher(key)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::corrupt("the secret is too long to be sealed"))?;
        Ok(Sealed { key_id: key_id.clone(), nonce: nonce.to_vec(), sealed })
    }

    pub(crate) fn open(&self, place: &Place<'_>, sealed: &Sealed) -> Result<SecretString, StoreError> {
        let broken = |why: &str| StoreError::corrupt(format!("the secret in {place} cannot be opened: {why}"));
        let (_, key) = self.keys.iter().find(|(id, _)| *id == sealed.key_id).ok_or_else(|| {
            broken(&format!("it was sealed with the key `{}`, which is not configured", sealed.key_id))
        })?;
        let nonce: [u8; NONCE] = sealed.nonce.as_slice().try_into().map_err(|_| broken("its nonce is damaged"))?;
        let aad = place.aad(&sealed.key_id);
        let opened = cipher(key)
            .decrypt(&XNonce::from(nonce), Payload { msg: &sealed.sealed, aad: &aad })
            .map_err(|_| broken("the key is another one, or it was moved or changed"))?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| broken("it is not text"))
    }
}

fn cipher(key: &SecretBox<[u8; KEY]>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose_secret().into())
}

impl Place<'_> {
    fn aad(&self, key_id: &str) -> Vec<u8> {
        let mut aad = Vec::new();
        // Lengths keep the parts apart.
        for part in [self.table, self.row, self.column, key_id] {
            aad.extend((part.len() as u64).to_be_bytes());
            aad.extend(part.as_bytes());
        }
        aad
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` `{}` `{}`", self.table, self.row, self.column)
    }
}

impl FromStr for SealingKey {
    type Err = KeyError;

    /// `ID:HEX`, or several with commas between, the one that seals first. A single key may leave out its id.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<(String, SecretBox<[u8; KEY]>)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (id, digits) = part.split_once(':').unwrap_or(("default", part));
            let mut key = [0_u8; KEY];
            hex::decode_to_slice(digits, &mut key).map_err(|_| KeyError::Malformed(id.to_owned()))?;
            if keys.iter().any(|(known, _)| known == id) {
                return Err(KeyError::Duplicate(id.to_owned()));
            }
            keys.push((id.to_owned(), SecretBox::new(Box::new(key))));
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { keys }) }
    }
}

impl Clone for SealingKey {
    fn clone(&self) -> Self {
        let copy = |key: &SecretBox<[u8; KEY]>| SecretBox::new(Box::new(*key.expose_secret()));
        Self { keys: self.keys.iter().map(|(id, key)| (id.clone(), copy(key))).collect() }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("SealingKey").field("ids", &ids).finish_non_exhaustive()
    }
}

/// A fresh secret of 256 random bits, in hex.
pub fn fresh_secret() -> SecretString {
    let mut bits = [0_u8; KEY];
    rand::rng().fill_bytes(&mut bits);
    SecretString::from(hex::encode(bits))
}

#[cfg(test)]
mod tests;
