//! The address at which a forum tells us what happens: entered there for the community, where its key lets us.

use policykit_core::descriptor::WEBHOOK_SECRET;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::{Trouble, Web, number};
use crate::{
    http::{Http, Payload},
    platform::{CallError, SendContext},
};

const HOOKS: &str = "admin/api/web_hooks.json";

/// Has the forum tell us everything at this address, signed with our secret.
pub(in crate::discourse) async fn announce(http: &Http, address: &str, context: &SendContext) -> Result<(), CallError> {
    let web = Web::of(http, context);
    let secret = context.credentials.get(WEBHOOK_SECRET).map(|secret| secret.expose_secret().to_owned());
    let hook = json!({ "web_hook": {
        "payload_url": address,
        "content_type": 1,
        "secret": secret,
        "wildcard_web_hook": true,
        "verify_certificate": true,
        "active": true,
    }});
    match known(&web, |url| is_ours(url, context)).await? {
        Some(id) => web.change(&format!("admin/api/web_hooks/{id}.json"), Payload::Put(hook)).await?,
        None => web.change(HOOKS, Payload::Json(hook)).await?,
    };
    Ok(())
}

/// Takes our address off the forum.
pub(super) async fn withdraw(web: &Web<'_>, context: &SendContext) -> Result<(), Trouble> {
    if let Some(id) = known(web, |url| is_ours(url, context)).await? {
        web.change(&format!("admin/api/web_hooks/{id}.json"), Payload::Delete(Vec::new())).await?;
    }
    Ok(())
}

/// Whether an address is ours, also when our pages were elsewhere when it was entered.
fn is_ours(url: &str, context: &SendContext) -> bool {
    url.ends_with(&format!("/{}", context.installation.id))
}

/// The forum's number of the first address like this.
async fn known(web: &Web<'_>, is: impl Fn(&str) -> bool) -> Result<Option<i64>, Trouble> {
    let body = web.get(HOOKS, super::pairs(&[("limit", "1000")])).await?;
    let hooks = body.get("web_hooks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ours = hooks.iter().find(|hook| hook.get("payload_url").and_then(Value::as_str).is_some_and(&is));
    Ok(ours.and_then(|hook| number(hook, "id")))
}
