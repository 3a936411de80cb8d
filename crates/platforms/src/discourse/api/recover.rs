//! Bringing back what was deleted.
//!
//! What its author deleted stays on the forum with other words in it: bringing it back gives it its own words again, and the
//! forum tells that as an edit too. The answer says what the edit will be known by, so that it is not somebody's.

use policykit_core::call::PlannedCall;
use serde_json::{Value, json};

use super::{Trouble, Web, confirm::is_so, edits::first_post, need, send::nothing_done};
use crate::{
    discourse::{actions::RECOVER_POST, echo},
    http::Payload,
};

/// Brings it back. A refusal is success where it is there already.
pub(super) async fn recover(web: &Web<'_>, call: &PlannedCall) -> Result<Value, Trouble> {
    let path = match call.operation.as_str() {
        RECOVER_POST => format!("posts/{}/recover.json", need(&call.args, "post_id")?),
        _ => format!("t/{}/recover.json", need(&call.args, "topic_id")?),
    };
    let post = post_of(web, call).await.map_err(nothing_done)?;
    let before = match post {
        Some(post) => web.get(&format!("posts/{post}.json"), Vec::new()).await.map_err(nothing_done)?,
        None => Value::Null,
    };
    let by_author = before.get("user_deleted").and_then(Value::as_bool) == Some(true);
    match web.change(&path, Payload::Put(json!({}))).await {
        Ok(_) if !by_author => Ok(json!({})),
        Ok(_) => Ok(rewritten(web, post).await),
        Err(refused @ Trouble::Refused { .. }) => match is_so(web, call).await? {
            true => Ok(json!({ "already": true, "post_id": post, "is": echo::ANYTHING })),
            false => Err(refused),
        },
        Err(trouble) => Err(trouble),
    }
}

/// The answer of a call that brought something back some time ago. Whether it was the author who had deleted it can be seen
/// no longer.
pub(super) async fn recovered(web: &Web<'_>, call: &PlannedCall) -> Result<Value, Trouble> {
    Ok(json!({ "post_id": post_of(web, call).await?, "is": echo::ANYTHING }))
}

/// The post that it is about: of a topic the first.
async fn post_of(web: &Web<'_>, call: &PlannedCall) -> Result<Option<i64>, Trouble> {
    if call.operation == RECOVER_POST {
        return need(&call.args, "post_id").map(Some);
    }
    let topic = web.get(&format!("t/{}.json", need(&call.args, "topic_id")?), Vec::new()).await?;
    Ok(first_post(&topic))
}

/// What the edit will be known by. It is done: where it cannot be looked at, any next edit is taken for it.
async fn rewritten(web: &Web<'_>, post: Option<i64>) -> Value {
    let Some(post) = post else { return json!({}) };
    let now = web.get(&format!("posts/{post}.json"), Vec::new()).await.unwrap_or_default();
    let is = now.get("raw").and_then(Value::as_str).map_or(echo::ANYTHING.to_owned(), |raw| echo::digest(&[raw]));
    json!({ "post_id": post, "is": is })
}
