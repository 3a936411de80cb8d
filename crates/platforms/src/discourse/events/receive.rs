//! Verifying a delivery on its raw bytes.

use policykit_core::descriptor::WEBHOOK_SECRET;
use secrecy::ExposeSecret as _;

use crate::{
    platform::{Delivery, RawRequest, Receipt, Reject},
    signature::verify_hmac_sha256,
};

/// Longest name of an event, or of a delivery.
const MOST: usize = 100;

/// Verifies a delivery to the address of an installation, and says what to do with it.
pub(in crate::discourse) fn receive(request: RawRequest<'_>) -> Result<Receipt, Reject> {
    let stranger = |why: &str| Reject::Unauthenticated(why.to_owned());
    let home = request
        .home
        .ok_or_else(|| Reject::NotConfigured("a forum delivers to the address of its own community".to_owned()))?;
    let secret = home.credentials.get(WEBHOOK_SECRET).ok_or_else(|| stranger("there is no secret to check it with"))?;
    let signature = request.header("x-discourse-event-signature").ok_or_else(|| stranger("it has no signature"))?;
    let signature = signature.strip_prefix("sha256=").ok_or_else(|| stranger("its signature is of another kind"))?;
    verify_hmac_sha256(secret.expose_secret().as_bytes(), &[request.body], signature)
        .map_err(|bad| Reject::Unauthenticated(bad.to_string()))?;
    let name = |header: &str| {
        let value = request.header(header).filter(|value| !value.is_empty() && value.len() <= MOST);
        let is_plain = |value: &&str| value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        value.filter(is_plain).ok_or_else(|| Reject::Malformed(format!("`{header}` is missing or no name")))
    };
    let (of, event) = (name("x-discourse-event-type")?, name("x-discourse-event")?);
    if of == "ping" {
        return Ok(Receipt::Ignore);
    }
    if request.header("content-type").is_some_and(|kind| !kind.starts_with("application/json")) {
        return Err(Reject::ContentType(request.header("content-type").unwrap_or_default().to_owned()));
    }
    Ok(Receipt::Keep {
        delivery: Delivery {
            external_id: home.installation.external_id.clone(),
            key: name("x-discourse-event-id")?.to_owned(),
            kind: format!("{of}:{event}"),
            body: request.body.to_vec(),
        },
        answer: String::new(),
    })
}
