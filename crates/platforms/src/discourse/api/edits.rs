//! Undoing edits. The forum keeps what was there before in revisions, and puts back what was there before one of them; what
//! is newer than the edit is left alone.

use policykit_core::{JsonMap, state::Undoing};
use serde_json::{Value, json};

use super::{Trouble, Web, need, number, send::nothing_done};
use crate::{
    discourse::{
        actions::{id, texts, whole_text},
        echo,
    },
    http::Payload,
    platform::SendContext,
};

/// The first revision that there can be: the first version is none.
const FIRST: i64 = 2;

/// What is to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Before {
    /// What was there before this revision.
    Revision(i64),
    /// This text, which a change that stands has given it within the same revision.
    Text(String),
}

/// Puts back what a post said before an edit, unless it says something else by now.
pub(super) async fn undo_post(web: &Web<'_>, args: &JsonMap, context: &SendContext) -> Result<Value, Trouble> {
    let post = need(args, "post_id")?;
    let now = web.get(&format!("posts/{post}.json"), Vec::new()).await.map_err(nothing_done)?;
    if !says(&now, args) {
        return Ok(replaced());
    }
    match before(need(args, "revision")?, context.undoing.as_ref()) {
        Before::Text(text) => {
            let body = json!({ "post": { "raw": text } });
            web.change(&format!("posts/{post}.json"), Payload::Put(body)).await?;
        }
        Before::Revision(revision) if revision >= FIRST && number(&now, "post_number") == Some(1) => {
            let topic =
                number(&now, "topic_id").ok_or_else(|| Trouble::retry(60_000, "the forum does not show the topic"))?;
            return undo_first_post(web, topic, post, revision).await;
        }
        Before::Revision(revision) if revision >= FIRST => put_back(web, post, revision).await?,
        Before::Revision(_) => return Err(no_revision()),
    }
    // It is done: where it cannot be looked at, any next edit is taken for it.
    let then = web.get(&format!("posts/{post}.json"), Vec::new()).await.unwrap_or_default();
    let said = then.get("raw").and_then(Value::as_str);
    Ok(said.map_or_else(|| json!({}), |said| json!({ "is": echo::digest(&[said]) })))
}

/// Puts back what the first post of a topic said. The forum keeps title, category and tags in the same revisions, and a change
/// of those in the same minutes in the very same one: it puts all of it back, and tells only that the topic was changed. They
/// were not what was undone, so they become again what they were.
async fn undo_first_post(web: &Web<'_>, topic: i64, post: i64, revision: i64) -> Result<Value, Trouble> {
    let was = web.get(&format!("t/{topic}.json"), Vec::new()).await.map_err(nothing_done)?;
    put_back(web, post, revision).await?;
    let mut reply = json!({ "topic_id": topic, "topic_is": [] });
    let then = web.get(&format!("t/{topic}.json"), Vec::new()).await.map_err(|trouble| half_done(&trouble))?;
    let changes = differing(&was, &then);
    let is = match changes.is_empty() {
        false => {
            web.change(&format!("t/-/{topic}.json"), Payload::Put(changes.into()))
                .await
                .map_err(|trouble| half_done(&trouble))?;
            reply = json!({ "topic_id": topic, "topic_is": [digest_of(&then), digest_of(&was)] });
            None
        }
        true => {
            let then = web.get(&format!("posts/{post}.json"), Vec::new()).await.unwrap_or_default();
            let said = then.get("raw").and_then(Value::as_str);
            Some(said.map_or_else(|| echo::ANYTHING.to_owned(), |said| echo::digest(&[said])))
        }
    };
    if let (Some(reply), Some(is)) = (reply.as_object_mut(), is) {
        reply.insert("is".to_owned(), is.into());
    }
    Ok(reply)
}

/// Of title, category and tags, what a topic has to be given to be again what it was.
fn differing(was: &Value, now: &Value) -> JsonMap {
    let mut changes = JsonMap::new();
    let title = |topic: &Value| topic.get("title").and_then(Value::as_str).map(str::to_owned);
    if title(was) != title(now) {
        changes.insert("title".to_owned(), title(was).into());
    }
    if number(was, "category_id") != number(now, "category_id") {
        changes.insert("category_id".to_owned(), number(was, "category_id").into());
    }
    let tags = |topic: &Value| {
        let mut all = texts(topic.get("tags"));
        all.sort_unstable();
        all
    };
    if tags(was) != tags(now) {
        // A form has no empty list: an empty name stands for one.
        let tags = tags(was);
        changes.insert("tags".to_owned(), if tags.is_empty() { json!([""]) } else { json!(tags) });
    }
    changes
}

/// What to put back. What is undone, is being undone or waits for a decision is passed over.
fn before(revision: i64, undoing: Option<&Undoing>) -> Before {
    let Some(undoing) = undoing else { return Before::Revision(revision) };
    let mut earlier: Vec<_> =
        undoing.others.iter().filter(|other| other.happened_at < undoing.change.happened_at).collect();
    earlier.sort_by_key(|other| std::cmp::Reverse(other.happened_at));
    let mut lowest = revision;
    for other in earlier {
        let Some(its) = id(&other.fields, "revision") else { break };
        match other.stands_since() {
            // The forum took both for one revision: what is before that is not what stands.
            Some(_) if its >= lowest => return Before::Text(other.value.clone()),
            Some(_) => break,
            // Only what followed at once: what came in between and is not known counts as one that stands.
            None if its + 1 >= lowest => lowest = its.min(lowest),
            None => break,
        }
    }
    Before::Revision(lowest)
}

/// Whether a post does not say any more what an edit had it say.
pub(super) async fn post_is_undone(web: &Web<'_>, args: &JsonMap) -> Result<Option<Value>, Trouble> {
    let now = web.get(&format!("posts/{}.json", need(args, "post_id")?), Vec::new()).await?;
    if says(&now, args) {
        return Ok(None);
    }
    let said = now.get("raw").and_then(Value::as_str).unwrap_or_default();
    let mut reply = json!({ "is": echo::digest(&[said]) });
    // What was put back with the words of a first post cannot be seen any more.
    if let (Some(1), Some(topic), Some(reply)) =
        (number(&now, "post_number"), number(&now, "topic_id"), reply.as_object_mut())
    {
        reply.insert("topic_id".to_owned(), topic.into());
        reply.insert("topic_is".to_owned(), json!([echo::ANYTHING]));
    }
    Ok(Some(reply))
}

fn says(post: &Value, args: &JsonMap) -> bool {
    let wanted = whole_text(args, "raw").unwrap_or_default();
    post.get("raw").and_then(Value::as_str).is_some_and(|raw| raw.trim() == wanted.trim())
}

/// Puts back title, category and tags that a topic had before an edit, unless it has others by now.
pub(super) async fn undo_topic(web: &Web<'_>, args: &JsonMap) -> Result<Value, Trouble> {
    let topic = need(args, "topic_id")?;
    let now = web.get(&format!("t/{topic}.json"), Vec::new()).await.map_err(nothing_done)?;
    if !is_as(&now, args) {
        return Ok(replaced());
    }
    let post = first_post(&now).ok_or_else(|| Trouble::retry(60_000, "the forum does not show the first post"))?;
    let latest = match web.get(&format!("posts/{post}/revisions/latest.json"), Vec::new()).await {
        Ok(latest) => latest,
        Err(trouble) if trouble.is_missing() => return Err(no_revision()),
        Err(trouble) => return Err(nothing_done(trouble)),
    };
    let has = |name: &str| latest.get(name).is_some_and(|change| !change.is_null());
    let is_of_topic = has("category_id_changes") || has("tags_changes") || is_retitled(&latest);
    match number(&latest, "current_revision").filter(|_| is_of_topic) {
        Some(revision) if revision >= FIRST => {
            let before = web.get(&format!("posts/{post}.json"), Vec::new()).await.map_err(nothing_done)?;
            put_back(web, post, revision).await?;
            let mut reply = known_by(web, topic).await;
            // The words of the same revision were not what was undone.
            let after =
                web.get(&format!("posts/{post}.json"), Vec::new()).await.map_err(|trouble| half_done(&trouble))?;
            let raw = |post: &Value| post.get("raw").and_then(Value::as_str).map(str::to_owned);
            if let (Some(was), true) = (raw(&before), raw(&before) != raw(&after)) {
                let body = json!({ "post": { "raw": was } });
                web.change(&format!("posts/{post}.json"), Payload::Put(body))
                    .await
                    .map_err(|trouble| half_done(&trouble))?;
                if let Some(reply) = reply.as_object_mut() {
                    reply.insert("post_id".to_owned(), post.into());
                    reply.insert("post_is".to_owned(), echo::digest(&[&was]).into());
                }
            }
            Ok(reply)
        }
        _ => Err(no_revision()),
    }
}

/// Whether a revision of a first post gave the topic another title. The forum shows the title of each, and marks what is new.
fn is_retitled(revision: &Value) -> bool {
    let shown = revision.get("title_changes").and_then(|title| title.get("inline")).and_then(Value::as_str);
    let marks = ["<ins>", "<del>", "class=\"diff-ins", "class=\"diff-del"];
    // Signs of markup within a title are written in another way.
    shown.is_some_and(|shown| marks.iter().any(|mark| shown.contains(mark)))
}

/// Whether a topic is not any more as an edit made it.
pub(super) async fn topic_is_undone(web: &Web<'_>, args: &JsonMap) -> Result<Option<Value>, Trouble> {
    let topic = need(args, "topic_id")?;
    let now = web.get(&format!("t/{topic}.json"), Vec::new()).await?;
    Ok((!is_as(&now, args)).then(|| json!({ "is": digest_of(&now) })))
}

fn is_as(topic: &Value, args: &JsonMap) -> bool {
    let title = topic.get("title").and_then(Value::as_str).map(str::trim);
    let sorted = |value: Option<&Value>| {
        let mut all = texts(value);
        all.sort_unstable();
        all
    };
    title == args.get("title").and_then(Value::as_str).map(str::trim)
        && number(topic, "category_id") == id(args, "category")
        && sorted(topic.get("tags")) == sorted(args.get("tags"))
}

/// What the event of a change that was made of a topic will be known by. Where it cannot be looked at, any next change is
/// taken for it.
pub(super) async fn known_by(web: &Web<'_>, topic: i64) -> Value {
    let now = web.get(&format!("t/{topic}.json"), Vec::new()).await;
    now.map_or_else(|_| json!({}), |now| json!({ "is": digest_of(&now) }))
}

/// Title, category and tags in short.
pub(in crate::discourse) fn digest_of(topic: &Value) -> String {
    let title = topic.get("title").and_then(Value::as_str).unwrap_or_default();
    let category = number(topic, "category_id").unwrap_or_default().to_string();
    let mut tags = texts(topic.get("tags"));
    tags.sort_unstable();
    echo::digest(&[title, &category, &tags.join(",")])
}

/// The first post of a topic.
pub(super) fn first_post(topic: &Value) -> Option<i64> {
    let stream = topic.get("post_stream")?;
    let posts = stream.get("posts").and_then(Value::as_array).into_iter().flatten();
    let first = posts.into_iter().find(|post| number(post, "post_number") == Some(1));
    first.and_then(|post| number(post, "id")).or_else(|| stream.get("stream")?.as_array()?.first()?.as_i64())
}

/// Of a request that follows a change: whatever became of it, something was done already.
fn half_done(trouble: &Trouble) -> Trouble {
    Trouble::unknown(format!("it was put back in part: {}", trouble.describe()))
}

async fn put_back(web: &Web<'_>, post: i64, revision: i64) -> Result<(), Trouble> {
    let path = format!("posts/{post}/revisions/{revision}/revert.json");
    web.change(&path, Payload::Put(json!({}))).await.map(drop)
}

/// Nothing is put back over what somebody has done since.
fn replaced() -> Value {
    json!({ "already": "replaced", "note": "something else has taken its place since, so nothing was put back" })
}

fn no_revision() -> Trouble {
    Trouble::Refused {
        status: 404,
        code: "no_revision".to_owned(),
        message: "the forum keeps nothing of what was there before: edits within the first minutes leave no trace"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use policykit_core::{
        Timestamp,
        state::{Force, StateChange},
    };

    use super::*;

    fn change(at: i64, revision: i64, value: &str, force: Force) -> StateChange {
        StateChange {
            value: value.to_owned(),
            before: None,
            fields: json!({ "revision": revision }).as_object().unwrap().clone(),
            happened_at: Timestamp::from_secs(at),
            force,
        }
    }

    fn put(revision: i64, others: Vec<StateChange>) -> Before {
        before(revision, Some(&Undoing { change: change(10, revision, "now", Force::Undone), others }))
    }

    #[test]
    fn a_title_that_is_shown_is_not_one_that_is_new() {
        let of = |inline: &str| is_retitled(&json!({ "title_changes": { "inline": inline } }));
        assert!(of("<div class=\"inline-diff\"><div>A <del>bench</del><ins>pond</ins></div></div>"));
        assert!(of("<div class=\"inline-diff\"><div class=\"diff-del\">A bench</div></div>"));
        assert!(!of("<div class=\"inline-diff\"><div>About &lt;ins&gt; and diff-ins</div></div>"));
        assert!(!is_retitled(&json!({ "title_changes": null })));
    }

    #[test]
    fn what_is_put_back_is_what_stands() {
        assert_eq!(before(3, None), Before::Revision(3));
        assert_eq!(put(3, vec![]), Before::Revision(3));
        assert_eq!(put(3, vec![change(5, 2, "a", Force::Happened)]), Before::Revision(3));
        assert_eq!(
            put(4, vec![change(5, 3, "b", Force::Undone), change(4, 2, "a", Force::Happened)]),
            Before::Revision(3)
        );
        assert_eq!(
            put(4, vec![change(5, 3, "b", Force::Undone), change(4, 2, "a", Force::Undone)]),
            Before::Revision(2)
        );
    }

    #[test]
    fn within_one_revision_the_text_that_stands_is_put_back_and_not_what_was_before_it() {
        assert_eq!(put(3, vec![change(5, 3, "a", Force::Happened)]), Before::Text("a".to_owned()));
        let undone = change(6, 3, "b", Force::Undone);
        assert_eq!(put(3, vec![undone, change(5, 3, "a", Force::Happened)]), Before::Text("a".to_owned()));
    }

    #[test]
    fn what_was_undone_before_something_else_that_is_not_known_is_not_gone_back_to() {
        assert_eq!(put(6, vec![change(5, 3, "b", Force::Undone)]), Before::Revision(6));
        assert_eq!(put(3, vec![change(15, 4, "later", Force::Undone)]), Before::Revision(3));
    }
}
