//! The key pair of one journey: the forum encrypts what it grants to it, so that nobody on the way can read it.
//!
//! A pair is made for every journey, kept sealed until the browser is back, decrypts one answer and is forgotten.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{
    PrivateKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use tokio::sync::Semaphore;

/// Length of a key. What is granted fits into one block of it, and the pair lives for minutes.
const BITS: usize = 2048;
/// How many pairs are made at a time: whoever sets out costs a good part of a second of one processor.
const AT_A_TIME: usize = 2;

/// A fresh pair.
pub(super) struct Pair {
    /// To be kept until the browser is back.
    pub(super) private: SecretString,
    /// For the forum.
    pub(super) public: String,
}

/// Makes a pair, away from the threads that answer requests.
pub(super) async fn fresh() -> Result<Pair, String> {
    static TURNS: OnceLock<Semaphore> = OnceLock::new();
    let failed = |error: &dyn std::fmt::Display| format!("no key pair could be made: {error}");
    let _turn = TURNS.get_or_init(|| Semaphore::new(AT_A_TIME)).acquire().await.map_err(|e| failed(&e))?;
    tokio::task::spawn_blocking(make).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
}

fn make() -> Result<Pair, String> {
    let key = PrivateKey::new(&mut getrandom::SysRng, BITS).map_err(|e| e.to_string())?;
    let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| e.to_string())?;
    let public = key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|e| e.to_string())?;
    Ok(Pair { private: SecretString::from(private.as_str()), public })
}

/// What was encrypted to a pair: base64, perhaps broken into lines. `None` when it was not meant for it.
pub(super) fn open(private: &SecretString, payload: &str) -> Option<Vec<u8>> {
    let key = PrivateKey::from_pkcs8_pem(private.expose_secret()).ok()?;
    let packed: String = payload.split_whitespace().collect();
    key.oaep_decrypt::<Sha1>(&STANDARD.decode(packed).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use rsa::{PublicKey, pkcs8::DecodePublicKey as _};

    use super::*;

    #[tokio::test]
    async fn what_is_encrypted_to_a_pair_is_read_with_it_and_with_no_other() {
        let (ours, other) = (fresh().await.unwrap(), fresh().await.unwrap());
        assert_ne!(ours.public, other.public);
        let public = PublicKey::from_public_key_pem(&ours.public).unwrap();
        let sealed = STANDARD.encode(public.oaep_encrypt::<Sha1>(b"the key").unwrap());
        let broken = format!("{}\n{}\n", &sealed[..60], &sealed[60..]);
        for text in [&sealed, &broken] {
            assert_eq!(open(&ours.private, text).as_deref(), Some(&b"the key"[..]));
            assert_eq!(open(&other.private, text), None);
        }
        for text in ["", "!", "AAAA", &sealed[4..]] {
            assert_eq!(open(&ours.private, text), None, "{text}");
        }
    }
}
