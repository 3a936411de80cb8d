//! The pages in HTML.

use policykit_core::Timestamp;

use crate::discourse::fake::{
    polls::{
        Poll,
        markup::{Kind, Shape},
    },
    show::{
        posts::{cook, escape},
        topics::category_of,
    },
    world::{Place, Post, PostKind, SYSTEM, Topic, User, World, moment, slug},
};

impl World {
    /// The page at an address, as somebody sees it.
    pub(in crate::discourse::fake) fn page(
        &self,
        viewer: Option<i64>,
        segments: &[&str],
        trouble: Option<&str>,
    ) -> Option<String> {
        let user = viewer.and_then(|id| self.users.get(&id));
        let trouble =
            trouble.map(|words| format!("<p class=\"trouble\" id=\"trouble\" role=\"alert\">{}</p>", escape(words)));
        let (title, main, back) = match segments {
            [] | ["latest"] => ("Latest".to_owned(), self.list(user, None), "/".to_owned()),
            ["c", .., category] => {
                let category = self.find_category(category)?;
                self.permission(user, category)?;
                let back = format!("/c/{}/{}", category.slug, category.id);
                (category.name.clone(), self.list(user, Some(category.id)), back)
            }
            ["t", id] | ["t", _, id] | ["t", _, id, _] => {
                let topic = self.seen_topic(viewer, id.parse().ok()?).ok()?;
                (topic.title.clone(), self.topic_page(user, topic), format!("/t/{}/{}", slug(&topic.title), topic.id))
            }
            _ => return None,
        };
        Some(self.frame(user, &title, &format!("{}{main}", trouble.unwrap_or_default()), &back))
    }

    fn frame(&self, user: Option<&User>, title: &str, main: &str, back: &str) -> String {
        let people: String = self
            .users
            .values()
            .filter(|member| member.id != SYSTEM)
            .map(|member| {
                let pressed = user.is_some_and(|user| user.id == member.id);
                let name = escape(&member.username);
                format!("<button name=\"act_as\" value=\"{name}\" aria-pressed=\"{pressed}\">{name}</button>")
            })
            .collect();
        let categories: String = self
            .categories
            .values()
            .filter(|category| self.permission(user, category).is_some())
            .map(|category| {
                format!("<li><a href=\"/c/{}/{}\">{}</a></li>", category.slug, category.id, escape(&category.name))
            })
            .collect();
        let site = escape(&self.title);
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{} – {site}</title>\
             <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
             <link rel=\"stylesheet\" href=\"/pages/forum.css\"></head><body>\
             <header><p class=\"brand\"><a href=\"/\">{site}</a></p>\
             <form method=\"post\" action=\"/pages/act\"><input type=\"hidden\" name=\"back\" value=\"{}\">\
             <fieldset><legend>Act as</legend>{people}</fieldset></form></header>\
             <div class=\"sides\"><nav aria-label=\"Categories\"><ul><li><a href=\"/\">Latest</a></li>{categories}</ul></nav>\
             <main>{main}</main></div></body></html>",
            escape(title),
            escape(back)
        )
    }

    fn list(&self, user: Option<&User>, category: Option<i64>) -> String {
        let seen = |topic: &&Topic| {
            self.sees_topic(user, topic)
                && (topic.deleted.is_none() || user.is_some_and(User::staff))
                && (category.is_none() || category_of(topic) == category)
        };
        let mut topics: Vec<&Topic> = self.topics.values().filter(seen).collect();
        topics.sort_by_key(|topic| std::cmp::Reverse((topic.bumped_at, topic.id)));
        let rows: String = topics.iter().map(|topic| self.row(topic)).collect();
        let heading = category.and_then(|id| self.categories.get(&id)).map_or("Latest", |category| &category.name);
        let open: String = self
            .categories
            .values()
            .filter(|held| {
                user.is_some_and(|user| self.may_open_topic(user, held)) && category.is_none_or(|id| id == held.id)
            })
            .map(|held| format!("<option value=\"{}\">{}</option>", held.id, escape(&held.name)))
            .collect();
        let form = if open.is_empty() {
            String::new()
        } else {
            let fields = format!(
                "<label>Title<input name=\"title\" required></label>\
                 <label>Category<select name=\"category\">{open}</select></label>\
                 <label>Tags<input name=\"tags\"></label>\
                 <label>Text<textarea name=\"raw\" rows=\"6\" required></textarea></label>"
            );
            format!(
                "<details><summary>New topic</summary>{}</details>",
                form("/", "topic", "", &fields, "Create topic")
            )
        };
        let empty = if rows.is_empty() { "<p class=\"hint\">There are no topics yet.</p>" } else { "" };
        format!("<h1>{}</h1>{form}{empty}<ol class=\"topics\">{rows}</ol>", escape(heading))
    }

    fn row(&self, topic: &Topic) -> String {
        let place = match &topic.place {
            Place::Category(id) => self.categories.get(id).map(|category| escape(&category.name)).unwrap_or_default(),
            Place::Message(_) => "personal message".to_owned(),
        };
        let answers = self.living_posts(topic.id).saturating_sub(1);
        let answers = if answers == 1 { "1 reply".to_owned() } else { format!("{answers} replies") };
        format!(
            "<li><a href=\"/t/{}/{}\">{}</a>{}<p class=\"hint\">{place} · by {} · {answers} · {}</p></li>",
            slug(&topic.title),
            topic.id,
            escape(&topic.title),
            marks(topic),
            escape(&self.name_of(topic.user)),
            day(topic.bumped_at)
        )
    }

    fn topic_page(&self, user: Option<&User>, topic: &Topic) -> String {
        let back = format!("/t/{}/{}", slug(&topic.title), topic.id);
        let seen = self.posts_of(topic.id).filter(|post| self.sees_post(user, post));
        let posts: String = seen.map(|post| self.post_article(user, post, &back)).collect();
        let hidden = format!("<input type=\"hidden\" name=\"topic\" value=\"{}\">", topic.id);
        let button = |deed: &str, words: &str| form(&back, deed, &hidden, "", words);
        let mut deeds = String::new();
        if let Some(user) = user {
            if self.may_edit_topic(user, topic) {
                let title =
                    format!("<label>Title<input name=\"title\" value=\"{}\" required></label>", escape(&topic.title));
                let tags =
                    format!("<label>Tags<input name=\"tags\" value=\"{}\"></label>", escape(&topic.tags.join(", ")));
                let places: String = self
                    .categories
                    .values()
                    .filter(|held| self.may_open_topic(user, held))
                    .map(|held| {
                        let here = if category_of(topic) == Some(held.id) { " selected" } else { "" };
                        format!("<option value=\"{}\"{here}>{}</option>", held.id, escape(&held.name))
                    })
                    .collect();
                deeds.push_str(&format!(
                    "<details><summary>Edit topic</summary>{}{}{}</details>",
                    form(&back, "rename", &hidden, &title, "Rename"),
                    form(&back, "tag", &hidden, &tags, "Set tags"),
                    form(
                        &back,
                        "move",
                        &hidden,
                        &format!("<label>Category<select name=\"category\">{places}</select></label>"),
                        "Move"
                    ),
                ));
            }
            if self.may_moderate(user, topic) {
                deeds.push_str(&if topic.closed {
                    button("open", "Open topic")
                } else {
                    button("close", "Close topic")
                });
            }
            if self.may_delete_topic(user, topic) {
                deeds.push_str(&button("delete_topic", "Delete topic"));
            }
            if topic.deleted.is_some() && user.staff() {
                deeds.push_str(&button("recover_topic", "Bring topic back"));
            }
        }
        let reply = if user.is_some_and(|user| self.may_reply(user, topic)) {
            let fields = "<label>Your reply<textarea name=\"raw\" rows=\"5\" required></textarea></label>";
            format!(
                "<section class=\"reply\"><h2>Reply</h2>{}</section>",
                form(&back, "reply", &hidden, fields, "Reply")
            )
        } else {
            "<p class=\"hint\">This member cannot reply here.</p>".to_owned()
        };
        let place = category_of(topic).and_then(|id| self.categories.get(&id)).map_or_else(
            || "Personal message".to_owned(),
            |category| format!("<a href=\"/c/{}/{}\">{}</a>", category.slug, category.id, escape(&category.name)),
        );
        format!(
            "<p class=\"hint\">{place}</p><h1>{}{}</h1><div class=\"deeds\">{deeds}</div>{posts}{reply}",
            escape(&topic.title),
            marks(topic)
        )
    }

    fn post_article(&self, user: Option<&User>, post: &Post, back: &str) -> String {
        let author = self.name_of(post.user);
        if let PostKind::SmallAction(code) = post.kind {
            let words = code.replace(".enabled", "").replace(".disabled", " no longer");
            return format!(
                "<p class=\"small hint\">{} set this topic {words} · {}</p>",
                escape(&author),
                day(post.created_at)
            );
        }
        let letter = author.chars().next().unwrap_or('?').to_uppercase().to_string();
        let hidden = format!("<input type=\"hidden\" name=\"post\" value=\"{}\">", post.id);
        let back = format!("{back}#post-{}", post.id);
        let polls: String = post.polls.iter().map(|poll| self.poll_form(user, post, poll, &hidden, &back)).collect();
        let mut deeds = String::new();
        if let Some(user) = user {
            if post.user != user.id && !post.likes.contains(&user.id) && post.deleted.is_none() {
                deeds.push_str(&form(&back, "like", &hidden, "", "Like"));
            }
            if self.may_delete_post(user, post) && post.number > 1 {
                deeds.push_str(&form(&back, "delete_post", &hidden, "", "Delete"));
            }
            if self.may_recover_post(user, post) {
                deeds.push_str(&form(&back, "recover_post", &hidden, "", "Bring back"));
            }
            if self.may_edit_post(user, post) {
                let fields =
                    format!("<label>Text<textarea name=\"raw\" rows=\"6\">{}</textarea></label>", escape(&post.raw));
                deeds.push_str(&format!(
                    "<details><summary>Edit</summary>{}</details>",
                    form(&back, "edit", &hidden, &fields, "Save edit")
                ));
            }
        }
        let mut notes = String::new();
        if post.version > 1 {
            notes.push_str(&format!(" · version {} by {}", post.version, escape(&self.name_of(post.last_editor))));
        }
        if !post.likes.is_empty() {
            notes.push_str(&format!(" · {} ♥", post.likes.len()));
        }
        if let Some(deleted) = post.deleted {
            notes.push_str(&format!(" · deleted by {}", escape(&self.name_of(deleted.by))));
        }
        let state = if post.deleted.is_some() { " class=\"deleted\"" } else { "" };
        format!(
            "<article id=\"post-{}\"{state}><span class=\"ava\" aria-hidden=\"true\">{letter}</span><div>\
             <p class=\"by\"><b>{}</b> <span class=\"hint\">{}{notes}</span></p>\
             <div class=\"text\">{}</div>{polls}<div class=\"deeds\">{deeds}</div></div></article>",
            post.id,
            escape(&author),
            day(post.created_at),
            cook(&post.raw)
        )
    }

    fn poll_form(&self, user: Option<&User>, post: &Post, poll: &Poll, hidden: &str, back: &str) -> String {
        let shape = &poll.shape;
        let hidden = format!("{hidden}<input type=\"hidden\" name=\"poll\" value=\"{}\">", escape(&shape.name));
        let mine: Vec<&str> =
            user.map(|user| poll.chosen_by(user.id)).into_iter().flatten().map(|vote| vote.option.as_str()).collect();
        let results = poll.shows_results(user);
        let total = poll.votes.len().max(1);
        let options: String = shape
            .options
            .iter()
            .enumerate()
            .map(|(at, option)| {
                let votes = poll.votes.iter().filter(|vote| vote.option == option.id).count();
                let bar = if results {
                    format!("<meter min=\"0\" max=\"{total}\" value=\"{votes}\"></meter><span class=\"count\">{votes}</span>")
                } else {
                    String::new()
                };
                format!("<li><label>{}<span>{}</span></label>{bar}</li>", choice(shape, at, mine.contains(&option.id.as_str())), option.html)
            })
            .collect();
        let voted = user.is_some_and(|_| !mine.is_empty());
        let fields = format!("<ul class=\"options\">{options}</ul>");
        let form_of_vote = if poll.closed {
            fields
        } else {
            form(back, "vote", &hidden, &fields, if voted { "Change vote" } else { "Vote" })
        };
        let mut deeds = String::new();
        if voted && !poll.closed {
            deeds.push_str(&form(back, "unvote", &hidden, "", "Take vote back"));
        }
        if user.is_some_and(|user| user.staff() || user.id == post.user) {
            let (deed, words) = if poll.closed { ("open_poll", "Open poll") } else { ("close_poll", "Close poll") };
            deeds.push_str(&form(back, deed, &hidden, "", words));
        }
        let voters = poll.voters();
        let people = if voters == 1 { "1 voter".to_owned() } else { format!("{voters} voters") };
        let title = shape.title.as_deref().map(|title| format!("<h3>{}</h3>", escape(title))).unwrap_or_default();
        let state = if poll.closed { " · closed" } else { "" };
        format!(
            "<section class=\"poll\">{title}{form_of_vote}<p class=\"hint\">{people}{state}</p><div class=\"deeds\">{deeds}</div></section>"
        )
    }
}

/// How one option is chosen.
fn choice(shape: &Shape, at: usize, mine: bool) -> String {
    let id = shape.options.get(at).map(|option| option.id.as_str()).unwrap_or_default();
    let checked = if mine { " checked" } else { "" };
    match shape.kind {
        Kind::Regular | Kind::Number => {
            format!("<input type=\"radio\" name=\"options[]\" value=\"{id}\" required{checked}>")
        }
        Kind::Multiple => format!("<input type=\"checkbox\" name=\"options[]\" value=\"{id}\"{checked}>"),
        Kind::Ranked => {
            let most = shape.options.len();
            format!(
                "<input type=\"number\" name=\"rank[{id}]\" min=\"1\" max=\"{most}\" value=\"{}\">",
                at.saturating_add(1)
            )
        }
    }
}

/// A form that does one thing.
fn form(back: &str, deed: &str, hidden: &str, fields: &str, words: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/pages/act\"><input type=\"hidden\" name=\"back\" value=\"{}\">\
         <input type=\"hidden\" name=\"deed\" value=\"{deed}\">{hidden}{fields}<button>{words}</button></form>",
        escape(back)
    )
}

/// What is particular about a topic, in small words.
fn marks(topic: &Topic) -> String {
    let states = [
        (topic.closed, "closed"),
        (topic.archived, "archived"),
        (!topic.visible, "unlisted"),
        (topic.pinned.is_some(), "pinned"),
        (topic.deleted.is_some(), "deleted"),
    ];
    let states = states.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned());
    states
        .chain(topic.tags.iter().map(|tag| format!("#{}", escape(tag))))
        .map(|word| format!(" <span class=\"mark\">{word}</span>"))
        .collect()
}

fn day(at: Timestamp) -> String {
    let text = moment(at);
    format!("<time datetime=\"{text}\">{}</time>", text.get(..16).unwrap_or(&text).replace('T', " "))
}
