//! Doing an edit of a topic again that was undone. The forum tells of an edit with title, category and tags, whichever of them
//! it changed. What it did not change may have been changed by somebody since, and is not given back what it was then.

use policykit_core::JsonMap;
use serde_json::Value;

use super::{Trouble, Web, edits, number, send::nothing_done};
use crate::discourse::actions::{id, texts};

/// How many revisions are looked through.
const MOST_REVISIONS: usize = 20;

/// Title, category and tags of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    title: String,
    category: Option<i64>,
    tags: Vec<String>,
}

impl Named {
    fn of(title: Option<&Value>, category: Option<i64>, tags: Option<&Value>) -> Self {
        let mut tags = texts(tags);
        tags.sort_unstable();
        let title = title.and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        Self { title, category, tags }
    }

    /// As it was before a revision.
    fn before(self, revision: &Value) -> Self {
        let previous = |name: &str| revision.get(name).filter(|change| !change.is_null())?.get("previous").cloned();
        let mut before = self;
        if let Some(title) = previous_title(revision) {
            before.title = title;
        }
        if let Some(category) = previous("category_id_changes") {
            before.category = category.as_i64();
        }
        if let Some(tags) = previous("tags_changes") {
            before.tags = texts(Some(&tags));
            before.tags.sort_unstable();
        }
        before
    }
}

/// Of what an edit said, what was different before the topic ceased to be so: that is what the edit changed. All of it where the
/// forum does not keep when that was.
pub(super) async fn changed(web: &Web<'_>, topic: i64, args: &JsonMap) -> Result<JsonMap, Trouble> {
    let wanted = Named::of(args.get("title"), id(args, "category"), args.get("tags"));
    let mut all = args.clone();
    all.retain(|name, _| matches!(name.as_str(), "title" | "category" | "tags"));
    let now = web.get(&format!("t/{topic}.json"), Vec::new()).await.map_err(nothing_done)?;
    let Some(post) = edits::first_post(&now) else { return Ok(all) };
    let mut state = Named::of(now.get("title"), number(&now, "category_id"), now.get("tags"));
    let mut which = "latest".to_owned();
    for _ in 0..MOST_REVISIONS {
        let revision = match web.get(&format!("posts/{post}/revisions/{which}.json"), Vec::new()).await {
            Ok(revision) => revision,
            Err(trouble) if trouble.is_missing() => return Ok(all),
            Err(trouble) => return Err(nothing_done(trouble)),
        };
        let before = state.clone().before(&revision);
        if before == wanted && before != state {
            all.retain(|name, _| match name.as_str() {
                "title" => before.title != state.title,
                "category" => before.category != state.category,
                _ => before.tags != state.tags,
            });
            return Ok(all);
        }
        let Some(previous) = number(&revision, "previous_revision") else { return Ok(all) };
        (state, which) = (before, previous.to_string());
    }
    Ok(all)
}

/// The title before a revision, as the forum shows both in one line: without what was put in and without marks.
fn previous_title(revision: &Value) -> Option<String> {
    let inline = revision.get("title_changes")?.get("inline")?.as_str()?;
    let (mut title, mut inserted) = (String::new(), 0_usize);
    let mut rest = inline;
    while let Some((text, after)) = rest.split_once('<') {
        if inserted == 0 {
            title.push_str(text);
        }
        let (tag, then) = after.split_once('>')?;
        let is_in = tag == "ins" || tag.contains("diff-ins");
        match (is_in || inserted > 0, tag.starts_with('/')) {
            (true, false) => inserted = inserted.saturating_add(1),
            (true, true) => inserted = inserted.saturating_sub(1),
            (false, _) => {}
        }
        rest = then;
    }
    title.push_str(rest);
    let plain = title.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Some(plain.replace("&amp;", "&").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_title_before_is_read_from_both_in_one_line() {
        let of = |inline: &str| previous_title(&json!({ "title_changes": { "inline": inline } }));
        let both = "<div class=\"inline-diff\"><div>A <del>bench</del><ins>pond</ins> &amp; tea</div></div>";
        assert_eq!(of(both).as_deref(), Some("A bench & tea"));
        let apart = "<div class=\"inline-diff\"><div class=\"diff-del\">A bench</div><div class=\"diff-ins\">A <b>pond</b></div></div>";
        assert_eq!(of(apart).as_deref(), Some("A bench"));
        assert_eq!(of("<div class=\"inline-diff\"><div>The same</div></div>").as_deref(), Some("The same"));
    }
}
