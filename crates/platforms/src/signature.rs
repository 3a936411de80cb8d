//! Signatures of deliveries: checked on the raw bytes, before anything is parsed, in constant time.

use hmac::{Hmac, KeyInit, Mac};
use policykit_core::Timestamp;
use sha2::Sha256;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// It is not hexadecimal of the right length.
    #[error("the signature is not written as it should be")]
    Unreadable,
    /// It was made with another secret or over another body.
    #[error("the signature does not match the body")]
    Wrong,
    /// It was made too long ago, or lies in the future.
    #[error("{}", stale(*.0))]
    Stale(i64),
}

fn stale(away: i64) -> String {
    match away {
        0.. => format!("the signature is older than five minutes ({away} seconds); check the clock"),
        _ => {
            format!("the signature is more than five minutes ahead ({} seconds); check the clock", away.unsigned_abs())
        }
    }
}

/// Checks an HMAC-SHA256 in hexadecimal over the concatenation of `parts`.
///
/// # Errors
/// [`BadSignature`] when it is unreadable or wrong.
pub fn verify_hmac_sha256(secret: &[u8], parts: &[&[u8]], hex_signature: &str) -> Result<(), BadSignature> {
    let given = hex::decode(hex_signature).map_err(|_| BadSignature::Unreadable)?;
    if given.len() != 32 {
        return Err(BadSignature::Unreadable);
    }
    // HMAC takes keys of any length, so this cannot fail; if it did, nothing would verify.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| BadSignature::Wrong)?;
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(&given).map_err(|_| BadSignature::Wrong)
}

/// Checks that a request was signed at most `window_secs` before or after `now`.
///
/// # Errors
/// [`BadSignature::Stale`] with the distance in seconds.
pub fn check_fresh(signed_at_secs: i64, now: Timestamp, window_secs: i64) -> Result<(), BadSignature> {
    let away = now.secs().saturating_sub(signed_at_secs);
    if away.saturating_abs() > window_secs { Err(BadSignature::Stale(away)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/signature-vectors.json");

    #[test]
    fn published_signatures_are_accepted_and_any_change_is_not() {
        let Ok(text) = std::fs::read_to_string(VECTORS) else {
            eprintln!("skipped: {VECTORS} is absent");
            return;
        };
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let field = |platform: &str, name: &str| vectors[platform][name].as_str().unwrap_or_default().to_owned();
        let (secret, body) = (field("github", "secret"), field("github", "body"));
        let signature = field("github", "signature").replace("sha256=", "");
        assert_eq!(verify_hmac_sha256(secret.as_bytes(), &[body.as_bytes()], &signature), Ok(()));

        let (secret, body, at) = (field("slack", "secret"), field("slack", "body"), field("slack", "timestamp"));
        let signature = field("slack", "signature").replace("v0=", "");
        let parts: [&[u8]; 4] = [b"v0:", at.as_bytes(), b":", body.as_bytes()];
        assert_eq!(verify_hmac_sha256(secret.as_bytes(), &parts, &signature), Ok(()));
        assert_eq!(verify_hmac_sha256(b"other", &parts, &signature), Err(BadSignature::Wrong));
        let changed: [&[u8]; 3] = [b"v0:", b"1531420619:", body.as_bytes()];
        assert_eq!(verify_hmac_sha256(secret.as_bytes(), &changed, &signature), Err(BadSignature::Wrong));
    }

    #[test]
    fn a_known_signature_is_accepted_without_the_published_ones() {
        // RFC 4231, test case 2.
        let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(verify_hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"], signature), Ok(()));
        assert_eq!(verify_hmac_sha256(b"Jefe", &[b"what do ya want"], signature), Err(BadSignature::Wrong));
    }

    #[test]
    fn unreadable_signatures_are_told_apart_from_wrong_ones() {
        for text in ["", "zz", "5bdcc1", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384300"] {
            assert_eq!(verify_hmac_sha256(b"k", &[b"b"], text), Err(BadSignature::Unreadable), "{text}");
        }
    }

    #[test]
    fn the_window_holds_in_both_directions() {
        let now = Timestamp::from_secs(10_000);
        assert_eq!(check_fresh(9_700, now, 300), Ok(()));
        assert_eq!(check_fresh(10_300, now, 300), Ok(()));
        assert_eq!(check_fresh(9_699, now, 300), Err(BadSignature::Stale(301)));
        assert_eq!(check_fresh(10_301, now, 300), Err(BadSignature::Stale(-301)));
        assert!(check_fresh(i64::MIN, now, 300).is_err());
    }
}
