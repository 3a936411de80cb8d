//! The forum's own page on which somebody grants a key: to install PolicyKit, or only to show who they are.
//!
//! The forum encrypts the key to a pair that is made for the journey, with our nonce inside. A key with which somebody signs
//! in is asked one question and given back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use policykit_core::descriptor::Holder;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Key, Trouble, Web, inspect};
use crate::{
    discourse::{
        descriptor::{CLIENT_ID, URL, USER_API_KEY, scopes},
        keys,
    },
    http::{Http, Payload},
    place::Place,
    platform::{Arrival, ArrivalError, Arrived, CallError, Departure, Grant, Identity, Journey, Leaving},
};

/// What is asked of somebody who signs in.
const SIGN_IN_SCOPES: &str = "session_info";

/// The forum that is meant.
fn place(
    answers: &std::collections::BTreeMap<String, String>,
    app: &crate::platform::AppConfig,
) -> Result<Place, ArrivalError> {
    let url = answers.get(URL).map(|url| url.trim()).filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| ArrivalError::Unanswered("say which forum it is: enter its full URL".to_owned()))?;
    Place::at(url, app).map_err(ArrivalError::Unanswered)
}

/// The name under which the key of a journey is granted. A key that is granted under the name of an earlier one takes its
/// place, so every journey has a name of its own: nobody who signs in ends an installation.
fn client(nonce: &str) -> String {
    let digest = Sha256::digest(format!("client\n{nonce}"));
    format!("policykit-{}", URL_SAFE_NO_PAD.encode(digest.get(..15).unwrap_or_default()))
}

/// Where the browser is sent.
pub(in crate::discourse) async fn depart(departure: &Departure<'_>) -> Result<Leaving, ArrivalError> {
    let place = place(departure.answers, departure.app)?;
    let pair = keys::fresh().await.map_err(ArrivalError::Failed)?;
    let mut url = place.file("user-api-key/new").map_err(ArrivalError::Failed)?;
    let all: Vec<&str> = scopes().iter().filter(|s| s.holder == Holder::Installer).map(|s| s.name).collect();
    let scopes = match departure.journey {
        Journey::Install => all.join(","),
        Journey::SignIn => SIGN_IN_SCOPES.to_owned(),
    };
    url.query_pairs_mut()
        .append_pair("application_name", "PolicyKit")
        .append_pair("client_id", &client(departure.nonce))
        .append_pair("scopes", &scopes)
        .append_pair("public_key", &pair.public)
        .append_pair("nonce", departure.nonce)
        .append_pair("auth_redirect", departure.redirect_uri)
        .append_pair("padding", "oaep");
    Ok(Leaving { url: url.into(), keep: Some(pair.private), to: Some(place.address().to_owned()) })
}

/// What the browser brought back.
pub(in crate::discourse) async fn arrive(http: &Http, arrival: &Arrival<'_>) -> Result<Arrived, ArrivalError> {
    let place = place(arrival.answers, arrival.app)?;
    let payload = arrival.params.get("payload").filter(|payload| !payload.is_empty());
    let payload = payload.ok_or_else(|| ArrivalError::Forged("the forum's answer holds nothing".to_owned()))?;
    let private = arrival.kept.ok_or_else(|| ArrivalError::Forged("nothing was kept of the way there".to_owned()))?;
    let opened = keys::open(private, payload)
        .ok_or_else(|| ArrivalError::Forged("it is not meant for this journey".to_owned()))?;
    let granted: Value = serde_json::from_slice(&opened)
        .map_err(|_| ArrivalError::Forged("what the forum encrypted cannot be read".to_owned()))?;
    let field = |name: &str| granted.get(name).and_then(Value::as_str).unwrap_or_default();
    if !bool::from(field("nonce").as_bytes().ct_eq(arrival.nonce.as_bytes())) {
        return Err(ArrivalError::Forged("it answers another request".to_owned()));
    }
    if field("key").is_empty() {
        return Err(ArrivalError::Forged("the forum granted no key".to_owned()));
    }
    let (key, client) = (SecretString::from(field("key")), SecretString::from(client(arrival.nonce)));
    let web =
        Web::new(http, arrival.app, place.clone(), Some(Key::OfUser { key: key.clone(), client: client.clone() }));
    let whose = match inspect::who(&web).await {
        Ok(whose) => whose,
        Err(trouble) => {
            give_back(&web).await;
            return Err(unseen(&trouble));
        }
    };
    match arrival.journey {
        Journey::SignIn => {
            give_back(&web).await;
            Ok(Arrived::SignedIn(Identity { external_id: place.address().to_owned(), account: whose }))
        }
        Journey::Install if !whose.is_admin => {
            give_back(&web).await;
            Err(ArrivalError::NotAdmin {
                who: whose.name,
                community: place.name(),
                remedy: "ask an administrator of the forum to install PolicyKit".to_owned(),
            })
        }
        Journey::Install => match inspect::found(&web, &whose).await {
            Ok(inspection) => Ok(Arrived::Installed(Box::new(Grant {
                inspection,
                credentials: [(USER_API_KEY.to_owned(), key), (CLIENT_ID.to_owned(), client)].into(),
                installer: Some(whose),
            }))),
            Err(why) => {
                give_back(&web).await;
                Err(ArrivalError::Failed(why))
            }
        },
    }
}

/// Why nobody can be seen with a key that was just granted.
fn unseen(trouble: &Trouble) -> ArrivalError {
    match trouble {
        Trouble::Call(CallError::AccessLost { .. }) | Trouble::Refused { .. } => ArrivalError::Failed(
            "the forum granted a key that may not tell whose it is; an administrator has to allow the scope \
             `session_info` on the forum, in the settings for the user API"
                .to_owned(),
        ),
        Trouble::Call(_) => {
            ArrivalError::Failed(format!("the forum cannot be asked who you are: {}", trouble.describe()))
        }
    }
}

/// Gives a key back. What it was granted for is over either way, so nobody is held up when it does not work.
async fn give_back(web: &Web<'_>) {
    if let Err(trouble) = web.change("user-api-key/revoke", Payload::Json(json!({}))).await {
        tracing::warn!(error = %trouble.describe(), "discourse.journey.revoke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_journey_has_a_name_of_its_own_that_tells_nothing() {
        assert_ne!(client("a"), client("b"));
        assert_eq!(client("a"), client("a"));
        assert!(client("secret").len() < 40 && !client("secret").contains("secret"));
    }
}
