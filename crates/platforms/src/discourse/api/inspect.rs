//! Finding out which forum it is, and whose a key is.

use policykit_core::{JsonMap, community::Profile};
use serde_json::Value;

use super::{Key, Trouble, Web};
use crate::{
    discourse::{descriptor::URL, people::profile},
    http::Http,
    place::Place,
    platform::{Entered, Inspection},
};

/// Looks at what was entered: an address and a key.
pub(in crate::discourse) async fn inspect(http: &Http, entered: Entered<'_>) -> Result<Inspection, String> {
    let place = Place::at(entered.answers.get(URL).map(String::as_str).unwrap_or_default(), entered.app)?;
    let key = Key::of(entered.credentials).ok_or("there is no key; enter one that an administrator made")?;
    let web = Web::new(http, entered.app, place, Some(key));
    let whose = who(&web).await.map_err(|trouble| format!("the key cannot be used: {}", trouble.describe()))?;
    if !whose.is_admin {
        return Err(format!(
            "the key acts as `{}`, who does not administer the forum; use the name of an administrator",
            whose.name
        ));
    }
    found(&web, &whose).await
}

/// The forum as it calls itself, for somebody who administers it.
pub(super) async fn found(web: &Web<'_>, admin: &Profile) -> Result<Inspection, String> {
    let place = web.place.clone()?;
    let about = web
        .get("site/basic-info.json", Vec::new())
        .await
        .map_err(|trouble| format!("the forum does not say what it is called: {}", trouble.describe()))?;
    let title = about.get("title").and_then(Value::as_str).map(str::trim).filter(|title| !title.is_empty());
    let mut settings = JsonMap::new();
    settings.insert(URL.to_owned(), place.address().into());
    Ok(Inspection {
        external_id: place.address().to_owned(),
        name: title.map_or_else(|| place.name(), str::to_owned),
        acts_as: vec![admin.external_id.clone()],
        settings,
    })
}

/// Whose the key is.
pub(super) async fn who(web: &Web<'_>) -> Result<Profile, Trouble> {
    let body = web.get("session/current.json", Vec::new()).await?;
    body.get("current_user")
        .and_then(profile)
        .ok_or_else(|| Trouble::unknown("the forum does not say whose the key is"))
}
